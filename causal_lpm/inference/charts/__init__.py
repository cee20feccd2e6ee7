"""Charts of results; each function that draws raises ModuleNotFoundError where matplotlib is not installed."""
