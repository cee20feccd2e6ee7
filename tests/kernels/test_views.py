"""Tensors that are not laid out one number after the other: slices, transposed, expanded. Kernels give the same."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from causal_lpm import kernels

AGENTS = 37  # no multiple of the 8 bytes that are compared at a time
KEY = torch.tensor([[5], [6]])
G = torch.Generator().manual_seed(3)


def every_second(x: Tensor) -> Tensor:
    return x.repeat_interleave(2, -1)[..., ::2]


def from_an_offset(x: Tensor) -> Tensor:
    return torch.cat((x[..., :1], x, x[..., :1]), -1)[..., 1:-1]


def transposed(x: Tensor) -> Tensor:
    return x.mT.contiguous().mT if x.dim() > 1 else every_second(x)


def expanded(x: Tensor) -> Tensor:
    """The same row again and again, with a stride of 0."""
    return x[..., :1, :].expand(x.shape) if x.dim() > 1 else x[:1].expand(x.shape)


VIEWS = [every_second, from_an_offset, transposed, expanded]


def graph() -> tuple[Tensor, Tensor]:
    src, dst = torch.randint(0, AGENTS, (2, 60), generator=G)
    ends, others = torch.cat((src, dst)), torch.cat((dst, src))
    indptr = torch.cat((torch.zeros(1, dtype=torch.int64), ends.bincount(minlength=AGENTS).cumsum(0)))
    return indptr, others[ends.argsort(stable=True)].int()


STUBS = torch.randint(0, 4, (AGENTS,), generator=G)
FIRST = torch.cat((torch.zeros(1, dtype=torch.int64), STUBS.cumsum(0)))
OWNER = torch.repeat_interleave(torch.arange(AGENTS), STUBS).int()
RING = (
    torch.arange(AGENTS).flip(0).int(),
    torch.tensor([0, 20]),
    torch.tensor([20, AGENTS - 20]),
    torch.tensor([2.5, 3.0]),
)
FLAGS = torch.rand(2, AGENTS, generator=G) < 0.4
COUNTS = torch.randint(-9, 9, (2, AGENTS), generator=G)
NOISE = torch.rand(2, AGENTS, generator=G)
CLASSES = torch.randint(0, 5, (2, AGENTS), generator=G)
GROUP = torch.randint(-1, 6, (AGENTS,), generator=G).int()

# name, the first argument, the others; what is a tensor of them is viewed, but for the small tables that are expanded
CALLS: list[tuple[str, tuple[object, ...]]] = [
    ("field_at", (KEY, CLASSES, "uniform")),
    ("happens", (NOISE, KEY, FLAGS)),
    ("happens", (NOISE, KEY, None)),
    *(("select", (CLASSES.to(dtype), KEY, torch.tensor([[9], [20]]), 4)) for dtype in (torch.int8, torch.int64)),
    ("select", (CLASSES, KEY, torch.arange(6), 4, GROUP)),
    ("select_by", (CLASSES, NOISE, torch.arange(6), 4, GROUP.long())),
    *(("select_by", (CLASSES.to(dtype), NOISE, torch.tensor([[9], [20]]), 4)) for dtype in (torch.bool, torch.int16)),
    *(
        call
        for x in (FLAGS, COUNTS, NOISE)
        for call in (
            ("group_total", (x, GROUP, 6)),
            ("group_sum", (x, GROUP, 6)),
            ("graph_total", (x, *graph())),
            ("ring_total", (x, KEY, *RING, 0.2)),
            ("stub_total", (x, KEY, OWNER, FIRST, True)),
        )
    ),
]
PEOPLE = {
    "field_at": (1,),
    "happens": (0, 2),
    "select": (0, 4),
    "select_by": (0, 1, 4),
    "graph_total": (0,),
}  # which arguments are of agents


@pytest.mark.parametrize("implementation", ["reference", "numba"])
@pytest.mark.parametrize("view", VIEWS)
@pytest.mark.parametrize(("name", "args"), CALLS)
def test_views_give_what_copies_give(
    name: str, args: tuple[object, ...], view: Callable[[Tensor], Tensor], implementation: str
) -> None:
    agents = PEOPLE.get(name, (0,))
    viewed = [
        view(x) if isinstance(x, Tensor) and (i in agents or view is not expanded) and x.shape[-1] > 1 else x
        for i, x in enumerate(args)
    ]
    copies = [x.clone(memory_format=torch.contiguous_format) if isinstance(x, Tensor) else x for x in viewed]
    assert any(not x.is_contiguous() or x.storage_offset() for x in viewed if isinstance(x, Tensor))
    with kernels.use("reference"):
        expected = getattr(kernels, name)(*copies)
    with kernels.use(implementation):
        assert torch.equal(getattr(kernels, name)(*viewed), expected)


@pytest.mark.parametrize("implementation", ["reference", "numba"])
@pytest.mark.parametrize("view", VIEWS)
@pytest.mark.parametrize("x", [FLAGS, COUNTS], ids=["bool", "int64"])
def test_sums_follow_what_changed_in_views(x: Tensor, view: Callable[[Tensor], Tensor], implementation: str) -> None:
    contacts = graph()
    before, now = view(x), view(x.flip(-1))
    expected = kernels.graph_total(now.contiguous(), *contacts)
    with kernels.use(implementation):
        total = kernels.graph_total(before, *contacts)
        assert torch.equal(kernels.graph_change(total.clone(), before, now, *contacts), expected)
        if view is not expanded:  # nobody can write into all rows of one memory
            mine = view(total)
            assert kernels.graph_change(mine, before, now, *contacts) is mine
            assert torch.equal(mine, expected)
