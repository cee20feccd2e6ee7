"""What is installed, and the policies of one study, as tables; no model is loaded for them."""

from collections.abc import Mapping

from rich.markup import escape
from rich.table import Table

from causal_lpm.inference.studies.catalogue import Calibration
from causal_lpm.inference.studies.study import Policy, Study

__all__ = ["calibrations_table", "policy_table", "studies_table"]


def studies_table(studies: Mapping[str, Study | str]) -> Table:
    """The installed studies; a text in place of a study says why it cannot be loaded."""
    table = Table(title="Studies", title_justify="left")
    for column in ("name", "question", "outcomes", "source"):
        table.add_column(column)
    for name, study in studies.items():
        if isinstance(study, str):
            table.add_row(escape(name), escape(study))
            continue
        table.add_row(escape(name), escape(study.title), ", ".join(study.outcomes), escape(study.source))
    return table


def policy_table(study: Study) -> Table:
    """The policies of one study, as `--setting` and `--do` take them."""
    table = Table(title=f"Policies of {escape(study.name)}", title_justify="left")
    for column in ("policy", "default", "allowed", "what it is"):
        table.add_column(column)
    for policy in study.policies.values():
        table.add_row(policy.name, _default(policy), _allowed(policy), escape(policy.description))
    return table


def _default(policy: Policy) -> str:
    return ("no", "yes")[int(policy.default)] if policy.switch else f"{policy.default:g}"


def _allowed(policy: Policy) -> str:
    if policy.switch:
        return "yes or no"
    return f"{policy.low:g} to {policy.high:g}{', whole' if policy.integer else ''}"


def calibrations_table(calibrations: Mapping[str, Calibration | str]) -> Table:
    """The installed calibrations; a text in place of one says why it cannot be loaded."""
    table = Table(title="Calibrations", title_justify="left")
    for column in ("name", "question", "source"):
        table.add_column(column)
    for name, found in calibrations.items():
        cells = (found, "") if isinstance(found, str) else (found.title, found.source)
        table.add_row(escape(name), *map(escape, cells))
    return table
