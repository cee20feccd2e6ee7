"""A calibration on shares goes the way of the clear one, and what it opens is paid for."""

import json
import math
from collections.abc import Mapping
from functools import partial
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from causal_lpm import KeyedNoise, StraightThrough
from causal_lpm.agents import Population
from causal_lpm.handlers.private.clear import Clear
from causal_lpm.handlers.private.messenger import Private
from causal_lpm.handlers.private.sharing import reveal, share
from causal_lpm.parties.private_calibration import descend
from tests.parties import programs
from tests.parties.epidemic import smooth_people, smooth_simulation, squares
from tests.parties.processes import start

BEGIN = {"beta": 0.05, "gamma": 0.4}


def clear(values: Mapping[str, float]) -> tuple[float, dict[str, float]]:
    """Loss and gradient on one computer that sees everybody."""
    parameters = {name: torch.tensor([value], requires_grad=True) for name, value in values.items()}
    with KeyedNoise(1), StraightThrough():
        run = smooth_simulation()(smooth_people(), parameters)
    loss = squares(run.tallies)
    loss.backward()
    return float(loss.detach()), {name: float(parameter.grad) for name, parameter in parameters.items()}  # type: ignore[arg-type]


@pytest.mark.slow
@pytest.mark.parametrize("parties", [2, 3])
def test_the_calibration_is_the_clear_one(tmp_path: Path, parties: int) -> None:
    steps = 25
    expected = descend(clear, BEGIN, steps, 0.1)
    ends = start(tmp_path, partial(programs.calibrating, steps=steps), parties).ends(120)
    assert all(end.code == 0 for end in ends.values()), ends
    assert len({ends[rank].out for rank in range(parties)}) == 1
    path, losses, values, rho = json.loads(ends[0].out)
    assert rho == math.inf
    assert losses[0] == expected.losses[0]
    assert all(math.isclose(values[name], expected.values[name], rel_tol=0.01) for name in BEGIN), (values, expected)
    # The first step is the sign of the gradient; the second depends on its size.
    assert all(math.isclose(path[2][name], expected.path[2][name], rel_tol=1e-3) for name in BEGIN)
    assert min(losses) < 0.5 * losses[0]


@pytest.mark.slow
def test_with_noise_on_totals_and_gradients_all_parties_have_the_same(tmp_path: Path) -> None:
    ends = start(tmp_path, partial(programs.calibrating, steps=3, noise="owner", sigma2=4.0), 3).ends(60)
    assert all(end.code == 0 for end in ends.values()), ends
    assert len({ends[rank].out for rank in range(3)}) == 1
    rho = json.loads(ends[0].out)[3]
    assert math.isclose(rho, 3 * 4 / 8)  # three steps of two totals and two derivatives, 1/8 each


@given(st.floats(0.1, 10), st.floats(0.1, 10))
def test_a_descent_finds_the_lowest_point(one: float, other: float) -> None:
    def bowl(values: Mapping[str, float]) -> tuple[float, dict[str, float]]:
        away = {name: math.log(values[name] / goal) for name, goal in (("a", one), ("b", other))}
        return sum(x**2 for x in away.values()), {name: 2 * x / values[name] for name, x in away.items()}

    found = descend(bowl, {"a": 1.0, "b": 1.0}, 150, 0.2)
    assert math.isclose(found.values["a"], one, rel_tol=0.02)
    assert math.isclose(found.values["b"], other, rel_tol=0.02)


@pytest.mark.parametrize("begin", [{}, {"a": 0.0}, {"a": -1.0}, {"a": math.nan}, {"a": math.inf}])
def test_parameters_begin_above_zero(begin: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="give positive numbers"):
        descend(clear, begin, 3, 0.1)


@pytest.mark.parametrize("values", [BEGIN, {"beta": 0.2, "gamma": 0.05}, {"beta": 0.08, "gamma": 0.25}])
def test_derivatives_of_several_days_are_the_clear_ones(values: dict[str, float]) -> None:
    """The one-party layer also says where a number would not fit into 64 bits."""
    layer, people = Clear(), smooth_people()
    parameters = {name: torch.tensor([value], requires_grad=True) for name, value in values.items()}
    secret = Population({"ill": share(layer, people["ill"], [(0, people.size)])})
    with KeyedNoise(1), StraightThrough(), Private(layer, "public", small={"S": 2, "I": 2}):
        run = smooth_simulation()(secret, parameters)
    loss = squares(run.tallies)
    loss.backward()
    expected = clear(values)
    assert float(loss.detach()) == expected[0]
    for name, slope in expected[1].items():
        derivative = parameters[name].grad
        assert derivative is not None
        assert math.isclose(float(reveal(derivative)), slope, rel_tol=1e-3)
