"""The viewer as a test sees it: a server in a thread, and what stands on its page.

In: a run, or a page that a browser opened. Out: a running server; the page's state once it is done
loading.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from rewardgym.report.serve import ViewServer, make_server


def serving(folder: Path) -> Iterator[ViewServer]:
    """The server of a run, for the length of one loop."""
    with make_server(folder) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


def settled(page: Any) -> Any:
    """The page once it has shown what was asked for."""
    page.wait_for_function(
        "() => !document.querySelector('.rv-list').hasAttribute('aria-busy')"
        " && document.querySelector('.rv-status').textContent"
    )
    return page


def go(page: Any, hash_: str) -> None:
    """To another place of the page, as a link leads."""
    page.evaluate("hash => { location.hash = hash; }", hash_)
    page.wait_for_timeout(50)
    settled(page)


def status(page: Any) -> str:
    return str(settled(page).locator(".rv-status").text_content())


def cards(page: Any) -> Any:
    return page.locator(".rv-card")
