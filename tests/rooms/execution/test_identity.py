"""Ids of intents and orders: the same everywhere, different for everything different, legal at the venues."""

from __future__ import annotations

import re
from itertools import product

from holdfast.execution.identity import client_order_id, intent_id, ours
from holdfast.model.order import Leg


def test_any_node_works_out_the_same_ids() -> None:
    assert intent_id("demo", "signal-1", Leg.ENTRY) == "n3j3xe3ywaybllf6ddwjaek45mjsgp"
    assert client_order_id("demo", "intent-1", Leg.STOP, 1) == "hfxil7wg6fughydkktarydhgy6hp24kq"


def test_every_part_of_the_name_counts() -> None:
    parts = product(("a", "ab"), ("b", "1b"), Leg, (1, 2))
    ids = [client_order_id(*part) for part in parts]
    assert len(set(ids)) == len(ids)


def test_parts_are_not_run_together() -> None:
    assert intent_id("ab", "c", Leg.ENTRY) != intent_id("a", "bc", Leg.ENTRY)


def test_ids_are_legal_at_the_venues() -> None:
    for leg in Leg:
        order = client_order_id("demo", "intent", leg, 1)
        assert re.fullmatch(r"[A-Za-z0-9]{1,32}", order)
        assert re.fullmatch(r"[.A-Z:/a-z0-9_-]{1,36}", order)


def test_our_orders_are_told_from_others() -> None:
    assert ours(client_order_id("demo", "intent", Leg.ENTRY, 1))
    for foreign in ("", "web_1", "hf", "hf" + "A" * 30, "hf" + "a" * 31, "xhf" + "a" * 30):
        assert not ours(foreign)
