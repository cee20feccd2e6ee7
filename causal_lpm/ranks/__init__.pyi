"""One population over several processes, with the numbers of one."""

from causal_lpm.handlers.sharded.failures import RankFailed as RankFailed
from causal_lpm.handlers.sharded.sharded import Sharded as Sharded
from causal_lpm.ranks.launching import RankExecutor as RankExecutor
from causal_lpm.ranks.launching import on_ranks as on_ranks
