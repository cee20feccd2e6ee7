"""A headless Chromium for tests: what it asked for, what it complained of."""

import json
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

__all__ = ["asked_for", "complaints", "chromium", "until"]

PATIENCE = 300.0  # seconds; a busy machine starts processes slowly
# What Shiny's own copy of a date field says of its languages when it is loaded.
KNOWN = "bootstrap-datepicker"


@contextmanager
def chromium(width: int = 1200, height: int = 1000) -> Iterator[Any]:
    """A browser with an empty profile; the test is skipped where there is none."""
    selenium = pytest.importorskip("selenium.webdriver", reason="selenium is not installed")
    browser, driver = (shutil.which(name) for name in ("chromium", "chromedriver"))
    if browser is None or driver is None:
        pytest.skip("there is no chromium with its chromedriver on this machine")
    options = selenium.ChromeOptions()
    options.binary_location = browser
    arguments = ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run")
    for argument in (*arguments, f"--window-size={width},{height}"):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"performance": "ALL", "browser": "ALL"})
    found = selenium.Chrome(options=options, service=selenium.ChromeService(driver))
    found.set_page_load_timeout(PATIENCE)
    try:
        yield found
    finally:
        found.quit()


def asked_for(browser: Any) -> list[str]:
    """Every address that the browser asked for since this was last called, of pages, files and sockets."""
    found = []
    for entry in browser.get_log("performance"):
        message = json.loads(entry["message"])["message"]
        if message["method"] == "Network.requestWillBeSent":
            found.append(str(message["params"]["request"]["url"]))
        elif message["method"] == "Network.webSocketCreated":
            found.append(str(message["params"]["url"]))
    return found


def complaints(browser: Any) -> list[str]:
    """What stands in the console of the browser since this was last called."""
    return [entry["message"] for entry in browser.get_log("browser") if KNOWN not in entry["message"]]


def until(what: str, happened: Callable[[], Any], seconds: float = PATIENCE) -> Any:
    """What `happened` gives when it is true at last; fails where it never is."""
    deadline = time.monotonic() + seconds
    while not (found := happened()):
        assert time.monotonic() < deadline, f"waited in vain until {what}"
        time.sleep(0.1)
    return found
