"""Large population models in Pyro: causal, calibrated, private."""

from causal_lpm.lazy import face

__version__ = "0.1.0.dev0"

__getattr__, __dir__, __all__ = face(__name__, __file__)
