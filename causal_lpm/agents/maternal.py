"""Protection that newborns have from their mothers, for some months."""

from dataclasses import dataclass

import torch

from causal_lpm.agents.columns import flags
from causal_lpm.agents.naming import named
from causal_lpm.agents.waning import Waning
from causal_lpm.typing import State

__all__ = ["MaternalProtection"]


@dataclass(frozen=True)
class MaternalProtection(Waning):
    """Newborns of immune mothers are protected for a gamma-distributed time.

    Args:
        shape: As in `Waning`; 1 is exponential, an M class of constant hazard.
        name: Stands before the entries of the state and the noise.

    Source: an exponential time of mean 3 to 9 months stands for the M class of measles models, as in Anderson and May
    1991, Infectious Diseases of Humans, chapter 3; measured, half of the infants of vaccinated mothers had lost their
    antibodies against measles at about 1 month, of those with natural immunity at about 4 (Leuridan et al. 2010, BMJ
    340:c1626).

    >>> from causal_lpm import KeyedNoise
    >>> maternal = MaternalProtection()
    >>> s = {**maternal.start(2), "t": torch.tensor(0.0)}
    >>> born, mother_immune = torch.tensor([True, True]), torch.tensor([True, False])
    >>> with KeyedNoise(1):
    ...     s = s | maternal.born(s, born, mother_immune, mean=120)
    >>> maternal.immune(s)
    tensor([ True, False])
    """

    def start(self, agents: int) -> State:
        """Nobody is protected: `maternal_immune_until`, int16, and `maternal_immunities`, uint8, `[agents]` each."""
        return self._own().start(agents)

    def born(self, s: State, born: torch.Tensor, mother_immune: torch.Tensor, mean: torch.Tensor | float) -> State:
        """The changed entries, where somebody was born today; what a place's last agent had is gone.

        Args:
            s: State with `t` and the entries of `start`.
            born: bool `[*dims, places]`: `Vital.born`.
            mother_immune: bool `[*dims, places]`: whether the mother of the newborn in this place is immune, as
                `vital.of_mothers(immune)` says.
            mean: Days of protection on average: a number, or `[*dims, 1]`.
        """
        own = self._own()
        until = named(own.name, "immune_until")
        flags("mother_immune", mother_immune, s[until].shape[-1])
        lost = {until: torch.where(born, torch.full_like(s[until], -1), s[until])}
        return lost | own.gained({**s, **lost}, born & mother_immune, mean)

    def immune(self, s: State) -> torch.Tensor:
        """Who is protected today, bool `[*dims, places]`."""
        return self._own().immune(s)

    def _own(self) -> Waning:
        return Waning(self.shape, name=named(self.name, "maternal"))
