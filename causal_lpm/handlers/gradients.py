"""Differentiable simulations: what an event passes back to its hazard, and the checks that nothing is lost on the way.

A threshold has no derivative. Both handlers here put the derivative of the probability p = 1 - exp(-hazard) in its
place. Both are biased, because p is not what happened; docs/explanation/gradients.md measures how much. `relaxed` makes
the threshold smooth instead, on the same base; `score` leaves it as it is and is unbiased.
"""

from collections.abc import Iterable, Mapping
from typing import Any

import torch

from causal_lpm import validate
from causal_lpm.handlers.handler import Handler
from causal_lpm.ops.exposure import FIXED_POINT, checked_size
from causal_lpm.ops.number_types import numbers
from causal_lpm.ops.outcomes import data_of, unknown
from causal_lpm.ops.tally import check_groups
from causal_lpm.typing import Dynamics, Network, State

__all__ = ["MeanField", "StraightThrough"]


class Differentiable(Handler):
    """Sums over contacts and over agents that pass gradients on, and refusals where none could flow."""

    def __init__(self) -> None:
        super().__init__()
        self._events: dict[str, Any] = {}  # name -> node of the autograd graph, in the running step
        self._tallies: list[torch.Tensor] = []

    def __repr__(self) -> str:
        return f"{type(self).__name__}()"

    def _sent(self, infectiousness: torch.Tensor) -> torch.Tensor:
        return infectiousness

    def _outcome(self, name: str, happened: torch.Tensor) -> torch.Tensor:
        if happened.grad_fn is not None:
            self._events[name] = happened.grad_fn
        # torch would take a hidden tensor for an empty one, without an error.
        return happened if validate.hidden(happened) else happened.as_subclass(_Outcome)

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
        name, logits, *_ = msg["args"]
        if logits.requires_grad:
            raise ValueError(
                f"the options of choice {name!r} are numbers, through which no gradient flows under "
                f"{type(self).__name__}: write it as events, or give logits.detach()."
            )

    def _pyro_step(self, msg: Any) -> None:
        msg["args"] = (self._checked(msg["args"][0], number=msg["args"][2]), *msg["args"][1:])

    def _checked(self, dynamics: Dynamics, number: int) -> Dynamics:
        def checked(state: State) -> Mapping[str, torch.Tensor]:
            self._events, self._tallies = {}, []
            new = dynamics(state)
            for entry, value in new.items():
                if value.requires_grad and entry in state and not state[entry].is_floating_point():
                    raise ValueError(
                        f"step {number} puts a result with a gradient into {entry!r}, which is {state[entry].dtype} "
                        f"and would cut it off under {type(self).__name__}: begin with a float column of 0 and 1."
                    )
            lost = set(self._events) - _reached(self._events, [*new.values(), *self._tallies], state.values())
            if lost:
                raise ValueError(
                    f"no gradient flows from event {min(lost)!r} of step {number} to the next state or to a tally "
                    f"under {type(self).__name__}: comparisons and conversions to bool or integers cut it off; "
                    "multiply float columns instead, or give the event hazard.detach()."
                )
            return {
                entry: value if validate.hidden(value) else value.as_subclass(torch.Tensor)
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
            into an entry of integers, an event from which no gradient reaches the next state or a tally, a choice whose
            logits carry a gradient.

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
        return _rounded(infectiousness)

    def _pyro_post_event(self, msg: Any) -> None:
        name, hazard, obs, where = msg["args"]
        happened = msg["value"].float()
        msg["value"] = happened if has_data(name, obs) else self._outcome(name, _occurrence(happened, hazard, where))


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
            msg["value"], msg["done"] = self._outcome(name, _occurrence(part, hazard, where)), True


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
    sent = _rounded(_columns(infectiousness))
    return {name: layer.total(sent).float() for name, layer in layers.items()}


def sums_by_group(name: str, values: torch.Tensor, by: torch.Tensor, groups: int) -> torch.Tensor:
    """A tally of floats by group that passes gradients on, float64 `[*dims, groups]`; -1 is in no group."""
    check_groups(name, values, by, groups)
    sums = values.new_zeros((*values.shape[:-1], groups + 1), dtype=torch.float64)
    return sums.index_add(-1, by.long() + 1, values.double())[..., 1:]


def _columns(infectiousness: torch.Tensor) -> torch.Tensor:
    # float64 stays, so that it is rounded as the plain simulation rounds it; float32 has the other types exactly.
    return infectiousness if infectiousness.dtype == torch.float64 else infectiousness.float()


def _rounded(infectiousness: torch.Tensor) -> torch.Tensor:
    # The fixed-point messages of the plain simulation, whose float sum is then the same number.
    rounded: torch.Tensor = _FixedPoint.apply(infectiousness)  # type: ignore[no-untyped-call]
    return rounded


def _occurrence(value: torch.Tensor, hazard: torch.Tensor, where: torch.Tensor | None) -> torch.Tensor:
    happened: torch.Tensor = _Occurrence.apply(value, hazard, where)  # type: ignore[no-untyped-call]
    return happened


class _Occurrence(torch.autograd.Function):
    """The given outcome, with the derivative of 1 - exp(-hazard)."""

    @staticmethod
    def forward(ctx: Any, value: torch.Tensor, hazard: torch.Tensor, where: torch.Tensor | None) -> torch.Tensor:
        ctx.save_for_backward(hazard, where)
        return value

    @staticmethod
    def backward(ctx: Any, *gradient: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        hazard, where = ctx.saved_tensors
        slope = gradient[0] * torch.exp(-hazard)
        return None, (slope if where is None else torch.where(where, slope, 0.0)).sum_to_size(hazard.shape), None


class _FixedPoint(torch.autograd.Function):
    """Rounded to multiples of 1 / FIXED_POINT, passing the gradient on as if it were not."""

    @staticmethod
    def forward(ctx: Any, x: torch.Tensor) -> torch.Tensor:
        return (x * FIXED_POINT).round() / FIXED_POINT

    @staticmethod
    def backward(ctx: Any, *gradient: torch.Tensor) -> torch.Tensor:
        return gradient[0]


_CUTTING = {"bool", "byte", "short", "int", "long", "nonzero", "argwhere", "isclose", "equal", "__bool__"}
_CUTTING |= {f"{bitwise}_{op}" for bitwise in ("bitwise", "logical") for op in ("and", "or", "xor", "not")}
_CUTTING |= {f"__{side}{op}__" for side in ("", "r", "i") for op in ("and", "or", "xor")} | {"__invert__"}
_CUTTING |= {f"{under}{op}{under}" for under in ("", "__") for op in ("eq", "ne", "lt", "le", "gt", "ge")}
# These leave 0 and 1 as they are, but their derivatives are 0, or not that of the event.
_CUTTING |= {"round", "sign", "sgn", "ceil", "floor", "trunc", "fix", "floor_divide", "__floordiv__", "__rfloordiv__"}
_CUTTING |= {"pow", "__pow__", "__rpow__", "__ipow__", "float_power", "square"}


class _Outcome(torch.Tensor):
    """An event under a gradient handler: a float that refuses logic, rounding and powers; its products are plain."""

    @classmethod
    def __torch_function__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        name = getattr(func, "__name__", "")
        condition = args[:1] if func is torch.where else args[1:2]  # the second of x.where and x.masked_fill
        masked = name in ("where", "masked_fill") and any(isinstance(x, _Outcome) for x in condition)
        if name in _CUTTING or name.removesuffix("_") in _CUTTING or masked:
            raise ValueError(
                f"{name.strip('_')!r} of an event under a gradient handler, where events are floats and the "
                "gradient would be lost or wrong: multiply float columns, as in s['S'] * event(...), instead of using "
                "&, |, ~, comparisons, masks, rounding or powers."
            )
        with torch._C.DisableTorchFunctionSubclass():
            return func(*args, **(kwargs or {}))


def _reached(events: Mapping[str, Any], ends: Iterable[torch.Tensor], begins: Iterable[torch.Tensor]) -> set[str]:
    """Names of the events from which a gradient flows to one of `ends`, searched no further back than `begins`."""
    names = {node: name for name, node in events.items()}
    seen = {begin.grad_fn for begin in begins}
    found: set[str] = set()
    waiting = [end.grad_fn for end in ends]
    while waiting and len(found) < len(events):
        node = waiting.pop()
        if node is None or node in seen:
            continue
        seen.add(node)
        if node in names:
            found.add(names[node])
        waiting += [following for following, _ in node.next_functions]
    return found
