"""A server that answers as the documentation of QATrack+'s interface says (docs/api/guide.rst of its repository).

Token in the header Authorization, lists in pages of `limit` with `next`, 401 for a bad token, 400 with the field
in the body for what a session may not be: a test of the list that is not named, a number where there is none, a
`user_key` that is there already.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

TOKEN = "8f5ba2b0c1d24e0f9a"
#: what the server calls itself behind its proxy: nobody may be asked there
INSIDE = "http://qatrack.inside.invalid/api"


@dataclass
class QaTrack:
    """What the server holds, and what it was asked.

    Attributes
    ----------
    tests : macro -> kind, of the one test list "NM daily flood" of unit "Gamma 2"
    sessions : that were posted
    asked : (method, path, authorisation) of each request
    page : sessions and collections to a page, whatever is asked for
    deaf : the filter by key is ignored, as a server does with one that it does not know
    broken : called for each request: returns (status, body, headers) to answer so, or None
    """

    tests: dict[str, str] = field(default_factory=dict)
    sessions: list[dict[str, Any]] = field(default_factory=list)
    asked: list[tuple[str, str, str]] = field(default_factory=list)
    page: int = 100
    deaf: bool = False
    broken: Callable[[str, str], tuple[int, bytes, dict[str, str]] | None] = lambda _method, _path: None
    address: str = ""

    def answer(self, method: str, target: str, body: bytes, authorisation: str) -> tuple[int, Any]:
        url = urlsplit(target)
        query = {name: values[0] for name, values in parse_qs(url.query).items()}
        if authorisation != f"Token {TOKEN}":
            return 401, {"detail": "Invalid token."}
        path = url.path.removeprefix("/api/")
        if method == "POST" and path == "qa/testlistinstances/":
            return self._posted(json.loads(body))
        if path == "qa/unittestcollections/":
            known = [
                {
                    "url": f"{INSIDE}/qa/unittestcollections/327/",
                    "tests_object": f"{INSIDE}/qa/testlists/206/",
                }
            ]
            fits = (query["unit__name"], query["test_list__name"]) == ("Gamma 2", "NM daily flood")
            return 200, self._paged(known if fits else [], query, path)
        if path == "units/units/":
            return 200, self._paged([{"name": "Gamma 2"}] if query["name"] == "Gamma 2" else [], query, path)
        if path == "qa/testlists/206/":
            return 200, {"tests": [f"{INSIDE}/qa/tests/{n}/" for n in range(len(self.tests))]}
        if path.startswith("qa/tests/"):
            slug, kind = list(self.tests.items())[int(path.split("/")[2])]
            return 200, {"slug": slug, "type": kind, "name": slug.title()}
        if path == "qa/testlistinstances/":
            found = [one for one in self.sessions if self.deaf or one["user_key"] == query["user_key"]]
            return 200, self._paged(found, query, path)
        return 404, {"detail": "Not found."}

    def _paged(self, found: list[Any], query: dict[str, str], path: str) -> dict[str, Any]:
        start, most = int(query.get("offset", 0)), min(int(query.get("limit", 100)), self.page)
        wanted = "&".join(
            f"{name}={value}" for name, value in query.items() if name not in ("offset", "limit")
        )
        further = f"{INSIDE}/{path}?{wanted.replace(' ', '%20')}&limit={most}&offset={start + most}"
        more = start + most < len(found)
        return {
            "count": len(found),
            "next": further if more else None,
            "results": found[start : start + most],
        }

    def _posted(self, sent: dict[str, Any]) -> tuple[int, Any]:
        if any(one["user_key"] == sent["user_key"] for one in self.sessions):
            return 400, {"user_key": ["test list instance with this user key already exists."]}
        missing = [
            name
            for name, kind in self.tests.items()
            if name not in sent["tests"] and kind not in ("constant", "composite", "scomposite")
        ]
        wrong = [
            name
            for name, one in sent["tests"].items()
            if self.tests.get(name) == "simple"
            and not one.get("skipped")
            and not isinstance(one["value"], float)
        ]
        if missing or wrong:
            return 400, {
                "non_field_errors": [f"Missing data for tests: {missing}; wrong value type: {wrong}"]
            }
        number = len(self.sessions) + 1
        self.sessions.append(
            {
                **sent,
                "url": f"{INSIDE}/qa/testlistinstances/{number}/",
                "site_url": f"{INSIDE.removesuffix('/api')}/qa/session/details/{number}/",
            }
        )
        return 201, self.sessions[-1]


@contextmanager
def running(state: QaTrack) -> Iterator[QaTrack]:
    """Let a server answer on this computer; its address stands in the state."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._answer("GET")

        def do_POST(self) -> None:
            self._answer("POST")

        def _answer(self, method: str) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            authorisation = self.headers.get("Authorization", "")
            state.asked.append((method, self.path, authorisation))
            instead = state.broken(method, self.path)
            if instead is None:
                status, found = state.answer(method, self.path, body, authorisation)
                instead = (status, json.dumps(found).encode(), {})
            status, content, headers = instead
            self.send_response(status)
            for name, value in ({"Content-Length": str(len(content))} | headers).items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    state.address = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        yield state
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
