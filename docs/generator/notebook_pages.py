"""The notebooks as pages, with the outputs that are stored in them.

In: the folder of notebooks. Out: a page a notebook, its pictures, and the notebook itself to
download. nbconvert writes the Markdown, so that the pages look and search like all others; the
notebooks are not run here but in the tests.
"""

from __future__ import annotations

import re
from pathlib import Path

from site_page import Generated


def notebook_pages(folder: Path) -> list[Generated]:
    """The overview, then for every notebook its page, its pictures and the file."""
    pages: list[Generated] = []
    rows = []
    for path in sorted(folder.glob("*.ipynb")):
        made = _one(path)
        rows.append(f"| [{made[0].title}]({path.stem}.md) | {_summary(str(made[0].content))} |")
        pages += made
    lines = [
        "# Notebooks",
        "",
        "A short course: each runs from top to bottom on a CPU in under two minutes, has exercises "
        "and their answers, and is shown here with the outputs of its last run.",
        "",
        "| notebook | what it teaches |",
        "|---|---|",
        *rows,
    ]
    return [Generated("notebooks/index.md", "Notebooks", "\n".join(lines) + "\n"), *pages]


def _one(path: Path) -> list[Generated]:
    from nbconvert import MarkdownExporter

    files = f"{path.stem}_files"
    exporter = MarkdownExporter()  # type: ignore[no-untyped-call]
    body, resources = exporter.from_filename(
        str(path), resources={"unique_key": "figure", "output_files_dir": files}
    )
    download = f'[Download this notebook]({path.name}){{ download="{path.name}" }}'
    text = as_page(body)
    title, _, rest = text.partition("\n")
    pages = [
        Generated(
            f"notebooks/{path.stem}.md",
            title.removeprefix("# ").strip(),
            f"{title}\n\n{download}\n{rest}",
        ),
        Generated(f"notebooks/{path.name}", None, path.read_bytes()),
    ]
    for name, content in resources.get("outputs", {}).items():
        pages.append(Generated(f"notebooks/{name}", None, content))
    return pages


def as_page(body: str) -> str:
    """nbconvert's Markdown as this site needs it."""
    body = body.strip() + "\n"
    body = re.sub(r"<style scoped>.*?</style>\s*", "", body, flags=re.DOTALL)
    body = body.replace(
        '<div>\n<table border="1" class="dataframe">', '<div class="frame">\n<table>'
    )
    # Python-Markdown leaves what stands inside HTML alone, Jupyter does not.
    body = body.replace("<details>", '<details markdown="1">')
    # A notebook links to files of the repository; here they are pages.
    body = body.replace("](../docs/", "](../")
    body = re.sub(r"\]\(([\w-]+)\.ipynb\)", r"](\1.md)", body)
    return body.replace("![png](", "![Figure drawn by the code above](")


def _summary(text: str) -> str:
    """The first sentence after the title and the download link."""
    paragraphs = [part.strip() for part in text.split("\n\n")[2:] if part.strip()]
    return re.split(r"(?<=[.?!])\s", paragraphs[0].replace("\n", " "))[0] if paragraphs else ""
