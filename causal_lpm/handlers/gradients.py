"""Differentiable simulations: what an event passes back to its hazard, and the checks that nothing is lost on the way.

A threshold has no derivative. Both handlers here put the derivative of the probability p = 1 - exp(-hazard) in its
place. Both are biased, because p is not what happened; docs/explanation/gradients.md measures how much. `relaxed` makes
the threshold smooth instead, on the same base; `score` leaves it as it is and is unbiased.
"""

from collections.abc import Mapping
from typing import Any

import torch

from causal_lpm import validate
from causal_lpm.handlers.handler import Handler
from causal_lpm.handlers.lost_gradients import Outcome, reached, without_gradient
from causal_lpm.handlers.pathwise import chosen, occurrence, rounded, threshold
from causal_lpm.ops.above import check_margin
from causal_lpm.ops.events import checked_logits
from causal_lpm.ops.exposure import checked_size
from causal_lpm.ops.number_types import numbers
from causal_lpm.ops.outcomes import data_of, unknown
from causal_lpm.ops.simulation import Rollout
from causal_lpm.ops.tally import check_groups
from causal_lpm.typing import Dynamics, Network, State

__all__ = ["MeanField", "StraightThrough"]


class Differentiable(Handler):
    """Sums over contacts and over agents that pass gradients on, and refusals where none could flow."""

    one_process = True

    def __init__(self) -> None:
        super().__init__()
        self._events: dict[str, Any] = {}  # name -> node of the autograd graph, in the running step
        self._tallies: list[torch.Tensor] = []

    def __repr__(self) -> str:
        return f"{type(self).__name__}()"

    def _sent(self, infectiousness: torch.Tensor) -> torch.Tensor:
        return infectiousness

    def _outcome(self, name: str, happened: torch.Tensor, kind: str = "event") -> torch.Tensor:
        if happened.grad_fn is not None:
            self._events[f"{kind} {name!r}"] = happened.grad_fn
        # torch would take a hidden tensor for an empty one, without an error.
        return happened if validate.hidden(happened) else happened.as_subclass(Outcome)

    def _height(self, margin: torch.Tensor, width: float) -> torch.Tensor:
        """How far a margin is above 0, as a float."""
        return torch.sigmoid(margin / width)

    def _pyro_exposure(self, msg: Any) -> None:
        layers, infectiousness = msg["args"]
        if not infectiousness.is_floating_point():
            raise ValueError(
                f"an exposure sums {infectiousness.dtype} under {type(self).__name__}, and no gradient flows through "
                "comparisons: keep a float column of 0 and 1 in the state (s['I'], say) and sum that; where nothing is "
                "to flow, give .float()."
            )
        checked_size(infectiousness)
        sent = self._sent(_columns(infectiousness))
        msg["value"], msg["done"] = {name: layer.total(sent).float() for name, layer in layers.items()}, True

    def _pyro_tally(self, msg: Any) -> None:
        _, values, by, _ = msg["args"]
        if by is not None and values.is_floating_point():
            msg["value"], msg["done"] = sums_by_group(*msg["args"]), True

    # Data are numbers among the fractions.
    def _pyro_post_event(self, msg: Any) -> None:
        name, _, obs, _ = msg["args"]
        if has_data(name, obs):
            msg["value"] = msg["value"].float()

    def _pyro_post_tally(self, msg: Any) -> None:
        self._tallies.append(msg["value"])

    def _pyro_choose(self, msg: Any) -> None:
        name, logits, *_, one_hot = msg["args"]
        if logits.requires_grad and not one_hot:
            raise ValueError(
                f"the options of choice {name!r} are numbers, through which no gradient flows under "
                f"{type(self).__name__}: ask for one_hot=True, write it as events, or give logits.detach()."
            )

    def _pyro_post_choose(self, msg: Any) -> None:
        name, _, obs, _, one_hot = msg["args"]
        if one_hot and has_data(name, obs):
            msg["value"] = msg["value"].float()

    def _pyro_above(self, msg: Any) -> None:
        name, margin, width = msg["args"]
        check_margin(name, margin.detach())
        margin = margin if margin.is_floating_point() else margin.float()
        msg["value"], msg["done"] = self._outcome(name, self._height(margin, width), "threshold"), True

    def _pyro_post_rollout(self, msg: Any) -> None:
        run = msg["value"]
        if torch.is_grad_enabled():
            series = {
                name: x if x.requires_grad or validate.hidden(x) else without_gradient(x)
                for name, x in run.tallies.items()
            }
            msg["value"] = Rollout(run.state, series, run.stocks)

    def _pyro_step(self, msg: Any) -> None:
        msg["args"] = (self._checked(msg["args"][0], number=msg["args"][2]), *msg["args"][1:])

    def _checked(self, dynamics: Dynamics, number: int) -> Dynamics:
        def checked(state: State) -> Mapping[str, torch.Tensor]:
            self._events, self._tallies = {}, []
            # As it is now: the dynamics may write into it, or put other tensors into the dictionary.
            types, begins = {k: x.dtype for k, x in state.items()}, [x.grad_fn for x in state.values()]
            new = dynamics(state)
            for entry, value in new.items():
                if value.requires_grad and entry in types and not types[entry].is_floating_point:
                    raise ValueError(
                        f"step {number} puts a result with a gradient into {entry!r}, which is {types[entry]} "
                        f"and would cut it off under {type(self).__name__}: begin with a float column of 0 and 1."
                    )
            lost = set(self._events) - reached(self._events, [*new.values(), *self._tallies], begins)
            if lost:
                raise ValueError(
                    f"no gradient flows from {min(lost)} of step {number} to the next state or to a tally "
                    f"under {type(self).__name__}: comparisons and conversions to bool or integers cut it off; "
                    "multiply float columns instead, or detach what it is given, as in hazard.detach()."
                )
            # What is passed on stays the very tensor that it was.
            return {
                entry: value.as_subclass(torch.Tensor) if isinstance(value, Outcome) else value
                for entry, value in new.items()
            }

        return checked


