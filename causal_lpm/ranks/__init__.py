"""One population over several processes, with the numbers of one: what starts them, and what they have in common."""

from causal_lpm.lazy import face

__getattr__, __dir__, __all__ = face(__name__, __file__)
