"""`predict` in blocks: the same numbers for any workers, executor or interruption."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import xarray as xr

from causal_lpm.inference.policies.predicted_rows import PredictedRows
from causal_lpm.inference.policies.predictive import predict
from causal_lpm.inference.runs.runner import RunError
from tests.inference.calibration.sir import posterior, sir

WORLDS = {"factual": {}, "closed": {"closure_day": 4.0}}


def ask(**options: Any) -> xr.Dataset:
    return predict(sir, posterior(), WORLDS, **{"replicates": 3, "seed": 5, **options})


def files(folder: Path) -> list[str]:
    return sorted(path.name for path in (folder / "blocks").iterdir())


@pytest.mark.parametrize("kind", ["paired", "interventional"])
def test_numbers_depend_on_no_executor_and_no_folder(tmp_path: Path, kind: str) -> None:
    whole = ask(kind=kind)
    with ThreadPoolExecutor(2) as executor:
        assert ask(kind=kind, executor=executor, folder=tmp_path).identical(whole)
    assert len(files(tmp_path)) == 12  # of four draws and three replicates
    assert ask(kind=kind, folder=tmp_path).identical(whole)


@pytest.mark.slow
def test_worker_processes_give_the_same_numbers() -> None:
    assert ask(workers=2).identical(ask())


def test_a_prediction_goes_on_where_it_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole, done = ask(batch=2), 0
    together = PredictedRows._together

    def interrupted(*arguments: Any) -> Any:
        nonlocal done
        done += 1
        if done == 4:  # the first is the fingerprint
            raise KeyboardInterrupt
        return together(*arguments)

    with monkeypatch.context() as patch:
        patch.setattr(PredictedRows, "_together", interrupted)
        with pytest.raises(KeyboardInterrupt, match=r"4 of 12 predictions are kept in .*; run the same again to go on"):
            ask(batch=2, folder=tmp_path)
    assert files(tmp_path) == ["00000.npz", "00001.npz"]
    reports: list[tuple[int, int]] = []
    assert ask(batch=2, folder=tmp_path, progress=lambda *report: reports.append(report)).identical(whole)
    assert reports[0] == (4, 12)
    assert reports[-1] == (12, 12)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"seed": 6}, "its seed is 5, yours is 6"),
        ({"replicates": 2}, "its replicates is 3, yours is 2"),
        ({"kind": "interventional"}, "its statement is 'paired', yours is 'interventional'"),
        ({"worlds": {"factual": {}}}, "its worlds differ"),
        (
            {"parameters": {**posterior(), "beta": posterior()["beta"] * 1.01}},
            "with other draws of the parameters",
        ),
        (
            {"model": lambda: {name: values + 1 for name, values in sir().tallies.items()}},
            "by another model",
        ),
    ],
)
def test_a_folder_of_other_predictions_is_refused(tmp_path: Path, changes: dict[str, Any], reason: str) -> None:
    asked = {"model": sir, "parameters": posterior(), "worlds": WORLDS, "replicates": 3, "seed": 5, "folder": tmp_path}
    predict(**asked)
    with pytest.raises(FileExistsError, match=reason):
        predict(**{**asked, **changes})


def test_a_block_that_is_not_what_it_should_be_is_simulated_again(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    whole = ask(folder=tmp_path)
    file = tmp_path / "blocks" / "00001.npz"
    arrays = dict(np.load(file))
    np.savez_compressed(file, **{**arrays, "data/by_half": arrays["data/by_half"][..., 1:]})
    assert ask(folder=tmp_path).identical(whole)
    assert "Block 1 is simulated again: " in caplog.text
    assert "has 'by_half' of shape" in caplog.text


def test_a_block_that_fails_is_a_sentence() -> None:
    def fails() -> Any:
        run = sir()
        if run.tallies["infections"].shape[0] > 1:
            raise ArithmeticError("no beds")
        return run

    with pytest.raises(RunError, match=r"the predictions stopped with ArithmeticError: no beds. 0 of 12 predictions"):
        predict(fails, posterior(), WORLDS, replicates=3)


def test_sums_of_floats_have_one_thread() -> None:
    threads = torch.get_num_threads()
    used: list[int] = []

    def model() -> Any:
        used.append(torch.get_num_threads())
        return sir()

    try:
        torch.set_num_threads(2)
        predict(model, posterior(), WORLDS)
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(threads)
    assert set(used) == {1}
