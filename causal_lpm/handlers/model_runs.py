"""Where another run of a model begins, for handlers that see several runs in one block."""

from typing import Any

from pyro.poutine.messenger import Messenger
from pyro.poutine.trace_messenger import TraceMessenger

from causal_lpm.ops.pyro_stack import inside_of

__all__ = ["ModelRun"]


class ModelRun:
    """The run of a model that a handler is in.

    A model names each policy once, so a policy that is named again begins another run. Pyro's tools (`Predictive`, SVI)
    trace each run, so another trace inside of the handler is another run. Noise goes by traces alone: two runs that
    compare policies under one seed are to have the same noise.

    Attributes:
        policies: The policies that this run has named.

    >>> run = ModelRun()
    >>> [run.names(policy) for policy in ("closure", "masks", "closure")]
    [False, False, True]
    >>> list(run.policies)
    ['closure']
    """

    def __init__(self) -> None:
        self.policies: dict[str, int] = {}  # policy -> how many simulations came before it
        self._simulations = 0
        self._trace: Any = None

    def simulates(self) -> None:
        """A simulation begins: policies that are named from now on may be those of another run."""
        self._simulations += 1

    def names(self, policy: str) -> bool:
        """Notes a policy; True where another run of the model begins with it."""
        before = self.policies
        if policy in before:
            # If the repeated one was named before the last simulation, those named since belong to the new run.
            own = self._simulations if before[policy] != self._simulations else None
            self.policies = {name: number for name, number in before.items() if number == own}
        begins = policy in before and not self.policies
        self.policies[policy] = self._simulations
        return begins

    def is_traced_anew(self, handler: Messenger) -> bool:
        """Whether the outermost trace inside of a handler is another one than when it was asked last."""
        traces = [each.trace for each in inside_of(handler) if isinstance(each, TraceMessenger)]
        if not traces or traces[0] is self._trace:
            return False
        self._trace = traces[0]
        return True
