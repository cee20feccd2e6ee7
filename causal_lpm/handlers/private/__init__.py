"""The same model on secret shares: several parties run it together, and only released totals come out."""

from causal_lpm.handlers.private import arithmetic as arithmetic
from causal_lpm.handlers.private import contacts as contacts
from causal_lpm.handlers.private import functions as functions
from causal_lpm.handlers.private import order as order
from causal_lpm.handlers.private import shapes as shapes
