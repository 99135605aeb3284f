"""Where the history is, and that no message gives a password away."""

from __future__ import annotations

from pathlib import Path

import pytest

from nmqc.errors import BadConfiguration
from nmqc.history import find_address


@pytest.fixture(autouse=True)
def without_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NMQC_DB", raising=False)


def test_what_is_typed_goes_before_the_environment_and_that_before_the_configuration(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    typed, environment, configured = (str(tmp_path / name) for name in ("typed", "environment", "configured"))
    assert find_address(None, configured).target == configured
    monkeypatch.setenv("NMQC_DB", environment)
    assert find_address(None, configured).target == environment
    assert find_address(typed, configured).target == typed


def test_the_default_is_in_the_users_data_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("platformdirs.user_data_dir", lambda *_, **__: str(tmp_path / "share" / "nmqc"))
    address = find_address()
    assert (address.engine, address.makes_folder) == ("sqlite", True)
    assert Path(address.target) == tmp_path / "share" / "nmqc" / "history.sqlite"


@pytest.mark.parametrize(
    ("typed", "path"),
    [
        ("sqlite:////data/qc/history.sqlite", "/data/qc/history.sqlite"),
        ("sqlite:///qc/history.sqlite", "{here}/qc/history.sqlite"),
        ("/data/qc/history.sqlite", "/data/qc/history.sqlite"),
        ("history.sqlite", "{here}/history.sqlite"),
        ("~/history.sqlite", "{home}/history.sqlite"),
        ("/data/a b?mode=memory#1%20.sqlite", "/data/a b?mode=memory#1%20.sqlite"),
    ],
)
def test_files(typed: str, path: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    address = find_address(typed)
    assert address.engine == "sqlite"
    assert address.target == address.shown == path.format(here=tmp_path, home=tmp_path / "home")


@pytest.mark.parametrize(
    ("typed", "shown"),
    [
        (
            "postgresql://bob:hunter2@db.hospital.example:5433/nmqc",
            "postgresql://db.hospital.example:5433/nmqc",
        ),
        ("postgres://bob@db/nmqc?sslmode=require&password=hunter2", "postgresql://db/nmqc"),
        ("postgresql://bob:hunter2%40@[::1]:5432/nmqc", "postgresql://[::1]:5432/nmqc"),
        ("postgresql://bob:hunter2@a:1,b:2/nmqc", "postgresql://a:1,b:2/nmqc"),
        ("postgresql:///nmqc?host=/run/postgresql&user=bob", "postgresql:///nmqc"),
        ("postgresql://db", "postgresql://db"),
    ],
)
def test_servers_are_shown_without_credentials(typed: str, shown: str) -> None:
    address = find_address(typed)
    assert (address.engine, address.target, address.shown) == ("postgresql", typed, shown)
    assert "hunter2" not in repr(address)


@pytest.mark.parametrize(
    "typed",
    [
        "postgresql://bob:hunter2/x@db/nmqc",
        "postgresql://bob:hunter2@x@db/nmqc",
        "postgresql://bob:hunter2?x@db/nmqc",
        "postgresql://bob:hunter2#x@db/nmqc",
        "postgresql://bob:hunter2",
        "mysql://bob:hunter2@db/nmqc",
        "bob:hunter2@db/nmqc",
        "host=db user=bob password=hunter2",
        "sqlite://bob:hunter2@db/nmqc",
        "sqlite://data/hunter2.sqlite",
        "sqlite:///:memory:",
        "sqlite:///",
        ":memory:",
        "a\0hunter2",
    ],
)
def test_an_address_that_cannot_be_used_is_refused_and_not_repeated(typed: str) -> None:
    with pytest.raises(BadConfiguration) as refusal:
        find_address(typed)
    assert refusal.value.code == "history_bad_address"
    assert "hunter2" not in refusal.value.reason
    assert "postgresql://" in refusal.value.reason  # says what to write instead
