"""What may be opened is opened, with noise of every party; what may not is not, and nothing else with it."""

import math
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from fractions import Fraction

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from causal_lpm import KeyedNoise, comparing, tally
from causal_lpm.agents import Population
from causal_lpm.handlers.private.additive import Additive
from causal_lpm.handlers.private.clear import Clear
from causal_lpm.handlers.private.in_process import together
from causal_lpm.handlers.private.messenger import Private
from causal_lpm.handlers.private.secret import Secret
from causal_lpm.handlers.private.share_layer import ShareLayer
from causal_lpm.handlers.private.sharing import opened, share
from causal_lpm.parties import Ledger, Release
from causal_lpm.parties.group_sizes import GroupSizes
from causal_lpm.parties.opening import Opening, with_noise
from tests.handlers.private.runs import AGENTS, contacts_of, epidemic, ill

SERIES = torch.tensor([[3, 0, 7], [1, 2, 9]])


def secret(layer: ShareLayer, x: torch.Tensor = SERIES) -> Secret:
    return Secret(layer.public(x).clone(), layer, x.dtype)


def released(layer: ShareLayer, release: Release, **totals: torch.Tensor) -> Mapping[str, torch.Tensor]:
    opening = Opening(release, GroupSizes(), Ledger())
    return opened(opening.check({name: secret(layer, x) for name, x in totals.items()}))


@given(st.lists(st.integers(-50, 50), min_size=1, max_size=6), st.integers(-50, 50), st.integers(-50, 50))
def test_totals_are_opened_if_all_are_in_their_range(values: list[int], one: int, other: int) -> None:
    low, high = sorted((one, other))
    x = torch.tensor([values])
    release = Release(cases=(low, high))
    if all(low <= value <= high for value in values):
        assert torch.equal(released(Clear(), release, cases=x, more=x)["cases"], x)
        assert "more" not in released(Clear(), release, cases=x, more=x)
    else:
        with pytest.raises(ValueError, match=r"out of its range, or a group is too small: nothing is opened"):
            released(Clear(), release, cases=x)


def opens(parties: int, run: Callable[[ShareLayer], object]) -> list[object]:
    return together(parties, lambda channel: run(Additive(channel)))


def test_one_total_out_of_range_keeps_all_others_closed() -> None:
    def run(layer: ShareLayer) -> None:
        released(layer, Release(cases=(0, 9), deaths=(0, 5)), cases=SERIES, deaths=SERIES)

    with pytest.raises(ValueError, match="nothing is opened"):
        opens(3, run)


def test_exact_totals_of_two_parties_must_be_asked_for() -> None:
    def run(layer: ShareLayer, **how: bool | int) -> Mapping[str, torch.Tensor]:
        return released(layer, Release(cases=(0, 9), **how), cases=SERIES)  # type: ignore[arg-type]

    with pytest.raises(ValueError, match="exact totals of two parties tell each the other's"):
        opens(2, run)
    for parties, how in ((2, {"exact": True}), (3, {})):
        for got in opens(parties, lambda layer, how=how: run(layer, **how)["cases"]):  # type: ignore[misc]
            assert isinstance(got, torch.Tensor)
            assert torch.equal(got, SERIES)
    assert opens(2, lambda layer: run(layer, sigma2=2)["cases"].shape) == [SERIES.shape] * 2


def test_every_party_adds_noise_of_the_full_variance() -> None:
    # The sum of squares over sigma2 times parties is nearly chi-square of 3,000: outside of 0.85 to 1.15 once in 10**8.
    zeros = torch.zeros(1, 3000, dtype=torch.int64)
    noise = opens(3, lambda layer: opened({"x": with_noise(secret(layer, zeros), Fraction(9))})["x"])
    assert all(torch.equal(noise[0], other) for other in noise)  # type: ignore[arg-type]
    assert isinstance(noise[0], torch.Tensor)
    assert 0.85 < float(noise[0].double().square().mean()) / (3 * 9) < 1.15


def test_noise_on_floats_has_the_variance_that_was_asked_for() -> None:
    # As above, with 500 numbers: outside of 0.6 to 1.4 once in 10**9.
    zeros = Secret(torch.zeros(500, dtype=torch.int64), Clear(), torch.float64, 20)
    noise = opened({"x": with_noise(zeros, Fraction(1, 4))})["x"]
    assert 0.6 < float(noise.square().mean()) / 0.25 < 1.4


