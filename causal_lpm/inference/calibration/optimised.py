"""Methods "svi" and "gradient": optimisers. They give a proposal or a point, which is never called a posterior."""

import math
from collections.abc import Callable, Mapping
from typing import Any

import pyro
import pyro.distributions as dist
import torch
from pyro.infer import SVI, Trace_ELBO
from pyro.infer.autoguide import AutoIAFNormal, AutoMultivariateNormal, AutoNormal
from pyro.optim import ClippedAdam

from causal_lpm.handlers import KeyedNoise, MeanField
from causal_lpm.inference.calibration.plan import Plan
from causal_lpm.inference.calibration.point import PointCalibration, point_calibration
from causal_lpm.inference.calibration.result import CalibrationResult
from causal_lpm.inference.diagnostics.convergence import khat_gate
from causal_lpm.inference.diagnostics.report import Report
from causal_lpm.inference.program.labels import arrays, coords_of, dates_of, labels_of, scales_of
from causal_lpm.inference.program.luck import joint_and_luck
from causal_lpm.inference.program.problem import Problem
from causal_lpm.inference.program.program import Model
from causal_lpm.inference.program.series import numbers_of
from causal_lpm.inference.results.calibration_tree import About, TreeLabels, build_tree
from causal_lpm.inference.runs.seeds import replicate_seed
from causal_lpm.validate import fits_in_time, known, whole_number

__all__ = ["GUIDES", "optimise_by_gradient", "optimise_by_svi", "variational"]

GUIDES = {"AutoNormal": AutoNormal, "AutoMultivariateNormal": AutoMultivariateNormal, "AutoIAF": AutoIAFNormal}
"""Name -> Pyro's automatic guide."""

GRADIENT = {"steps": 500, "learning_rate": 0.05}  # enough for parameters of order one, wherever they begin


def optimise_by_svi(problem: Problem, plan: Plan) -> CalibrationResult:
    """Draws of a guide; settings are `guide`, `steps`, `learning_rate`, `particles`."""
    _check_luck(problem, plan.settings)
    told = plan.told("optimising")
    z, log_weights, losses = variational(problem, plan.seed, plan.draws, progress=told, **plan.settings)
    # A draw without a density weighs nothing.
    log_weights = log_weights.double().nan_to_num(-math.inf, math.inf, -math.inf)
    return _result("svi", problem, plan, z, losses, Report((khat_gate(log_weights.numpy()),)))


def _check_luck(problem: Problem, settings: Mapping[str, Any]) -> None:
    """Raises ValueError where particles side by side would take the place of simulated agents."""
    if problem.surrogate is not None or problem.agents == 1 or settings.get("particles", 2) == 1:
        return
    z, data = problem.draw(2, 0), problem.repeated(2)
    with torch.no_grad():
        _, lucky = joint_and_luck(problem, z, data)
    if lucky:
        raise ValueError(
            "method 'svi' needs a differentiable program without the luck of simulated agents: give surrogate= (an ODE "
            "with the same parameters and data sites, or the model under MeanField), or choose method='npe'."
        )


def optimise_by_gradient(problem: Problem, plan: Plan) -> CalibrationResult:
    """One point; settings are those of `point_calibration`.

    It trains the networks of the model (`pyro.module`), and keeps the deterministic sites that depend on them in the
    posterior group.
    """
    program = problem.surrogate or problem.model
    if not problem.parameters:
        _check_named(program)
    settings = {**GRADIENT, **plan.settings}
    observed = numbers_of({**problem.data, **problem.terms})
    point = point_calibration(program, observed, seed=plan.seed, progress=plan.told("optimising"), **settings)
    latent = problem.coordinates.parameters
    values = {p.name: point.parameters[p.name].reshape(1, *p.batch, *p.event) for p in latent}
    z = problem.unconstrain(values).detach() if values else torch.zeros(1, 0)
    return _result("gradient", problem, plan, z, torch.tensor(point.losses), Report(), point)


def _result(
    method: str,
    problem: Problem,
    plan: Plan,
    z: torch.Tensor,
    losses: torch.Tensor,
    report: Report,
    point: PointCalibration | None = None,
) -> CalibrationResult:
    generated = {} if point is None else {name: value[None] for name, value in point.generated.items()}
    tree = build_tree(
        About(method, "optimised", plan.seed, 0, 0),
        arrays(problem.constrain(z[:, : problem.size]) | generated),
        log_prior=arrays({"log_prior": problem.log_prior(z[:, : problem.size])}) if problem.parameters else None,
        prior=arrays(problem.constrain(problem.draw(max(plan.draws, 2), plan.seed))),
        observed_data=numbers_of(problem.data),
        terms=numbers_of(problem.terms),
        nuisances=arrays({p.name: problem.constrain(z)[p.name] for p in problem.nuisances}),
        labels=TreeLabels(
            coords=coords_of(problem),
            groups=labels_of(problem, plan.groups),
            dates=dates_of(problem),
            scales=scales_of(problem),
            tables=problem.tables,
        ),
        diagnostics=report.to_dataset() if report.gates else None,
    )
    known = losses[losses.isfinite()]
    tree.attrs["loss"] = float(known.min()) if len(known) else math.nan
    for name in generated:
        tree["posterior"][name].attrs["generated"] = 1
    return CalibrationResult(tree, report, problem, point=point)


