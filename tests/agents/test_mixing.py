"""Mixing by a matrix: against brute force, and the laws that every layer keeps."""

from collections.abc import Callable

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from causal_lpm import KeyedNoise, comparing, event, exposure, kernels, policy, rollout, tally
from causal_lpm.agents import ContactMatrices, Groups, Mixing
from causal_lpm.handlers.gradients import MeanField, StraightThrough
from causal_lpm.handlers.handler import Handler
from causal_lpm.handlers.private.clear import Clear
from causal_lpm.handlers.private.sharing import share
from causal_lpm.handlers.relaxed import Relaxed
from causal_lpm.typing import State

G = torch.Generator().manual_seed(1)
AGENTS, GROUPS = 300, 90
AGE_AND_REGION = torch.randint(-1, GROUPS - 1, (AGENTS,), generator=G)  # one group is empty, and some are in none
MATRIX = torch.rand(GROUPS, GROUPS, generator=G, dtype=torch.float64)
MIXING = Mixing(AGE_AND_REGION, MATRIX)


@settings(max_examples=20)
@given(
    st.integers(0, 2**30), st.sampled_from([torch.bool, torch.int64, torch.float32, torch.float64]), st.integers(1, 140)
)
def test_the_mean_of_each_group_times_its_contacts(seed: int, dtype: torch.dtype, groups: int) -> None:
    g = torch.Generator().manual_seed(seed)
    group = torch.randint(-1, groups, (40,), generator=g)
    matrix = torch.rand(groups, groups, generator=g, dtype=torch.float64) * 5
    x = (torch.rand(2, 40, generator=g) * 3).to(dtype)
    got = exposure(Mixing(group, matrix), x)
    member = torch.nn.functional.one_hot(group + 1, groups + 1)[:, 1:].double()
    by_group = (x.double() @ member / member.sum(0).clamp(min=1)) @ matrix.T
    # Messages are rounded to 2**-20 and the result to float32.
    torch.testing.assert_close(got.double(), by_group @ member.T, rtol=1e-6, atol=1e-5)
    assert got.dtype == torch.float32


@pytest.mark.parametrize("x", [torch.rand(2, 3, AGENTS, generator=G), torch.rand(2, 3, AGENTS, generator=G) < 0.1])
def test_bit_for_bit_by_row_kernel_threads_and_part(x: torch.Tensor) -> None:
    scaled = Mixing(AGE_AND_REGION, {"home": MATRIX, "school": MATRIX.T}).scaled(school=torch.rand(2, 1, 1))
    for layer in (MIXING, scaled):
        together = exposure(layer, x)
        with kernels.use("reference"):
            assert torch.equal(exposure(layer, x), together)
        before = torch.get_num_threads()
        torch.set_num_threads(1 if before > 1 else 2)
        assert torch.equal(exposure(layer, x), together)
        torch.set_num_threads(before)
        part = layer.part(20, 60)
        assert torch.equal(exposure(part, x), together[..., 20:80])
        assert torch.equal(part.degree(), layer.degree()[..., 20:80])
    for world in range(2):
        alone = Mixing(AGE_AND_REGION, {"home": MATRIX, "school": MATRIX.T})
        alone = alone.scaled(school=scaled.weights[world, 0, 1])
        for replicate in range(3):
            assert torch.equal(together[world, replicate], exposure(alone, x[world, replicate]))


MIXING_BY_SETTING = Mixing(AGE_AND_REGION, {"home": MATRIX, "school": MATRIX.T})


def day(s: State) -> State:
    infectious = s["stage"] == 1
    school = torch.where((s["t"] >= s["closure"]) & (s["t"] < s["closure"] + 10), 0.1, 1.0)
    met = exposure(MIXING_BY_SETTING.scaled(school=school), infectious)
    infected = event("infection", 0.02 * met, where=s["stage"] == 0)
    tally("infections", infected)
    return {**s, "stage": s["stage"] + infected + event("recovery", 0.2, where=infectious)}


def epidemic(closure: torch.Tensor, name: str | None = None) -> torch.Tensor:
    stage = (torch.arange(AGENTS) < 10).to(torch.uint8)
    return rollout(day, {"stage": stage, "closure": closure}, 20, name=name).tallies["infections"]


def test_a_closure_in_worlds_equals_separate_runs() -> None:
    days = {"open": 999.0, "closed": 3.0, "late": 12.0}
    with KeyedNoise(4), comparing({name: {"closure": day} for name, day in days.items()}):
        together = epidemic(policy("closure", 999.0))
    for number, day in enumerate(days.values()):
        with KeyedNoise(4):
            assert torch.equal(together[number].squeeze(), epidemic(policy("closure", day)).squeeze())
    assert not torch.equal(together[0], together[1])


