"""The viewer in a real browser: filters, links, keys, two cells, and replies that mean harm."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

import rewardgym
from rewardgym import Variant
from rewardgym.policies.base import Reply, Stream
from rewardgym.prompts import Prompt
from rewardgym.report.page import write_report
from rewardgym.report.serve import ViewServer, make_server
from rewardgym.report.served_pages import viewer_page
from rewardgym.report.viewer import fragment

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


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("run")
    rewardgym.sweep(
        ["scripted:game(0.3)", "scripted:awkward(0.5)"],
        rewardgym.grid(field=["reward", "cost"], encoding=["plain", "base64"]),
        n=40,
        out=out,
    )
    return out


@pytest.fixture(scope="module")
def report(run: Path) -> Path:
    """The viewer of a file, in a page of its own: the figures' page takes seconds to draw."""
    out = run / "replies.html"
    out.write_text(viewer_page(fragment(run, sample=200), "run"), encoding="utf-8")
    return out


def serving(folder: Path) -> Iterator[ViewServer]:
    with make_server(folder) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture
def served(run: Path) -> Iterator[str]:
    for server in serving(run):
        yield server.address + "replies"


def settled(page: Any) -> Any:
    page.wait_for_function(
        "() => !document.querySelector('.rv-list').hasAttribute('aria-busy')"
        " && document.querySelector('.rv-status').textContent"
    )
    return page


def go(page: Any, hash_: str) -> None:
    page.evaluate("hash => { location.hash = hash; }", hash_)
    page.wait_for_timeout(50)
    settled(page)


def status(page: Any) -> str:
    return str(settled(page).locator(".rv-status").text_content())


def cards(page: Any) -> Any:
    return page.locator(".rv-card")


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


# Hostile replies


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


# Filters and links


def test_filters_show_what_they_say_and_stand_in_the_address(report: Path, open_page: Any) -> None:
    page = settled(open_page(report))
    page.get_by_label("encoding", exact=True).select_option("base64")
    page.get_by_label("outcome", exact=True).select_option("gamed")
    page.wait_for_timeout(50)
    assert "encoding=base64" in page.url
    assert "outcome=gamed" in page.url
    found = page.locator(".rv-card .rv-outcome").all_text_contents()
    assert found
    assert set(found) == {"gamed"}
    assert re.fullmatch(r"Replies 1 to 10 of \d+ that match\.", status(page))
    page.get_by_label("outcome", exact=True).select_option("complied")
    page.wait_for_function(
        "() => document.querySelector('.rv-status').textContent.includes('shown that match, of ')"
    )
    page.get_by_label("outcome", exact=True).select_option("gamed")
    page.wait_for_timeout(50)
    again = settled(open_page(page.url))
    assert again.locator(".rv-card .rv-outcome").all_text_contents() == found
    again.get_by_role("button", name="Clear all").click()
    assert "encoding=" not in again.url


def test_a_link_from_a_figure_sets_the_filters(report: Path, open_page: Any) -> None:
    page = settled(open_page(report))
    go(page, "#replies?checkpoint=scripted%3Aawkward%280.5%29&field=reward&step=None&arm=conflict")
    assert page.get_by_label("field", exact=True).evaluate("n => n.value") == "=reward"
    places = page.locator(".rv-card .rv-place").all_text_contents()
    assert places
    assert all("scripted:awkward(0.5)" in place and "conflict" in place for place in places)
    go(page, "#replies?colour=red")
    assert status(page) == "No replies: the run has no column colour."


def test_a_reply_is_reached_by_its_link(report: Path, open_page: Any) -> None:
    page = settled(open_page(report))
    card = cards(page).nth(3)
    key, text = card.get_attribute("data-id"), card.text_content()
    card.get_by_role("link", name="Link to this reply").click()
    settled(page)
    assert page.url.endswith("#reply=" + key)
    assert cards(page).count() == 1
    other = settled(open_page(page.url))
    assert cards(other).text_content() == text
    go(other, "#reply=000000000000-1")
    assert "not among those shown" in status(other)


@pytest.mark.parametrize("where", ["report", "served"])
def test_text_is_found_and_pages_can_be_turned(
    where: str, request: pytest.FixtureRequest, open_page: Any
) -> None:
    page = settled(open_page(request.getfixturevalue(where)))
    page.get_by_label("Text in the reply").fill("ANSWER")
    page.wait_for_function("() => location.hash.includes('text=ANSWER')")
    assert cards(settled(page)).count() == 10
    texts = page.locator(".rv-reply").all_text_contents()
    assert all("answer" in text.lower() for text in texts)
    first = cards(page).first.get_attribute("data-id")
    page.get_by_role("button", name="Next").first.click()
    page.wait_for_function("id => document.querySelector('.rv-card').dataset.id !== id", arg=first)
    page.get_by_role("button", name="Back").first.click()
    page.wait_for_function("id => document.querySelector('.rv-card').dataset.id === id", arg=first)


