"""Simulations in three lines."""

from causal_lpm.simulations.creating import create as create
from causal_lpm.simulations.inhabitants import Inhabitants as Inhabitants
from causal_lpm.simulations.simulation import Simulation as Simulation
from causal_lpm.simulations.study_writing import new_study as new_study
from causal_lpm.simulations.what_if import WhatIf as WhatIf
