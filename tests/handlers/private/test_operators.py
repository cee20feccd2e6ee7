"""Every operator in the table gives what torch gives of the numbers, in its type, for one and several parties."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from causal_lpm.handlers.private.clear import Clear
from causal_lpm.handlers.private.errors import Unsupported
from causal_lpm.handlers.private.secret import Secret
from causal_lpm.handlers.private.share_layer import ShareLayer
from causal_lpm.handlers.private.sharing import reveal
from tests.handlers.private.runs import layers, secret

G = torch.Generator().manual_seed(3)
INT = torch.randint(-40, 40, (2, 6), generator=G)
SMALL = torch.randint(0, 9, (2, 6), generator=G).to(torch.uint8)
FLAG = torch.rand((2, 6), generator=G) < 0.5
REAL = (torch.rand((2, 6), generator=G) * 8 - 4).mul(2**12).round() / 2**12
OTHER = torch.tensor([[3, -7, 0, 5, 1, 9]])
NARROW = torch.tensor([[200, 7, 0, 255, 1, 90]], dtype=torch.uint8)


WHOLE: dict[str, Callable[..., Any]] = {
    "sum": lambda a, s, f, r: a + s,
    "public sum": lambda a, s, f, r: OTHER + a,
    "scaled sum": lambda a, s, f, r: torch.add(a, s, alpha=3),
    "difference": lambda a, s, f, r: a - s.long(),
    "from public": lambda a, s, f, r: 5 - a,
    "negative": lambda a, s, f, r: -a,
    "product": lambda a, s, f, r: a * s,
    "square": lambda a, s, f, r: a**2,
    "by public": lambda a, s, f, r: a * OTHER,
    "flag times number": lambda a, s, f, r: f * a,
    "flags added": lambda a, s, f, r: s + f + f,
    "flags or": lambda a, s, f, r: f | (s > 3),
    "flags summed": lambda a, s, f, r: f + (s > 3),
    "flags and": lambda a, s, f, r: f & (s > 3),
    "flags xor": lambda a, s, f, r: f ^ (s > 3),
    "flags differ": lambda a, s, f, r: f != (s > 3),
    "flags equal": lambda a, s, f, r: f == (s > 3),
    "flags with public": lambda a, s, f, r: (f & FLAG.flip(0)) | (FLAG.flip(1) ^ f),
    "not": lambda a, s, f, r: ~f,
    "equal": lambda a, s, f, r: a == s,
    "equal to public": lambda a, s, f, r: (a == OTHER) | (s == 3) | (s == OTHER),
    "unequal": lambda a, s, f, r: s != 3,
    "below": lambda a, s, f, r: a < s,
    "below public": lambda a, s, f, r: (a < OTHER) & (s < 5),
    "above public": lambda a, s, f, r: (a > OTHER) | (s > OTHER),
    "at most": lambda a, s, f, r: (a <= 3) & (s <= a),
    "at least": lambda a, s, f, r: (a >= 3) | (a <= OTHER),
    "far away": lambda a, s, f, r: (a < 10**6) & (a > -(10**6)),
    "fractions": lambda a, s, f, r: (a < 2.5) & (r < 0.3) & (r > a),
    "where": lambda a, s, f, r: torch.where(f, a, s),
    "where public": lambda a, s, f, r: torch.where(FLAG, a, s.long()),
    "where of publics": lambda a, s, f, r: torch.where(f, 4, OTHER),
    "where by numbers": lambda a, s, f, r: torch.where(s > 3, a, -1),
    "clamp": lambda a, s, f, r: a.clamp(-5, 11) + s.clamp(max=4),
    "minimum": lambda a, s, f, r: torch.minimum(a, s.long()) + torch.maximum(a, OTHER),
    "sums": lambda a, s, f, r: a.sum(-1, keepdim=True) + s.sum(0) + f.sum(),
    "cumulated": lambda a, s, f, r: a.cumsum(-1),
    "shapes": lambda a, s, f, r: a[:, 1:4].t().reshape(2, 3).unsqueeze(1).expand(2, 4, 3).squeeze(),
    "select": lambda a, s, f, r: a[..., 2] + a[1][2:3] + a[..., None][..., 0][:, 0],
    "picked": lambda a, s, f, r: a[:, [0, 2, 2]] + a.index_select(1, torch.tensor([1, 1, 5])),
    "gathered": lambda a, s, f, r: a.gather(1, OTHER.clamp(0, 5)),
    "any and all": lambda a, s, f, r: (a > 30).any(-1) & (s < 9).all() & ~(f.all(0)[:2]) | (f & ~f).any(),
    "joined": lambda a, s, f, r: torch.cat([a, s, OTHER], 0),
    "stacked": lambda a, s, f, r: torch.stack([a, OTHER.expand(2, 6)], -1),
    "index_add": lambda a, s, f, r: torch.zeros(2, 3, dtype=torch.int64).index_add(
        1, torch.tensor([0, 1, 2, 2, 1, 0]), a
    ),
    "converted": lambda a, s, f, r: s.to(torch.int16) + f.to(torch.uint8) + a.bool(),
    "whole of fractions": lambda a, s, f, r: r.floor().long() + r.long(),
    "rounded": lambda a, s, f, r: (r * 2).floor(),
    "in place": lambda a, s, f, r: a.clone().add_(s).mul_(2),
    "filled": lambda a, s, f, r: a.new_zeros(2, 6) + a.new_empty(2, 6).copy_(a),
    "scaled in the type of the sum": lambda a, s, f, r: torch.add(a, NARROW, alpha=3) + torch.sub(a, NARROW, alpha=2),
    "below 0 of uint8": lambda a, s, f, r: ((s - 1) < 2) | (-s > 250) | ((s - 3).long() == 254),
    "above 255 of uint8": lambda a, s, f, r: (s + 250) * 3 * s + s * NARROW + (s + s) * 40,
    "narrowed": lambda a, s, f, r: a.to(torch.uint8) + (a.to(torch.int16) * 3000).to(torch.int8),
    "wraps in place": lambda a, s, f, r: s.clone().add_(a).mul_(100),
    "narrow sum": lambda a, s, f, r: s.sum(dtype=torch.int8) + (s * 50).cumsum(1, dtype=torch.int8),
    "power of two of more dimensions": lambda a, s, f, r: (r * torch.tensor([[[2.0]]])).floor().sum(0),
    "expanded functions": lambda a, s, f, r: (
        ((0.06 * s.float()).expand(3, 2, 6) < 0.1).sum(0)
        + (torch.exp(0.06 * s.float()).expand(3, 2, 6) >= 1.1).sum(0)
        + (s.expand(3, 2, 6) == 1).sum(0)
    ),
    "clamp to numbers an agent": lambda a, s, f, r: s.long().clamp(OTHER, OTHER + 3) + a.clamp(max=OTHER),
    "fractions summed as whole": lambda a, s, f, r: r.sum(dtype=torch.int64) + r.cumsum(1, dtype=torch.int64),
    "to the nearest": lambda a, s, f, r: r.round() + (r * 0.5).round() + (s * 0.5).round(),
    "beyond 64 bits": lambda a, s, f, r: (r < 2**50) & (r > -(2**62)),
    "any of uint8": lambda a, s, f, r: s.any() + s.all(),
    "constants": lambda a, s, f, r: torch.zeros_like(a) + torch.ones_like(s) + torch.full_like(a, 7) + a,
}
REALS: dict[str, Callable[..., Any]] = {
    "float sum": lambda a, s, f, r: r + a,
    "float product": lambda a, s, f, r: r * r.flip(1),
    "float times count": lambda a, s, f, r: 0.06 * s.float() * torch.tensor([[1.0], [0.5]]),
    "float where": lambda a, s, f, r: torch.where(f, r, 0.3),
    "halved": lambda a, s, f, r: (r * 0.5 + a / 4) * 2.0**10,
    "divided": lambda a, s, f, r: r / 3.0 + a / torch.tensor([7.0]),
    "long product": lambda a, s, f, r: r * r * r * r * r,
    "mean": lambda a, s, f, r: r.mean(-1, keepdim=True),
    "exp": lambda a, s, f, r: torch.exp(-(r * r) * 0.1),
    "exp of counts": lambda a, s, f, r: torch.exp(-0.3 * s.float()),
    "expm1": lambda a, s, f, r: torch.expm1(-0.1 * s.float()),
    "clamp of whole numbers to fractions": lambda a, s, f, r: a.clamp(-2.5, 3.25) + s.clamp(max=2.5),
    "square as float": lambda a, s, f, r: s**2.0,
    "double": lambda a, s, f, r: r.double() * 0.125 + s,
}
PARTIES = [1, 2, 3]


def both(layer: ShareLayer, operation: Callable[..., Any]) -> tuple[Secret, torch.Tensor]:
    bounds = {"low": -(4 << 20), "high": 4 << 20}
    inputs = secret(layer, INT, low=-40, high=40), secret(layer, SMALL, low=0, high=8), secret(layer, FLAG)
    return operation(*inputs, secret(layer, REAL, **bounds)), operation(INT, SMALL, FLAG, REAL)


@pytest.mark.parametrize("parties", PARTIES)
@pytest.mark.parametrize("name", WHOLE)
def test_whole_numbers_are_exact(name: str, parties: int) -> None:
    def run(layer: ShareLayer) -> None:
        mine, clear = both(layer, WHOLE[name])
        assert isinstance(mine, Secret)
        assert (mine.dtype, mine.shape) == (clear.dtype, clear.shape)
        assert torch.equal(reveal(mine).double(), clear.double())
        units = clear.double() * 2.0**mine.bits
        assert mine.low <= float(units.min()) <= float(units.max()) <= mine.high, "its bounds hold"

    layers(parties, run)


@pytest.mark.parametrize("parties", PARTIES)
@pytest.mark.parametrize("name", REALS)
def test_fractions_are_near(name: str, parties: int) -> None:
    def run(layer: ShareLayer) -> None:
        mine, clear = both(layer, REALS[name])
        assert isinstance(mine, Secret)
        assert (mine.dtype, mine.shape) == (clear.dtype, clear.shape)
        torch.testing.assert_close(reveal(mine), clear.double(), rtol=2e-4, atol=2e-5)

    layers(parties, run)


@settings(deadline=None, max_examples=60)
@given(st.integers(2, 3), st.integers(-(2**39), 2**39), st.integers(-(2**39), 2**39), st.integers(1, 40))
def test_comparisons_hold_for_bounds_of_any_width(parties: int, a: int, b: int, width: int) -> None:
    a, b = (x >> (40 - width) for x in (a, b))
    bounds = {"low": -(1 << width), "high": 1 << width}

    def run(layer: ShareLayer) -> None:
        x, y = (secret(layer, torch.tensor([v]), **bounds) for v in (a, b))
        found = torch.cat([x < y, x == y, x < b, a < y, x == b, x <= y])
        assert reveal(found).tolist() == [a < b, a == b, a < b, a < b, a == b, a <= b]

    layers(parties, run)


def test_a_small_number_is_looked_up_once() -> None:
    def run(layer: ShareLayer) -> int:
        stage = secret(layer, SMALL, low=0, high=8)
        before = layer.cost.rounds
        _ = (
            stage == 3,
            stage.clone() > 1,
            stage < 4,
            stage.clamp(max=2),
            stage.expand(3, 2, 6) == 0,
            stage.long() != 5,
        )
        return layer.cost.rounds - before

    assert layers(3, run) == [1, 1, 1]


@pytest.mark.parametrize("parties", PARTIES)
def test_fractions_that_are_equal_stay_equal(parties: int) -> None:
    tenths = torch.arange(30) / 10

    def run(layer: ShareLayer) -> None:
        mine = secret(layer, tenths)
        for k in range(30):
            number = k / 10
            for found, wanted in ((mine < number, tenths < number), (mine == number, tenths == number)):
                assert torch.equal(reveal(found), wanted)
            assert torch.equal(reveal(mine > number), tenths > number)

    layers(parties, run)


def test_what_is_written_into_a_view_would_not_be_known_of_the_whole() -> None:
    def write(stage: Any) -> None:
        stage[0] = 5

    for write_in in (
        write,
        lambda x: x[1:].add_(1),
        lambda x: x.unsqueeze(0).mul_(2),
        lambda x: x.t().fill_(3),
        lambda x: x.view(-1).zero_(),
        lambda x: (x[..., :2], x.add_(1)),
    ):
        stage = secret(Clear(), SMALL, low=0, high=8)
        _ = stage == 1  # its unit vectors are kept
        with pytest.raises(Unsupported, match="in place on a view"):
            write_in(stage.clone())


def test_a_number_beside_which_fractions_keep_no_digits_is_refused() -> None:
    real = secret(Clear(), REAL)
    for large in (
        lambda: torch.where(real > 0, real, 1e18),
        lambda: torch.cat([real, torch.full((1, 6), 2.0**45)]),
        lambda: torch.stack([real, torch.full((2, 6), 2**45)]),
    ):
        with pytest.raises(Unsupported, match="use a smaller"):
            large()
    with pytest.raises(ValueError, match="is NaN"):
        _ = real >= float("nan")
