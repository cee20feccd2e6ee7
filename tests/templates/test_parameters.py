import pyro.distributions as dist
import pytest
import torch
from pyro import poutine

from causal_lpm.templates.parameters import leaving, parameter


def test_a_number_makes_no_site_and_a_distribution_one_of_its_name() -> None:
    trace = poutine.trace(lambda: (parameter("r0", 2), parameter("days", dist.Uniform(3.0, 4.0)))).get_trace()
    assert list(trace.stochastic_nodes) == ["days"]


@pytest.mark.parametrize("value", ["2.5", True, None, [1.0]])
def test_what_is_neither_is_refused(value: object) -> None:
    with pytest.raises(TypeError, match="the parameter 'r0' is of type"):
        parameter("r0", value)  # type: ignore[arg-type]


def test_several_numbers_are_refused() -> None:
    with pytest.raises(ValueError, match="the parameter 'r0' is 2 numbers"):
        parameter("r0", torch.tensor([1.0, 2.0]))
    with pytest.raises(ValueError, match="the prior of parameter 'r0' is of several numbers"):
        parameter("r0", dist.Normal(torch.zeros(2), 1.0))


def test_a_stage_of_one_day_is_left_surely() -> None:
    assert leaving(torch.tensor([0.2, 1.0])).tolist() == [float("inf")] * 2
