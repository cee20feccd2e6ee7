"""What a population is and does: attributes, networks, disease, vaccination, testing, observation."""

from causal_lpm.lazy import face

__getattr__, __dir__, __all__ = face(__name__, __file__)
