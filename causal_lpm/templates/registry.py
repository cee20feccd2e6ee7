"""Templates by name: each is a module of this folder with a function of its name, and an ODD beside it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from importlib import import_module
from inspect import signature
from pathlib import Path
from typing import Any

from causal_lpm.validate import known

__all__ = ["Template", "load_template", "template_names"]

FOLDER = Path(__file__).parent
FIRST = ("population", "days")
"""Arguments of every template that are no parameters."""


@dataclass(frozen=True)
class Template:
    """A model of the package.

    Attributes:
        name: As `create` takes it, such as "two-strain".
        function: `function(population, days, **parameters)`, which returns its `Rollout`.
        units: Tally -> "new" (counted on the day on which it happens) or "stock" (how many there are at its end).
        inhabitants: `inhabitants(agents, seed)`, the population that it brings along; None where one must be given.
    """

    name: str
    function: Callable[..., Any]
    units: Mapping[str, str]
    inhabitants: Callable[[int | None, int], Any] | None = None

    @cached_property
    def title(self) -> str:
        """One sentence."""
        return (self.function.__doc__ or "").strip().partition("\n")[0]

    @cached_property
    def odd(self) -> str:
        """Its description after the ODD protocol, as Markdown."""
        return _odd(self.name.replace("-", "_")).read_text(encoding="utf-8")

    @cached_property
    def parameters(self) -> dict[str, Any]:
        """Parameter -> its default."""
        found = signature(self.function).parameters.items()
        return {name: each.default for name, each in found if name not in FIRST}


def template_names() -> list[str]:
    """The names of all templates; nothing is imported.

    >>> "seir" in template_names()
    True
    """
    modules = [path.stem for path in FOLDER.glob("*.py")]
    return sorted(name.replace("_", "-") for name in modules if _odd(name).exists())


def load_template(name: str) -> Template:
    """The template of this name.

    Raises:
        ValueError: there is none.

    >>> load_template("seir").units["infectious"]
    'stock'
    >>> load_template("seirr")
    Traceback (most recent call last):
    ValueError: unknown template 'seirr': did you mean 'seir'?
    """
    known("template", name, template_names())
    module_name = name.replace("-", "_")
    module = import_module(f"{__package__}.{module_name}")
    return Template(name, getattr(module, module_name), module.UNITS, getattr(module, "inhabitants", None))


def _odd(module: str) -> Path:
    return FOLDER / "odd" / f"{module}.md"
