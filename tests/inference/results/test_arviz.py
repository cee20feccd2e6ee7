import subprocess
import sys
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from causal_lpm.inference.results.arviz import to_arviz
from tests.inference.calibration.fake_result import fake_result

# ArviZ 0.23 with Matplotlib 3.11: one deprecation, in whatever ArviZ draws.
pytestmark = pytest.mark.filterwarnings("ignore:Passing a dict or None as alias_mapping")


def arviz() -> Any:
    return pytest.importorskip("arviz")


def test_all_groups_and_attributes_come_along() -> None:
    az = arviz()
    tree = fake_result()
    data = to_arviz(tree)
    if int(az.__version__.split(".")[0]) >= 1:
        assert data is tree
        return
    assert isinstance(data, az.InferenceData)
    assert set(data.groups()) == set(tree.children)
    assert data.attrs == tree.attrs
    for name, child in tree.children.items():
        assert data[name].identical(child.to_dataset())


def test_summary_has_the_posterior_s_moments() -> None:
    az = arviz()
    tree = fake_result()
    table = az.summary(to_arviz(tree), round_to="none")
    assert list(table.index) == ["R0", "reporting", "ifr"]
    np.testing.assert_allclose(table["mean"], [float(tree["posterior"][name].mean()) for name in table.index])


@pytest.mark.parametrize("same_sites", [True, False])
@pytest.mark.parametrize("plot", ["plot_posterior", "plot_forest", "plot_density", "plot_pair", "plot_ppc"])
def test_plots_accept_it(plot: str, same_sites: bool) -> None:
    az = arviz()
    pytest.importorskip("matplotlib")
    import matplotlib.pyplot

    options = {"num_pp_samples": 5} if plot == "plot_ppc" else {}
    try:
        getattr(az, plot)(to_arviz(fake_result(draws=40, same_sites=same_sites)), **options)
    finally:
        matplotlib.pyplot.close("all")


def test_arviz_1_gets_the_tree_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "arviz", SimpleNamespace(__version__="1.2.0"))
    tree = fake_result(draws=5)
    assert to_arviz(tree) is tree


def test_without_arviz_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "arviz", None)
    with pytest.raises(ModuleNotFoundError, match=r"pip install .*\[inference\]'"):
        to_arviz(fake_result(draws=5))


def test_neither_arviz_nor_matplotlib_is_imported_with_the_modules() -> None:
    code = (
        "import sys, causal_lpm.inference.results.arviz, causal_lpm.inference.charts.calibration_charts\n"
        "found = {'arviz', 'matplotlib', 'zarr', 'scipy.stats'} & set(sys.modules)\n"
        "assert not found, found"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
