"""Is everything there that a run needs? Versions, threads, GPUs, extras, data and studies."""

import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, files, version
from pathlib import Path

from causal_lpm.extras import installing
from causal_lpm.inference.studies.catalogue import installed_studies, load_study

__all__ = ["Finding", "examine"]

NEEDED = (
    "pyro-ppl",
    "chirho",
    "torch",
    "torchdiffeq",
    "scipy",
    "numpy",
    "pandas",
    "xarray",
    "h5netcdf",
    "h5py",
    "pyarrow",
    "pooch",
    "typer",
    "rich",
)
DATA_FOLDER = "CAUSAL_LPM_DATA"  # `causal_lpm.data.FOLDER_VARIABLE`, without pandas
GPU_DRIVERS = ("/dev/nvidiactl", "/dev/kfd", "/dev/dxg")  # NVIDIA's, AMD's, Windows' for Linux
TESTED = {"torch": "2.13.0", "chirho": "0.3.0"}
EXTRAS = {
    "numba": ("fast", "several times faster on CPUs"),
    "triton": ("gpu", "the kernels of GPUs, tried on a CPU; torch for CUDA brings its own"),
    "sbi": ("inference", "neural posteriors, the default of calibrate"),
    "six": ("inference", "what sbi imports without saying so"),
    "arviz": ("inference", "ArviZ's tables and plots of results"),
    "zarr": ("inference", "results as Zarr folders"),
    "distributed": ("cluster", "Dask's worker processes, on many machines too"),
    "ray": ("cluster", "Ray's worker processes, on many machines too"),
    "matplotlib": ("plots", "charts"),
    "anthropic": ("llm", "asking a language model; recorded answers need nothing"),
    "cryptography": ("private", "runs of several parties on secret shares"),
    "altair": ("pages", "interactive charts of a report"),
    "vl-convert-python": ("pages", "reports that ask nothing of other hosts"),
    "shiny": ("pages", "pages to explore a simulation"),
    "selenium": ("test", "tests of the pages in a browser"),
}
"""Package -> its extra, and what it gives; those of `docs` and `dev` are no part of a run."""
CRYPTEN = "0.4.1"
STRAY = ("benchmarks", "configs", "examples", "test")


@dataclass(frozen=True)
class Finding:
    """One thing looked at: what was found, and whether runs are possible with it (`ok`)."""

    what: str
    found: str
    ok: bool = True


def examine() -> list[Finding]:
    """Looks at everything; what is missing and needed has `ok=False`."""
    return [*_software(), *_machine(), *_data(), *_studies()]


def _software() -> Iterator[Finding]:
    python = ".".join(map(str, sys.version_info[:3]))
    yield Finding("python", python, sys.version_info >= (3, 11))
    for package in NEEDED:
        found = _version(package)
        if found is None:
            yield Finding(package, "missing: install the package with its dependencies", ok=False)
        elif package in TESTED and found.split("+")[0] != TESTED[package]:
            yield Finding(package, f"{found}, not the tested {TESTED[package]}: numbers may differ")
        else:
            yield Finding(package, found)
    for package, (extra, use) in EXTRAS.items():
        # The version of a package does not import it: numba and matplotlib take seconds.
        yield Finding(package, _version(package) or f"not installed ({use}): {installing(extra)}")
    yield Finding("crypten", _crypten())


def _crypten() -> str:
    """CrypTen, whose wheel brings top-level packages of names that others have, too."""
    found = _version("crypten")
    if found is None:
        return "not installed; only the share layer CrypTen needs it: make venv-private"
    stray = {file.parts[0] for file in files("crypten") or [] if Path(str(file.locate())).exists()} & set(STRAY)
    if stray:
        return f"{found}, with packages named {', '.join(sorted(stray))} of its wheel: python .ci/crypten_alone.py"
    return found if found == CRYPTEN else f"{found}, not the tested {CRYPTEN}: make venv-private"


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _machine() -> Iterator[Finding]:
    threads = os.environ.get("OMP_NUM_THREADS")
    said = "" if threads is None else f", OMP_NUM_THREADS={threads}"
    yield Finding("cores", f"{os.cpu_count()}{said}")
    yield Finding("CUDA", ", ".join(_gpus()) or "no GPU; runs use the CPU")


def _gpus() -> list[str]:
    """The GPUs that torch sees; where Linux has no driver of one, torch need not be loaded to know."""
    if sys.platform == "linux" and not any(Path(driver).exists() for driver in GPU_DRIVERS):
        return []
    import torch

    return [torch.cuda.get_device_name(index) for index in range(torch.cuda.device_count())]


def _data() -> Iterator[Finding]:
    folder = os.environ.get(DATA_FOLDER)
    if folder is None:
        yield Finding(DATA_FOLDER, "not set; needed only for data sets larger than those of the case studies")
    else:
        there = Path(folder).is_dir()
        yield Finding(DATA_FOLDER, folder if there else f"{folder} is not a folder", there)


def _studies() -> Iterator[Finding]:
    names = list(installed_studies())
    if not names:
        yield Finding("studies", "none: install the package with pip", ok=False)
    for name in names:
        try:
            load_study(name)
        except ValueError as error:
            yield Finding(f"study {name}", str(error), ok=False)
        else:
            yield Finding(f"study {name}", "ready")
