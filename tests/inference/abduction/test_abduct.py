"""Abduction against the enumerated law of eight agents and three days, and what it refuses."""

import math
from typing import Any

import pyro
import pyro.distributions as dist
import pytest
import torch

from causal_lpm import comparing, event, observed, policy, rollout, tally
from causal_lpm.inference import Abduction, LineList, abduct
from tests.inference.abduction.tiny import AGENTS, DAYS, UNKNOWN, WORLDS, epidemic, exact

REPORTS = [2.0, 0.0, 3.0]


def reported() -> Any:
    """The tiny epidemic with reports of four in five infections, and some that are none."""
    run = epidemic()
    total = run.tallies["infections"].sum(-2, keepdim=True)
    observed("reports", dist.Poisson(0.8 * total.double() + 0.1).to_event(1))
    return run


def poisson(day: int, count: int) -> float:
    mean = 0.8 * count + 0.1
    return math.exp(REPORTS[day] * math.log(mean) - mean - math.lgamma(REPORTS[day] + 1))


EXACT = exact(lambda day, agent: UNKNOWN, poisson)


def infected(found: Abduction, model: Any) -> tuple[torch.Tensor, torch.Tensor]:
    """Who was infected in fact and elsewhere, `[path, agents]` each."""
    with torch.no_grad(), found.replay(), comparing(WORLDS, draws=len(found)) as worlds:
        who = model().tallies["infections"]
    fact, other = (
        worlds.take(who, name, event_dim=1).reshape(-1, AGENTS, DAYS).expand(len(found), AGENTS, DAYS).sum(-1)
        for name in WORLDS
    )
    return fact.double(), other.double()