class StraightThrough(Differentiable):
    """The exact simulation forward, the gradient of its probabilities backward. Biased.

    Every event happens or not as it does without the handler, by the same noise, so all tallies are the same bit for
    bit; it may stand inside or outside of `KeyedNoise`. Backward, d happened / d hazard is exp(-hazard), the derivative
    of p = 1 - exp(-hazard). It is biased because an outcome is put into products as if it were a number in between: on
    an SIR of 1000 agents over 40 days, d E[infected] / d beta came out too large by 74%, 114% and 165% at attack rates
    of 14%, 33% and 82%, on 5000 agents by 66%, 97% and 118% (12,000 pairs with common random numbers;
    docs/explanation/gradients.md). With `where` in `event` it was worse (220% and 180% in the last case): leave it out.

    A model for gradients keeps float columns of 0 and 1 in its state and multiplies them by events, which under this
    handler are float32. It runs without the handler as well, where they are bool. A model that cuts a gradient off is
    refused. Events with data (`obs`, or a condition on their site) keep their data and pass nothing back.

    Raises:
        ValueError: logic, comparisons, rounding or powers of an event, a bool exposure, a result with a gradient put
            into an entry of integers, an event, threshold or choice from which no gradient reaches the next state or a
            tally, a choice whose logits carry a gradient and that is not `one_hot`; and, when a gradient is asked of a
            series that has none, that nothing in it depends on the parameter through floats.

    Source: Bengio, Leonard and Courville (2013), Estimating or propagating gradients through stochastic neurons,
    arXiv:1308.3432.

    >>> import torch
    >>> from causal_lpm import KeyedNoise, event, rollout, tally
    >>> def infection(s):
    ...     infected = s["S"] * event("infection", s["hazard"].expand(1000))
    ...     tally("infections", infected)
    ...     return {**s, "S": s["S"] - infected}
    >>> hazard = torch.tensor([0.1], requires_grad=True)
    >>> with KeyedNoise(1), StraightThrough():
    ...     series = rollout(infection, {"S": torch.ones(1000), "hazard": hazard}, days=1).tallies["infections"]
    >>> series.sum().backward()
    >>> hazard.grad  # 1000 exp(-0.1)
    tensor([904.8...])
    """

    def _sent(self, infectiousness: torch.Tensor) -> torch.Tensor:
        return rounded(infectiousness)

    def _pyro_post_event(self, msg: Any) -> None:
        name, hazard, obs, where = msg["args"]
        happened = msg["value"].float()
        msg["value"] = happened if has_data(name, obs) else self._outcome(name, occurrence(happened, hazard, where))

    def _pyro_post_choose(self, msg: Any) -> None:
        super()._pyro_post_choose(msg)
        name, logits, obs, _, one_hot = msg["args"]
        if one_hot and not has_data(name, obs):
            msg["value"] = self._outcome(name, chosen(msg["value"], checked_logits(name, logits)), "choice")

    def _height(self, margin: torch.Tensor, width: float) -> torch.Tensor:
        return threshold(margin, width)


