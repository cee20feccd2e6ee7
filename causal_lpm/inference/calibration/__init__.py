"""Calibration: what data say about a model, with diagnostics that can say no."""

from causal_lpm.inference.calibration.fit import fit
from causal_lpm.inference.calibration.methods import METHODS
from causal_lpm.inference.calibration.point import PointCalibration, point_calibration
from causal_lpm.inference.calibration.result import CalibrationResult
from causal_lpm.inference.policies.effects import effects
from causal_lpm.inference.policies.predictive import predict
from causal_lpm.inference.policies.ranking import rank_policies
from causal_lpm.inference.policies.summaries import summarise
from causal_lpm.inference.posteriors.neural import Training
from causal_lpm.inference.program.problem import Problem
from causal_lpm.inference.results.arviz import to_arviz
from causal_lpm.inference.results.calibration_tree import build_tree
from causal_lpm.inference.runs.executors import RayExecutor
from causal_lpm.inference.runs.simulation_set import SimulationSet, Simulator, simulate_set

__all__ = [
    "METHODS",
    "CalibrationResult",
    "PointCalibration",
    "Problem",
    "RayExecutor",
    "SimulationSet",
    "Simulator",
    "Training",
    "build_tree",
    "effects",
    "fit",
    "point_calibration",
    "predict",
    "rank_policies",
    "simulate_set",
    "summarise",
    "to_arviz",
]
