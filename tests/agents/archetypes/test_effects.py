"""Tests of `effects`: the same prior however it is sampled, and sites that data leave round."""

import pyro
import pyro.distributions as dist
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from causal_lpm.agents.archetypes.effects import effects

POSITIVE = st.floats(0.05, 3.0)


def _drawn(scale: float, information: float, added: float, x: float | None = None) -> tuple[float, dist.Normal]:
    """The effect that a site of value x is, drawn where none is given, and the site's distribution."""
    site = {} if x is None else {"own": torch.tensor([x], dtype=torch.float64)}
    wide, around = torch.tensor([scale], dtype=torch.float64), torch.tensor([added], dtype=torch.float64)
    with pyro.poutine.trace() as trace, pyro.condition(data=site):
        found = effects("own", wide, 1, information, around)
    return float(found), trace.trace.nodes["own"]["fn"].base_dist


@given(POSITIVE, st.floats(0.0, 400.0), st.floats(-2.0, 2.0), st.floats(-3.0, 3.0))
def test_the_prior_is_the_same_whatever_data_tell(scale: float, information: float, added: float, q: float) -> None:
    _, site = _drawn(scale, information, added, 0.0)
    found, _ = _drawn(scale, information, added, float(site.loc) + float(site.scale) * q)
    assert found == pytest.approx(scale * q, abs=1e-5)


@given(POSITIVE, st.floats(0.1, 400.0), st.floats(-2.0, 2.0))
def test_under_normal_data_of_a_sum_a_site_has_deviation_1_and_does_not_follow_the_other_part(
    scale: float, information: float, added: float
) -> None:
    seen = 0.7

    def log_joint(x: float) -> float:
        effect, site = _drawn(scale, information, added, x)
        prior = float(site.log_prob(torch.tensor([x], dtype=torch.float64)))
        return prior - information * (effect + added - seen) ** 2 / 2

    low, middle, high = log_joint(-1.0), log_joint(0.0), log_joint(1.0)
    assert low - 2 * middle + high == pytest.approx(-1.0, abs=1e-3)  # curvature of a normal log density
    # With nothing added and seen all of the sum, the mean is that of the sum alone.
    share = scale**2 * information / (1 + scale**2 * information)
    unit = scale / (1 + scale**2 * information) ** 0.5
    assert (high - low) / 2 == pytest.approx(seen * share / unit, abs=2e-3 * max(1.0, seen * share / unit))
