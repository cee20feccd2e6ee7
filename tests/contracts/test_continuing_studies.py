"""The law of `Continuing` for models of case studies: in pieces, with rows that change places, they are the whole."""

from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

import pyro
import pytest
import torch

from case_studies.nyc_first_wave.model import first_wave_of
from case_studies.nyc_first_wave.people import city
from case_studies.second_dose.mechanism import mechanism
from case_studies.second_dose.model import second_dose, setup
from case_studies.second_dose.people import king_county
from case_studies.test_choice.model import epidemic
from case_studies.test_choice.people import town
from causal_lpm import Seeds
from causal_lpm.handlers.continuing import Continuing, Kept
from causal_lpm.inference.program.program import series_of

DAYS, STOPS = 14, (3, 8, 14)
NUMBERS = torch.tensor([1, 1, 0])  # which row each goes on from, at both stops


def second() -> Callable[[], Any]:
    study = setup(king_county(600, seed=0), mechanism("archived"))
    return lambda: second_dose(study, DAYS + 1)


def first_wave() -> Callable[[], Any]:
    here = city(6000)
    return lambda: first_wave_of(here, DAYS)


def choice() -> Callable[[], Any]:
    here = town(600)
    return lambda: epidemic(here, DAYS)


STUDIES = {"second_dose": second, "nyc_first_wave": first_wave, "test_choice": choice}


def ran(model: Callable[[], Any], seeds: torch.Tensor, *handlers: Any) -> dict[str, torch.Tensor]:
    pyro.set_rng_seed(0)
    luck = {f"luck_{window}": seeds[:, window, None] for window in range(3)}
    with ExitStack() as stack:
        for handler in (torch.no_grad(), pyro.condition(data=luck), Seeds("luck", (0, *STOPS[:-1])), *handlers):
            stack.enter_context(handler)
        return series_of(model())


@pytest.mark.parametrize("name", STUDIES)
def test_in_pieces_they_are_the_whole(name: str) -> None:
    model = STUDIES[name]()
    seeds = torch.arange(9).reshape(3, 3) + 40
    whole = Continuing(3, [DAYS], {})
    ran(model, seeds, whole)
    future = {name: value[:1] for name, value in whole.kept[DAYS].run.tallies.items()}
    kept: Kept | None = None
    for number, stop in enumerate(STOPS):
        going_on = Continuing(3, [stop], future, kept)
        told = ran(model, seeds, going_on)
        if number < 2:
            kept = going_on.kept[stop].take(NUMBERS)
            seeds = torch.cat([seeds[NUMBERS, : number + 1], seeds[:, number + 1 :]], 1)
    expected = ran(model, seeds)
    assert expected.keys() == told.keys()
    different = [
        series for series, value in expected.items() if not torch.equal(*torch.broadcast_tensors(value, told[series]))
    ]
    assert different == []
    assert any(len(value.reshape(3, -1).unique(dim=0)) == 3 for value in expected.values() if value.shape[0] == 3)
