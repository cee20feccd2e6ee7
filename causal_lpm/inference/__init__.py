"""Experiments with studies: run them, keep them, estimate, tabulate and draw; calibration; sensitivity."""

from causal_lpm.inference.calibration import CalibrationResult, fit
from causal_lpm.inference.gradients.gradient_check import GradientCheck, check_gradient, finite_differences
from causal_lpm.inference.gradients.sensitivity import sensitivity
from causal_lpm.inference.results.estimands import Estimate, SignTurn, died_out, effects, per_100k, sign_turn, totals
from causal_lpm.inference.runs.seeds import replicate_seed
from causal_lpm.inference.studies.experiment import ReplicateError, run_experiment
from causal_lpm.inference.studies.json_file import to_json
from causal_lpm.inference.studies.study import (
    Options,
    Policy,
    References,
    Study,
    Worlds,
    installed_studies,
    load_study,
)
from causal_lpm.inference.studies.study_tree import load, save

__all__ = [
    "CalibrationResult",
    "Estimate",
    "GradientCheck",
    "Options",
    "Policy",
    "References",
    "ReplicateError",
    "SignTurn",
    "Study",
    "Worlds",
    "check_gradient",
    "died_out",
    "effects",
    "finite_differences",
    "fit",
    "installed_studies",
    "load",
    "load_study",
    "per_100k",
    "replicate_seed",
    "run_experiment",
    "save",
    "sensitivity",
    "sign_turn",
    "to_json",
    "totals",
]
