import torch

from causal_lpm import KeyedNoise, Rollout, comparing, create
from causal_lpm.templates import load_template
from causal_lpm.templates.predator_prey import inhabitants

MODEL = load_template("predator-prey")


def run(days: int = 60, **parameters: float) -> Rollout:
    with KeyedNoise(1):
        found = MODEL.function(inhabitants(2_000), days, **parameters)
    assert isinstance(found, Rollout)
    return found


def test_places_are_filled_and_emptied_by_what_is_counted() -> None:
    found = run(starvation=0.0, predator_births=0.0)
    prey, born, eaten = (found.tallies[name][0] for name in ("prey", "born", "eaten"))
    assert torch.equal(prey[1:], prey[:-1] + (born - eaten)[1:])
    assert bool((found.tallies["predators"][0] == found.tallies["predators"][0, 0]).all())


def test_predators_without_prey_die_out_and_prey_without_predators_fill_their_places() -> None:
    assert int(run(days=150, prey_at_start=0.0).tallies["predators"][0, -1]) == 0
    assert int(run(days=150, predators_at_start=0.0).tallies["prey"][0, -1]) == int(
        (~inhabitants(2_000).people["predator"]).sum()
    )


def test_both_live_on_in_the_long_run() -> None:
    found = run(days=200)
    assert all(int(found.tallies[name][0, -1]) > 50 for name in ("prey", "predators"))


def test_a_cull_takes_so_many_a_day_and_worlds_are_separate_runs() -> None:
    with KeyedNoise(1), comparing({"none": {}, "five": {"culled_per_day": 5}}):
        both = MODEL.function(inhabitants(2_000), 20).tallies
    assert (both["culled"][1] == 5).all()
    assert torch.equal(both["prey"][0], run(days=20).tallies["prey"])


def test_it_brings_its_population_along() -> None:
    found = create("predator-prey", agents=3_000).run(10, 2, progress=False)
    assert found.population.people.size == 3_000
    asked = found.whatif({"cull": {"culled_per_day": 5}}, progress=False)
    assert asked.counted == ["born", "eaten", "culled"]
