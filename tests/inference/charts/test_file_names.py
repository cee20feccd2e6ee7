"""Charts of two names are two files, whatever is left of the names."""

from pathlib import Path

import numpy as np
import pytest

from causal_lpm.inference.charts import calibration_charts as plots
from causal_lpm.inference.charts import style
from causal_lpm.inference.results.calibration_tree import About, build_tree


def test_names_that_differ_in_signs_alone_have_files_of_their_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    series = {site: np.ones((3, 1, 5)) for site in ("Cases", "cases", "症例", "死亡")}
    tree = build_tree(About("abc", "calibrated", 0, 1, 1), {"b": np.arange(3.0)}, posterior_predictive=series)
    drawn: list[str] = []
    monkeypatch.setattr(plots, "fan_chart", lambda tree, site, *_: site)
    monkeypatch.setattr(plots, "marginals", lambda *_: "parameters")
    monkeypatch.setattr(style, "save_figure", lambda figure, path: drawn.append(f"{figure}: {path.name}") or [path])
    files = plots.save_calibration_plots(tree, tmp_path)
    assert len(set(files)) == len(files) == 5
    assert drawn == [
        *("Cases: fan-cases.png", "cases: fan-cases-2.png", "症例: fan.png", "死亡: fan-2.png"),
        "parameters: parameters.png",
    ]
