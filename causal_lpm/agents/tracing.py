"""Contact tracing: the contacts of those who were diagnosed are found and reached, some days later."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor

from causal_lpm import validate
from causal_lpm.agents.columns import flags, shortly
from causal_lpm.agents.days import LAST, NEVER, whole_day
from causal_lpm.agents.earlier_days import EarlierDays
from causal_lpm.agents.layers import Layer, singles
from causal_lpm.agents.naming import named
from causal_lpm.agents.timed_policies import TimedPolicy, hazard, share
from causal_lpm.ops.allocate import CLASSES, allocate
from causal_lpm.ops.events import event
from causal_lpm.ops.looking import check
from causal_lpm.ops.policy import policy
from causal_lpm.ops.population import join_ranges, population
from causal_lpm.ops.tally import tally
from causal_lpm.typing import State

__all__ = ["Tracing", "says_whom"]

PER = 100_000
"""Agents, per whom a capacity is given."""


@dataclass(frozen=True)
class Tracing(TimedPolicy):
    """Contacts of the diagnosed are traced on the day of the diagnosis, and reached `delay` days later.

    Through each layer every contact is found with one probability, once a day, however many of those diagnosed on that
    day it has met. Who is on the list already is not put on it again. Where more are due than can be reached, those
    who are due the longest come first, then chance decides, and the others wait.

    Policies, beside start, end and strength, which multiplies the probabilities: `tracing_delay` in whole days,
    `tracing_capacity` in contacts reached a day per 100,000 agents, and `tracing_adherence`, the share of the reached
    who do as they are told.

    The work goes by the contacts of the diagnosed; a `FreshWattsStrogatz`, in which anybody may be rewired to them,
    takes that of one exposure for each of the days asked for. Fresh layers need the noise of `KeyedNoise` or `Seeds`,
    from which their contacts are made again.

    Args:
        network: Traced through: a layer, a sum of them, or layers by name, which can have probabilities of their own.
        probability: Of finding a contact, or one a layer by name.
        days_back: Of fresh layers, how many days before that of the diagnosis are asked for; that day itself is not, as
            who is diagnosed in the morning has met nobody yet. Fixed layers have the same contacts on all days.
        delay: Days from diagnosis to being reached; 0: on the same day.
        capacity: Contacts reached a day per 100,000 agents.
        adherence: Probability that somebody who is reached does as told, drawn each time.
        name: Stands before policies, entries of the state, tally and noise: one name a kind of tracing.

    Raises:
        ValueError: a network that cannot say who meets whom; layers of different numbers of agents; a probability
            outside [0, 1] or of no layer; days that are not whole numbers from 0; a capacity below 0.

    Source: Kerr et al. (2021), PLOS Computational Biology 17(7), e1009149, for probabilities by layer and a delay.

    >>> from causal_lpm import KeyedNoise, rollout
    >>> from causal_lpm.agents import Groups
    >>> home = Groups(torch.tensor([0, 0, 0, 1]))
    >>> tracing = Tracing(network=home, delay=0)
    >>> def day(s):
    ...     changed, reached = tracing.day(s, torch.tensor([True, False, False, False]))
    ...     return {**s, **changed, "told": reached}
    >>> with KeyedNoise(1):
    ...     rollout(day, {"told": torch.zeros(4).bool(), **tracing.start(4)}, days=1).state["told"]
    tensor([False,  True,  True, False])
    """

    name: str = "tracing"
    start_day: float = 0
    network: Layer | Mapping[str, Layer] = field(kw_only=True)
    probability: float | Mapping[str, float] = field(default=1.0, kw_only=True)
    days_back: int = field(default=2, kw_only=True)
    delay: int = field(default=1, kw_only=True)
    capacity: float = field(default=torch.inf, kw_only=True)
    adherence: float = field(default=1.0, kw_only=True)

    def __post_init__(self) -> None:
        super().__post_init__()
        validate.whole_number("days_back", self.days_back, low=0)
        validate.whole_number("the delay of tracing", self.delay, low=0)
        validate.probability("adherence", self.adherence)
        if not self.capacity >= 0:
            raise ValueError(f"the capacity is {self.capacity}: give contacts a day per 100,000 agents, at least 0.")
        if isinstance(self.probability, Mapping):
            for layer in self.probability:
                validate.known("layer with a probability of tracing", layer, self._layers)
        for layer, network in self._layers.items():
            _check_contacts(network)
            if layer in (given := self._probabilities):
                validate.probability(f"the probability of tracing through {layer or 'the network'}", given[layer])
            else:
                raise ValueError(f"layer {layer!r} has no probability of tracing: give one, 0 for none.")
        if len(sizes := {network.agents for network in self._layers.values()}) != 1:
            raise ValueError(f"the traced layers connect {sorted(sizes)} agents: give layers of the same agents.")

    @property
    def _layers(self) -> Mapping[str, Layer]:
        return self.network if isinstance(self.network, Mapping) else {"": self.network}

    @property
    def _probabilities(self) -> Mapping[str, float]:
        given = self.probability
        return given if isinstance(given, Mapping) else dict.fromkeys(self._layers, given)

    def _earlier(self, layer: str) -> EarlierDays:
        return EarlierDays(self._layers[layer], self.days_back, named(self.name, layer) if layer else self.name)

    def start(self, agents: int) -> State:
        """Nobody is traced: the policies, `{name}_due` int16 `[agents]`, and what fresh layers need for their past.

        Raises:
            ValueError: another number of agents than the layers have.
        """
        _check_agents(self._layers, agents)
        numbers = {"delay": self.delay, "capacity": self.capacity, "adherence": self.adherence}
        entries = {named(self.name, what): policy(named(self.name, what), value) for what, value in numbers.items()}
        for layer in self._layers:
            entries |= self._earlier(layer).start()
        return {**self.policies(), **entries, self._due: torch.full((agents,), NEVER, dtype=torch.int16)}

    @property
    def _due(self) -> str:
        return named(self.name, "due")

    def day(self, s: State, diagnosed: Tensor) -> tuple[State, Tensor]:
        """Contacts of those diagnosed today, then who is reached today; tallies `{name}_reached`.

        Args:
            s: State with `t` and the entries of `start`.
            diagnosed: bool `[*dims, agents]`: who is diagnosed today.

        Returns:
            The changed entries, and who is reached today and does as told, bool `[*dims, agents]`.

        Raises:
            ValueError: a `diagnosed` that is not one bool an agent, steps that are not days, a policy that an
                intervention made impossible.
        """
        today, due = whole_day(s["t"]), s[self._due]
        strength = self.now(s)
        asked = flags("diagnosed", diagnosed, due.shape[-1]) & (strength > 0)
        traced = self._traced(s, asked, strength)
        delay = _delay(named(self.name, "delay"), s, int(today))
        at_once = traced & (delay == 0) & (due == NEVER)
        waiting = torch.where(at_once, today, due)
        reached = self._reached(s, waiting, today)
        left = torch.where(reached, NEVER, waiting)
        booked = traced & (delay > 0) & (left == NEVER)
        changed = {self._due: torch.where(booked, today + delay, left).to(torch.int16)}
        for layer in self._layers:
            changed |= self._earlier(layer).remembering(s)
        tally(named(self.name, "reached"), reached)
        adherence = hazard(share(named(self.name, "adherence"), s))
        return changed, event(named(self.name, "adherence"), adherence, where=reached, at_once=True)

    def _traced(self, s: State, diagnosed: Tensor, strength: Tensor) -> Tensor:
        """Who is found among the contacts, bool `[*dims, agents]`."""
        here = population(diagnosed.shape[-1])
        everybody = join_ranges(diagnosed) if here.is_part else diagnosed
        nobody = not bool(everybody.any())
        found = torch.zeros_like(diagnosed)
        for layer, probability in self._probabilities.items():
            met = everybody if nobody else self._earlier(layer).met(s, everybody)
            met = met.narrow(-1, here.first, here.here) if here.is_part else met
            through = named(self.name, f"through_{layer}" if layer else "through")
            found = found | event(through, hazard(strength * probability), where=met, at_once=True)
        return found

    def _reached(self, s: State, waiting: Tensor, today: Tensor) -> Tensor:
        """Who is reached today of those who wait, as the capacity allows."""
        asks = (waiting > NEVER) & (waiting <= today)
        capacity = s[named(self.name, "capacity")].double() * population(waiting.shape[-1]).total / PER
        check((capacity,), lambda: bool((capacity >= 0).all()), lambda: _impossible(named(self.name, "capacity"), s))
        if bool(capacity.isinf().all()):
            return asks
        # Fractions of contacts a day add up over the days; more than 2**32 are as good as endless.
        rate = capacity.clamp(max=2.0**32)
        supply = ((s["t"] + 1) * rate + 1e-6).floor() - (s["t"] * rate + 1e-6).floor()
        longest_first = (CLASSES - 1 - (today - waiting).int()).clamp(min=0)
        return allocate(named(self.name, "reached"), torch.where(asks, longest_first, CLASSES), supply.long())


def says_whom(network: Layer) -> bool:
    """Whether a network, and every layer of a sum, can say who meets whom.

    >>> from causal_lpm.agents import Groups
    >>> says_whom(Groups(torch.tensor([0, 0])))
    True
    """
    return not _silent(network)


def _silent(network: Layer) -> list[Layer]:
    return [one for one in singles(network) if getattr(type(one), "contacts", Layer.contacts) is Layer.contacts]


def _check_contacts(network: Layer) -> None:
    """Raises ValueError for a network that cannot say who meets whom."""
    for layer in _silent(network):
        raise ValueError(
            f"a {type(layer).__name__} says how many an agent meets, and not whom: trace through other layers, or give "
            "it a method contacts, as causal_lpm.agents.Layer has it."
        )


def _check_agents(layers: Mapping[str, Layer], agents: int) -> None:
    size = next(iter(layers.values())).agents
    if population(agents).total != size:
        raise ValueError(f"tracing of {agents} agents goes through layers of {size}: give layers of the same agents.")


def _delay(name: str, s: State, today: int) -> Tensor:
    """The delay in days, int16; one that ends after all days does not end."""
    delay = s[name]
    check(
        (delay,),
        lambda: bool(((delay >= 0) & (delay == delay.round())).all()),
        lambda: _impossible(name, s),
    )
    return delay.clamp(max=LAST + 1 - today).to(torch.int16)


def _impossible(name: str, s: State) -> str:
    what = "whole days from 0" if name.endswith("delay") else "at least 0"
    return f"policy {name!r} is {shortly(s[name])}: give {what}."
