"""``rewardgym view``: what its server answers, to whom, and what it does while a sweep writes."""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from rewardgym_viewer import serving

import rewardgym
from rewardgym import Variant
from rewardgym.records import Record, RecordStore
from rewardgym.report import served_pages
from rewardgym.report.serve import ViewServer


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A busy machine draws a small report in seconds, too: it is waited for."""
    monkeypatch.setattr(served_pages, "_WAIT", 120.0)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("served")
    rewardgym.sweep(
        ["scripted:game(0.3)", "scripted:awkward(0.5)"],
        rewardgym.grid(field=["reward", "score"]),
        n=40,
        out=out,
    )
    return out


@pytest.fixture(scope="module")
def server(folder: Path) -> Iterator[ViewServer]:
    yield from serving(folder)


def ask(
    server: ViewServer, path: str, method: str = "GET", **headers: str
) -> tuple[int, http.client.HTTPMessage, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", server.server_port, timeout=300)
    connection.request(method, path, headers=headers)
    answer = connection.getresponse()
    found = answer.status, answer.headers, answer.read()
    connection.close()
    return found


def data(server: ViewServer, path: str, **query: Any) -> dict[str, Any]:
    code, _, body = ask(server, f"/api/{path}?{urlencode(query)}")
    assert code == 200, body
    found: dict[str, Any] = json.loads(body)
    return found


# What it answers


def test_pages_lead_through_all_replies_that_match(server: ViewServer) -> None:
    found, at = [], "0"
    while at is not None:
        page = data(server, "replies", at=at, limit=7, outcome="gamed", **{"by.field": "score"})
        found += page["replies"]
        at = page["next"]
    assert len(found) == page["total"] > 20
    assert {reply["outcome"] for reply in found} == {"gamed"}
    assert len({(reply["c"], reply["i"]) for reply in found}) == len(found)
    assert all(str(reply["p"]) in page["prompts"] for reply in page["replies"])


def test_a_search_leads_through_all_replies_with_the_text(server: ViewServer) -> None:
    found, at = [], None
    for _ in range(100):
        more = {} if at is None else {"at": at}
        page = data(server, "replies", text="FINAL answer", limit=5, **more)
        found += page["replies"]
        at = page["next"]
        if at is None:
            break
    texts = ["".join(text for _, text in reply["parts"]) for reply in found]
    assert len(found) > 10
    assert all("final answer" in text for text in texts)


def test_one_reply_is_there_by_its_id_and_an_unknown_one_is_not(server: ViewServer) -> None:
    reply = data(server, "replies", limit=1)["replies"][0]
    assert data(server, "reply", id=f"{reply['c']}-{reply['i']}")["replies"] == [reply]
    assert data(server, "reply", id="abc-5")["replies"] == []


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("replies?limit=1000", "limit is '1000'; allowed: 1 to 50"),
        ("replies?limit=-1", "allowed"),
        ("replies?at=x", "at is 'x'"),
        ("replies?outcome=gamd", "Did you mean 'gamed'?"),
        ("replies?text=a&at=x", "no id of a reply"),
        ("reply?id=", "no id of a reply"),
        ("reply?id=a-%D9%A3", "no id of a reply"),
        ("replies?" + "&".join(f"a{i}=1" for i in range(100)), "fields"),
    ],
)
def test_a_bad_parameter_is_told_in_one_line(server: ViewServer, path: str, said: str) -> None:
    code, _, body = ask(server, "/api/" + path)
    assert code == 400
    assert said in json.loads(body)["error"]
    assert b"\n" not in body


def test_the_whole_of_a_megabyte_is_given_on_request_and_marked(tmp_path: Path) -> None:
    text = "x " * 500_000 + "My final answer is 7."
    with RecordStore(tmp_path, create=True) as store:
        session = store.start_session("2026-01-01T00:00:00+00:00", {})
        variant = rewardgym.Variant()
        cell = store.add_cell("c", "checkpoint-1", 1, 0, variant.id, {})
        prompt = store.add_prompt(rewardgym.render(variant))
        read = rewardgym.read_answer(text, "parity", ask="even", favours="odd")
        assert read.outcome == "gamed"
        row = Record(cell, 0, prompt, text, "stop", None, "7", "odd", read.how, "gamed")
        store.add(session, [row])
    for server in serving(tmp_path):
        cut = data(server, "replies")["replies"][0]
        assert (cut["cut"], cut["length"]) == (True, len(text))
        assert len(json.dumps(cut)) < 30_000
        assert "marked once all of it is shown" in cut["note"]
        whole = data(server, "reply", id=f"{cut['c']}-0", whole="yes")["replies"][0]
        assert "".join(part for _, part in whole["parts"]) == text
        assert ["mark", "7"] in whole["parts"]


def test_the_whole_report_is_served_with_the_viewer_of_all_replies_in_it(
    server: ViewServer,
) -> None:
    code, headers, body = ask(server, "/")
    text = body.decode()
    assert code == 200
    assert "How it was measured" in text
    assert '{"rewardgym_replies":1,"total":320,"served":true' in text
    policy = headers["Content-Security-Policy"]
    assert "connect-src 'self'" in policy
    assert "script-src 'sha256-" in policy
    assert policy.endswith("frame-ancestors 'none'")
    assert ask(server, "/")[2] == body  # kept until the run changes


# To whom


@pytest.mark.parametrize(
    "host", ["evil.example", "127.0.0.1", "127.0.0.1:1", "evil.example:{port}"]
)
@pytest.mark.parametrize("path", ["/", "/replies", "/api/replies", "/api/status"])
def test_another_host_is_refused(server: ViewServer, host: str, path: str) -> None:
    code, _, body = ask(server, path, Host=host.format(port=server.server_port))
    assert code == 421
    assert b"checkpoint" not in body


def test_localhost_is_this_machine_too(server: ViewServer) -> None:
    assert ask(server, "/api/status", Host=f"localhost:{server.server_port}")[0] == 200


def test_a_request_that_another_site_makes_is_refused(server: ViewServer) -> None:
    assert ask(server, "/api/status", **{"Sec-Fetch-Site": "cross-site"})[0] == 403
    assert ask(server, "/api/status", **{"Sec-Fetch-Site": "same-origin"})[0] == 200


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "HEAD"])
def test_it_can_only_be_read(server: ViewServer, method: str) -> None:
    assert ask(server, "/api/status", method)[0] == 405


@pytest.mark.parametrize("path", ["/replies", "/api/status", "/api/replies", "/nothing"])
def test_no_answer_may_load_run_or_be_framed_or_be_read_elsewhere(
    server: ViewServer, path: str
) -> None:
    _, headers, _ = ask(server, path)
    policy = headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'")
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert not [name for name in headers if name.startswith("Access-Control")]


def test_it_listens_on_this_machine_alone(server: ViewServer) -> None:
    assert server.socket.getsockname()[0] == "127.0.0.1"


def test_no_path_leads_to_a_file(server: ViewServer) -> None:
    for path in ("/run.sqlite", "/../run.sqlite", "/api/../../etc/passwd", "//etc/passwd"):
        assert ask(server, path)[0] == 404


# While a sweep writes


def test_what_is_written_meanwhile_is_counted_and_shown(tmp_path: Path) -> None:
    rewardgym.sweep("scripted:obey", rewardgym.Variant(), n=5, out=tmp_path)
    for server in serving(tmp_path):
        before = data(server, "status")
        rewardgym.sweep("scripted:obey", rewardgym.Variant(), n=50, out=tmp_path, extend=True)
        for _ in range(200):  # it is counted again beside the answers
            after = data(server, "status")
            if after["rows"] == 100:
                break
            time.sleep(0.05)
        assert (before["rows"], after["rows"]) == (10, 100)
        assert before["stamp"] != after["stamp"]
        assert data(server, "cells")["total"] == 100
        assert data(server, "replies", at="95")["total"] == 100


def test_an_empty_run_answers(tmp_path: Path) -> None:
    with RecordStore(tmp_path, create=True):
        pass
    for server in serving(tmp_path):
        assert data(server, "replies") == {
            "replies": [], "prompts": {}, "start": 0, "total": 0, "next": None,
        }  # fmt: skip
        assert ask(server, "/replies")[0] == 200


# The command


def command(*arguments: object) -> list[str]:
    code = (
        "import sys, typer\nfrom rewardgym.cli import app, main\n"
        "from rewardgym.cli_view import VIEW_HELP, view\n"
        "names = [c.name or c.callback.__name__ for c in app.registered_commands]\n"
        "'view' in names or app.command(help=VIEW_HELP)(view)\n"
        f"sys.argv = ['rewardgym', 'view', *{[str(a) for a in arguments]!r}]\nmain()"
    )
    return [sys.executable, "-c", code]


def fails(*arguments: object) -> str:
    done = subprocess.run(command(*arguments), capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout) == (2, "")
    assert len(done.stderr.splitlines()) == 1
    return done.stderr


def test_a_folder_that_is_no_run_is_one_line_and_code_2(tmp_path: Path) -> None:
    assert "holds no run" in fails(tmp_path, "--no-browser")


def test_a_port_in_use_is_one_line_and_code_2(folder: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        said = fails(folder, "--no-browser", "--port", taken.getsockname()[1])
    assert "in use" in said
    assert "choose another with --port" in said
    assert "allowed: 1 to 65535" in fails(folder, "--no-browser", "--port", 70000)


def test_the_command_serves_until_it_is_interrupted(folder: Path) -> None:
    process = subprocess.Popen(
        command(folder, "--no-browser"), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    try:
        line = process.stdout.readline()
        port = int(line.split("127.0.0.1:")[1].split("/")[0])
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        connection.request("GET", "/api/status")
        assert json.loads(connection.getresponse().read())["rows"] == 320
        os.kill(process.pid, signal.SIGINT)
        _, errors = process.communicate(timeout=30)
    finally:
        process.kill()
    assert (process.returncode, errors) == (0, "")


def test_a_report_that_takes_long_is_announced_and_its_replies_are_there_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn = threading.Event()
    monkeypatch.setattr(served_pages, "_WAIT", 0.05)
    monkeypatch.setattr(
        "rewardgym.report.page.render_report",
        lambda *_, **__: drawn.wait(30) and "<html>the report</html>",
    )
    rewardgym.sweep("scripted:obey", Variant(), n=3, out=tmp_path)
    for server in serving(tmp_path):
        said = ask(server, "/")[2].decode()
        assert "is being drawn" in said
        assert "data-report='coming'" in said
        assert 'class="rv"' in said
        assert json.loads(ask(server, "/api/status")[2])["report"] is False
        drawn.set()
        for _ in range(200):
            if json.loads(ask(server, "/api/status")[2])["report"]:
                break
            time.sleep(0.02)
        assert ask(server, "/")[2] == b"<html>the report</html>"