def test_what_is_opened_is_paid_for() -> None:
    ledger = Ledger()
    Opening(Release(cases=(0, 9), sigma2=8, sensitivity=2.0), GroupSizes(), ledger).check({"cases": secret(Clear())})
    (spent,) = ledger.entries
    assert (spent.what, spent.numbers, spent.rho) == ("cases", 6, 0.25)
    assert math.isclose(ledger.rho, 0.25)


def test_sums_over_days_are_opened_without_the_days() -> None:
    got = released(Clear(), Release(cases=(0, 12), daily=False), cases=SERIES)["cases"]
    assert got.tolist() == [[10], [12]]


def test_differences_are_opened_without_their_parts() -> None:
    worlds = torch.tensor([[[5, 6]], [[9, 4]], [[5, 6]]])
    got = released(Clear(), Release(cases=(-3, 5), paired=True), cases=worlds)["cases"]
    assert torch.equal(got, worlds - worlds[:1])
    with pytest.raises(ValueError, match="has one world: differences need two"):
        released(Clear(), Release(cases=(-3, 5), paired=True), cases=worlds[0])


def group(least: int, secret_groups: bool) -> torch.Tensor:
    """A tally of three groups, the smallest of which has two agents."""
    by = torch.tensor([0, 0, 0, 1, 1, 2, 2, 2])
    ill = torch.arange(8) % 2 == 0
    blocks = [(0, 8)]
    sizes = GroupSizes()
    release = Release(cases=(0, 9), min_group=least)
    with Private(noise="dealt"), sizes:
        label = share(Clear(), by, blocks, 0, 2) if secret_groups else by
        total = tally("cases", share(Clear(), ill, blocks), label, groups=3)
    return opened(Opening(release, sizes, Ledger()).check({"cases": total[..., None]}))["cases"]


@pytest.mark.parametrize("secret_groups", [False, True])
def test_small_groups_are_not_opened_whether_groups_are_secret_or_not(secret_groups: bool) -> None:
    assert group(2, secret_groups).flatten().tolist() == [2, 1, 1]
    with pytest.raises(ValueError, match="too small" if secret_groups else "has a group of 2 agents, and a release"):
        group(3, secret_groups)


def test_the_difference_between_worlds_is_released_alone() -> None:
    worlds = {"never": {}, "early": {"closing_day": 2}}
    contacts = contacts_of()

    def run(stage: torch.Tensor, release: Release | None, layer: Clear) -> torch.Tensor:
        sizes = GroupSizes()
        opening = None if release is None else Opening(release, sizes, Ledger())
        handlers = [KeyedNoise(1), comparing(worlds)]
        handlers += [] if opening is None else [Private(layer, "public", opening, {"stage": 3}), sizes]
        with ExitStack() as stack:
            for handler in handlers:
                stack.enter_context(handler)
            return epidemic(Population({"stage": stage}), contacts, 8).tallies["cases"]

    layer = Clear()
    plain = run(ill(), None, layer)
    own = share(layer, ill(), [(0, AGENTS)], 0, 2)
    got = run(own, Release(cases=(-AGENTS, 0), paired=True, exact=True), layer)
    assert torch.equal(got, plain - plain[:1])
    assert int(got.sum()) < 0


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({}, "nothing is released: name a tally"),
        ({"cases": (5, 1)}, "the range of 'cases' is"),
        ({"cases": (0, math.inf)}, "the range of 'cases' is"),
        ({"cases": (math.nan, 1)}, "the range of 'cases' is"),
        ({"cases": 5}, "the range of 'cases' is 5"),
        ({"cases": (0, 5), "sigma2": 0}, "sigma2 is 0"),
        ({"cases": (0, 5), "sigma2": math.nan}, "sigma2 is nan"),
        ({"cases": (0, 5), "min_group": 0}, "min_group is 0"),
        ({"cases": (0, 5), "sensitivity": -1.0}, "the sensitivity is -1.0"),
    ],
)
def test_bad_settings_are_refused(settings: dict[str, object], sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        Release(**settings)  # type: ignore[arg-type]


def test_a_name_that_is_no_word_has_a_range_too() -> None:
    assert Release({"new cases": (0, 5)}, deaths=(0, 1)).ranges == {"new cases": (0, 5), "deaths": (0, 1)}


def test_what_parties_compare_of_a_release_has_all_digits() -> None:
    one, other = (Release(cases=(0, 5_000_001 + more), sensitivity=1 + more * 1e-9) for more in (0, 1))
    assert one.described() != other.described()
    narrow, wide = Release(cases=(0, 5_000_001)), Release(cases=(0, 5_000_002))
    assert narrow.described() != wide.described()
