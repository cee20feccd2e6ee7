"""Writes a study that works at once, for its author to change."""

import keyword
import os
from importlib.util import find_spec
from pathlib import Path

from causal_lpm.simulations.study_files import FILES
from causal_lpm.whole_files import write_new

__all__ = ["new_study"]


def new_study(name: str, folder: str | os.PathLike[str] = ".") -> list[Path]:
    """A package of this name with a model, policies, data, a test, and the study that `causal-lpm` runs.

    Args:
        name: Of the package: a name of Python, such as `my_study`.
        folder: Where the package is put.

    Returns:
        The files.

    Raises:
        ValueError: a name that Python cannot import, or that another package has.
        FileExistsError: there is something of this name already; nothing is written.
        FileNotFoundError: there is no such folder.

    >>> new_study("my-study")
    Traceback (most recent call last):
    ValueError: the name 'my-study' cannot be imported: give letters, digits and _, as in my_study.
    """
    if not name.isidentifier() or keyword.iskeyword(name):
        example = "".join(letter if letter.isalnum() else "_" for letter in name.lower()).strip("_")
        example = example if example.isidentifier() and not keyword.iskeyword(example) else "my_study"
        raise ValueError(f"the name {name!r} cannot be imported: give letters, digits and _, as in {example}.")
    package = Path(folder) / name
    if not package.parent.is_dir():
        raise FileNotFoundError(f"the folder {package.parent} is not there: make it, or give another one.")
    if package.exists() or package.is_symlink():
        raise FileExistsError(f"{package} is there already, and nothing is written over: give another name.")
    if find_spec(name) is not None:
        raise ValueError(f"the name {name!r} is that of a package of Python's: give another one, as in my_{name}.")
    package.mkdir()
    written = []
    for file, text in FILES.items():
        path = package / file.replace("NAME", name)
        content = text.replace("NAME", name)
        write_new(path, lambda temporary, content=content: temporary.write_text(content, encoding="utf-8"))  # type: ignore[misc]
        written.append(path)
    return written