def test_two_simulations_in_one_block() -> None:
    with KeyedNoise(4), comparing({"open": {}, "closed": {"closure": 3.0}}):
        closure = policy("closure", 999.0)
        first, second = epidemic(closure, "first"), epidemic(closure, "second")
    with KeyedNoise(4), comparing({"open": {}, "closed": {"closure": 3.0}}):
        assert torch.equal(epidemic(policy("closure", 999.0), "second"), second)
    assert not torch.equal(first, second)


def test_the_gradient_is_that_of_the_dense_product() -> None:
    """By messages and by weights, one a row, as torch finds it through matrices; of absent agents' groups, too."""
    generator = torch.Generator().manual_seed(0)
    x = torch.rand(3, AGENTS, generator=generator, dtype=torch.float64).requires_grad_()
    weight = torch.rand(3, 1, generator=generator, dtype=torch.float64).requires_grad_()
    there = torch.rand(AGENTS, generator=generator) < 0.7
    layer = Mixing(AGE_AND_REGION, {"home": MATRIX, "school": MATRIX.T}).scaled(school=weight).among(there)
    own, direction = layer.total(x * there), torch.randn(3, AGENTS, generator=generator, dtype=torch.float64)
    members = torch.nn.functional.one_hot(AGE_AND_REGION.long() + 1, GROUPS + 1).double()[:, 1:]
    means = (x * there) @ members / (members.T @ there.double()).clamp(min=1)
    home, school = (torch.as_tensor(matrix).double() for matrix in (MATRIX, MATRIX.T))
    dense = (means @ home.T + weight * (means @ school.T)) @ members.T
    torch.testing.assert_close(own, dense)
    for got, expected in zip(*(torch.autograd.grad(y, (x, weight), direction) for y in (own, dense)), strict=True):
        torch.testing.assert_close(got, expected)


@pytest.mark.parametrize("handler", [StraightThrough, MeanField, lambda: Relaxed(0.5)])
def test_gradients(handler: Callable[[], Handler]) -> None:
    beta = torch.tensor([0.03], requires_grad=True)
    school = torch.tensor([0.5], requires_grad=True)
    mixing = Mixing(AGE_AND_REGION, {"home": MATRIX, "school": MATRIX.T})

    def day(s: State) -> State:
        infected = s["S"] * event("infection", beta * exposure(mixing.scaled(school=school), s["I"]))
        recovered = s["I"] * event("recovery", torch.full((AGENTS,), 0.2))
        tally("infections", infected)
        return {"S": s["S"] - infected, "I": s["I"] + infected - recovered}

    ill = (torch.arange(AGENTS) < 10).float()
    with KeyedNoise(3):
        plain = rollout(day, {"S": 1 - ill, "I": ill}, 8).tallies["infections"].detach()
    with KeyedNoise(3), handler():
        series = rollout(day, {"S": 1 - ill, "I": ill}, 8).tallies["infections"]
    series.sum().backward()
    assert beta.grad is not None
    assert school.grad is not None
    assert float(beta.grad) > 0
    assert float(school.grad) > 0
    if handler is StraightThrough:
        assert torch.equal(series.detach(), plain)


def test_derivatives_are_those_of_the_matrix() -> None:
    group = torch.tensor([0, 1, -1, 1])
    x = torch.rand(2, 4, dtype=torch.float64, requires_grad=True)
    layer = Mixing(group, {"a": [[1.0, 2.0], [3.0, 4.0]], "b": [[1.0, 0.0], [1.0, 1.0]]})
    weight = torch.tensor([[0.3], [0.7]], dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda x, w: layer.scaled(b=w).total(x), (x, weight))


def test_large_messages_are_summed_exactly() -> None:
    layer = Mixing(torch.tensor([0, 0]), [[2.0]])
    assert exposure(layer, torch.tensor([2**61, 2**61])).tolist() == [2.0**62, 2.0**62]
    with pytest.raises(ValueError, match="a sum of messages is beyond"):
        exposure(layer, torch.tensor([2**62, 2**62]))
    assert exposure(layer, torch.tensor([2.0**40, 0.0])).tolist() == [2.0**40, 2.0**40]


