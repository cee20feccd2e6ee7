"""What is read off an epidemic: reproduction numbers, growth, generation intervals, attack rates, pyramids."""

from causal_lpm.measures.attack_rate import attack_rates as attack_rates
from causal_lpm.measures.generation import generation_intervals as generation_intervals
from causal_lpm.measures.generation import interval_distribution as interval_distribution
from causal_lpm.measures.growth import doubling_interval as doubling_interval
from causal_lpm.measures.growth import doubling_time as doubling_time
from causal_lpm.measures.growth import growth_interval as growth_interval
from causal_lpm.measures.growth import growth_rate as growth_rate
from causal_lpm.measures.infector_list import InfectorList as InfectorList
from causal_lpm.measures.pyramid import age_pyramid as age_pyramid
from causal_lpm.measures.reproduction import Reproduction as Reproduction
from causal_lpm.measures.reproduction import cohort_reproduction as cohort_reproduction
from causal_lpm.measures.reproduction import instantaneous_reproduction as instantaneous_reproduction
