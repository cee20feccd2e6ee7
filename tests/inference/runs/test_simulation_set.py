import json
import logging
import tempfile
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from causal_lpm.inference.runs.seeds import replicate_seed
from causal_lpm.inference.runs.simulation_set import SimulationSet, simulate_set
from tests.inference.calibration.toy_simulators import negative_is_an_error, normal


def same(one: SimulationSet, other: SimulationSet) -> None:
    np.testing.assert_array_equal(one.z, other.z)
    np.testing.assert_array_equal(one.ok, other.ok)
    assert one.failures == other.failures
    assert one.data.keys() == other.data.keys()
    for name in one.data:
        np.testing.assert_array_equal(one.data[name], other.data[name])


def blocks(folder: Path) -> list[str]:
    return sorted(path.name for path in (folder / "blocks").iterdir())


@given(st.integers(1, 12), st.integers(0, 12), st.integers(1, 5), st.integers(0, 2**63 - 1))
@settings(max_examples=40)
def test_a_longer_set_begins_with_the_shorter_one(n: int, more: int, batch: int, seed: int) -> None:
    simulator = normal(fault=negative_is_an_error)
    longer = simulate_set(normal(), n + more, seed, batch=batch)
    shorter = simulate_set(normal(), n, seed, batch=batch)
    np.testing.assert_array_equal(shorter.z, longer.z[:n])
    assert all((shorter.data[name] == longer.data[name][:n]).all() for name in longer.data)
    if shorter.z[0, 0] > 0:
        failing = simulate_set(simulator, n + more, seed, batch=batch).failures
        kept = simulate_set(simulator, n, seed, batch=batch).failures
        assert kept == tuple(failure for failure in failing if failure.number < n)


