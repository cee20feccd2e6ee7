"""The table of quick operations against torch: the same bits, types, shapes and strides, or nothing."""

import warnings
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.utils._python_dispatch import TorchDispatchMode

from causal_lpm.kernels import elementwise
from causal_lpm.kernels.elementwise import answer

TYPES = [
    torch.bool, torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64,
    torch.float16, torch.bfloat16, torch.float32, torch.float64,
]  # fmt: skip
ODD_FLOATS = [0.0, -0.0, 0.1, 2.5, -1.0, torch.nan, torch.inf, -torch.inf, 1e-45, 1e300, 16777217.0]
ODD_INTEGERS = [0, 1, -1, 3, 127, 128, 255, 256, 300, -129, 2**24 + 1, 2**31, 2**53 + 1, 2**63 - 1, 2**63, 2**70]
SCALARS = st.sampled_from([*ODD_FLOATS, *ODD_INTEGERS, True, False, None, 1j])
SHAPES = st.sampled_from(
    [(), (1,), (0,), (12,), (2, 12), (3, 1, 12), (2, 1), (1, 12), (3, 2, 12), (2, 0), (5,), (2, 3, 1, 12)]
)
LAYOUTS = st.sampled_from(["plain", "expanded", "every other", "turned", "reversed", "part"])


