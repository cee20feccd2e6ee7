"""A posterior with its networks beside the file of a result, so that a loaded result answers for other data sets.

The file is a pickle, which runs code as it is read: load none that you have not made, or do not trust.
"""

from pathlib import Path
from typing import Any

import cloudpickle

from causal_lpm.inference.posteriors.posterior import Posterior
from causal_lpm.inference.program.problem import Problem
from causal_lpm.whole_files import write_whole

__all__ = ["keep_posterior", "kept_posterior", "posterior_file"]

SUFFIX = ".posterior"


def posterior_file(path: Path) -> Path:
    """Where the posterior of a result at `path` lies.

    >>> posterior_file(Path("results/flu.nc")).as_posix()
    'results/flu.posterior'
    """
    return path.with_suffix(SUFFIX)


def keep_posterior(problem: Problem | None, posterior: Posterior | None, path: Path) -> None:
    """Writes a posterior and what it was asked beside a result, whole or not at all.

    Raises:
        ValueError: a result without a posterior for other data; one whose program cannot be written.
    """
    if problem is None or posterior is None:
        raise ValueError("this result answers for no other data: there is no posterior to keep beside it.")
    try:
        text = cloudpickle.dumps((problem, posterior))
    except (AttributeError, TypeError) as error:
        raise ValueError(f"the posterior cannot be written ({error}): define the model in a module.") from error
    write_whole(posterior_file(path), lambda file: file.write_bytes(text))


def kept_posterior(path: Path) -> tuple[Problem, Posterior]:
    """What `keep_posterior` wrote.

    Raises:
        FileNotFoundError: there is nothing.
    """
    file = posterior_file(path)
    if not file.is_file():
        raise FileNotFoundError(f"there is no posterior at {file}: save the result with posterior=True.")
    found: Any = cloudpickle.loads(file.read_bytes())
    problem, posterior = found
    return problem, posterior
