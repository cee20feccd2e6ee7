"""Models that are ready to run, by name; each is one short file of the public operations, with its ODD."""

from causal_lpm.lazy import face

__getattr__, __dir__, __all__ = face(__name__, __file__)
