import time
from collections.abc import Callable

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from causal_lpm.agents import synthesis
from causal_lpm.agents.synthesis import households, synthesise, workplaces, zipf_sizes
from tests.pretend_gpu import DEVICE, PretendGpu

AGE = {"0-19": 0.24, "20-64": 0.62, "65+": 0.14}
SEX = {"female": 0.51, "male": 0.49}
WORK = {
    "0-19": {"none": 1.0},
    "20-64": {"none": 0.2, "office": 0.5, "shop": 0.3},
    "65+": {"shop": 0.1, "none": 0.9},
}
HOUSEHOLDS = [0.28, 0.34, 0.16, 0.14, 0.08]


def shares(counts: list[int]) -> dict[str, float]:
    return {f"class {i}": count / sum(counts) for i, count in enumerate(counts)}


def p_value(column: torch.Tensor, expected: dict[str, float]) -> float:
    """Chi-square goodness of fit over the classes that are possible."""
    counts = torch.bincount(column.long(), minlength=len(expected)).tolist()
    impossible = sum(count for count, share in zip(counts, expected.values(), strict=True) if share == 0)
    assert impossible == 0
    possible = [(count, share) for count, share in zip(counts, expected.values(), strict=True) if share > 0]
    observed, share = zip(*possible, strict=True)
    total = sum(share)
    return float(stats.chisquare(observed, [s / total * len(column) for s in share]).pvalue)


def test_marginals_are_kept_and_independent() -> None:
    people = synthesise(100_000, {"age": AGE, "sex": SEX}, seed=1)
    joint = {f"{a} {s}": p * q for a, p in AGE.items() for s, q in SEX.items()}
    # False alarm: 1e-6 a test, three tests, and none at a fixed seed.
    assert p_value(people["age"], AGE) > 1e-6
    assert p_value(people["sex"], SEX) > 1e-6
    assert p_value(people["age"].long() * 2 + people["sex"], joint) > 1e-6
    assert people.labels == {"age": tuple(AGE), "sex": tuple(SEX)}
    assert people["age"].dtype == torch.uint8


def test_conditional_shares_are_kept() -> None:
    people = synthesise(100_000, {"age": AGE}, seed=2, given={"work": ("age", WORK)})
    labels = people.labels["work"]
    assert labels == ("none", "office", "shop")
    for code, age in enumerate(AGE):
        column = people["work"][people["age"] == code]
        expected = {label: WORK[age].get(label, 0.0) for label in labels}
        if len(WORK[age]) > 1:
            assert p_value(column, expected) > 1e-6  # false alarm 2e-6 in all
        else:
            assert set(column.tolist()) == {0}


def test_conditions_can_be_chained() -> None:
    sector = {"none": {"no": 1.0}, "office": {"yes": 1.0}, "shop": {"yes": 1.0}}
    chain = {"work": ("age", WORK), "insured": ("work", sector)}
    people = synthesise(1000, {"age": AGE}, seed=2, given=chain)
    assert torch.equal(people["insured"] == 1, people["work"] > 0)


@settings(max_examples=25)
@given(st.lists(st.integers(0, 50), min_size=1, max_size=12).filter(any), st.integers(0, 2**31))
def test_any_marginal_is_kept(counts: list[int], seed: int) -> None:
    wanted = shares(counts)
    column = synthesise(2000, {"class": wanted}, seed=seed)["class"]
    # Chi-square is rough for small expected counts: alarm at 1e-9, false alarm below about 1e-6 in all examples.
    if sum(share > 0 for share in wanted.values()) > 1:
        assert p_value(column, wanted) > 1e-9
    else:
        assert wanted[f"class {int(column[0])}"] == 1.0


def test_the_same_seed_gives_the_same_people() -> None:
    a, b, c = (synthesise(500, {"age": AGE}, seed)["age"] for seed in (3, 3, 4))
    assert torch.equal(a, b)
    assert not torch.equal(a, c)


def test_a_million_agents_take_seconds() -> None:
    began = time.perf_counter()
    people = synthesise(1_000_000, {"age": AGE, "sex": SEX}, given={"work": ("age", WORK)})
    home = households(1_000_000, HOUSEHOLDS)
    assert time.perf_counter() - began < 20  # 0.2 s on an idle core
    assert people.size == len(home) == 1_000_000


