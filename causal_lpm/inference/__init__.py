"""Studies and their policies, simulations, calibration, predictions, effects, diagnostics, gradients."""

from causal_lpm.lazy import face

__getattr__, __dir__, __all__ = face(__name__, __file__)
