"""How the optional packages of an extra are installed, in a command that works where this package came from."""

import json
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import url2pathname

__all__ = ["installing"]

NAME = "causal-lpm"
CHECKOUT = Path(__file__).parent.parent


def installing(extra: str) -> str:
    """The command that installs an extra: from a checkout, from the repository it came from, or from an index.

    Args:
        extra: Its name, such as `"inference"`.

    Example:
        >>> installing("plots").startswith("pip install ")
        True
    """
    try:
        origin = json.loads(distribution(NAME).read_text("direct_url.json") or "{}")
    except PackageNotFoundError:
        origin = {}
    address = str(origin.get("url", ""))
    if (CHECKOUT / "pyproject.toml").is_file():  # also where a checkout is used without being installed
        return f"pip install -e '{CHECKOUT}[{extra}]'"
    if address.startswith("file:"):
        return f"pip install '{url2pathname(urlsplit(address).path)}[{extra}]'"
    if "vcs_info" in origin:
        found = origin["vcs_info"]
        return f"pip install '{NAME}[{extra}] @ {found['vcs']}+{address}@{found['commit_id']}'"
    return f"pip install '{NAME}[{extra}]'"
