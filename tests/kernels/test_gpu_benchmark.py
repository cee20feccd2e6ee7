"""The benchmark of the GPU, small and on the CPU."""

import json

import pytest
import torch

from benchmarks import gpu


def test_it_measures_an_epidemic(capsys: pytest.CaptureFixture[str]) -> None:
    gpu.main(["4e3", "--days", "40", "--device", "cpu"])
    line = json.loads(capsys.readouterr().out)
    assert (line["device"], line["agents"], line["days"]) == ("cpu", 4000, 40)
    assert line["same_stages_as_on_cpu"]
    assert 100 < line["infections"] < 4000


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_without_a_gpu_it_says_so_and_ends_well(capsys: pytest.CaptureFixture[str]) -> None:
    gpu.main([])
    assert capsys.readouterr().out == "No GPU: torch finds no CUDA device on this machine, so nothing was measured.\n"
