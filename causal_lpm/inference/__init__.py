"""Experiments with studies: run them, keep them, estimate, tabulate and draw."""

from causal_lpm.inference.estimands import Estimate, SignTurn, died_out, effects, per_100k, sign_turn, totals
from causal_lpm.inference.experiment import ReplicateError, run_experiment
from causal_lpm.inference.json_file import to_json
from causal_lpm.inference.results import load, save
from causal_lpm.inference.seeds import replicate_seed
from causal_lpm.inference.study import (
    Contrast,
    Options,
    Policy,
    Setting,
    Study,
    installed_studies,
    load_study,
)

__all__ = [
    "Contrast",
    "Estimate",
    "Options",
    "Policy",
    "ReplicateError",
    "Setting",
    "SignTurn",
    "Study",
    "died_out",
    "effects",
    "installed_studies",
    "load",
    "load_study",
    "per_100k",
    "replicate_seed",
    "run_experiment",
    "save",
    "sign_turn",
    "to_json",
    "totals",
]
