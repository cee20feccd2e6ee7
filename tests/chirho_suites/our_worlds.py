"""A plugin of pytest for ChiRho's own tests: its world handlers are replaced by ours before the tests are imported.

It also puts the stand-in for differential equations on torch 2.13 in place, seeds each test by its name, and writes
what became of the tests to the file that `OUTCOMES` names.
"""

import json
import os
import zlib
from pathlib import Path
from typing import Any

import chirho.counterfactual.handlers as handlers
import chirho.counterfactual.handlers.counterfactual as module
import pyro
import pytest

from causal_lpm import ProductWorlds, Worlds
from causal_lpm.handlers import torchdiffeq_on_torch213

outcomes: dict[str, str] = {}
standing_in = torchdiffeq_on_torch213()


class TwinWorldCounterfactual(Worlds):
    """`Worlds` with the argument and the name of the dimension that ChiRho has."""

    fresh_prefix = "__fresh_split__"

    def __init__(self, first_available_dim: int | None = None) -> None:
        super().__init__()
        self._orig_dim = self.first_available_dim = -5 if first_available_dim is None else first_available_dim


class MultiWorldCounterfactual(ProductWorlds):
    """`ProductWorlds` with the argument that ChiRho has."""

    def __init__(self, first_available_dim: int | None = None) -> None:
        super().__init__()
        self._orig_dim = self.first_available_dim = -5 if first_available_dim is None else first_available_dim


def pytest_configure() -> None:
    for ours in (TwinWorldCounterfactual, MultiWorldCounterfactual):
        setattr(handlers, ours.__name__, ours)
        setattr(module, ours.__name__, ours)
    standing_in.__enter__()


def pytest_runtest_setup(item: pytest.Item) -> None:
    pyro.set_rng_seed(zlib.crc32(item.nodeid.encode()))


def pytest_runtest_logreport(report: Any) -> None:
    if report.when == "call" or report.outcome != "passed":
        outcomes[report.nodeid] = report.outcome


def pytest_sessionfinish() -> None:
    Path(os.environ["OUTCOMES"]).write_text(json.dumps(outcomes))
