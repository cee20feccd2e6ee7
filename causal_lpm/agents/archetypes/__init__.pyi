"""Kinds of people: who is one, what a language model says of them, and what they do."""

from causal_lpm.agents.archetypes.archetypes import Archetypes as Archetypes
from causal_lpm.agents.archetypes.behavior import Archetype as Archetype
from causal_lpm.agents.archetypes.behavior import AskedArchetype as AskedArchetype
from causal_lpm.agents.archetypes.behavior import Behavior as Behavior
from causal_lpm.agents.archetypes.behaviour_map import BehaviourMap as BehaviourMap
from causal_lpm.agents.archetypes.behaviour_map import People as People
from causal_lpm.agents.archetypes.contexts import Contexts as Contexts
from causal_lpm.agents.archetypes.decisions import choose_option as choose_option
from causal_lpm.agents.archetypes.decisions import decide as decide
from causal_lpm.agents.archetypes.decisions import decided_totals as decided_totals
from causal_lpm.agents.archetypes.decisions import hazard_of_logit as hazard_of_logit
from causal_lpm.agents.archetypes.llm_term import LLMTerm as LLMTerm
from causal_lpm.agents.archetypes.map_priors import MapPriors as MapPriors
from causal_lpm.agents.archetypes.real_behaviour import PaidMonths as PaidMonths
from causal_lpm.agents.archetypes.real_behaviour import RealBehaviour as RealBehaviour
from causal_lpm.agents.archetypes.surrogate import Respondent as Respondent
