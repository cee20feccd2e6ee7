"""Several strains of one disease: one at a time in an agent, with immunity against itself and partly the others."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch

from causal_lpm import validate
from causal_lpm.agents.columns import flags
from causal_lpm.agents.naming import named
from causal_lpm.ops.events import event
from causal_lpm.ops.exogenous import exogenous
from causal_lpm.ops.look_up import look_up
from causal_lpm.ops.looking import check
from causal_lpm.ops.number_types import single_precision
from causal_lpm.typing import State

__all__ = ["Strains"]

MOST = 8
"""Which strains an agent has had are the bits of a byte."""


@dataclass(frozen=True, eq=False)
class Strains:
    """Strains that compete for the same hosts, with a matrix of cross-immunity.

    Whoever has had strain i is infected with strain j at (1 - cross_immunity[i][j]) of the hazard; what several strains
    leave is multiplied. While an agent is infected, no other strain infects it. Diseases that do not know of each other
    need none of this: give each parts of its own name.

    Args:
        names: Of the strains, at most 8.
        cross_immunity: Numbers from 0 to 1, `[*dims, had, met]`: a row for the strain that an agent has had, a column
            for the one that it meets; the diagonal is 1 where a strain leaves immunity for life against itself.
        name: Stands before the entries of the state and the noise: one name a disease.

    Raises:
        ValueError: no strain, more than 8, two of one name; a matrix that is not square, of other strains or outside
            0 to 1.

    Source: models by history with reduced susceptibility, as reviewed in Kucharski, Andreasen and Gog 2016, J Math Biol
    72:1; that protections multiply is a choice of this class.

    >>> strains = Strains(("old", "new"), [[1.0, 0.6], [0.3, 1.0]])
    >>> had_old = {**strains.start(1), "had": torch.tensor([1], dtype=torch.uint8)}
    >>> {name: round(float(part), 2) for name, part in strains.susceptibility(had_old).items()}
    {'old': 0.0, 'new': 0.4}
    """

    names: Sequence[str]
    cross_immunity: Any
    name: str = field(default="", kw_only=True)
    tables: torch.Tensor = field(init=False)  # [*dims, strains, patterns]: the susceptibility of each history

    def __post_init__(self) -> None:
        if isinstance(self.names, str) or not 1 <= len(self.names) <= MOST:
            raise ValueError(f"the strains are {self.names!r}: give 1 to {MOST} names.")
        validate.unique_entries("strain", self.names)
        number = len(self.names)
        try:
            matrix = single_precision("cross_immunity", torch.as_tensor(self.cross_immunity))
        except (TypeError, ValueError) as error:
            raise ValueError(f"cross_immunity cannot be read ({error}): give one row of numbers a strain.") from error
        if matrix.shape[-2:] != (number, number):
            raise ValueError(
                f"cross_immunity has shape {tuple(matrix.shape)} for {number} strains: give one row and one column a "
                "strain, the row for the strain that somebody has had."
            )
        check(
            (matrix,),
            lambda: bool(((matrix >= 0) & (matrix <= 1)).all()),
            lambda: f"cross_immunity runs from {float(matrix.min()):g} to {float(matrix.max()):g}: give 0 to 1.",
        )
        history = torch.arange(2**number, device=matrix.device)
        left = torch.ones(*matrix.shape[:-1], 2**number, device=matrix.device)
        for strain in range(number):  # one after the other: the same product in each world
            met = (1 - matrix[..., strain, :])[..., None]
            left = torch.where((history >> strain) % 2 == 1, left * met, left)
        object.__setattr__(self, "tables", left)

    def start(self, agents: int) -> State:
        """Nobody has had any: `strain`, 0 for none, and `had`, one bit a strain, uint8 `[agents]` each."""
        none = torch.zeros(agents, dtype=torch.uint8)
        return {named(self.name, "strain"): none, named(self.name, "had"): none.clone()}

    def infect(self, s: State, strain: str, where: torch.Tensor) -> State:
        """The changed entries, where some agents are given a strain: the first cases, say.

        Args:
            s: State with the entries of `start`.
            strain: Its name.
            where: bool `[*dims, agents]`.
        """
        validate.known("strain", strain, self.names)
        flags("where", where, s[named(self.name, "had")].shape[-1])
        return self._caught(s, torch.where(where, self.names.index(strain) + 1, 0))

    def carriers(self, s: State, infectious: torch.Tensor) -> dict[str, torch.Tensor]:
        """Who of the infectious has which strain: name -> bool `[*dims, agents]`."""
        carried = s[named(self.name, "strain")]
        return {name: infectious & (carried == number) for number, name in enumerate(self.names, start=1)}

    def susceptibility(self, s: State) -> dict[str, torch.Tensor]:
        """What is left of each strain's hazard after all that an agent has had: name -> float32 `[*dims, agents]`."""
        had = s[named(self.name, "had")]
        tables = self.tables if self.tables.dim() == 2 else self.tables[..., None, :, :]
        return {name: look_up(tables[..., number, :], had) for number, name in enumerate(self.names)}

    def catch(
        self, s: State, hazards: Mapping[str, torch.Tensor], where: torch.Tensor
    ) -> tuple[State, dict[str, torch.Tensor]]:
        """Who is infected in this step, with which strain, when all of them compete.

        Args:
            s: State with the entries of `start`.
            hazards: Strain -> hazard of somebody who has had none, `[*dims, agents]` or `[*dims, 1]`; `susceptibility`
                comes on top.
            where: bool `[*dims, agents]`: who can be infected at all, that is, who is not infected now.

        Returns:
            The changed entries, and strain -> who is infected with it, bool `[*dims, agents]`.

        Raises:
            ValueError: a strain without hazard or a hazard of no strain; a `where` that is not one bool an agent.
        """
        for strain in hazards:
            validate.known("strain", strain, self.names)
        for strain in self.names:
            validate.known("hazard of strain", strain, hazards)
        agents = s[named(self.name, "had")].shape[-1]
        flags("where", where, agents)
        left = self.susceptibility(s)
        each = [left[strain] * single_precision(f"the hazard of {strain}", hazards[strain]) for strain in self.names]
        sums = [each[0]]
        for hazard in each[1:]:
            sums.append(sums[-1] + hazard)
        infected = event(named(self.name, "infection"), sums[-1], where=where)
        # The strain's share of the hazard is its chance, given that somebody is infected.
        luck = exogenous(named(self.name, "strain"), agents, "uniform") * sums[-1]
        number = torch.ones_like(luck, dtype=torch.uint8)
        for below in sums[:-1]:
            number = number + (luck >= below)
        number = torch.where(infected, number, 0)
        changed = self._caught(s, number)
        return changed, {strain: number == k for k, strain in enumerate(self.names, start=1)}

    def forget(self, s: State, where: torch.Tensor) -> State:
        """The changed entries, where immunity is lost or a newborn takes the place: no infection, no history."""
        entries = {name: s[name] for name in (named(self.name, "strain"), named(self.name, "had"))}
        return {name: torch.where(where, torch.zeros_like(value), value) for name, value in entries.items()}

    def _caught(self, s: State, number: torch.Tensor) -> State:
        strain, had = named(self.name, "strain"), named(self.name, "had")
        number = number.to(torch.uint8)
        bit = look_up(torch.tensor([0, *(2**k for k in range(len(self.names)))], device=number.device), number)
        return {
            strain: torch.where(number > 0, number, s[strain]),
            had: (s[had].long() | bit).to(torch.uint8),
        }
