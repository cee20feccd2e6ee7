"""What is computed for few agents is what is computed for everybody, and a check looks only where somebody may."""

from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from pyro.poutine.messenger import Messenger

from causal_lpm import KeyedNoise
from causal_lpm.agents.disease import Course, StageGraph, Transition, mean_days
from causal_lpm.ops.looking import Everybody, Few, check, found
from tests.contracts.opaque import Look, Opaque, Sealed, opened

AGENTS, STAGES = 5, 3


class Blind(Messenger):
    """Nobody sees who they are."""

    def _pyro_found(self, msg: Any) -> None:
        msg["fn"] = Everybody


def numbers(shape: tuple[int, ...], most: int, seed: int, dtype: torch.dtype) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(0, most + 1, shape, generator=generator).to(dtype)


@settings(max_examples=100)
@given(st.integers(0, 2**32), *[st.sampled_from([(), (1,), (2,), (3, 1), (3, 2)])] * 3, st.booleans(), st.booleans())
def test_few_and_everybody_agree(
    seed: int, ours: tuple[int, ...], theirs: tuple[int, ...], others: tuple[int, ...], replicates: bool, late: bool
) -> None:
    tables = (2, AGENTS, STAGES) if replicates else (AGENTS, STAGES)
    course = Course(numbers(tables, STAGES - 1, seed, torch.uint8), numbers(tables, 255, seed + 1, torch.uint8))
    stage = numbers((*ours, AGENTS), STAGES - 1, seed + 2, torch.uint8)
    due = numbers((*theirs, AGENTS), 40, seed + 3, torch.int16)
    where = numbers((*others, AGENTS), 1, seed + 4, torch.bool)
    today = torch.tensor(32_700 if late else 7, dtype=torch.int16)
    few = course.enter_next(stage, due, where, today)
    with Blind():
        everybody = course.enter_next(stage, due, where, today)
    for one, other in zip(few, everybody, strict=True):
        assert one.dtype == other.dtype
        assert torch.equal(one, other)


def test_nobody_is_few_and_may_be_somebody() -> None:
    nobody = torch.zeros(3, dtype=torch.bool)
    assert not found(nobody)
    assert Everybody(nobody)
    assert Few(~nobody)


def test_a_check_of_opaque_numbers_is_not_made() -> None:
    negative = torch.tensor([-1.0])
    for seen, error in ((negative, ValueError), (Opaque(negative), Look)):
        with pytest.raises(error):
            check((seen,), lambda x=seen: bool(x >= 0), lambda: "it is below 0: give a number >= 0.")
    with Sealed():
        check((Opaque(negative),), lambda: bool(Opaque(negative) >= 0), lambda: "never")
        with pytest.raises(ValueError, match="below 0"):  # what may be looked at is
            check((negative,), lambda: bool(negative >= 0), lambda: "it is below 0: give a number >= 0.")


def test_a_course_of_opaque_classes() -> None:
    arrows = [Transition("S", "I", [0.2, 0.9, 1.0]), Transition("S", "R", [0.8, 0.1, 0.0], mean_days(2.5))]
    age, graph = torch.arange(30) % 3, StageGraph(("S", "I", "R"), arrows)
    with KeyedNoise(1):
        clear = graph.course(age)
    with Sealed(), KeyedNoise(1):
        course = graph.course(Opaque(age))
    assert isinstance(course.following, Opaque)
    assert torch.equal(opened(course.following), clear.following)
    assert torch.equal(opened(course.days), clear.days)
