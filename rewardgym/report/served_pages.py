"""The pages that the viewer's server sends: the whole report, and the viewer alone.

In: a run and its replies. Out: HTML with the policy to send beside it. The report is that of
``rewardgym report`` with another viewer in it; where it cannot be made, the replies still can.
"""

from __future__ import annotations

import base64
import hashlib
import html
import re
import threading
import time

from rewardgym.records import Run, StoreError
from rewardgym.report.reply_api import ReplyApi
from rewardgym.report.viewer import Fragment, served_fragment

_ALONE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{name} · rewardgym replies</title>
<style>{css}</style>
</head>
<body>
<header><h1>{name}</h1><p class="note"{coming}>{note}</p></header>
<main id="replies" tabindex="-1">
{html}
</main>
<script type="application/json">{json}</script>
<script>{js}</script>
</body>
</html>
"""
_ALONE_CSS = """
:root { color-scheme: light dark; }
body { font: 16px/1.45 system-ui, sans-serif; margin: 1rem auto; max-width: 80rem; padding: 0 1rem;
  background: light-dark(#ffffff, #15181c); color: light-dark(#1b1f24, #e6e8ea); }
h1 { font-size: 1.4rem; overflow-wrap: anywhere; }
"""
_META_POLICY = re.compile(r'<meta http-equiv="Content-Security-Policy" content="([^"]*)">')
_KEPT = 30.0
"""Seconds for which a report is not made again while the sweep goes on writing."""
_WAIT = 3.0
"""Seconds that a reader waits for a report before something else is shown."""
_COMING = "The report of this run is being drawn; meanwhile, what it is made of:"


class ServedPages:
    """Pages of one run, each kept until the run has changed."""

    def __init__(self, run: Run, api: ReplyApi) -> None:
        self._run, self._api = run, api
        self._lock = threading.Lock()
        self._made: tuple[int, float, str] | None = None
        self._maker: threading.Thread | None = None
        self._failed: Exception | None = None

    def report(self) -> tuple[str, str]:
        """The whole report with the viewer of all replies, and its policy. A run so large that it
        takes long to draw is shown as it was before or, the first time, by its replies."""
        maker = self._started()
        if maker is not None:
            maker.join(_WAIT)
        with self._lock:
            made, failed = self._made, self._failed
        if made is not None:
            return made[2], _policy(made[2])
        if failed is not None:
            raise failed
        text = self._alone(_COMING, coming=True)
        return text, _policy(text)

    @property
    def is_made(self) -> bool:
        """Whether a report is there to be shown."""
        return self._made is not None

    def viewer(self) -> tuple[str, str]:
        """The viewer alone, which is there at once however large the run, and its policy."""
        text = self._alone("")
        return text, _policy(text)

    def _started(self) -> threading.Thread | None:
        """What is making the report now, None where the last one is still good."""
        with self._lock:
            stamp, now, made = self._api.stamp, time.monotonic(), self._made
            stale = made is None or (made[0] != stamp and now - made[1] > _KEPT)
            if self._maker is None and stale:
                self._maker = threading.Thread(target=self._make, args=(stamp,), daemon=True)
                self._maker.start()
            return self._maker

    def _make(self, stamp: int) -> None:
        text, failed = None, None
        try:
            text = self._render()
        except Exception as error:  # told to whoever asks for the report
            failed = error
        with self._lock:
            if text is not None:
                self._made = (stamp, time.monotonic(), text)
            self._failed, self._maker = failed, None

    def _render(self) -> str:
        from rewardgym.report.page import render_report

        try:
            return render_report(self._run, fragment=self._fragment(), connect=True)
        except StoreError:
            raise
        except (RuntimeError, ValueError) as error:
            return self._alone(f"The report could not be made: {error}")

    def _fragment(self) -> Fragment:
        return served_fragment(self._api.replies, self._api.cells)

    def _alone(self, note: str, *, coming: bool = False) -> str:
        name = self._run.folder.resolve().name
        return viewer_page(self._fragment(), name, note, coming=coming)


def viewer_page(fragment: Fragment, name: str, note: str = "", *, coming: bool = False) -> str:
    """A page with nothing but the viewer, which runs and loads nothing else. ``coming``: its script
    says so when the report is there."""
    css = _ALONE_CSS + fragment.css
    policy = (
        f"default-src 'none'; script-src {_hash(fragment.js)}; style-src {_hash(css)}; "
        "connect-src 'self'; base-uri 'none'; form-action 'none'"
    )
    return _ALONE.format(
        policy=policy,
        name=html.escape(name),
        note=html.escape(note),
        coming=" data-report='coming'" if coming else "",
        css=css,
        html=fragment.html,
        json=fragment.json,
        js=fragment.js,
    )


def _policy(text: str) -> str:
    """The page's own policy, which is sent beside it with what only a header can say."""
    found = _META_POLICY.search(text)
    own = html.unescape(found[1]) if found else "default-src 'none'"
    return f"{own}; frame-ancestors 'none'"


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