@given(st.integers(1, 12), st.integers(1, 5), st.integers(0, 2**63 - 1), st.data())
@settings(max_examples=25, deadline=None)
def test_a_set_goes_on_where_it_stopped(n: int, batch: int, seed: int, data: st.DataObject) -> None:
    before = data.draw(st.integers(1, n))
    with tempfile.TemporaryDirectory() as folder:
        simulate_set(normal(), before, seed, batch=batch, folder=folder)
        same(simulate_set(normal(), n, seed, batch=batch, folder=folder), simulate_set(normal(), n, seed, batch=batch))
        assert len(blocks(Path(folder))) == -(-n // batch)


def test_shapes_types_and_seeds() -> None:
    found = simulate_set(normal(days=3), 5, 7, batch=2)
    assert found.z.shape == (5, 2)
    assert found.z.dtype == np.float64
    assert {name: values.shape for name, values in found.data.items()} == {"series": (5, 3), "counts": (5, 2, 3)}
    assert found.data["counts"].dtype == np.float64  # counts of the simulator are int64, which has no NaN
    assert found.ok.all()
    # What the documentation says of seeds: simulation 3 is number 1 of block 1.
    block = replicate_seed(7, 1)
    np.testing.assert_array_equal(found.z[2:4], normal().draw(2, block))
    own = normal(days=3).simulate(found.z[3:4], np.array([replicate_seed(block, 1)]))
    np.testing.assert_array_equal(found.data["series"][3:4], own["series"])


def test_simulations_of_a_set_differ() -> None:
    found = simulate_set(normal(), 50, 0, batch=5)
    assert len(np.unique(found.z)) == 100
    assert len(np.unique(found.data["series"])) == 200


def test_seeds_and_other_seeds_do_not_overlap() -> None:
    first, second = (simulate_set(normal(), 50, seed).z for seed in (0, 1))
    assert not np.intersect1d(first, second).size


@pytest.mark.parametrize("batch", [1, 4])
def test_failures_are_counted_recorded_and_logged(batch: int, caplog: pytest.LogCaptureFixture) -> None:
    clean = simulate_set(normal(), 20, 3, batch=batch)
    with caplog.at_level(logging.WARNING, "causal_lpm"):
        found = simulate_set(normal(fault=negative_is_an_error), 20, 3, batch=batch)
    expected = np.flatnonzero(clean.z[:, 0] < 0)
    assert 0 < len(expected) < 20
    np.testing.assert_array_equal(found.z, clean.z)
    np.testing.assert_array_equal(np.flatnonzero(~found.ok), expected)
    assert [failure.number for failure in found.failures] == expected.tolist()
    assert all(np.isnan(found.data[name][~found.ok]).all() for name in found.data)
    for name, values in found.successful()[1].items():
        np.testing.assert_array_equal(values, clean.data[name][found.ok])
    first = found.failures[0]
    assert first.message == f"ArithmeticError: a rate of {clean.z[first.number, 0]:.3f} is negative."
    assert f"{len(expected)} of 20 simulations failed" in caplog.text
    assert ("blocks failed as a whole" in caplog.text) == (batch > 1)
    with pytest.raises(ArithmeticError):  # a failure can be looked at again
        normal(fault=negative_is_an_error).simulate(found.z[[first.number]], np.array([first.seed]))


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_numbers_that_are_not_finite_are_failures(value: float) -> None:
    def fault(seed: int, row: np.ndarray) -> np.ndarray | None:
        return np.array([1.0, value, 1.0, 1.0]) if row[0] < 0 else None

    found, clean = (simulate_set(normal(fault=f), 12, 3, batch=3) for f in (fault, None))
    assert [f.number for f in found.failures] == np.flatnonzero(clean.z[:, 0] < 0).tolist() != []
    assert {f.message for f in found.failures} == {"'series' has NaN or infinite numbers"}
    assert np.isnan(found.data["counts"][~found.ok]).all()


def test_a_simulator_that_cannot_run_draws_together_loses_nothing_and_is_told(
    caplog: pytest.LogCaptureFixture,
) -> None:
    found = simulate_set(normal(together=False), 6, 0, batch=3)
    same(found, simulate_set(normal(), 6, 0, batch=3))
    assert "2 of 2 blocks failed as a whole" in caplog.text
    assert "ValueError: one at a time, please." in caplog.text


def always(seed: int, row: np.ndarray) -> None:
    raise ValueError("no beds")


def test_all_failing_is_an_error_that_keeps_the_set(tmp_path: Path) -> None:
    seed = replicate_seed(replicate_seed(0, 0), 0)
    with pytest.raises(RuntimeError, match=rf"all 4 simulations failed, the first \(seed {seed}\) with ValueError: no"):
        simulate_set(normal(fault=always), 4, 0, batch=2, folder=tmp_path)
    assert blocks(tmp_path) == ["00000.npz", "00001.npz"]
    calls = 0

    def counted(seed: int, row: np.ndarray) -> None:
        nonlocal calls
        calls += 1

    with pytest.raises(RuntimeError, match="all 4 simulations failed"):
        simulate_set(normal(fault=counted), 4, 0, batch=2, folder=tmp_path)
    assert calls == 0


def test_failures_are_kept_and_not_run_again(tmp_path: Path) -> None:
    found = simulate_set(normal(fault=negative_is_an_error), 9, 3, batch=2, folder=tmp_path)
    assert found.failures
    # Without the fault they would succeed.
    same(simulate_set(normal(), 9, 3, batch=2, folder=tmp_path), found)


def test_an_interrupt_keeps_what_is_finished_and_says_how_to_go_on(tmp_path: Path) -> None:
    stop = replicate_seed(replicate_seed(7, 2), 0)

    def fault(seed: int, row: np.ndarray) -> None:
        if seed == stop:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt, match=r"4 of 7 simulations are kept in .*; run the same again"):
        simulate_set(normal(fault=fault), 7, 7, batch=2, folder=tmp_path)
    assert blocks(tmp_path) == ["00000.npz", "00001.npz"]
    with pytest.raises(KeyboardInterrupt, match=r"4 of 7 simulations were finished and are lost; a folder keeps"):
        simulate_set(normal(fault=fault), 7, 7, batch=2)
    same(simulate_set(normal(), 7, 7, batch=2, folder=tmp_path), simulate_set(normal(), 7, 7, batch=2))


