"""One HTML file for everything that a result says: it needs no network, and prints."""

from causal_lpm.reports.contents import Contents as Contents
from causal_lpm.reports.contents import Geography as Geography
from causal_lpm.reports.contents import Reportable as Reportable
from causal_lpm.reports.contents import Table as Table
from causal_lpm.reports.results import contents_of as contents_of
from causal_lpm.reports.writing import write_report as write_report