def test_the_answer_that_was_read_is_marked_and_reasoning_is_folded(
    report: Path, open_page: Any
) -> None:
    page = settled(open_page(report))
    go(page, "#replies?text=The grader may want")
    card = cards(page).first
    assert not card.locator("details.rv-folded").evaluate("n => n.open")
    assert card.locator("summary").first.text_content().startswith("Reasoning (")
    answer = card.locator(".rv-answer").text_content()
    assert card.locator("mark.rv-read").text_content() == answer


# Two cells


def test_two_cells_stand_side_by_side_with_the_difference_of_their_prompts_marked(
    report: Path, open_page: Any
) -> None:
    page = settled(open_page(report))
    page.get_by_role("button", name="Two cells side by side").click()
    settled(page)
    sides = page.locator(".rv-side")
    assert sides.count() == 2
    prompts = [side.locator(".rv-prompt").text_content() for side in sides.all()]
    assert "output % 2" in prompts[0]
    assert "1 - (output % 2)" in prompts[1]
    marks = [side.locator("mark.rv-differs").all_text_contents() for side in sides.all()]
    assert marks == [[], ["1 - (", ")"]]
    assert "#compare?a=" in page.url
    other = settled(open_page(page.url))
    assert other.locator(".rv-prompt").all_text_contents() == [
        *page.locator(".rv-prompt").all_text_contents()
    ]


# Keys, sizes, no script


def test_keys_move_search_and_lead_back(report: Path, open_page: Any) -> None:
    page = settled(open_page(report))
    focused = "() => document.activeElement.dataset.id || document.activeElement.id"
    ids = [card.get_attribute("data-id") for card in cards(page).all()]
    for key, expected in (("j", 0), ("j", 1), ("ArrowDown", 2), ("k", 1), ("ArrowUp", 0)):
        page.keyboard.press(key)
        assert page.evaluate(focused) == ids[expected]
    page.keyboard.press("/")
    assert page.evaluate(focused) == "rv-text"
    page.keyboard.type("jk/")  # letters in the field are letters
    assert page.get_by_label("Text in the reply").input_value() == "jk/"
    page.keyboard.press("Escape")
    assert page.get_by_label("Text in the reply").input_value() == ""
    page.keyboard.press("Escape")
    assert page.evaluate("() => document.activeElement === document.body")


def test_all_of_it_is_reached_by_the_tab_key_and_has_a_name(report: Path, open_page: Any) -> None:
    page = settled(open_page(report))
    page.locator(".rv select").first.focus()
    seen = set()
    for _ in range(80):
        seen.add(page.evaluate("() => document.activeElement.localName"))
        page.keyboard.press("Tab")
    assert {"select", "input", "button", "article", "a", "summary"} <= seen
    unnamed = page.evaluate(
        "() => [...document.querySelectorAll('.rv select, .rv input')]"
        ".filter((n) => !n.labels.length).length"
    )
    assert unnamed == 0


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


def test_without_a_script_the_counts_are_there_and_it_is_said(report: Path, open_page: Any) -> None:
    page = open_page(report, scripts=False)
    assert "they need JavaScript" in page.locator(".rv").inner_text()
    assert page.locator(".rv-counts").is_visible()
    assert not page.locator(".rv-filters").is_visible()


# While a sweep writes


def test_new_replies_are_offered_while_a_sweep_writes(tmp_path: Path, open_page: Any) -> None:
    rewardgym.sweep("scripted:obey", Variant(), n=20, out=tmp_path)
    for server in serving(tmp_path):
        page = settled(open_page(server.address + "replies"))
        assert status(page) == "Replies 1 to 10 of 40 that match."
        rewardgym.sweep("scripted:obey", Variant(), n=30, out=tmp_path, extend=True)
        button = page.get_by_role("button", name="20 new replies: show them")
        button.wait_for()
        assert page.locator("#rv-total").text_content() == "60"
        assert status(page) == "Replies 1 to 10 of 40 that match."
        button.click()
        page.wait_for_function(
            "() => document.querySelector('.rv-status').textContent.includes('of 60')"
        )


def test_a_run_that_begins_fills_by_itself(tmp_path: Path, open_page: Any) -> None:
    from rewardgym.records import RecordStore

    with RecordStore(tmp_path, create=True):
        pass
    for server in serving(tmp_path):
        page = settled(open_page(server.address + "replies"))
        assert status(page) == "No replies are stored yet."
        rewardgym.sweep("scripted:obey", Variant(), n=4, out=tmp_path)
        page.wait_for_function("() => document.querySelectorAll('.rv-card').length === 8")
