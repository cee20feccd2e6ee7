"""What a model is written with, and the handlers that it runs under."""

from causal_lpm.handlers import Checkpointing as Checkpointing
from causal_lpm.handlers import DiscreteTime as DiscreteTime
from causal_lpm.handlers import KeyedNoise as KeyedNoise
from causal_lpm.handlers import MeanField as MeanField
from causal_lpm.handlers import ProductWorlds as ProductWorlds
from causal_lpm.handlers import Recording as Recording
from causal_lpm.handlers import Relaxed as Relaxed
from causal_lpm.handlers import Rollout as Rollout
from causal_lpm.handlers import Score as Score
from causal_lpm.handlers import Seeds as Seeds
from causal_lpm.handlers import StraightThrough as StraightThrough
from causal_lpm.handlers import Truncated as Truncated
from causal_lpm.handlers import Worlds as Worlds
from causal_lpm.handlers import comparing as comparing
from causal_lpm.handlers import rollout as rollout
from causal_lpm.handlers import solve_ode as solve_ode
from causal_lpm.handlers import torchdiffeq_on_torch213 as torchdiffeq_on_torch213
from causal_lpm.handlers.private.additive import Additive as Additive
from causal_lpm.handlers.private.candidates import Candidates as Candidates
from causal_lpm.handlers.private.clear import Clear as Clear
from causal_lpm.handlers.private.crypten_layer import CrypTen as CrypTen
from causal_lpm.handlers.private.errors import Leak as Leak
from causal_lpm.handlers.private.errors import Unsupported as Unsupported
from causal_lpm.handlers.private.messenger import Private as Private
from causal_lpm.handlers.private.secret import Secret as Secret
from causal_lpm.memory import reuse_freed_memory as reuse_freed_memory
from causal_lpm.ops import above as above
from causal_lpm.ops import allocate as allocate
from causal_lpm.ops import choose as choose
from causal_lpm.ops import event as event
from causal_lpm.ops import exogenous as exogenous
from causal_lpm.ops import exposure as exposure
from causal_lpm.ops import hazard_of as hazard_of
from causal_lpm.ops import look_up as look_up
from causal_lpm.ops import observed as observed
from causal_lpm.ops import policy as policy
from causal_lpm.ops import population as population
from causal_lpm.ops import tally as tally
from causal_lpm.simulations.creating import create as create
from causal_lpm.simulations.simulation import Simulation as Simulation
from causal_lpm.typing import Dynamics as Dynamics
from causal_lpm.typing import IncrementalNetwork as IncrementalNetwork
from causal_lpm.typing import Network as Network
from causal_lpm.typing import State as State

__version__: str