def test_beside_other_layers() -> None:
    homes = Groups(torch.arange(AGENTS) // 3)
    x = torch.rand(AGENTS, generator=G) < 0.3
    together = exposure(homes + MIXING, x)
    torch.testing.assert_close(together, exposure(homes, x) + exposure(MIXING, x))
    assert torch.equal(together, exposure(MIXING + homes, x))


def test_the_degree_is_the_row_of_the_matrix() -> None:
    layer = Mixing(torch.tensor([0, 1, -1]), [[1.0, 2.0], [3.0, 4.5]])
    assert layer.degree().tolist() == [3.0, 7.5, 0.0]
    assert layer.to("cpu").degree().tolist() == [3.0, 7.5, 0.0]


def test_settings_are_scaled_one_after_the_other() -> None:
    layer = Mixing(torch.tensor([0, 0]), {"home": [[1.0]], "school": [[4.0]]})
    twice = layer.scaled(school=0.5).scaled(school=0.5, home=2.0)
    assert twice.total(torch.ones(2, dtype=torch.int64)).tolist() == [3.0, 3.0]
    assert layer.total(torch.ones(2, dtype=torch.int64)).tolist() == [5.0, 5.0]


def test_among_those_who_are_there() -> None:
    alive = torch.rand(2, AGENTS, generator=G) < 0.8
    sent = alive & (torch.rand(2, AGENTS, generator=G) < 0.3)
    half = MIXING_BY_SETTING.scaled(school=0.5)
    got = exposure(half.among(alive), sent)
    assert torch.equal(got, exposure(MIXING_BY_SETTING.among(alive).scaled(school=0.5), sent))
    assert torch.equal(half.among(alive).degree(), half.degree())
    for world in range(2):
        there = Mixing(torch.where(alive[world], AGE_AND_REGION, -1), {"home": MATRIX, "school": MATRIX.T})
        expected = exposure(there.scaled(school=0.5), sent[world])
        torch.testing.assert_close(torch.where(alive[world], got[world], 0.0), expected)


def test_a_private_run_is_refused() -> None:
    secret = share(Clear(), torch.tensor([0, 1]), [(0, 2)], low=0, high=1)
    with pytest.raises(ValueError, match="a Mixing multiplies sums by fractions, which is not done on shares"):
        Mixing(TWO, torch.ones(2, 2)).total(secret)


TWO = torch.tensor([0, 1])
BAD: dict[str, tuple[Callable[[], object], str]] = {
    "not square": (lambda: Mixing(TWO, torch.ones(2, 3)), r"'contacts' has shape \(2, 3\): give a square one"),
    "negative": (lambda: Mixing(TWO, [[1.0, -0.5], [1, 1]]), "contains -0.5: give numbers from 0"),
    "NaN": (lambda: Mixing(TWO, [[1.0, torch.nan], [1, 1]]), "contains nan"),
    "other groups": (lambda: Mixing(TWO, [[1.0]]), "an agent of group 1, and the matrix is between 1 groups"),
    "two sizes": (lambda: Mixing(TWO, {"a": torch.ones(2, 2), "b": torch.ones(3, 3)}), "are of different groups"),
    "none": (lambda: Mixing(TWO, {}), "there is no contact matrix"),
    "text": (lambda: Mixing(TWO, "prem"), "is 'prem': give numbers"),
    "group": (lambda: Mixing(torch.tensor([0.5, 1.0]), torch.ones(2, 2)), "give whole numbers"),
    "setting": (
        lambda: Mixing(TWO, {"school": torch.ones(2, 2)}).scaled(schol=0.1),
        "unknown setting 'schol': did you mean 'school'",
    ),
    "weight": (lambda: MIXING.scaled(contacts=-1.0), "the weight of setting 'contacts' is -1.0"),
    "weight an agent": (lambda: MIXING.scaled(contacts=torch.ones(AGENTS)), "the same for all agents"),
    "present": (lambda: MIXING.among(torch.ones(AGENTS)), "present is torch.float32"),
    "ages": (lambda: ContactMatrices({"a": torch.ones(2, 2)}, (0,), ""), r"first ages are \(0,\)"),
    "falling ages": (lambda: ContactMatrices({"a": torch.ones(2, 2)}, (5, 0), ""), "that rise"),
    "who": (
        lambda: MIXING.contacts(torch.tensor([0]), torch.tensor([0]), ()),
        "a Mixing says how many an agent meets, and not whom",
    ),
}


@pytest.mark.parametrize("case", list(BAD))
def test_bad_input_is_told_what_to_do(case: str) -> None:
    make, sentence = BAD[case]
    with pytest.raises(ValueError, match=sentence):
        make()
