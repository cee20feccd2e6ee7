import time

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from causal_lpm.agents.synthesis import households, synthesise

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
