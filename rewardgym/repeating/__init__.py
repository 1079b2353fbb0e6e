"""How to repeat a run: the command that makes it again, or the Python where no flags can say it.

In: an open store. Out: text for a shell or for Python, one a method. A run does not store the words
that were typed, and a grid has many spellings; so commands are rebuilt from what was planned, and
one is given only where the command line reads it as exactly that.
"""

from rewardgym.repeating.commands import Repeat as Repeat
from rewardgym.repeating.commands import repeat_commands as repeat_commands
from rewardgym.repeating.commands import repeats as repeats
from rewardgym.repeating.commands import table_commands as table_commands
from rewardgym.repeating.grids import variant_flags as variant_flags

__all__ = ["Repeat", "repeat_commands", "repeats", "table_commands", "variant_flags"]
