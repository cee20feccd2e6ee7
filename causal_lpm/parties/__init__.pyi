"""Several parties run one model on secret shares."""

from causal_lpm.parties.channel import TcpChannel as TcpChannel
from causal_lpm.parties.dealer import deal as deal
from causal_lpm.parties.faults import Disagreement as Disagreement
from causal_lpm.parties.faults import PartyLost as PartyLost
from causal_lpm.parties.ledger import Ledger as Ledger
from causal_lpm.parties.ledger import Spent as Spent
from causal_lpm.parties.ledger import epsilon_of as epsilon_of
from causal_lpm.parties.own_rows import share as share
from causal_lpm.parties.place import Patience as Patience
from causal_lpm.parties.place import Place as Place
from causal_lpm.parties.private_calibration import PrivateCalibration as PrivateCalibration
from causal_lpm.parties.private_calibration import calibrate_private as calibrate_private
from causal_lpm.parties.real_simulation import RealSimulation as RealSimulation
from causal_lpm.parties.real_simulation import decentralize as decentralize
from causal_lpm.parties.recordings import Recordings as Recordings
from causal_lpm.parties.recordings import simulate_recordings as simulate_recordings
from causal_lpm.parties.rehearsal import loopback_addresses as loopback_addresses
from causal_lpm.parties.rehearsal import rehearse as rehearse
from causal_lpm.parties.release import Release as Release
