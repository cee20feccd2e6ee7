"""What of a model can be asked for, read off one run of it: its series, and the reports that it draws."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

import torch

from causal_lpm import validate
from causal_lpm.handlers import Rollout
from causal_lpm.inference.program.evaluation import Given
from causal_lpm.inference.program.program import Model, Program, read
from causal_lpm.inference.runs.seeds import replicate_seed

__all__ = ["Outcomes", "outcomes_of"]


@dataclass(frozen=True)
class Outcomes:
    """What a model has to show.

    Attributes:
        event_dims: Data site -> 1 where its days are one event, else 0; in the order of the model.
        shapes: Series or data site -> (groups, days).
        agents: The most agents of any state; 0 where nothing is simulated.
        nuisances: Sites that are drawn anew in each row.
        stocks: Series that the model tallies as numbers at a time.
    """

    event_dims: dict[str, int]
    shapes: dict[str, tuple[int, int]]
    agents: int
    nuisances: tuple[str, ...] = ()
    stocks: tuple[str, ...] = ()


def outcomes_of(
    model: Model,
    parameters: Mapping[str, torch.Tensor],
    settings: Iterable[Mapping[str, float]],
    seed: int,
    data_sites: Collection[str] = (),
) -> Outcomes:
    """Runs the model once, with the first draw of its parameters, and says what it has to show.

    A policy that the model does not have is found before its simulation begins. Data sites are those of `observed`,
    those that are named, and others that come after the simulation; one that comes before it is no outcome.

    Args:
        model: A Pyro program without arguments that returns its series.
        parameters: Name -> draws `[draw, *shape]`.
        settings: policy -> value, of every world.
        seed: Of the noise.
        data_sites: Names of data sites.

    Raises:
        ValueError: as `predict`.
        TypeError: the model returns neither a `Rollout` nor a mapping.
    """
    first = {name: value[:1] for name, value in parameters.items()}
    device = next((value.device for value in first.values()), None)
    program = read(
        model,
        Given(first),
        data=data_sites,
        parameters=parameters,
        policies=dict.fromkeys(policy for acts in settings for policy in acts),
        seed=torch.tensor([[replicate_seed(seed, 0)]], device=device),
    )
    sites = _data_sites(program, parameters)
    if not isinstance(program.returned, Rollout | Mapping | None):
        raise TypeError(
            f"the model returned a {type(program.returned).__name__}: return its Rollout, or a mapping from names to "
            "series."
        )
    series = program.series
    shapes = {name: _shape(f"series {name!r}", value) for name, value in series.items()}
    for name, event_dim in sites.items():
        value = program.sites[name].value
        if name in series and not torch.equal(series[name].double(), value.double()):
            raise ValueError(
                f"{name!r} is the name of a series and of a data site: rename the tally, so that what happens and what "
                "is reported can be told apart."
            )
        shapes[name] = _shape(f"data site {name!r}", value if event_dim else value[..., None])
    if not shapes:
        raise ValueError("the model returns no series and has no data sites: tally something, and return the rollout.")
    stocks = tuple(sorted(program.returned.stocks)) if isinstance(program.returned, Rollout) else ()
    return Outcomes(sites, shapes, program.agents or 0, tuple(program.of("nuisance")), stocks)


def _data_sites(program: Program, draws: Mapping[str, torch.Tensor]) -> dict[str, int]:
    """Data site -> its event_dim; an error for what does not fit together."""
    sites = program.of("parameter", "data")
    for name in draws:
        validate.known("parameter", name, sites)
    simulates = any(site.after for site in program.sites.values()) or program.agents is not None
    found = {}
    for name, site in sites.items():
        event_dim = site.fn.event_dim
        if name in draws:
            continue
        if site.given:
            raise ValueError(f"site {name!r} has data inside the model: predictions draw it; leave the data out.")
        early = simulates and not site.after
        if site.kind == "parameter" and (early or (event_dim == 0 and not simulates)):
            raise ValueError(f"the model has a parameter {name!r} of which there are no draws: add it.")
        if early or event_dim > 1:  # a table has no days to predict
            continue
        found[name] = event_dim
    return found


def _shape(what: str, value: torch.Tensor) -> tuple[int, int]:
    if value.dim() < 2:
        raise ValueError(
            f"{what} has shape {tuple(value.shape)}: a series is [*dims, 1 or groups, days]; keep the dimension of the "
            "groups."
        )
    return int(value.shape[-2]), int(value.shape[-1])
