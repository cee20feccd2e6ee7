"""A Pyro program as a problem of inference: parameters, data sites, densities, simulations."""
