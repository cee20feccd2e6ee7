"""Attributes of agents as Parquet columns, without a table in between; classes are dictionary columns."""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch

from causal_lpm.agents.columns import as_array, computable
from causal_lpm.validate import fits_in_memory, unique_entries


def write(
    path: Path,
    attributes: Mapping[str, torch.Tensor],
    labels: Mapping[str, tuple[str, ...]],
    metadata: Mapping[str, str],
) -> None:
    """Writes one column an attribute, and the metadata into the schema."""
    columns = {}
    for name, value in attributes.items():
        array = as_array(value)
        if name in labels:
            codes = pa.array(array.astype(np.int32, copy=False))
            columns[name] = pa.DictionaryArray.from_arrays(codes, pa.array(labels[name], pa.string()))
        else:
            columns[name] = pa.array(array)
    table = pa.table(columns).replace_schema_metadata(dict(metadata))
    pq.write_table(table, path, use_dictionary=list(labels))


def read(path: Path) -> tuple[dict[str, torch.Tensor], dict[str, tuple[str, ...]]]:
    """Attributes and labels, read a column at a time.

    Raises:
        ValueError: more agents than memory holds, missing values, columns that are neither numbers nor text,
            numbers from 2**63 on, a file that is not Parquet or incomplete.
    """
    try:
        return _columns(path)
    except FileNotFoundError as error:  # pyarrow's does not know its file
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(path)) from error
    except (pa.ArrowException, OSError) as error:
        raise ValueError(f"{path} cannot be read as Parquet ({error}): make the file, or fetch it, again.") from error


def _columns(path: Path) -> tuple[dict[str, torch.Tensor], dict[str, tuple[str, ...]]]:
    attributes: dict[str, torch.Tensor] = {}
    labels: dict[str, tuple[str, ...]] = {}
    with pq.ParquetFile(path, memory_map=True) as file:
        schema, agents = file.schema_arrow, file.metadata.num_rows
        names = [name for name in schema.names if name not in _index_of_pandas(schema)]
        unique_entries("column", names)
        fits_in_memory(f"{agents:.3g} agents in {path.name}", agents * sum(map(_width, schema.types)))
        for name in names:
            column = file.read(columns=[name]).column(0)
            if column.null_count:
                raise ValueError(f"column {name!r} has {column.null_count} missing values: fill or drop them.")
            kind = column.type
            if pa.types.is_dictionary(kind) or pa.types.is_string(kind) or pa.types.is_large_string(kind):
                attributes[name], labels[name] = _classes(column)
            elif pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_boolean(kind):
                dtype = computable(name, np.empty(0, dtype=kind.to_pandas_dtype())).dtype
                chunks = (computable(name, chunk.to_numpy(zero_copy_only=False)) for chunk in column.chunks)
                attributes[name] = _joined(chunks, agents, dtype)
            else:
                raise ValueError(
                    f"column {name!r} is of type {kind}, neither numbers nor text: convert it, for example "
                    "a date to a number of days, or leave it out."
                )
    return attributes, labels


def _classes(column: pa.ChunkedArray) -> tuple[torch.Tensor, tuple[str, ...]]:
    text = not pa.types.is_dictionary(column.type)
    column = (column.dictionary_encode() if text else column).unify_dictionaries()
    found = [str(label) for label in column.chunk(0).dictionary.to_pylist()] if column.num_chunks else []
    # Text has no order of its own: alphabetical, as `Population.from_frame` does it. A dictionary keeps its order.
    labels = sorted(found) if text else found
    small = np.dtype(np.uint8 if len(labels) <= 256 else np.int32)
    position = {label: code for code, label in enumerate(labels)}
    code = np.array([position[label] for label in found], dtype=small)
    return _joined((code[chunk.indices.to_numpy()] for chunk in column.chunks), len(column), small), tuple(labels)


def _joined(chunks: Iterator[np.ndarray], agents: int, dtype: np.dtype) -> torch.Tensor:
    values, begin = np.empty(agents, dtype=dtype), 0
    for array in chunks:
        values[begin : begin + len(array)] = array
        begin += len(array)
    return torch.from_numpy(values)


def _width(kind: pa.DataType) -> int:
    """Bytes an agent, at least; a dictionary column is read with codes of four bytes."""
    return 4 if pa.types.is_dictionary(kind) or not pa.types.is_primitive(kind) else max(kind.bit_width // 8, 1)


def _index_of_pandas(schema: pa.Schema) -> set[str]:
    """Columns that pandas wrote for the row names of a table; a population has none."""
    stored = json.loads((schema.metadata or {}).get(b"pandas", b"{}"))
    return {name for name in stored.get("index_columns", []) if isinstance(name, str)}
