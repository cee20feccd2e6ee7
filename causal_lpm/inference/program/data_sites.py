"""Which sites of a model have data: what is wrong is said before anything else is simulated."""

from collections.abc import Collection, Mapping
from typing import Any

import pyro
import torch
from torch.distributions import Independent, constraints

from causal_lpm.inference.program.evaluation import alone
from causal_lpm.inference.program.program import Model, Program, Site, read
from causal_lpm.validate import known

__all__ = ["check_data_sites", "check_nuisances", "is_table", "may_have_any_sign", "read_with_data", "shape_of"]

TRIES = 10  # draws of the prior, of which one must get through the model


def read_with_data(
    model: Model, data: Collection[str], seed: int = 0, given: Mapping[str, torch.Tensor] | None = None
) -> Program:
    """Reads a model with one draw of its prior; with another one where it fails, as parts of a prior may.

    Args:
        model: Any.
        data: Names of the sites that have data.
        seed: Of the draw and of the luck.
        given: Sites that are not drawn.

    Raises:
        TypeError: a model that cannot be called, such as what it returned.
        ValueError: a site that has data inside the model.
        Exception: the model's own, where it fails with each of ten draws.
    """
    if not callable(model):
        raise TypeError(f"the model is {model!r}: give the Pyro program itself, a function without arguments.")
    subject = pyro.condition(model, data=dict(given)) if given else model
    first: Exception | None = None
    for attempt in range(TRIES):
        try:
            with alone():
                program = read(subject, data=data, seed=seed * TRIES + attempt)
            break
        except Exception as error:  # noqa: BLE001  a model may raise anything
            first = first or error
    else:
        assert first is not None
        first.add_note(f"The model failed with each of {TRIES} draws of its prior; nothing was simulated.")
        raise first
    for name, site in program.sites.items():
        if site.kind == "factor":
            raise ValueError(
                f"site {name!r} is a pyro.factor, which simulations would not know: make what it weighs by a data "
                "site, observed(name, distribution), such as answers [contexts, archetypes], and give its data to fit "
                "by name."
            )
        if site.given and site.kind != "policy" and name not in (given or {}):
            raise ValueError(
                f"site {name!r} has data inside the model: make it a data site, observed(name, distribution) without "
                "obs=, such as answers [contexts, archetypes], and give the data to fit by name."
            )
    return program


def check_data_sites(model: Model, program: Program, data: Collection[str]) -> None:
    """Raises ValueError where names of the data, and sites of the model, are not those of data sites."""
    sites = program.of("parameter", "nuisance", "data")
    late = {name for name, site in sites.items() if site.after} or set(sites)
    candidates = {name for name, site in sites.items() if site.kind == "data"}
    candidates |= {name for name in late if sites[name].value.numel() > 1} or late
    for name in data:
        if name not in sites:
            known("data site", name, candidates)
        if name not in program.terms:
            _check_days(name, sites[name].fn)
    latent = {name: site.value for name, site in sites.items() if name not in data}
    if latent and (early := [name for name in data if not sites[name].after]):
        other = read_with_data(model, data, seed=1)
        for name in early:
            if _same(sites[name], other.sites.get(name)):
                raise ValueError(
                    f"site {name!r} depends on no parameter, so it is a parameter and not a data site: leave it out of "
                    "the data; if its value is known, write the value into the model."
                )
    unsure = [name for name, value in latent.items() if sites[name].after and value.numel() > 1]
    again = read_with_data(model, data, seed=1, given=latent) if unsure else program  # with other luck
    for name, site in sites.items():
        if name in latent and (site.kind == "data" or (name in unsure and not _same(site, again.sites.get(name)))):
            reason = "is observed" if site.kind == "data" else "depends on what is simulated"
            raise ValueError(
                f"site {name!r} {reason}, so it is a data site, and it has no data: give them, or leave the site out "
                "of the model."
            )


def check_nuisances(model: Model, program: Program, data: Collection[str]) -> None:
    """Raises ValueError where the prior of a parameter depends on a nuisance: its own density would not be known."""
    parameters = program.of("parameter")
    other = read_with_data(model, data, seed=1, given={name: site.value for name, site in parameters.items()})
    for name, site in parameters.items():
        if not _same(site, other.sites.get(name)):
            raise ValueError(
                f"the prior of {name!r} depends on a nuisance: make the nuisance a parameter, without its mark, or "
                f"{name!r} a nuisance, too."
            )


def _same(site: Site, other: Site | None) -> bool:
    """Whether a site has the same distribution in two runs with different parameters."""
    return other is not None and torch.equal(site.fn.log_prob(site.value), other.fn.log_prob(site.value))


def _check_days(name: str, fn: Any) -> None:
    summed = 0
    while isinstance(fn, Independent):
        summed, fn = summed + fn.reinterpreted_batch_ndims, fn.base_dist
    if fn.event_shape:
        return  # a joint distribution
    if not summed and len(fn.batch_shape) > 1:
        raise ValueError(
            f"the distribution of data site {name!r} has no .to_event(1): end it in .to_event(1), days last; groups "
            "stay a dimension of their own, in the place of the agents. (A table without days ends in .to_event(2).)"
        )
    if summed > 1 and any(size > 1 for size in fn.batch_shape[:-summed]):
        raise ValueError(
            f"the distribution of data site {name!r} has .to_event({summed}) and {len(fn.batch_shape)} dimensions: "
            f"end a table, which has no days, in .to_event({len(fn.batch_shape)}), and series in .to_event(1), days "
            "last."
        )


def is_table(fn: Any) -> bool:
    """Whether the data of a distribution are a table without days, of any shape: it ends in .to_event(2) or more.

    >>> import pyro.distributions as dist
    >>> (
    ...     is_table(dist.Normal(torch.zeros(6, 200), 1.0).to_event(2)),
    ...     is_table(dist.Normal(torch.zeros(9), 1.0).to_event(1)),
    ... )
    (True, False)
    """
    summed = 0
    while isinstance(fn, Independent):
        summed, fn = summed + fn.reinterpreted_batch_ndims, fn.base_dist
    return summed > 1


def may_have_any_sign(fn: Any) -> bool:
    """Whether data of a distribution may be any real number.

    >>> import pyro.distributions as dist
    >>> (
    ...     may_have_any_sign(dist.Normal(torch.zeros(1, 9), 1.0).to_event(2)),
    ...     may_have_any_sign(dist.Poisson(torch.ones(1, 9)).to_event(2)),
    ... )
    (True, False)
    """
    support = fn.support
    while hasattr(support, "base_constraint"):
        support = support.base_constraint
    return support is constraints.real


def shape_of(site: Site) -> tuple[int, ...]:
    """The shape of its data: of a table without the place of the agents."""
    return tuple(site.fn.event_shape if is_table(site.fn) else site.value.shape)
