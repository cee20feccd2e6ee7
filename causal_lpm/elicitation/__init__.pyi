"""Asking language models, and keeping what they answer."""

from causal_lpm.elicitation.answer_table import AnswerTable as AnswerTable
from causal_lpm.elicitation.anthropic_batches import AnthropicProvider as AnthropicProvider
from causal_lpm.elicitation.asking import elicit as elicit
from causal_lpm.elicitation.failures import BudgetError as BudgetError
from causal_lpm.elicitation.failures import ElicitationError as ElicitationError
from causal_lpm.elicitation.failures import MissingAnswersError as MissingAnswersError
from causal_lpm.elicitation.plan import Plan as Plan
from causal_lpm.elicitation.plan import plan_elicitation as plan_elicitation
from causal_lpm.elicitation.prices import PRICES as PRICES
from causal_lpm.elicitation.prices import Price as Price
from causal_lpm.elicitation.providers import Provider as Provider
from causal_lpm.elicitation.providers import Recorded as Recorded
from causal_lpm.elicitation.providers import SyntheticRespondent as SyntheticRespondent
from causal_lpm.elicitation.question import Question as Question
from causal_lpm.elicitation.recordings import export_answers as export_answers
from causal_lpm.elicitation.recordings import import_answers as import_answers
from causal_lpm.elicitation.store import AnswerStore as AnswerStore
