"""Where a command computes: `--executor` and `--workers`, and the connection while it runs."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from joblib import cpu_count

from causal_lpm.cli.terminal import bad_input
from causal_lpm.inference.runs.addresses import check_address, opened
from causal_lpm.inference.runs.workers import Workers
from causal_lpm.ranks import torchrun
from causal_lpm.ranks.launching import RankExecutor
from causal_lpm.validate import whole_number

__all__ = ["check_ranks", "connected", "processes_of"]


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


def check_ranks(ranks: int | None, executor: str | None, workers: int | None) -> None:
    """Raises ValueError for ranks that cannot be, or beside others who would compute."""
    if ranks is None and torchrun.number() is None:
        return
    what = "ranks of torchrun" if ranks is None else f"--ranks {ranks}"
    if ranks is not None:
        whole_number("ranks", ranks)
        if torchrun.number() is not None:
            raise ValueError(f"{what} would start ranks, and torchrun has started some already: leave out either.")
    for name, value in {"executor": executor, "workers": workers}.items():
        if value is not None:
            raise ValueError(
                f"--{name} {value} computes replicates side by side, and {what} share the agents of one replicate: "
                "leave out either."
            )


@contextmanager
def connected(executor: str | None, processes: int, ranks: int | None = None) -> Iterator[Workers | None]:
    """The workers of `--executor`, or the ranks, while the context lasts; one sentence where they cannot be reached."""
    with ExitStack() as stack:
        if torchrun.number() is not None:
            place: Workers | None = Workers(torchrun.AmongRanks())
        elif ranks is not None:
            place = Workers(stack.enter_context(RankExecutor(ranks)))
        else:
            with bad_input():
                place = stack.enter_context(opened(executor, processes))
        yield place