def test_progress_counts_simulations(tmp_path: Path) -> None:
    reports: list[tuple[int, int]] = []
    simulate_set(normal(), 2, 0, batch=2, folder=tmp_path)
    simulate_set(normal(), 5, 0, batch=2, folder=tmp_path, progress=lambda *report: reports.append(report))
    assert reports == [(2, 5), (4, 5), (5, 5)]


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"seed": 8}, "seed is 7, yours is 8"),
        ({"batch": 3}, "batch is 2, yours is 3"),
        ({"simulator": normal(days=5)}, "in its simulator, its days is 4, yours is 5"),
    ],
)
def test_a_folder_of_another_set_is_refused_and_left_alone(
    tmp_path: Path, changes: dict[str, object], reason: str
) -> None:
    arguments = {"simulator": normal(), "n": 4, "seed": 7, "batch": 2, "folder": tmp_path}
    simulate_set(**arguments)
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    with pytest.raises(FileExistsError, match=reason):
        simulate_set(**{**arguments, **changes})
    assert before == {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}


@pytest.mark.parametrize("content", [None, "{", "[]", '{"format": 1, "study": "flu"}'])
def test_a_folder_of_something_else_is_refused_before_anything_runs(tmp_path: Path, content: str | None) -> None:
    (tmp_path / ("manifest.json" if content else "notes.txt")).write_text(content or "mine")
    with pytest.raises(FileExistsError, match="give another folder"):
        simulate_set(normal(fault=always), 4, 7, folder=tmp_path)
    assert len(list(tmp_path.iterdir())) == 1
    with pytest.raises(FileExistsError, match="is a file"):
        simulate_set(normal(fault=always), 4, 7, folder=next(tmp_path.iterdir()))


def test_other_versions_of_the_software_are_refused(tmp_path: Path) -> None:
    simulate_set(normal(), 1, 0, folder=tmp_path)
    file = tmp_path / "manifest.json"
    content = json.loads(file.read_text())
    content["versions"]["torch"] = "0.1"
    file.write_text(json.dumps(content))
    with pytest.raises(FileExistsError, match="made with other versions of the software"):
        simulate_set(normal(), 1, 0, folder=tmp_path)


@pytest.mark.parametrize("how", ["cut", "empty", "text", "other batch", "without seed"])
def test_a_broken_file_is_simulated_again_with_a_warning(
    tmp_path: Path, how: str, caplog: pytest.LogCaptureFixture
) -> None:
    whole = simulate_set(normal(), 6, 0, batch=2, folder=tmp_path)
    file = tmp_path / "blocks" / "00001.npz"
    arrays = dict(np.load(file))
    match how:
        case "cut":
            file.write_bytes(file.read_bytes()[:-200])
        case "empty":
            file.write_bytes(b"")
        case "text":
            file.write_text("block")
        case "other batch":
            np.savez(file, **{name: value[:1] if value.ndim else value for name, value in arrays.items()})
        case _:
            np.savez(file, **{name: value for name, value in arrays.items() if name != "stamp/seed"})
    with caplog.at_level(logging.WARNING, "causal_lpm"):
        same(simulate_set(normal(), 6, 0, batch=2, folder=tmp_path), whole)
    assert "Block 1 is simulated again" in caplog.text
    caplog.clear()
    same(simulate_set(normal(), 6, 0, batch=2, folder=tmp_path), whole)
    assert not caplog.text


def test_names_of_outputs_are_free(tmp_path: Path) -> None:
    class Named:
        def identity(self) -> dict[str, object]:
            return {}

        def draw(self, n: int, seed: int) -> np.ndarray:
            return np.zeros((n, 1))

        def simulate(self, z: np.ndarray, seeds: np.ndarray) -> dict[str, np.ndarray]:
            return {name: np.ones(len(z)) for name in ("file", "z", "a/b.npy", "seeds", "..")}

    first = simulate_set(Named(), 3, 0, folder=tmp_path)
    same(simulate_set(Named(), 3, 0, folder=tmp_path), first)
    assert list(first.data) == ["file", "z", "a/b.npy", "seeds", ".."]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"n": 0}, "n is 0: give a whole number of at least 1"),
        ({"n": 2.5}, "n is 2.5"),
        ({"batch": 0}, "batch is 0"),
        ({"workers": 0}, "workers is 0"),
        ({"seed": -1}, "seed is -1: give a whole number from 0"),
        ({"seed": 2**63}, "seed is 9223372036854775808"),
        ({"executor": 2}, "executor is a int without `submit`"),
        ({"simulator": normal(identity={"x": object()})}, "what identifies the run is not JSON"),
        ({"simulator": normal(identity={"x": float("nan")})}, "what identifies the run is not JSON"),
    ],
)
def test_what_is_impossible_is_refused_before_anything_runs(
    tmp_path: Path, arguments: dict[str, object], message: str
) -> None:
    folder = tmp_path / "set"
    with pytest.raises(ValueError, match=message):
        simulate_set(**{"simulator": normal(fault=always), "n": 4, "seed": 7, "folder": folder, **arguments})
    assert not folder.exists()


