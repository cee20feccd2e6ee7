"""What a page says of a calibration: the posterior of each parameter, and what its gates found."""

from typing import Any

import numpy as np

from case_studies.page import four_digits
from case_studies.priors import Priors
from causal_lpm.inference import CalibrationResult

__all__ = ["said"]


def said(result: CalibrationResult, priors: Priors) -> dict[str, Any]:
    """Status, posterior and gates of a calibration, as numbers with four digits.

    Args:
        result: Of the calibration.
        priors: Of the parameters that are told.

    Returns:
        `status`; `posterior`: parameter -> mean, 5 and 95 percentile, and the share of the prior's standard deviation
        that is left; `gates`: gate -> verdict, value, sentence.
    """
    draws = result.parameters()
    posterior = {}
    for name, (family, arguments, _) in priors.items():
        values = np.asarray(draws[name], dtype=float).ravel()
        left = values.std() / float(family(*arguments).stddev)
        posterior[name] = [four_digits(x) for x in (values.mean(), *np.quantile(values, [0.05, 0.95]), left)]
    gates = {gate.name: [gate.verdict, four_digits(gate.value), gate.sentence] for gate in result.report.gates}
    return {"status": result.status, "posterior": posterior, "gates": gates}
