"""Network layers: who meets whom, and the sum of what the contacts send.

A layer is a frozen bundle of tensors with `total`, the message sum behind `causal_lpm.exposure`. `Groups` and `Graph`
stay as they are; the fresh layers are drawn anew each day from one exogenous 64-bit key, the same in every world, and
are never stored. `a + b` is one network with the contacts of both. A model with several layers keeps them in a
dictionary: `contacts["home"]`.
"""

from causal_lpm.agents.drawn_networks import random_graph, watts_strogatz
from causal_lpm.agents.fixed_networks import Graph, Groups
from causal_lpm.agents.fresh_networks import FreshRandom, FreshWattsStrogatz
from causal_lpm.agents.layers import Layer, Layers

__all__ = [
    "FreshRandom",
    "FreshWattsStrogatz",
    "Graph",
    "Groups",
    "Layer",
    "Layers",
    "random_graph",
    "watts_strogatz",
]
