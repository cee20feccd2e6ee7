"""Which worlds an experiment has, each as one simulation by itself: what its policies are, and what acts in it."""

import itertools
from dataclasses import dataclass

import numpy as np

from tests.fuzz.description import Act, Experiment, Rule

Policy = float | np.ndarray


@dataclass(frozen=True)
class World:
    """One world: where it stands, the policies that it begins with, and its interventions."""

    place: dict[str, int]  # dimension -> number; a dimension that an act makes is called by the number of the act
    policies: dict[str, Policy]
    acts: tuple[tuple[float, str, Policy | None], ...]  # time, entry, value; None adds one
    rules: tuple[Rule, ...]


def worlds(experiment: Experiment) -> list[World]:
    """All worlds, the factual one first."""
    own, made = experiment.model.policies, experiment.worlds
    match made.kind:
        case "alone":
            return [_world(experiment, {}, own | {name: act for name, (act,) in made.do.items()}, [0])]
        case "comparing":
            settings = list(made.settings.values())
            return [_on_one_axis(experiment, number, own | setting) for number, setting in enumerate(settings)]
        case "worlds":
            size = _size(experiment)
            return [_on_one_axis(experiment, i, own | _acts_of(made.do, i)) for i in range(size)]
    # A dimension for each policy, and one for each act at a time: all combinations.
    axes = [*(range(len(acts) + 1) for acts in made.do.values()), *(range(2) for _ in experiment.acts)]
    result = []
    for place in itertools.product(*axes):
        done = dict(zip(made.do, place, strict=False))
        later = place[len(made.do) :]
        policies = own | {name: made.do[name][i - 1] for name, i in done.items() if i}
        names = [*made.do, *map(str, range(len(experiment.acts)))]
        result.append(_world(experiment, dict(zip(names, place, strict=True)), policies, [i - 1 for i in later]))
    return result


def _on_one_axis(experiment: Experiment, number: int, policies: dict[str, Policy]) -> World:
    return _world(experiment, {"world": number}, policies, [number - 1] * len(experiment.acts))


def _world(experiment: Experiment, place: dict[str, int], policies: dict[str, Policy], which: list[int]) -> World:
    """A world in which the `which`-th value of each act is done, if it has so many."""
    which = which if len(which) == len(experiment.acts) else which * len(experiment.acts)
    acts = [one for act, i in zip(experiment.acts, which, strict=True) if (one := _value(act, i)) is not None]
    # An intervening rule has one act: it is done in world 1, and in the only world where there is one.
    counterfactual = place.get("world", 1) == 1
    rules = [rule for rule in experiment.rules if counterfactual or not rule.intervenes]
    return World(place, policies, tuple(sorted(acts, key=lambda act: act[0])), tuple(rules))


def _value(act: Act, number: int) -> tuple[float, str, Policy | None] | None:
    if act.bump:
        return (act.time, act.entry, None) if number == 0 else None
    value = act.values[number] if 0 <= number < len(act.values) else None
    return None if value is None else (act.time, act.entry, value)


def _acts_of(do: dict[str, tuple[float | None, ...]], world: int) -> dict[str, float]:
    chosen = {name: acts[world - 1] for name, acts in do.items() if 0 < world <= len(acts)}
    return {name: value for name, value in chosen.items() if value is not None}


def _size(experiment: Experiment) -> int:
    if experiment.worlds.names is not None:
        return len(experiment.worlds.names)
    acts = [*experiment.worlds.do.values(), *(act.values or (1.0,) for act in experiment.acts)]
    return 1 + max([len(values) for values in acts] + [1 for rule in experiment.rules if rule.intervenes], default=0)
