"""Kinds of people: who is one, what a language model says of them, and what they do."""

from causal_lpm.lazy import face

__getattr__, __dir__, __all__ = face(__name__, __file__)
