from pathlib import Path

import pytest
from settings_worlds import Place


@pytest.fixture
def place(tmp_path):
    return Place(tmp_path)


@pytest.fixture(scope="session")
def repository_root():
    return Path(__file__).parents[2]
