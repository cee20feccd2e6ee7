"""Several parties run one model on secret shares: processes, what they compare, what they release."""

from causal_lpm.lazy import face

__getattr__, __dir__, __all__ = face(__name__, __file__)
