"""The laws of the GPU kernels: each gives what the torch reference gives. `test_gpu.py` runs this file.

On a GPU where there is one, else in Triton's interpreter, which must be chosen before triton is imported.
"""

import os

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from causal_lpm.kernels import gpu, reference

DEVICE = "cpu" if os.environ.get("TRITON_INTERPRET") == "1" else "cuda"
FEW = settings(max_examples=10, deadline=None, derandomize=True)
FEWER = settings(FEW, max_examples=4)  # the slow ones
KINDS = ["exponential", "uniform", "gumbel", "normal", "bits"]

shares = st.sampled_from([0.0, 0.1, 0.5, 1.0])
leads = st.sampled_from([(), (1,), (3,), (2, 3)])
seeds = st.integers(0, 2**30)
booleans = st.booleans()


def there(x: object) -> object:
    return x.to(DEVICE) if isinstance(x, torch.Tensor) else x


def same(name: str, *args: object) -> torch.Tensor:
    """The result of the reference, which the kernel must give to the bit."""
    expected: torch.Tensor = getattr(reference, name)(*args)
    got = getattr(gpu, name)(*map(there, args)).cpu()
    assert (got.dtype, got.shape) == (expected.dtype, expected.shape)
    assert torch.equal(got, expected)
    return expected


def messages(lead: tuple[int, ...], agents: int, share: float, boolean: bool, seed: int) -> torch.Tensor:
    """Large messages from a share of the agents (int32 would overflow), or who sends at all."""
    g = torch.Generator().manual_seed(seed)
    sends = torch.rand((*lead, agents), generator=g) < share
    return sends if boolean else torch.randint(1, 2**40, sends.shape, generator=g) * sends


@pytest.mark.parametrize("kind", KINDS)
def test_noise(kind: str) -> None:
    keys = torch.tensor([[-1], [0], [2**63 - 1]])
    index = torch.randint(0, 5, (2, 1, 2500), generator=torch.Generator().manual_seed(1)).to(torch.int32)
    for name, args in [
        ("field", (keys, 2500, kind)),
        ("field", (torch.tensor(7), 5, kind)),
        ("field", (keys, 500, kind, 3)),
        ("field", (keys, 0, kind)),
        ("field_at", (keys, index, kind)),
        ("field_at", (torch.tensor([7]), index[0, 0], kind)),
        ("field_at", (keys, index, kind, 2**33)),
    ]:
        expected = getattr(reference, name)(*args)
        got = getattr(gpu, name)(*map(there, args)).cpu()
        assert (got.dtype, got.shape) == (expected.dtype, expected.shape)
        if kind in ("bits", "uniform"):
            assert torch.equal(got, expected)
            continue
        # Logarithms may differ in the last bits of float64: one number of 10**8 may be the float32 beside it.
        off = got != expected
        assert int(off.sum()) <= 1
        assert torch.equal(got[off], torch.nextafter(expected[off], got[off]))


def test_events_at_the_edges() -> None:
    hazard = torch.tensor([0.0, -1.0, torch.inf, torch.nan, 1e-9, 100.0])
    for key in range(10):
        same("happens", hazard, torch.tensor([key]))
    same("happens", torch.zeros(2, 0), torch.tensor([1]))


def test_events_at_the_noise_itself_and_beside_it() -> None:
    key = there(torch.tensor([5]))
    noise = gpu.field(key, 3000, "exponential")
    assert not gpu.happens(noise, key).any()
    assert not gpu.happens(torch.nextafter(noise, torch.zeros_like(noise)), key).any()
    assert gpu.happens(torch.nextafter(noise, torch.full_like(noise, torch.inf)), key).all()


@FEW
@given(
    st.integers(1, 2000), st.sampled_from([1e-3, 0.1, 3.0]), st.sampled_from(["", "where", "one", "one rate"]), seeds
)
def test_events(agents: int, scale: float, how: str, seed: int) -> None:
    g = torch.Generator().manual_seed(seed)
    keys = torch.tensor([[seed], [seed + 1], [seed]])
    hazard = torch.rand(2, 1, agents, generator=g) * scale
    where = torch.rand(2, 3, agents, generator=g) < 0.3
    if how == "one":
        hazard = torch.tensor([scale]).expand(agents)
    elif how == "one rate":
        hazard = torch.tensor([[[scale]], [[2 * scale]]])
    asked = where if how in ("where", "one rate") else None
    same("happens", hazard, keys, asked)


@FEWER
@given(
    st.integers(1, 60),
    st.integers(1, 5),
    st.sampled_from([torch.int64, torch.int32, torch.int16, torch.int8, torch.uint8]),
    booleans,
    seeds,
)
def test_selections(agents: int, classes: int, dtype: torch.dtype, ties: bool, seed: int) -> None:
    g = torch.Generator().manual_seed(seed)
    lowest = 0 if dtype == torch.uint8 else -1
    priority = torch.randint(lowest, classes + 2, (2, 1, agents), generator=g).to(dtype)
    noise = torch.randn(3, agents, generator=g)
    noise = noise.round() if ties else noise  # there are both zeros
    supply = torch.randint(-1, agents + 2, (2, 3, 1), generator=g)
    same("select_by", priority, noise, supply, classes)
    same("select", priority, torch.tensor([[seed], [seed + 1], [seed + 2]]), supply, classes)
    group, stocks = torch.randint(-1, 3, (agents,), generator=g), torch.randint(0, agents, (2, 3, 3), generator=g)
    same("select", priority, torch.tensor([[seed], [seed + 1], [seed + 2]]), stocks, classes, group)


