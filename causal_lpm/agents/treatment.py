"""Treatment of the ill: a share of them is treated until they are well, and passes less on."""

from dataclasses import dataclass, field

import torch

from causal_lpm import validate
from causal_lpm.agents.columns import flags
from causal_lpm.agents.days import whole_day
from causal_lpm.agents.naming import named
from causal_lpm.agents.timed_policies import TimedPolicy, hazard
from causal_lpm.ops.events import event
from causal_lpm.typing import State

__all__ = ["Treatment"]


@dataclass(frozen=True)
class Treatment(TimedPolicy):
    """A share, the strength, of those who fall ill while it is in force is treated until they are well.

    Who is treated goes on until well, also after the end. What else treatment does, such as to the risk of hospital, is
    the model's: multiply by `1 - effect * treated`.

    Args:
        reduction: Share of what the treated send that treatment holds back.

    Raises:
        ValueError: a share outside [0, 1].

    >>> treatment = Treatment(strength=1.0, reduction=0.75, start_day=0)
    >>> s = {**treatment.start(2), "t": torch.tensor(0.0)}
    >>> ill = torch.tensor([True, False])
    >>> changed = treatment.day(s, falls_ill=ill, ill=ill)
    >>> treatment.sending({**s, **changed})
    tensor([0.2500, 1.0000])
    """

    name: str = "treatment"
    reduction: float = field(default=0.5, kw_only=True)

    def __post_init__(self) -> None:
        super().__post_init__()
        validate.probability("reduction", self.reduction)

    def start(self, agents: int) -> State:
        """The policies, and nobody in treatment: `{name}_given`, bool `[agents]`."""
        return {**self.policies(), named(self.name, "given"): torch.zeros(agents, dtype=torch.bool)}

    def day(self, s: State, falls_ill: torch.Tensor, ill: torch.Tensor) -> State:
        """Treatments that begin and end; the changed entry.

        Args:
            s: State with `t` and the entries of `start`.
            falls_ill: bool `[*dims, agents]`: who could begin today, such as those whose diagnosis comes today.
            ill: bool `[*dims, agents]`: who is still ill, today's included.

        Raises:
            ValueError: a `falls_ill` or `ill` that is not one bool an agent, steps that are not days.
        """
        whole_day(s["t"])  # a share of those who fall ill is no rate, which a shorter step would divide
        given = s[named(self.name, "given")]
        new = flags("falls_ill", falls_ill, given.shape[-1]) & ~given
        begins = event(named(self.name, "begins"), hazard(self.now(s)), where=new, at_once=True)
        return {named(self.name, "given"): (given | begins) & flags("ill", ill, given.shape[-1])}

    def treated(self, s: State) -> torch.Tensor:
        """Who is in treatment, bool `[*dims, agents]`."""
        return s[named(self.name, "given")]

    def sending(self, s: State) -> torch.Tensor:
        """What is left of what each agent sends, float32 `[*dims, agents]`."""
        return 1 - self.reduction * self.treated(s).float()