class MeanField(Differentiable):
    """Every event happens to the fraction p = 1 - exp(-hazard) of each agent: deterministic, smooth, no noise. Biased.

    Agents are probabilities that are independent of each other: an epidemic cannot die out, and an agent can be
    infected back by those it has infected. On an SIR of 1000 agents over 40 days, at attack rates of 14%, 33% and 82%,
    E[infected] came out 82%, 64% and 8% too large, and d E[infected] / d beta off by +92%, +11% and -41%; on 5000
    agents the derivative by +74%, +4% and -37% (12,000 pairs with common random numbers;
    docs/explanation/gradients.md). The gradient is exact for this deterministic model; the model is the approximation.
    What is asked of a model, and what data do, is as for `StraightThrough`.

    Raises:
        ValueError: as in `StraightThrough`.

    Source: Sharkey (2008), Deterministic epidemiological models at the individual level, J Math Biol 57.

    >>> import torch
    >>> from causal_lpm import event
    >>> with MeanField():
    ...     torch.ones(2) * event("infection", torch.tensor([0.0, 0.1]))
    tensor([0.0000, 0.0952])
    """

    def _pyro_event(self, msg: Any) -> None:
        name, hazard, obs, where = msg["args"]
        if not has_data(name, obs):
            validate.hazard(name, hazard.detach())
            part = -torch.expm1(-hazard.detach())
            part = part if where is None else torch.where(where, part, 0.0)
            msg["value"], msg["done"] = self._outcome(name, occurrence(part, hazard, where)), True

    def _pyro_choose(self, msg: Any) -> None:
        super()._pyro_choose(msg)
        name, logits, obs, _, one_hot = msg["args"]
        if one_hot and not has_data(name, obs):
            shares = checked_logits(name, logits).softmax(-1)
            msg["value"], msg["done"] = self._outcome(name, shares, "choice"), True


def has_data(name: str, obs: torch.Tensor | None) -> bool:
    """Whether a response is observed; refused where only some agents are, as gradients of the others would be lost."""
    data = data_of(name, obs)
    if data is not None and unknown(numbers(f"what is observed of {name!r}", data)) is not None:
        raise ValueError(
            f"of some agents it is unknown (NaN) what is observed of {name!r}, and their gradient would be lost: where "
            "gradients are wanted, observe all agents, or write one event for those observed and one for the others."
        )
    return data is not None


def exact_exposure(layers: Mapping[str, Network], infectiousness: torch.Tensor) -> dict[str, torch.Tensor]:
    """The exposure of the plain simulation, to the bit, through which a gradient flows back to the infectiousness."""
    checked_size(infectiousness)
    sent = rounded(_columns(infectiousness))
    return {name: layer.total(sent).float() for name, layer in layers.items()}


def sums_by_group(name: str, values: torch.Tensor, by: torch.Tensor, groups: int) -> torch.Tensor:
    """A tally of floats by group that passes gradients on, float64 `[*dims, groups]`; -1 is in no group."""
    check_groups(name, values, by, groups)
    sums = values.new_zeros((*values.shape[:-1], groups + 1), dtype=torch.float64)
    return sums.index_add(-1, by.long() + 1, values.double())[..., 1:]


def _columns(infectiousness: torch.Tensor) -> torch.Tensor:
    # float64 stays, so that it is rounded as the plain simulation rounds it; float32 has the other types exactly.
    return infectiousness if infectiousness.dtype == torch.float64 else infectiousness.float()
