"""A simulation as others take it: the contents of a report, and a study whose policies a page moves."""

from __future__ import annotations

from typing import TYPE_CHECKING

from causal_lpm.inference.policies.statements import kind_of
from causal_lpm.inference.studies.model_study import ModelStudy
from causal_lpm.inference.studies.study import Policy
from causal_lpm.provenance import provenance
from causal_lpm.reports.contents import Contents, Geography
from causal_lpm.reports.prediction_tables import prediction_tables
from causal_lpm.simulations.bound_models import DAYS, BoundModel
from causal_lpm.simulations.tables import counted, unfinished

if TYPE_CHECKING:
    import xarray as xr

    from causal_lpm.simulations.set_up import SetUp

__all__ = ["contents_of_worlds", "study_of"]

LIMITS = (
    "What a model says of worlds that nobody has seen rests on the model: on what it leaves out, too.",
    "One run is one draw of luck: a single real epidemic may lie anywhere in the bands, or outside.",
    "Parameters were given or drawn from a prior; no data of an outbreak at hand have weighed them.",
)


def contents_of_worlds(simulation: SetUp, predictions: xr.Dataset) -> Contents:
    """What a report on its worlds shows, each compared with the first."""
    first, *others = (str(world) for world in predictions["world"].values)
    template, population = simulation.template, simulation.population
    where = f"{template.name} in {population.name}"
    question = f"What changes in {', '.join(others)}, against {first}?" if others else f"What happens in {where}?"
    column = simulation.by
    places = {}
    if column in population.outlines and predictions.sizes.get("group") == len(population.places[column]):
        places[column] = Geography(population.outlines[column], predictions)
    references = dict.fromkeys(others, first)
    runs = predictions.sizes["draw"] * predictions.sizes["replicate"]
    about = {
        "agents, days, seeds": f"{population.people.size:,} agents, {predictions.sizes['day']} days, {runs} seeds",
        "parameters": ", ".join(f"{name}={value}" for name, value in simulation.parameters.items()),
        "policies": ", ".join(f"{name}={value:g}" for name, value in simulation.policies.items()),
        "population": population.attribution,
    }
    return Contents(
        title=where,
        question=question,
        kind=kind_of(predictions),
        held_fixed=str(predictions.attrs["coupling"]),
        source=template.title,
        predictions=predictions,
        references=references,
        geography=places,
        tables=prediction_tables(predictions, references),
        provenance={**{name: text for name, text in about.items() if text}, **provenance(seed=simulation.seed)},
        limits=(*LIMITS, *filter(None, [unfinished(predictions, simulation.units)])),
    )


def study_of(simulation: SetUp, days: int) -> ModelStudy:
    """The simulation as a study, over so many days, whose outcomes are what happens anew each day."""
    population = simulation.population
    column = simulation.column
    labels = () if column is None else population.places[column]
    sizes = simulation.group_sizes().tolist()
    one = simulation.one_day()
    groups = {values.shape[-2] for values in one.values()}
    grouped = groups == {len(labels)}
    own = BoundModel(simulation.template.function, population, 1, simulation.parameters).policies()
    return ModelStudy(
        simulation.template.name,
        f"{simulation.template.name} in {population.name}",
        simulation.template.title,
        simulation.model(days),
        group_labels=labels if grouped else (),
        outcomes=tuple(counted(one, simulation.units)),
        ranges={name: _policy(name, value, own[name], days) for name, value in simulation.policies.items()},
        group_sizes_of=lambda: sizes if grouped else [sum(sizes)],
    )


def _policy(name: str, value: float, own: float, days: int) -> Policy:
    """A policy with the range that its name tells: a day, a share, or any number; `own` is what the model has."""
    if name.endswith(DAYS):
        # Only a model that says -1 itself is known to take it for never; to another it is a day before all days.
        never = own < 0
        about = "a day; -1: never" if never else "a day"
        whole = float(value).is_integer()
        return Policy(name, value, about, min(-1 if never else 0, value), max(days, value), integer=whole)
    if name.endswith(("_strength", "_share", "_reach", "_adherence")):
        return Policy(name, value, "a share", 0, 1)
    return Policy(name, value, "a policy of the model", min(0.0, 2 * value), max(1.0, 2 * value))
