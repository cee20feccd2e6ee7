"""What is read off an epidemic: reproduction numbers, growth, generation intervals, attack rates, pyramids."""

from causal_lpm.lazy import face

__getattr__, __dir__, __all__ = face(__name__, __file__)
