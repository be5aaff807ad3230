"""The cockpit in a real browser: wide and narrow, dark and light, before the first bar and after many."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, Request, expect
from served_page import Served

pytestmark = pytest.mark.browser

WIDE, NARROW = 1440, 390
Open = Callable[..., Page]


@pytest.fixture
def frames() -> list[str]:
    """What the server sent over the socket."""
    return []


@pytest.fixture(scope="module")
def window(browser: Browser) -> Iterator[Callable[[int, str], BrowserContext]]:
    """A browser profile for each size and system colour, kept for all tests: what is cached is not loaded again."""
    kept: dict[tuple[int, str], BrowserContext] = {}

    def window(width: int, scheme: str) -> BrowserContext:
        if (width, scheme) not in kept:
            kept[width, scheme] = browser.new_context(
                viewport={"width": width, "height": 860},
                color_scheme=scheme,  # type: ignore[arg-type]
                has_touch=width == NARROW,
            )
        return kept[width, scheme]

    yield window
    for context in kept.values():
        context.close()


@pytest.fixture
def visit(window: Callable[[int, str], BrowserContext], served: Served, frames: list[str]) -> Iterator[Open]:
    """Opens the page and waits until it is live. At the end, whatever the browser complained about fails the test."""
    complaints: list[str] = []
    pages: list[Page] = []

    def noted(message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            complaints.append(message.text)

    def asked(request: Request) -> None:
        if not request.url.startswith((served.address, "data:", "blob:")):
            complaints.append(f"asked for {request.url}")

    def visit(*, width: int = WIDE, scheme: str = "dark") -> Page:
        page = window(width, scheme).new_page()
        pages.append(page)
        page.on("console", noted)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("request", asked)
        page.on("websocket", lambda socket: socket.on("framereceived", lambda frame: frames.append(str(frame))))
        page.on("requestfailed", lambda request: complaints.append(f"failed: {request.url}"))
        with page.expect_websocket():
            page.goto(served.address)
        expect(page.locator(".masthead h1")).to_have_text("holdfast")
        return page

    yield visit
    for page in pages:
        page.evaluate("localStorage.clear()")
        page.close()
    assert not complaints


def _fact(page: Page, name: str) -> str:
    return page.locator(".node-facts .fact", has_text=name).locator("dd").inner_text()


def _too_wide(page: Page) -> int:
    return int(page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth"))


@pytest.mark.parametrize(
    ("width", "scheme"), [(WIDE, "dark"), (WIDE, "light"), (768, "dark"), (NARROW, "dark"), (NARROW, "light")]
)
def test_the_page_fits_the_screen_in_the_colours_of_the_system(
    visit: Open, tmp_path: Path, width: int, scheme: str
) -> None:
    page = visit(width=width, scheme=scheme)
    expect(page.locator("body")).to_contain_class(f"body--{scheme}")
    expect(page.locator(".candles svg path").first).to_be_attached()
    expect(page.locator(".equity-curve svg path").first).to_be_attached()
    assert _too_wide(page) == 0
    for table in page.locator(".scroll:visible, .rows:visible").all():
        assert table.evaluate("part => part.scrollWidth <= part.clientWidth")
    assert page.screenshot(path=tmp_path / f"cockpit-{width}-{scheme}.png", full_page=True)


@pytest.mark.parametrize("width", [WIDE, NARROW])
def test_before_the_first_bar_the_page_says_what_it_waits_for(visit: Open, served: Served, width: int) -> None:
    served.tell("empty")
    page = visit(width=width)
    expect(page.locator(".area-chart")).to_contain_text("Waiting for the first closed bar…")
    expect(page.locator(".area-votes")).to_contain_text("Waiting for the first closed bar…")
    expect(page.locator(".notices")).to_contain_text("waiting for the first closed bar")
    assert _fact(page, "market clock") == "—" and _fact(page, "candles / s") == "—"
    assert _too_wide(page) == 0
    served.tell("full")
    expect(page.locator(".candles svg path").first).to_be_attached()
    expect(page.locator(".notices")).to_be_empty()


def test_a_part_that_fails_is_said_in_words(visit: Open, served: Served) -> None:
    served.tell("degraded")
    page = visit()
    expect(page.locator(".notices")).to_contain_text("the history is away; 120 rows wait")
    assert _fact(page, "state") == "▲ degraded"


@pytest.mark.parametrize("width", [WIDE, NARROW])
def test_a_signal_opens_the_votes_of_all_nine_heads(visit: Open, tmp_path: Path, width: int) -> None:
    page = visit(width=width)
    page.locator(".signals tbody tr").nth(1).click()
    sheet = page.locator(".sheet")
    expect(sheet.locator(".votes tbody tr")).to_have_count(9)
    expect(sheet).to_contain_text("moving averages, MACD, ADX and Aroon point up")
    expect(sheet).to_contain_text("no source gives funding rates")
    expect(sheet).to_contain_text("sees nothing that speaks for either side")
    assert sheet.evaluate("sheet => sheet.scrollWidth <= sheet.clientWidth")
    page.screenshot(path=tmp_path / f"votes-{width}.png")
    sheet.get_by_role("button", name="Close").click()
    expect(sheet).to_be_hidden()


def test_a_signal_opens_from_the_keyboard_as_well(visit: Open) -> None:
    page = visit()
    page.locator(".signals tbody tr").first.focus()
    page.keyboard.press("Enter")
    expect(page.locator(".sheet .votes tbody tr")).to_have_count(9)
    page.keyboard.press("Escape")
    expect(page.locator(".sheet")).to_be_hidden()


def test_the_page_follows_the_market_without_being_loaded_again(visit: Open, served: Served) -> None:
    page = visit()
    clock = page.locator(".node-facts .fact", has_text="market clock").locator("dd")
    expect(clock).to_have_text("2021-03-11 20:00:00")
    newest = page.locator(".signals tbody tr").first
    before = newest.get_attribute("data-key")
    served.tell("advance")
    expect(clock).to_have_text("2021-03-11 21:00:00")
    expect(newest).not_to_have_attribute("data-key", before or "")
    expect(page.locator(".area-votes .of")).to_contain_text("closed 2021-03-11 21:00 UTC")
    expect(page.locator(".area-votes")).to_contain_text("too much weight stands against them")


def test_nothing_is_sent_while_nothing_changes(visit: Open, served: Served, frames: list[str]) -> None:
    page = visit()
    expect(page.locator(".candles svg path").first).to_be_attached()
    page.wait_for_timeout(1_500)  # the first refresh after the connection tells what the browser itself has set
    settled = len(frames)
    page.wait_for_timeout(2_500)
    assert not [frame for frame in frames[settled:] if _is_update(frame)]
    served.tell("advance")
    expect(page.locator(".area-votes .of")).to_contain_text("21:00 UTC")
    assert [frame for frame in frames[settled:] if _is_update(frame)]


def _is_update(frame: str) -> bool:
    """An event of socket.io; the rest keeps the connection alive."""
    return frame.startswith("42")


def test_colours_can_be_switched_and_are_remembered(visit: Open) -> None:
    page = visit(scheme="dark")
    body, switch = page.locator("body"), page.locator(".theme")
    for words, scheme in (("☾ dark", "dark"), ("☀ light", "light")):
        switch.click()
        expect(switch).to_have_text(words)
        expect(body).to_contain_class(f"body--{scheme}")
    page.reload()
    expect(switch).to_have_text("☀ light")
    expect(body).to_contain_class("body--light")
    switch.click()
    expect(body).to_contain_class("body--dark")


def test_a_symbol_is_found_by_typing_a_part_of_its_name(visit: Open) -> None:
    page = visit()
    page.locator(".symbol-choice input").click()
    page.locator(".symbol-choice input").fill("eur")
    page.get_by_role("option", name="EUR_USD · fx").click()
    expect(page.locator(".area-votes .of")).to_contain_text("EUR_USD 1h")
    expect(page.locator(".area-chart .candles")).to_be_visible()


def test_a_row_of_the_symbols_opens_in_the_chart(visit: Open) -> None:
    page = visit()
    page.locator(".area-symbols tr[data-key='binance:spot:XRPUSDT']").click()
    expect(page.locator(".area-votes .of")).to_contain_text("XRPUSDT 1h")
    page.locator(".area-chart").get_by_role("button", name="4h").click()
    expect(page.locator(".area-votes .of")).to_contain_text("XRPUSDT 4h")


def test_fills_and_decisions_stand_behind_the_orders(visit: Open) -> None:
    page = visit()
    activity = page.locator(".area-activity")
    expect(activity).to_contain_text("rejected insufficient balance")
    activity.get_by_role("button", name="fills").click()
    expect(activity.locator("table:visible")).to_have_attribute("aria-label", "fills")
    activity.get_by_role("button", name="decisions").click()
    expect(activity).to_contain_text("edge below cost")
    expect(activity).to_contain_text("edge 11.2 · fees 18.6 · spread 1.4 · min edge ratio 1")


def test_an_absent_value_explains_itself(visit: Open) -> None:
    page = visit()
    dash = page.locator(".figures .fact", has_text="Sharpe").locator(".cell")
    expect(dash).to_have_text("—")
    dash.hover()
    expect(page.locator("#note")).to_have_text("needs 30 days of equity")
    expect(page.locator("#note")).to_be_visible()


def test_the_server_leaves_nothing_behind_in_its_folder(visit: Open, served: Served) -> None:
    visit()
    assert not list(served.folder.iterdir())
