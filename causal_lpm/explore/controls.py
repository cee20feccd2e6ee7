"""The controls of a page: a slider for each policy whose range is known, a switch, or a field for a number."""

from collections.abc import Mapping
from decimal import Decimal
from math import floor, log10
from typing import Any

from shiny import ui

from causal_lpm.explore.start import Start
from causal_lpm.inference.studies.study import Policy, policy_values

__all__ = ["NUMBERS", "numbers", "policies", "policy_id", "step_of"]

NUMBERS = {"agents": "agents", "days": "days", "replicates": "replicates, each with fresh luck", "seed": "seed"}
"""Name -> label of what is chosen beside policies."""
STEPS = 100  # of a slider from end to end, at least
DIGITS = 6  # behind the point
WIDEST = 1e9  # a range beyond says nothing


def policy_id(number: int) -> str:
    """What the control of a policy is called in the page; a policy's own name may have signs that ids may not have."""
    return f"policy_{number}"


def policies(start: Start) -> list[Any]:
    """A control for each policy of the study, which says what the other world of the start does."""
    values = policy_values(start.study, start.acts)
    listed = enumerate(start.study.policies.values())
    return [_control(policy_id(number), policy, float(values[policy.name])) for number, policy in listed]


def numbers(start: Start) -> list[Any]:
    """Fields for agents and days, where the study lets them be chosen, replicates and the seed."""
    values: Mapping[str, int] = {
        "agents": start.options.agents,
        "days": start.options.days,
        "replicates": start.replicates,
        "seed": start.seed,
    }
    chosen = [name for name in NUMBERS if name not in ("agents", "days") or start.free(name)]
    low = {"seed": 0}
    return [ui.input_numeric(name, NUMBERS[name], values[name], min=low.get(name, 1), step=1) for name in chosen]


def _control(name: str, policy: Policy, value: float) -> Any:
    label = ui.TagList(ui.tags.b(policy.name), f" {policy.description}")
    if policy.switch:
        return ui.input_switch(name, label, bool(value))
    step = step_of(policy, value)
    if step is None:
        return ui.input_numeric(name, label, value, step=1 if policy.integer else "any")  # type: ignore[arg-type]
    low, high = (round(policy.low), round(policy.high)) if policy.integer else (policy.low, policy.high)
    return ui.input_slider(name, label, low, high, round(value) if policy.integer else value, step=step, sep="")


def step_of(policy: Policy, value: float) -> float | None:
    """The step of a slider that reaches the default and this value exactly; None where there is no such slider.

    >>> step_of(Policy("share", 0.35, "of all", 0.0, 1.0), 0.35), step_of(Policy("day", 7, "begin", 0, 365, True), 7)
    (0.01, 1)
    >>> step_of(Policy("rate", 1 / 3, "a day", 0.0, 1.0), 0.5)
    """
    width = policy.high - policy.low
    if not 0 < width <= WIDEST:
        return None
    if policy.integer:
        return 1
    places = min(DIGITS, max(0, -floor(log10(width / STEPS))))
    low, ends = Decimal(repr(policy.low)), [Decimal(repr(x)) for x in (policy.default, value, policy.high)]
    for digits in range(places, DIGITS + 1):
        step = Decimal(1).scaleb(-digits)
        if all((end - low) % step == 0 for end in ends):
            return float(step)
    return None
