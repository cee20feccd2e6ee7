"""A Pyro program as a study: what is read off it, its worlds under the prior, and what it refuses."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pyro
import pyro.distributions as dist
import pytest
import torch

from causal_lpm import event, observed, policy, rollout, tally
from causal_lpm.inference import ModelStudy, Options, Policy, load_study, predict, run_experiment
from causal_lpm.inference.studies.catalogue import reproduction_of, simulated, with_data
from causal_lpm.inference.studies.manifest import manifest
from causal_lpm.inference.studies.study import ReproducedStudy

AGENTS, DAYS = 200, 6
OPTIONS = Options(AGENTS, DAYS)
WORLDS = {"open": {}, "closed": {"contact": 0.0}}


def model() -> object:
    rate = pyro.sample("rate", dist.LogNormal(-2.0, 0.5))
    contact = policy("contact", 1.0)

    def day(s: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        infected = event("infection", rate * s["contact"] * torch.ones(AGENTS))
        tally("infections", infected)
        return s

    run = rollout(day, {"well": torch.ones(AGENTS), "contact": contact}, DAYS)
    observed("reports", dist.Poisson(0.5 * run.tallies["infections"] + 0.1).to_event(1))
    return run


STUDY = ModelStudy("walk", "Contacts", "made up", model, own_worlds=WORLDS)


def test_policies_outcomes_and_sizes_are_those_of_the_model() -> None:
    assert {name: found.default for name, found in STUDY.policies.items()} == {"contact": 1.0}
    assert (STUDY.default_agents, STUDY.default_days, STUDY.groups) == (AGENTS, DAYS, ("0",))
    ranged = replace(STUDY, ranges={"contact": Policy("contact", 1.0, "contacts", 0, 2)})
    assert ranged.policies["contact"].high == 2


def test_a_replicate_is_a_draw_of_the_prior_in_all_worlds_and_has_the_numbers_of_predict() -> None:
    study = replace(STUDY, outcomes=("infections", "reports"))
    first, again = (study.simulate(WORLDS, OPTIONS, seed) for seed in (3, 3))
    other = study.simulate(WORLDS, OPTIONS, 4)
    for name in study.outcomes:
        assert first[name].shape == (2, 1, DAYS)
        np.testing.assert_array_equal(first[name], again[name])
    assert (first["infections"] != other["infections"]).any()
    assert first["infections"][1].sum() == 0
    with torch.random.fork_rng():
        torch.manual_seed(3)
        rate = dist.LogNormal(-2.0, 0.5).sample()
    direct = predict(model, {"rate": rate[None]}, WORLDS, seed=3)
    np.testing.assert_array_equal(first["infections"], direct["infections"].values[:, 0, 0])


def test_it_runs_as_any_study_does() -> None:
    study = replace(STUDY, outcomes=("infections",))
    worlds, references = study.worlds("main")
    tree = run_experiment(study, worlds, references, 2, 1, OPTIONS, workers=1)
    averted = tree["causal_effect"]["averted"].values
    assert (averted > 0).all()


def test_weekly_numbers_are_spread_over_their_days() -> None:
    weekly = replace(STUDY, outcomes=("infections",), step_days=7)
    steps = replace(STUDY, outcomes=("infections",)).simulate(WORLDS, OPTIONS, 3)["infections"]
    days = weekly.simulate(WORLDS, Options(AGENTS, weekly.default_days), 3)["infections"]
    assert days.shape[-1] == weekly.default_days == 7 * DAYS
    np.testing.assert_allclose(days.reshape(2, 1, DAYS, 7).sum(-1), steps)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (Options(AGENTS + 1, DAYS), "agents is 201, and the model of walk has 200"),
        (Options(AGENTS, DAYS - 1), "days is 5, and the model of walk has 6"),
        (Options(AGENTS, DAYS, "cuda"), "device is cuda"),
        (Options(AGENTS, DAYS, extra={"mechanism": "new"}), "unknown option of walk 'mechanism'"),
    ],
)
def test_what_the_model_leaves_no_choice_of_is_refused(options: Options, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        STUDY.check(WORLDS, options)


def test_outcomes_of_several_shapes_are_refused() -> None:
    def uneven() -> object:
        run = model()
        return {**run.tallies, "short": run.tallies["infections"][..., 1:]}  # type: ignore[attr-defined]

    with pytest.raises(ValueError, match="outcomes need the same groups and days"):
        _ = replace(STUDY, model=uneven).groups
    with pytest.raises(ValueError, match="did you mean 'infections'"):
        _ = replace(STUDY, outcomes=("infection",)).groups


def test_what_a_study_lacks_is_one_sentence() -> None:
    bare = ReproducedStudy("bare", "Bare", "made up", ("deaths",), lambda out, **_: "")
    with pytest.raises(ValueError, match="bare has no worlds to simulate: all it has comes from `causal-lpm run bare`"):
        simulated(bare)
    with pytest.raises(ValueError, match="bare has no model and data to calibrate"):
        with_data(bare)
    with pytest.raises(ValueError, match="walk comes without data: give them"):
        with_data(STUDY).observed()
    assert reproduction_of(STUDY) is None


def test_a_model_of_ones_own_is_a_study() -> None:
    found = simulated(load_study("tests.inference.studies.test_model_study:model"))
    assert (list(found.policies), found.outcomes) == (["contact"], ("infections", "reports"))
    assert load_study("tests.inference.studies.test_model_study:STUDY") == STUDY


def test_a_change_of_the_models_module_is_another_experiment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    found = []
    for version in ("one", "two"):
        (tmp_path / f"town_{version}.py").write_text(
            f"from tests.inference.studies import test_model_study\n# {version}\ndef model():\n"
            "    return test_model_study.model()\n"
        )
        study = simulated(load_study(f"town_{version}:model"))
        found.append(manifest(study, WORLDS, 0, OPTIONS)["code"])
    assert found[0] != found[1]


def test_groups_of_unknown_sizes_are_refused_before_anything_runs() -> None:
    def grouped() -> object:
        run = model()
        return {name: series.expand(2, DAYS) for name, series in run.tallies.items()}  # type: ignore[attr-defined]

    study = replace(STUDY, model=grouped, outcomes=("infections",))
    with pytest.raises(ValueError, match="how large the 2 groups of walk are is not known"):
        study.check(WORLDS, OPTIONS)
    sized = replace(study, group_sizes_of=lambda: [50, 150], group_labels=("north", "south"))
    sized.check(WORLDS, OPTIONS)
    assert sized.group_sizes(OPTIONS).tolist() == [50, 150]
