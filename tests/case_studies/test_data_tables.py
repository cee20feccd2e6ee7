"""Tables that come with the case studies: unchanged, small, and the same inputs as the full data sets."""

import re
from pathlib import Path

import pytest
import torch

from case_studies.benchmark_tasks import references
from case_studies.ma_counties import counties
from case_studies.nyc_first_wave import data as first_wave
from case_studies.nyc_first_wave import people
from case_studies.nyc_first_wave.study import study as first_wave_study
from case_studies.second_dose import nyc
from case_studies.second_dose.delivered import read_doses
from case_studies.second_dose.study import study as second_dose
from causal_lpm.inference import Options, Study
from causal_lpm.inference.studies.manifest import manifest
from causal_lpm.provenance import sha256

CASE_STUDIES = Path(__file__).parents[2] / "case_studies"
FOLDERS = sorted(CASE_STUDIES.glob("*/data"))
ROW = re.compile(r"^\| `(?P<name>[^`]+)` \|.*\| `(?P<hash>[0-9a-f]{64})` \|$", re.MULTILINE)
MEGABYTE = 1_000_000


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.parent.name)
def test_tables_are_those_of_the_page(folder: Path) -> None:
    page = (folder / "README.md").read_text(encoding="utf-8")
    files = [file for file in folder.iterdir() if file.name != "README.md"]
    assert {row["name"]: row["hash"] for row in ROW.finditer(page)} == {file.name: sha256(file) for file in files}
    assert sum(file.stat().st_size for file in files) < MEGABYTE


def test_every_study_of_real_data_has_its_tables() -> None:
    assert [folder.parent.name for folder in FOLDERS] == [
        "benchmark_tasks",
        "h5n1_eggs",
        "london",
        "ma_counties",
        "new_zealand",
        "nyc_first_wave",
        "second_dose",
        "stimulus_nyc",
    ]


@pytest.mark.parametrize(
    ("study", "table"),
    [
        (second_dose.variant({"population": "nyc"}), nyc.DOSES),
        (first_wave_study, first_wave.TABLES / "ifr_verity2020.csv"),
    ],
    ids=["second_dose", "nyc_first_wave"],
)
def test_a_changed_table_is_another_run(study: Study, table: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is kept of a run says from which tables it was made."""
    before = manifest(study, {}, 0, Options(100, 10))
    read = Path.read_bytes
    monkeypatch.setattr(Path, "read_bytes", lambda file: read(file) + b"1" * (file == table))
    assert manifest(study, {}, 0, Options(100, 10))["code"] != before["code"]


def inputs() -> list[torch.Tensor]:
    """Everything that the studies read, as they read it."""
    first_wave.first_wave.cache_clear()
    real, wave = counties.load(), first_wave.first_wave()
    tasks = [(task, number) for task in references.SHAPES for number in references.OBSERVATIONS]
    return [
        *(real.persons, real.deaths, real.features),
        *(wave.persons, *wave.series.values(), wave.daily_deaths, wave.fall, wave.fatality, wave.hospitalisation),
        torch.tensor(people.household_sizes(), dtype=torch.float64),
        *(torch.tensor(references.observation(*task)) for task in tasks),
        *(torch.tensor(references.reference(*task)) for task in tasks),
        *(torch.tensor(references.published(task).to_numpy()) for task in references.SHAPES),
        *read_doses(nyc.DOSES, 1003)[1:],
    ]


def test_cut_tables_say_what_the_full_ones_say(shared_data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cut = inputs()
    for module in (counties, first_wave, people, references):
        monkeypatch.setattr(module, "TABLES", shared_data)
    monkeypatch.setattr(nyc, "DOSES", shared_data / nyc.DOSES.name)
    full = inputs()
    first_wave.first_wave.cache_clear()
    assert len(cut) == len(full)
    assert all(torch.equal(one, other) for one, other in zip(cut, full, strict=True))
