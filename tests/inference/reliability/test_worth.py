import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from causal_lpm.agents.archetypes.answer_counts import effective_answers
from causal_lpm.inference.reliability.worth import (
    effective_people,
    paraphrase_spread,
    refusals_by_class,
)
from tests.agents.archetypes.answers import kinds


@given(st.integers(1, 1000), st.floats(0.1, 1e4))
def test_answers_are_worth_no_more_than_they_are_and_than_what_they_share_allows(asked: int, dispersion: float) -> None:
    worth = float(effective_answers(float(asked), torch.tensor([dispersion], dtype=torch.float64)))
    assert 1 - 1e-9 <= worth <= min(asked, dispersion + 1) + 1e-9


def test_the_worth_of_answers_is_the_variance_of_their_mean() -> None:
    # 200,000 means: their variance has a relative standard error of 0.3%; 2% is missed once in 10^10.
    p, size, asked = 0.3, 5.0, 7
    torch.manual_seed(0)
    share = torch.distributions.Beta(p * size, (1 - p) * size).sample((200_000,))
    mean = torch.distributions.Binomial(asked, share).sample() / asked
    worth = float(effective_answers(float(asked), torch.tensor([size])))
    assert float(mean.var()) == pytest.approx(p * (1 - p) / worth, rel=0.02)


def test_people_asked_are_recovered_from_the_posterior_of_a_share() -> None:
    # Beta(6, 4) becomes Beta(6 + 30, 4 + 20) by 50 people with 30 yes; the mean is that of both, 0.6.
    torch.manual_seed(0)
    prior, posterior = (torch.distributions.Beta(a, b).sample((400_000, 1)) for a, b in ((6.0, 4.0), (36.0, 24.0)))
    assert float(effective_people(posterior, prior)) == pytest.approx(50, rel=0.02)


def test_refusals_are_counted_by_class() -> None:
    archetypes = kinds()
    refused = (archetypes.of("age") == 1).float()[None] * torch.tensor([[1.0], [0.0]])
    found = refusals_by_class(archetypes, refused, 1 - refused)
    assert found["age: old"] == 0.5
    assert found["age: young"] == 0.0
    assert found["borough: Bronx"] == 0.25


def test_wordings_that_differ_by_chance_alone_do_not_differ() -> None:
    asked = torch.full((2, 3, 4), 10.0)
    assert paraphrase_spread(asked / 2, asked) == 0.0
    assert math.isnan(paraphrase_spread(asked[:1] / 2, asked[:1]))
    assert paraphrase_spread(torch.stack([asked[0], asked[0] * 0]), asked) > 0.5


def test_wordings_that_lack_answers_of_some_cells_are_compared_in_the_others() -> None:
    asked = torch.tensor([[[100.0, 100.0]], [[100.0, 0.0]]])
    yes = torch.tensor([[[90.0, 10.0]], [[90.0, 0.0]]])
    assert paraphrase_spread(yes, asked) == 0.0
    assert math.isnan(paraphrase_spread(yes, torch.tensor([[[100.0, 0.0]], [[0.0, 100.0]]])))
