"""A report opens without asking anything of any network, and its charts answer."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from causal_lpm.inference import Options, run_experiment
from causal_lpm.reports import write_report
from tests.browsers import asked_for, chromium, complaints, until
from tests.inference.fake_study import FakeStudy

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with chromium() as found:
        yield found


@pytest.fixture(scope="module")
def opened(browser: Any, tmp_path_factory: pytest.TempPathFactory) -> str:
    # Groups that are boroughs are drawn as a map.
    study = FakeStudy(groups=("Bronx", "Queens"), title="A <b>wave</b>")
    worlds, references = study.worlds("main")
    tree = run_experiment(study, worlds, references, 3, 0, Options(1000, 30), workers=1)
    address = write_report(tree, tmp_path_factory.mktemp("report") / "out.html").as_uri()
    browser.get(address)
    every = (
        "return document.querySelectorAll('.chart').length == document.querySelectorAll('.chart[data-drawn]').length"
    )
    until("all charts are drawn", lambda: browser.execute_script(every))
    return address


def test_nothing_is_asked_of_any_network(browser: Any, opened: str) -> None:
    asked = asked_for(browser)
    assert opened in asked
    assert {address.partition(":")[0] for address in asked} <= {"file", "data", "blob"}
    assert [address for address in asked if address.startswith("file:")] == [opened]


def test_the_console_is_silent_and_markup_is_text(browser: Any, opened: str) -> None:
    assert complaints(browser) == []
    assert browser.find_element("css selector", "h1").text == "A <b>wave</b>"


def lines(browser: Any) -> int:
    return len(browser.find_elements("css selector", "#series-deaths .mark-line path"))


def test_worlds_are_switched_off_and_on_with_the_keyboard(browser: Any, opened: str) -> None:
    box = browser.find_element("css selector", "#worlds input")
    assert lines(browser) == 2
    for count in (1, 2):
        box.send_keys(" ")
        until(f"{count} lines are drawn", lambda count=count: lines(browser) == count)  # type: ignore[misc]


def test_the_pointer_shows_the_numbers_of_a_day(browser: Any, opened: str) -> None:
    from selenium.webdriver import ActionChains

    chart = browser.find_element("css selector", "#series-deaths svg.marks")
    browser.execute_script("arguments[0].scrollIntoView({block: 'center'})", chart)
    ActionChains(browser).move_to_element(chart).move_by_offset(5, 5).perform()
    shown = until(
        "a tooltip is shown",
        lambda: browser.execute_script(
            "const tip = document.querySelector('.vg-tooltip.visible'); return tip && tip.innerText"
        ),
    )
    assert "standard" in shown
    assert "delayed" in shown
    assert "2021" in shown, "the date of the day"


def test_the_map_shows_the_boroughs_that_were_simulated(browser: Any, opened: str) -> None:
    drawn = browser.find_elements("css selector", "#map-place-deaths .mark-shape path")
    assert len(drawn) == 5 + 2, "five outlines, and two with numbers"
    box = browser.find_element("css selector", "#map-place-deaths").rect
    assert all(path.rect["width"] < box["width"] for path in drawn)


def test_on_paper_there_are_pictures_and_no_switches(browser: Any, opened: str) -> None:
    for media, paper in (("print", True), ("", False)):
        browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": media})
        assert browser.find_element("css selector", ".still").is_displayed() is paper
        assert browser.find_element("css selector", ".chart").is_displayed() is not paper
        assert browser.find_element("id", "worlds").is_displayed() is not paper
    stills = "return Array.from(document.querySelectorAll('.still'), (image) => image.naturalWidth)"
    assert min(browser.execute_script(stills)) > 500


def test_a_file_of_three_lines_of_180_days_stays_below_a_megabyte_and_a_half(tmp_path: Path) -> None:
    study = FakeStudy(outcomes=("infections",))
    worlds, _ = study.worlds("full")
    tree = run_experiment(study, worlds, {}, 2, 0, Options(1000, 180), workers=1)
    assert write_report(tree, tmp_path / "out.html").stat().st_size < 1.5e6
