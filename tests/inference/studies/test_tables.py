import io

import pytest
from rich.console import Console

from causal_lpm.inference import Options, replicate_seed, run_experiment
from causal_lpm.inference.studies.tables import result_tables
from tests.inference.fake_study import FakeStudy


def text(*tables: object) -> str:
    console = Console(file=io.StringIO(), width=160)
    console.print(*tables)
    return console.file.getvalue()  # type: ignore[attr-defined]


def tables_of(study: FakeStudy, replicates: int = 3, **extra: str) -> str:
    worlds, references = study.worlds("demo")
    options = Options(1000, 30, extra={**extra})
    return text(*result_tables(run_experiment(study, worlds, references, replicates, 3, options, workers=1)))


def test_tables_say_kind_coupling_and_error() -> None:
    shown = tables_of(FakeStudy())
    for part in (
        "A wave [fake]",
        "Statement: interventional",
        "Statement: paired",
        "Coupling: one wave for all worlds",
        "Monte-Carlo standard error",
        "interval=84",
        "delayed against standard",
        "as it was minus what if",
        "0 of 3",
        "Student's t",
    ):
        assert part in " ".join(shown.split())


def test_replicates_that_died_out_get_a_table_of_their_own() -> None:
    shown = tables_of(FakeStudy(dies_out_at=(replicate_seed(3, 1),)))
    assert "without the 1 of 3 replicates that died out" in shown
    words = " ".join(shown.split())
    assert "1 of 3 (95% interval of the share: 1% to 91%)." in words
    assert "The interval of the mean is that of a mixture" in words
    assert "Intervals of means hold if none can die out" in " ".join(tables_of(FakeStudy()).split())


@pytest.mark.parametrize("replicates", [1, 2])
def test_an_error_that_is_not_known_is_not_shown(replicates: int) -> None:
    shown = tables_of(FakeStudy(), replicates)
    assert "nan" not in shown
    words = " ".join(shown.split())
    assert ("±" in words.replace("± error", "").replace("± Monte", "")) == (replicates > 1)


def test_one_world_has_no_contrasts() -> None:
    tree = run_experiment(FakeStudy(), {"only": {}}, {}, 2, 3, Options(1000, 30), workers=1)
    assert len(result_tables(tree)) == 1


@pytest.mark.parametrize(
    ("replicates", "shown", "not_shown"),
    [
        (1, ["value", "One replicate"], ["95%", "median", "±", "smallest"]),
        (3, ["[smallest to largest of 3] ┃", "95% interval"], ["95% of", "97.5"]),
        (39, ["smallest to largest of 39"], ["95% of", "97.5"]),
        (40, ["[95% of replicates] ┃", "2.5 and 97.5 percentiles"], ["smallest"]),
    ],
)
def test_percentiles_are_shown_of_forty_replicates_and_more(
    replicates: int, shown: list[str], not_shown: list[str]
) -> None:
    words = " ".join(tables_of(FakeStudy(), replicates).split())
    assert [part for part in shown if part not in words] == []
    assert [part for part in not_shown if part in words] == []


def test_captions_name_the_options() -> None:
    words = " ".join(tables_of(FakeStudy(), mechanism="described").split())
    assert words.count("Options: mechanism=described.") == 2
    assert "Options" not in tables_of(FakeStudy())