@pytest.mark.parametrize(
    ("z", "message"),
    [(np.zeros(4), "shape \\(4,\\)"), (np.zeros((1, 2)), "give 2 rows"), (np.full((2, 1), np.nan), "NaN or infinite")],
)
def test_parameters_of_another_shape_stop_the_set(z: np.ndarray, message: str) -> None:
    simulator = normal()
    simulator.draw = lambda n, seed: z  # type: ignore[method-assign]
    with pytest.raises(RuntimeError, match=f"stopped with ValueError: .*{message}"):
        simulate_set(simulator, 4, 0, batch=2)


@pytest.mark.parametrize(
    ("returned", "message"),
    [
        ([1.0, 2.0], "TypeError: simulate returned list"),
        ({}, "TypeError: simulate returned dict"),
        ({"x": np.ones(3)}, "'x' has shape \\(3,\\): its first dimension must be the 1 simulations"),
        ({"x": np.array(["a"])}, "could not convert"),
    ],
)
def test_what_is_no_simulation_is_a_failure(returned: object, message: str) -> None:
    simulator = normal()
    simulator.simulate = lambda z, seeds: returned  # type: ignore[method-assign, assignment, return-value]
    with pytest.raises(RuntimeError, match=f"all 4 simulations failed.*{message}"):
        simulate_set(simulator, 4, 0, batch=2)


@pytest.mark.parametrize("batch", [1, 2])
def test_outputs_that_change_shape_stop_the_set_at_once(batch: int) -> None:
    simulator = normal(together=False)
    simulate = simulator.simulate

    def ragged(z: np.ndarray, seeds: np.ndarray) -> dict[str, np.ndarray]:
        return {"x": np.ones((len(z), 1 + int(z[0, 0] > 0))), **simulate(z, seeds)}

    simulator.simulate = ragged  # type: ignore[method-assign]
    reports: list[int] = []
    with pytest.raises(RuntimeError, match=r"returned 'x' of shape .* and elsewhere"):
        simulate_set(simulator, 100, 0, batch=batch, progress=lambda done, n: reports.append(done))
    assert len(reports) < 20


def test_being_out_of_memory_is_no_failure_of_the_model(tmp_path: Path) -> None:
    def fault(seed: int, row: np.ndarray) -> None:
        raise MemoryError("64 GB")

    with pytest.raises(RuntimeError, match=r"stopped with MemoryError: 64 GB\. 0 of 2 simulations are kept"):
        simulate_set(normal(fault=fault), 2, 0, folder=tmp_path)
    assert blocks(tmp_path) == []


def test_a_simulator_that_works_in_place_changes_nothing() -> None:
    simulator = normal()
    simulate = simulator.simulate

    def in_place(z: np.ndarray, seeds: np.ndarray) -> dict[str, np.ndarray]:
        data = dict(simulate(z, seeds))
        z += 1
        seeds += 1
        return data

    simulator.simulate = in_place  # type: ignore[method-assign]
    same(simulate_set(simulator, 5, 0, batch=2), simulate_set(normal(), 5, 0, batch=2))


def test_numbers_do_not_depend_on_the_threads_of_this_process() -> None:
    """Sums of floats do, in their last digits; so a block always has one thread."""
    threads = torch.get_num_threads()
    used: list[int] = []

    def fault(seed: int, row: np.ndarray) -> None:
        used.append(torch.get_num_threads())

    try:
        torch.set_num_threads(2)
        simulate_set(normal(fault=fault), 2, 0)
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(threads)
    assert used == [1, 1]
