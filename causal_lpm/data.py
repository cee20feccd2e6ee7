"""Data sets by name: checked against their hashes, from a folder of yours or from their original address.

Case studies bring small tables of their own, which `table` reads. Small tables of general use come with the package,
in its folder `packaged`. The larger sets do not: set CAUSAL_LPM_DATA to a folder that holds them; a data set with a
public address that serves the same bytes is otherwise downloaded once, into the user's cache. Those registered so far
are extracts of larger publications, which no address serves as they are: the error says their origin.
"""

import os
from pathlib import Path

import pandas as pd
import pooch

from causal_lpm.data_sets import DATASETS as NOT_PACKAGED
from causal_lpm.data_sets import Dataset
from causal_lpm.packaged_sets import PACKAGED
from causal_lpm.provenance import sha256
from causal_lpm.validate import known

__all__ = ["DATASETS", "Dataset", "path", "read", "table"]

DATASETS: dict[str, Dataset] = {**NOT_PACKAGED, **PACKAGED}
PACKAGED_FOLDER = Path(__file__).parent / "packaged"
FOLDER_VARIABLE = "CAUSAL_LPM_DATA"
DATE_COLUMNS = ("date", "week_ending")


def path(name: str) -> Path:
    """The checked file of a data set: from the folder named by CAUSAL_LPM_DATA, the package, or from its address.

    Args:
        name: The file name of the data set, a key of `DATASETS`.

    Returns:
        A path whose content has the registered SHA-256.

    Raises:
        ValueError: There is no data set of that name, or the file found is not the registered one.
        FileNotFoundError: CAUSAL_LPM_DATA names no folder, or the file is neither there nor at an address.

    Example:
        >>> path("nyc_variant.csv")
        Traceback (most recent call last):
        ValueError: unknown data set 'nyc_variant.csv': did you mean 'nyc_variants.csv'?
    """
    known("data set", name, DATASETS)
    dataset = DATASETS[name]
    file = _local(name)
    if file is not None:
        if (found := sha256(file)) != dataset.sha256:
            raise ValueError(
                f"{name} in the folder of {FOLDER_VARIABLE} has SHA-256 {found[:12]}..., the data set has "
                f"{dataset.sha256[:12]}...: put the registered file there, and give a study your own file "
                "by its path."
            )
        return file
    if dataset.url is not None:
        known_hash, cache = f"sha256:{dataset.sha256}", pooch.os_cache("causal-lpm")
        return Path(pooch.retrieve(dataset.url, known_hash=known_hash, fname=name, path=cache))
    raise FileNotFoundError(
        f"data set {name} ({dataset.content}) was not found. It was made from {dataset.origin} (licence: "
        f"{dataset.licence}), and no public address serves this extract: put the file (SHA-256 "
        f"{dataset.sha256}) into a folder and set {FOLDER_VARIABLE} to that folder."
    )


def read(name: str) -> pd.DataFrame:
    """A CSV data set as a table, with its dates as dates.

    Args:
        name: The file name of the data set, a key of `DATASETS` that ends in `.csv`.

    Returns:
        One row a record; columns `date` and `week_ending` are datetime64, suppressed figures NaN.

    Raises:
        ValueError: The data set is unknown, not a table, or not the registered file.
        FileNotFoundError: As for `path`.

    Example:
        >>> read("bmj2021_parameters.json")
        Traceback (most recent call last):
        ValueError: data set 'bmj2021_parameters.json' is not a CSV table: open the file at path(name) yourself.
    """
    known("data set", name, DATASETS)
    if not name.endswith(".csv"):
        raise ValueError(f"data set {name!r} is not a CSV table: open the file at path(name) yourself.")
    return table(path(name))


def table(file: Path) -> pd.DataFrame:
    """A CSV file as a table, with its dates as dates.

    Args:
        file: The file, one row a record.

    Returns:
        Columns `date` and `week_ending` are datetime64, suppressed figures NaN.

    Raises:
        FileNotFoundError: There is no such file.
    """
    columns = pd.read_csv(file, nrows=0).columns
    return pd.read_csv(file, parse_dates=[column for column in DATE_COLUMNS if column in columns])


def _local(name: str) -> Path | None:
    packaged = PACKAGED_FOLDER / name
    folder = os.environ.get(FOLDER_VARIABLE)
    if not folder:
        return packaged if packaged.is_file() else None
    if not Path(folder).is_dir():
        raise FileNotFoundError(
            f"{FOLDER_VARIABLE} is {folder!r}, which is not a folder: set it to where the data sets are."
        )
    return next((file for file in (Path(folder) / name, packaged) if file.is_file()), None)
