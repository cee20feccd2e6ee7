"""Gradients of expected tallies: finite differences with common random numbers, and other estimators held against them.

Both directions of a difference run side by side as worlds of the same noise, one pair a replicate: what the parameter
changes is kept and most of the luck cancels. They are unbiased up to the square of the step, for any model, at two
simulations a parameter and replicate; so they are the reference here.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import xarray as xr

from causal_lpm.handlers import MeanField, Relaxed, Score, StraightThrough
from causal_lpm.inference.gradients.gradient_samples import (
    Estimator,
    Values,
    differences,
    named,
    seeds_of,
    slopes,
    steps_of,
)
from causal_lpm.inference.program.parametric import At, Model, Outcome, parametric
from causal_lpm.validate import fits_in_memory, whole_number

__all__ = ["GradientCheck", "check_gradient", "finite_differences"]

LEAST_BYTES = 1e3  # of a replicate: its seed, and numbers by group and parameter

ERRORS = 3.0
"""A bias of so many standard errors is called one: a verdict of an unbiased estimator is wrong in 1 of 370 rows."""


def finite_differences(
    model: Model,
    outcome: Outcome,
    wrt: Iterable[str] | None = None,
    at: At | None = None,
    *,
    by: Sequence[str] | None = None,
    replicates: int = 100,
    step: float | Mapping[str, float] = 0.05,
    seed: int = 0,
) -> xr.Dataset:
    """The derivatives of an expected total by central differences with common random numbers.

    Args:
        model: A program without arguments: samples its parameters, returns its rollout or series by name.
        outcome: Name of a tally, or a function of all tallies that returns a series.
        wrt: Parameters and policies; by default all parameters. Entries of a vector are varied one by one.
        at: Parameter -> value; by default what the model is conditioned on.
        by: Labels of the groups of the tally, for one row each; by default they are summed.
        replicates: Pairs of simulations a parameter, at least 2.
        step: Half the distance between the two worlds, relative to the value (absolute where that is 0); or
            parameter -> absolute. The bias is of its square, the standard error of its inverse at most.
        seed: Of the noise.

    Returns:
        `value [group]` with `value_error`, `slope [group, parameter]` with its standard error `error` and `sd` of one
        pair; coordinates `at` and `step`.

    Raises:
        ValueError: as in `parametric`; a step that is not positive or leaves the prior's support; fewer than two
            replicates; labels that are not one a group.

    >>> import torch, pyro, pyro.distributions as dist
    >>> from causal_lpm import event, rollout, tally
    >>> def model():
    ...     hazard = pyro.sample("hazard", dist.Gamma(1.0, 1.0))
    ...
    ...     def day(s):
    ...         tally("infections", event("infection", hazard))
    ...         return s
    ...
    ...     return rollout(day, {"stage": torch.zeros(1000)}, days=1)
    >>> found = finite_differences(model, "infections", at={"hazard": 0.1}, replicates=200)
    >>> found["slope"].sel(parameter="hazard").round(-1).values  # 1000 exp(-0.1) = 905
    array([9...])
    """
    subject = parametric(model, wrt, at)
    steps = steps_of(subject, step)
    replicates = _several(replicates)
    values, pairs = differences(subject, outcome, steps, seeds_of(seed, 0, replicates), by)
    root = replicates**0.5
    return xr.Dataset(
        {
            "value": ("group", values.mean((0, 2))),
            "value_error": ("group", values.mean(2).std(0, ddof=1) / root),
            "slope": (("group", "parameter"), pairs.mean(0)),
            "error": (("group", "parameter"), pairs.std(0, ddof=1) / root),
            "sd": (("group", "parameter"), pairs.std(0, ddof=1)),
        },
        {
            "group": ["all"] if by is None else list(by),
            "parameter": subject.labels,
            "at": ("parameter", subject.values.numpy()),
            "step": ("parameter", steps.numpy()),
        },
        {"kind": "finite differences with common random numbers", "replicates": replicates, "seed": seed},
    )


@dataclass(frozen=True)
class GradientCheck:
    """One estimator of one derivative, held against finite differences.

    Attributes:
        estimator: the handler, or several.
        parameter: what is varied, an entry of a vector as `name[i]`.
        at: its value.
        value: mean outcome under the estimator.
        exact: mean outcome of the exact simulation, as the mean of both directions.
        slope: mean of the estimator.
        error: its standard error.
        sd: standard deviation of one replicate; 0 where the estimator has no noise.
        reference: finite differences with common random numbers.
        reference_error: their standard error.
        reference_sd: standard deviation of one pair.
        replicates: of the estimator.
        verdict: `"unbiased within error (+-4%)"`, `"biased by +117% (+-2%)"` or `"too noisy to say (+-80%)"`, with the
            standard error of the bias; of the reference's size, + away from 0.
    """

    estimator: str
    parameter: str
    at: float
    value: float
    exact: float
    slope: float
    error: float
    sd: float
    reference: float
    reference_error: float
    reference_sd: float
    replicates: int
    verdict: str


def check_gradient(
    model: Model,
    outcome: Outcome,
    wrt: Iterable[str] | None = None,
    at: At | None = None,
    *,
    estimators: Sequence[Estimator] | None = None,
    replicates: int = 200,
    pairs: int | None = None,
    step: float | Mapping[str, float] = 0.05,
    seed: int = 0,
) -> list[GradientCheck]:
    """Bias and standard deviation of gradient estimators for this model at these parameters.

    The bias of an estimator depends on the model, its size and its parameters: no published number stands for yours. In
    the example nobody infects anybody, and three of four are right; docs/explanation/gradients.md has an epidemic. An
    estimator that the model's code does not allow raises its own error.

    Args:
        model: As in `finite_differences`.
        outcome: The same.
        wrt: Parameters; by default all.
        at: Parameter -> value; by default what the model is conditioned on.
        estimators: Handlers, or several that stand together, as `(StraightThrough(), Truncated(20))`; by default
            `StraightThrough`, `MeanField`, `Relaxed` and `Score`.
        replicates: Of each estimator, at least 2, with other noise than the pairs; `MeanField` stops after two that
            agree.
        pairs: Replicates of the finite differences; by default as many as `replicates`.
        step: Of the finite differences.
        seed: Of the noise.

    Returns:
        One row an estimator and parameter.

    Raises:
        ValueError: as in `finite_differences`, and what the estimators refuse.

    >>> import torch, pyro, pyro.distributions as dist
    >>> from causal_lpm import event, rollout, tally
    >>> def model():
    ...     hazard = pyro.sample("hazard", dist.Gamma(1.0, 1.0))
    ...
    ...     def day(s):
    ...         infected = s["S"] * event("infection", hazard)
    ...         tally("infections", infected)
    ...         return {"S": s["S"] - infected}
    ...
    ...     return rollout(day, {"S": torch.ones(1000)}, days=3)
    >>> for row in check_gradient(model, "infections", at={"hazard": 0.1}, pairs=400):
    ...     row.estimator, row.verdict
    ('StraightThrough()', 'unbiased within error (+-...%)')
    ('MeanField()', 'unbiased within error (+-...%)')
    ('Relaxed(0.5)', 'biased by +...% (+-...%)')
    ('Score()', 'unbiased within error (+-...%)')
    """
    chosen: Sequence[Estimator] = (
        (StraightThrough(), MeanField(), Relaxed(), Score()) if estimators is None else estimators
    )
    names = [named(estimator) for estimator in chosen]
    subject = parametric(model, wrt, at)
    steps = steps_of(subject, step)
    replicates, pairs = _several(replicates), _several(replicates if pairs is None else pairs)
    exact, reference = differences(subject, outcome, steps, seeds_of(seed, 0, pairs))
    rows = []
    for name, estimator in zip(names, chosen, strict=True):
        values, gradients = slopes(subject, outcome, estimator, seeds_of(seed, pairs, replicates))
        for k, label in enumerate(subject.labels):
            slope, sd, error = _moments(gradients[:, 0, k])
            truth, truth_sd, truth_error = _moments(reference[:, 0, k])
            rows.append(
                GradientCheck(
                    name,
                    label,
                    float(subject.values[k]),
                    float(values.mean()),
                    float(exact[:, 0, k].mean()),
                    slope,
                    error,
                    sd,
                    truth,
                    truth_error,
                    truth_sd,
                    len(gradients),
                    _verdict(slope - truth, (error**2 + truth_error**2) ** 0.5, truth),
                )
            )
    return rows


def _verdict(bias: float, error: float, truth: float) -> str:
    size = abs(truth)
    unit, share = ("%", 100 / size) if size else ("", 1.0)  # without a slope to compare with, the numbers themselves
    uncertain = f"(+-{share * error:.2g}{unit})"
    if abs(bias) > ERRORS * error:
        return f"biased by {share * bias * (-1 if truth < 0 else 1):+.0f}{unit} {uncertain}"
    return f"{'unbiased within error' if error < 0.25 * size else 'too noisy to say'} {uncertain}"


def _moments(values: Values) -> tuple[float, float, float]:
    """Mean, standard deviation, and standard error of the mean."""
    sd = float(values.std(ddof=1)) if len(values) > 1 else 0.0
    return float(values.mean()), sd, sd / len(values) ** 0.5


def _several(replicates: int) -> int:
    number = whole_number("replicates", replicates)
    fits_in_memory(f"{number} replicates", LEAST_BYTES * number, "ask for fewer")
    if number < 2:
        raise ValueError("one replicate has no standard error: give at least two replicates.")
    return number
