"""One HTML file for everything that a result says: it needs no network, and prints."""

from causal_lpm.lazy import face

__getattr__, __dir__, __all__ = face(__name__, __file__)
