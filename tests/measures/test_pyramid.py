import pytest
import torch

from causal_lpm.measures import age_pyramid


def test_everybody_is_counted_once() -> None:
    g = torch.Generator().manual_seed(1)
    age, sex = torch.randint(0, 110, (1_000,), generator=g), torch.randint(-1, 2, (1_000,), generator=g)
    table = age_pyramid(age, sex)
    assert table.shape == (19, 2)
    assert table.to_numpy().sum() == int((sex >= 0).sum())
    assert table.loc["90+", 1] == int(((age >= 90) & (sex == 1)).sum())
    assert table.loc["35-39", 0] == int(((age // 5 == 7) & (sex == 0)).sum())
    assert age_pyramid(age + 0.9).equals(age_pyramid(age))


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"age": torch.tensor([-1])}, "the ages must be one number of years an agent"),
        ({"age": torch.tensor([torch.nan])}, "the ages must be"),
        ({"side": torch.tensor([0, 1])}, r"the sides have shape \(2,\): give one an agent"),
        ({"side": torch.tensor([-2])}, "the sides have shape"),
        ({"oldest": 91}, "the last group begins at 91 and groups have 5 years: give a multiple"),
    ],
)
def test_bad_input_is_refused(arguments: dict[str, object], sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        age_pyramid(**{"age": torch.tensor([3]), **arguments})  # type: ignore[arg-type]
