"""The kernels as operators of torch: what torch checks of every operator, exact sums of floats, and their gradients."""

import importlib
import subprocess
import sys
from fractions import Fraction

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from causal_lpm import kernels
from causal_lpm.kernels import library
from tests.kernels.with_threads import threads

AGENTS = 12
KEY = torch.tensor([[7], [8]])
INDPTR = torch.tensor([0, 2, 4, *range(5, 15)])
ENDS = torch.tensor([1, 1, 0, 0, 3, 2, 5, 4, 7, 6, 9, 8, 11, 10]).int()  # a double edge, and pairs
GROUP = (torch.arange(AGENTS) // 3 - 1).int()
RING = torch.arange(10).int(), torch.tensor([0, 6]), torch.tensor([6, 4]), torch.tensor([1.5, 1.0]), 0.3
STUBS = torch.arange(AGENTS).repeat_interleave(2).int(), torch.arange(AGENTS + 1) * 2

TOTALS = {
    "group_total": (GROUP, 3),
    "graph_total": (INDPTR, ENDS),
    "ring_total": (KEY, *RING),
    "stub_total": (KEY, *STUBS, True),
}
HAZARD = torch.linspace(0, 2, AGENTS)
PRIORITY = torch.arange(AGENTS) % 3
OTHERS = {
    "field": [(KEY, 5, "bits"), (KEY, 5, "gumbel", 2)],
    "field_at": [(KEY, torch.arange(AGENTS), "uniform"), (KEY, torch.arange(AGENTS), "bits", 5)],
    "happens": [(HAZARD, KEY), (HAZARD[:1], KEY, HAZARD > 1)],
    "select": [(PRIORITY, KEY, torch.tensor([4]), 2), (PRIORITY, KEY, torch.tensor([4, 1, 2]), 2, GROUP)],
    "select_by": [(PRIORITY, HAZARD, torch.tensor([4]), 2), (PRIORITY, HAZARD, torch.tensor([4, 1, 2]), 2, GROUP)],
    "graph_change": [
        (torch.zeros(AGENTS, dtype=torch.int64), *torch.tensor([[0], [3]]).expand(2, AGENTS), INDPTR, ENDS)
    ],
}


def messages(*shape: int, dtype: torch.dtype = torch.float64, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, AGENTS, generator=torch.Generator().manual_seed(seed), dtype=dtype)


OTHERS["group_sum"] = [(x, GROUP, 3) for x in (torch.randn(2, AGENTS).double(), torch.ones(2, AGENTS) > 0, PRIORITY)]
CALLS = [(name, args) for name, calls in OTHERS.items() for args in calls]
CALLS += [
    (name, (x, *rest)) for name, rest in TOTALS.items() for x in (messages(2, 1), messages(2, 1).long(), messages() > 0)
]


@pytest.mark.parametrize(("name", "args"), CALLS, ids=[name for name, _ in CALLS])
def test_torch_accepts_the_operator(name: str, args: tuple[object, ...]) -> None:
    if isinstance(args[0], torch.Tensor) and name in (*TOTALS, "group_sum") and args[0].is_floating_point():
        args = (args[0].clone().requires_grad_(), *args[1:])
    torch.library.opcheck(
        getattr(library.operators, name).default,
        args,
        test_utils=("test_schema", "test_autograd_registration", "test_faketensor"),
    )


@pytest.mark.slow  # it loads torch's compiler
@pytest.mark.parametrize("name", TOTALS)
def test_torch_can_trace_forward_and_backward(name: str) -> None:
    operator = getattr(library.operators, name).default
    torch.library.opcheck(operator, (messages(2, 1).requires_grad_(), *TOTALS[name]))


@pytest.mark.parametrize("name", TOTALS)
def test_gradients_are_those_of_a_linear_map(name: str) -> None:
    def total(x: torch.Tensor) -> torch.Tensor:
        sums: torch.Tensor = getattr(kernels, name)(x, *TOTALS[name])
        return sums

    x, g = messages(3, 1, seed=1).requires_grad_(), messages(3, 2, seed=2)
    assert torch.autograd.gradcheck(total, (x,))
    # <A x, g> = <x, A g>, with the replicates that x did not have summed up.
    (got,) = torch.autograd.grad((total(x) * g).sum(), x)
    torch.testing.assert_close(got, total(g).expand(3, 2, AGENTS).sum(1, keepdim=True), atol=1e-13, rtol=0)


def test_the_gradient_of_group_sums_is_each_members_group() -> None:
    def total(x: torch.Tensor) -> torch.Tensor:
        return kernels.group_sum(x, GROUP, 3)

    x, g = messages(3, 1, seed=1).requires_grad_(), torch.randn(3, 1, 3, generator=torch.Generator().manual_seed(2))
    assert torch.autograd.gradcheck(total, (x,))
    assert torch.autograd.gradgradcheck(total, (x,))
    (got,) = torch.autograd.grad((total(x) * g).sum(), x)
    for agent, group in enumerate(GROUP.tolist()):
        assert torch.equal(got[..., agent], g[..., group].double() if group >= 0 else 0 * g[..., 0].double())


@pytest.mark.parametrize("shape", [(), (2,), (3, 2)], ids=str)
@pytest.mark.parametrize("name", [*TOTALS, "group_sum"])
def test_mapped_sums_are_those_one_by_one(name: str, shape: tuple[int, ...]) -> None:
    rest = TOTALS.get(name, (GROUP, 3))

    def total(x: torch.Tensor) -> torch.Tensor:
        sums: torch.Tensor = getattr(library.operators, name).default(x, *rest)
        return sums

    x = messages(4, *shape, seed=3)
    assert torch.equal(torch.func.vmap(total)(x), torch.stack([total(one) for one in x]))
    assert torch.equal(torch.func.vmap(total, in_dims=-1)(x.movedim(0, -1)), torch.func.vmap(total)(x))


def test_mapped_contacts_are_refused() -> None:
    x = messages()
    with pytest.raises(ValueError, match="map these alone"):
        torch.func.vmap(lambda group: library.operators.group_sum.default(x, group, 3))(GROUP.expand(2, -1))


def exact(name: str, x: torch.Tensor) -> list[Fraction]:
    """Sums in rational numbers, over the matrix of who meets whom how often."""
    matrix = getattr(kernels, name)(torch.eye(AGENTS, dtype=torch.int64)[:, None], *TOTALS[name])[:, 0]
    return [sum(int(c) * Fraction(v) for c, v in zip(column, x.tolist(), strict=True)) for column in matrix.T]


numbers = st.floats(-1e3, 1e3) | st.floats(-1e-30, 1e-30) | st.floats(-1e300, 1e300) | st.just(0.0)


@settings(max_examples=40)
@given(st.lists(numbers, min_size=AGENTS, max_size=AGENTS), st.sampled_from(sorted(TOTALS)))
def test_sums_of_floats_are_right_to_the_last_digits(values: list[float], name: str) -> None:
    x = torch.tensor(values, dtype=torch.float64)
    got = getattr(kernels, name)(x, *TOTALS[name])
    got = got[0] if got.dim() > 1 else got
    largest = max(Fraction(abs(v)) for v in values)
    for a, b in zip(got.tolist(), exact(name, x), strict=True):
        assert abs(Fraction(a) - b) <= AGENTS * largest * Fraction(1, 10**15) + Fraction(1, 10**290)


@given(st.integers(0, 2**30), st.sampled_from(sorted(TOTALS)))
def test_float_sums_of_fixed_point_messages_are_the_integer_sums(seed: int, name: str) -> None:
    """What a gradient handler sums are the numbers of the plain simulation."""
    sent = torch.randint(0, 2**22, (AGENTS,), generator=torch.Generator().manual_seed(seed))
    integers = getattr(kernels, name)(sent, *TOTALS[name])
    assert torch.equal(getattr(kernels, name)(sent / 2**20, *TOTALS[name]), integers.float() / 2**20)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("name", TOTALS)
def test_float_sums_depend_on_nothing_but_their_row(name: str, dtype: torch.dtype) -> None:
    x = messages(3, 1, dtype=dtype) * torch.tensor([1e-20, 1.0, 1e20], dtype=dtype)[:, None, None]
    together = getattr(kernels, name)(x, *TOTALS[name])
    with kernels.use("reference"):
        assert torch.equal(together, getattr(kernels, name)(x, *TOTALS[name]))
    for row in range(3):
        assert torch.equal(together[row], getattr(kernels, name)(x[row], *TOTALS[name]))
    assert together.dtype == dtype


@pytest.mark.parametrize("name", TOTALS)
def test_a_row_that_is_not_finite_stays_so(name: str) -> None:
    x = messages(3, 1)
    x[1, 0, 4], x[2, 0, 4] = torch.inf, torch.nan
    total = getattr(kernels, name)(x, *TOTALS[name])
    assert total[0].isfinite().all()
    assert total[1:].isnan().all()


def test_empty_messages() -> None:
    assert kernels.group_total(torch.zeros(0), torch.zeros(0).int(), 0).shape == (0,)
    assert kernels.group_total(torch.zeros(0, AGENTS), *TOTALS["group_total"]).shape == (0, AGENTS)
    assert kernels.ring_total(torch.ones(AGENTS), KEY, *(t[:0] for t in RING[:4]), 0.1).eq(0).all()


def test_float_sums_for_any_number_of_threads() -> None:
    agents = 400_000
    g = torch.Generator().manual_seed(3)
    src = torch.randint(0, agents, (2 * agents,), generator=g)
    ends, others = torch.cat([src, src.roll(1)]), torch.cat([src.roll(1), src])
    indptr = torch.cat([torch.zeros(1, dtype=torch.int64), ends.bincount(minlength=agents).cumsum(0)])
    graph, x = (indptr, others[ends.argsort()].int()), torch.randn(2, agents, generator=g)
    one = kernels.graph_total(x, *graph)
    with threads(2):
        assert torch.equal(kernels.graph_total(x, *graph), one)
    torch.testing.assert_close(one.sum(-1), (x * indptr.diff()).sum(-1), rtol=1e-3, atol=1.0)


def test_loading_the_modules_again_defines_nothing_twice() -> None:
    before = library.operators._definitions
    importlib.reload(library)
    assert library.operators._definitions is before
    assert kernels.group_total(torch.tensor([1, 2]), torch.tensor([0, 0]).int(), 1).tolist() == [2, 1]


def test_the_compiler_of_torch_is_not_loaded() -> None:
    code = """
import sys, torch
before = set(sys.modules)
from causal_lpm import kernels
x = torch.tensor([1.0, 2.0], requires_grad=True)
kernels.group_total(x, torch.tensor([0, 0]).int(), 1).sum().backward()
assert x.grad.tolist() == [1.0, 1.0]
print(*{n for n in set(sys.modules) - before if n.startswith(("torch._dynamo", "torch._inductor", "sympy", "triton"))})
"""
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.split() == []
