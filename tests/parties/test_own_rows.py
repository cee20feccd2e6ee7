"""Each party checks and shares its own rows; together they are the population."""

import itertools
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from causal_lpm.agents import Population
from causal_lpm.handlers.private.additive import Additive
from causal_lpm.handlers.private.in_process import together
from causal_lpm.handlers.private.numbers import is_secret
from causal_lpm.handlers.private.sharing import reveal
from causal_lpm.parties import share
from causal_lpm.parties.own_rows import check_rows, columns, read_rows
from tests.parties.epidemic import SIZES, everybody, part


@pytest.mark.parametrize("parties", [2, 3])
def test_the_parts_are_the_population(parties: int) -> None:
    ends = torch.tensor([0, *SIZES[parties]]).cumsum(0).tolist()
    blocks = list(itertools.pairwise(ends))
    whole = everybody().with_attributes(weight=torch.rand(300), due=torch.arange(300) - 5)

    def run(channel: Any) -> dict[str, list[float]]:
        mine = part(whole, channel.rank, parties)
        people = share(mine, blocks, Additive(channel), {"due": (-5, 300)}, public=["weight", "due"])
        assert is_secret(people["stage"])
        assert is_secret(people["age"])
        assert people.labels == whole.labels
        assert torch.equal(people["weight"], whole["weight"])  # to the bit
        assert torch.equal(people["due"], whole["due"])
        assert (people["age"].low, people["age"].high) == (0, 1)  # type: ignore[attr-defined]
        return {name: reveal(people[name]).tolist() for name in ("stage", "age")}

    assert together(parties, run) == [{name: whole[name].tolist() for name in ("stage", "age")}] * parties


@given(st.lists(st.integers(-4, 9), min_size=1, max_size=5))
def test_rows_are_in_the_range_that_was_agreed_on_or_refused(rows: list[int]) -> None:
    mine = Population({"due": torch.tensor(rows)})
    if min(rows) >= 0:
        check_rows(mine, {})
    else:
        with pytest.raises(ValueError, match="agree on a range with numbers below 0"):
            check_rows(mine, {})
    if min(rows) >= -1 and max(rows) <= 5:
        check_rows(mine, {"due": (-1, 5)})
    else:
        with pytest.raises(ValueError, match=r"attribute 'due' runs from .* and -1 to 5 was agreed on"):
            check_rows(mine, {"due": (-1, 5)})


def test_infinite_numbers_and_unknown_names_are_refused() -> None:
    with pytest.raises(ValueError, match="'weight' has NaN or infinity"):
        check_rows(Population({"weight": torch.tensor([1.0, float("inf")])}), {})
    with pytest.raises(ValueError, match="did you mean 'stage'"):
        check_rows(Population({"stage": torch.tensor([1])}), {"stages": (0, 3)})


def test_a_file_without_agents_is_refused(tmp_path: Any) -> None:
    import pyarrow as pa
    from pyarrow import parquet

    parquet.write_table(pa.table({"stage": pa.array([], pa.uint8())}), tmp_path / "nobody.parquet")
    with pytest.raises(ValueError, match="number of agents is 0"):
        read_rows(tmp_path / "nobody.parquet")


def test_columns_tell_names_types_and_labels() -> None:
    assert columns(everybody()) == "stage (uint8), age (uint8); age: young/old"
