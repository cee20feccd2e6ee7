"""A population that several ranks hold is the population of one process: every number, in every world."""

import pytest
import torch
from torch import distributed

from causal_lpm import Rollout
from causal_lpm.ranks import on_ranks
from tests.ranks.programs import MODELS, rows_at_first, run_all

pytestmark = pytest.mark.skipif(not distributed.is_available(), reason="torch has no processes that speak")


@pytest.fixture(scope="module")
def alone() -> dict[str, Rollout]:
    return run_all()


@pytest.fixture(scope="module", params=[2, pytest.param(4, marks=pytest.mark.slow)])
def together(request: pytest.FixtureRequest) -> dict[str, Rollout]:
    return on_ranks(request.param, run_all)


@pytest.mark.parametrize("model", MODELS)
def test_ranks_have_the_numbers_of_one_process(
    model: str, alone: dict[str, Rollout], together: dict[str, Rollout]
) -> None:
    one, many = alone[model], together[model]
    assert one.tallies.keys() == many.tallies.keys()
    for name, series in one.tallies.items():
        assert torch.equal(many.tallies[name], series), name
    assert all(series.any() for series in list(one.tallies.values())[:2]), "nothing has happened"
    for name, entry in one.state.items():
        assert torch.equal(many.state[name], entry), name


def test_a_rank_keeps_its_own_rows_of_a_first_state() -> None:
    assert on_ranks(2, rows_at_first) == {"stage": (8, 4), "due": (8, 4), "beta": (1, 1)}
