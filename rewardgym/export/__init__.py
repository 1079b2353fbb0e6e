"""Export: a run as files that other programs read, and its rates as tables for papers.

Names are loaded when first used: who wants a LaTeX table pays for no Parquet.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rewardgym.export.csv_cells import read_csv as read_csv
    from rewardgym.export.dataset_folder import export_dataset as export_dataset
    from rewardgym.export.files import export_table as export_table
    from rewardgym.export.files import export_tables as export_tables
    from rewardgym.export.tables import latex_table as latex_table
    from rewardgym.export.tables import markdown_table as markdown_table

_HOMES = {
    "csv_cells": ("read_csv",),
    "dataset_folder": ("export_dataset",),
    "files": ("export_table", "export_tables"),
    "tables": ("latex_table", "markdown_table"),
}
_HOME_OF = {name: module for module, names in _HOMES.items() for name in names}

__all__ = sorted(_HOME_OF)


def __getattr__(name: str) -> Any:
    if name not in _HOME_OF:
        raise AttributeError(f"module 'rewardgym.export' has no attribute {name!r}")
    return getattr(importlib.import_module(f"rewardgym.export.{_HOME_OF[name]}"), name)
