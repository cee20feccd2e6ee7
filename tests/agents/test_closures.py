import pytest
import torch

from causal_lpm.agents import Closures


def test_each_setting_is_closed_for_itself() -> None:
    closures = Closures(("school", "work"), strength={"school": 1.0, "work": 0.25}, start_day=2)
    s = {**closures.start(), "t": torch.tensor(3.0), "work_reopening_day": torch.tensor([3.0])}
    received = {name: torch.full((3,), 4.0) for name in ("home", "school", "work")}
    left = closures.left(s, received)
    assert {name: total.tolist() for name, total in left.items()} == {
        "home": [4.0] * 3,
        "school": [0.0] * 3,
        "work": [4.0] * 3,
    }
    assert float(closures.factor(s | {"t": torch.tensor(2.0)}, "work")) == 0.75


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"settings": "school"}, r"the settings are 'school': give names, such as \('school', 'work'\)"),
        ({"settings": ()}, r"the settings are \(\)"),
        ({"settings": ("a", "a")}, "setting 'a' appears twice"),
        ({"settings": ("school", "work"), "strength": {"school": 1.0}}, "strengths of closures: 'work'"),
        ({"settings": ("school",), "strength": 2.0}, "the strength of 'school' is 2.0"),
    ],
)
def test_bad_closures_are_refused(arguments: dict[str, object], sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        Closures(**arguments)  # type: ignore[arg-type]


def test_an_unknown_setting_is_one_sentence() -> None:
    closures = Closures(("school",))
    with pytest.raises(ValueError, match="unknown setting 'schol': did you mean 'school'"):
        closures.factor(closures.start() | {"t": torch.tensor(0.0)}, "schol")
