"""Removes what CrypTen's wheel installs beside CrypTen: the top-level packages benchmarks, configs, examples and test.

python .ci/crypten_alone.py      # in the environment into which CrypTen was installed
"""

import sys
from importlib.metadata import PackageNotFoundError, files
from pathlib import Path

STRAY = ("benchmarks", "configs", "examples", "test")


def main() -> int:
    """Removes the files that CrypTen's own list names, and folders that are empty then: nobody else's."""
    try:
        own = [file for file in files("crypten") or [] if file.parts[0] in STRAY]
    except PackageNotFoundError:
        sys.stderr.write("CrypTen is not installed: pip install --no-deps crypten==0.4.1\n")
        return 1
    places = [Path(str(file.locate())) for file in own]
    for place in places:
        place.unlink(missing_ok=True)
    for folder in sorted({parent for place in places for parent in place.parents if parent.exists()}, reverse=True):
        inside = set(folder.parts) & set(STRAY)
        if inside and all(child.name == "__pycache__" for child in folder.iterdir()):
            for compiled in folder.rglob("*.pyc"):
                compiled.unlink()
            for cache in folder.glob("__pycache__"):
                cache.rmdir()
            folder.rmdir()
    return 0


if __name__ == "__main__":
    sys.exit(main())
