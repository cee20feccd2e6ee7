"""Calibration: what data say about a model, with diagnostics that can say no."""

from causal_lpm.inference.calibration.fit import fit
from causal_lpm.inference.calibration.methods import METHODS
from causal_lpm.inference.calibration.point import PointCalibration, point_calibration
from causal_lpm.inference.calibration.policies.effects import effects, summarise
from causal_lpm.inference.calibration.policies.predictive import predict
from causal_lpm.inference.calibration.policies.ranking import rank_policies
from causal_lpm.inference.calibration.posteriors.neural import Training
from causal_lpm.inference.calibration.problems.problem import Problem
from causal_lpm.inference.calibration.result import CalibrationResult
from causal_lpm.inference.calibration.results.arviz import to_arviz
from causal_lpm.inference.calibration.results.tree import build_tree
from causal_lpm.inference.calibration.simulations.executors import RayExecutor
from causal_lpm.inference.calibration.simulations.simulation_set import SimulationSet, Simulator, simulate_set

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
