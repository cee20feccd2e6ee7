"""Takes the pictures of the page to explore a study and of a report: `python docs/make_screenshots.py`, in minutes.

It needs selenium, and a chromium with its chromedriver.
"""

import sys
import tempfile
from pathlib import Path
from typing import Any

from PIL import Image

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

from causal_lpm.explore import serve  # noqa: E402
from causal_lpm.inference import Options, load_study, run_experiment  # noqa: E402
from causal_lpm.reports import write_report  # noqa: E402
from tests.browsers import chromium, until  # noqa: E402

IMAGES = ROOT / "docs" / "images"
AGENTS, DAYS, REPLICATES = 20_000, 120, 6
CHARTS = ".vega-embed svg, .vega-embed canvas"


def explore() -> None:
    """Writes `explore.png`: the second-dose study, with first doses first."""
    page = serve("second-dose", agents=AGENTS, days=DAYS, replicates=REPLICATES, seed=1)
    switch = "//*[contains(@class, 'shiny-input-container')][.//*[text()='first_dose_priority']]//input"
    try:
        with chromium(1500, 1900) as browser:
            browser.get(page.url)
            until("the page is ready", lambda: browser.execute_script("return Shiny.shinyapp.isConnected()"))
            until("there are controls", lambda: browser.find_elements("id", "simulate"))
            browser.execute_script("arguments[0].click()", browser.find_element("xpath", switch))
            browser.find_element("id", "simulate").click()
            until("it answers", lambda: "replicates of" in browser.find_element("id", "status").text)
            _take(browser, "explore.png")
    finally:
        page.stop()


def report() -> None:
    """Writes `report.png`: the head of a report on the same study, and its first charts."""
    worlds: dict[str, dict[str, float]] = {"standard": {}, "delayed": {"first_dose_priority": 1.0}}
    study, size = load_study("second-dose"), Options(AGENTS, DAYS)
    result = run_experiment(study, worlds, {"delayed": "standard"}, REPLICATES, seed=1, options=size, workers=2)
    with tempfile.TemporaryDirectory() as folder, chromium(1100, 1300) as browser:
        browser.get(write_report(result, Path(folder) / "report.html").as_uri())
        _take(browser, "report.png")


def _take(browser: Any, name: str) -> None:
    until("charts are drawn", lambda: browser.find_elements("css selector", CHARTS))
    browser.execute_script("window.scrollTo(0, 0)")
    browser.save_screenshot(str(IMAGES / name))
    with Image.open(IMAGES / name) as picture:
        few = picture.convert("RGB").quantize(256, Image.Quantize.MAXCOVERAGE)  # keeps rare colours, such as of lines
    few.save(IMAGES / name, optimize=True)


if __name__ == "__main__":
    explore()
    report()
