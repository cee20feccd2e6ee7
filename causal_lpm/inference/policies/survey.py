"""What a model consists of, read off one run of it: policies, data sites, series, agents."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import pyro
import torch
from pyro.poutine.messenger import Messenger

from causal_lpm import validate
from causal_lpm.handlers import KeyedNoise, Rollout
from causal_lpm.inference.program.problem import Model, series_of
from causal_lpm.inference.runs.seeds import replicate_seed

__all__ = ["Given", "Survey", "survey"]


@dataclass(frozen=True)
class Survey:
    """What a model consists of.

    Attributes:
        sites: Data sites, in the order of the model.
        event_dims: data site -> 1 where its days are one event, else 0.
        shapes: series or data site -> (groups, days).
        agents: The most agents of any state; 0 where nothing is simulated.
    """

    sites: tuple[str, ...]
    event_dims: dict[str, int]
    shapes: dict[str, tuple[int, int]]
    agents: int


class Given(Messenger):
    """Gives parameters their values, draws in front: `[rows, *batch or 1, *event]`, as the model's sites take them.

    Args:
        values: Name -> `[rows, *batch, *event]`.

    >>> import pyro.distributions as dist
    >>> with Given({"rate": torch.tensor([1.0, 2.0])}):
    ...     pyro.sample("rate", dist.LogNormal(0.0, 1.0)).shape
    torch.Size([2, 1])
    """

    def __init__(self, values: Mapping[str, torch.Tensor]) -> None:
        super().__init__()
        self._values = values

    def _pyro_sample(self, msg: Any) -> None:
        if msg["name"] in self._values:
            value = self._values[msg["name"]]
            # Without a plate, a place for the agents between the draws and the event.
            plain = value.dim() - 1 == msg["fn"].event_dim
            msg["value"], msg["done"] = value[:, None] if plain else value, True


def survey(
    model: Model, parameters: Mapping[str, torch.Tensor], settings: Iterable[Mapping[str, float]], seed: int
) -> Survey:
    """Runs the model once, with the first draw of its parameters, and says what it consists of.

    A policy that the model does not have is found before its simulation begins. Sites that are not parameters are data
    sites if they come after the simulation; one that comes before is a parameter without draws.

    Args:
        model: A Pyro program without arguments that returns its series.
        parameters: Name -> draws `[draw, *shape]`.
        settings: policy -> value, of every world.
        seed: Of the noise.

    Raises:
        ValueError: as `predict`.
        TypeError: the model returns neither a `Rollout` nor a mapping.
    """
    first = {name: value[:1] for name, value in parameters.items()}
    device = next((value.device for value in first.values()), None)
    keyed = KeyedNoise(torch.tensor([[replicate_seed(seed, 0)]], device=device))
    watch = _Watch(parameters, dict.fromkeys(policy for acts in settings for policy in acts))
    with torch.no_grad(), torch.random.fork_rng(devices=[]), keyed, watch, Given(first):
        returned = model()
    sites = watch.finish()
    if not isinstance(returned, Rollout | Mapping):
        raise TypeError(
            f"the model returned a {type(returned).__name__}: return its Rollout, or a mapping from names to series."
        )
    series = series_of(returned)
    for name in sites:
        if name in series and not torch.equal(series[name].double(), watch.values[name].double()):
            raise ValueError(
                f"{name!r} is the name of a series and of a data site: rename the tally, so that what happens and what "
                "is reported can be told apart."
            )
    shapes = {name: _shape(f"series {name!r}", value) for name, value in series.items()}
    for name, event_dim in sites.items():
        value = watch.values[name]
        shapes[name] = _shape(f"data site {name!r}", value if event_dim else value[..., None])
    if not shapes:
        raise ValueError("the model returns no series and has no data sites: tally something, and return the rollout.")
    return Survey(tuple(sites), sites, shapes, watch.agents)


def _shape(what: str, value: torch.Tensor) -> tuple[int, int]:
    if value.dim() < 2:
        raise ValueError(
            f"{what} has shape {tuple(value.shape)}: a series is [*dims, 1 or groups, days]; keep the dimension of the "
            "groups."
        )
    return int(value.shape[-2]), int(value.shape[-1])


class _Watch(Messenger):
    """Sees every site of one run; does not let the simulation begin with a policy that the model does not have."""

    def __init__(self, parameters: Mapping[str, torch.Tensor], policies: Iterable[str]) -> None:
        super().__init__()
        self._parameters, self._wanted = parameters, list(policies)
        self._policies: set[str] = set()
        self._seen: set[str] = set()
        self._others: dict[str, tuple[int, bool]] = {}  # site -> its event_dim, and whether it came first
        self._simulated = False
        self.values: dict[str, torch.Tensor] = {}
        self.agents = 0

    def _pyro_simulate(self, msg: Any) -> None:
        self._simulated = True

    # A solver has run all steps by the time a handler outside of it hears of `simulate`: the first step comes sooner.
    def _pyro_step(self, msg: Any) -> None:
        if not self._simulated:
            self._check_policies()
        self._simulated = True
        self.agents = max([self.agents, *(value.shape[-1] for value in msg["args"][1].values())])

    def _pyro_post_sample(self, msg: Any) -> None:
        name, fn, infer = msg["name"], msg["fn"], msg["infer"]
        if infer.get("_deterministic"):
            self._policies.add(name)
        elif name in self._parameters:
            self._seen.add(name)
            _check_size(name, self._parameters[name], fn)
        elif not (infer.get("_do_not_trace") or pyro.poutine.util.site_is_subsample(msg) or _is_factor(msg)):
            if msg["is_observed"]:
                raise ValueError(f"site {name!r} has data inside the model: predictions draw it; leave the data out.")
            if fn.event_dim > 1:
                raise ValueError(f"site {name!r} has {fn.event_dim} event dimensions: the days are one, .to_event(1).")
            self._others[name] = (fn.event_dim, not self._simulated)
            self.values[name] = msg["value"]

    def _check_policies(self) -> None:
        for name in self._wanted:
            validate.known("policy", name, self._policies)

    def finish(self) -> dict[str, int]:
        """Data site -> its event_dim; an error for what does not fit together."""
        self._check_policies()
        for name in self._parameters:
            validate.known("parameter", name, {*self._seen, *self._others})
        for name, (event_dim, first) in self._others.items():
            if (first and self._simulated) or (event_dim == 0 and not self._simulated):
                raise ValueError(f"the model has a parameter {name!r} of which there are no draws: add it.")
        return {name: event_dim for name, (event_dim, _) in self._others.items()}


def _is_factor(msg: Any) -> bool:
    return bool(pyro.poutine.util.site_is_factor(msg))


def _check_size(name: str, draws: torch.Tensor, fn: Any) -> None:
    shape = tuple(fn.batch_shape + fn.event_shape)
    if draws[0].numel() != torch.Size(shape).numel():
        raise ValueError(
            f"a draw of parameter {name!r} has shape {tuple(draws.shape[1:])} where the model's site has "
            f"{tuple(size for size in shape if size > 1)}: give draws [draw, *shape of the site]."
        )
