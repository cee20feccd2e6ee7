"""Results as xarray trees, and the numbers that are read from them."""
