"""The kernels on CUDA tensors, in Triton: the same integers as `reference`, without its temporaries.

Float noise is rounded from float64 and can differ from torch's in the last bit, in fewer than one of a hundred million
numbers; an event then changes only if its hazard is that very number.
"""

from causal_lpm.kernels.gpu_fresh import ring_total, stub_total
from causal_lpm.kernels.gpu_noise import field, field_at, happens
from causal_lpm.kernels.gpu_select import select, select_by
from causal_lpm.kernels.gpu_totals import graph_change, graph_total, group_sum, group_total

__all__ = [
    "field",
    "field_at",
    "graph_change",
    "graph_total",
    "group_sum",
    "group_total",
    "happens",
    "ring_total",
    "select",
    "select_by",
    "stub_total",
]
