"""The parts into which handlers cut a simulation: each goes on where another one ended, or begins where one began."""

from causal_lpm.handlers.steps import Steps
from causal_lpm.handlers.triggers import Triggers
from causal_lpm.ops.simulation import Rollout

__all__ = ["Parts"]


class Parts:
    """What is simulated of a whole, and what its rules remember where a part may begin.

    Args:
        whole: Its steps.
    """

    def __init__(self, whole: Steps) -> None:
        self.whole = whole
        self._memories = {whole.first: Triggers()}
        self._reached = whole.first

    def begin(self, steps: Steps) -> Triggers:
        """The memory of rules at the beginning of a part, also of one that is simulated again.

        Raises:
            ValueError: days outside of the simulation, or a beginning that no part has reached.
        """
        if not self.whole.first <= steps.first <= steps.last <= self.whole.last:
            raise no_part(steps)
        if steps.first not in self._memories:
            raise ValueError(
                f"a handler asks for the days {steps.start:g} to {steps.end:g}, and no part has ended on day "
                f"{steps.start:g}: let each part go on where another one ended, or begin where it began."
            )
        return self._memories[steps.first].copy()

    def end(self, steps: Steps, memory: Triggers) -> None:
        """A part is simulated."""
        self._reached = steps.last
        self._memories[steps.last] = memory.copy()

    def resample(self, memory: Triggers) -> None:
        """Replicates go on from where the last part ended, with this memory."""
        self._memories[self._reached] = memory.copy()

    def check(self, run: Rollout) -> None:
        """Raises ValueError where days are missing in what a handler made of the parts."""
        steps = self.whole.last - self.whole.first
        for name, series in run.tallies.items():
            if series.shape[-1] != steps:
                raise ValueError(
                    f"a handler answered a simulation of {steps} steps with {series.shape[-1]} of the tally {name!r}: "
                    "let a simulation that is cut go on to its end."
                )
        if not run.tallies and self._reached not in (self.whole.first, self.whole.last):
            raise ValueError(
                f"a handler has left a simulation after step {self._reached} of {self.whole.last}: let it go on to its "
                "end."
            )


def no_part(steps: Steps) -> ValueError:
    """The error of days that are not those of the simulation that runs."""
    return ValueError(
        f"a handler asks for the days {steps.start:g} to {steps.end:g}, which are not those of the simulation that "
        "runs: ask for a part of its days, while it runs."
    )
