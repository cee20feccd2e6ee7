"""What pytest leaves out of the package's doctests where an optional package is not installed."""

import importlib.util

collect_ignore_glob = [] if importlib.util.find_spec("triton") else ["causal_lpm/kernels/gpu*.py"]
