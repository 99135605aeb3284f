"""Good files to break: made once for all."""

from __future__ import annotations

import pytest

from fuzz.corpus import Corpus, made


@pytest.fixture(scope="session")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Corpus:
    return made(tmp_path_factory.mktemp("corpus"))
