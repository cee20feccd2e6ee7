"""One run of a model, without draws side by side: what it consists of, before a calibration begins."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import pyro
import torch
from pyro.poutine.messenger import Messenger
from torch.distributions import Independent

from causal_lpm.handlers import KeyedNoise, Rollout
from causal_lpm.inference.program.evaluation import alone, torch_seed
from causal_lpm.validate import known

__all__ = ["DryRun", "Model", "check_data_sites", "dry_run", "series_of"]

Model = Callable[[], Any]
"""A Pyro program without arguments that returns its series: a `Rollout`, or a mapping of names."""

TRIES = 10  # draws of the prior, of which one must get through the model


@dataclass(frozen=True)
class DryRun:
    """What one run says about its model.

    Attributes:
        sites: name -> sample site, as Pyro traces it.
        returned: What the model returned.
        agents: The most agents of any state; 1 where nothing is simulated.
        before: Names of the sites that come before the simulation; all, where nothing is simulated.
    """

    sites: dict[str, dict[str, Any]]
    returned: Any
    agents: int
    before: frozenset[str]


def dry_run(model: Model, seed: int = 0, given: dict[str, torch.Tensor] | None = None) -> DryRun:
    """Runs the model with one draw of its prior; with another one where it fails, as parts of a prior may.

    Args:
        model: Any.
        seed: Of the draw and of the luck.
        given: Parameters that are not drawn.

    Raises:
        ValueError: a site that has data inside the model.
        Exception: the model's own, where it fails with each of ten draws.
    """
    program = pyro.condition(model, data=given) if given else model
    first: Exception | None = None
    for attempt in range(TRIES):
        try:
            run = _run(program, seed * TRIES + attempt)
            break
        except Exception as error:  # noqa: BLE001  a model may raise anything
            first = first or error
    else:
        assert first is not None
        first.add_note(f"The model failed with each of {TRIES} draws of its prior; nothing was simulated.")
        raise first
    for name, node in run.sites.items():
        if node["is_observed"] and name not in (given or {}):
            raise ValueError(
                f"site {name!r} has data inside the model: leave them out of the model and give them to fit by name."
            )
    return run


def _run(model: Model, seed: int) -> DryRun:
    store = pyro.get_param_store()
    mine = store.scope(store.get_state())  # what networks register is forgotten afterwards
    luck = KeyedNoise(seed)
    with mine, torch.no_grad(), torch_seed(seed), alone(), luck, pyro.poutine.trace() as traced, _Watch() as watch:
        returned = model()
    nodes = {
        name: node
        for name, node in dict[str, Any](traced.trace.nodes).items()
        if node["type"] == "sample"
        and not node["infer"].get("_deterministic")
        and not pyro.poutine.util.site_is_subsample(node)
    }
    return DryRun(nodes, returned, watch.agents, frozenset(nodes) - watch.after)


class _Watch(Messenger):
    """Hears of every step of a simulation, and of the sites after it."""

    def __init__(self) -> None:
        super().__init__()
        self.agents, self.after = 1, set[str]()
        self._simulated = False

    def _pyro_step(self, msg: Any) -> None:
        self._simulated = True
        self.agents = max([self.agents, *(value.shape[-1] for value in msg["args"][1].values() if value.dim())])

    def _pyro_post_sample(self, msg: Any) -> None:
        if self._simulated:
            self.after.add(msg["name"])


def series_of(returned: Any) -> dict[str, torch.Tensor]:
    """The series that a model returned: a `Rollout`'s tallies, or a mapping; none of None.

    Raises:
        ValueError: anything else, or a series that is no tensor.
    """
    found = returned.tallies if isinstance(returned, Rollout) else {} if returned is None else returned
    if not isinstance(found, Mapping):
        raise ValueError(
            f"the model returned a {type(returned).__name__}: return its Rollout, or a mapping from names to series."
        )
    for name, value in found.items():
        if not isinstance(value, torch.Tensor):
            raise ValueError(
                f"the model returned series {name!r} as a {type(value).__name__}: return tensors [*dims, 1 or groups, "
                "days]."
            )
    return dict(found)


def check_data_sites(model: Model, run: DryRun, data: Mapping[str, Any]) -> None:
    """Raises ValueError where names of the data, and sites of the model, are not those of data sites."""
    late = set(run.sites) - run.before or set(run.sites)
    candidates = {name for name in late if run.sites[name]["value"].numel() > 1} or late
    for name in data:
        if name not in run.sites:
            known("data site", name, candidates)
        _check_days(name, run.sites[name]["fn"])
    latent = {name: node["value"] for name, node in run.sites.items() if name not in data}
    if latent and (early := [name for name in data if name in run.before]):
        other = dry_run(model, seed=1)
        for name in early:
            if _same(run.sites[name], other.sites.get(name)):
                raise ValueError(
                    f"site {name!r} depends on no parameter, so it is a parameter and not a data site: leave it out of "
                    "the data; if its value is known, write the value into the model."
                )
    if unsure := [name for name, value in latent.items() if name not in run.before and value.numel() > 1]:
        again = dry_run(model, seed=1, given=latent)  # with other luck
        for name in unsure:
            if not _same(run.sites[name], again.sites.get(name)):
                raise ValueError(
                    f"site {name!r} depends on what is simulated, so it is a data site, and it has no data: give them, "
                    "or leave the site out of the model."
                )


def _same(node: dict[str, Any], other: dict[str, Any] | None) -> bool:
    """Whether a site has the same distribution in two runs with different parameters."""
    value = node["value"]
    return other is not None and torch.equal(node["fn"].log_prob(value), other["fn"].log_prob(value))


def _check_days(name: str, fn: Any) -> None:
    summed = 0
    while isinstance(fn, Independent):
        summed, fn = summed + fn.reinterpreted_batch_ndims, fn.base_dist
    if fn.event_shape:
        return  # a joint distribution
    if summed > 1 or (not summed and len(fn.batch_shape) > 1):
        has = f".to_event({summed})" if summed else "no .to_event(1)"
        raise ValueError(
            f"the distribution of data site {name!r} has {has}: end it in .to_event(1), days last; groups stay a "
            "dimension of their own, in the place of the agents."
        )
