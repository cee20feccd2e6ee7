"""Data of a site: number types, missing numbers, shapes, worlds, support; each fault has one sentence with its name."""

from typing import Any

import numpy as np
import pandas as pd
import pyro
import pyro.distributions as dist
import pytest
import torch
from chirho.interventional.handlers import do
from chirho.observational.handlers import condition
from hypothesis import given
from hypothesis import strategies as st

from causal_lpm import ProductWorlds, Worlds, observed, policy

INTEGERS = [torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64]
COUNTS = {
    "Poisson": dist.Poisson(torch.tensor([2.0])),
    "Geometric": dist.Geometric(torch.tensor([0.3])),
    "NegativeBinomial": dist.NegativeBinomial(torch.tensor([3.0]), torch.tensor([0.3])),
    "Binomial": dist.Binomial(9, torch.tensor([0.3])),
    "Normal": dist.Normal(torch.tensor([2.0]), 1.0),
    "Categorical": dist.Categorical(torch.ones(1, 9)),
    "Bernoulli": dist.Bernoulli(torch.tensor([0.3])),
}


def density(fn: Any, data: Any) -> float:
    with pyro.poutine.trace() as tr:
        observed("y", fn, data)
    return float(tr.trace.log_prob_sum())


@pytest.mark.parametrize("kind", COUNTS)
@pytest.mark.parametrize("dtype", [*INTEGERS, torch.bool, torch.float16, torch.bfloat16, torch.float64], ids=str)
def test_a_number_is_the_same_in_all_types(kind: str, dtype: torch.dtype) -> None:
    """Left in uint8, Geometric said log p = 91 of a count of 1; Bernoulli and Normal failed on bool."""
    expected = density(COUNTS[kind], torch.tensor([1.0]))
    assert density(COUNTS[kind], torch.ones(1).to(dtype)) == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("kind", COUNTS)
@pytest.mark.parametrize(
    "one",
    [1, 1.0, True, np.int64(1), np.float32(1), np.bool_(True), np.ones(1), np.ones(1, "uint8"), [1], pd.Series([1])],
)
def test_numbers_need_not_be_tensors(kind: str, one: Any) -> None:
    assert density(COUNTS[kind], one) == pytest.approx(density(COUNTS[kind], torch.tensor([1.0])), rel=1e-6)


@pytest.mark.parametrize("worlds", [Worlds, ProductWorlds])
@pytest.mark.parametrize("one", [1, 1.0, True, np.float64(1), np.array([1]), torch.tensor(1)])
def test_condition_takes_the_same_numbers_in_worlds(worlds: Any, one: Any) -> None:
    """A float was `'float' object has no attribute 'to'`."""
    with worlds(), pyro.poutine.trace() as tr, condition(data={"y": one}), do(actions={"rate": torch.tensor(5.0)}):
        y = pyro.sample("y", dist.Poisson(policy("rate", 2.0)))
    tr.trace.compute_log_prob()
    assert float(y.flatten()[0]) == 1.0
    expected = density(COUNTS["Poisson"], torch.tensor([1.0]))
    assert float(tr.trace.nodes["y_factual"]["log_prob_sum"]) == pytest.approx(expected)


SERIES = dist.Poisson(torch.ones(4, 6)).to_event(1)  # four groups, six days


