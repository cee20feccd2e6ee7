"""`create`: from a template or a model of one's own, and a population, to a simulation."""

from collections.abc import Callable
from typing import Any

from causal_lpm.inference.policies.question import named_worlds
from causal_lpm.simulations.bound_models import BoundModel, own_parameters
from causal_lpm.simulations.inhabitants import inhabitants
from causal_lpm.simulations.simulation import Simulation
from causal_lpm.simulations.what_if import AS_IT_IS
from causal_lpm.templates import Template, load_template
from causal_lpm.validate import known, whole_number

__all__ = ["create"]


def create(
    template: str | Callable[..., Any],
    population: Any = None,
    agents: int | None = None,
    seed: int = 0,
    by: str | None = None,
    **parameters: Any,
) -> Simulation:
    """A simulation of a template, or of one's own model, in a population.

    Args:
        template: A name of `causal_lpm.templates.template_names()`, or a function `model(population, days,
            **parameters)` that returns its `Rollout`; its population is an `Inhabitants`, with `people`, `networks`,
            `places` and, of a population by name, `contacts`.
        population: A name of `causal_lpm.populations.names()`, a `Population`, or anything with `people`, `networks`
            and `places`; not given, what the template brings along.
        agents: How many agents, where the population is made here; as many as there are persons, if not given.
        seed: Of the population that is made, and of all luck.
        by: Column of places by which what happens is counted; the first one of the population, if not given.
        **parameters: Parameters of the model, numbers or Pyro distributions, and its policies, numbers.

    Raises:
        ValueError: an unknown template, population, column, parameter or policy; a population that lacks what the
            template needs; a parameter outside its range.
        TypeError: a template or population that is none.

    >>> import torch
    >>> from causal_lpm.agents import Population
    >>> people = Population({"household": torch.arange(600) // 3})
    >>> simulation = create("seir", people, r0=4.0).run(days=20, seeds=2, progress=False)
    >>> dict(simulation.to_xarray().sizes)
    {'world': 1, 'draw': 1, 'replicate': 2, 'group': 1, 'day': 20}
    >>> create("seir", people, fatal=0.1)
    Traceback (most recent call last):
    ValueError: unknown parameter or policy 'fatal': did you mean 'fatality'?
    """
    seed = whole_number("seed", seed, low=0)
    if isinstance(template, str):
        found = load_template(template)
    elif callable(template) and not isinstance(template, type):
        name = str(getattr(template, "__name__", type(template).__name__))
        found = Template(name, template, getattr(template, "units", {}))
    else:
        raise TypeError(
            f"the template is a {type(template).__name__}: give a name such as 'seir', or a model function."
        )
    if population is None:
        population, agents = _own_population(found, agents, seed), None
    here = inhabitants(population, agents, seed, by)
    defaults = own_parameters(found.function)
    own = {name: value for name, value in parameters.items() if name in defaults}
    model = BoundModel(found.function, here, 1, own)
    policies = model.policies()
    for name in parameters:
        known("parameter or policy", name, [*defaults, *policies])
    acts = {name: value for name, value in parameters.items() if name not in own}
    decided = {**policies, **named_worlds({AS_IT_IS: acts})[AS_IT_IS]}
    model.check_days(decided)
    return Simulation(found, here, {**defaults, **own}, decided, seed)


def _own_population(template: Template, agents: int | None, seed: int) -> Any:
    """The population that a template brings along, by a function `inhabitants(agents, seed)` beside it."""
    if template.inhabitants is None:
        from causal_lpm.populations import names

        raise ValueError(
            f"{template.name!r} needs a population: give a name ({', '.join(names())}), a Population of your own, or "
            "an object with people, networks and places."
        )
    return template.inhabitants(agents, seed)
