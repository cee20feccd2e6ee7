import warnings
from dataclasses import dataclass

import pytest
import torch

from causal_lpm.agents import PaidMonths, RealBehaviour
from causal_lpm.inference.program.problem import Problem
from tests.agents.archetypes.test_behaviour_map import behaviour, real, values


def test_shares_are_told_by_the_labels_of_their_groups() -> None:
    found = behaviour()
    rows = {label: [0.1 * (i + 1)] * 4 for i, label in enumerate(found.group_labels)}
    backwards = dict(reversed(rows.items()))
    assert torch.equal(RealBehaviour(found, rows, 0.01).shares, RealBehaviour(found, backwards, 0.01).shares)
    with pytest.raises(ValueError, match="group 'age: old' has no real behaviour"):
        RealBehaviour(found, {label: row for label, row in rows.items() if label != "age: old"}, 0.01)
    with pytest.raises(ValueError, match="unknown group 'age: ancient'"):
        RealBehaviour(found, rows | {"age: ancient": [0.1] * 4}, 0.01)


@pytest.mark.parametrize("wrong", [1.5, -0.1, torch.nan])
def test_shares_that_are_none_are_refused(wrong: float) -> None:
    with pytest.raises(ValueError, match="shares from 0 to 1"):
        RealBehaviour(behaviour(), torch.full((5, 4), wrong), 0.01)


def test_shapes_and_errors_are_checked() -> None:
    with pytest.raises(ValueError, match="give 5 groups by 4 contexts"):
        RealBehaviour(behaviour(), torch.full((4, 5), 0.5), 0.01)
    with pytest.raises(ValueError, match="above 0"):
        RealBehaviour(behaviour(), torch.full((5, 4), 0.5), 0.0)
    for shape in ((4,), (5,), (4, 5)):  # the first would be one a context, where one a group may be meant
        with pytest.raises(ValueError, match="one for each of 5 groups and 4 contexts"):
            RealBehaviour(behaviour(), torch.full((5, 4), 0.5), torch.full(shape, 0.01))


def test_an_unknown_month_adds_nothing() -> None:
    found = behaviour()
    known = real(found)
    blank = RealBehaviour(found, known.shares.clone().index_fill(1, torch.tensor([2]), torch.nan), 0.01)
    one, two = (Problem(data.model(), {**data.data, **found.term.data}) for data in (known, blank))
    z = one.draw(3, 0).double()
    people = found.given(one.constrain(z))
    mean, spread = known.expected(people)
    lost = torch.distributions.Normal(mean, spread).log_prob(known.shares)[:, :, 2].sum(-1)
    both = [problem.log_likelihood(z, {**problem.everything(3)}) for problem in (one, two)]
    assert torch.allclose(both[0] - both[1], lost.double(), atol=1e-3)


def test_the_noise_of_cells_is_that_of_drawn_cells() -> None:
    # Deviations of 4,000 draws have a relative standard error of 1.1%; 15% also holds what the first order leaves out.
    found = behaviour()
    people = found.given(values(found, n=1, people_cell_scale=0.2))
    data = RealBehaviour(found, torch.full((5, 4), 0.5), 1e-6)
    mean, spread = data.expected(people)
    noise = 0.2 * torch.randn(4000, 1, 4, 6, generator=torch.Generator().manual_seed(0))
    drawn = torch.sigmoid(people.real + noise) @ found.weights.double().T
    assert torch.allclose(drawn.std(0).transpose(-1, -2), spread, rtol=0.15)
    assert torch.allclose(drawn.mean(0).transpose(-1, -2), mean, atol=0.01)


def test_cells_agree_with_the_totals_of_their_groups_where_these_are_exact() -> None:
    found = behaviour()
    people = found.given(values(found, n=50, people_cell_scale=0.1, people_level=0.0))
    totals = (torch.sigmoid(people.real[0]) @ found.weights.double().T).T + 0.003
    exact = RealBehaviour(found, totals, 1e-4)
    near = exact.cells(people)[0] @ found.weights.double().T
    assert torch.allclose(near.T, totals, atol=1e-3)  # what the first order leaves out
    vague = RealBehaviour(found, totals, 1e3).cells(people)
    spread = (torch.logit(vague) - people.real).std()
    # 1,200 numbers: their deviation has a relative standard error of 2%; 10% is missed once in a million.
    assert float(spread) == pytest.approx(0.1, rel=0.1)


