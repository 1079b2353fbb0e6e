"""A real browser for tests of what people open in one: fixtures, and what they watch for.

In: a file or an address. Out: a Playwright page. A test module that says
``pytest_plugins = ["rewardgym_browser"]`` gets the fixture ``open_page``; whatever a page logs as
an error, throws, or asks for outside itself fails the test when it ends, so that no test has to
remember to look. Without Playwright or a browser its tests are skipped, and the reason is said.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, Page, Request

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")

# A pipe, not a socket: nothing else on the machine can steer the browser. No sandbox, since a
# container's root has none; the pages opened here are made by the tests.
ARGUMENTS = ("--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu")


PATIENCE = 60_000
"""Milliseconds until a page is called stuck: a busy machine is slow, and no fault of a page."""


def find_browser() -> str | None:
    """The browser's path: $REWARDGYM_BROWSER, or the first known name on the PATH."""
    named = os.environ.get("REWARDGYM_BROWSER")
    return named or next((found for name in NAMES if (found := shutil.which(name))), None)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """One headless Chromium for a module's tests. Not the session's: Playwright keeps an event loop
    running while it lives, and other tests start loops of their own."""
    sync_api = pytest.importorskip(
        "playwright.sync_api", reason="no playwright: pip install playwright, then a Chromium"
    )
    path = find_browser()
    if path is None:
        pytest.skip(f"no browser: none of {', '.join(NAMES)} is on the PATH")
    with sync_api.sync_playwright() as playwright:
        found = playwright.chromium.launch(executable_path=path, args=list(ARGUMENTS))
        yield found
        found.close()


@dataclass
class Watch:
    """What the pages of one test did that they must not."""

    errors: list[str] = field(default_factory=list)
    """Console errors (a breach of the content security policy is one) and uncaught exceptions."""
    requests: list[str] = field(default_factory=list)
    """Every address that was asked for, the page's own included."""
    strangers: list[str] = field(default_factory=list)
    """Those that left the page: another file, another origin."""

    def request(self, request: Request, home: str) -> None:
        self.requests.append(request.url)
        if not _is_home(request.url, home):
            self.strangers.append(request.url)

    def check(self) -> None:
        assert self.strangers == [], f"requests that left the page: {self.strangers}"
        assert self.errors == [], f"errors in the console: {self.errors}"


def _is_home(url: str, home: str) -> bool:
    """Whether an address is the page itself, something made in it, or its own server's."""
    here, own = urlsplit(url), urlsplit(home)
    if here.scheme == "blob":
        return True
    if own.scheme == "file":
        return (here.scheme, here.path) == (own.scheme, own.path)
    return (here.scheme, here.netloc) == (own.scheme, own.netloc)


OpenPage = Callable[..., Any]


@pytest.fixture
def watch() -> Watch:
    """What the test's pages did; emptied by a test that provokes an error on purpose."""
    return Watch()


@pytest.fixture
def open_page(browser: Browser, watch: Watch) -> Iterator[OpenPage]:
    """``open_page(path_or_url, width=1280, height=900, dark=False, scripts=True, **context)``
    gives a loaded Playwright page of its own; errors and strays fail the test at its end."""
    contexts: list[BrowserContext] = []

    def open_one(
        place: str | Path,
        *,
        width: int = 1280,
        height: int = 900,
        dark: bool = False,
        scripts: bool = True,
        **more: Any,
    ) -> Page:
        url = place if isinstance(place, str) and "://" in place else Path(place).resolve().as_uri()
        context = browser.new_context(
            viewport={"width": width, "height": height},
            color_scheme="dark" if dark else "light",
            java_script_enabled=scripts,
            reduced_motion="reduce",
            **more,
        )
        contexts.append(context)
        context.set_default_timeout(PATIENCE)
        # Pages that a page opens are watched too.
        context.on("request", lambda request: watch.request(request, url))
        context.on("weberror", lambda error: watch.errors.append(str(error.error)))
        context.on(
            "console",
            lambda message: watch.errors.append(message.text) if message.type == "error" else None,
        )
        page = context.new_page()
        page.goto(url)
        return page

    yield open_one
    for context in contexts:
        context.close()
    watch.check()
