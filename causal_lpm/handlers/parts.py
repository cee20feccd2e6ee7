"""The parts into which handlers cut a simulation: each goes on where another one ended, or begins where one began."""

from dataclasses import dataclass

import torch

from causal_lpm.handlers.steps import Steps
from causal_lpm.handlers.triggers import Triggers
from causal_lpm.ops.dimensions import of_replicates
from causal_lpm.ops.kept_sums import KeptSums
from causal_lpm.ops.simulation import Rollout
from causal_lpm.typing import Dynamics

__all__ = ["Memory", "Parts"]


@dataclass(frozen=True)
class Memory:
    """What a simulation remembers between two of its steps, beside its state.

    Attributes:
        rules: What they have seen.
        given: The dynamics that the part before was given.
        in_force: Those at its end, which an act or a rule may have changed.
    """

    rules: Triggers
    given: Dynamics | None = None
    in_force: Dynamics | None = None

    def copy(self) -> "Memory":
        """The same memory, which goes its own way from here."""
        return Memory(self.rules.copy(), self.given, self.in_force)

    @property
    def same_dynamics(self) -> bool:
        """Whether no act and no rule has changed the dynamics."""
        return self.given is self.in_force

    def following(self, dynamics: Dynamics, steps: Steps) -> Dynamics:
        """The dynamics of a part that a handler lets go on with `dynamics`.

        Raises:
            ValueError: dynamics of the handler's own after an act has changed them.
        """
        if self.same_dynamics or dynamics is self.in_force:
            return dynamics
        if dynamics is not self.given or self.in_force is None:
            raise ValueError(
                f"the dynamics were changed before day {steps.start:g}, and a handler lets the simulation go on with "
                "others: let it go on with the dynamics that it was given, or let the act change an entry of the state."
            )
        return self.in_force


class Parts:
    """What is simulated of a whole, and what it remembers where a part may begin.

    Args:
        whole: Its steps.
    """

    def __init__(self, whole: Steps) -> None:
        self.whole = whole
        self._memories = {whole.first: Memory(Triggers())}
        self.last = whole.first  # the step at which the last part ended
        self.sums = KeptSums()  # over contacts: true for any part, and near for the next one

    def begin(self, steps: Steps) -> Memory:
        """The memory at the beginning of a part, also of one that is simulated again.

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

    def end(self, steps: Steps, memory: Memory) -> None:
        """A part is simulated."""
        self.reached(steps.last, memory)

    def reached(self, step: int, memory: Memory) -> None:
        """Parts may begin at a step, with this memory."""
        self.last = step
        self._memories[step] = memory.copy()

    def resampled(self, rules: Triggers, ancestors: torch.Tensor) -> None:
        """Replicates go on from their ancestors, as these rules do already."""
        last = self.memory
        self.reached(self.last, Memory(rules, last.given, last.in_force))
        self.sums = self.sums.each(lambda rows: of_replicates(rows, ancestors))

    @property
    def memory(self) -> Memory:
        """Where the last part has ended."""
        return self._memories[self.last]

    def check(self, run: object) -> None:
        """Raises ValueError where days are missing in what a handler made of the parts, or it is no Rollout."""
        if not isinstance(run, Rollout):
            raise ValueError(f"a handler answered a simulation with {type(run).__name__}: give a Rollout.")
        steps = self.whole.last - self.whole.first
        for name, series in run.tallies.items():
            if series.shape[-1] != steps:
                raise ValueError(
                    f"a handler answered a simulation of {steps} steps with {series.shape[-1]} of the tally {name!r}: "
                    "let a simulation that is cut go on to its end."
                )
        if not run.tallies and self.last not in (self.whole.first, self.whole.last):
            raise ValueError(
                f"a handler has left a simulation after step {self.last} of {self.whole.last}: let it go on to its end."
            )


def no_part(steps: Steps) -> ValueError:
    """The error of days that are not those of the simulation that runs."""
    return ValueError(
        f"a handler asks for the days {steps.start:g} to {steps.end:g}, which are not those of the simulation that "
        "runs: ask for a part of its days, while it runs."
    )
