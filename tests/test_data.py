"""Data sets: what is registered is what is read, and every error says what to do."""

import hashlib
from collections.abc import Mapping
from pathlib import Path

import pandas as pd
import pooch
import pytest

from causal_lpm import data

TABLE = b"date,week_ending,cases\n2021-01-02,2021-01-03,4\n2021-01-09,2021-01-10,\n"


def dataset(content: bytes, url: str | None = None) -> data.Dataset:
    return data.Dataset("cases by week", hashlib.sha256(content).hexdigest(), "a publication", "CC0", url)


@pytest.fixture
def registry(monkeypatch: pytest.MonkeyPatch) -> Mapping[str, data.Dataset]:
    """One data set without an address and one with, and no folder named."""
    datasets = {"table.csv": dataset(TABLE), "served.csv": dataset(TABLE, "https://example.org/served.csv")}
    monkeypatch.setattr(data, "DATASETS", datasets)
    monkeypatch.delenv("CAUSAL_LPM_DATA", raising=False)
    return datasets


@pytest.fixture
def folder(registry: Mapping[str, data.Dataset], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "table.csv").write_bytes(TABLE)
    monkeypatch.setenv("CAUSAL_LPM_DATA", str(tmp_path))
    return tmp_path


@pytest.mark.parametrize("name", sorted(data.DATASETS))
def test_registered_files_are_the_real_ones(name: str, shared_data: Path) -> None:
    if not (shared_data / name).is_file():
        pytest.skip(f"the folder of real data holds no {name}")
    assert data.path(name) == shared_data / name
    if name.endswith(".csv"):
        assert not data.read(name).empty


def test_real_doses_have_dates(shared_data: Path) -> None:
    doses = data.read("nyc_vaccine_doses_daily.csv")
    assert doses["date"].iloc[0] == pd.Timestamp("2020-12-14")
    assert (doses["date"].diff().dropna() == pd.Timedelta(days=1)).all()


def test_registered_hashes_are_hashes() -> None:
    for name, entry in data.DATASETS.items():
        assert len(entry.sha256) == 64, name
        assert int(entry.sha256, 16) > 0, name
    assert len({entry.sha256 for entry in data.DATASETS.values()}) == len(data.DATASETS)


def test_a_folder_stands_in(folder: Path) -> None:
    assert data.path("table.csv") == folder / "table.csv"


def test_dates_are_read_as_dates_and_blanks_as_nan(folder: Path) -> None:
    table = data.read("table.csv")
    assert list(table["date"]) == [pd.Timestamp("2021-01-02"), pd.Timestamp("2021-01-09")]
    assert list(table["week_ending"]) == [pd.Timestamp("2021-01-03"), pd.Timestamp("2021-01-10")]
    assert list(table["cases"].isna()) == [False, True]


def test_another_file_under_the_same_name_is_refused(folder: Path) -> None:
    (folder / "table.csv").write_bytes(TABLE + b"2021-01-16,2021-01-17,9\n")
    with pytest.raises(ValueError, match=r"table\.csv in the folder of CAUSAL_LPM_DATA has SHA-256"):
        data.read("table.csv")


def test_a_missing_file_says_origin_licence_and_what_to_do(registry: Mapping[str, data.Dataset]) -> None:
    with pytest.raises(FileNotFoundError) as error:
        data.path("table.csv")
    for part in ("table.csv", "a publication", "CC0", registry["table.csv"].sha256, "set CAUSAL_LPM_DATA"):
        assert part in str(error.value)


def test_a_folder_that_is_none_is_said_to_be_none(
    registry: Mapping[str, data.Dataset], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CAUSAL_LPM_DATA", str(tmp_path / "nowhere"))
    with pytest.raises(FileNotFoundError, match="which is not a folder"):
        data.path("table.csv")


@pytest.mark.parametrize("look", [data.path, data.read])
def test_an_unknown_name_asks_did_you_mean(look: object, registry: Mapping[str, data.Dataset]) -> None:
    assert callable(look)
    with pytest.raises(ValueError, match=r"unknown data set 'tabel\.csv': did you mean 'table\.csv'"):
        look("tabel.csv")


def test_a_file_that_is_not_in_the_folder_comes_from_its_address(
    folder: Path, registry: Mapping[str, data.Dataset], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[str, str]] = []

    def retrieve(url: str, known_hash: str, fname: str, path: Path) -> str:
        asked.append((url, known_hash))
        target = folder / f"downloaded_{fname}"
        target.write_bytes(TABLE)
        return str(target)

    monkeypatch.setattr(pooch, "retrieve", retrieve)
    assert len(data.read("served.csv")) == 2
    assert asked == [("https://example.org/served.csv", f"sha256:{registry['served.csv'].sha256}")]


def test_the_table_beside_the_packaged_files_says_origin_and_licence_of_each() -> None:
    rows = [
        line for line in (data.PACKAGED_FOLDER / "README.md").read_text(encoding="utf-8").splitlines() if "|" in line
    ]
    files = sorted(path.name for path in data.PACKAGED_FOLDER.iterdir() if path.name != "README.md")
    about = [data.DATASETS[name] for name in files]
    assert rows[2:] == [
        f"| {name} | {each.content} | {each.origin} | {each.licence} |" for name, each in zip(files, about, strict=True)
    ]
