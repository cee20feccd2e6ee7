"""Who the agents are: one tensor an attribute, tables at the boundary."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch

from causal_lpm import validate
from causal_lpm.provenance import provenance
from causal_lpm.typing import State

if TYPE_CHECKING:  # pandas and pyarrow need 60 MB and half a second: loaded where a table or a file is asked for
    import pandas as pd

__all__ = ["Population", "start"]


@dataclass(frozen=True, eq=False)
class Population:
    """Attributes of agents, one tensor `[agents]` each, with the labels of those that are classes.

    Args:
        attributes: Name -> tensor `[agents]`.
        labels: Name of a class attribute -> the label of class 0, 1, ...

    Raises:
        ValueError: no attribute, zero agents, attributes of different lengths, NaN, a class without label, a label
            given twice, attributes on different devices.
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
            if value.is_floating_point() and bool(value.isnan().any()):
                raise ValueError(f"attribute {name!r} contains NaN: fill it in, or leave those agents out.")
        for name, classes in self.labels.items():
            validate.known("attribute", name, self.attributes)
            validate.unique_entries(f"label of {name!r}", classes)
            lowest, highest = self[name].min(), self[name].max()
            if self[name].is_floating_point() or lowest < 0 or highest >= len(classes):
                raise ValueError(
                    f"attribute {name!r} runs from {lowest.item()} to {highest.item()} but has {len(classes)} labels: "
                    "give whole numbers from 0 and one label a class."
                )

    @property
    def size(self) -> int:
        """The number of agents."""
        return len(next(iter(self.attributes.values())))

    @property
    def device(self) -> torch.device:
        """Where the attributes are."""
        return next(iter(self.attributes.values())).device

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
    def from_frame(cls, frame: pd.DataFrame) -> Population:
        """A population from a table with one row an agent; text and categorical columns become classes.

        Raises:
            ValueError: a column that is neither numbers nor text, missing values, no rows, a column given twice,
                numbers from 2**63 on.

        >>> import pandas as pd
        >>> people = Population.from_frame(pd.DataFrame({"borough": ["Queens", "Bronx"], "age": [3, 80]}))
        >>> people["borough"], people.labels["borough"]
        (tensor([1, 0], dtype=torch.uint8), ('Bronx', 'Queens'))
        """
        import pandas as pd

        attributes: dict[str, torch.Tensor] = {}
        labels: dict[str, tuple[str, ...]] = {}
        validate.unique_entries("column", map(str, frame.columns))
        for name, column in ((str(name), column) for name, column in frame.items()):
            if bool(column.isna().any()):
                raise ValueError(f"column {name!r} has {int(column.isna().sum())} missing values: fill or drop them.")
            if pd.api.types.is_numeric_dtype(column) and column.to_numpy().dtype.kind in "biuf":
                array = np.array(column.to_numpy())
                attributes[name] = torch.from_numpy(signed(name, array))
                continue
            if not (isinstance(column.dtype, pd.CategoricalDtype) or pd.api.types.is_string_dtype(column)):
                raise ValueError(
                    f"column {name!r} is of type {column.dtype}, neither numbers nor text: convert it, for example "
                    "a date to a number of days, or leave it out."
                )
            category = column.astype("category")
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
            array = value.cpu().numpy()
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
        parquet.write(path, self.attributes, self.labels, provenance(seed))

    @classmethod
    def load(cls, path: str | Path) -> Population:
        """Reads a population from Parquet, one column an attribute; text and dictionary columns become classes.

        Raises:
            ValueError: more agents than memory holds, or columns that `from_frame` would refuse.
        """
        from causal_lpm.agents import parquet

        return cls(*parquet.read(Path(path)))


def signed(name: str, array: np.ndarray) -> np.ndarray:
    """Unsigned integers of more than one byte, with which torch does not compute, as int64; all else as it is."""
    if array.dtype.kind != "u" or array.dtype.itemsize == 1:
        return array
    if array.max(initial=0) >= 2**63:
        raise ValueError(
            f"column {name!r} runs to {array.max()}, beyond 2**63 - 1, the largest whole number of torch: number the "
            "values from 0, or give them as text."
        )
    return array.astype(np.int64)


def start(population: Population, **entries: torch.Tensor) -> State:
    """The initial state of a population: its `stage` if it has one, else everybody in stage 0, and further entries.

    Args:
        population: The agents.
        **entries: Policies and whatever else changes over time, `[*dims, agents]` or `[*dims, 1]`; brought to the
            device of the population, and otherwise used as they are; the stages are a copy.

    Raises:
        ValueError: an entry with another number of agents, stages that do not fit uint8.

    >>> import torch
    >>> people = Population({"age": torch.tensor([34, 71])})
    >>> start(people, school_closure_day=torch.tensor(30.0))["stage"]
    tensor([0, 0], dtype=torch.uint8)
    """
    for name, value in entries.items():
        if value.dim() and value.shape[-1] not in (1, population.size):
            raise ValueError(
                f"entry {name!r} has shape {tuple(value.shape)} but there are {population.size} agents: "
                "give one value an agent, or one for all."
            )
    if "stage" in population:
        stage = population["stage"].to(torch.uint8, copy=True)  # what a model writes in place stays out of it
        if bool((stage != population["stage"]).any()):
            raise ValueError("the attribute 'stage' has values outside 0 to 255: stages are uint8.")
    else:
        stage = torch.zeros(population.size, dtype=torch.uint8, device=population.device)
    here = {name: torch.as_tensor(value, device=population.device) for name, value in entries.items()}
    return {"stage": stage, **{name: torch.atleast_1d(value) for name, value in here.items()}}
