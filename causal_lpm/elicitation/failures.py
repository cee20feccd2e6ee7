"""What can go wrong while a language model is asked; each error says what is kept and what to do."""

__all__ = ["BudgetError", "ElicitationError", "MissingAnswersError"]


class ElicitationError(RuntimeError):
    """The service did not answer as it should; what was answered before is in the store."""


class BudgetError(ElicitationError):
    """Asking would cost more, or take more calls, than was allowed."""


class MissingAnswersError(ElicitationError):
    """Answers are not in the store, and nobody is to be asked."""
