"""Where the history is: a file of SQLite or a PostgreSQL server, and how to say so without its password."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from nmqc.errors import BadConfiguration

_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://")
_POSTGRESQL = re.compile(
    r"(?P<scheme>postgres(?:ql)?)://"
    r"(?:[^@/?#]*@)?"
    r"(?P<server>[\w.,-]*(?::\d*)?(?:,[\w.-]+(?::\d*)?)*|\[[0-9A-Fa-f:.%]+\](?::\d*)?)"
    r"(?P<database>/[^@/?#:]*)?"
    r"(?:\?\w+=[^@#&]*(?:&\w+=[^@#&]*)*)?"
)
_SERVER_WITHOUT_SCHEME = re.compile(r"password\s*=|[^/\\:]+:[^/\\]+@", re.IGNORECASE)
_FORMS = "sqlite:///FOLDER/history.sqlite, the path of a file, or postgresql://USER@SERVER/DATABASE"


@dataclass(frozen=True, slots=True)
class Address:
    """Where a history is.

    Attributes
    ----------
    engine : "sqlite" or "postgresql"
    target : str
        Path of the file, or the server's address as given, credentials included: never to be shown.
    shown : str
        The same without credentials, for messages and reports.
    makes_folder : bool
        True for the default place, whose folder nmqc makes itself.
    """

    engine: Literal["sqlite", "postgresql"]
    target: str = field(repr=False)
    shown: str
    makes_folder: bool = False


def find_address(typed: str | None = None, configured: str | None = None) -> Address:
    """Return where the history is: as typed, else NMQC_DB, else the site's configuration, else the default.

    Parameters
    ----------
    typed, configured : str or None
        ``sqlite:///path`` (what follows the three slashes is the path), a bare path, or
        ``postgresql://user@server/database``. None or "" is not given.

    Raises
    ------
    BadConfiguration
        If the address is none of these. The message never repeats an address that could hold a password.
    """
    given = typed or os.environ.get("NMQC_DB") or configured
    if not given:
        return _default()
    if given.lower().startswith("sqlite:///"):
        return _file(given[len("sqlite:///") :])
    scheme = _SCHEME.match(given)
    return _server(given, scheme[1]) if scheme else _file(given)


def _default() -> Address:
    from platformdirs import user_data_dir

    path = Path(user_data_dir("nmqc", appauthor=False)) / "history.sqlite"
    return Address("sqlite", str(path), str(path), makes_folder=True)


def _file(path: str) -> Address:
    if _SERVER_WITHOUT_SCHEME.search(path):
        raise BadConfiguration(
            "history_bad_address", f"the address of the history is no path; write {_FORMS}"
        )
    if not path or path == ":memory:" or "\0" in path:
        raise BadConfiguration("history_bad_address", f"the history needs the name of a file; write {_FORMS}")
    absolute = str(Path(os.path.expanduser(path)).absolute())  # noqa: PTH111  (pathlib raises where no home is)
    return Address("sqlite", absolute, absolute)


def _server(address: str, scheme: str) -> Address:
    if scheme.lower() not in ("postgresql", "postgres"):
        problem = f'the address of the history begins with "{scheme}://", which nmqc does not know'
        raise BadConfiguration("history_bad_address", f"{problem}; write {_FORMS}")
    parts = _POSTGRESQL.fullmatch(address)
    if parts is None:
        raise BadConfiguration(
            "history_bad_address",
            "the address of the PostgreSQL history cannot be read: write "
            "postgresql://USER@SERVER:PORT/DATABASE, with / @ : # ? & of a password as "
            "%2F %40 %3A %23 %3F %26, or better put it into PGPASSWORD",
        )
    return Address("postgresql", address, f"postgresql://{parts['server']}{parts['database'] or ''}")
