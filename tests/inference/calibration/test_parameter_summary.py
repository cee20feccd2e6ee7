"""Tables of parameters: natural units, the scale beside, truth, prior, derived quantities with their draws."""

import numpy as np
import pytest
import xarray as xr

from causal_lpm.inference import CalibrationResult, Report
from causal_lpm.inference.calibration.tables import parameter_table, to_json
from causal_lpm.inference.results.calibration_tree import About, TreeLabels, build_tree

RNG = np.random.default_rng(0)
BETA, SHARE, LOG_RATE = RNG.lognormal(-1, 0.3, 400), RNG.beta(4, 6, 400), RNG.normal(2, 0.1, 400)
SLOPES = RNG.normal(size=(400, 2))


@pytest.fixture
def result() -> CalibrationResult:
    posterior = {"beta": BETA, "share": SHARE, "log_rate": LOG_RATE, "slopes": SLOPES}
    prior = {name: 2 * values for name, values in posterior.items()}
    about = About("npe", "calibrated", seed=0, budget=100, simulations=100)
    labels = TreeLabels(scales={"beta": "log", "share": "logit"})
    return CalibrationResult(build_tree(about, posterior, prior=prior, labels=labels), Report())


def test_each_parameter_is_in_natural_units_with_its_scale_beside(result: CalibrationResult) -> None:
    table = result.summary()
    assert list(table.index) == ["beta", "share", "rate", "slopes[0]", "slopes[1]"]
    assert table.loc["beta", ["mean", "5%", "prior 95%"]].tolist() == pytest.approx(
        [BETA.mean(), np.quantile(BETA, 0.05), np.quantile(2 * BETA, 0.95)]
    )
    assert table["scale"].fillna("").tolist() == ["log", "logit", "log", "", ""]
    assert table.loc["beta", ["mean on it", "sd on it"]].tolist() == pytest.approx(
        [np.log(BETA).mean(), np.log(BETA).std(ddof=1)]
    )
    logit = np.log(SHARE / (1 - SHARE))
    assert table.loc["share", "sd on it"] == pytest.approx(logit.std(ddof=1))
    # A logarithm of the model is shown as what it is of, and beside it as the model has it.
    assert table.loc["rate", "median"] == pytest.approx(np.exp(np.median(LOG_RATE)))
    assert table.loc["rate", "mean on it"] == pytest.approx(LOG_RATE.mean())
    raw = result.summary(natural=False)
    assert raw.loc["log_rate", "mean"] == pytest.approx(LOG_RATE.mean())
    assert "rate" not in raw.index
    assert "prior 5%" not in result.summary("prior").columns


def test_the_truth_stands_beside_where_it_is_known(result: CalibrationResult) -> None:
    table = result.summary(truth={"beta": float(np.median(BETA)), "log_rate": 9.0, "slopes[1]": 0.0})
    assert table.loc["rate", "truth"] == pytest.approx(np.exp(9.0))
    assert table["truth inside"].tolist() == [True, None, False, None, True]
    assert np.isnan(table.loc["share", "truth"])
    assert result.summary(truth={"rate": np.exp(2.0)}).loc["rate", "truth inside"]
    with pytest.raises(ValueError, match="unknown parameter 'bta': did you mean 'beta'"):
        result.summary(truth={"bta": 1.0})
    with pytest.raises(ValueError, match="unknown group 'posteriors'"):
        result.summary("posteriors")


def test_what_is_derived_has_draws_in_tables_charts_and_files_and_is_no_parameter(result: CalibrationResult) -> None:
    draws = result.derive({"R0": lambda p: p["beta"] * 8, "spread": lambda p: p["slopes"].max(p["slopes"].dims[-1])})
    np.testing.assert_allclose(draws["R0"].values.ravel(), 8 * BETA)
    assert result.summary().loc["R0", "95%"] == pytest.approx(8 * np.quantile(BETA, 0.95))
    assert result.summary().loc["R0", "prior 95%"] == pytest.approx(16 * np.quantile(BETA, 0.95))
    assert "R0" in result.tree["prior"]
    assert set(result.parameters()) == {"beta", "share", "log_rate", "slopes"}
    result.derive({"R0": lambda p: p["beta"] * 4})  # again, and from the parameters alone
    np.testing.assert_allclose(result.tree["posterior"]["R0"].values.ravel(), 4 * BETA)
    assert [row["parameter"] for row in to_json(result, "x")["parameters"]][:3] == ["beta", "share", "log_rate"]


def test_what_cannot_be_derived_is_refused(result: CalibrationResult) -> None:
    with pytest.raises(ValueError, match="'beta' is the name of a parameter"):
        result.derive({"beta": lambda p: p["beta"]})
    with pytest.raises(ValueError, match="what is derived as 'R0' has no value a draw"):
        result.derive({"R0": lambda p: float(p["beta"].mean())})
    assert "R0" not in result.tree["posterior"]


def test_the_table_of_a_terminal_names_the_scale(result: CalibrationResult) -> None:
    table = parameter_table(result, truth={"beta": 0.4})
    columns = {str(column.header): list(column.cells) for column in table.columns}
    assert columns["on its scale"][0] == f"log {np.log(BETA).mean():.4g} ± {np.log(BETA).std(ddof=1):.2g}"
    assert columns["truth"] == ["0.4", "", "", "", ""]


def test_a_notebook_shows_verdict_and_table(result: CalibrationResult) -> None:
    page = result._repr_html_()
    assert "Calibrated: none of 0 gates failed." in page
    assert "<td>logit</td>" in page
    assert isinstance(result.tree, xr.DataTree)
