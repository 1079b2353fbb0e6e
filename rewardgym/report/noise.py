"""The noise floor as a table.

In: what ``measure_noise`` found. Out: a table, one row a checkpoint and a column a cause.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from rewardgym.report.tables import DASH, plain_table

if TYPE_CHECKING:
    from rich.table import Table

    from rewardgym.exact.noise import Noise

TITLE = "The largest change of an outcome's probability, when nothing changes but:"


def noise_table(found: Mapping[str, Noise]) -> Table:
    """One row a checkpoint: what batches do, then what other dtypes of its weights do."""
    changes = list(dict.fromkeys(name for one in found.values() for name in one.changes))
    dtypes = list(dict.fromkeys(name for one in found.values() for name in one.dtypes))
    out = plain_table(TITLE, ["checkpoint"], (*changes, *dtypes, "floor", "prompts"))
    for name, one in found.items():
        known = {**one.changes, **one.dtypes}
        cells = [f"{known[key]:.1e}" if key in known else DASH for key in (*changes, *dtypes)]
        out.add_row(name, *cells, f"{one.floor:.1e}", str(one.prompts))
    return out