def test_large_selections_of_equal_noise_go_by_agent_number() -> None:
    served = same("select_by", torch.zeros(70_000).int(), torch.zeros(70_000), torch.tensor([66_000]), 2)
    assert int(served.sum()) == int(served[:66_000].sum()) == 66_000


@FEW
@given(st.integers(1, 3000), st.integers(1, 20), shares, leads, booleans, seeds)
def test_groups(agents: int, groups: int, share: float, lead: tuple[int, ...], boolean: bool, seed: int) -> None:
    group = torch.randint(-1, groups, (agents,), generator=torch.Generator().manual_seed(seed)).int()
    same("group_total", messages(lead, agents, share, boolean, seed), group, groups)
    same("group_sum", messages(lead, agents, share, boolean, seed), group, groups)
    same("group_total", messages(lead, agents, share, boolean, seed), torch.arange(agents).int(), agents)


def rows(src: torch.Tensor, dst: torch.Tensor, agents: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Compressed rows of undirected edges; a loop stands once in its row."""
    proper = src != dst
    ends, others = torch.cat([src, dst[proper]]), torch.cat([dst, src[proper]])
    indptr = torch.cat([torch.zeros(1, dtype=torch.int64), ends.bincount(minlength=agents).cumsum(0)])
    return indptr, others[ends.argsort(stable=True)].int()


@FEW
@given(st.integers(1, 150), st.integers(0, 300), shares, shares, leads, booleans, seeds)
def test_graphs(
    agents: int, edges: int, share: float, changing: float, lead: tuple[int, ...], boolean: bool, seed: int
) -> None:
    src, dst = torch.randint(0, agents, (2, edges), generator=torch.Generator().manual_seed(seed))
    graph = rows(src, dst, agents)  # loops, repeated edges and isolated agents among them
    before, other = (messages(lead, agents, share, boolean, s) for s in (seed, seed + 1))
    total = same("graph_total", before, *graph)
    some = agents // 2  # rows of some agents only
    same("graph_total", before, graph[0][: some + 1], graph[1][: int(graph[0][some])])
    now = torch.where(messages(lead, agents, changing, True, seed + 2), other, before)
    mine = there(total.clone())
    assert gpu.graph_change(mine, there(before), there(now), *map(there, graph)) is mine
    assert torch.equal(mine.cpu(), reference.graph_total(now, *graph))
    if boolean and edges < 128:  # then a byte holds all sums
        kept = there(total.to(torch.uint8))
        assert torch.equal(
            gpu.graph_change(kept, there(before), there(now), *map(there, graph)).int().cpu(), mine.cpu()
        )


@pytest.mark.parametrize("infectious", [[], [0], [5], list(range(100))])
@pytest.mark.parametrize("dtype", [torch.bool, torch.int64])
def test_a_star(infectious: list[int], dtype: torch.dtype) -> None:
    x = torch.zeros(100, dtype=dtype)
    x[infectious] = 1
    out = same("graph_total", x, *rows(torch.zeros(99, dtype=torch.int64), torch.arange(1, 100), 100))
    assert int(out[0]) == sum(i != 0 for i in infectious)
    assert out[1:].tolist() == [int(x[0])] * 99


@FEW
@given(
    st.lists(st.integers(0, 25), max_size=4),
    st.integers(1, 5),
    booleans,
    st.sampled_from([0.0, 0.1, 1.0]),
    shares,
    booleans,
    seeds,
)
def test_rings(
    sizes: list[int], others: int, whole: bool, rewire: float, share: float, boolean: bool, seed: int
) -> None:
    g = torch.Generator().manual_seed(seed)
    size, agents = torch.tensor(sizes, dtype=torch.int64), sum(sizes) + others  # some are in no class
    order = torch.randperm(agents, generator=g)[: sum(sizes)].int()
    half = torch.rand(len(sizes), generator=g) * 8  # above (size - 1) / 2 for some
    plan = order, size.cumsum(0) - size, size, half.floor() if whole else half
    x = messages((2, 1), agents, share, boolean, seed)
    total = same("ring_total", x, torch.tensor([[seed], [seed + 1], [seed]]), *plan, rewire)
    assert torch.equal(total[:, 0], total[:, 2])  # the same key: the same graph


@FEWER
@given(st.lists(st.integers(0, 4), min_size=1, max_size=30), booleans, shares, booleans, seeds)
def test_stubs(counts: list[int], chain: bool, share: float, boolean: bool, seed: int) -> None:
    stubs = torch.tensor(counts)
    owner = torch.repeat_interleave(torch.arange(len(counts)), stubs).int()
    first = torch.cat([torch.zeros(1, dtype=torch.int64), stubs.cumsum(0)])
    x = messages((2, 1), len(counts), share, boolean, seed)
    same("stub_total", x, torch.tensor([[seed], [seed + 1]]), owner, first, chain)


def test_graphs_of_several_blocks() -> None:
    g = torch.Generator().manual_seed(5)
    size = torch.tensor([700, 0, 300])
    plan = torch.randperm(1100, generator=g)[:1000].int(), size.cumsum(0) - size, size, torch.tensor([2.5, 1.0, 10.0])
    stubs = torch.randint(0, 3, (1100,), generator=g)
    owner = torch.repeat_interleave(torch.arange(1100), stubs).int()
    first = torch.cat([torch.zeros(1, dtype=torch.int64), stubs.cumsum(0)])
    x = messages((), 1100, 0.3, False, 1)
    same("ring_total", x, torch.tensor([3]), *plan, 0.1)
    same("stub_total", x, torch.tensor([3]), owner, first, True)
    same("stub_total", x, torch.tensor([3]), owner, first, False)
