from collections.abc import Iterator
from pathlib import Path

import pytest

from causal_lpm.elicitation import AnswerStore
from tests.elicitation.service import Service


@pytest.fixture
def service() -> Iterator[Service]:
    with Service() as running:
        yield running


@pytest.fixture
def store(tmp_path: Path) -> Iterator[AnswerStore]:
    with AnswerStore(tmp_path / "answers.sqlite") as made:
        yield made
