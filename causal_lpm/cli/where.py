"""Where a command computes: `--executor` and `--workers`, and the connection while it runs."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from joblib import cpu_count

from causal_lpm.cli.terminal import bad_input
from causal_lpm.inference.runs.addresses import check_address, opened
from causal_lpm.inference.runs.workers import Workers
from causal_lpm.validate import whole_number

__all__ = ["connected", "processes_of"]


def processes_of(executor: str | None, workers: int | None, otherwise: int) -> int:
    """How many processes begin here: those asked for, one a core for an executor of this machine, or `otherwise`.

    Raises:
        ValueError: there is no such executor, or a cluster's, whose workers are not begun here.
    """
    if workers is not None:
        whole_number("workers", workers)
    if executor is None:
        return otherwise if workers is None else workers
    if check_address(executor)[1]:
        if workers is not None:
            raise ValueError(
                f"--workers {workers} is for processes of this machine, and the workers of {executor} are there "
                "already: leave out either."
            )
        return 1
    return int(cpu_count()) if workers is None else workers


@contextmanager
def connected(executor: str | None, processes: int) -> Iterator[Workers | None]:
    """The workers of `--executor` while the context lasts; one sentence where they cannot be reached."""
    with ExitStack() as stack:
        with bad_input():
            place = stack.enter_context(opened(executor, processes))
        yield place
