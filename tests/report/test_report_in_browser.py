"""The report as a reader sees it, in headless Chromium, at desktop and phone width."""

import contextlib
import shutil
import time

import pytest
from tests.report.chaptered_study import write_chaptered_study
from tests.report.latent_runs import write_latent_run
from tests.report.pusher_runs import write_pusher_run
from tests.report.studies import write_study

from bydemo.report.run_report import write_report
from bydemo.report.study_page import write_study_page

pytestmark = pytest.mark.browser
SIZES = [(1280, 900), (390, 844), (360, 740)]


@pytest.fixture(scope="module")
def browser():
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    path = shutil.which("chromium") or shutil.which("google-chrome")
    if path is None:
        pytest.skip("no Chromium on this machine")
    with playwright.sync_playwright() as started:
        found = started.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield found
        found.close()


@pytest.fixture(scope="module")
def pages(make_run, tmp_path_factory):
    base = tmp_path_factory.mktemp("pages")
    runs = [
        make_run(base / name, name, successes=won) for name, won in (("ours", 91), ("tuned", 44))
    ]
    arm = write_chaptered_study(base / "arm")
    return {
        "one run": write_report(runs[:1], base / "one.html"),
        "two runs": write_report(runs, base / "two.html"),
        "representation": write_report([write_latent_run(base / "vae")], base / "latent.html"),
        "returns": write_report([write_pusher_run(base / "r", "r")], base / "returns.html"),
        "study": write_study_page(write_study(base / "study"), base / "study" / "report.html"),
        "chapters": write_study_page(arm, arm / "report.html"),
    }


@pytest.fixture
def opened(browser):
    """Opens a page and gives what went wrong and what it asked for."""
    with contextlib.ExitStack() as stack:

        def open_page(path, size=SIZES[0], scheme="light"):
            view = {"width": size[0], "height": size[1]}
            page = browser.new_page(viewport=view, color_scheme=scheme)
            stack.callback(page.close)
            said, asked = [], []
            page.on("console", lambda message: said.append(message.text))
            page.on("pageerror", lambda error: said.append(str(error)))
            page.on("request", lambda request: asked.append(request.url))
            page.goto(path.as_uri())
            return page, said, asked

        yield open_page


@pytest.mark.parametrize("size", SIZES, ids=lambda s: f"{s[0]}px")
@pytest.mark.parametrize(
    "kind", ["one run", "two runs", "representation", "returns", "study", "chapters"]
)
def test_nothing_overflows_errs_or_is_fetched(opened, pages, kind, size):
    page, said, asked = opened(pages[kind], size)
    page.evaluate("document.querySelectorAll('details').forEach(d => { d.open = true })")
    assert page.evaluate("document.documentElement.scrollWidth") <= size[0]
    assert said == []
    assert [url for url in asked if not url.startswith("data:")] == [pages[kind].as_uri()]
    boxes = page.evaluate(
        "[...document.querySelectorAll('svg.chart')].map(c => c.getBoundingClientRect().right)"
    )
    assert boxes
    assert max(boxes) <= size[0]


def test_clips_are_there_and_play_when_in_sight(opened, pages):
    page, _, _ = opened(pages["one run"])
    video = page.locator("video").first
    video.scroll_into_view_if_needed()
    deadline = time.monotonic() + 10
    while page.evaluate("document.querySelector('video').currentTime") == 0:
        assert time.monotonic() < deadline, "the clip does not play"
        page.wait_for_timeout(50)
    facts = page.evaluate(
        "[...document.querySelectorAll('video')].map(v => [v.muted, v.loop, v.controls])"
    )
    assert facts == [[True, True, True]] * 3


@pytest.mark.parametrize(
    ("kind", "places"),
    [
        ("one run", ["h2", ".note", ".lead", ".better", "text.tick"]),
        ("representation", ["h2", ".note", ".legend", ".range", ".better", ".small"]),
        ("study", [".asked dt", ".unclear", ".worse", ".range", "text.said", ".key li"]),
    ],
)
def test_text_can_be_read_in_light_and_dark(opened, pages, kind, places):
    for scheme in ("light", "dark"):
        page, _, _ = opened(pages[kind], scheme=scheme)
        ratio = page.evaluate(
            """(places) => {
              const channels = (c) => c.match(/[0-9.]+/g).slice(0, 3).map((v) => {
                const s = v / 255;
                return s <= 0.04045 ? s / 12.92 : ((s + 0.055) / 1.055) ** 2.4;
              });
              const light = (c) => { const [r, g, b] = channels(c);
                                     return 0.2126 * r + 0.7152 * g + 0.0722 * b; };
              const card = light(getComputedStyle(document.querySelector("section"))
                .backgroundColor);
              return places.map((name) => {
                const style = getComputedStyle(document.querySelector(name));
                const ink = light(name.startsWith("text") ? style.fill : style.color);
                return (Math.max(ink, card) + 0.05) / (Math.min(ink, card) + 0.05);
              });
            }""",
            places,
        )
        assert min(ratio) >= 4.5, (scheme, ratio)  # WCAG 2.2, contrast (minimum)


@pytest.mark.parametrize("kind", ["one run", "representation", "study"])
def test_chart_text_is_large_enough_on_a_phone(opened, pages, kind):
    page, _, _ = opened(pages[kind], SIZES[2])
    smallest = page.evaluate(
        "Math.min(...[...document.querySelectorAll('svg.chart text')].map(t => {"
        "const box = t.closest('svg.chart');"
        "return parseFloat(getComputedStyle(t).fontSize)"
        " * box.getBoundingClientRect().width / box.viewBox.baseVal.width; }))"
    )
    assert smallest >= 9


def test_words_in_charts_stay_inside_their_drawing(opened, pages):
    page, _, _ = opened(pages["study"], SIZES[2])
    outside = page.evaluate(
        """() => [...document.querySelectorAll("svg.chart text")].filter((t) => {
          const box = t.closest("svg.chart").getBoundingClientRect();
          const own = t.getBoundingClientRect();
          return own.right > box.right + 1 || own.left < box.left - 1;
        }).map((t) => t.textContent)"""
    )
    assert outside == []


def test_a_study_leads_to_its_runs_and_back(opened, pages):
    page, said, _ = opened(pages["study"])
    page.locator("a[href='runs/plain-200/seed-2/report.html']").first.click()
    assert page.locator("h1").inner_text() == "plain, 200 episodes, seed 2"
    page.locator(".brand a").click()
    assert page.locator("h1").inner_text() == "Pusher: cloning from states"
    assert said == []
