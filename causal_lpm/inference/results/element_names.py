"""Names of the elements of a parameter."""

import itertools
from collections.abc import Sequence

__all__ = ["element_names"]


def element_names(name: str, shape: Sequence[int]) -> list[str]:
    """`name`, or `name[0]`, `name[1]` and so on where it has a shape.

    >>> element_names("beta", ()), element_names("rate", (1, 2))
    (['beta'], ['rate[0,0]', 'rate[0,1]'])
    """
    if not shape:
        return [name]
    return [f"{name}[{','.join(map(str, at))}]" for at in itertools.product(*map(range, shape))]
