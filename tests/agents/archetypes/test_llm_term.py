from dataclasses import replace
from math import comb
from typing import Any

import numpy as np
import pyro
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import beta as beta_function

from causal_lpm.agents import LLMTerm
from causal_lpm.agents.archetypes.answer_counts import answer_counts
from causal_lpm.elicitation import AnswerTable
from causal_lpm.inference.program.problem import Problem
from tests.agents.archetypes.answers import contexts, counts, kinds, question, table


def term_of(answers: AnswerTable, **settings: Any) -> LLMTerm:
    return LLMTerm(kinds(), contexts(), answers.question, answers, **settings)


def problem_of(term: LLMTerm) -> Problem:
    def model() -> None:
        term.term()

    return Problem(model, term.data)


@settings(deadline=None, max_examples=20)
@given(st.permutations(range(4)), st.permutations(range(6)), st.integers(0, 99))
def test_labels_and_not_positions_say_whose_an_answer_is(rows: list[int], columns: list[int], seed: int) -> None:
    answers = table(seed)
    cells = np.ix_(rows, columns)
    other = replace(
        answers,
        archetypes=tuple(answers.archetypes[i] for i in columns),
        contexts=tuple(answers.contexts[i] for i in rows),
        by_wording=counts(answers.yes[cells], answers.asked[cells]),
        refused=answers.refused[cells],
    )
    one, two = term_of(answers), term_of(other)
    assert torch.equal(one.data["llm_answers"], two.data["llm_answers"])
    assert torch.equal(one.asked, two.asked)


def test_the_density_of_the_answers_is_that_of_the_beta_binomial() -> None:
    answers = table(1)
    term = term_of(answers)
    problem = problem_of(term)
    z = problem.draw(3, seed=0).double()
    found = problem.log_likelihood(z, problem.repeated(3))
    values = problem.constrain(z)
    with pyro.condition(data={name: value.unsqueeze(1) for name, value in values.items()}):
        respondent = term.term(data=False)
    for draw in range(3):
        exact = 0.0
        size = float(values["llm_dispersion"][draw])
        for context in range(4):
            for kind in range(6):
                n, y = int(answers.asked[context, kind]), int(answers.yes[context, kind])
                p = min(max(float(torch.sigmoid(respondent.asked[draw, context, kind])), 1e-4), 1 - 1e-4)
                a, b = p * size, (1 - p) * size
                exact += np.log(comb(n, y) * beta_function(a + y, b + n - y) / beta_function(a, b))
        assert float(found[draw]) == pytest.approx(exact, rel=1e-6)


def test_draws_side_by_side_are_those_one_by_one() -> None:
    term = term_of(table())
    problem = problem_of(term)
    z = problem.draw(5, seed=2).double()
    together = problem.log_joint(z, problem.repeated(5))
    alone = torch.cat([problem.log_joint(z[i, None], problem.repeated(1)) for i in range(5)])
    assert torch.allclose(together, alone, rtol=1e-10)


def test_a_cell_without_answers_adds_nothing() -> None:
    answers = table()
    for each in answers.by_wording.values():
        each[:, 1] = 0
    term = term_of(answers)
    lacking = replace(
        answers,
        contexts=tuple(cell for i, cell in enumerate(answers.contexts) if i != 1),
        by_wording=counts(np.delete(answers.yes, 1, 0), np.delete(answers.asked, 1, 0)),
        refused=np.delete(answers.refused, 1, 0),
    )
    with pytest.raises(ValueError, match="lack 1 of 4 contexts"):
        term_of(lacking)
    other = term_of(lacking, unasked=True)
    problem, same = problem_of(term), problem_of(other)
    z = problem.draw(2, seed=0)
    assert torch.equal(problem.log_joint(z, problem.repeated(2)), same.log_joint(z, same.repeated(2)))
    assert f"of {24} cells" in other.description


def test_more_yes_than_answers_is_impossible() -> None:
    # As where a term without some cells is given the counts of all of them.
    asked, dispersion = torch.tensor([[0.0, 8.0]]), torch.tensor([[9.0]])
    counts = answer_counts(torch.full((1, 2), 0.37), dispersion, asked)
    found = counts.log_prob(torch.tensor([[5.0, 3.0]]))
    assert found[0, 0] == -torch.inf
    assert found[0, 1] == counts.log_prob(torch.tensor([[0.0, 3.0]]))[0, 1]
    assert bool((counts.log_prob(torch.tensor([[-1.0, 9.0]])) == -torch.inf).all())


def test_shares_have_a_density_and_more_answers_say_more() -> None:
    answers = replace(table(), question=question(answer="share"))
    luck = np.random.default_rng(0)
    few = luck.beta(6, 4, (3, 4, 6))
    many = few.repeat(4, 0)
    for each in (few, many):
        asked = counts(np.zeros((4, 6)), np.full((4, 6), len(each)))
        shares = replace(answers, by_wording=asked, shares=each.sum(0), squares=(each**2).sum(0))
        term = term_of(shares)
        assert torch.allclose(term.data["llm_answers"].double(), torch.tensor((each.sum(0) + 0.5) / (len(each) + 1)))
        problem = problem_of(term)
        assert bool(problem.log_joint(problem.draw(4, 0), problem.repeated(4)).isfinite().all())


@pytest.mark.parametrize("share", [0.0, 1.0])
def test_shares_that_are_all_the_same_end_of_the_scale_have_a_density(share: float) -> None:
    sums = np.full((4, 6), 5 * share)
    asked = counts(np.zeros((4, 6)), np.full((4, 6), 5))
    answers = replace(table(), question=question(answer="share"), by_wording=asked, shares=sums, squares=sums * share)
    problem = problem_of(term_of(answers))
    assert bool(problem.log_joint(problem.draw(4, 0), problem.repeated(4)).isfinite().all())


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"question": question("isolate")}, "are to question 'isolate'"),
        ({"served": ("model-1", "model-2")}, r"come from 2 models \(model-1, model-2\)"),
        ({"by_wording": counts(np.zeros((4, 6)), np.zeros((4, 6)))}, "no usable answer"),
        ({"archetypes": ({"age": "young"},) * 6}, "lack 6 of 6 archetypes"),
    ],
)
def test_tables_that_a_term_cannot_read_are_refused(change: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        LLMTerm(kinds(), contexts(), question(), replace(table(), **change))


def test_choices_are_refused() -> None:
    with pytest.raises(ValueError, match="has choices"):
        term_of(replace(table(), question=question(answer=("stay", "go"))))


def test_a_synthetic_respondent_is_named() -> None:
    assert "synthetic respondent, no language model was asked" in repr(term_of(table()))


def test_wordings_are_one_term_and_kept_apart() -> None:
    answers = table()
    both = {name: np.concatenate([each, each]) for name, each in answers.by_wording.items()}
    term = term_of(replace(answers, by_wording=both, source="a file"))
    assert torch.equal(term.data["llm_answers"], torch.tensor(2 * answers.yes))
    assert torch.equal(term.by_wording["asked"].sum(0), term.asked)
    assert term.description.startswith("a file")
