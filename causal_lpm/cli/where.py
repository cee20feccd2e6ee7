"""Where a command computes: `--executor` and `--workers`, and the connection while it runs."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from joblib import cpu_count

from causal_lpm.cli.terminal import bad_input
from causal_lpm.inference.runs.addresses import check_address, opened
from causal_lpm.inference.runs.workers import Workers
from causal_lpm.ranks import torchrun
from causal_lpm.ranks.launching import RankExecutor
from causal_lpm.validate import whole_number

__all__ = ["Where", "connected", "processes_of"]


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


@dataclass(frozen=True)
class Where:
    """Where a study computes, as it was typed.

    Attributes:
        workers: Of `--workers`.
        executor: Of `--executor`.
        ranks: Of `--ranks`.
        checkpoint_every: Of `--checkpoint-every`.
    """

    workers: int | None = None
    executor: str | None = None
    ranks: int | None = None
    checkpoint_every: int | None = None

    def check(self) -> None:
        """Raises ValueError for ranks that cannot be, or beside others who would compute, and lost checkpoints."""
        if self.checkpoint_every is not None:
            whole_number("checkpoint-every", self.checkpoint_every)
            if self.executor is not None and check_address(self.executor)[1]:
                raise ValueError(
                    f"--checkpoint-every {self.checkpoint_every} keeps states in the output folder, which the workers "
                    f"of {self.executor} may not reach: leave out either."
                )
        if self.ranks is None and torchrun.number() is None:
            return
        what = "ranks of torchrun" if self.ranks is None else f"--ranks {self.ranks}"
        if self.ranks is not None:
            whole_number("ranks", self.ranks)
            if torchrun.number() is not None:
                raise ValueError(f"{what} would start ranks, and torchrun has started some already: leave out either.")
        for name, value in {"executor": self.executor, "workers": self.workers}.items():
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
