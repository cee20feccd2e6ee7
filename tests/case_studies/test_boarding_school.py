"""The boarding school: its posterior beside particle MCMC, its counts, and its page."""

import functools
import json
from pathlib import Path

import numpy as np
import pytest
import torch

from case_studies.boarding_school import report
from case_studies.boarding_school.inputs import counts
from case_studies.boarding_school.model import BOYS, DAYS, PRIORS, epidemic
from case_studies.boarding_school.particle_mcmc import chain
from case_studies.boarding_school.question import WORLDS
from case_studies.boarding_school.reproduction import QUICK, posterior
from case_studies.boarding_school.study import study
from case_studies.page import fill
from causal_lpm.inference import predict

HERE = Path(report.__file__).parent


def test_the_counts_are_those_of_the_report() -> None:
    in_bed = counts()["in_bed"]
    assert (len(in_bed), in_bed.max(), in_bed.sum()) == (DAYS, 298, 1559)


@pytest.mark.parametrize("steps_per_day", [1, 4])
def test_boys_are_conserved_and_isolation_averts(steps_per_day: int) -> None:
    known = {name: torch.tensor([value]) for name, value in {"beta": 1.9, "gamma": 0.5, "dispersion": 10.0}.items()}
    found = predict(functools.partial(epidemic, steps_per_day), known, WORLDS, replicates=10, seed=1)
    infections = found["infections"].sum("day").squeeze()
    assert found.sizes["day"] == DAYS
    assert bool((infections < BOYS).all())
    never, early, late = infections.mean("replicate").values
    assert early < late < never


def test_the_page_is_filled_from_the_expected_numbers() -> None:
    numbers = json.loads((HERE / "expected.json").read_text())
    page = (HERE / "README.md").read_text()
    assert fill(page, report.tables(numbers)) == page


@pytest.mark.parametrize("per_day", ["4", "1"])
def test_the_expected_posterior_is_that_of_particle_mcmc(per_day: str) -> None:
    """Means within 5%, standard deviations within 20%."""
    numbers = json.loads((HERE / "expected.json").read_text())
    for name, (mean, deviation) in report.REFERENCE[per_day].items():
        found = numbers["steps"][per_day][name]
        assert found[0] == pytest.approx(mean, rel=0.05)
        assert found[1] == pytest.approx(deviation, rel=0.2)


@pytest.mark.slow
def test_both_ways_to_the_posterior_agree() -> None:
    """Some 40 effective draws here: means within 4 standard errors of them, a false alarm in 5,000."""
    found = posterior(1, QUICK, seed=3)
    other = chain(1, 3_000, seed=1, particles=300)
    for place, name in enumerate(PRIORS):
        ours = np.log(np.asarray(found.parameters[name], float).ravel())
        theirs = np.log(other[:, place])
        assert abs(ours.mean() - theirs.mean()) < 4 * theirs.std() / 40**0.5


def test_the_study_is_known() -> None:
    assert study.observed()["in_bed"].sizes == {"date": DAYS}
