"""Parts of a reproduction, each in a file of its own, from which a run that was stopped goes on."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

__all__ = ["kept_part"]


def kept_part(file: Path, computed: Callable[[], Any]) -> Any:
    """The plain numbers of a part: read, or computed and kept; wherever a run is stopped, no half file is left.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     file = Path(folder) / "part.json"
    ...     kept_part(file, lambda: [1, 2]), kept_part(file, lambda: "never asked")
    ([1, 2], [1, 2])
    """
    if not file.exists():
        text = json.dumps(computed(), indent=1) + "\n"
        draft = file.with_name(f".{file.name}.draft")
        draft.write_text(text, encoding="utf-8")
        draft.replace(file)
    return json.loads(file.read_text(encoding="utf-8"))
