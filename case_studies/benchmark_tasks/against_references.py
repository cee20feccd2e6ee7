"""The SIR and Lotka-Volterra tasks of sbibm: how far our posteriors are from the reference, by C2ST.

C2ST is the accuracy of a classifier that tells our draws from the reference's: 0.5 is perfect, 1 is useless. Methods
that use the gradient of a known likelihood are not black-box and are labelled: the surrogate of "svi+npe" has one here.
"""

from dataclasses import asdict, dataclass
from types import ModuleType
from typing import Any

import torch

from case_studies.benchmark_tasks import lotka_volterra, sir
from case_studies.benchmark_tasks.references import OBSERVATIONS, observation, reference
from causal_lpm.inference import Training, fit

__all__ = ["TASKS", "Distance", "distances", "rows"]

TASKS: dict[str, ModuleType] = {"sir": sir, "lotka_volterra": lotka_volterra}

LABELS = {
    "svi+npe": "svi+npe, our default (guides use the gradient of a surrogate's likelihood)",
    "npe": "npe, sbi's as it comes (black box)",
    "svi": "svi (known likelihood, not black-box)",
}
AT_ONCE = 2500
SVI = {"steps": 200, "at_once": 5000}


@dataclass(frozen=True)
class Distance:
    """How far a posterior is from the reference.

    Attributes:
        task: Of sbibm.
        method: As given to `fit`.
        label: What it may use.
        simulations: Budget.
        observation: Number.
        c2st: Accuracy of the classifier, 0.5 to 1.
    """

    task: str
    method: str
    label: str
    simulations: int
    observation: int
    c2st: float


def distances(
    task: str, method: str, budget: int, numbers: tuple[int, ...] = OBSERVATIONS, seed: int = 0
) -> list[Distance]:
    """C2ST of each observation against 1,000 draws of its reference posterior.

    Args:
        task: A key of `TASKS`.
        method: "svi+npe", "npe" or "svi".
        budget: Simulations; "svi" needs none.
        numbers: Observations.
        seed: Determines every number.
    """
    from sbi.utils.metrics import c2st

    module = TASKS[task]
    found = []
    shared: Any = None
    for number in numbers:
        data = {module.SITE: observation(task, number)}
        if method == "npe" and shared is not None:
            draws = _of(shared, data, seed)  # one network answers for all
        else:
            result = _fit(module, data, method, budget, seed)
            shared = result
            draws = torch.stack(list(result.parameters().values()), -1)
        other = torch.as_tensor(reference(task, number), dtype=torch.float32)
        found.append(Distance(task, method, LABELS[method], budget, number, float(c2st(draws, other, seed=seed + 1))))
    return found


def _fit(module: ModuleType, data: dict[str, Any], method: str, budget: int, seed: int) -> Any:
    ours = method != "npe"
    settings = {"svi+npe": SVI, "svi": {"steps": 1000}, "npe": {}}[method]
    return fit(
        module.model,
        data,
        method,
        surrogate=module.surrogate if ours else None,
        budget=budget,
        gate=0,
        seed=seed,
        batch=min(AT_ONCE, max(budget // 2, 1)),
        second_round=ours,
        ensemble=3 if ours else 1,
        settings=settings,
        training=Training(batch=100 if budget < 2_000 else 250),
    )


def _of(result: Any, data: dict[str, Any], seed: int) -> torch.Tensor:
    z = result.posterior.given({name: values[None] for name, values in data.items()}).sample(1000, seed)[:, 0]
    return torch.stack(list(result.problem.constrain(z).values()), -1)


def rows(found: list[Distance]) -> list[dict[str, object]]:
    """As plain numbers, for JSON."""
    return [asdict(distance) for distance in found]
