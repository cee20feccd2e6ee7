"""The study as the command line knows it; everything heavy is imported when it is called."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from causal_lpm.inference import ReproducedStudy, Reproduction, known

__all__ = ["study"]


def reproduce(out: Path, *, quick: bool, seed: int, workers: int, say: Callable[[str], None], **given: Any) -> str:
    """Calibrates, differentiates, forecasts the summer, and compares closures."""
    from case_studies.london import reproduction

    return reproduction.reproduce(out, quick=quick, seed=seed, workers=workers, say=say, **given)


def with_files(options: Mapping[str, str | float]) -> Reproduction:
    """The same with deaths from a file, which is checked at once."""
    from functools import partial

    from case_studies.london.deaths import daily_deaths

    for name in options:
        known("option", name, ("deaths",))
    files: dict[str, Any] = {name: Path(str(file)) for name, file in options.items()}
    for file in files.values():
        if not file.is_file():
            raise ValueError(f"the file of deaths {file} does not exist, or is a folder.")
        daily_deaths(file)
    return partial(reproduce, **files)


study = ReproducedStudy(
    "london",
    "What infections by age and borough depend on, and which closure helps whom (London, spring 2020)",
    "UK Government dashboard; Office for National Statistics; question of Quera-Bofarull et al., AAMAS 2023",
    ("infections", "deaths"),
    reproduce,
    with_options=with_files,
)
