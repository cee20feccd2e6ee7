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
from causal_lpm.elicitation import AnswerTable, Question
from causal_lpm.inference.program.problem import Problem
from tests.agents.archetypes.answers import Asked, contexts, kinds, table


def term_of(answers: Any, **settings: Any) -> LLMTerm:
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
        archetypes=[answers.archetypes[i] for i in columns],
        contexts=[answers.contexts[i] for i in rows],
        yes=answers.yes[cells],
        asked=answers.asked[cells],
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
    answers.asked[1], answers.yes[1] = 0, 0
    term = term_of(answers)
    lacking = replace(
        answers,
        contexts=[cell for i, cell in enumerate(answers.contexts) if i != 1],
        yes=np.delete(answers.yes, 1, 0),
        asked=np.delete(answers.asked, 1, 0),
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
    answers = replace(table(), question=Asked(answer="share"))
    luck = np.random.default_rng(0)
    few = luck.beta(6, 4, (3, 4, 6))
    many = few.repeat(4, 0)
    for each in (few, many):
        counts = np.full((4, 6), len(each))
        shares = replace(answers, asked=counts, shares=each.sum(0), squares=(each**2).sum(0))
        term = term_of(shares)
        assert torch.allclose(term.data["llm_answers"].double(), torch.tensor((each.sum(0) + 0.5) / (len(each) + 1)))
        problem = problem_of(term)
        assert bool(problem.log_joint(problem.draw(4, 0), problem.repeated(4)).isfinite().all())


@pytest.mark.parametrize("share", [0.0, 1.0])
def test_shares_that_are_all_the_same_end_of_the_scale_have_a_density(share: float) -> None:
    sums = np.full((4, 6), 5 * share)
    answers = replace(
        table(), question=Asked(answer="share"), asked=np.full((4, 6), 5), shares=sums, squares=sums * share
    )
    problem = problem_of(term_of(answers))
    assert bool(problem.log_joint(problem.draw(4, 0), problem.repeated(4)).isfinite().all())


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"question": Asked("isolate")}, "are to question 'isolate'"),
        ({"served": ("model-1", "model-2")}, r"come from 2 models \(model-1, model-2\)"),
        ({"asked": np.zeros((4, 6), int)}, "no usable answer"),
        ({"archetypes": [{"age": "young"}] * 6}, "lack 6 of 6 archetypes"),
    ],
)
def test_tables_that_a_term_cannot_read_are_refused(change: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        LLMTerm(kinds(), contexts(), Asked(), replace(table(), **change))


def test_choices_are_refused() -> None:
    question = Asked(answer=("stay", "go"))
    with pytest.raises(ValueError, match="has choices"):
        term_of(replace(table(), question=question))


def test_a_synthetic_respondent_is_named() -> None:
    assert "synthetic respondent, no language model was asked" in repr(term_of(table()))


def test_a_table_of_the_package_is_read() -> None:
    wordings = ("You are {age} of {borough}: {payment} at {cases} cases?", "{age} {borough} {payment} {cases}")
    question = Question("work", wordings[0], paraphrases=wordings[1:])
    answers = table()
    counted = AnswerTable.from_counts(question, kinds().labels, contexts().cells, answers.yes, answers.asked, "a file")
    term = LLMTerm(kinds(), contexts(), question, counted)
    assert torch.equal(term.data["llm_answers"], torch.tensor(answers.yes))
    assert torch.equal(term.by_wording["asked"].sum(0), term.asked)
    assert term.description.startswith("a file")
