"""Message sums: against brute force over the edges, and the compiled loops against the torch reference."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from causal_lpm import kernels
from causal_lpm.kernels import reference
from tests.kernels.with_threads import threads


def both(name: str, *args: object) -> torch.Tensor:
    """The result of both implementations, which must be the same integers."""
    with kernels.use("reference"):
        expected: torch.Tensor = getattr(kernels, name)(*args)
    with kernels.use("numba"):
        got = getattr(kernels, name)(*args)
    assert got.dtype == expected.dtype == torch.int64
    assert torch.equal(expected, got)
    return expected


def messages(agents: int, share: float, lead: tuple[int, ...], generator: torch.Generator) -> torch.Tensor:
    """Large messages from a share of the agents: int32 would overflow."""
    x = torch.randint(1, 2**40, (*lead, agents), generator=generator)
    return x * (torch.rand(x.shape, generator=generator) < share)


def by_edges(x: torch.Tensor, src: torch.Tensor, dst: torch.Tensor) -> list[int]:
    out = [0] * x.shape[0]
    for a, b in zip(src.tolist(), dst.tolist(), strict=True):
        out[a] += int(x[b])
        out[b] += int(x[a])
    return out


shares = st.sampled_from([0.0, 0.1, 0.5, 1.0])
leads = st.sampled_from([(), (1,), (3,), (2, 3)])
seeds = st.integers(0, 2**30)


@given(st.integers(1, 50), st.integers(1, 20), shares, leads, seeds)
def test_groups(agents: int, groups: int, share: float, lead: tuple[int, ...], seed: int) -> None:
    g = torch.Generator().manual_seed(seed)
    group = torch.randint(-1, groups, (agents,), generator=g).int()  # groups of one, empty groups, and none
    x = messages(agents, share, lead, g)
    total = both("group_total", x, group, groups)
    for row, out in zip(x.reshape(-1, agents).tolist(), total.reshape(-1, agents).tolist(), strict=True):
        for i in range(agents):
            others = [j for j in range(agents) if j != i and group[j] == group[i] >= 0]
            assert out[i] == sum(row[j] for j in others)


@given(st.integers(1, 3000), st.integers(1, 20), shares, leads, seeds, st.booleans())
def test_sums_of_groups(agents: int, groups: int, share: float, lead: tuple[int, ...], seed: int, sorted: bool) -> None:
    g = torch.Generator().manual_seed(seed)
    group = torch.randint(-3, groups, (agents,), generator=g).int()  # below 0: in no group
    group = group.sort().values if sorted else group  # then whole blocks of agents are of one group
    x = messages(agents, share, lead, g)
    total = both("group_sum", x, group, groups)
    for row, out in zip(x.reshape(-1, agents), total.reshape(-1, groups), strict=True):
        assert out.tolist() == [int(row[group == number].sum()) for number in range(groups)]


def rows(src: torch.Tensor, dst: torch.Tensor, agents: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Compressed rows of undirected edges; a loop stands once in its row."""
    proper = src != dst
    ends, others = torch.cat([src, dst[proper]]), torch.cat([dst, src[proper]])
    indptr = torch.cat([torch.zeros(1, dtype=torch.int64), ends.bincount(minlength=agents).cumsum(0)])
    return indptr, others[ends.argsort(stable=True)].int()


@given(st.integers(1, 40), st.integers(0, 120), shares, leads, seeds)
def test_graphs(agents: int, edges: int, share: float, lead: tuple[int, ...], seed: int) -> None:
    g = torch.Generator().manual_seed(seed)
    src, dst = torch.randint(0, agents, (2, edges), generator=g)  # loops, repeated edges and isolated agents among them
    x = messages(agents, share, lead, g)
    total = both("graph_total", x, *rows(src, dst, agents))
    proper = src != dst
    loops = torch.zeros_like(x).index_add_(-1, src[~proper], x[..., src[~proper]])
    for row, out in zip(x.reshape(-1, agents), (total - loops).reshape(-1, agents), strict=True):
        assert out.tolist() == by_edges(row, src[proper], dst[proper])


@pytest.mark.parametrize("infectious", [[0], [5], list(range(30))])
def test_a_star(infectious: list[int]) -> None:
    indptr, neighbours = rows(torch.zeros(29, dtype=torch.int64), torch.arange(1, 30), 30)
    x = torch.zeros(30, dtype=torch.int64)
    x[infectious] = 1
    out = both("graph_total", x, indptr, neighbours)
    assert int(out[0]) == sum(i != 0 for i in infectious)
    assert out[1:].tolist() == [int(x[0])] * 29


