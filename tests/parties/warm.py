"""Imported by the server from which parties are forked: what is compiled at first use is compiled once, there."""

from causal_lpm import KeyedNoise
from causal_lpm.handlers.private.clear import Clear
from causal_lpm.handlers.private.messenger import Private
from causal_lpm.parties import share
from tests.parties.epidemic import AGENTS, everybody, simulation

with KeyedNoise(1), Private(noise="public"):
    simulation(days=1)(share(everybody(), [(0, AGENTS)], Clear(), {"stage": (0, 2)}))
