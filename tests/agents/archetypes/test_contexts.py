import math
import warnings

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from causal_lpm.agents import Contexts

numbers = st.floats(-1e4, 1e4, allow_nan=False, width=32)


@given(st.lists(numbers, min_size=2, max_size=8, unique_by=lambda x: f"{x:.10g}"))
def test_standardised_is_the_row_of_the_contexts(payments: list[float]) -> None:
    asked = Contexts({"payment": payments, "wave": list(range(len(payments)))}, scale={"payment": 500.0})
    assert math.isclose(float(asked.z[:, 1].mean()), 0.0, abs_tol=1e-6)
    assert math.isclose(float(asked.z[:, 1].std(correction=0)), 1.0, rel_tol=1e-6)
    for i, payment in enumerate(payments):
        assert torch.equal(asked.standardised(payment=payment, wave=i), asked.z[i])
    worlds = asked.standardised(payment=torch.tensor(payments).reshape(-1, 1, 1), wave=0)
    assert torch.equal(worlds[:, 0], torch.stack([asked.standardised(payment=p, wave=0) for p in payments]))


def test_cells_hold_texts_and_numbers() -> None:
    asked = Contexts(
        {"payment": [0, 600]}, texts={"month": ["May 2020", "June 2020"], "payment": ["none", "600 dollars"]}
    )
    assert asked.cells == ({"payment": "none", "month": "May 2020"}, {"payment": "600 dollars", "month": "June 2020"})
    assert asked.names == ("payment",)
    assert len(asked) == 2


def test_numbers_stand_in_questions_as_they_were_given() -> None:
    asked = Contexts({"rate": [0.1, 0.7, -0.0, 8_400_000, 1e-5]})
    assert [cell["rate"] for cell in asked.cells] == ["0.1", "0.7", "0", "8400000", "0.00001"]


def test_what_lies_far_outside_warns_once() -> None:
    asked = Contexts({"payment": [0, 600], "cases": [1, 2]})
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        asked.standardised(payment=900, cases=1)
        asked.standardised(payment=-300, cases=2.5)
    with pytest.warns(UserWarning, match="payment = 1000 lies far outside the 0 to 600"):
        asked.standardised(payment=torch.tensor([[0.0], [1000.0]]), cases=1)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        asked.standardised(payment=1000, cases=1)
    with pytest.warns(UserWarning, match="cases = -5"):
        asked.standardised(payment=0, cases=-5)


@pytest.mark.parametrize(
    ("given", "match"),
    [
        ({"values": {}}, "no covariate"),
        ({"values": {"payment": []}}, "no contexts"),
        ({"values": {"payment": [0, 1], "cases": [1]}}, "once a context"),
        ({"values": {"payment": [0, 1]}, "texts": {"month": ["May"]}}, "once a context"),
        ({"values": {"payment": [0, math.nan]}}, "payment"),
        ({"values": {"payment": [0, math.inf]}}, "infinity"),
        ({"values": {"payment": [5, 5], "cases": [1, 2]}}, "'payment' is 5 in all contexts"),
        ({"values": {"payment": [0, 1]}, "scale": {"payment": 0}}, "above 0"),
        ({"values": {"payment": [0, 1]}, "centre": {"paymnt": 0}}, "did you mean 'payment'"),
        ({"values": {"payment": [0, 1]}, "texts": {"payment": ["some", "some"]}}, "given twice"),
        ({"values": {"payment": [0, 1]}, "texts": {"month": [3, 4]}}, "give texts"),
        ({"values": {"payment": [0, 1, 2]}, "texts": {"month": "May"}}, "one text a context"),
        ({"values": {"payment": [0, 1]}, "centre": {"payment": math.nan}}, "centre of a covariate is NaN"),
    ],
)
def test_bad_contexts_are_refused(given: dict[str, dict[str, list[float]]], match: str) -> None:
    with pytest.raises(ValueError, match=match):
        Contexts(**given)  # type: ignore[arg-type]


def test_a_new_context_has_all_covariates_once_for_everybody() -> None:
    asked = Contexts({"payment": [0, 600], "cases": [1, 2]})
    for values, match in (
        ({"payment": 0}, "lacks 'cases'"),
        ({"payment": 0, "cases": 1, "case": 1}, "did you mean 'cases'"),
        ({"payment": torch.zeros(5), "cases": 1}, "one value for all agents"),
        ({"payment": torch.zeros(2, 1), "cases": torch.ones(3, 1)}, "do not fit together"),
    ):
        with pytest.raises(ValueError, match=match):
            asked.standardised(**values)
