"""The live page as a browser shows it: Chromium, headless, in front of a real run."""

from __future__ import annotations

import json
import shutil

import pytest

from tests.jetson_emulator.machine import until

CHROMIUM = next(
    (path for name in ("chromium", "chromium-browser", "google-chrome") if (path := shutil.which(name))), None
)
SAMPLE = {"source": "recorded", "temp_c": {"gpu": 61.5}}
BOARD = "budgets: {fps_floor: 5, power_w: 10}\ntelemetry: {source: recorded, log: board.jsonl}\n"


@pytest.fixture(scope="module")
def browser():
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    if CHROMIUM is None:
        pytest.skip("there is no Chromium here")
    with playwright.sync_playwright() as tools:
        opened = tools.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield opened
        opened.close()


class Tab:
    """A page, what it asked for, and what it complained about."""

    def __init__(self, browser, one, query="", **looks):
        self.context = browser.new_context(**looks)
        self.page = self.context.new_page()
        self.asked, self.complaints = [], []
        self.page.on("request", lambda request: self.asked.append(request.url))
        self.page.on("console", lambda message: self.complaints.append(message.text))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.base = f"http://127.0.0.1:{one.port}/"
        self.page.goto(self.base + query, wait_until="domcontentloaded")

    def until(self, condition):
        """The page's own policy forbids playwright to wait inside it, so it is asked from outside."""
        assert until(lambda: self.page.evaluate(condition), 20.0), self.page.inner_text("body")

    def text(self, selector):
        return self.page.inner_text(selector)


@pytest.fixture
def tab(browser):
    tabs = []

    def open_tab(one, query="", **looks):
        tabs.append(Tab(browser, one, query, **looks))
        return tabs[-1]

    yield open_tab
    for one in tabs:
        one.context.close()


@pytest.fixture
def measured(shown, tmp_path):
    """A run on a board that draws twice its budget."""
    samples = ({**SAMPLE, "t_ns": n * 100_000_000, "power_w": 20 + n % 3} for n in range(1200))
    (tmp_path / "board.jsonl").write_text("".join(f"{json.dumps(sample)}\n" for sample in samples))
    one = shown(more=BOARD)
    one.start()
    return one


def test_the_page_shows_the_run_as_it_is_now(measured, tab):
    page = tab(measured)
    page.until("document.querySelectorAll('#chart-power .plot svg path').length === 2")
    page.until("parseFloat(document.getElementById('fps').textContent) > 5")
    assert page.text("#name") == "tiny · front"
    assert 20 <= float(page.text("#power").split()[0].rstrip("W")) <= 22
    assert page.text("#heat").startswith("62")
    assert "above the power budget" in page.text("#state")
    assert "objects" in page.text("#stages")
    assert "power: at most 10 W" in page.text("#budgets")
    assert "No governor" in page.text("#chart-point")
    before = page.text("#frames")
    page.until(f"document.getElementById('frames').textContent !== '{before}'")
    assert page.complaints == []


def test_the_picture_is_alive_and_given_up_with_the_page(measured, tab):
    page = tab(measured)
    page.until("document.getElementById('picture').naturalWidth === 160")
    assert len(measured.run._outlets.guests) == 1
    page.context.close()
    assert until(lambda: measured.run._outlets.guests == ())


def test_a_chart_is_read_where_it_is_touched(measured, tab):
    page = tab(measured)
    page.until("document.querySelectorAll('#chart-power .plot svg path').length === 2")
    plot = page.page.locator("#chart-power .plot")
    plot.scroll_into_view_if_needed()
    box = plot.bounding_box()
    page.page.mouse.move(box["x"] + box["width"] - 3, box["y"] + 20)
    page.until("/0:0\\d ago: .* fps . 2\\d\\.\\d W/.test(document.getElementById('reading').textContent)")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_fits_a_phone_and_follows_the_colours_of_the_system(measured, tab, scheme):
    page = tab(measured, viewport={"width": 390, "height": 844}, color_scheme=scheme)
    page.until("document.querySelectorAll('#chart-fps .plot svg path').length === 2")
    assert page.page.evaluate("document.documentElement.scrollWidth") == 390
    ground = page.page.evaluate("getComputedStyle(document.body).backgroundColor")
    red = int(ground.removeprefix("rgb(").partition(",")[0])
    assert red > 200 if scheme == "light" else red < 60


