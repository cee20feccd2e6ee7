"""The page in a browser: sliders, progress, cancelling, errors, two visitors, and nothing beyond this machine."""

import csv as text_csv
import io
import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import urljoin, urlsplit
from urllib.request import urlopen

import numpy as np
import pytest

from causal_lpm.explore import Served, serve
from causal_lpm.explore.question import asked
from causal_lpm.explore.start import begin
from causal_lpm.inference import replicate_seed
from causal_lpm.inference.studies.experiment import one_replicate
from tests.browsers import asked_for, chromium, complaints, until
from tests.inference.fake_study import FakeStudy

pytestmark = pytest.mark.slow
FAILING = 77  # a seed whose replicate fails


@pytest.fixture(scope="module")
def study() -> FakeStudy:
    return FakeStudy(groups=("Bronx", "Queens"), seconds=0.3, fails_at=(replicate_seed(FAILING, 0),))


@pytest.fixture(scope="module")
def page(study: FakeStudy) -> Iterator[Served]:
    with serve(study) as found:
        yield found


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with chromium() as found:
        yield found


def opened(browser: Any, page: Served) -> None:
    browser.get(page.url)
    ready = "return Boolean(document.querySelector('.irs-line') && Shiny.shinyapp.isConnected())"
    until("the page is ready", lambda: browser.execute_script(ready))


def part(browser: Any, name: str) -> Any:
    return browser.find_element("id", name)


def line_of(browser: Any, number: int) -> Any:
    """What takes the keyboard of a slider."""
    find = "return document.getElementById(arguments[0]).closest('.shiny-input-container').querySelector('.irs-line')"
    return browser.execute_script(find, f"policy_{number}")


def value(browser: Any, number: int) -> float:
    return float(browser.execute_script("return $(document.getElementById(arguments[0])).val()", f"policy_{number}"))


def later(browser: Any, number: int) -> float:
    """The value after a second: a slider goes on for a while after the last key, and what it says last counts."""
    time.sleep(1.0)
    return value(browser, number)


def fill(browser: Any, name: str, text: str) -> None:
    field = part(browser, name)
    field.clear()
    field.send_keys(text)


def simulated(browser: Any, says: str = "replicates of") -> str:
    time.sleep(1.0)  # a field tells its number to the server a quarter of a second after the last key
    part(browser, "simulate").click()
    return until("an answer", lambda: (said := part(browser, "status").text) and says in said and said)


def drawn(browser: Any) -> int:
    every = (
        "return document.querySelectorAll('.chart').length == document.querySelectorAll('.chart[data-drawn]').length"
    )
    until("all charts are drawn", lambda: browser.execute_script(every))
    return len(browser.find_elements("css selector", ".chart svg.marks"))


def numbers_of(browser: Any, page: Served) -> list[dict[str, str]]:
    """The table that the page gives to take along."""
    link = until("there is a link", lambda: part(browser, "numbers_csv").get_attribute("href"))
    assert urlsplit(link).hostname == "127.0.0.1"
    with urlopen(urljoin(page.url, link)) as answer:
        return list(text_csv.DictReader(io.StringIO(answer.read().decode())))


def test_a_slider_moved_by_the_keyboard_changes_the_numbers_to_those_of_the_study(
    browser: Any, page: Served, study: FakeStudy
) -> None:
    opened(browser, page)
    line = line_of(browser, 0)
    for _ in range(12):
        line.send_keys("\ue014")  # the right arrow
    efficacy = until("the slider has moved", lambda: (x := value(browser, 0)) > 0.5 and x == later(browser, 0) and x)
    fill(browser, "replicates", "2")
    assert "2 replicates of 1,000 agents" in simulated(browser)
    assert drawn(browser) == 2 * 2 + 2, "two outcomes over time, what is averted of each, two maps"
    rows = numbers_of(browser, page)
    question = asked(begin(study), {"efficacy": efficacy}, {"replicates": 2})
    for number in range(2):
        expected = one_replicate(study, question.worlds, question.options, 0, number)["deaths"]
        given = [int(row["deaths"]) for row in rows if int(row["replicate"]) == number]
        assert np.array_equal(np.reshape(given, (2, 2, 30)), expected)
    text = part(browser, "shown").text
    assert f"efficacy={efficacy:g} against factual" in text
    assert "one wave for all worlds" in browser.find_element("tag name", "main").text


def test_nothing_is_asked_of_another_machine_and_nothing_stands_in_the_console(browser: Any, page: Served) -> None:
    asked_addresses = [urlsplit(address) for address in asked_for(browser)]
    assert any(address.scheme == "ws" for address in asked_addresses)
    assert {address.hostname for address in asked_addresses if address.scheme != "data"} == {"127.0.0.1"}
    assert complaints(browser) == []


def test_an_error_is_shown_and_the_page_goes_on(browser: Any, page: Served) -> None:
    opened(browser, page)
    fill(browser, "seed", str(FAILING))
    simulated(browser, "failed")
    assert "ZeroDivisionError: a fault" in part(browser, "error").text
    fill(browser, "agents", "0")
    simulated(browser, "Nothing was simulated")
    assert "agents is 0" in part(browser, "error").text
    fill(browser, "agents", "1000")
    fill(browser, "seed", "0")
    fill(browser, "replicates", "2")
    assert "there is one world" in simulated(browser)
    assert not part(browser, "error").is_displayed()


def test_a_simulation_is_cancelled(browser: Any, page: Served) -> None:
    opened(browser, page)
    fill(browser, "replicates", "400")
    part(browser, "simulate").click()
    until("it is under way", lambda: "of 400" in part(browser, "status").text)
    assert part(browser, "progress").is_displayed()
    part(browser, "cancel").click()
    until("it is cancelled", lambda: part(browser, "status").text.startswith("Cancelled"))
    fill(browser, "replicates", "2")
    assert "2 replicates" in simulated(browser)


def test_two_visitors_have_answers_of_their_own(browser: Any, page: Served) -> None:
    opened(browser, page)
    with chromium() as other:
        opened(other, page)
        for one, seed in ((browser, "3"), (other, "4")):
            fill(one, "replicates", "2")
            fill(one, "seed", seed)
            simulated(one)
            drawn(one)
        assert numbers_of(browser, page) != numbers_of(other, page)
        assert part(browser, "seed").get_attribute("value") == "3"


def test_every_control_is_reached_by_the_tabulator(browser: Any, page: Served) -> None:
    opened(browser, page)
    browser.execute_script("document.activeElement.blur()")
    reached = []
    for _ in range(16):
        browser.switch_to.active_element.send_keys("\ue004")
        active = browser.switch_to.active_element
        reached.append(active.get_attribute("id") or active.get_attribute("class"))
    assert reached.count("irs-line") >= 2, "both sliders"
    assert {"policy_2", "agents", "days", "replicates", "seed", "simulate"} <= set(reached)


def test_controls_that_pass_under_the_buttons_do_not_shine_through(browser: Any, page: Served) -> None:
    opened(browser, page)
    buttons = "return getComputedStyle(document.querySelector('.buttons')).backgroundColor"
    assert browser.execute_script(buttons) == "rgb(255, 255, 255)"
