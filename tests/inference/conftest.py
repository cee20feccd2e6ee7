"""The fake study, installed as studies are: through entry points of a distribution on the path."""

from pathlib import Path

import pytest

from tests.distributions import install

ENTRY_POINTS = """[causal_lpm.studies]
fake = tests.inference.fake_study:study
second-dose = tests.inference.fake_study:study
slow = tests.inference.fake_study:slow
broken = tests.inference.fake_study:no_such_name
"""


@pytest.fixture
def installed(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that holds the metadata of a distribution with the fake studies; it is on the path."""
    folder = install(tmp_path_factory.mktemp("site"), "fake-studies", ENTRY_POINTS)
    monkeypatch.syspath_prepend(folder)
    return folder
