"""The lowest versions that pyproject.toml allows, as constraints for pip: what users may have, and what must work.

python tests/lowest_versions.py fast inference      # of the core and these extras, one a line
"""

import re
import sys
import tomllib
from pathlib import Path

PROJECT = Path(__file__).parent.parent / "pyproject.toml"
REQUIREMENT = re.compile(r"(?P<name>[\w.-]+)(\[[\w,-]+\])?(?P<versions>[^;]*)(;.*)?")


def lowest(requirement: str) -> str | None:
    """`name==version` of the lower bound in a requirement; None where it has none.

    >>> lowest("h5netcdf[h5py]>=1.8,<2")
    'h5netcdf==1.8'
    >>> lowest("six") is None
    True
    """
    found = REQUIREMENT.fullmatch(requirement.replace(" ", ""))
    if found is None:
        raise ValueError(f"{requirement!r} is not a requirement that this script reads: teach it.")
    bounds = [bound.removeprefix(">=") for bound in found["versions"].split(",") if bound.startswith(">=")]
    return f"{found['name']}=={bounds[0]}" if bounds else None


def constraints(*extras: str) -> list[str]:
    """The lowest versions of the core and of some extras."""
    project = tomllib.loads(PROJECT.read_text())["project"]
    groups = [project["dependencies"], *(project["optional-dependencies"][extra] for extra in extras)]
    return [pin for group in groups for requirement in group if (pin := lowest(requirement)) is not None]


if __name__ == "__main__":
    sys.stdout.write("\n".join(constraints(*sys.argv[1:])) + "\n")