def test_an_unknown_month_leaves_the_noise_of_its_cells_as_it_is() -> None:
    found = behaviour()
    people = found.given(values(found, n=200, people_cell_scale=0.2))
    known = real(found)
    blank = RealBehaviour(found, known.shares.index_fill(1, torch.tensor([2]), torch.nan), 0.001)
    noise = torch.logit(blank.cells(people)) - people.real
    assert float(noise[:, 2].std()) == pytest.approx(0.2, rel=0.1)


def test_paid_months_that_are_not_as_predicted_are_said() -> None:
    found = behaviour(transport={"payment": 1.0})
    people = found.given(values(found, n=200, people_slope=1.0, people_context_scale=0.02, people_cell_scale=0.02))
    predicted = torch.sigmoid(people.real).mean(0) @ found.weights.double().T
    near = RealBehaviour(found, predicted.T, 0.01)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert near.paid_months(people).agree
    far = near.shares.clone()
    far[:, 2:] = 0.999
    with pytest.warns(UserWarning, match="transport of payment fixed at 1"):
        assert not RealBehaviour(found, far, 0.01).paid_months(people).agree
    with pytest.raises(ValueError, match="no month with payment above 0"):
        RealBehaviour(found, far.index_fill(1, torch.tensor([2, 3]), torch.nan), 0.01).paid_months(people)


def test_tables_are_read_by_their_labels() -> None:
    pandas = pytest.importorskip("pandas")
    found = behaviour()
    columns = [cell["cases"] for cell in found.contexts.cells]
    shares = torch.linspace(0.1, 0.9, 20).reshape(5, 4).double()
    table = pandas.DataFrame(shares.numpy(), index=found.group_labels, columns=columns)
    turned = table.iloc[::-1, ::-1]
    taken = RealBehaviour(found, turned, turned / 10)
    assert torch.equal(taken.shares, shares)
    torch.testing.assert_close(taken.errors, (shares / 10).float())
    renamed = table.rename(index={"age: old": "old"})
    with pytest.raises(ValueError, match="unknown group 'old'"):
        RealBehaviour(found, renamed, 0.01)
    with pytest.raises(
        ValueError, match="columns of the real behaviour are 0, 1, 2, 3, which are not the texts of a field"
    ):
        RealBehaviour(found, table.set_axis(range(4), axis=1), 0.01)
    with pytest.raises(ValueError, match="'age: old' is given twice"):
        RealBehaviour(found, pandas.concat([table, table.loc[["age: old"]]]), 0.01)
    with pytest.raises(ValueError, match="is a Series and there are 4 contexts"):
        RealBehaviour(found, table["100"], 0.01)


def test_a_row_of_another_length_is_said_by_its_label() -> None:
    found = behaviour()
    rows = {label: [0.1] * 4 for label in found.group_labels} | {"age: old": [0.1] * 3}
    with pytest.raises(ValueError, match=r"of group 'age: old' has shape \(3,\) for 4 contexts"):
        RealBehaviour(found, rows, 0.01)


def test_people_and_paid_months_carry_the_verdict_of_their_fit() -> None:
    found = behaviour()
    drawn = values(found, n=50)

    @dataclass
    class Fitted:
        status: str
        banner: str

        def parameters(self, draws: int | None = None) -> dict[str, torch.Tensor]:
            return {name: value.float() for name, value in drawn.items()}

    bad = Fitted("uncalibrated", "UNCALIBRATED: R-hat failed; do not read this as a posterior.")
    people = found.given(bad)
    verdict = "UNCALIBRATED: R-hat failed; do not read this as a posterior; "
    for text in (people.description, repr(people).removeprefix("People("), found.term.given(bad).description):
        assert text.startswith(verdict)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # whether they agree is not asked here
        assert verdict in str(real(found).paid_months(people))
    assert found.given(Fitted("calibrated", "")).description.startswith("from a fit that is calibrated; ")
    assert "without the verdict of a fit" in found.given(drawn).description


def test_one_month_is_said_as_one() -> None:
    one, two = (PaidMonths(months, 0.5, 0.5, (0.4, 0.6), "") for months in (1, 2))
    assert "in 1 paid month the" in str(one)
    assert "in 2 paid months the" in str(two)