@st.composite
def rings(draw: st.DrawFn) -> tuple[torch.Tensor, ...]:
    sizes = torch.tensor(draw(st.lists(st.integers(0, 25), min_size=0, max_size=4)), dtype=torch.int64)
    agents = int(sizes.sum()) + draw(st.integers(1, 5))  # some are in no class
    g = torch.Generator().manual_seed(draw(seeds))
    order = torch.randperm(agents, generator=g)[: int(sizes.sum())].int()
    half = torch.rand(len(sizes), generator=g) * 8  # above (size - 1) / 2 for some
    if draw(st.booleans()):
        half = half.floor()
    return torch.tensor(agents), order, sizes.cumsum(0) - sizes, sizes, half


@settings(max_examples=150)
@given(rings(), st.sampled_from([0.0, 0.1, 1.0]), shares, seeds)
def test_rings(ring: tuple[torch.Tensor, ...], rewire: float, share: float, seed: int) -> None:
    agents, *plan = ring
    x = messages(int(agents), share, (2, 1), torch.Generator().manual_seed(seed))
    keys = torch.tensor([[seed], [seed + 1], [seed]])
    total = both("ring_total", x, keys, *plan, rewire)
    assert torch.equal(total[:, 0], total[:, 2])  # the same key: the same graph
    for draw in range(3):
        src, dst, exists = reference.ring_edges(keys[draw], *plan, rewire)
        assert not (src == dst)[exists].any()
        for world in range(2):
            assert total[world, draw].tolist() == by_edges(x[world, 0], src[exists], dst[exists])


def ring(size: int, half: float, rewire: float, key: int) -> tuple[torch.Tensor, torch.Tensor]:
    """The existing edges of one ring of everybody."""
    length = torch.tensor([size])
    plan = torch.arange(size).int(), torch.tensor([0]), length, torch.tensor([half])
    src, dst, exists = kernels.ring_edges(torch.tensor([key]), *plan, rewire)
    return src[exists], dst[exists]


def test_the_lattice_without_rewiring() -> None:
    src, dst = ring(10, 2.0, 0.0, 1)
    assert sorted(zip(src.tolist(), dst.tolist(), strict=True)) == sorted(
        (p, (p + j) % 10) for p in range(10) for j in (1, 2)
    )


def test_rewired_edges_leave_the_lattice_neighbourhood_evenly() -> None:
    size, half = 21, 3
    src, dst = ring(size, float(half), 1.0, 7)
    for key in range(300):
        more = ring(size, float(half), 1.0, key)
        src, dst = torch.cat([src, more[0]]), torch.cat([dst, more[1]])
    away = ((dst - src) % size).bincount(minlength=size)
    assert away[: half + 1].sum() + away[size - half :].sum() == 0
    # Uniform over the 14 others: each count is binomial; false alarm of 6 standard errors 14 * 2e-9.
    each = len(src) / 14
    assert (away[half + 1 : size - half] - each).abs().max() < 6 * each**0.5


def test_nobody_outside_the_neighbourhood_keeps_the_lattice() -> None:
    assert [e.tolist() for e in ring(5, 2.0, 1.0, 3)] == [e.tolist() for e in ring(5, 2.0, 0.0, 3)]


def test_fractions_of_edges_and_of_rewiring() -> None:
    size = 200_000
    src, dst = ring(size, 2.25, 0.1, 11)
    # Binomial counts with 6 standard errors: false alarm 2e-9 each.
    assert abs(len(src) - 2.25 * size) < 6 * (size * 0.25 * 0.75) ** 0.5
    rewired = int(((dst - src) % size > 3).sum())
    assert abs(rewired - 0.1 * len(src)) < 6 * (len(src) * 0.09) ** 0.5


