"""The REST interface of QATrack+: finding a test list, asking for a session, posting one.

Standard library alone. The token goes into one header of requests to the address that was typed and nowhere else: no
redirect is followed, and of addresses that the server names the path alone is used.
"""

from __future__ import annotations

import http.client
import json
import ssl
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.parse import parse_qsl, quote, urlencode, urlsplit
from urllib.request import HTTPRedirectHandler, OpenerDirector, Request, build_opener

from nmqc.errors import NmqcError
from nmqc.neighbours.qatrack import Collection

MOST_BYTES = 32_000_000
MOST_PAGES = 100
_SAID = 400
_NO_WORDS = "it gives no reason"


class _Straight(HTTPRedirectHandler):
    """A redirect is an error: what it leads to is not what was typed, and the token is not for it."""

    def redirect_request(self, *_: object, **__: object) -> None:
        """Follow nothing."""


@dataclass(frozen=True, slots=True)
class Server:
    """A QATrack+ server.

    Attributes
    ----------
    address : as typed, with or without /api at its end
    token : never shown
    timeout_s : how long an answer is waited for
    """

    address: str
    token: str = field(repr=False)
    timeout_s: float = 30.0
    _opener: OpenerDirector = field(default_factory=lambda: build_opener(_Straight()), repr=False)

    def __post_init__(self) -> None:
        """Refuse an address or a token that cannot be one."""
        parts = urlsplit(self.address)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.username or parts.query:
            raise NmqcError(
                "qatrack_bad_address", "--url is not an address of QATrack+: write https://qatrack.hospital"
            )
        if not self.token or not self.token.isascii() or not self.token.isprintable() or " " in self.token:
            raise NmqcError(
                "qatrack_bad_token",
                "the token is empty, or holds what no token does: copy it anew from QATrack+",
            )

    @property
    def root(self) -> str:
        """The address of the interface, without a slash at its end."""
        typed = self.address.rstrip("/")
        return typed if typed.endswith("/api") else f"{typed}/api"

    @property
    def in_clear(self) -> bool:
        """Say whether the token travels unencrypted over a network."""
        parts = urlsplit(self.address)
        return parts.scheme == "http" and parts.hostname not in ("localhost", "127.0.0.1", "::1")

    def collection(self, unit: str, test_list: str) -> Collection:
        """Return a test list of a unit, by their exact names.

        Raises
        ------
        NmqcError
            ``qatrack_no_such_list`` where there is none, or several; what every request raises.
        """
        found = list(
            self._pages(
                "qa/unittestcollections/",
                {"unit__name": unit, "test_list__name": test_list, "active": "true"},
            )
        )
        if len(found) != 1:
            raise NmqcError("qatrack_no_such_list", self._no_list(len(found), unit, test_list))
        lists = self._get(_path_of(found[0]["tests_object"]))
        tests = [self._get(_path_of(url)) for url in lists["tests"]]
        return Collection(found[0]["url"], {str(one["slug"]): str(one["type"]) for one in tests})

    def session(self, key: str) -> str | None:
        """Return the address of the session with a key; None where there is none."""
        found = list(self._pages("qa/testlistinstances/", {"user_key": key}))
        mine = [one for one in found if one.get("user_key") == key]
        return _address_of(mine[0]) if mine else None

    def add(self, body: Mapping[str, Any]) -> str | None:
        """Post a session and return its address; None where one with its key is there.

        Raises
        ------
        NmqcError
            ``qatrack_refused`` with what the server says; what every request raises.
        """
        try:
            return _address_of(self._asked("qa/testlistinstances/", body))
        except _Refused as refusal:
            if '"user_key"' in refusal.said:
                return None
            raise

    def _no_list(self, count: int, unit: str, test_list: str) -> str:
        if count:
            return f"{count} active test lists {test_list} of unit {unit} are in QATrack+: leave one active"
        if not list(self._pages("units/units/", {"name": unit})):
            return f"QATrack+ knows no unit {unit}: write --qatrack-unit as it stands there"
        return (
            f"QATrack+ has no active test list {test_list} assigned to unit {unit}: write --test-list as it stands "
            "there, or assign it (a test list inside a cycle cannot be used)"
        )

    # --- requests ---------------------------------------------------------------------------------------

    def _pages(self, path: str, wanted: Mapping[str, str]) -> Iterator[dict[str, Any]]:
        """Yield what is found, page by page."""
        query: Mapping[str, str] | None = {**wanted, "limit": "100"}
        for _ in range(MOST_PAGES):
            if query is None:
                return
            page = self._get(f"{path}?{urlencode(query, quote_via=quote)}")
            yield from page["results"]
            further = page.get("next")
            query = dict(parse_qsl(urlsplit(further).query)) if further else None

    def _get(self, path: str) -> dict[str, Any]:
        return self._asked(path, None)

    def _asked(self, path: str, body: Mapping[str, Any] | None) -> dict[str, Any]:
        """Ask, and return the object that is answered."""
        request = Request(
            f"{self.root}/{path}",
            data=None if body is None else json.dumps(body, allow_nan=False).encode(),
            headers={"Accept": "application/json", "Content-Type": "application/json"},
        )
        request.add_unredirected_header("Authorization", f"Token {self.token}")
        try:
            with self._opener.open(request, timeout=self.timeout_s) as answer:
                content = answer.read(MOST_BYTES + 1)
        except HTTPError as error:
            with error:
                raise self._refusal(error) from None
        except (OSError, http.client.HTTPException, ValueError) as problem:
            raise self._unreachable(problem) from None
        return self._object(content)

    def _object(self, content: bytes) -> dict[str, Any]:
        try:
            found = json.loads(content, object_hook=_Answer) if len(content) <= MOST_BYTES else None
        except ValueError:
            found = None
        if not isinstance(found, dict):
            raise NmqcError("qatrack_other_server", _NOT_QATRACK)
        return found

    def _unreachable(self, problem: Exception) -> NmqcError:
        cause = problem.reason if isinstance(problem, URLError) else problem
        if isinstance(cause, TimeoutError):
            return NmqcError(
                "qatrack_timeout",
                f"QATrack+ gave no answer within {self.timeout_s:g} s: whether it took the session is not known; try "
                "again, nothing is there twice",
            )
        if isinstance(cause, ssl.SSLCertVerificationError):
            return NmqcError(
                "qatrack_certificate",
                "the certificate of the server is not one that this computer trusts: name the hospital's own in the "
                "variable SSL_CERT_FILE",
            )
        return NmqcError(
            "qatrack_unreachable",
            f"QATrack+ cannot be reached at the address given ({type(cause).__name__}): check --url and the network",
        )

    def _refusal(self, error: HTTPError) -> NmqcError:
        """Return what an error of the server means, and what to do."""
        said = self._words(error)
        if error.code in _MEANT:
            code, words = _MEANT[error.code]
            return NmqcError(code, words)
        if error.code == 400:
            return _Refused(said)
        if 300 <= error.code < 400:
            return NmqcError(
                "qatrack_redirect",
                "the server sends on to another address, where the token is not sent: give that address with --url "
                "(https:// instead of http://?)",
            )
        return NmqcError(
            "qatrack_error", f"QATrack+ failed (HTTP {error.code}): look into its log, and try again later"
        )

    def _words(self, error: HTTPError) -> str:
        """Return what the server says, in one line, without the token."""
        try:
            text = error.read(MOST_BYTES).decode("utf-8", "replace")
        except (OSError, http.client.HTTPException):
            return ""
        line = " ".join("".join(one if one.isprintable() else " " for one in text).split())
        return line.replace(self.token, "...")


