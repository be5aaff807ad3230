"""Keys come from the environment or a private file, and print as nothing."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from holdfast.model.errors import BadInput
from holdfast.world.secrets import read_keys

PEM = "-----{} PRIVATE KEY-----".format
NAMES = ("HOLDFAST_BINANCE_KEY", "HOLDFAST_BINANCE_SECRET")


def file_with(folder: Path, text: str, mode: int = 0o600) -> Path:
    path = folder / "secrets.env"
    path.write_text(text)
    path.chmod(mode)
    return path


def test_the_environment_comes_first(tmp_path: Path) -> None:
    path = file_with(tmp_path, f"{NAMES[0]}=from-file\n{NAMES[1]}=s\n")
    keys = read_keys("binance", dict(zip(NAMES, ("k", "s"), strict=True)), path)
    assert keys is not None
    assert (keys.key, keys.secret) == ("k", "s")
    assert "s" not in repr(keys).replace("Keys", "")


def test_a_private_file_is_read(tmp_path: Path) -> None:
    path = file_with(tmp_path, f'# mine\n\n{NAMES[0]} = k\n{NAMES[1]}="s=="\n')
    keys = read_keys("binance", {}, path)
    assert keys is not None
    assert (keys.key, keys.secret) == ("k", "s==")


def test_nobody_gave_keys(tmp_path: Path) -> None:
    assert read_keys("binance", {}) is None
    assert read_keys("binance", {}, file_with(tmp_path, "HOLDFAST_OANDA_KEY=k\n")) is None


@pytest.mark.parametrize("name", NAMES)
def test_half_a_pair_is_refused_by_name(name: str) -> None:
    missing = NAMES[1 - NAMES.index(name)]
    with pytest.raises(BadInput, match=f"{missing} is missing"):
        read_keys("binance", {name: "x"})


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o644])
def test_a_file_that_others_may_read_is_refused(tmp_path: Path, mode: int) -> None:
    path = file_with(tmp_path, f"{NAMES[0]}=k\n{NAMES[1]}=s\n", mode)
    with pytest.raises(BadInput, match="chmod 600"):
        read_keys("binance", {}, path)


def test_a_file_that_git_tracks_is_refused(tmp_path: Path) -> None:
    path = file_with(tmp_path, f"{NAMES[0]}=k\n{NAMES[1]}=s\n")
    subprocess.run(["git", "init", "-q", tmp_path], check=True)
    assert read_keys("binance", {}, path) is not None
    subprocess.run(["git", "-C", tmp_path, "add", path.name], check=True)
    with pytest.raises(BadInput, match="git tracks"):
        read_keys("binance", {}, path)


def test_a_secret_may_be_a_pem_file_beside_it(tmp_path: Path) -> None:
    pem = tmp_path / "key.pem"
    pem.write_text(f"{PEM('BEGIN')}\nabc\n{PEM('END')}\n")
    pem.chmod(0o644)
    given = {NAMES[0]: "k", NAMES[1]: str(pem)}
    with pytest.raises(BadInput, match="chmod 600"):
        read_keys("binance", given)
    pem.chmod(0o600)
    keys = read_keys("binance", given)
    assert keys is not None
    assert keys.secret.startswith(f"{PEM('BEGIN')}\nabc")


def test_a_file_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="cannot be read"):
        read_keys("binance", {}, tmp_path / "absent")
