"""Populations by name, with households, schools and workplaces, made from tables that come with the package."""

from causal_lpm.populations.by_name import names as names
from causal_lpm.populations.by_name import population as population
from causal_lpm.populations.synthetic import SyntheticPopulation as SyntheticPopulation
