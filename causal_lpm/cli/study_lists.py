"""What is installed, and the policies of one study, as tables; no model is loaded for a list."""

from collections.abc import Mapping

from rich.markup import escape
from rich.table import Table

from causal_lpm.inference.studies.catalogue import load_study, reproduction_of
from causal_lpm.inference.studies.study import Listed, Policy, Study

__all__ = ["policy_table", "studies_table", "study_or_reason"]


def studies_table(studies: Mapping[str, Listed | str]) -> Table:
    """The installed studies; a text in place of a study says why it cannot be loaded."""
    table = Table(title="Studies", title_justify="left")
    for column in ("name", "question", "outcomes", "commands", "source"):
        table.add_column(column)
    for name, study in studies.items():
        if isinstance(study, str):
            table.add_row(escape(name), escape(study))
        else:
            cells = (name, study.title, ", ".join(study.outcomes), ", ".join(_commands(study)), study.source)
            table.add_row(*map(escape, cells))
    return table


def _commands(study: Listed) -> list[str]:
    worlds, data = hasattr(study, "simulate"), hasattr(study, "observed")
    there = {"run": worlds or reproduction_of(study) is not None, "whatif": worlds, "calibrate": data, "predict": data}
    return [command for command, has in there.items() if has]


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
    whole = ", whole" if policy.integer else ""
    return "any number" if policy.low == -policy.high else f"{policy.low:g} to {policy.high:g}{whole}"


def study_or_reason(name: str) -> Listed | str:
    """The study of a name, or the sentence that says why it cannot be loaded."""
    try:
        return load_study(name)
    except ValueError as error:
        return str(error)
