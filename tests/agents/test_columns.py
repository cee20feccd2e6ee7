"""Columns of whole numbers, yes and no, and seeds: of every type the same numbers, or one sentence."""

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from causal_lpm.agents.columns import as_array, computable, flags, seed_number, whole_numbers
from causal_lpm.agents.networks import FreshRandom, FreshWattsStrogatz, Graph, Groups, random_graph, watts_strogatz
from causal_lpm.agents.synthesis import households, synthesise, workplaces

INTEGERS = ("uint8", "int8", "int16", "uint16", "int32", "uint32", "int64", "uint64", ">i4", ">u2")


@given(st.lists(st.integers(0, 100), min_size=1, max_size=6), st.sampled_from(INTEGERS))
def test_whole_numbers_of_every_type_are_the_same(numbers: list[int], dtype: str) -> None:
    array = np.array(numbers, dtype=dtype)
    given_as = [array, pd.Series(array, index=range(len(array), 0, -1)), numbers, tuple(numbers)]
    if not dtype.startswith(">"):
        given_as.append(torch.from_numpy(array))
    for column in given_as:
        got = whole_numbers("x", column, lowest=0)
        assert got.tolist() == numbers
        assert got.dtype == torch.int32
        assert got.is_contiguous()


@given(st.floats(width=32), st.sampled_from([torch.float16, torch.bfloat16, torch.float32, torch.float64]))
def test_floats_are_whole_numbers_that_their_type_tells_apart(value: float, dtype: torch.dtype) -> None:
    column = torch.tensor([value], dtype=dtype)
    seen = float(column)
    limit = {torch.float16: 2**11, torch.bfloat16: 2**8, torch.float32: 2**24, torch.float64: 2**53}[dtype]
    if seen.is_integer() and abs(seen) < limit:
        assert whole_numbers("x", column, -(2**60), 2**60, torch.int64).tolist() == [int(seen)]
    else:
        with pytest.raises(ValueError, match="give whole numbers, of an integer type"):
            whole_numbers("x", column, -(2**60), 2**60, torch.int64)


