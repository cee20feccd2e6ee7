"""Populations by name, with households, schools and workplaces, made from tables that come with the package."""

from causal_lpm.lazy import face

__getattr__, __dir__, __all__ = face(__name__, __file__)
