"""Simulations in three lines: a template or model of one's own, a population, and what can be asked of them."""

from causal_lpm.lazy import face

__getattr__, __dir__, __all__ = face(__name__, __file__)
