"""The one reader of models: what a Pyro program consists of, as one run of it shows.

Latent sites are parameters; nuisances where they say so, `infer={"nuisance": True}`: luck that has a prior, drawn in
each simulation and not reported. Sites of `observed` are data sites, and so is what a caller names as one. A data site
that comes before the simulation is a term: its density is known without simulating, whatever the parameters are.
"""

from collections.abc import Callable, Collection, Iterable, Mapping
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import pyro
import torch
from pyro.poutine.messenger import Messenger
from pyro.poutine.util import site_is_factor, site_is_subsample

from causal_lpm.handlers import KeyedNoise, Rollout
from causal_lpm.inference.program.evaluation import torch_seed
from causal_lpm.ops.responses import Response
from causal_lpm.validate import known

__all__ = ["Model", "Program", "Site", "read", "series_of"]

Model: TypeAlias = Callable[[], Any]
"""A Pyro program without arguments that returns its series: a `Rollout`, or a mapping of names."""

Kind: TypeAlias = Literal["parameter", "nuisance", "policy", "data", "factor"]


@dataclass(frozen=True)
class Site:
    """A sample site of a model.

    Attributes:
        kind: What it is.
        fn: Its distribution; of a policy the point that it is.
        value: What it had in the run.
        given: Whether the model, or a condition around it, gave that value.
        after: Whether a simulation has begun before it.
        entries: Labels along its last dimension, `infer={"entries": labels}`, that results repeat.
    """

    kind: Kind
    fn: Any
    value: torch.Tensor
    given: bool
    after: bool
    entries: tuple[str, ...] = ()


@dataclass(frozen=True)
class Program:
    """What one run says about its model.

    Attributes:
        sites: Name -> site, in the order of the model.
        returned: What the model returned; None where it was left before its simulation.
        agents: The most agents of any state; None where nothing is simulated.
    """

    sites: dict[str, Site]
    returned: Any
    agents: int | None

    def of(self, *kinds: Kind) -> dict[str, Site]:
        """The sites of some kinds."""
        return {name: site for name, site in self.sites.items() if site.kind in kinds}

    @property
    def terms(self) -> dict[str, Site]:
        """Data sites before the simulation, where others come after it; otherwise none."""
        data = self.of("data")
        after = any(site.after for site in data.values())
        return {name: site for name, site in data.items() if after and not site.after}

    @property
    def series(self) -> dict[str, torch.Tensor]:
        """The series that the model returned."""
        return series_of(self.returned)


class _Simulates(Exception):
    """The simulation would begin."""


class _Reader(Messenger):
    """Sees every site of one run, and where its simulations begin."""

    def __init__(self, data: Collection[str], parameters: Collection[str], policies: Iterable[str], stop: bool) -> None:
        super().__init__()
        self._data, self._parameters, self._policies, self._stop = data, parameters, list(policies), stop
        self.sites: dict[str, Site] = {}
        self.agents: int | None = None
        self._simulated = False

    def _pyro_simulate(self, msg: Any) -> None:  # also of equations, without agents
        self._simulated = True

    def _pyro_rollout(self, msg: Any) -> None:
        self._simulated = True
        self.check_policies()
        self.agents = max([self.agents or 1, *(entry.shape[-1] for entry in msg["args"][1].values())])
        if self._stop:
            raise _Simulates

    def check_policies(self) -> None:
        for name in self._policies:
            known("policy", name, {name for name, site in self.sites.items() if site.kind == "policy"})

    def _pyro_post_sample(self, msg: Any) -> None:
        noise = isinstance(msg["fn"], Response) and not msg["is_observed"]
        if not (noise or msg["infer"].get("_do_not_trace") or site_is_subsample(msg)):
            kind = self._kind(msg)
            fn = msg["fn"].base_dist if kind == "policy" else msg["fn"]  # a Delta, which Pyro has masked
            entries = tuple(msg["infer"].get("entries", ()))
            self.sites[msg["name"]] = Site(kind, fn, msg["value"], msg["is_observed"], self._simulated, entries)

    def _kind(self, msg: Any) -> Kind:
        if msg["infer"].get("_deterministic"):
            return "policy"
        if site_is_factor(msg):
            return "factor"
        if msg["name"] in self._parameters:
            return "parameter"
        if msg["name"] in self._data or msg["infer"].get("observed") or isinstance(msg["fn"], Response):
            return "data"
        return "nuisance" if msg["infer"].get("nuisance") else "parameter"


def read(
    model: Model,
    *handlers: AbstractContextManager[Any],
    data: Collection[str] = (),
    parameters: Collection[str] = (),
    policies: Iterable[str] = (),
    simulate: bool = True,
    seed: int | torch.Tensor = 0,
) -> Program:
    """Runs a model once, with one draw of its prior where nothing gives its parameters, and says what it consists of.

    Args:
        model: A Pyro program without arguments.
        handlers: That the model runs under, the outermost first, inside the noise of the agents.
        data: Names of data sites, beside those of `observed`.
        parameters: Names that are parameters, whatever else they look like.
        policies: That the model must have; otherwise its simulation does not begin.
        simulate: Whether the run goes on where the simulation begins.
        seed: Of everything that is drawn; a tensor has a place for the draws, int64 `[1, 1]`.

    Raises:
        ValueError: a policy that the model does not have.

    >>> import pyro.distributions as dist
    >>> from causal_lpm import observed, rollout
    >>> def model():
    ...     growth = pyro.sample("growth", dist.LogNormal(0.0, 1.0))
    ...     observed("survey", dist.Normal(growth, 1.0))
    ...     run = rollout(lambda s: {"x": growth * s["x"]}, {"x": torch.ones(3)}, days=2)
    ...     observed("size", dist.Normal(run.state["x"].sum(-1), 1.0))
    ...     return run
    >>> program = read(model)
    >>> list(program.of("parameter")), list(program.of("data")), list(program.terms), program.agents
    (['growth'], ['survey', 'size'], ['survey'], 3)
    """
    store = pyro.get_param_store()
    reader = _Reader(data, parameters, policies, not simulate)
    returned = None
    kept = store.scope(store.get_state())  # what networks register is forgotten afterwards
    with torch.no_grad(), torch_seed(int(seed)), kept, KeyedNoise(seed), ExitStack() as stack:
        for handler in (*handlers, reader):
            stack.enter_context(handler)
        try:
            returned = model()
        except _Simulates:
            return Program(reader.sites, None, reader.agents)
    reader.check_policies()
    return Program(reader.sites, returned, reader.agents)


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
