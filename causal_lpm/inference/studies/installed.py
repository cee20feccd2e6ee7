"""What is installed in a group of entry points."""

from importlib.metadata import EntryPoint, entry_points

__all__ = ["installed"]


def installed(group: str) -> dict[str, EntryPoint]:
    """Name -> entry point of everything in a group, by name; nothing is imported.

    Of two of one name the first on the path counts, as for modules.
    """
    found: dict[str, EntryPoint] = {}
    for point in entry_points(group=group):
        found.setdefault(point.name, point)
    return dict(sorted(found.items()))
