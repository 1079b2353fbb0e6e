"""The viewer as a server: all replies of a run, in pages, while the sweep may still write.

In: a run. Out: the report's page and its data over HTTP, on this machine alone. Nothing can be
written through it, and a request that names another host is refused: a page elsewhere that makes
its own name point here (DNS rebinding) gets nothing.
"""

from __future__ import annotations

import socketserver
import sys
import threading
import webbrowser
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from rewardgym.records import Run, StoreError
from rewardgym.report.replies import Replies
from rewardgym.report.reply_api import Query, ReplyApi
from rewardgym.report.served_pages import ServedPages
from rewardgym.report.viewer_data import safe_json

HOST = "127.0.0.1"

_HEADERS = {
    "Cache-Control": "no-store",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}
_NOTHING = "default-src 'none'; frame-ancestors 'none'"
"""The policy of what is no page: nothing in an answer of data may ever be run or loaded."""


def serve(run: Run | str | Path, *, port: int = 0, open_browser: bool = False) -> None:
    """Serves ``run`` on this machine until interrupted; ``port`` 0 takes a free one.

    Raises StoreError for a folder that holds no run, ValueError for a port that cannot be used.
    """
    with make_server(run, port) as server:
        print(f"{server.run.folder}: {server.address}  (this machine alone; Ctrl-C ends it)")
        sys.stdout.flush()
        if open_browser:
            # In a thread: a browser in a terminal would keep the server from starting.
            threading.Thread(target=webbrowser.open, args=(server.address,), daemon=True).start()
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            print("ended")


class ViewServer(ThreadingHTTPServer):
    """The server of one run; ``address`` is where it answers."""

    daemon_threads = True

    def __init__(self, run: Run, port: int) -> None:
        self.run = run
        self.api = ReplyApi(Replies(run))
        self.pages = ServedPages(run, self.api)
        super().__init__((HOST, port), _Handler)
        own = self.server_address[1]
        self.address = f"http://{HOST}:{own}/"
        self.hosts = {f"{HOST}:{own}", f"localhost:{own}"}

    def server_bind(self) -> None:
        # Not HTTPServer's, which asks a name server for this machine's name.
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = HOST, self.server_address[1]

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A reader who closes the page in the middle of an answer is no error to tell."""
        if not isinstance(sys.exception(), ConnectionError | TimeoutError):
            super().handle_error(request, client_address)

    def server_close(self) -> None:
        super().server_close()
        self.api.close()


def make_server(run: Run | str | Path, port: int = 0) -> ViewServer:
    """A server that is bound and not yet answering; see :func:`serve`."""
    if not 0 <= port <= 65535:
        raise ValueError(f"--port is {port}; allowed: 1 to 65535, or 0 for a free one")
    try:
        return ViewServer(run if isinstance(run, Run) else Run(run), port)
    except OSError as error:
        raise ValueError(
            f"port {port} cannot be used ({error.strerror or error}); choose another with --port, "
            "or leave it out for a free one"
        ) from error


class _Handler(BaseHTTPRequestHandler):
    """Answers one request."""

    server: ViewServer
    server_version = "rewardgym"
    sys_version = ""
    timeout = 30

    def do_GET(self) -> None:
        if self.headers.get_all("Host") not in [[host] for host in self.server.hosts]:
            return self._data({"error": f"ask for {self.server.address}"}, 421)
        if self.headers.get("Sec-Fetch-Site", "none") not in ("none", "same-origin"):
            return self._data({"error": "another site may not ask this server"}, 403)
        url = urlsplit(self.path)
        pages, api = self.server.pages, self.server.api
        shown = {"/": pages.report, "/replies": pages.viewer}.get(url.path)
        if shown is not None:
            return self._page(shown)
        answers: dict[str, Callable[[Query], dict[str, Any]]] = {
            "/api/status": lambda query: {**api.status(query), "report": pages.is_made},
            "/api/cells": api.all_cells,
            "/api/replies": api.page,
            "/api/reply": api.reply,
        }
        if url.path in answers:
            return self._answer(answers[url.path], url.query)
        return self._data({"error": "not found"}, 404)

    def _refused(self) -> None:
        self._data({"error": "this server can only be read: GET"}, 405)

    do_HEAD = do_POST = do_PUT = do_DELETE = do_PATCH = do_OPTIONS = _refused

    def _answer(self, answer: Callable[[Query], dict[str, Any]], query: str) -> None:
        try:
            parameters = dict(parse_qsl(query, keep_blank_values=True, max_num_fields=64))
            found = answer(parameters)
        except ValueError as error:
            return self._data({"error": str(error)}, 400)
        except StoreError as error:
            return self._data({"error": str(error)}, 503)
        return self._data(found, 200)

    def _page(self, shown: Callable[[], tuple[str, str]]) -> None:
        try:
            text, policy = shown()
        except (StoreError, ValueError, RuntimeError) as error:
            return self._data({"error": str(error)}, 503)
        body = text.encode("utf-8", "backslashreplace")
        return self._send(body, "text/html; charset=utf-8", policy, 200)

    def _data(self, value: dict[str, Any], code: int) -> None:
        self._send(safe_json(value).encode(), "application/json", _NOTHING, code)

    def _send(self, body: bytes, kind: str, policy: str, code: int) -> None:
        self.send_response(code)
        for name, value in _HEADERS.items():
            self.send_header(name, value)
        self.send_header("Content-Security-Policy", policy)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing: a line a request would bury what the terminal says."""