@pytest.mark.parametrize(
    ("fn", "data", "message"),
    [
        (dist.Normal(torch.zeros(2), 1.0), [0.0, np.nan], "the data of site 'y' contain NaN: mask the distribution"),
        (dist.Normal(torch.zeros(2), 1.0), [0.0, np.inf], r"of site 'y' are inf at position \[1\], outside of Real"),
        (
            dist.Poisson(torch.ones(3)),
            [2, -1, 1],
            r"are -1 at position \[1\], outside of IntegerGreaterThan\(lower_bound=0",
        ),
        (dist.Poisson(torch.ones(3)), [2, 1.5, 1], r"are 1.5 at position \[1\]"),
        (
            SERIES,
            torch.ones(4, 6).index_put((torch.tensor(2), torch.tensor(3)), torch.tensor(-1.0)),
            r"position \[2, 3\]",
        ),
        (dist.Binomial(3, torch.tensor(0.5)), 4, "outside of IntegerInterval"),
        (dist.Bernoulli(0.5), 2, "outside of Boolean"),
        (dist.Uniform(0.0, 1.0), 1.5, "are 1.5 at"),
        (dist.Dirichlet(torch.ones(3)), [0.5, 0.5, 0.5], r"are \[0.5, 0.5, 0.5\] at position \[\], outside of Simplex"),
        (SERIES, torch.ones(6), r"have shape \(6,\) and its distribution \(4, 6\): give all of its numbers"),
        (SERIES, torch.ones(1, 6), r"have shape \(1, 6\) and its distribution \(4, 6\)"),
        (SERIES, torch.ones(4, 1), r"have shape \(4, 1\)"),
        (SERIES, torch.ones(4, 5), r"have shape \(4, 5\)"),
        (SERIES, torch.ones(4), r"have shape \(4,\)"),
        (SERIES, 1.0, r"have shape \(\)"),
        (dist.Poisson(torch.ones(4)), 1.0, r"have shape \(\) and its distribution \(4,\)"),
        (SERIES, torch.ones(2, 4, 6), r"have shape \(2, 4, 6\)"),
        (
            dist.Poisson(torch.ones(6)).to_event(1),
            torch.ones(4, 6),
            r"have shape \(4, 6\) and its distribution \(1, 6\)",
        ),
        (dist.Normal(0.0, 1.0), ["a"], "the data of site 'y' are <U1 in a list: give numbers"),
        (dist.Normal(0.0, 1.0), torch.tensor(1j), "the data of site 'y' are torch.complex64: give real numbers"),
    ],
)
def test_data_that_cannot_be(fn: Any, data: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        observed("y", fn, data)
    with (
        pytest.raises(ValueError, match=message.split(" are ")[0].split(" have ")[0]),
        Worlds(),
        condition(data={"y": data}),
    ):
        pyro.sample("y", fn)


@given(
    groups=st.integers(1, 3),
    days=st.integers(1, 3),
    rows=st.integers(0, 3),
    columns=st.integers(1, 3),
    lead=st.booleans(),
)
def test_a_series_is_counted_once_or_refused(groups: int, days: int, rows: int, columns: int, lead: bool) -> None:
    """Whatever the shape of the data: no number stands for two."""
    shape = ((1,) if lead and rows else ()) + ((rows,) if rows else ()) + (columns,)
    fn = dist.Poisson(torch.ones(groups, days)).to_event(1)
    right = columns == days and (rows or 1) == groups
    if not right:
        with pytest.raises(ValueError, match="the data of site 'y' have shape"):
            density(fn, torch.ones(shape))
    else:
        assert density(fn, torch.ones(shape)) == pytest.approx(-groups * days)


def test_what_data_may_lack() -> None:
    """Replicates without names, replicates and worlds of handlers, samples of a plate."""
    assert density(dist.Poisson(torch.ones(5, 1)), torch.ones(1)) == pytest.approx(-5)
    with pyro.plate("samples", 5, dim=-2):
        assert density(dist.Poisson(torch.ones(3)).to_event(0), torch.ones(3)) == pytest.approx(-15)
    with pyro.plate("groups", 3, dim=-1):
        assert density(dist.Poisson(torch.tensor(1.0)), torch.ones(3)) == pytest.approx(-3)
        assert density(dist.Poisson(torch.tensor(1.0)), 1) == pytest.approx(-3)
        with pytest.raises(ValueError, match=r"have shape \(6,\) and its distribution \(3, 6\)"):
            density(dist.Poisson(torch.ones(6)).to_event(1), torch.ones(6))


@pytest.mark.parametrize("worlds", [Worlds, ProductWorlds])
def test_days_that_are_not_one_event_are_refused_under_worlds(worlds: Any) -> None:
    """Without `.to_event(1)` the days would stand where agents are, and worlds would be counted once each."""
    with worlds(), do(actions={"rate": torch.tensor(5.0)}):
        series = policy("rate", 2.0)[..., None].expand(2, 1, 12)
        with pytest.raises(ValueError, match=r"belongs to the event \(.to_event\(1\)\)"):
            observed("y", dist.Poisson(series), torch.ones(12))
        observed("y", dist.Poisson(series).to_event(1), torch.ones(12))


@pytest.mark.parametrize("worlds", [Worlds, ProductWorlds])
def test_data_of_every_world(worlds: Any) -> None:
    """`observed` takes none; ChiRho's `condition` does, where the distribution has the same worlds."""
    data = torch.tensor([[1.0], [2.0]])
    with worlds() as handler, do(actions={"rate": torch.tensor(5.0)}):
        fn = dist.Poisson(policy("rate", 2.0))
        (name,) = handler.plates
        with pytest.raises(ValueError, match=f"one value for each world of '{name}': what was observed belongs to"):
            observed("y", fn, data)
        with condition(data={"y": data, "z": data}):
            assert torch.equal(pyro.sample("y", fn), data)
            with pytest.raises(ValueError, match="belongs to the factual world"):
                pyro.sample("z", dist.Poisson(torch.ones(1)))
