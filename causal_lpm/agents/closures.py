"""Settings that are closed: schools, workplaces, borders, or whatever else has contacts of its own."""

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch

from causal_lpm import validate
from causal_lpm.agents.days import NEVER
from causal_lpm.agents.timed_policies import TimedPolicy
from causal_lpm.typing import State

__all__ = ["Closures"]


class _Closure(TimedPolicy):
    """The closure of one setting, of which the name is that of the setting."""

    @property
    def _names(self) -> tuple[str, str, str]:
        return f"{self.name}_closure_day", f"{self.name}_reopening_day", f"{self.name}_closure_strength"


@dataclass(frozen=True)
class Closures:
    """Settings of which each can be closed for itself, from one day to another, wholly or in part.

    Each has the policies `{setting}_closure_day`, `{setting}_reopening_day` and `{setting}_closure_strength`, the share
    of its contacts that are prevented. Borders are closed in the same way: what is `left` multiplies importations.

    Args:
        settings: Their names, such as those of the layers of an exposure.
        strength: Share of the contacts prevented while closed; one for all settings, or by name.
        start_day: First day of the closures; `NEVER`: open, unless somebody intervenes.
        end_day: First day on which they are open again; `NEVER`: they stay closed.

    Raises:
        ValueError: no setting, one given twice or without a strength, a strength outside [0, 1].

    >>> closures = Closures(("school", "work"), start_day=3)
    >>> s = {**closures.start(), "t": torch.tensor(5.0)}
    >>> closures.left(s, {"home": torch.ones(2), "school": torch.ones(2)})
    {'home': tensor([1., 1.]), 'school': tensor([0., 0.])}
    """

    settings: Sequence[str]
    strength: float | Mapping[str, float] = 1.0
    start_day: float = NEVER
    end_day: float = NEVER

    def __post_init__(self) -> None:
        if isinstance(self.settings, str) or not self.settings:
            raise ValueError(f"the settings are {self.settings!r}: give names, such as ('school', 'work').")
        validate.unique_entries("setting", self.settings)
        if isinstance(self.strength, Mapping):
            for setting in self.settings:
                validate.known("setting in the strengths of closures:", setting, self.strength)
        _ = self._timed

    @functools.cached_property
    def _timed(self) -> dict[str, TimedPolicy]:
        given = self.strength
        strengths = given if isinstance(given, Mapping) else dict.fromkeys(self.settings, given)
        return {each: _Closure(each, strengths[each], self.start_day, self.end_day) for each in self.settings}

    def start(self) -> State:
        """The policies of all settings, as sites and entries of the first state."""
        return {name: value for timed in self._timed.values() for name, value in timed.policies().items()}

    def factor(self, s: State, setting: str) -> torch.Tensor:
        """What a closure leaves today of the contacts in a setting, float32 `[*dims, 1]`.

        Raises:
            ValueError: an unknown setting, a strength that an intervention moved out of [0, 1].
        """
        validate.known("setting", setting, self.settings)
        return self._timed[setting].left(s)

    def left(self, s: State, received: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        """Exposures by layer with what closures leave of them; layers that cannot be closed stay as they are."""
        return {
            layer: total * self.factor(s, layer) if layer in self.settings else total
            for layer, total in received.items()
        }