def test_nothing_is_asked_of_anybody_else(measured, tab):
    page = tab(measured)
    page.until("document.getElementById('picture').naturalWidth === 160")
    assert all(url.startswith((page.base, "data:")) for url in page.asked)


def test_a_server_that_is_gone_is_said_and_one_that_comes_back_is_shown_again(measured, tab):
    page = tab(measured)
    page.until("document.getElementById('state').textContent.includes('running')")
    measured.site.close()
    page.until("document.getElementById('state').textContent.includes('no answer')")
    measured.site.open(measured.loaded)
    page.until("document.getElementById('state').textContent.includes('running')")
    page.until("document.getElementById('picture').naturalWidth === 160 && !document.getElementById('picture').hidden")


def test_the_end_of_the_run_is_said(measured, tab):
    page = tab(measured)
    page.until("document.getElementById('state').textContent.includes('running')")
    measured.run.finish()
    page.until("document.getElementById('state').textContent.includes('the source has ended')")


def test_names_from_the_pipeline_file_are_text_and_nothing_else(shown, tab, monkeypatch):
    """A class or notice from outside must not become a part of the page."""
    one = shown()
    run = one.start()
    monkeypatch.setattr(run, "notices", lambda: ("<img src=x onerror=document.title='broken'>",))
    page = tab(one)
    page.until("document.getElementById('alarms').textContent.includes('<img')")
    assert page.page.title() != "broken"


def test_of_several_cameras_everybody_chooses_whose_picture_is_shown(shown, tab):
    one = shown(several=True)
    one.start()
    page, other = tab(one), tab(one, query="?camera=left")
    page.until("document.getElementById('picture').naturalWidth === 160")
    other.until("document.getElementById('picture').naturalWidth === 80")
    assert page.text("#name") == "tiny · front, left"
    assert "slowest of 2 cameras" in page.text("#fps-note")
    page.page.click("#choice button:has-text('left')")
    page.until("document.getElementById('picture').naturalWidth === 80")
    assert page.page.get_attribute("#choice button[value=left]", "aria-pressed") == "true"
    assert page.page.url.endswith("?camera=left"), "so that it stays when the page is loaded again"
    other.page.click("#choice button[value=front]")
    other.until("document.getElementById('picture').naturalWidth === 160")
    page.page.wait_for_selector("#cameras tbody tr:nth-child(2)")
    assert page.text("#cameras tbody tr:nth-child(2) th") == "left"
    assert float(page.text("#cameras tbody tr:nth-child(2) td")) > 1
    assert page.complaints == other.complaints == []


def test_one_camera_has_nothing_to_choose(measured, tab):
    page = tab(measured)
    page.until("document.getElementById('picture').naturalWidth === 160")
    assert not page.page.is_visible("#choice")
    assert not page.page.is_visible("#cameras")


def test_a_camera_that_is_away_is_said_where_its_picture_was_also_on_a_phone(shown, tab, monkeypatch):
    one = shown(several=True)
    run = one.start()
    page = tab(one, viewport={"width": 390, "height": 844}, query="?camera=left")
    page.until("document.getElementById('picture').naturalWidth === 80")
    assert not page.page.is_visible("#away")
    monkeypatch.setattr(run._cameras.sources["left"], "paced", True)
    outages, alarm = run._cameras.feeds["left"].outages, "no picture from left for 12 s: rtsp://cam/2: no stream there"
    monkeypatch.setattr(outages, "alarm", lambda now_ns: alarm)
    monkeypatch.setattr(outages, "away_s", lambda now_ns: 12.2)
    page.until("!document.getElementById('away').hidden")
    assert page.text("#away") == alarm
    assert page.text("#alarm") == alarm
    assert page.text("#choice button[value=left]").startswith("!")
    assert page.text("#cameras tbody tr:nth-child(2) td:last-child") == "away 12 s"
    assert page.page.evaluate("document.documentElement.scrollWidth") == 390
    page.page.click("#choice button[value=front]")
    page.until("document.getElementById('away').hidden")
