"""The documentation site: every factor, prompt and command is on it, and no link is broken."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

from rewardgym import Variant, encodings, family_names, render
from rewardgym.factor_checks import _CHOICES, LAYOUTS
from rewardgym.variants import FACTORS

pytest.importorskip("griffe", reason="needs the extra docs")

ROOT = Path(__file__).parents[1]
GENERATOR = ROOT / "docs" / "generator"
sys.path.insert(0, str(GENERATOR))  # the generator is no package: mkdocs loads it from its folder

from command_pages import command_names, command_pages  # noqa: E402
from factor_examples import examples  # noqa: E402
from factor_pages import factor_pages  # noqa: E402
from gallery_pages import anchor, gallery_pages  # noqa: E402
from included_texts import with_included_texts, with_site_links  # noqa: E402
from prompt_html import changes, marked, prompt_block  # noqa: E402

NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
ABSOLUTE = re.compile(r"(?<![\w.<:/])/(?:home|root|tmp|work|Users|opt|var|mnt|usr|private)/\w")
"""A path of the machine on which a notebook was run."""


# Factors


def test_every_factor_has_a_page_with_its_default_and_every_value() -> None:
    pages = {page.path: str(page.content) for page in factor_pages()}
    assert set(pages) == {"factors/index.md", *(f"factors/{name}.md" for name in FACTORS)}
    for name in FACTORS:
        assert f"[{name}]({name}.md)" in pages["factors/index.md"]
        page = pages[f"factors/{name}.md"]
        assert "**Default:**" in page
        assert "**Why vary it?**" in page
        assert page.count("<details") == len(examples()[name].values)


@pytest.mark.parametrize("name", FACTORS)
def test_a_factors_values_give_prompts_that_differ(name: str) -> None:
    example = examples()[name]
    shown = [render(example.base.replace(**{name: value})) for value in example.values]
    assert getattr(example.base, name) in example.values, "the base is one of the values"
    assert name == "paraphrase" or len({prompt.sha256 for prompt in shown}) == len(shown)


@pytest.mark.parametrize("name", _CHOICES)
def test_a_closed_list_of_values_is_shown_whole(name: str) -> None:
    assert set(examples()[name].values) == set(_CHOICES[name])


def test_a_factor_without_an_example_stops_the_build(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("factor_pages.FACTORS", (*FACTORS, "colour"))
    with pytest.raises(KeyError, match="colour"):
        factor_pages()


# The gallery


def test_the_gallery_has_every_family_layout_and_encoding() -> None:
    pages = {page.path: str(page.content) for page in gallery_pages()}
    for family in family_names():
        page = pages[f"gallery/{family}.md"]
        for layout in LAYOUTS:
            for encoding in encodings.names():
                prompt = render(Variant(family=family, layout=layout, encoding=encoding))
                assert f'<div id="{anchor(layout, encoding)}">' in page
                assert f"(#{anchor(layout, encoding)})" in page
                assert prompt_block(prompt) in page


# Prompts as HTML


def test_a_prompt_cannot_bring_markup_of_its_own() -> None:
    evil = "<script>alert(1)</script> & 'more' </pre>"
    prompt = render(Variant(paraphrase=f"Say {evil} now"))
    for html in (prompt_block(prompt), prompt_block(prompt, render(Variant()))):
        assert "<script" not in html
        assert html.count("</pre>") == 1


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("a = output % 2", "a = b3V0"),
        ("", "all is new"),
        ("all is gone", ""),
        ("same", "same"),
        ('{"reward": "x"}', "<reward>x</reward>"),
    ],
)
def test_both_texts_can_be_put_together_from_the_changes(old: str, new: str) -> None:
    found = changes(old, new)
    assert "".join(before for before, _ in found) == old
    assert "".join(after for _, after in found) == new


def test_only_what_differs_is_marked() -> None:
    html = marked("Choose a random even number.", "Choose a random odd number.")
    assert html == "Choose a random <del>even</del><ins>odd</ins> number."


# Texts that are included


def test_an_included_text_links_to_pages() -> None:
    text = "[card](rewardgym/organisms/CARD.md#how) ![](docs/demo.png) [web](https://example.org/a)"
    assert with_site_links(text, Path()) == (
        "[card](organism.md#how) ![](demo.png) [web](https://example.org/a)"
    )


@pytest.mark.parametrize("path", ["../outside.md", "/etc/hostname", "no-such-file.md"])
def test_only_files_of_the_repository_can_be_included(path: str) -> None:
    with pytest.raises(ValueError, match="no file of the repository"):
        with_included_texts(f"<!-- include: {path} -->", ROOT)


# The command line


def test_every_command_is_on_the_page_with_its_examples() -> None:
    page = str(command_pages()[0].content)
    assert {"show", "sweep", "rates", "demo"} <= set(command_names())
    for name in command_names():
        assert f"\n## rewardgym {name}\n" in page
        assert f"Usage: rewardgym {name} " in page
    assert "rewardgym show --field score --encoding brainfuck" in page


# The notebooks


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_holds_no_path_of_the_machine_it_was_run_on(path: Path) -> None:
    assert ABSOLUTE.findall(path.read_text(encoding="utf-8")) == []


def test_the_check_for_paths_finds_one() -> None:
    assert ABSOLUTE.search('open("/home/someone/runs")')
    assert not ABSOLUTE.search("https://example.org/home/someone and a/tmp/b")


@pytest.mark.parametrize("stem", [path.stem for path in NOTEBOOKS])
def test_a_notebook_is_committed_with_its_outputs_and_answers_its_exercises(stem: str) -> None:
    book = json.loads((ROOT / "notebooks" / f"{stem}.ipynb").read_text(encoding="utf-8"))
    code = [cell for cell in book["cells"] if cell["cell_type"] == "code"]
    text = "".join("".join(cell["source"]) for cell in book["cells"])
    outputs = [output for cell in code for output in cell["outputs"]]
    assert all(cell["execution_count"] for cell in code), "run from top to bottom"
    assert not [o for o in outputs if o["output_type"] == "error" or o.get("name") == "stderr"]
    assert [o for o in outputs if "image/png" in o.get("data", {})]
    assert "## Exercises" in text
    assert "## Answers" in text


@pytest.mark.slow
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_runs_in_a_kernel_of_its_own(path: Path) -> None:
    nbclient = pytest.importorskip("nbclient", reason="needs the extra docs")
    nbformat = pytest.importorskip("nbformat", reason="needs the extra docs")
    pytest.importorskip("transformers", reason="needs the extra hf")
    book = nbformat.read(path, as_version=4)
    client = nbclient.NotebookClient(book, timeout=600, resources={"metadata": {"path": str(ROOT)}})
    client.execute()


# The site as it is built


class Page(HTMLParser):
    """What a page links to or loads, and the places on it that can be linked to."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.links: list[str] = []
        self.loads: list[str] = []
        self.ids: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = {name: value or "" for name, value in attrs}
        self.ids |= {found[name] for name in ("id", "name") if name in found}
        if tag == "a" and "href" in found:
            self.links.append(found["href"])
        elif "src" in found or (tag == "link" and "href" in found):
            self.loads.append(found.get("src") or found["href"])


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site, built with warnings as errors."""
    pytest.importorskip("mkdocs", reason="needs the extra docs")
    out = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(out)]
    built = subprocess.run(
        command, cwd=ROOT, env=os.environ | {"NO_MKDOCS_2_WARNING": "1"}, capture_output=True
    )
    assert built.returncode == 0, built.stderr.decode()[-3000:]
    return out


@pytest.fixture(scope="module")
def pages(site: Path) -> dict[Path, Page]:
    return {path: Page(path.read_text(encoding="utf-8")) for path in site.rglob("*.html")}


@pytest.mark.slow
def test_the_built_site_has_every_section(site: Path) -> None:
    for name in FACTORS:
        assert (site / "factors" / f"{name}.html").exists()
    for family in family_names():
        assert (site / "gallery" / f"{family}.html").exists()
    for path in NOTEBOOKS:
        assert (site / "notebooks" / f"{path.stem}.html").exists()
    assert "rewardgym.variants.Variant" in (
        site / "reference" / "rewardgym.variants.html"
    ).read_text(encoding="utf-8")


@pytest.mark.slow
def test_every_link_inside_the_site_resolves(site: Path, pages: dict[Path, Page]) -> None:
    broken = []
    for path, page in pages.items():
        if path.name == "404.html":  # its links are absolute, for whatever server finds it
            continue
        for link in page.links + page.loads:
            parts = urlsplit(link)
            if parts.scheme or parts.netloc or link.startswith("data:"):
                continue
            if not _resolves(path, unquote(parts.path), unquote(parts.fragment), pages):
                broken.append(f"{path.relative_to(site)}: {link}")
    assert broken == []


def _resolves(page: Path, path: str, fragment: str, pages: dict[Path, Page]) -> bool:
    target = (page.parent / path).resolve() if path else page
    target = target / "index.html" if target.is_dir() else target
    known = pages.get(target)
    return target.exists() and (not fragment or known is None or fragment in known.ids)


@pytest.mark.slow
def test_no_page_loads_anything_from_elsewhere(pages: dict[Path, Page]) -> None:
    foreign = {load for page in pages.values() for load in page.loads if urlsplit(load).netloc}
    assert foreign == set()