_NOT_QATRACK = "what answers at this address is not the interface of QATrack+: check --url"
_MEANT = {
    401: (
        "qatrack_unauthorized",
        "QATrack+ does not accept the token: make a new one under /admin/authtoken; behind Apache it needs "
        "WSGIPassAuthorization On",
    ),
    403: (
        "qatrack_forbidden",
        "the user of the token may not do that: put it into a group with the permission to perform QA",
    ),
    404: ("qatrack_other_server", _NOT_QATRACK),
}


class _Refused(NmqcError):
    """The server refuses what was sent."""

    def __init__(self, said: str) -> None:
        shown = said if len(said) <= _SAID else f"{said[:_SAID]} ..."
        super().__init__("qatrack_refused", f"QATrack+ refuses the session: {shown or _NO_WORDS}")
        self.said = said


class _Answer(dict[str, Any]):
    """An object in an answer; what QATrack+ would have in it and is not there is a refusal."""

    def __missing__(self, key: str) -> Any:
        raise NmqcError("qatrack_other_server", _NOT_QATRACK)


def _path_of(url: Any) -> str:
    """Return the path below the interface's root of an address that the server names.

    Behind a proxy it may name itself by another host or scheme: these are not asked.
    """
    _, found, path = urlsplit(str(url)).path.partition("/api/")
    if not found:
        raise NmqcError("qatrack_other_server", _NOT_QATRACK)
    return path


def _address_of(session: Mapping[str, Any]) -> str:
    """Return where a person can look at a session."""
    return str(session.get("site_url") or session.get("url") or "")
