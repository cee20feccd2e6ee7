import math
import re
import threading
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from case_studies.second_dose.nyc import NewYork
from case_studies.second_dose.study import study
from causal_lpm.inference.studies.settings import (
    against_first,
    check_device,
    check_differences,
    check_experiment,
    check_value,
    parse_acts,
    parse_worlds,
)
from causal_lpm.inference.studies.study import Options, Policy, policy_values
from tests.inference.fake_study import POLICIES, FakeStudy


@given(st.floats(0, 1), st.integers(1, 365), st.booleans())
def test_what_is_written_is_what_is_read(efficacy: float, interval: int, sterilizing: bool) -> None:
    text = f"efficacy={efficacy!r}, interval={interval},sterilizing={str(sterilizing).lower()}"
    assert parse_acts(text, POLICIES) == {
        "efficacy": efficacy,
        "interval": interval,
        "sterilizing": float(sterilizing),
    }


@pytest.mark.parametrize(
    ("text", "name", "policy"),
    [
        ("efficacy=0.7", "efficacy=0.7", {"efficacy": 0.7}),
        ("late: interval=84", "late", {"interval": 84.0}),
        ("late:", "late", {}),
        (": interval=84", "interval=84", {"interval": 84.0}),
        (":", "defaults", {}),
        ("a=b: interval=84", "a=b", {"interval": 84.0}),
        ("", "defaults", {}),
        ("sterilizing=ON", "sterilizing=ON", {"sterilizing": 1.0}),
    ],
)
def test_a_world_has_its_label_or_its_text_as_name(text: str, name: str, policy: dict[str, float]) -> None:
    assert parse_worlds([text], POLICIES) == {name: policy}


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("efficaccy=0.7", "unknown policy 'efficaccy': did you mean 'efficacy'?"),
        (
            "efficacy=1.2",
            "policy 'efficacy' is 1.2: give a number from 0 to 1 (protection by the first dose).",
        ),
        ("efficacy=1.00000000000001", "policy 'efficacy' is 1.00000000000001: give a number from 0 to 1"),
        ("efficacy=nan", "policy 'efficacy' is 'nan': give a number from 0 to 1"),
        ("efficacy=high", "policy 'efficacy' is 'high': give a number"),
        ("interval=3.5", "policy 'interval' is 3.5: give a whole number from 1 to 365"),
        ("sterilizing=2", "policy 'sterilizing' is '2': give 0 or 1, true or false"),
        ("efficacy", "'efficacy' is not of the form name=value, for example efficacy=0.5."),
        ("efficacy=0.1, efficacy=0.2", "policy 'efficacy' is given twice"),
    ],
)
def test_wrong_worlds_are_refused_with_a_sentence(text: str, sentence: str) -> None:
    with pytest.raises(ValueError, match=re.escape(sentence)):
        parse_worlds([text], POLICIES)


@given(st.floats(allow_nan=True, allow_infinity=True))
def test_a_value_passes_exactly_if_it_is_in_the_range(value: float) -> None:
    whole = Policy("days", 1, "days", -3, 7, integer=True)
    if not math.isnan(value) and -3 <= value <= 7 and value == int(value):
        check_value(whole, value)
    else:
        with pytest.raises(ValueError, match="policy 'days'"):
            check_value(whole, value)


def test_policy_values_fill_in_defaults_and_keep_whole_numbers_whole() -> None:
    values = policy_values(FakeStudy(), {"interval": 84.0})
    assert values == {"efficacy": 0.5, "interval": 84, "sterilizing": 0}
    assert isinstance(values["interval"], int)


def test_every_later_world_is_compared_with_the_first() -> None:
    assert against_first({"a": {}, "b": {}, "c": {}}) == {"b": "a", "c": "a"}
    with pytest.raises(ValueError, match="world 'a' appears twice"):
        parse_worlds(["a: interval=84", "a:"], POLICIES)


@pytest.mark.parametrize("device", ["cudda", "meta", "cuda:77", "gpu"])
def test_devices_that_are_not_there_are_refused(device: str) -> None:
    with pytest.raises(ValueError, match=r"device '.*(give|this machine)"):
        check_device(device)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"options": Options(0, 30)}, "agents is 0"),
        ({"options": Options(10, -1)}, "days is -1"),
        ({"options": Options(10, 30, extra={"mechanism": "new"})}, "unknown mechanism"),
        ({"replicates": 0}, "replicates is 0"),
        ({"workers": 0}, "workers is 0"),
        ({"seed": -1}, "seed is -1"),
        ({"worlds": {}}, "no world"),
        ({"worlds": {"a": {"efficacy": 2.0}}}, "policy 'efficacy' is 2"),
        ({"worlds": {"a": {"eficacy": 1.0}}}, "did you mean 'efficacy'"),
        ({"worlds": {"a\x1b[1m": {}}}, r"the label 'a\\x1b\[1m' has characters that cannot be printed"),
        ({"worlds": {"a\udc80": {}}}, "cannot be printed"),
        ({"references": {"a": "b"}}, "unknown world 'b'"),
        ({"options": Options(10, 30.5)}, r"days is 30\.5: give a whole number"),  # type: ignore[arg-type]
        ({"options": Options(True, 30)}, "agents is True: give a whole number"),
        ({"replicates": 2.5}, r"replicates is 2\.5"),
        ({"worlds": {"a": {"efficacy": "0.5"}}}, "policy 'efficacy' is '0.5': give a number from 0 to 1"),
        ({"seed": True}, "seed is True: give a whole number from 0"),
        ({"seed": 1.5}, r"seed is 1\.5"),
        ({"seed": float("nan")}, "seed is nan"),
        ({"seed": 2**63}, "seed is 9223372036854775808"),
        ({"options": Options(10, 10**11)}, "3 replicates of 1 worlds, 100000000000 days need about"),
        ({"replicates": 10**12}, "1000000000000 replicates of 1 worlds, 30 days need about"),
        ({"options": Options(10**15, 30)}, "and 1000000000000000 agents would take"),
        ({"options": Options(10, 88_100)}, "88100 days from 2021-01-30 on end after 2261"),
        ({"study": FakeStudy(start_date="31/12/2020")}, "the date of the first day: '31/12/2020' is not a date like"),
        (
            {"study": FakeStudy(policies={"f": threading.Lock()}), "workers": 2},
            "cannot be sent to other processes",
        ),  # type: ignore[dict-item]
    ],
)
def test_impossible_experiments_are_refused(changes: dict[str, object], sentence: str) -> None:
    good: dict[str, object] = {
        "study": FakeStudy(),
        "worlds": {"a": {}},
        "references": {},
        "replicates": 3,
        "seed": 0,
        "options": Options(10, 30),
        "workers": 1,
    }
    check_experiment(**good)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=sentence):
        check_experiment(**{**good, **changes})  # type: ignore[arg-type]


def test_worlds_that_set_the_same_are_not_compared() -> None:
    worlds = {"a": {}, "b": {"efficacy": 0.5, "interval": 21.0}, "c": {"efficacy": 0.6}}
    for other, reference in (("b", "a"), ("a", "a")):
        with pytest.raises(ValueError, match=f"the worlds '{other}' and '{reference}' set the same policies"):
            check_differences(FakeStudy(), worlds, {other: reference})
    check_differences(FakeStudy(), worlds, {"c": "a"})


@pytest.mark.parametrize("size", ["demo", "main", "full"])
def test_studies_compare_what_differs(size: str) -> None:
    check_differences(study, *study.worlds(size))
    york = NewYork(Path("doses.csv"), "2020-12-14")
    check_differences(york, *york.worlds(size))
