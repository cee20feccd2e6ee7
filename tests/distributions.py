"""Distributions that stand on the path with their entry points, as if they were installed."""

from pathlib import Path

__all__ = ["install"]


def install(site: Path, name: str, entry_points: str) -> Path:
    """Writes the metadata of a distribution into a folder of the path, and returns the folder.

    Args:
        site: The folder; made if need be.
        name: Of the distribution.
        entry_points: As in `entry_points.txt`.
    """
    metadata = site / f"{name.replace('-', '_')}-1.0.dist-info"
    metadata.mkdir(parents=True)
    (metadata / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text(entry_points)
    return site