@settings(max_examples=150)
@given(st.lists(st.integers(0, 4), min_size=1, max_size=30), st.booleans(), shares, seeds)
def test_stubs(counts: list[int], chain: bool, share: float, seed: int) -> None:
    stubs = torch.tensor(counts)
    agents = len(counts)
    owner = torch.repeat_interleave(torch.arange(agents), stubs).int()
    first = torch.cat([torch.zeros(1, dtype=torch.int64), stubs.cumsum(0)])
    x = messages(agents, share, (2, 1), torch.Generator().manual_seed(seed))
    keys = torch.tensor([[seed], [seed + 1], [seed]])
    total = both("stub_total", x, keys, owner, first, chain)
    assert torch.equal(total[:, 0], total[:, 2])
    for draw in range(3):
        src, dst = reference.stub_edges(keys[draw], owner, chain)
        assert src.shape[0] == (max(len(owner) - 1, 0) if chain else len(owner) // 2)
        used = torch.cat([src, dst]).bincount(minlength=agents)
        assert (used <= (2 if chain else 1) * stubs).all()
        real = src != dst
        for world in range(2):
            assert total[world, draw].tolist() == by_edges(x[world, 0], src[real], dst[real])


@pytest.mark.parametrize("share", [0.02, 0.9])  # along the frontier, and along the whole sequence; several blocks
def test_large_graphs_agree_for_any_number_of_threads(share: float) -> None:
    g = torch.Generator().manual_seed(5)
    agents = 60_000
    x = messages(agents, share, (20,), g)
    stubs = torch.randint(0, 7, (agents,), generator=g)
    owner = torch.repeat_interleave(torch.arange(agents), stubs).int()
    first = torch.cat([torch.zeros(1, dtype=torch.int64), stubs.cumsum(0)])
    key = torch.tensor([[3]])
    sizes = torch.tensor([50_000, 3_000])
    plan = torch.randperm(agents, generator=g)[:53_000].int(), sizes.cumsum(0) - sizes, sizes, torch.tensor([2.5, 10.0])
    group = torch.randint(0, 20_000, (agents,), generator=g).int()
    cases = [
        ("ring_total", (key, *plan, 0.1)),
        ("stub_total", (key, owner, first, True)),
        ("stub_total", (key, owner, first, False)),
        ("group_total", (group, 20_000)),
        ("group_sum", (group, 20_000)),
    ]
    for name, args in cases:
        expected = both(name, x[:1], *args)
        with kernels.use("numba"):
            one = getattr(kernels, name)(x, *args)
            with threads(2):
                two = getattr(kernels, name)(x, *args)
        assert torch.equal(one[:1], expected)
        assert torch.equal(one, two)


@given(st.integers(1, 300), st.integers(0, 900), shares, shares, leads, seeds, st.booleans())
def test_sums_follow_what_changed(
    agents: int, edges: int, share: float, changed: float, lead: tuple[int, ...], seed: int, counts: bool
) -> None:
    g = torch.Generator().manual_seed(seed)
    graph = rows(*torch.randint(0, agents, (2, edges), generator=g), agents)
    before = messages(agents, share, lead, g)
    after = torch.where(torch.rand(before.shape, generator=g) < changed, messages(agents, share, lead, g), before)
    if counts:
        before, after = before > 0, after > 0
    for implementation in ("reference", "numba"):
        with kernels.use(implementation):
            total = kernels.graph_total(before, *graph)
            assert total.dtype == (torch.int32 if counts else torch.int64)
            kept = total.to(torch.uint8) if int(total.min()) >= 0 and edges < 128 and counts else total.clone()
            assert torch.equal(kernels.graph_change(total, before, after, *graph), kernels.graph_total(after, *graph))
            assert torch.equal(kernels.graph_change(kept, before, after, *graph), total.to(kept.dtype))


@given(st.integers(1, 5), st.integers(1, 300), shares, seeds, st.booleans())
def test_sums_of_worlds_follow_what_changed_in_them_alike(
    worlds: int, agents: int, apart: float, seed: int, counts: bool
) -> None:
    g = torch.Generator().manual_seed(seed)
    graph = rows(*torch.randint(0, agents, (2, 3 * agents), generator=g), agents)
    before, after, own = (messages(agents, 0.2, lead, g) for lead in ((worlds,), (1,), (worlds,)))
    changes = torch.rand(agents, generator=g) < 0.1  # of the same agents in all worlds, but for some
    after = torch.where(torch.rand(before.shape, generator=g) < apart, own, torch.where(changes, after, before))
    if counts:
        before, after = before > 0, after > 0
    with kernels.use("numba"):
        total = kernels.graph_total(before, *graph)
        assert torch.equal(kernels.graph_change(total, before, after, *graph), kernels.graph_total(after, *graph))


@given(st.integers(1, 30), shares, leads, seeds)
def test_a_yes_or_no_is_summed_as_a_one(agents: int, share: float, lead: tuple[int, ...], seed: int) -> None:
    g = torch.Generator().manual_seed(seed)
    x, key = torch.rand((*lead, agents), generator=g) < share, torch.tensor([seed])
    stubs = torch.randint(0, 4, (agents,), generator=g)
    first = torch.cat([torch.zeros(1, dtype=torch.int64), stubs.cumsum(0)])
    whole = torch.arange(agents).int(), torch.tensor([0]), torch.tensor([agents]), torch.tensor([2.0])
    cases = [
        ("group_total", (torch.randint(-1, 5, (agents,), generator=g).int(), 5)),
        ("graph_total", rows(*torch.randint(0, agents, (2, 60), generator=g), agents)),
        ("ring_total", (key, *whole, 0.3)),
        ("stub_total", (key, torch.repeat_interleave(torch.arange(agents), stubs).int(), first, True)),
    ]
    for name, args in cases:
        for implementation in ("reference", "numba"):
            with kernels.use(implementation):
                ones = getattr(kernels, name)(x, *args)
                assert ones.dtype == torch.int32
                assert torch.equal(ones.long(), getattr(kernels, name)(x.long(), *args))
