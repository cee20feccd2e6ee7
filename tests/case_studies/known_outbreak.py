"""One draw of the parameters of New Zealand's outbreak, of which the tests are, and agents to run it among."""

import functools

import torch

from case_studies.new_zealand.covid_calibration import focused
from case_studies.new_zealand.covid_parameters import PRIORS
from case_studies.new_zealand.people import Country

__all__ = ["KNOWN", "agents", "draws"]

KNOWN = {
    **{name: float(torch.tensor(arguments[0]).exp()) for name, (_, arguments, _) in PRIORS.items()},
    "boundary": 0.03,
    "ascertainment": 0.75,
    "out_level_4": 1.0,
    "seeds_counties_manukau": 6_000.0,
}


@functools.cache
def agents() -> Country:
    """20,000 of them."""
    return focused(20_000)


def draws(**changed: float) -> dict[str, torch.Tensor]:
    """Name -> `[1]`, some of them others than known."""
    return {name: torch.tensor([value]) for name, value in (KNOWN | changed).items()}
