import pytest
import torch

from causal_lpm.measures import attack_rates


def test_rates_are_by_world_and_group_and_of_nobody_unknown() -> None:
    infections = torch.tensor([[[1, 1], [0, 4], [0, 0]], [[0, 0], [2, 0], [0, 0]]])
    found = attack_rates(infections, torch.tensor([4, 2, 0]))
    assert found[:, :2].tolist() == [[0.5, 2.0], [0.0, 1.0]]
    assert bool(found[:, 2].isnan().all())


@pytest.mark.parametrize(
    ("infections", "sizes", "sentence"),
    [
        ([1, 2], [3], r"the infections have shape \(2,\) and the sizes \(1,\): give \[\*dims, groups, days\]"),
        ([[1, 2]], [3, 4], r"shape \(1, 2\) and the sizes \(2,\)"),
        ([[-1, 2]], [3], "as the infections, negative"),
    ],
)
def test_bad_input_is_refused(infections: list[object], sizes: list[int], sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        attack_rates(infections, sizes)
