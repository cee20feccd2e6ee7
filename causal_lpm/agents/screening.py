"""Who comes for a test: a share a day of those with symptoms, and another of those without."""

from dataclasses import dataclass, field

import torch

from causal_lpm import validate
from causal_lpm.agents.columns import flags
from causal_lpm.agents.naming import named
from causal_lpm.agents.timed_policies import TimedPolicy, hazard
from causal_lpm.ops.events import event
from causal_lpm.typing import State

__all__ = ["Screening"]


@dataclass(frozen=True)
class Screening(TimedPolicy):
    """Tests in numbers that somebody decides: strength times a probability a day, with and without symptoms.

    It says who is swabbed; `Testing` says when results come and whether they are right. As that takes those for whom a
    test can be positive, hand it the swabbed who are infectious: `testing.day(s, swabbed & infectious)`.

    Args:
        with_symptoms: Probability a day that somebody with symptoms is tested.
        without: The same of somebody without.

    Raises:
        ValueError: a probability outside [0, 1].

    >>> screening = Screening(with_symptoms=1.0, without=0.0, start_day=0)
    >>> ill, all_ = torch.tensor([True, False]), torch.tensor([True, True])
    >>> screening.swabbed({**screening.policies(), "t": torch.tensor(0.0)}, ill, among=all_)
    tensor([ True, False])
    """

    name: str = "screening"
    start_day: float = 0
    with_symptoms: float = field(default=0.2, kw_only=True)
    without: float = field(default=0.001, kw_only=True)

    def __post_init__(self) -> None:
        super().__post_init__()
        validate.probability("with_symptoms", self.with_symptoms)
        validate.probability("without", self.without)

    def start(self, agents: int) -> State:
        """The policies; nothing is kept of an agent."""
        return self.policies()

    def swabbed(self, s: State, symptomatic: torch.Tensor, among: torch.Tensor) -> torch.Tensor:
        """Who is tested today, bool `[*dims, agents]`.

        Args:
            s: State with `t` and the entries of `start`.
            symptomatic: bool `[*dims, agents]`.
            among: bool `[*dims, agents]`: who may be tested at all, such as those not yet diagnosed.

        Raises:
            ValueError: a `symptomatic` or `among` that is not one bool an agent.
        """
        agents = among.shape[-1]
        strength, symptoms = self.now(s), flags("symptomatic", symptomatic, agents)
        rate = torch.where(symptoms, hazard(strength * self.with_symptoms), hazard(strength * self.without))
        return event(named(self.name, "swab"), rate, where=flags("among", among, agents))
