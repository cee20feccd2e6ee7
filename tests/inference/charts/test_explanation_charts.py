"""The chart of an explanation shows its table, and what rests on too few draws."""

import pyro
import pyro.distributions as dist
import pytest

from causal_lpm.inference import Explanation, explain, explanation_chart
from causal_lpm.inference.abduction.explanation import MEASURES


def explained(enough: int) -> Explanation:
    def model() -> dict[str, object]:
        match = pyro.sample("match", dist.Bernoulli(0.7))
        return {"fire": match * pyro.sample("$dry$", dist.Bernoulli(0.9))}

    return explain(model, None, lambda run: run["fire"], {"match": 0.0, "$dry$": 0.0}, traces=400, enough=enough)


def test_the_points_are_those_of_the_table_and_few_draws_are_grey() -> None:
    pytest.importorskip("matplotlib")
    for enough, said in (
        (10, "paired: the worlds share their luck"),
        (10**6, "too few draws behind necessity of match"),
    ):
        found = explained(enough)
        figure = explanation_chart(found)
        assert said in figure.get_suptitle().replace("\n", " ")
        assert [axes.get_title(loc="left") for axes in figure.axes] == list(MEASURES)
        for axes in figure.axes:
            table = found.to_dataframe().xs(axes.get_title(loc="left"), level="measure")
            drawn = [container.lines[0] for container in axes.containers]  # type: ignore[attr-defined]
            assert [float(line.get_xdata()[0]) for line in drawn] == table["mean"].tolist()
            assert {line.get_markerfacecolor() == "white" for line in drawn} == {enough > 10}
            assert [label.get_text() for label in axes.get_yticklabels()] == ["match", "$dry$"]
