"""Who the agents are: one tensor an attribute, tables at the boundary."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch

from causal_lpm import validate
from causal_lpm.agents.columns import UNCOMPUTABLE, as_array, computable
from causal_lpm.ops.looking import check
from causal_lpm.ops.population import hold
from causal_lpm.provenance import provenance
from causal_lpm.typing import State

if TYPE_CHECKING:  # pandas and pyarrow need 60 MB and half a second: loaded where a table or a file is asked for
    import pandas as pd

__all__ = ["Population", "start"]


@dataclass(frozen=True, eq=False, repr=False)
class Population:
    """Attributes of agents, one tensor `[agents]` each, with the labels of those that are classes.

    Args:
        attributes: Name -> tensor `[agents]`, bool, integers or floats; kept as it is, not as a copy.
        labels: Name of a class attribute -> the label of class 0, 1, ...

    Raises:
        ValueError: no attribute, zero agents, attributes of different lengths, NaN, numbers with which torch does not
            compute, a class without label, a label given twice or that is not text, attributes on different devices.
        TypeError: an attribute that is not a tensor.

    >>> import torch
    >>> people = Population({"age": torch.tensor([34, 71])})
    >>> people.size, people["age"]
    (2, tensor([34, 71]))
    """

    attributes: Mapping[str, torch.Tensor]
    labels: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not self.attributes:
            raise ValueError("the population has no attributes: give at least one tensor of shape [agents].")
        for name, value in self.attributes.items():
            if not isinstance(value, torch.Tensor):
                raise TypeError(f"attribute {name!r} is a {type(value).__name__}: give a tensor of shape [agents].")
        devices = {str(value.device): name for name, value in self.attributes.items()}
        if len(devices) > 1:
            (one, name), (other, second) = list(devices.items())[:2]
            raise ValueError(
                f"attribute {name!r} is on {one} and {second!r} on {other}: move them to one device, as in "
                f"attribute.to({one!r})."
            )
        first, size = next((name, value.numel()) for name, value in self.attributes.items())
        validate.positive_count("the number of agents", size)
        for name, value in self.attributes.items():
            if value.shape != (size,):
                raise ValueError(
                    f"attribute {name!r} has shape {tuple(value.shape)} where {first!r} has {size} agents: "
                    "give one value an agent."
                )
            if value.is_complex() or value.dtype in UNCOMPUTABLE:
                raise ValueError(f"attribute {name!r} is {value.dtype}: give bool, integers (up to int64) or floats.")
            if value.is_floating_point():
                _check_numbers(name, value)
        # A process that holds some of the agents keeps their values alone.
        object.__setattr__(self, "attributes", {name: hold(value) for name, value in self.attributes.items()})
        for name, classes in self.labels.items():
            validate.known("attribute", name, self.attributes)
            if not all(isinstance(label, str) for label in classes):
                raise ValueError(f"the labels of {name!r} are {classes!r}: give one text a class.")
            validate.unique_entries(f"label of {name!r}", classes)
            _check_classes(name, self[name], len(classes))

    @property
    def size(self) -> int:
        """The number of agents."""
        return len(next(iter(self.attributes.values())))

    @property
    def device(self) -> torch.device:
        """Where the attributes are."""
        return next(iter(self.attributes.values())).device

    def __repr__(self) -> str:
        return f"<Population of {self.size:,} agents with {', '.join(self.attributes)}>"

    def __getitem__(self, name: str) -> torch.Tensor:
        validate.known("attribute", name, self.attributes)
        return self.attributes[name]

    def __contains__(self, name: object) -> bool:
        return name in self.attributes

    def __iter__(self) -> Iterator[str]:
        return iter(self.attributes)

    def __len__(self) -> int:
        return self.size

    def with_attributes(self, **attributes: torch.Tensor) -> Population:
        """The same agents with attributes added or replaced."""
        return Population({**self.attributes, **attributes}, self.labels)

    def to(self, device: str | torch.device) -> Population:
        """The population on another device."""
        return Population({name: value.to(device) for name, value in self.attributes.items()}, self.labels)

    @classmethod
    def from_frame(cls, frame: pd.DataFrame, columns: Iterable[str] | None = None) -> Population:
        """A population from a table with one row an agent; text and categorical columns become classes.

        Text that looks like numbers is text, and becomes classes in alphabetical order: turn it into numbers before.

        Args:
            frame: The table.
            columns: Which of its columns, all of which must be there; all, if not given.

        Raises:
            ValueError: a column that is not there, is neither numbers nor text, or is given twice; categories that are
                numbers, missing values, no rows, numbers from 2**63 on.

        >>> import pandas as pd
        >>> people = Population.from_frame(pd.DataFrame({"borough": ["Queens", "Bronx"], "age": [3, 80]}))
        >>> people["borough"], people.labels["borough"]
        (tensor([1, 0], dtype=torch.uint8), ('Bronx', 'Queens'))
        """
        import pandas as pd

        attributes: dict[str, torch.Tensor] = {}
        labels: dict[str, tuple[str, ...]] = {}
        validate.unique_entries("column", map(str, frame.columns))
        if columns is not None:
            frame = frame[[_column_of(frame, name) for name in columns]]
        for name, column in ((str(name), column) for name, column in frame.items()):
            if bool(column.isna().any()):
                raise ValueError(f"column {name!r} has {int(column.isna().sum())} missing values: fill or drop them.")
            if pd.api.types.is_numeric_dtype(column) and column.to_numpy().dtype.kind in "biuf":
                attributes[name] = torch.from_numpy(np.array(computable(name, column.to_numpy())))
                continue
            if not (isinstance(column.dtype, pd.CategoricalDtype) or pd.api.types.is_string_dtype(column)):
                raise ValueError(
                    f"column {name!r} is of type {column.dtype}, neither numbers nor text: convert it, for example "
                    "a date to a number of days, or leave it out."
                )
            category = column.astype("category")
            if category.cat.categories.dtype.kind in "biuf":
                raise ValueError(
                    f"column {name!r} has categories that are numbers: convert it to numbers, or to text if they are "
                    "names only."
                )
            codes = category.cat.codes.to_numpy()
            small = len(category.cat.categories) <= 256
            attributes[name] = torch.from_numpy(codes.astype(np.uint8 if small else np.int32))
            labels[name] = tuple(map(str, category.cat.categories))
        return cls(attributes, labels)

    def to_frame(self) -> pd.DataFrame:
        """A table with one row an agent; classes become categorical columns."""
        import pandas as pd

        columns: dict[str, object] = {}
        for name, value in self.attributes.items():
            array = as_array(value)
            if name in self.labels:
                columns[name] = pd.Categorical.from_codes(array.astype(np.int32), list(self.labels[name]))
            else:
                columns[name] = array
        return pd.DataFrame(columns)

    def save(self, path: str | Path, seed: int | None = None) -> None:
        """Writes the population as Parquet: classes with their labels, everything else in its own type.

        Args:
            path: Of the new file.
            seed: Of the synthesis; kept in the metadata of the file, with the versions that it was made with.

        Raises:
            FileExistsError: there is such a file already; nothing is written over.
            FileNotFoundError: there is no folder for it.

        >>> import tempfile, torch
        >>> people = Population({"age": torch.tensor([0, 1, 0])}, {"age": ("young", "old")})
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     people.save(f"{folder}/people.parquet", seed=3)
        ...     Population.load(f"{folder}/people.parquet")["age"]
        tensor([0, 1, 0], dtype=torch.uint8)
        """
        from causal_lpm.agents import parquet

        path = Path(path)
        if path.exists():
            raise FileExistsError(f"{path} exists: nothing is written over; remove it or choose another name.")
        if not path.parent.is_dir():
            raise FileNotFoundError(f"there is no folder {path.parent} for {path.name}: make it first.")
        # Under another name until it is whole: what a killed process or a full disk leaves is not in the way.
        part = path.with_name(f".{path.name}.{os.getpid()}")
        try:
            parquet.write(part, self.attributes, self.labels, provenance(seed))
            part.rename(path)
        finally:
            part.unlink(missing_ok=True)

    @classmethod
    def load(cls, path: str | Path) -> Population:
        """Reads a population from Parquet, one column an attribute; text and dictionary columns become classes.

        Raises:
            ValueError: more agents than memory holds, columns that `from_frame` would refuse, or a file that is not
                Parquet or incomplete.
        """
        from causal_lpm.agents import parquet

        return cls(*parquet.read(Path(path)))


def _column_of(frame: pd.DataFrame, name: str) -> object:
    """The label of the column of this name; raises ValueError where there is none."""
    columns = {str(label): label for label in frame.columns}
    if name not in columns:
        raise ValueError(f"the table has no column {name!r}: {validate.did_you_mean(name, columns)}")
    return columns[name]


def _check_numbers(name: str, value: torch.Tensor) -> None:
    check(
        (value,),
        lambda: not bool(value.isnan().any()),
        lambda: f"attribute {name!r} contains NaN: fill it in, or leave those agents out.",
    )


def _check_classes(name: str, value: torch.Tensor, labels: int) -> None:
    check(
        (value,),
        lambda: not value.is_floating_point() and bool((value.min() >= 0) & (value.max() < labels)),
        lambda: (
            f"attribute {name!r} runs from {value.min().item()} to {value.max().item()} but has {labels} labels: "
            "give whole numbers from 0 and one label a class."
        ),
    )


def start(population: Population, **entries: torch.Tensor | float) -> State:
    """The initial state of a population: its `stage` if it has one, else everybody in stage 0, and further entries.

    Args:
        population: The agents.
        **entries: Policies and whatever else changes over time, numbers, `[*dims, agents]` or `[*dims, 1]`; copied, and
            brought to the device of the population.

    Raises:
        ValueError: an entry with another number of agents, stages that do not fit uint8.

    >>> import torch
    >>> people = Population({"age": torch.tensor([34, 71])})
    >>> start(people, school_closure_day=torch.tensor(30.0))["stage"]
    tensor([0, 0], dtype=torch.uint8)
    """
    given = {name: torch.atleast_1d(torch.as_tensor(value)) for name, value in entries.items()}
    for name, value in given.items():
        if value.shape[-1] not in (1, population.size):
            raise ValueError(
                f"entry {name!r} has shape {tuple(value.shape)} but there are {population.size} agents: "
                "give one value an agent, or one for all."
            )
    if "stage" in population:
        stage = population["stage"].to(torch.uint8)
        check(
            (stage,),
            lambda: torch.equal(stage.to(population["stage"].dtype), population["stage"]),
            lambda: "the attribute 'stage' has values outside 0 to 255: stages are uint8.",
        )
    else:
        stage = torch.zeros(population.size, dtype=torch.uint8, device=population.device)
    # What a model writes in place stays out of the population, and out of what the caller keeps. A process that holds
    # some of the agents keeps their own rows from here on: the first state stays as long as the simulation runs.
    return {name: hold(value.to(population.device)).clone() for name, value in {"stage": stage, **given}.items()}