@pytest.mark.parametrize(
    ("column", "sentence"),
    [
        (["P1", "P2"], r"x is \['P1', 'P2'\]: give whole numbers; number the people from 0"),
        (pd.Series(["36061", "36047"]), r"x is \['36061', '36047'\]: give whole numbers"),
        (np.array([1, None]), r"x is \[1, None\]: give whole numbers"),
        ([[1], [1, 2]], r"give whole numbers"),
        ([2**70], "give whole numbers"),
        (pd.to_datetime(["2020-03-01"]), "give whole numbers"),
        (pd.array([1, None], dtype="Int64"), "give whole numbers"),
        (torch.tensor([True, False]), r"x is \[True, False\] of type torch.bool: give whole numbers"),
        ([1j], "of type torch.complex128"),
        (np.array([2**63], dtype=np.uint64), r"beyond 2\*\*63 - 1"),
        (torch.tensor([[1]]), r"x has shape \(1, 1\)"),
        (torch.tensor(1), r"x has shape \(\)"),
        ([], "at least one entry"),
        ([0, 8], r"x contains \[8\]: allowed are whole numbers from 0 to 7"),
        ([-1], r"x contains \[-1\]"),
    ],
)
def test_what_is_no_whole_number_is_refused(column: object, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        whole_numbers("x", column, lowest=0, highest=7)


def test_numbers_for_torch_and_back() -> None:
    with pytest.raises(ValueError, match="'x' is of type float128, which torch does not have"):
        computable("x", np.zeros(2, dtype=np.longdouble))
    assert computable("x", np.array([1.5], dtype=">f8")).dtype == np.dtype("float64")
    assert as_array(torch.ones(2, dtype=torch.bfloat16, requires_grad=True)).tolist() == [1.0, 1.0]


@pytest.mark.parametrize("column", [torch.zeros(3), torch.zeros(3, dtype=torch.uint8), torch.ones(2).bool()])
def test_yes_or_no_is_one_bool_an_agent(column: torch.Tensor) -> None:
    assert flags("x", torch.ones(4, 3).bool(), 3).all()
    with pytest.raises(ValueError, match="for 3 agents: give one bool an agent"):
        flags("x", column, 3)


@pytest.mark.parametrize("seed", [1.5, torch.tensor(1.9), "1", None, float("nan")])
def test_seeds_that_are_no_whole_numbers_are_refused(seed: object) -> None:
    assert seed_number(np.int64(3)) == seed_number(torch.tensor(3)) == 3
    yes = torch.ones(4, dtype=torch.bool)
    for draw in (
        lambda: random_graph(10, 2.0, seed=seed),  # type: ignore[arg-type]
        lambda: random_graph(3, degrees=[1, 1, 0], seed=seed),  # type: ignore[arg-type]
        lambda: watts_strogatz(10, 2.0, 0.1, seed=seed),  # type: ignore[arg-type]
        lambda: synthesise(4, {"a": {"b": 1.0}}, seed=seed),  # type: ignore[arg-type]
        lambda: households(4, [1.0], seed=seed),  # type: ignore[arg-type]
        lambda: workplaces(yes, {(1, 2): 1.0}, seed=seed),  # type: ignore[arg-type]
    ):
        with pytest.raises(ValueError, match="give a whole number"):
            draw()


# Groups and ids


@given(st.lists(st.integers(-1, 4), min_size=1, max_size=12), st.integers(0, 2**62), st.integers(1, 2**59))
def test_groups_are_the_same_whatever_their_numbers(labels: list[int], first: int, step: int) -> None:
    x = torch.arange(1, len(labels) + 1) ** 2
    plain = [
        sum(int(x[j]) for j, other in enumerate(labels) if other == mine and j != i) if mine >= 0 else 0
        for i, mine in enumerate(labels)
    ]
    serial = torch.tensor([-1 if label < 0 else first + label * step for label in labels])
    for ids in (torch.tensor(labels), serial):
        groups = Groups(ids)
        assert groups.total(x).tolist() == plain
        assert groups.groups <= len(labels)  # memory by people, not by the largest number
        assert groups.group.dtype == torch.int32
        assert groups.group[ids < 0].tolist() == [-1] * int((ids < 0).sum())


def test_numbers_that_need_no_new_ones_stay() -> None:
    given_as = torch.tensor([3, -1, 0, 3])
    assert Groups(given_as).group.tolist() == [3, -1, 0, 3]
    assert Groups(given_as).groups == 4
    assert Groups(torch.tensor([9_000_000_001, -1, 36_061_000_100, 9_000_000_001])).group.tolist() == [0, -1, 1, 0]


def test_nobody_in_a_group_and_one_agent() -> None:
    x = torch.tensor([5, 7])
    assert Groups(torch.tensor([-1, -1])).total(x).tolist() == [0, 0]
    assert Groups(torch.tensor([0])).total(x[:1]).tolist() == [0]
    assert Groups(torch.tensor([2**62])).degree().tolist() == [0.0]


def test_layers_keep_what_they_were_given() -> None:
    """Whoever writes into the column later, in torch or outside of it, does not change who meets whom."""
    array = np.array([0, 0, 1], dtype=np.int32)
    ends, degree, x = torch.tensor([0, 1], dtype=torch.int32), torch.tensor([1.0]), torch.tensor([1, 2, 4])
    stubs = torch.tensor([1, 1, 0], dtype=torch.int32)
    indptr, neighbours = torch.tensor([0, 1, 2, 2]), torch.tensor([1, 0], dtype=torch.int32)
    layers = [Groups(array), Groups(torch.from_numpy(array)), Graph(indptr, neighbours)]  # type: ignore[arg-type]
    layers += [Graph.from_edges(ends[:1], ends[1:], 3), FreshRandom(stubs)]
    before = [layer.total(x) for layer in layers[:4]]
    ring = FreshWattsStrogatz(torch.tensor([0, 0, -1]), degree, 0.0, "ring")
    array[:], ends[:], degree[:], stubs[:], indptr[:], neighbours[:] = -1, 2, 0.0, 0, 0, 2
    assert all(torch.equal(layer.total(x), total) for layer, total in zip(layers, before, strict=False))
    assert ring.degree().tolist() == [1.0, 1.0, 0.0]
    assert layers[4].stubs.tolist() == [1, 1, 0]  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("src", "dst", "sentence"),
    [
        (["P1", "P2"], ["P2", "P3"], r"src is \['P1', 'P2'\]: give whole numbers; number the people from 0"),
        (torch.tensor([0.5]), torch.tensor([1]), "src is .* give whole numbers"),
        (torch.tensor([0]), torch.tensor([torch.nan]), "dst is .* give whole numbers"),
        (torch.tensor([True]), torch.tensor([1]), "src is .* of type torch.bool"),
        (torch.tensor([-1]), torch.tensor([1]), r"src contains \[-1\]: allowed are whole numbers from 0 to 2"),
        (torch.tensor([0]), torch.tensor([3]), r"dst contains \[3\]"),
        (torch.tensor([0, 1]), torch.tensor([2]), "every edge needs both"),
        (torch.tensor(0), torch.tensor(1), r"src has shape \(\)"),
        (torch.tensor([0, 1]), torch.tensor([1, 0]), r"both directions.*: say distinct=True"),
    ],
)
def test_bad_ends_are_refused(src: torch.Tensor, dst: torch.Tensor, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        Graph.from_edges(src, dst, 3)


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), max_size=15), st.booleans())
def test_lists_of_both_directions(pairs: list[tuple[int, int]], distinct: bool) -> None:
    contacts = [(a, b) for a, b in pairs if a != b]
    once = {(min(pair), max(pair)) for pair in contacts}
    both = [*pairs, *((b, a) for a, b in pairs)]
    src, dst = torch.tensor([a for a, _ in both], dtype=torch.int64), torch.tensor([b for _, b in both]).long()
    x = torch.arange(6) ** 3
    plain = torch.zeros(6, dtype=torch.int64)
    for a, b in once if distinct else [*contacts, *contacts]:
        plain[a] += x[b]
        plain[b] += x[a]
    assert torch.equal(Graph.from_edges(src, dst, 6, distinct=distinct).total(x), plain)
    if contacts:
        with pytest.raises(ValueError, match="both directions"):
            Graph.from_edges(src, dst, 6)
    # One direction, as often as it is: nothing is refused.
    assert int(Graph.from_edges([min(p) for p in contacts], [max(p) for p in contacts], 6).degree().sum()) == 2 * len(
        contacts
    )


def test_an_agent_is_not_its_own_neighbour() -> None:
    with pytest.raises(ValueError, match="agent 1 is its own neighbour"):
        Graph(torch.tensor([0, 0, 1]), torch.tensor([1]))
