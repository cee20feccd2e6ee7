"""Diagnostics that can say no: gates over arrays of draws, ranks and series, and the report that gathers them."""

from causal_lpm.inference.diagnostics.blind_spots import blind_spots, blind_spots_gate
from causal_lpm.inference.diagnostics.convergence import khat_gate, rhat_gate, split_rhat
from causal_lpm.inference.diagnostics.coverage import (
    coverage_curve,
    expected_coverage_gate,
    highest_density_levels,
    interval_coverage,
    interval_coverage_gate,
)
from causal_lpm.inference.diagnostics.disagreement import disagreement, disagreement_gate, disagreements
from causal_lpm.inference.diagnostics.identifiability import contraction, identifiability_gate, strongest_correlation
from causal_lpm.inference.diagnostics.misspecification import misspecification_gate, mmd_to_cloud
from causal_lpm.inference.diagnostics.pareto import pareto_smooth
from causal_lpm.inference.diagnostics.power_scaling import prior_conflict, prior_sensitivity, prior_sensitivity_gate
from causal_lpm.inference.diagnostics.predictive_checks import Check, predictive_checks, predictive_gate
from causal_lpm.inference.diagnostics.report import Gate, Report
from causal_lpm.inference.diagnostics.sbc import sbc_gate, sbc_ranks
from causal_lpm.inference.diagnostics.tarp import tarp_gate, tarp_levels

__all__ = [
    "Check",
    "Gate",
    "Report",
    "blind_spots",
    "blind_spots_gate",
    "contraction",
    "coverage_curve",
    "disagreement",
    "disagreement_gate",
    "disagreements",
    "expected_coverage_gate",
    "highest_density_levels",
    "identifiability_gate",
    "interval_coverage",
    "interval_coverage_gate",
    "khat_gate",
    "misspecification_gate",
    "mmd_to_cloud",
    "pareto_smooth",
    "predictive_checks",
    "predictive_gate",
    "prior_conflict",
    "prior_sensitivity",
    "prior_sensitivity_gate",
    "rhat_gate",
    "sbc_gate",
    "sbc_ranks",
    "split_rhat",
    "strongest_correlation",
    "tarp_gate",
    "tarp_levels",
]
