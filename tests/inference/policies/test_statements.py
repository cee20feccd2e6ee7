"""Counterfactual predictions: one word for their kind, and a refusal that goes with them into every table and chart."""

from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr
from rich.console import Console

from causal_lpm.cli.prediction_run import _tables
from causal_lpm.inference import Options, Report, run_experiment
from causal_lpm.inference.calibration.result import CalibrationResult
from causal_lpm.inference.charts.calibration_charts import charts, regret_bars
from causal_lpm.inference.charts.fan_charts import fan_chart
from causal_lpm.inference.charts.world_charts import effect_ribbon, reproduction_ribbon
from causal_lpm.inference.policies.effects import effects, totals
from causal_lpm.inference.policies.predictions import predictions_dataset
from causal_lpm.inference.policies.question import check_kind
from causal_lpm.inference.policies.ranking import rank_policies
from causal_lpm.inference.policies.sign_turn import sign_turn
from causal_lpm.inference.policies.statements import refusal
from causal_lpm.inference.policies.summaries import summarise
from causal_lpm.inference.results import tree_files
from causal_lpm.inference.results.arviz import to_arviz
from causal_lpm.inference.results.calibration_tree import with_group
from causal_lpm.inference.studies.tables import result_tables
from tests.inference.calibration.fake_result import fake_result
from tests.inference.fake_study import FakeStudy

REASON = "The sd of log p-hat is 3.2."
SAID = "INTERVENTIONAL ONLY: nothing is said of the epidemic that happened. " + REASON


def predictions(status: str, worlds: int = 3) -> xr.Dataset:
    rng = np.random.default_rng(0)
    values = {name: rng.poisson(9.0, (worlds, 20, 1, 1, 12)) for name in ("infections", "R_t")}
    found = predictions_dataset(
        values, ["fact", "early", "late"][:worlds], seed=1, coupling="the same luck", kind="counterfactual"
    )
    return found.assign_attrs(status=status, reason=REASON if status != "abducted" else "")


def printed(tables: Any) -> str:
    out = StringIO()
    for table in tables:
        Console(width=400, file=out).print(table)
    return out.getvalue()


@pytest.mark.parametrize("worlds", [1, 3])
def test_the_luck_of_one_world_is_inferred_too(worlds: int) -> None:
    assert predictions("abducted", worlds).attrs["kind"] == "counterfactual"


@pytest.mark.parametrize("status", ["abducted", "interventional only"])
def test_what_is_made_of_them_says_what_they_say(status: str) -> None:
    seen = predictions(status)
    averted = effects(seen, "fact", "infections")
    both = effects(seen, "fact", ["infections", "R_t"])
    for found in (averted, both, totals(seen, "infections"), rank_policies(seen, {"infections": 1.0})):
        assert (found.attrs["kind"], found.attrs["status"]) == ("counterfactual", status)
        assert refusal(found) == (SAID if status != "abducted" else "")
    for row in summarise(averted) + summarise(totals(seen, "infections")):
        assert (row.kind, row.status) == ("counterfactual", status)
    assert sign_turn(averted, {"early": 0.0, "late": 1.0}).kind == "counterfactual"


def test_totals_of_paired_worlds_stay_interventional() -> None:
    found = totals(predictions("abducted").assign_attrs(kind="paired"), "infections")
    assert found.attrs["kind"] == "interventional"


@pytest.mark.parametrize(("status", "words"), [("abducted", ""), ("interventional only", SAID)])
@pytest.mark.parametrize("whole", [True, False])
def test_charts_of_refused_luck_say_so(status: str, words: str, whole: bool) -> None:
    """In the tree of a calibration, and by themselves."""
    pytest.importorskip("matplotlib")
    seen = predictions(status)
    tree = (
        with_group(fake_result(draws=60), "predictions", seen)
        if whole
        else xr.DataTree.from_dict({"predictions": seen})
    )
    figures = [
        effect_ribbon(tree, "infections", ("early", "fact")),
        reproduction_ribbon(tree),
        regret_bars(rank_policies(seen, {"infections": 1.0})),
    ]
    for figure in figures:
        assert figure.get_suptitle().replace("\n", " ") == words
    assert "(counterfactual: given the observed epidemic)" in figures[0].axes[1].get_title(loc="left")
    assert figures[1].axes[0].get_title(loc="left") == "counterfactual: given the observed epidemic"
    assert figures[2].axes[0].get_xlabel().endswith("counterfactual")


def test_predictions_alone_have_charts() -> None:
    pytest.importorskip("matplotlib")
    tree = xr.DataTree.from_dict({"predictions": predictions("abducted")})
    assert [name for name, _ in charts(tree)] == [
        "effect-infections-01-early",
        "effect-infections-02-late",
        "reproduction-R_t",
    ]


def _study(status: str) -> xr.DataTree:
    study = FakeStudy()
    tree = run_experiment(study, *study.worlds("demo"), 4, 3, Options(1000, 30), workers=1)
    about = {"kind": "counterfactual", "status": status, "reason": REASON}
    return with_group(
        with_group(tree, "predictions", tree["predictions"].to_dataset().assign_attrs(about)),
        "causal_effect",
        tree["causal_effect"].to_dataset().assign_attrs(about),
    )


def test_tables_and_charts_of_a_study_say_so() -> None:
    refused, told = _study("interventional only"), _study("abducted")
    texts = [printed([table]) for table in result_tables(refused)]
    assert len(texts) == 2
    for text in texts:
        assert SAID in " ".join(text.split())
    kept = " ".join(printed(result_tables(told)).split())
    assert "INTERVENTIONAL" not in kept
    assert "Statement: counterfactual (each world by itself)" in kept
    assert "Statement: counterfactual (given the observed epidemic)" in kept
    pytest.importorskip("matplotlib")
    worlds = ["standard", "delayed"]
    for tree, words in ((refused, SAID), (told, "")):
        figure = fan_chart(tree, "deaths", worlds, ("delayed", "standard"))
        assert figure.get_suptitle().replace("\n", " ") == words
        assert "counterfactual" in figure.axes[1].get_title(loc="left").replace("\n", " ")


@pytest.mark.parametrize("status", ["abducted", "interventional only"])
def test_tables_of_the_command_line_say_so(status: str) -> None:
    seen = predictions(status)
    result = CalibrationResult(with_group(fake_result(draws=60), "predictions", seen), Report())
    for table in _tables(result, seen, "fact"):
        text = " ".join(printed([table]).split())
        assert "counterfactual" in text
        assert (SAID in text) == (status != "abducted")
    assert result.effects("fact", "infections").attrs["status"] == status
    assert result.rank_policies({"infections": 1.0}).attrs["status"] == status


def test_files_and_arviz_keep_what_was_refused(tmp_path: Path) -> None:
    tree = with_group(fake_result(draws=60), "predictions", predictions("interventional only"))
    tree_files.save(tree, tmp_path / "kept.nc")
    assert refusal(tree_files.load(tmp_path / "kept.nc")["predictions"].to_dataset()) == SAID
    pytest.importorskip("arviz")
    assert refusal(to_arviz(tree)["predictions"]) == SAID


def test_parameters_alone_give_no_counterfactual() -> None:
    with pytest.raises(ValueError, match=r"abduct\(model, data, posterior\)\.predict\(worlds\) infers it"):
        check_kind("counterfactual")