@pytest.mark.parametrize(
    ("agents", "marginals", "conditional", "sentence"),
    [
        (0, {"age": AGE}, {}, "agents is 0"),
        (10, {"age": {"a": 0.5}}, {}, "marginal 'age' sum to 0.5"),
        (10, {"age": {"a": 1.5, "b": -0.5}}, {}, "gives 'b' the share -0.5"),
        (10, {"age": {}}, {}, "marginal 'age' is empty"),
        (10, {}, {}, "no attributes"),
        (10, {"age": {str(i): 1 / 257 for i in range(257)}}, {}, "257 classes are more than the 256"),
        (10, {"age": AGE}, {"work": ("agee", WORK)}, "unknown attribute 'agee': did you mean 'age'"),
        (10, {"age": AGE}, {"work": ("age", {**WORK, "65+": {"shop": 0.1}})}, "'work given 65\\+' sum to 0.1"),
        (10, {"age": AGE}, {"work": ("age", {"0-19": {"none": 1.0}})}, "unknown row of work '20-64'"),
        (10, {"age": AGE}, {"work": ("age", {**WORK, "66+": {"none": 1.0}})}, "unknown label of age '66\\+'"),
        (10, {"age": AGE}, {"age": ("age", WORK)}, "attribute 'age' appears twice"),
    ],
)
def test_bad_marginals_are_refused(agents: int, marginals: dict, conditional: dict, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        synthesise(agents, marginals, given=conditional)


def test_household_sizes_are_kept() -> None:
    home = households(200_000, HOUSEHOLDS, seed=5).long()
    sizes = torch.bincount(home)[:-1]  # the last one is cut short
    expected = {str(size): share for size, share in enumerate(HOUSEHOLDS, start=1)}
    assert p_value(sizes - 1, expected) > 1e-6  # false alarm 1e-6


@settings(max_examples=50)
@given(st.integers(1, 300), st.lists(st.integers(0, 9), min_size=1, max_size=8).filter(any), st.integers(0, 1000))
def test_households_are_consecutive_and_of_allowed_sizes(agents: int, counts: list[int], seed: int) -> None:
    home = households(agents, [count / sum(counts) for count in counts], seed)
    assert home.shape == (agents,)
    assert home.dtype == torch.int32
    assert int(home[0]) == 0
    assert set(torch.diff(home).tolist()) <= {0, 1}
    allowed = {size for size, count in enumerate(counts, start=1) if count}
    sizes = torch.bincount(home).tolist()
    assert set(sizes[:-1]) <= allowed
    assert sizes[-1] <= max(allowed)


@pytest.mark.parametrize(("agents", "sizes"), [(0, [1.0]), (5, []), (5, [0.5, 0.4]), (5, [1.5, -0.5])])
def test_bad_households_are_refused(agents: int, sizes: list[float]) -> None:
    with pytest.raises(ValueError, match=r"agents is 0|household size"):
        households(agents, sizes)


def test_households_and_ages_of_the_same_seed_are_independent() -> None:
    sizes = torch.bincount(households(100_000, HOUSEHOLDS, seed=5).long())[:-1]
    age = synthesise(100_000, {"age": AGE}, seed=5)["age"][: len(sizes)]
    table = torch.zeros(len(AGE), len(HOUSEHOLDS)).index_put_(
        (age.long(), sizes - 1), torch.ones(len(sizes)), accumulate=True
    )
    assert stats.chi2_contingency(table).pvalue > 1e-6  # false alarm 1e-6, and none at the fixed seed


SIZES = {(1, 4): 0.55, (5, 9): 0.19, (10, 19): 0.12, (20, 49): 0.09, (50, 99): 0.05}


def test_beyond_memory_is_refused_before_anything_is_drawn() -> None:
    agents = 10**14
    with pytest.raises(ValueError, match=r"1e\+14 agents need about \d+ GB; this machine has \d+"):
        synthesise(agents, {"age": AGE})
    with pytest.raises(ValueError, match="need about"):
        households(agents, HOUSEHOLDS)
    with pytest.raises(ValueError, match="need about"):
        workplaces(torch.tensor(True).expand(agents), SIZES)


def test_numbers_that_a_seed_gives_stay() -> None:
    people = synthesise(12, {"age": AGE}, seed=3, given={"work": ("age", WORK)})
    assert people["age"].tolist() == [0, 0, 1, 1, 0, 1, 1, 0, 1, 0, 1, 1]
    assert people["work"].tolist() == [0, 0, 1, 1, 0, 1, 0, 0, 2, 0, 1, 1]
    assert households(12, HOUSEHOLDS, seed=3).tolist() == [0, 1, 1, 2, 2, 2, 3, 3, 4, 4, 4, 5]


def test_counts_may_be_whole_floats_and_seeds_any_integer() -> None:
    for seed in (-1, 2**64 - 1):
        assert torch.equal(synthesise(1e2, {"age": AGE}, seed)["age"], synthesise(100, {"age": AGE}, 2**64 - 1)["age"])
        assert torch.equal(households(5.0, [0.5, 0.5], seed), households(5, [0.5, 0.5], 2**64 - 1))
        workplaces(yes, SIZES, seed)
    assert zipf_sizes(10.0) == zipf_sizes(10)
    large = synthesise(100, {"age": AGE}, 2**64 + 1)["age"]  # not the seed 1
    assert not torch.equal(large, synthesise(100, {"age": AGE}, 1)["age"])


def test_places_are_where_the_people_are() -> None:
    adult = torch.tensor([True, True, False])
    with PretendGpu():
        there = adult.to(DEVICE)
        places = households(3, [0.5, 0.5], adult=there), workplaces(there, SIZES, within=[there.int()])
        assert all(place.device == DEVICE for place in places)
        assert torch.equal(places[1].cpu(), workplaces(adult, SIZES, within=[adult.int()]))


def test_agents_are_drawn_in_blocks_as_all_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = synthesise(1000, {"age": AGE, "sex": SEX}, seed=4, given={"work": ("age", WORK)})
    monkeypatch.setattr(synthesis, "_BLOCK", 7)
    parts = synthesise(1000, {"age": AGE, "sex": SEX}, seed=4, given={"work": ("age", WORK)})
    assert all(torch.equal(whole[name], parts[name]) for name in whole)


@settings(max_examples=50)
@given(st.integers(1, 300), st.floats(0.6, 1.0), st.integers(0, 1000))
def test_an_adult_lives_in_every_household(agents: int, share: float, seed: int) -> None:
    adult = torch.rand(agents, generator=torch.Generator().manual_seed(seed)) < share
    adult[0] = True
    sizes = [0.0, 0.3, 0.3, 0.4]
    needed = int(households(agents, sizes, seed).max()) + 1
    if int(adult.sum()) < needed:
        with pytest.raises(ValueError, match=f"there are {needed} households and only {int(adult.sum())} adults"):
            households(agents, sizes, seed, adult)
        return
    home = households(agents, sizes, seed, adult)
    assert home.dtype == torch.int32
    assert torch.equal(torch.bincount(home), torch.bincount(households(agents, sizes, seed)))
    assert (torch.bincount(home, adult.float()) >= 1).all()
    assert torch.equal(home, households(agents, sizes, seed, adult))


def test_children_are_spread_over_the_places_that_are_left() -> None:
    agents = 60_000
    adult = synthesise(agents, {"age": AGE}, seed=6)["age"] > 0
    home = households(agents, HOUSEHOLDS, seed=6, adult=adult).long()
    size = torch.bincount(home)
    children = torch.bincount(home, (~adult).float())
    rate = float((~adult).sum() / (size - 1).sum())
    for members in (2, 3, 4, 5):
        mine = children[size == members] / (members - 1)
        # Six standard errors of a mean of 0/1 places, drawn without replacement: false alarm below 1e-8.
        assert abs(float(mine.mean()) - rate) < 6 * (rate * (1 - rate) / (len(mine) * (members - 1))) ** 0.5


columns = st.integers(1, 4).flatmap(
    lambda classes: st.lists(st.integers(0, classes - 1), min_size=150, max_size=150).map(torch.tensor)
)


@settings(max_examples=50)
@given(st.lists(columns, max_size=3), st.floats(0.0, 1.0), st.integers(0, 1000))
def test_workplaces_hold_all_who_work_and_stay_within_their_classes(
    within: list[torch.Tensor], share: float, seed: int
) -> None:
    employed = torch.rand(150, generator=torch.Generator().manual_seed(seed)) < share
    work = workplaces(employed, {(2, 3): 0.8, (7, 9): 0.2}, seed, within)
    assert work.dtype == torch.int32
    assert torch.equal(work >= 0, employed)
    assert torch.equal(work, workplaces(employed, {(2, 3): 0.8, (7, 9): 0.2}, seed, within))
    assert set(work[employed].tolist()) == set(range(int(work.max()) + 1))
    for column in within:
        for place in range(int(work.max()) + 1):
            assert len(set(column[work == place].tolist())) == 1


def test_workplaces_have_their_sizes() -> None:
    employed = torch.rand(100_000, generator=torch.Generator().manual_seed(1)) < 0.6
    sector = torch.arange(100_000) % 2
    sizes = {(1, 1): 0.5, (4, 6): 0.3, (20, 29): 0.15, (100, 149): 0.05}
    work = workplaces(employed, sizes, seed=8, within=[sector])
    size = torch.bincount(work[employed])
    assert int(size.sum()) == int(employed.sum())
    cut_short = [int(work[employed & (sector == s)].max()) for s in (0, 1)]
    whole = torch.ones(len(size), dtype=torch.bool).index_fill_(0, torch.tensor(cut_short), False)
    classes = torch.full((len(size),), -1)
    for code, (low, high) in enumerate(sizes):
        classes[(size >= low) & (size <= high)] = code
    assert int(classes[whole].min()) == 0
    assert p_value(classes[whole], {str(k): share for k, share in enumerate(sizes.values())}) > 1e-6  # false alarm 1e-6


def test_who_works_together_does_not_depend_on_the_number_of_an_agent() -> None:
    work = workplaces(torch.ones(50_000, dtype=torch.bool), {(10, 10): 1.0}, seed=2)
    # Colleagues of agents 0 ... 9: nine each, hardly ever next to each other in number.
    neighbours = sum(int(work[i] == work[i + 1]) for i in range(2000))
    assert neighbours <= 8  # Poisson with mean 0.36: false alarm 3e-10, and none at the fixed seed


def test_zipf_sizes_follow_the_law() -> None:
    shares = zipf_sizes(5000)
    assert sum(shares.values()) == pytest.approx(1.0)
    assert next(reversed(shares)) == (4096, 5000)
    tail = sum(share for (low, _), share in shares.items() if low >= 64)
    assert tail == pytest.approx((64**-1.059 - 5001**-1.059) / (1 - 5001**-1.059))
    size = torch.bincount(workplaces(torch.ones(400_000, dtype=torch.bool), shares, seed=3))
    for s in (2, 3, 6, 12, 48, 100):
        law = (s**-1.059 - 5001**-1.059) / (1 - 5001**-1.059)
        # Six standard errors, and 2% for the constant slope inside a class: false alarm below 1e-8.
        assert abs(float((size >= s).float().mean()) - law) < 6 * (law / len(size)) ** 0.5 + 0.02 * law


yes = torch.tensor([True, True, False])


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda: households(3, [0.0, 1.0], adult=yes[:2]), r"adult has shape \(2,\) where there are 3 agents"),
        (lambda: households(3, [0.0, 1.0], adult=yes.int()), "adult is of type torch.int32: give bool"),
        (lambda: households(3, [1.0], adult=yes), "there are 3 households and only 2 adults"),
        (lambda: workplaces(yes[:0], SIZES), "agents is 0"),
        (lambda: workplaces(yes.int(), SIZES), "employed is of type torch.int32: give bool"),
        (lambda: workplaces(yes, {}), "marginal 'workplace size' is empty"),
        (lambda: workplaces(yes, {(1, 4): 0.5}), "marginal 'workplace size' sum to 0.5"),
        (lambda: workplaces(yes, {(0, 4): 1.0}), "size class 0 to 4 is wrong"),
        (lambda: workplaces(yes, {(5, 4): 1.0}), "size class 5 to 4 is wrong"),
        (lambda: workplaces(yes, SIZES, within=[yes[:2]]), r"within has shape \(2,\) where there are 3"),
        (lambda: workplaces(yes, SIZES, within=[torch.tensor([-1, 0, 0])]), "numbers below 0: give classes from 0"),
        (lambda: workplaces(yes, SIZES, within=[torch.ones(3)]), "within contains torch.float32"),
        (lambda: zipf_sizes(0), "largest is 0"),
        (lambda: zipf_sizes(10, exponent=0.0), "exponent is 0.0"),
    ],
)
def test_bad_places_are_refused(make: Callable[[], object], sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        make()
