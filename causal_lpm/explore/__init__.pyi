"""A web page on this machine alone, to move policies and see both worlds."""

from causal_lpm.explore.serving import Served as Served
from causal_lpm.explore.serving import serve as serve
from causal_lpm.explore.start import Explorable as Explorable
