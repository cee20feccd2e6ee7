import io

import pytest
from rich.console import Console

from causal_lpm.inference import Options, Setting, replicate_seed, run_experiment
from causal_lpm.inference.tables import policy_table, result_tables, studies_table
from tests.inference.fake_study import FakeStudy


def text(*tables: object) -> str:
    console = Console(file=io.StringIO(), width=160)
    console.print(*tables)
    return console.file.getvalue()  # type: ignore[attr-defined]


def tables_of(study: FakeStudy, replicates: int = 3) -> str:
    settings, contrasts = study.settings("demo")
    return text(*result_tables(run_experiment(study, settings, contrasts, replicates, 3, Options(1000, 30), workers=1)))


def test_tables_say_kind_coupling_and_error() -> None:
    shown = tables_of(FakeStudy())
    for part in (
        "A wave [fake]",
        "Statement: interventional",
        "Statement: paired",
        "Coupling: one wave for all worlds",
        "Monte-Carlo standard error",
        "interval=84",
        "delayed minus standard",
        "0 of 3",
        "Student's t",
    ):
        assert part in " ".join(shown.split())


def test_replicates_that_died_out_get_a_table_of_their_own() -> None:
    shown = tables_of(FakeStudy(dies_out_at=(replicate_seed(3, 1),)))
    assert "without the 1 of 3 replicates that died out" in shown
    assert "1 of 3." in shown


@pytest.mark.parametrize("replicates", [1, 2])
def test_an_error_that_is_not_known_is_not_shown(replicates: int) -> None:
    shown = tables_of(FakeStudy(), replicates)
    assert "nan" not in shown
    words = " ".join(shown.split())
    assert ("±" in words.replace("± error", "").replace("± Monte", "")) == (replicates > 1)


def test_one_world_has_no_contrasts() -> None:
    tree = run_experiment(FakeStudy(), [Setting("only")], [], 2, 3, Options(1000, 30), workers=1)
    assert len(result_tables(tree)) == 1


def test_studies_and_policies_are_listed() -> None:
    assert "A wave [fake]" in text(studies_table({"fake": FakeStudy()}))
    shown = text(policy_table(FakeStudy()))
    assert "1 to 365, whole" in shown
    assert "yes or no" in shown
