"""Asking language models: questions, plans with their cost, providers, and answers that are kept. It knows no model."""

from causal_lpm.lazy import face

__getattr__, __dir__, __all__ = face(__name__, __file__)
