"""Cut contacts and bytes a day, counted one by one."""

import importlib
import itertools
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
SMALL = (
    st.integers(4, 12)
    .flatmap(
        lambda n: st.tuples(
            st.lists(st.integers(-1, 4), min_size=n, max_size=n),
            st.lists(st.integers(0, 2), min_size=n, max_size=n),
            st.lists(st.lists(st.integers(0, 2), min_size=n, max_size=n), min_size=1, max_size=3),
        )
    )
    .filter(lambda drawn: any(one == other >= 0 for one, other in itertools.combinations(drawn[0], 2)))
)


def partitions() -> ModuleType:
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(BENCHMARKS)
        return importlib.import_module("partitions")


@given(SMALL)
def test_contacts_and_bytes_are_those_counted_one_by_one(
    drawn: tuple[list[int], list[int], list[list[int]]],
) -> None:
    counts = partitions()
    group, rank, days = (np.array(one) for one in drawn)
    couples = [pair for pair in itertools.combinations(range(len(group)), 2) if len({*group[list(pair)], -1}) == 2]
    couples = [(one, other) for one, other in couples if group[one] >= 0 and group[other] >= 0]
    apart = sum(rank[one] != rank[other] for one, other in couples)
    assert counts.cut([group], rank) == pytest.approx(apart / len(couples))

    total, before = 0, np.zeros(len(group))
    for sent in days:
        for sender, receiver in itertools.permutations(set(rank.tolist()), 2):
            told = [
                one
                for one in set(group[(group >= 0) & (rank == sender)].tolist())
                if ((group == one) & (rank == receiver)).any()
                and (sent - before)[(group == one) & (rank == sender)].sum() != 0
            ]
            total += counts.ENTRY * len(told) + counts.HEAD * bool(told)
        before = sent
    assert counts.bytes_a_day([group], rank, list(days)) == pytest.approx(total / len(days))


def test_whole_regions_in_parts_of_about_one_size() -> None:
    region = np.repeat(np.arange(6), [10, 30, 20, 20, 5, 35])
    rank = partitions().regions(region, 3)
    assert [np.unique(rank[region == one]).tolist() for one in range(6)] == [[0], [0], [1], [1], [2], [2]]
