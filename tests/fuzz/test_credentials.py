"""The password in the address of a history is never shown, whatever goes wrong with it."""

from __future__ import annotations

from pathlib import Path

import pytest

from fuzz.corpus import Corpus
from tests.cli.running import call

SECRET = "s3cretWord"
#: nobody listens at port 9 of this machine; the others are no addresses
ADDRESSES = (
    f"postgresql://user:{SECRET}@127.0.0.1:9/db",
    f"postgresql://user@127.0.0.1:9/db?password={SECRET}&connect_timeout=1",
    f"postgresql://user:{SECRET}@bad host/db",
    f"postgres://user:{SECRET}",
    f"mysql://user:{SECRET}@host/db",
    f"user:{SECRET}@host/db",
    f"host=here password={SECRET}",
)
COMMANDS = (
    ("uniformity", "good.dcm", "--replicates", "0", "--json"),
    ("batch", "images", "--json"),
    ("history", "list"),
    ("history", "path"),
    ("agree", "--with", "table.csv"),
    ("trend", "--json"),
)


@pytest.mark.parametrize("address", ADDRESSES)
def test_no_command_shows_it(
    corpus: Corpus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, address: str
) -> None:
    pytest.importorskip("psycopg")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "images").mkdir()
    (tmp_path / "images" / "good.dcm").write_bytes(corpus.images["good.dcm"].read_bytes())
    (tmp_path / "good.dcm").write_bytes(corpus.images["good.dcm"].read_bytes())
    (tmp_path / "table.csv").write_bytes(corpus.texts["table.csv"].read_bytes())
    for command in COMMANDS:
        run = call(*command, "--db", address)
        assert run.status == (0 if command == ("history", "path") and run.text else 3), command
        assert SECRET not in run.text + run.err, command


def test_nor_do_the_commands_of_the_configuration(tmp_path: Path) -> None:
    (tmp_path / "nmqc.toml").write_text(f'database = "{ADDRESSES[0]}"\nunknown = 1\n', encoding="utf-8")
    for command in (("config", "check"), ("config", "show", "--config"), ("history", "list", "--config")):
        run = call(*command, tmp_path / "nmqc.toml")
        assert SECRET not in run.text + run.err, command