@pytest.fixture(autouse=True)
def _small_counts_as_large(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(elementwise, "LARGE", 1)
    monkeypatch.setattr(elementwise, "_ROWS", 1)


def numbers(kind: torch.dtype, shape: tuple[int, ...], seed: int) -> torch.Tensor:
    g = torch.Generator().manual_seed(seed)
    if kind.is_floating_point:
        odd = torch.tensor(ODD_FLOATS, dtype=torch.float64).to(kind)
        return odd[torch.randint(len(odd), shape, generator=g)]
    few = torch.randint(-3, 4, shape, generator=g)
    if kind != torch.bool and seed % 2:
        ends = torch.tensor([torch.iinfo(kind).min, torch.iinfo(kind).max, 0, 1])
        few = ends[torch.randint(4, shape, generator=g)]
    return few.to(kind)


def laid_out(x: torch.Tensor, layout: str) -> torch.Tensor:
    """Other numbers perhaps, of the same type and shape, that lie in memory in another way."""
    if layout == "expanded" and x.dim():
        return x.narrow(0, 0, min(1, x.shape[0])).expand(x.shape)
    if layout == "every other" and x.dim():
        return torch.stack([x, x], -1)[..., 0]
    if layout == "turned" and x.dim() > 1:
        return x.transpose(0, 1).contiguous().transpose(0, 1)
    if layout == "reversed" and x.dim():
        return x.flip(-1)
    if layout == "part" and x.dim():
        return torch.cat([x, x, x], -1).narrow(-1, x.shape[-1], x.shape[-1])
    return x


@st.composite
def tensors(draw: st.DrawFn, kinds: list[torch.dtype] = TYPES) -> torch.Tensor:
    x = numbers(draw(st.sampled_from(kinds)), draw(SHAPES), draw(st.integers(0, 99)))
    return laid_out(x, draw(LAYOUTS))


def as_torch(func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """What torch gives, None where it refuses."""
    try:
        return func(*args, **kwargs)
    except (RuntimeError, TypeError, IndexError, ValueError, OverflowError):
        return None


def check(func: Any, *args: Any, **kwargs: Any) -> bool:
    """Whether it was answered; what is answered is what torch gives."""
    before = [x.clone() if isinstance(x, torch.Tensor) else x for x in args]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        quick = answer(func, args, kwargs)
    for x, old in zip(args, before, strict=True):
        assert not isinstance(x, torch.Tensor) or torch.equal(bits(x), bits(old))
    if quick is None:
        return False
    slow = as_torch(func, args, kwargs)
    assert slow is not None, "torch refuses what was answered"
    for one, other in zip(*(x if isinstance(x, tuple) else (x,) for x in (quick, slow)), strict=True):
        assert one.dtype == other.dtype
        assert one.shape == other.shape
        assert torch.equal(bits(one), bits(other))
        assert isinstance(quick, tuple) or one.numel() == 0 or one.stride() == other.stride()
    return True


def bits(x: torch.Tensor) -> torch.Tensor:
    return x.contiguous().view({1: torch.int8, 2: torch.int16, 4: torch.int32, 8: torch.int64}[x.dtype.itemsize])


COMPARISONS = [getattr(owner, name) for name in ("eq", "ne", "lt", "le", "gt", "ge") for owner in (torch, torch.Tensor)]
COMPARISONS += [torch.Tensor.__eq__, torch.less, torch.Tensor.greater_equal]


@settings(max_examples=1500, deadline=None)
@given(func=st.sampled_from(COMPARISONS), a=tensors(), b=st.one_of(tensors(), SCALARS))
def test_comparisons_are_those_of_torch(func: Any, a: torch.Tensor, b: Any) -> None:
    check(func, a, b)


@settings(max_examples=1500, deadline=None)
@given(
    condition=tensors([torch.bool] * 9 + TYPES), a=st.one_of(tensors(), SCALARS), b=st.one_of(tensors(), SCALARS),
)  # fmt: skip
def test_where_is_that_of_torch(condition: torch.Tensor, a: Any, b: Any) -> None:
    check(torch.where, condition, a, b)
    if isinstance(a, torch.Tensor):
        check(torch.Tensor.where, a, condition, b)
        check(torch.masked_fill, a, condition, b)
        check(torch.Tensor.masked_fill, a, condition, b)


BITWISE = [torch.bitwise_and, torch.Tensor.__and__, torch.bitwise_or, torch.Tensor.__or__, torch.Tensor.bitwise_or]


@settings(max_examples=800, deadline=None)
@given(func=st.sampled_from(BITWISE), a=tensors([torch.bool] * 9 + TYPES), b=tensors([torch.bool] * 9 + TYPES))
def test_and_and_or_are_those_of_torch(func: Any, a: torch.Tensor, b: torch.Tensor) -> None:
    check(func, a, b)
    check(func, a, True)


@settings(max_examples=800, deadline=None)
@given(x=tensors([torch.bool] * 9 + TYPES), more=st.sampled_from([(), (-1,), (0,), (1,), ((-1,),), (None,)]))
def test_counts_are_those_of_torch(x: torch.Tensor, more: tuple[Any, ...]) -> None:
    for func in (torch.count_nonzero, torch.Tensor.count_nonzero, torch.sum, torch.Tensor.sum):
        check(func, x, *more)
        check(func, x, **({"dim": more[0]} if more else {}))
    for func in (torch.sum, torch.Tensor.sum):
        check(func, x, *more, keepdim=True)
        check(func, x, dtype=torch.int32)
    for func in (torch.any, torch.all, torch.Tensor.any, torch.Tensor.all):
        check(func, x, *more)
    for func in (torch.nonzero, torch.Tensor.nonzero):
        check(func, x)
        check(func, x, as_tuple=True)


@pytest.mark.parametrize("many", [0, 1, 7, 8, 9, 1000, 1023])
def test_places_are_found_whatever_fills_a_word(many: int) -> None:
    for chance in (0.0, 0.02, 0.5, 1.0):
        x = torch.rand(many, generator=torch.Generator().manual_seed(many)) < chance
        assert check(torch.nonzero, x, as_tuple=True) == (many > 0)


LARGE = torch.arange(200) % 7
ANSWERED: dict[str, tuple[Any, tuple[Any, ...]]] = {
    "bytes against a number": (torch.Tensor.eq, (LARGE.to(torch.uint8), 3)),
    "a number of another world": (torch.le, (LARGE.short(), torch.tensor([[3], [4]]).short())),
    "mixed integers": (torch.lt, (LARGE.short(), LARGE.int())),
    "floats": (torch.gt, (LARGE.float(), 0.1)),
    "bytes against a fraction": (torch.ge, (LARGE.to(torch.uint8), 2.5)),
    "where of numbers": (torch.where, (LARGE > 3, 1.0, 0.0)),
    "where of bytes": (torch.where, (LARGE > 3, LARGE.to(torch.uint8), torch.tensor(9, dtype=torch.uint8))),
    "where worlds differ": (torch.where, (torch.tensor([[True], [False]]), LARGE.float(), 0.0)),
    "where worlds have split": (torch.where, (LARGE > 3, LARGE.float(), torch.tensor([[1.0], [2.0]]))),
    "and of a switch by world": (torch.Tensor.__and__, (LARGE > 3, torch.tensor([[True], [False]]))),
    "counts by world": (torch.count_nonzero, (torch.stack([LARGE > 3, LARGE > 4]), -1)),
}


@pytest.mark.parametrize("name", ANSWERED)
def test_what_models_are_made_of_is_answered(name: str) -> None:
    func, args = ANSWERED[name]
    assert check(func, *args)


def other_devices() -> Iterator[tuple[str, Callable[[], Any]]]:
    x = LARGE.float()
    yield "gradients", lambda: answer(torch.where, (x > 1, x.clone().requires_grad_(), 0.0), None)
    yield "a parameter", lambda: answer(torch.lt, (torch.nn.Parameter(x), 1.0), None)
    yield "no device", lambda: answer(torch.lt, (x.to("meta"), 1.0), None)
    yield "sparse", lambda: answer(torch.eq, (x.to_sparse(), 1.0), None)
    yield "out", lambda: answer(torch.lt, (x, 1.0), {"out": torch.empty(200, dtype=torch.bool)})
    yield "complex", lambda: answer(torch.eq, (x.to(torch.complex64), 1.0), None)
    yield "negative view", lambda: answer(torch.lt, (torch.imag(x.to(torch.complex64).conj()), 1.0), None)
    yield "nested", lambda: answer(torch.eq, (torch.nested.nested_tensor([x, x]), 1.0), None)
    yield "no condition", lambda: answer(torch.where, (x > 1,), None)
    yield "in place", lambda: answer(torch.Tensor.lt_, (x, 1.0), None)


@pytest.mark.parametrize("name", [name for name, _ in other_devices()])
@pytest.mark.filterwarnings("ignore:The PyTorch API of nested tensors")
def test_all_else_is_left_to_torch(name: str) -> None:
    assert dict(other_devices())[name]() is None


class Recorded(TorchDispatchMode):
    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return func(*args, **(kwargs or {}))


@pytest.mark.filterwarnings("ignore:`torch.jit.script` is deprecated")
def test_whoever_maps_differentiates_or_traces_sees_the_operation() -> None:
    seen = []

    def asked(x: torch.Tensor) -> torch.Tensor:
        seen.append(answer(torch.lt, (LARGE, 3), None))
        return x * 1.0

    x = torch.ones(3)
    torch.func.vmap(asked)(x)
    torch.func.jvp(asked, (x,), (x,))
    torch.func.grad(lambda y: asked(y).sum())(x)
    with torch.autograd.forward_ad.dual_level():
        asked(x)
    with Recorded():
        asked(x)
    assert seen == [None] * 5
    assert answer(torch.lt, (LARGE, 3), None) is not None
