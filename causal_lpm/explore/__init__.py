"""A web page on this machine alone, to move policies and see both worlds."""

from causal_lpm.lazy import face

__getattr__, __dir__, __all__ = face(__name__, __file__)
