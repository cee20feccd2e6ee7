"""Equal programs and settings have one fingerprint in every process; different ones have two."""

import os
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from causal_lpm.agents import Groups, random_graph
from causal_lpm.parties.fingerprint import fingerprint, package_fingerprint

ROOT = Path(__file__).parents[2]
SETTINGS = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
)
HERE = "from tests.parties.test_fingerprint import thing; from causal_lpm.parties.fingerprint import *"


def thing() -> object:
    """Settings of all kinds, also those whose order differs between processes."""
    contacts = {"school": random_graph(50, mean_degree=4, seed=1), "home": Groups(torch.arange(50) // 3)}
    return partial(fingerprint, contacts, days=8, names={"a", "b", "c", "d"}, luck=torch.ones(3))


@given(SETTINGS, SETTINGS)
def test_equal_settings_and_no_others_are_equal(one: object, other: object) -> None:
    assert fingerprint(one) == fingerprint(one)
    assert (fingerprint(one) == fingerprint(other)) == (repr(one) == repr(other) or same(one, other))


def same(one: object, other: object) -> bool:
    """Dictionaries have no order."""
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(same, one, other))
    return type(one) is type(other) and repr(one) == repr(other)


@pytest.mark.slow
def test_the_fingerprint_is_the_same_in_another_process() -> None:
    code = f"{HERE}; print(fingerprint(thing()), package_fingerprint())"
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONHASHSEED": "7"}
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment, cwd=ROOT)
    assert run.stdout.split() == [fingerprint(thing()), package_fingerprint()], run.stderr


@pytest.mark.parametrize("other", [{"seed": 2}, {"mean_degree": 5}])
def test_another_network_has_another(other: dict[str, int]) -> None:
    settings = {"mean_degree": 4, "seed": 1}
    one, two = (random_graph(50, **given) for given in (settings, {**settings, **other}))
    assert fingerprint(partial(print, contacts=one)) != fingerprint(partial(print, contacts=two))


def test_a_network_that_was_used_is_the_same_network() -> None:
    for network in (random_graph(50, mean_degree=4, seed=1), Groups(torch.arange(50) // 3)):
        before = fingerprint(network)
        network.total(torch.ones(50, dtype=torch.bool))
        assert fingerprint(network) == before


def test_what_a_function_has_caught_counts() -> None:
    def model(days: int) -> object:
        return lambda: days

    assert fingerprint(model(3)) == fingerprint(model(3))
    assert fingerprint(model(3)) != fingerprint(model(4))


@pytest.mark.parametrize("dtype", [torch.int64, torch.float64])
def test_tensors_count_with_type_and_shape(dtype: torch.dtype) -> None:
    x = torch.zeros(4, dtype=dtype)
    prints = {fingerprint(y) for y in (x, x.view(2, 2), x.to(torch.float32), x + 1, x[:3])}
    assert len(prints) == 5
    assert fingerprint(torch.stack([x, x])[:, 0]) == fingerprint(x[:2])


def test_a_circle_ends() -> None:
    circle: list[object] = [1]
    circle.append(circle)
    assert fingerprint(circle) != fingerprint([1, [1]])