def clustered(values: torch.Tensor, filters: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Mean over paths, and its standard error where those of one filter are alike."""
    mean = values.mean(0)
    sums = torch.stack([(values[filters == number] - mean).sum(0) for number in filters.unique()])
    return mean, (sums**2).sum(0).sqrt() / len(values)


def test_the_enumeration_is_that_of_the_issue() -> None:
    evidence, fact, other, only = EXACT
    assert [round(x, 4) for x in (evidence, fact[5], other[5], only[5])] == [-5.1261, 0.4660, 0.1958, 0.2702]
    assert round(sum(fact) - sum(other), 4) == 1.6213


@pytest.mark.parametrize("sweeps", [0, 2])
def test_the_posterior_of_paths_is_the_enumerated_one(sweeps: int) -> None:
    """Five means within three standard errors: one false alarm in 75 seeds; the seed is fixed."""
    filters = 2400
    found = abduct(
        reported, {"reports": REPORTS}, {}, blocks=2, filters=filters, paths=4 * filters, sweeps=sweeps, seed=1
    )
    assert found.status == "abducted"
    fact, other = infected(found, reported)
    told = torch.stack([fact[:, 5], other[:, 5], fact[:, 5] * (1 - other[:, 5]), fact.sum(1) - other.sum(1)], 1)
    mean, error = clustered(told, found.filters)
    evidence, *shares = EXACT
    expected = torch.tensor([*(share[5] for share in shares), sum(shares[0]) - sum(shares[1])])
    assert bool(((mean - expected).abs() < 3 * error).all()), (mean, expected, error)
    assert bool((error <= torch.tensor([0.0055, 0.0055, 0.0055, 0.0125])).all()), error
    noise = 0.15 / math.sqrt(filters)  # the standard deviation of p-hat is .15
    assert abs(found.log_evidence - evidence) < 3 * noise


def test_a_line_list_is_abducted_and_replayed(tmp_path: Any) -> None:
    """All infections known by day: three shares within three standard errors, one false alarm in 120 seeds."""
    when = {1: 0, 4: 0, 2: 1, 6: 2, 3: 2}
    people = LineList({"agent": list(when), "day": list(when.values()), "event": "infection"}, epidemic, ["infection"])
    evidence, fact, other, _ = exact(lambda day, agent: float(when.get(agent) == day))

    def model() -> Any:  # the data of a survey that says nothing
        run = epidemic()
        observed("survey", dist.Normal(torch.zeros(1, 1), 1.0).to_event(1))
        return run

    nothing = math.log(math.sqrt(2 * math.pi))
    found = abduct(model, {"survey": [0.0]}, {}, blocks=2, filters=200, paths=6000, sweeps=1, line_list=people)
    assert abs(found.log_evidence + nothing - evidence) < 1e-5, "the list alone has one probability, whatever the luck"
    told = found.predict({"measures": WORLDS["measures"], "fact": {}})["infections"].sum(("replicate", "day"))
    mean = told.mean("draw")
    fact[0] = other[0] = 0.0  # infected before, and in no tally
    assert mean.sel(world="fact").values.tolist() == fact
    error = (told.sel(world="measures").std("draw") / math.sqrt(len(found))).values
    away = abs(mean.sel(world="measures").values - other)
    assert (away <= 3 * error + 1e-12).all(), (mean.values, other)
    assert [round(other[i], 4) for i in (2, 3, 6)] == [0.5585, 0.3949, 0.2122]
    with torch.no_grad(), found.replay():
        again = model()
    assert (again.tallies["infections"].sum(-1) == torch.tensor(fact)).all()
    found.save(tmp_path / "people.nc")
    loaded = Abduction.load(tmp_path / "people.nc", model, line_list=people)
    assert loaded.predict(WORLDS).equals(found.predict(WORLDS))
    fewer = LineList({"agent": [1], "day": [0], "event": "infection"}, epidemic)
    for other_list in (None, fewer):
        with pytest.raises(ValueError, match="were found with a line list"):
            Abduction.load(tmp_path / "people.nc", model, line_list=other_list)


def epidemic_of(agents: int = 60, days: int = 8, share: float = 1.0, lead: int = 0) -> Any:
    """Everybody is at one hazard; the policy `shield` lowers it; a share is reported, with `lead` dimensions of one."""

    def model() -> Any:
        rate = pyro.sample("rate", dist.LogNormal(-2.0, 0.5))
        shield = policy("shield", 0.0)

        def day(s: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
            new = event("infection", rate * (1 - s["shield"]), where=s["stage"] == 0)
            tally("cases", new)
            return {**s, "stage": s["stage"] + new}

        run = rollout(day, {"stage": torch.zeros(agents, dtype=torch.uint8), "shield": shield}, days)
        mean = share * run.tallies["cases"].double() + 0.1
        observed("reports", dist.Poisson(mean.reshape((1,) * lead + mean.shape)).to_event(1))
        return run

    return model


SEEN = [7.0, 5.0, 6.0, 4.0, 3.0, 2.0, 2.0, 1.0]
START = {"rate": torch.linspace(0.08, 0.2, 40)}
SMALL: dict[str, Any] = {"blocks": 3, "particles": 16, "filters": 24, "rounds": 1, "paths": 12, "sweeps": 1}


def test_a_replay_is_the_path_and_an_act_equal_to_the_fact_changes_nothing() -> None:
    model = epidemic_of()
    found = abduct(model, {"reports": SEEN}, START, **SMALL)
    assert (found.seeds.shape, found.first_days) == ((12, 8, 3), tuple(range(8)))
    with torch.no_grad(), found.replay(), comparing({"fact": {}, "same": {"shield": 0.0}}, draws=12) as worlds:
        run = model()
    assert torch.equal(worlds.take(run.tallies["cases"], 0, 1), worlds.take(run.tallies["cases"], 1, 1))
    with torch.no_grad(), found.replay(slice(3, 5)):
        part = model()
    assert torch.equal(part.tallies["cases"], worlds.take(run.tallies["cases"], 0, 1).reshape(12, 1, 8)[3:5])


def test_the_numbers_depend_on_the_seed_and_on_nothing_else(tmp_path: Any) -> None:
    model = epidemic_of()
    one = abduct(model, {"reports": SEEN}, START, **SMALL)
    again = abduct(model, {"reports": SEEN}, START, folder=tmp_path / "kept", **SMALL)
    kept = abduct(model, {"reports": SEEN}, START, folder=tmp_path / "kept", workers=2, **SMALL)
    other = abduct(model, {"reports": SEEN}, START, seed=1, **SMALL)
    for same in (again, kept):
        assert torch.equal(one.seeds, same.seeds)
        assert torch.equal(one.parameters["rate"], same.parameters["rate"])
        assert one.log_evidence == same.log_evidence
    assert not torch.equal(one.seeds, other.seeds)
    others: list[tuple[str, Any, Any, Any]] = [
        ("from other data", model, [*SEEN[:-1], 2.0], START),
        ("by another model", epidemic_of(share=0.9), SEEN, START),
        ("with other draws of the parameters", model, SEEN, {"rate": START["rate"] * 1.1}),
    ]
    for what, its, seen, start in others:
        with pytest.raises(FileExistsError, match=f"holds another run .it was made {what}"):
            abduct(its, {"reports": seen}, start, folder=tmp_path / "kept", **SMALL)


def test_dimensions_of_one_before_the_data_change_nothing() -> None:
    plain, led = (abduct(epidemic_of(lead=lead), {"reports": SEEN}, START, **SMALL) for lead in (0, 2))
    assert torch.equal(plain.seeds, led.seeds)
    assert plain.log_evidence == led.log_evidence
    asked = {"fact": {}, "half": {"shield": 0.5}}
    told = [found.predict(asked, outcomes=["reports"])["reports"] for found in (plain, led)]
    assert told[0].equals(told[1])


def test_what_was_saved_is_loaded_and_grows_by_its_model(tmp_path: Any) -> None:
    model = epidemic_of()
    found = abduct(model, {"reports": SEEN}, START, **SMALL)
    found.save(tmp_path / "abduction.nc")
    bare, whole = Abduction.load(tmp_path / "abduction.nc"), Abduction.load(tmp_path / "abduction.nc", model)
    for loaded in (bare, whole):
        assert torch.equal(loaded.seeds, found.seeds)
        assert torch.equal(loaded.parameters["rate"], found.parameters["rate"])
        assert (loaded.status, loaded.reason, loaded.log_evidence) == (found.status, found.reason, found.log_evidence)
    with pytest.raises(ValueError, match="loaded without its model"):
        bare.predict()
    assert whole.predict().equals(found.predict())
    with pytest.raises(ValueError, match=r"call abduct\(model, data, loaded\)"):
        whole.update({"reports": SEEN})
    with pytest.raises(FileExistsError):
        abduct(model, {"reports": SEEN}, START, seed=1, **SMALL).save(tmp_path / "abduction.nc")


def test_an_update_begins_from_what_is_known() -> None:
    model = epidemic_of()
    early = abduct(model, {"reports": [*SEEN[:5], *[float("nan")] * 3]}, START, **SMALL)
    later = early.update({"reports": SEEN})
    whole = abduct(model, {"reports": SEEN}, early, **SMALL)
    assert torch.equal(later.seeds, whole.seeds)
    assert later.log_evidence < early.log_evidence, "more data are less probable"
    with pytest.raises(ValueError, match="'reports' differ"):
        later.update({"reports": [8.0, *SEEN[1:]]})
    with pytest.raises(ValueError, match="'reports' are left out"):
        later.update({})
    with pytest.raises(ValueError, match=r"'reports' have shape \(9,\) where \(1, 8\)"):
        later.update({"reports": [*SEEN, 1.0]})


def test_a_question_that_replays_cannot_answer_is_refused_in_a_sentence() -> None:
    found = abduct(epidemic_of(), {"reports": SEEN}, START, **SMALL)
    with pytest.raises(ValueError, match="did you mean 'counterfactual'"):
        found.predict(kind="conterfactual")
    for name in ("draws", "replicates"):
        with pytest.raises(TypeError, match=f"a counterfactual has no {name}=: it replays all 12 paths"):
            found.predict(**{name: 2})


def test_a_refusal_says_why() -> None:
    found = abduct(epidemic_of(), {"reports": SEEN}, START, thresholds={"effective filters": (1e6, 1e5)}, **SMALL)
    assert found.status == "interventional only"
    assert "effective filters out of 24" in found.reason


@pytest.mark.parametrize(
    ("changed", "error", "sentence"),
    [
        (
            {"data": {"reports": [400.0, *SEEN[1:]]}, "model": "few"},
            ValueError,
            "no particle can produce the number of",
        ),
        ({"data": {"cases": SEEN}}, ValueError, "unknown data site 'cases'"),
        ({"data": {"reports": SEEN[:3]}}, ValueError, "'reports'"),
        ({"posterior": {"growth": [0.1]}}, ValueError, "unknown parameter 'growth'"),
        ({"posterior": {}}, ValueError, "no draws of parameter 'rate'"),
        ({"posterior": {"rate": [-0.1, 0.2]}}, ValueError, "outside of the prior's support"),
        ({"posterior": {"rate": [float("nan")]}}, ValueError, "NaN"),
        ({"posterior": {"rate": [0.1, 0.2]}}, ValueError, "2 draws of 1 numbers: give 3 at least"),
        ({"windows": 9}, ValueError, "a window has 9 days and the simulation 8"),
        ({"blocks": 61}, ValueError, "61 blocks and 60 agents"),
        ({"blocks": 0}, ValueError, "blocks is 0"),
        ({"particles": 1.5}, ValueError, "particles is 1.5"),
        ({"particles": 10**10}, ValueError, "need about"),
        ({"thresholds": {"R-hat": (1, 2)}}, ValueError, "unknown gate with thresholds 'R-hat'"),
        ({"thresholds": {"early luck": 1.0}}, ValueError, "of gate 'early luck' are 1.0: give where it warns, and"),
        ({"posterior": torch.ones(3)}, TypeError, "the posterior is a Tensor: give a CalibrationResult"),
        ({"posterior": None}, TypeError, "the posterior is a NoneType"),
        ({"posterior": {"rate": torch.ones(40, 2)}}, ValueError, r"'rate' has draws of shape \(2,\)"),
        ({"windows": 2.5}, TypeError, "windows is 2.5: give a whole number of days"),
        ({"line_list": {"agent": [1]}}, TypeError, r"the line list is a dict: give LineList\(table, model\)"),
        ({"model": "called"}, TypeError, "the model is None: give the Pyro program itself"),
        ({"filters": 1}, ValueError, "filters is 1: give a whole number of at least 2"),
        ({"model": "stray"}, ValueError, "draws from a generator of its own"),
        ({"model": "counter"}, ValueError, "outside of its state|other numbers for the same seeds"),
    ],
)
def test_bad_input_is_refused_in_a_sentence(changed: dict[str, Any], error: type[Exception], sentence: str) -> None:
    models = {"": epidemic_of(), "few": few, "stray": stray, "counter": counter, "called": None}
    model = models[changed.pop("model", "")]
    data, posterior = changed.pop("data", {"reports": SEEN}), changed.pop("posterior", START)
    with pytest.raises(error, match=sentence):
        abduct(model, data, posterior, **{**SMALL, **changed})


def few() -> Any:
    """No report without a case: 400 of 60 agents are impossible."""
    rate = pyro.sample("rate", dist.LogNormal(-2.0, 0.5))

    def day(s: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        tally("cases", event("infection", rate, where=s["stage"] == 0))
        return s

    run = rollout(day, {"stage": torch.zeros(60, dtype=torch.uint8)}, 8)
    total = run.tallies["cases"].double()
    observed("reports", dist.Binomial(total_count=total, probs=torch.full_like(total, 0.9)).to_event(1))
    return run


def stray() -> Any:
    rate = pyro.sample("rate", dist.LogNormal(-2.0, 0.5))

    def day(s: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        tally("cases", torch.rand(s["stage"].shape) < 0.1 * rate)
        return s

    run = rollout(day, {"stage": torch.zeros(60, dtype=torch.uint8)}, 8)
    observed("reports", dist.Poisson(run.tallies["cases"].double() + 0.1).to_event(1))
    return run


def counter() -> Any:
    """Remembers days in a closure, which no row can take along."""
    rate, seen = pyro.sample("rate", dist.LogNormal(-2.0, 0.5)), [torch.zeros(1)]

    def day(s: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        new = event("infection", rate * (1 + seen[0]), where=s["stage"] == 0)
        seen[0] = seen[0] + new.float().mean(-1, keepdim=True)
        tally("cases", new)
        return {"stage": s["stage"] + new}

    run = rollout(day, {"stage": torch.zeros(60, dtype=torch.uint8)}, 8)
    observed("reports", dist.Poisson(run.tallies["cases"].double() + 0.1).to_event(1))
    return run
