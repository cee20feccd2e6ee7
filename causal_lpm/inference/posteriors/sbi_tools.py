"""sbi without its prints and its log folder; the one file that knows these habits of sbi 0.27."""

import contextlib
import io
import warnings
from collections.abc import Iterator
from importlib.util import find_spec
from typing import Any

import pyro

from causal_lpm.extras import installing

__all__ = ["NoTracker", "quiet", "require_sbi", "unchecked"]


class NoTracker:
    """Keeps nothing: sbi's own tracker writes a folder `sbi-logs` wherever the process runs."""

    log_dir: str | None = None

    def log_metric(self, name: str, value: float, step: int | None = None) -> None:
        """Drops it."""

    def log_metrics(self, metrics: dict[str, float], step: int | None = None) -> None:
        """Drops them."""

    def log_params(self, params: dict[str, Any]) -> None:
        """Drops them."""

    def add_figure(self, name: str, figure: Any, step: int | None = None) -> None:
        """Drops it."""

    def flush(self) -> None:
        """Has nothing to write."""


def require_sbi(method: str) -> None:
    """Raises ModuleNotFoundError where sbi is not installed."""
    if find_spec("sbi") is None:
        raise ModuleNotFoundError(
            f"method {method!r} needs sbi: install the extra 'inference': {installing('inference')}."
        )


def unchecked() -> contextlib.AbstractContextManager[None]:
    """Inside, torch checks no distributions, which zuko's flows ask for; cheap enough for every step of a sampler."""
    found: contextlib.AbstractContextManager[None] = pyro.settings.context(validate_distributions_torch=False)
    return found


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Inside, sbi prints nothing and does not warn of epochs: early stopping is what we ask for.

    Torch checks no distributions inside. Zuko, which sbi imports, turns these checks off for the whole process;
    afterwards they are as before, so that simulations after a training are checked as those before it.
    """
    with unchecked(), contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings():
        warnings.filterwarnings("ignore", module="sbi")
        warnings.filterwarnings("ignore", message=".*max_num_epochs.*")
        warnings.filterwarnings("ignore", message=".*triangular_solve is deprecated.*")
        warnings.filterwarnings("ignore", category=DeprecationWarning)
        yield
