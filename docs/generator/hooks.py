"""The site's hooks: what mkdocs calls while it builds, and the pages that the library itself makes.

In: the configuration in mkdocs.yml. Out: generated pages beside the written ones, the navigation
that lists them, and texts of the repository (README, card, changelog) where a page includes them.
A page that can be generated is never written by hand, so that no page can go stale.
"""

from __future__ import annotations

from pathlib import Path

from command_pages import command_pages
from factor_pages import factor_pages
from gallery_pages import gallery_pages
from included_texts import with_included_texts
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page
from notebook_pages import notebook_pages
from reference_pages import reference_pages
from site_page import Generated

ROOT = Path(__file__).parents[2]

OPTIONAL = ("training.md",)
"""Pages of the navigation that a checkout may not have yet."""


def sections() -> dict[str, list[Generated]]:
    """The generated pages, by the first page of the section that lists them."""
    return {
        "factors/index.md": factor_pages(),
        "gallery/index.md": gallery_pages(),
        "notebooks/index.md": notebook_pages(ROOT / "notebooks"),
        "commands.md": command_pages(),
        "reference/index.md": reference_pages(ROOT),
    }


_made: dict[str, list[Generated]] = {}


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Makes the generated pages and puts them into the navigation."""
    _made.clear()
    _made.update(sections())
    config.nav = [_filled(entry, config) for entry in config.nav or []]
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Adds the generated pages; nothing is written into the checkout."""
    for page in (page for pages in _made.values() for page in pages):
        files.append(File.generated(config, page.path, content=page.content))
    return files


def on_page_markdown(markdown: str, *, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Puts the repository's texts where a page asks for them."""
    return with_included_texts(markdown, ROOT)


def _filled(entry: object, config: MkDocsConfig) -> object:
    """A navigation entry with the pages of its section, without optional ones that are missing."""
    if not isinstance(entry, dict):
        return entry
    ((title, target),) = entry.items()
    if isinstance(target, list):
        kept = [one for one in target if not _is_missing(one, config)]
        return {title: [_filled(one, config) for one in kept]}
    pages = [page for page in _made.get(target, []) if page.title]
    if len(pages) < 2:
        return entry
    return {title: [p.path if p.path == target else {p.title: p.path} for p in pages]}


def _is_missing(entry: object, config: MkDocsConfig) -> bool:
    targets = list(entry.values()) if isinstance(entry, dict) else [entry]
    return any(
        target in OPTIONAL and not (Path(config.docs_dir) / target).exists() for target in targets
    )
