"""Vega, Vega-Lite and Vega-Embed as one text of JavaScript, made by vl-convert without any request."""

import functools
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from typing import Any

from causal_lpm.extras import installing
from causal_lpm.whole_files import WriteError, write_whole

__all__ = ["altair", "bundle", "check_installed", "svg"]


def altair() -> Any:
    """The module; its own types refuse much of what its pages show."""
    return import_module("altair")


def check_installed() -> None:
    """Raises ModuleNotFoundError where the charts of a page cannot be made."""
    try:
        for name in ("altair", "vl_convert"):
            import_module(name)
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            f"a page needs {error.name}: install the extra 'pages', {installing('pages')}."
        ) from error


@functools.cache
def bundle() -> str:
    """The libraries, which set `vegaEmbed`; made in some seconds, and kept in the user's cache."""
    import pooch

    file = Path(pooch.os_cache("causal-lpm")) / f"charts-{version('vl-convert-python')}.js"
    if file.is_file():
        return file.read_text(encoding="utf-8")
    # In a function of its own: its short names, `$` among them, are other libraries' in a page.
    text = f"(function () {{\n{import_module('vl_convert').javascript_bundle()}\n}})();\n"
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        write_whole(file, lambda path: path.write_text(text, encoding="utf-8"))
    except (WriteError, OSError):  # it is only kept to be faster
        pass
    return text


def svg(specification: dict[str, object]) -> str:
    """The chart as it is drawn at first, for paper."""
    return str(import_module("vl_convert").vegalite_to_svg(specification, allowed_base_urls=[]))
