"""A line list: who was infected, tested or vaccinated when, as data of a model."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import torch

from causal_lpm.handlers.steps import steps_until
from causal_lpm.inference.individuals.line_list_conditioning import Conditioning
from causal_lpm.inference.individuals.line_list_table import Table, records
from causal_lpm.inference.individuals.model_events import BEFORE, ModelEvent, events_of
from causal_lpm.inference.program.program import Model
from causal_lpm.inference.runs.run_folder import fingerprint
from causal_lpm.validate import known, whole_number

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["LineList"]

Complete: TypeAlias = "Iterable[str] | Mapping[str, Iterable[int]]"


class LineList:
    """Who was infected, tested or vaccinated when: what is known of single agents, checked against a model.

    What is known of an event, agent by agent:

    - The event of a listed agent happened on the listed days, and on no other. Where `happened` is 0, it did not on
      that day; where it is empty, nothing is known of that day.
    - An agent whom the list does not have, or not with an event that happened, is unknown: the simulation decides.
    - For events in `complete`, agents that are not listed did not have it, on any day.

    Of a choice (`choose`), `happened` is the number of the option, and days that are not listed are unknown.

    An event must say by `where` whom it concerns, or be warned of. That it did not happen to all others is then certain
    and counts nothing.

    Args:
        table: A data frame, a mapping of columns, or the path of a CSV or Parquet file. Columns: `agent`, its number
            from 0; `day` since the simulation began, that of the step that contains it, or empty for what comes
            before the simulation; `event`, its name in the model (after that of its rollout, `"name/event"`, if it has
            one); and `happened`, 1 if it is left out.
        model: The Pyro program, run once with a draw of its prior to see which events it has, and when.
        complete: Events of which all that happened are listed; with agents, of these agents only.

    Attributes:
        table: The rows.
        events: Name -> event of the model, of those that are listed or complete.
        data: Name of a site -> float32 `[agents]`, NaN where nothing is known; what ChiRho's `condition` takes. A
            tensor is made when it is asked for.

    Raises:
        ValueError: a table that is none (see its columns above), unknown events, agents or days that the model does not
            have, an event of an agent twice in a step, outcomes that do not exist, a choice without its option, an
            event that the model observes itself.

    >>> import torch
    >>> from causal_lpm import KeyedNoise, event, rollout
    >>> def model():
    ...     def day(s):
    ...         return {"ill": s["ill"] | event("infection", 0.1, where=~s["ill"])}
    ...
    ...     return rollout(day, {"ill": torch.zeros(5, dtype=torch.bool)}, days=3)
    >>> seen = LineList({"agent": [4, 1], "day": [0, 2], "event": "infection"}, model, complete=["infection"])
    >>> with KeyedNoise(1), seen.conditioning() as conditioning:
    ...     model().state["ill"].tolist()
    [False, True, False, False, True]
    >>> float(conditioning.total())  # 2 log(1 - exp(-0.1)) - 0.1 * (4 + 4 + 3)
    -5.8...
    """

    def __init__(self, table: Table, model: Model, complete: Complete = ()) -> None:
        self.table = records(table)
        of_model = events_of(model)
        everyone = complete if isinstance(complete, Mapping) else dict.fromkeys(_names(complete))
        for name in dict.fromkeys([*self.table["event"], *everyone]):
            known("event of the model", name, of_model)
        self.events = {name: of_model[name] for name in dict.fromkeys([*self.table["event"], *everyone])}
        for event in self.events.values():
            if event.observed:
                raise ValueError(
                    f"the line list has {event.kind} {event.name!r}, which the model observes already: give its data "
                    "in one place."
                )
            if event.recurs:
                warnings.warn(
                    f"event {event.name!r} is asked again of agents to whom it has happened, and has no where=: if the "
                    "model takes it back from some, as in event(...) & susceptible, give where=susceptible, or what is "
                    "known of them counts on days on which it says nothing.",
                    stacklevel=2,
                )
        groups = {str(name): rows for name, rows in self.table.groupby("event", sort=False)}
        nothing = self.table.iloc[:0]
        self.data: Mapping[str, torch.Tensor] = _Sites(
            _Known(event, groups.get(name, nothing), name in everyone, everyone.get(name))
            for name, event in self.events.items()
        )

    def conditioning(self, refuse: bool = True) -> Conditioning:
        """A handler under which the model's agents did what the list says, and that adds up log p, day by day.

        Args:
            refuse: Whether a run stops where no row can give the list. Otherwise such rows have log p -inf, as all
                rows that cannot; a Markov chain, which may try out what is impossible, needs that.
        """
        return Conditioning(self.data, refuse)

    def fingerprint(self) -> str:
        """Sixteen hexadecimal digits of what it says."""
        return fingerprint({site: known.numpy() for site, known in self.data.items()})

    def __repr__(self) -> str:
        return f"LineList({len(self.table)} rows of {', '.join(map(repr, self.events))})"


def _names(complete: Iterable[str]) -> list[str]:
    return [complete] if isinstance(complete, str) else list(complete)


class _Known:
    """What is known of one event: a value for whom all days are known, and the values of single days."""

    def __init__(self, event: ModelEvent, rows: pd.DataFrame, complete: bool, agents: Iterable[int] | None) -> None:
        self.event = event
        numbers = rows["agent"].to_numpy()
        for row, agent in zip(rows.index, numbers, strict=True):
            _check_agent(event, agent, f"row {row} of the line list")
        outcomes = rows["happened"].to_numpy()
        self._check_outcomes(rows, outcomes, complete)
        self.fully = torch.zeros(event.agents, dtype=torch.bool)
        if event.kind == "event":
            self.fully[torch.from_numpy(numbers[outcomes == 1])] = True
            self.fully |= self._complete(complete, agents)
        self.days: dict[int, tuple[list[int], list[float]]] = {}
        seen: dict[tuple[int, int], float] = {}
        for row, agent, day, outcome in zip(rows.index, numbers.tolist(), rows["day"], outcomes.tolist(), strict=True):
            step = self._step(row, agent, day)
            if (before := seen.get((agent, step))) is not None:
                raise ValueError(
                    f"the line list has {event.name!r} of agent {agent} on day {before:g} and on day {day:g}, which "
                    f"are one step of {event.length:g} days: leave one of them out."
                )
            seen[agent, step] = day
            at = self.days.setdefault(step, ([], []))
            at[0].append(agent)
            at[1].append(outcome)

    def _check_outcomes(self, rows: pd.DataFrame, outcomes: Any, complete: bool) -> None:
        event = self.event
        if event.kind == "choice" and (complete or not rows["given"].all()):
            what = "is said to be complete" if complete else "has no column 'happened'"
            raise ValueError(
                f"choice {event.name!r} {what}: a choice has {event.outcomes} options; list the number of each one in "
                "'happened'."
            )
        if (outcomes >= event.outcomes).any():
            at = int((outcomes >= event.outcomes).nonzero()[0][0])
            raise ValueError(
                f"row {rows.index[at]} of the line list says {outcomes[at]:g} of {event.kind} {event.name!r}: give a "
                f"whole number from 0 to {event.outcomes - 1}."
            )

    def _complete(self, complete: bool, agents: Iterable[int] | None) -> torch.Tensor:
        if not complete or agents is None:
            return torch.full((self.event.agents,), complete)
        chosen = torch.zeros(self.event.agents, dtype=torch.bool)
        for agent in agents:
            number = whole_number(f"an agent of whom {self.event.name!r} is complete", agent, low=0)
            _check_agent(self.event, number, f"complete {self.event.name!r}")
            chosen[number] = True
        return chosen

    def _step(self, row: Any, agent: int, day: float) -> int:
        event = self.event
        if np.isnan(day):
            if BEFORE not in event.sites:
                raise ValueError(
                    f"row {row} of the line list has no day for {event.name!r} of agent {agent}, which happens during "
                    "the simulation: give the day."
                )
            return BEFORE
        begin, end = event.days
        step = steps_until(day, event.length)
        if not begin <= day < end:
            raise ValueError(
                f"row {row} of the line list has {event.name!r} of agent {agent} on day {day:g}, outside of the "
                f"simulated days {begin:g} to {end:g}, the last left out: correct it, or simulate longer."
            )
        if step not in event.sites:
            raise ValueError(
                f"row {row} of the line list has {event.name!r} of agent {agent} on day {day:g}, on which the model "
                "does not ask for it."
            )
        return step

    @property
    def sites(self) -> dict[str, int]:
        """The sites of which something is known, with the numbers of their steps."""
        every = bool(self.fully.any())
        return {site: step for step, site in self.event.sites.items() if every or step in self.days}

    def at(self, step: int) -> torch.Tensor:
        """What is known of a step, float32 `[agents]`, NaN of whom nothing is."""
        value = torch.where(self.fully, 0.0, torch.nan)
        if step in self.days:
            agents, outcomes = self.days[step]
            value[torch.tensor(agents)] = torch.tensor(outcomes)
        return value.to(self.event.device)


class _Sites(Mapping[str, torch.Tensor]):
    """Data by name of site, made when they are asked for."""

    def __init__(self, events: Iterable[_Known]) -> None:
        self._places = {site: (event, step) for event in events for site, step in event.sites.items()}

    def __getitem__(self, site: str) -> torch.Tensor:
        event, step = self._places[site]
        return event.at(step)

    def __contains__(self, site: object) -> bool:
        return site in self._places

    def __iter__(self) -> Iterator[str]:
        return iter(self._places)

    def __len__(self) -> int:
        return len(self._places)


def _check_agent(event: ModelEvent, agent: int, what: str) -> None:
    if agent >= event.agents:
        raise ValueError(
            f"{what} has agent {agent}, and {event.kind} {event.name!r} concerns {event.agents} agents: their numbers "
            "begin with 0."
        )
