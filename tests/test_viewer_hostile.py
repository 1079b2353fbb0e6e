"""Replies that mean harm, in a real browser: shown as text, and nothing in them runs or loads."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from rewardgym_viewer import go, serving, settled

import rewardgym
from rewardgym import Variant
from rewardgym.policies.base import Reply, Stream
from rewardgym.prompts import Prompt
from rewardgym.report.page import write_report

pytest_plugins = ["rewardgym_browser"]

MEGABYTE = 1_000_000
HARM = "window.harmed=1;document.title='harmed'"
HOSTILE = (
    f"<script>{HARM}</script>",
    f"</script><script>{HARM}</script>",
    f'</script><img src=x onerror="{HARM}">',
    f'"}}]}}</script><script>{HARM}</script><script type="application/json">',
    f"<!--<script>{HARM}</script>",
    "<!-- <script> -->",
    f'<img src="https://harm.example/x.png" onerror="{HARM}">',
    f'<svg onload="{HARM}"><circle r=1></svg>',
    f"<svg><script href='data:text/javascript,{HARM}'/></svg>",
    f'<a href="javascript:{HARM}">7</a>',
    f"[click](javascript:{HARM})",
    f'<a href="data:text/html,<script>{HARM}</script>">data</a>',
    f"data:text/html;base64,PHNjcmlwdD5oYXJtPC9zY3JpcHQ+ {HARM}",
    f'<iframe src="javascript:{HARM}" srcdoc="<script>parent.harmed=1</script>"></iframe>',
    '<object data="https://harm.example/o"></object><embed src="https://harm.example/e">',
    '<link rel="stylesheet" href="https://harm.example/s.css">',
    '<meta http-equiv="refresh" content="0;url=https://harm.example/">',
    '<base href="https://harm.example/">',
    '<form action="https://harm.example/"><input autofocus onfocus="window.harmed=1"></form>',
    "<style>*{display:none!important;background:url(https://harm.example/b)}</style>",
    "</style></head><body style='display:none'>",
    f'<details open ontoggle="{HARM}"><summary>7</summary></details>',
    f'<video><source onerror="{HARM}"></video>',
    f"<math><mtext><script>{HARM}</script></mtext></math>",
    "<![CDATA[ ]]> <?php echo 7 ?> <?xml version='1.0'?>",
    "&lt;script&gt; &#60;b&#62; &amp;amp; &#x3c;b&#x3e; &nbsp;",
    "{{ 7*7 }} {% raw %} ${7*7} #{7} <%= 7 %> {# comment #}",
    "{{constructor.constructor('window.harmed=1')()}}",
    "__proto__ constructor toString",
    "\x1b[31mred\x1b[0m \x1b]8;;https://harm.example\x07link\x1b]8;;\x07 \x08\x08\x7f",
    "\u202e7 si rewsna eht\u202c \u2066isolated\u2069 \u200e\u200f",
    "7\u200b\u200b\u200b\u200c\u200d\u2060\ufeff\u00ad\u034f\u3164 hidden \U000e0041\U000e0042",
    "lone \ud800 surrogates \udfff here",
    "NUL \x00 and \x85 and \u2028 and \u2029 end",
    "Z" + "\u0301\u0489\u20dd" * 200 + "algo",
    "\U0001f468\u200d\U0001f469\u200d\U0001f467 \u2764\ufe0f "
    "\u05e9\u05dc\u05d5\u05dd \u0645\u0631\u062d\u0628\u0627 7",
    "x" * MEGABYTE,
    "\u202e\u200b" * 20_000,
    f'<think><script>{HARM}</script> 9</think> The answer is <b onclick="{HARM}">8</b>',
    "\n" * 50 + " \t \r\n </div></article></section></main>" + "</div>" * 50 + "\n\n\n",
)
assert len(HOSTILE) == 40


class Mean:
    """Answers with the hostile replies, in order."""

    name = "mean</script><script>window.harmed=1</script>\u202e"

    def describe(self) -> dict[str, Any]:
        return {"policy": "mean", "name": self.name, "note": "<img src=x onerror=harmed>"}

    def reply(self, prompts: Sequence[Prompt], streams: Sequence[Stream]) -> list[Reply]:
        return [Reply(HOSTILE[stream[-1] % len(HOSTILE)], "stop", 3) for stream in streams]


@pytest.fixture(scope="module")
def mean(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("mean")
    variant = Variant(clause="</script><script>window.harmed=1</script> {{ 7*7 }}", role="system")
    rewardgym.sweep(Mean(), variant, n=40, twins=False, out=out)
    return out


@pytest.fixture(scope="module")
def mean_report(mean: Path) -> Path:
    return write_report(mean, mean / "report.html", sample=100)


# What a reply's boxes and gaps stand for is put back, so that its text can be held against it.
TEXTS = """() => [...document.querySelectorAll('.rv-card')].map((card) => {
  const copy = card.querySelector('.rv-reply').cloneNode(true);
  for (const box of copy.querySelectorAll('.rv-unseen')) {
    const [code, times] = box.textContent.slice(2).split('×');
    const code_ = parseInt(code, 16);
    const char = code_ >= 0xd800 && code_ <= 0xdfff ? String.fromCharCode(code_)
      : String.fromCodePoint(code_);
    box.replaceWith(char.repeat(Number(times || 1)));
  }
  return [card.dataset.id, [...copy.querySelectorAll('.rv-text')].map((n) => n.textContent)
    .join('')];
})"""


@pytest.mark.parametrize("where", ["file", "server"])
def test_hostile_replies_show_as_text_and_nothing_runs(
    where: str, mean: Path, mean_report: Path, open_page: Any
) -> None:
    if where == "file":
        check_hostile(open_page(mean_report))
        return
    for server in serving(mean):
        check_hostile(open_page(server.address + "replies"))


def check_hostile(page: Any) -> None:
    dialogs: list[str] = []
    page.on("dialog", lambda dialog: (dialogs.append(dialog.message), dialog.dismiss()))
    settled(page).locator(".rv-limit").select_option("50")
    page.wait_for_function("() => document.querySelectorAll('.rv-card').length === 40")
    for summary in page.locator(".rv-card summary").all():
        summary.click()
    shown = {int(key.rsplit("-", 1)[1]): text for key, text in page.evaluate(TEXTS)}
    for index, reply in enumerate(HOSTILE):
        kept = reply.encode("utf-8", "backslashreplace").decode()  # as the store keeps it
        if len(kept) < 3000:
            assert shown[index] == kept, index
        elif "left out" in shown[index]:
            # Beyond 2,000 boxes the codes are told in words.
            text = re.sub(r"\[U\+(20\w\w)\]", lambda code: chr(int(code[1], 16)), shown[index])
            head, gap, tail = re.split(r"… ([\d,]+) characters left out …", text)
            assert kept.startswith(head)
            assert kept.endswith(tail)
            assert len(head) + int(gap.replace(",", "")) + len(tail) == len(kept)
    inside = page.evaluate(
        "() => [...document.querySelectorAll('.rv-list *')].map((n) => n.localName)"
        ".filter((name) => !['article','h3','span','bdi','p','div','dl','dt','dd','details',"
        "'summary','code','mark','a','button'].includes(name))"
    )
    assert inside == []
    links = page.evaluate("() => [...document.querySelectorAll('.rv-list a')].map((a) => a.href)")
    assert all(link.split("#")[0] == page.url.split("#")[0] for link in links)
    assert page.evaluate("() => window.harmed") is None
    assert "harmed" not in page.title().replace("window.harmed=1", "")
    assert dialogs == []


def test_what_is_not_seen_is_boxed_and_what_turns_text_around_stays_inside(
    mean_report: Path, open_page: Any
) -> None:
    page = settled(open_page(mean_report))
    go(page, "#replies?text=si rewsna")
    box = page.locator(".rv-reply .rv-unseen").first
    assert box.text_content() == "U+202E"
    assert box.get_attribute("title") == "right-to-left override"
    style = "n => getComputedStyle(n).unicodeBidi"
    assert page.locator(".rv-reply .rv-text").first.evaluate(style) == "isolate"
    # The override itself is in no text node: it turns nothing around, not even the reply.
    assert "\u202e" not in page.locator(".rv").inner_html()


def test_the_server_gives_all_of_a_long_line(mean: Path, open_page: Any) -> None:
    for server in serving(mean):
        page = settled(open_page(server.address + "replies"))
        go(page, "#replies?text=xxxxxxxxxxxxxxxxxxxx")
        page.get_by_role("button", name="Show all 1,000,000 characters").click()
        page.wait_for_function(
            "() => document.querySelector('.rv-reply .rv-text').textContent.length === 1000000"
        )


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("width", [360, 1280])
def test_nothing_is_wider_than_the_page(
    mean_report: Path, open_page: Any, width: int, dark: bool
) -> None:
    page = settled(open_page(mean_report, width=width, dark=dark))
    page.locator(".rv-limit").select_option("50")
    page.wait_for_function("() => document.querySelectorAll('.rv-card').length === 40")
    too_wide = "() => [...document.querySelectorAll('.rv, .rv-card, .rv-filters')].filter((n) =>"
    assert page.evaluate(too_wide + f" n.getBoundingClientRect().right > {width}).length") == 0
