"""What an outcome depends on: its gradient by all parameters at once, with finite differences beside it."""

from collections.abc import Iterable, Mapping, Sequence

import xarray as xr

from causal_lpm.handlers import MeanField
from causal_lpm.inference.gradients.gradient_check import LEAST_BYTES
from causal_lpm.inference.gradients.gradient_samples import Estimator, differences, named, seeds_of, slopes, steps_of
from causal_lpm.inference.program.parametric import At, Model, Outcome, parametric
from causal_lpm.validate import fits_in_memory, whole_number

__all__ = ["sensitivity"]


def sensitivity(
    model: Model,
    outcome: Outcome,
    wrt: Iterable[str] | None = None,
    at: At | None = None,
    *,
    by: Sequence[str] | None = None,
    estimator: Estimator | None = None,
    replicates: int = 1,
    pairs: int = 2,
    step: float | Mapping[str, float] = 0.05,
    seed: int = 0,
) -> xr.Dataset:
    """The gradient of a tally's total by all parameters, from one differentiable run.

    The run costs the same for one parameter and for thousands (groups go backward side by side), but its estimator is
    biased where it is not `Score`: the finite differences, two exact simulations a parameter and pair, say how much. An
    SIR on two layers, 100,000 agents and 60 days, with six parameters and four age groups: 2.2 s of one core for the
    gradient alone, 5.5 s with two pairs (`python benchmarks/gradients.py sensitivity`).

    A parameter may be a vector, and has one column an entry: one number a network layer, as an event (`.to_event(1)`,
    read as `x[..., layer]`), or one a borough or age group, in a plate (`with pyro.plate("boroughs", 5)`, read as
    `x[..., borough]` with the borough of each agent).

    Args:
        model: A program without arguments: samples its parameters, returns its rollout or series by name. What the
            estimator asks of it is in docs/explanation/gradients.md.
        outcome: Name of a tally, or a function of all tallies that returns a series.
        wrt: Parameters and policies; by default all parameters.
        at: Parameter -> value; by default what the model is conditioned on.
        by: Labels of the groups of the tally, such as age groups or boroughs, for one row each; by default summed.
        estimator: A gradient handler; by default `MeanField()`.
        replicates: Runs under the estimator, of which the mean is taken; `MeanField` needs one.
        pairs: Pairs of finite differences a parameter, of which two give a rough standard error; 0 leaves them out.
        step: Of the finite differences, as in `finite_differences`.
        seed: Of the noise.

    Returns:
        Dimensions `group` and `parameter`: `gradient`; `elasticity` (per cent more outcome a per cent more parameter);
        `value [group]` under the estimator; and, of the exact simulation, `finite_difference`,
        `finite_difference_error` (its standard error, NaN for one pair) and `simulated [group]`. Coordinate `at`.

    Raises:
        ValueError: as in `finite_differences`, and what the estimator refuses.

    >>> import torch, pyro, pyro.distributions as dist
    >>> from causal_lpm import event, rollout, tally
    >>> age = torch.arange(1000) % 2
    >>> def model():
    ...     hazard = pyro.sample("hazard", dist.Gamma(torch.ones(2), 1.0).to_event(1))
    ...
    ...     def day(s):
    ...         infected = event("infection", torch.where(age == 0, hazard[..., 0], hazard[..., 1]))
    ...         tally("infections", 1.0 * infected, by=age, groups=2)
    ...         return s
    ...
    ...     return rollout(day, {"S": torch.ones(1000)}, days=1)
    >>> found = sensitivity(model, "infections", at={"hazard": [0.1, 0.2]}, by=["young", "old"])
    >>> found["gradient"].round(0).values  # 500 exp(-0.1) and 500 exp(-0.2)
    array([[452.,   0.],
           [  0., 409.]])
    >>> found["parameter"].values.tolist()
    ['hazard[0]', 'hazard[1]']
    """
    subject = parametric(model, wrt, at)
    estimator = MeanField() if estimator is None else estimator
    seed = whole_number("seed", seed, low=0)
    replicates, pairs = whole_number("replicates", replicates), whole_number("pairs", pairs, low=0)
    for what, count in {"replicates": replicates, "pairs": pairs}.items():
        fits_in_memory(f"{count} {what}", LEAST_BYTES * count, "ask for fewer")
    steps = steps_of(subject, step) if pairs else None
    values, gradients = slopes(subject, outcome, estimator, seeds_of(seed, 0, replicates), by)
    value, gradient = values.mean(0), gradients.mean(0)
    at_values = subject.values.double().numpy()
    entries = ("group", "parameter")
    found = xr.Dataset(
        {
            "gradient": (entries, gradient),
            "elasticity": (entries, gradient * at_values / value[:, None]),
            "value": ("group", value),
        },
        {
            "group": ["all"] if by is None else list(by),
            "parameter": subject.labels,
            "at": ("parameter", at_values),
        },
        {"estimator": named(estimator), "replicates": len(values), "pairs": pairs, "seed": seed},
    )
    if steps is not None:
        simulated, changes = differences(subject, outcome, steps, seeds_of(seed, replicates, pairs), by)
        error = changes.std(0, ddof=1) / pairs**0.5 if pairs > 1 else changes[0] * float("nan")
        found["finite_difference"] = (entries, changes.mean(0))
        found["finite_difference_error"] = (entries, error)
        found["simulated"] = ("group", simulated.mean((0, 2)))
    return found
