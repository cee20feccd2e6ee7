from collections.abc import Callable

import pyro
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from causal_lpm import KeyedNoise, Worlds, choose, comparing, event, policy, rollout, tally
from causal_lpm.agents import Archetypes, Population, choose_option, decide, decided_totals, hazard_of_logit, start
from causal_lpm.inference import predict

PEOPLE = Population(
    {"age": torch.arange(3).repeat(200), "borough": torch.arange(2).repeat_interleave(300)},
    {"age": ("young", "middle", "old"), "borough": ("Bronx", "Queens")},
)
KINDS = Archetypes.from_columns(PEOPLE, ["age", "borough"])
BASE = torch.tensor([-2.0, -1.0, 0.0, 0.5, 1.0, 2.0])


@given(st.floats(-80, 80, width=32))
def test_an_event_with_the_hazard_of_a_logit_has_the_probability_sigmoid(logit: float) -> None:
    hazard = hazard_of_logit(torch.tensor(logit, dtype=torch.float64))
    assert torch.allclose(-torch.expm1(-hazard), torch.tensor(logit, dtype=torch.float64).sigmoid(), rtol=1e-9, atol=0)


def test_deciding_is_one_gather_and_one_event() -> None:
    with KeyedNoise(5):
        decided = decide("isolate", BASE, KINDS)
    with KeyedNoise(5):
        happened = event("isolate", torch.nn.functional.softplus(BASE[KINDS.index.long()]))
    assert torch.equal(decided, happened)
    with KeyedNoise(5):
        some = decide("isolate", BASE, KINDS, where=PEOPLE["age"] == 2)
    assert torch.equal(some, decided & (PEOPLE["age"] == 2))


def test_choosing_is_one_gather_and_one_choice() -> None:
    logits = torch.randn(2, 6, 3)
    with KeyedNoise(5):
        chosen = choose_option("work", logits, KINDS)
    with KeyedNoise(5):
        assert torch.equal(chosen, choose("work", logits[:, KINDS.index.long()]))


def model(days: int = 3) -> object:
    slope = pyro.sample("slope", pyro.distributions.Normal(0.5, 0.1))
    payment = policy("payment", 0.0)

    def day(s: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        logits = BASE + torch.atleast_1d(slope) * s["payment"] / 500.0
        tally("home", decide("isolate", logits, KINDS), PEOPLE["borough"], groups=2)
        tally("counted", decided_totals("isolate_totals", logits, KINDS, by="borough"))
        return {**s, "option": choose_option("work", torch.stack([logits, -logits, 0 * logits], -1), KINDS)}

    return rollout(day, start(PEOPLE, payment=payment, option=torch.zeros(PEOPLE.size, dtype=torch.int64)), days)


def run(payment: float | None = None, seed: int = 3) -> object:
    from chirho.interventional.handlers import do

    pyro.set_rng_seed(1)
    if payment is None:
        with KeyedNoise(seed):
            return model()
    with KeyedNoise(seed), do(actions={"payment": torch.tensor([payment])}):
        return model()


def test_worlds_equal_separate_runs_bit_for_bit() -> None:
    pyro.set_rng_seed(1)
    with KeyedNoise(3), comparing({"none": {}, "500": {"payment": 500.0}, "same": {"payment": 0.0}}):
        worlds = model()
    for number, payment in enumerate((None, 500.0, 0.0)):
        alone = run(payment)
        for name in ("home", "counted"):
            assert torch.equal(worlds.tallies[name][number].flatten(), alone.tallies[name].flatten())
        assert torch.equal(worlds.state["option"][number].flatten(), alone.state["option"].flatten())
    assert not torch.equal(worlds.tallies["home"][0], worlds.tallies["home"][1])


def test_a_higher_logit_keeps_whoever_does_it() -> None:
    def home(payment: float) -> torch.Tensor:
        with KeyedNoise(3):
            return decide("isolate", BASE + payment / 500, KINDS)

    less, more = home(0.0), home(500.0)
    assert bool((more | ~less).all())
    assert int(more.sum()) > int(less.sum())
    with KeyedNoise(3):
        totals = decided_totals("isolate", torch.stack([BASE, BASE + 1]), KINDS)
    assert bool((totals[1] >= totals[0]).all())


def test_a_model_of_archetypes_is_predicted() -> None:
    tree = predict(model, {"slope": torch.tensor([0.4, 0.6])}, {"none": {}, "500": {"payment": 500.0}}, replicates=2)
    assert dict(tree.sizes)["draw"] == 2
    assert float(tree["home"].sel(world="500").sum()) > float(tree["home"].sel(world="none").sum())


@pytest.mark.parametrize("totals", [True, False], ids=["totals", "agents"])
def test_totals_are_binomial(totals: bool) -> None:
    """False alarms: one in a thousand, over four tests of one seed."""
    people = Population({"age": torch.arange(2).repeat(50)}, {"age": ("young", "old")})
    kinds, logits = Archetypes.from_columns(people, ["age"]), torch.tensor([-1.0, 0.3])
    drawn = []
    for seed in range(400):
        with KeyedNoise(seed):
            if totals:
                drawn.append(decided_totals("act", logits, kinds))
            else:
                drawn.append(tally("acts", decide("act", logits, kinds), people["age"], groups=2))
    for column, share in zip(torch.stack(drawn).T, logits.sigmoid().tolist(), strict=True):
        edges = sorted({int(stats.binom.ppf(q, 50, share)) for q in (0.1, 0.25, 0.4, 0.5, 0.6, 0.75, 0.9)})
        expected = torch.tensor(stats.binom.cdf(edges, 50, share)).diff(prepend=torch.zeros(1), append=torch.ones(1))
        seen = torch.bincount(torch.bucketize(column.contiguous(), torch.tensor(edges)), minlength=len(edges) + 1)
        assert stats.chisquare(seen.numpy(), (400 * expected / expected.sum()).numpy()).pvalue > 0.001 / 4


@pytest.mark.parametrize("act", [decide, decided_totals], ids=lambda act: act.__name__)
def test_logits_that_are_not_one_an_archetype_are_refused(act: Callable[..., torch.Tensor]) -> None:
    with pytest.raises(ValueError, match=r"shape \(5,\) for 6 archetypes: give \[\*dims, archetypes\]"):
        act("isolate", torch.zeros(5), KINDS)
    with pytest.raises(ValueError, match="NaN"):
        act("isolate", torch.full((6,), torch.nan), KINDS)
    with Worlds(), pytest.raises(ValueError, match=r"\[\*dims, archetypes, K\]"):
        choose_option("work", torch.zeros(6), KINDS)


def test_totals_of_an_unknown_attribute_are_refused() -> None:
    with pytest.raises(ValueError, match="did you mean 'borough'"):
        decided_totals("isolate", BASE, KINDS, by="boroughs")
