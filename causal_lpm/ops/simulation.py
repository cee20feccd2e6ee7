"""A simulation as messages: its days, which handlers may run, cut, continue or answer, its end, and its noise.

The message of its days is `rollout`, made by the solver, with the arguments `(dynamics, state, first_day, days, name)`
and a `Rollout` as its value. A handler with `_pyro_rollout` may set the value, or put a function around `msg["fn"]`,
which simulates the days that it is asked for. Where that function asks for the first ten days, and then for all others
from the state that they leave, `first.followed_by(rest)` is the whole, bit for bit.
"""

import html
import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import torch

from causal_lpm.ops.kept_sums import KeptSums
from causal_lpm.ops.pyro_stack import effectful
from causal_lpm.typing import State

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Remembered", "Rollout", "goes_on", "once", "remembered", "resampled", "simulation_ends"]


@dataclass(frozen=True, repr=False)
class Rollout:
    """What a simulation leaves: the last state, and every tally as a series.

    Attributes:
        state: `[*dims, agents or 1]` an entry, after the last step.
        tallies: name -> `[*dims, 1 or groups, days]`, all worlds in each, also where they do not differ; time is an
            event dimension of likelihoods (`.to_event(1)`). A day of several steps has their sum, or their last.
        stocks: The tallies that are numbers at a time (how many are ill), and not what happens in a day.
    """

    state: State
    tallies: dict[str, torch.Tensor] = field(default_factory=dict)
    stocks: frozenset[str] = frozenset()

    def followed_by(self, rest: "Rollout") -> "Rollout":
        """These days and the following ones as one simulation; worlds may have split in between.

        Raises:
            ValueError: a tally that one of them lacks.

        >>> first, rest = (Rollout({}, {"cases": torch.tensor([days])}) for days in ([1, 2], [3]))
        >>> first.followed_by(rest).tallies["cases"]
        tensor([[1, 2, 3]])
        """
        for name in sorted(self.tallies.keys() ^ rest.tallies.keys()):
            raise ValueError(
                f"the tally {name!r} is missing in some of the days: call it in every step, with zeros if need be."
            )
        series = {}
        for name, days in self.tallies.items():
            shape = torch.broadcast_shapes(days.shape[:-1], rest.tallies[name].shape[:-1])
            parts = (days, rest.tallies[name])
            series[name] = torch.cat([part.expand(*shape, part.shape[-1]) for part in parts], -1)
        return Rollout(rest.state, series, self.stocks | rest.stocks)

    def to_frame(self) -> "pd.DataFrame":
        """The tallies as a table, one row a day.

        Where there are several, the columns `row` (of worlds, replicates, draws) and `group` number them.

        Raises:
            ValueError: tallies with different groups or days, which do not fit in one table.

        >>> Rollout({}, {"cases": torch.tensor([[1, 2]])}).to_frame()
           day  cases
        0    0      1
        1    1      2
        """
        import pandas as pd

        shapes = {tuple(series.shape[-2:]) for series in self.tallies.values()}
        if len(shapes) != 1:
            raise ValueError(f"the tallies have the groups and days {sorted(shapes)}, which do not fit in one table.")
        dims = torch.broadcast_shapes(*(series.shape for series in self.tallies.values()))
        full = {name: series.expand(dims) for name, series in self.tallies.items()}
        sizes = (math.prod(dims[:-2]), *dims[-2:])
        index = pd.MultiIndex.from_product([range(size) for size in sizes], names=["row", "group", "day"])
        frame = pd.DataFrame({name: series.numpy(force=True).reshape(-1) for name, series in full.items()}, index=index)
        kept = [name for name, size in zip(("row", "group"), sizes, strict=False) if size > 1]
        return frame.reset_index()[[*kept, "day", *self.tallies]]

    def __repr__(self) -> str:
        agents = max((entry.shape[-1] for entry in self.state.values()), default=0)
        shown = ", ".join(f"{name} {list(series.shape)}" for name, series in self.tallies.items()) or "no tallies"
        return f"<Rollout of {agents:,} agents: {shown}>"

    def _repr_html_(self) -> str:
        rows = "".join(
            f"<tr><td>{html.escape(name)}</td><td>{list(series.shape)}</td></tr>"
            for name, series in self.tallies.items()
        )
        head = "<tr><th>tally</th><th>[*dims, groups, days]</th></tr>"
        return f"<div>{html.escape(repr(self).partition(':')[0][1:])}<table>{head}{rows}</table></div>"


@effectful(type="simulation_ends")
def simulation_ends(well: bool) -> None:
    """The simulation that the last message `rollout` began has ended.

    Pyro tells handlers that a message is done only where it succeeded: this one also tells them of an exception.

    Args:
        well: Whether all of its days were simulated; otherwise an exception ended it, and nothing of it counts.
    """


@effectful(type="resampled")
def resampled(ancestors: torch.Tensor) -> None:
    """Between two parts of a simulation, each replicate has taken the state of an ancestor, and its past with it.

    The past includes seeds that were drawn before, and what rules have seen.

    Args:
        ancestors: int64 `[replicates]`: the number of the replicate from which each goes on.
    """


@dataclass(frozen=True)
class Remembered:
    """What a simulation remembers beside its state where one of its parts has ended.

    Attributes:
        rules: Of each rule (`on`), in the order in which they stand: the sign that it saw first and whether it has
            fired, `[*dims, 1]` each; None where it has seen nothing.
        same_dynamics: Whether its dynamics are those that it began with.
        sums: Over contacts, from which the next day's follow; None where nobody goes on from them.
    """

    rules: tuple[tuple[torch.Tensor, torch.Tensor] | None, ...] = ()
    same_dynamics: bool = True
    sums: KeptSums | None = None


@effectful(type="remembered")
def remembered() -> Remembered:
    """What the simulation that runs remembers where its last part has ended."""
    return Remembered()


@effectful(type="goes_on")
def goes_on(day: float, memory: Remembered) -> None:
    """The simulation that runs may begin with a part from a later day: those before it were simulated elsewhere.

    Args:
        day: Number of the first day of that part.
        memory: What the simulation remembered there.

    Raises:
        ValueError: another number of rules than there.
    """


@effectful(type="once")
def once(what: str, owner: object = None) -> None:
    """Noise is about to be drawn under a default name, which two parts of a model may share by mistake.

    Args:
        what: What draws it, with its name, for the message.
        owner: Who may draw it again, and nobody else.

    Raises:
        ValueError: under `KeyedNoise` or `Seeds`, when it is drawn a second time with the same seed, or by another
            owner.
    """