def _check_named(program: Model) -> None:
    """Raises ValueError where a result would have nothing to show of a network."""
    with pyro.get_param_store().scope(), torch.random.fork_rng(devices=[]), KeyedNoise(0), MeanField():
        nodes = dict[str, Any](pyro.poutine.trace(program).get_trace().nodes)
    sites = [node for node in nodes.values() if node["type"] == "sample" and node["infer"].get("_deterministic")]
    if not any(node["value"].requires_grad for node in sites):
        raise ValueError(
            "the model has no parameters, neither pyro.sample sites nor anything that a network generates: name the "
            "latter, as in pyro.deterministic('R_t', value), so that the result can show it."
        )


def _own_site(trace: Any) -> torch.Tensor:
    """What a guide drew for the parameters; ValueError where it has no site for them."""
    if "z" not in trace.nodes:
        raise ValueError(
            f"the guide has the sites {', '.join(trace.stochastic_nodes)} and none is 'z': draw all parameters there, "
            "as in pyro.sample('z', dist.Normal(location, scale).to_event(1))."
        )
    z: torch.Tensor = trace.nodes["z"]["value"]
    return z


def variational(
    problem: Problem,
    seed: int,
    draws: int,
    guide: str | Callable[..., Any] = "AutoMultivariateNormal",
    steps: int = 1000,
    learning_rate: float = 0.03,
    particles: int = 4,
    progress: Callable[[int, int], None] | None = None,
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Draws of the guide `[draws, size]`, their log importance weights, and the loss of every step.

    A guide is a name of `GUIDES`, or a function that is given the program and returns a guide: one of Pyro's automatic
    guides, or a function of your own with the site `z`, `[size]`, all parameters without constraints.
    """
    if not callable(guide):
        known("guide", guide, GUIDES)
    steps = whole_number("steps", steps)
    fits_in_time(f"{steps} steps", 50.0 * steps)  # each runs the model
    if guide == "AutoIAF" and problem.coordinates.size < 2:
        raise ValueError(
            f"guide 'AutoIAF' needs at least two parameters, the model has {problem.size}: give 'AutoNormal'."
        )
    data, size = problem.repeated(1), problem.coordinates.size
    luck = [seed]

    def joint(z: torch.Tensor) -> torch.Tensor:
        repeated = {name: values.expand(len(z), *values.shape[1:]) for name, values in data.items()}
        density = problem.log_joint(z, repeated, seed=luck[0])
        return density + problem.prior.log_terms(z)[1] if problem.terms else density

    def program() -> None:
        # Masked: the prior of z is part of the joint density.
        z = pyro.sample("z", dist.Normal(0.0, 1.0).expand((size,)).to_event(1).mask(False))
        density = joint(z.reshape(-1, size))
        pyro.factor("joint", density.reshape(z.shape[:-1]))

    with torch.random.fork_rng(devices=[]), pyro.get_param_store().scope():
        torch.manual_seed(seed)
        start = pyro.infer.autoguide.init_to_value(values={"z": torch.zeros(size)})
        options = {} if callable(guide) or guide == "AutoIAF" else {"init_scale": 0.2, "init_loc_fn": start}
        auto = guide(program) if callable(guide) else GUIDES[guide](program, **options)
        decay = 0.05 ** (1 / steps)
        optimiser = ClippedAdam({"lr": learning_rate, "lrd": decay, "clip_norm": 50.0})
        elbo = Trace_ELBO(num_particles=particles, vectorize_particles=particles > 1, max_plate_nesting=0)
        svi = SVI(program, auto, optimiser, elbo)
        losses = []
        for step in range(steps):
            luck[0] = replicate_seed(seed, step)  # fresh luck of the agents at every step
            losses.append(float(svi.step()))
            if progress is not None and (step + 1) % 50 == 0:
                progress(step + 1, steps)
        with torch.no_grad():
            plate = pyro.plate("draws", draws, dim=-1)
            with plate, pyro.poutine.trace() as traced:
                auto()
            z = _own_site(traced.trace).reshape(draws, size)
            traced.trace.compute_log_prob()
            sites = [traced.trace.nodes[name] for name in traced.trace.stochastic_nodes]
            log_q = torch.stack([site["log_prob"].reshape(-1) for site in sites if site["name"] != "draws"]).sum(0)
            weights = joint(z) - log_q
    return z.detach(), weights.detach(), torch.tensor(losses)
