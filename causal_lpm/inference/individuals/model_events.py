"""What can be observed of a model's agents: its events and choices, and when they are asked, as one run shows."""

from dataclasses import dataclass, field
from typing import Any, Literal

import torch

from causal_lpm.handlers.handler import Handler
from causal_lpm.inference.program.program import Model, read
from causal_lpm.ops.outcomes import data_of
from causal_lpm.ops.step import running_step, step_length

__all__ = ["BEFORE", "ModelEvent", "events_of"]

BEFORE = -1
"""The number of the step, for what happens before the simulation."""


@dataclass
class ModelEvent:
    """An `event` or a `choose` of a model.

    Attributes:
        name: As the model gives it, after the name of its rollout, if it has one.
        kind: Which of the two.
        agents: How many agents it concerns.
        outcomes: How many outcomes an agent has, numbered from 0.
        device: Where the agents are.
        length: Of a step in days.
        sites: Number of a step -> name of the site; of what comes before the simulation, `BEFORE`.
        observed: Whether the model, or a condition around it, observes it.
        recurs: Whether it has no `where`, and is asked again of an agent to whom it has happened.
    """

    name: str
    kind: Literal["event", "choice"]
    agents: int
    outcomes: int
    device: torch.device
    length: float
    sites: dict[int, str] = field(default_factory=dict)
    observed: bool = False
    recurs: bool = False

    @property
    def days(self) -> tuple[float, float]:
        """The day on which its first step begins, and the one on which its last ends."""
        steps = [step for step in self.sites if step != BEFORE]
        return min(steps, default=0) * self.length, (max(steps, default=-1) + 1) * self.length


class _Reader(Handler):
    """Sees every event and choice of one run."""

    def __init__(self) -> None:
        super().__init__()
        self.events: dict[str, ModelEvent] = {}
        self._happened: dict[str, torch.Tensor] = {}

    def _pyro_post_event(self, msg: Any) -> None:
        name, hazard, obs, where = msg["args"]
        event, happened = self._seen(name, obs, hazard, msg["value"].shape[-1], "event", 2), msg["value"] > 0
        before = self._happened.get(event.name, torch.zeros_like(happened))
        event.recurs |= where is None and bool((before & (hazard > 0)).any())
        self._happened[event.name] = before | happened

    def _pyro_post_choose(self, msg: Any) -> None:
        name, logits, obs, *_ = msg["args"]
        self._seen(name, obs, logits, logits.shape[-2], "choice", logits.shape[-1])

    def _seen(
        self, name: str, obs: Any, of: torch.Tensor, agents: int, kind: Literal["event", "choice"], outcomes: int
    ) -> ModelEvent:
        step = running_step()
        full = (step.prefix if step else "") + name
        event = self.events.setdefault(full, ModelEvent(full, kind, agents, outcomes, of.device, step_length()))
        event.sites[step.number if step else BEFORE] = (step.site_prefix if step else "") + name
        event.observed |= data_of(name, obs) is not None
        return event


def events_of(model: Model) -> dict[str, ModelEvent]:
    """The events and choices of a model, as one run with a draw of its prior shows them.

    >>> from causal_lpm import event, rollout
    >>> def model():
    ...     def day(s):
    ...         return {"ill": s["ill"] | event("infection", 0.1, where=~s["ill"])}
    ...
    ...     return rollout(day, {"ill": torch.zeros(5, dtype=torch.bool)}, days=3)
    >>> infection = events_of(model)["infection"]
    >>> infection.kind, infection.agents, infection.sites[2]
    ('event', 5, 't=2/infection')
    """
    reader = _Reader()
    read(model, reader)
    return reader.events
