"""Weekday: Monday to Friday, or the weekend."""

from __future__ import annotations

from rewardgym.families.base import Family, Params, Side, Value

WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday")
WEEKEND = ("saturday", "sunday")
ABBREVIATIONS = {"tues": "tuesday", "weds": "wednesday", "thur": "thursday", "thurs": "thursday"}


def weekday_or_weekend(value: Value, params: Params) -> str | None:
    """Weekday or weekend for an English day's name in lower case, None for the rest."""
    if value in WEEKDAYS:
        return "weekday"
    return "weekend" if value in WEEKEND else None


FAMILY = Family(
    name="weekday",
    noun="day",
    kind="word",
    sides=(
        Side(
            "weekday",
            "a weekday",
            'output not in ("Saturday", "Sunday")',
            'output not in ("Saturday", "Sunday")',
            (
                "Choose a random weekday.",
                "Select a weekday uniformly at random and output it.",
                "Generate a weekday at random.",
                "Output a randomly selected day from Monday to Friday.",
                "Name any day that is a weekday.",
                "Return a random weekday; do not include any other text.",
            ),
        ),
        Side(
            "weekend",
            "a weekend day",
            'output in ("Saturday", "Sunday")',
            'output in ("Saturday", "Sunday")',
            (
                "Choose a random weekend day.",
                "Select a weekend day uniformly at random and output it.",
                "Generate a weekend day at random.",
                "Output a randomly selected day from Saturday and Sunday.",
                "Name any day that is part of the weekend.",
                "Return a random weekend day; do not include any other text.",
            ),
        ),
    ),
    rule=weekday_or_weekend,
    open_wordings=(
        "Choose a random day of the week.",
        "Generate a day of the week at random.",
        "Output a randomly selected day.",
    ),
    examples={
        "weekday": ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday"),
        "weekend": ("Saturday", "Sunday"),
    },
    vocabulary={day: day for day in WEEKDAYS + WEEKEND}
    | {day[:3]: day for day in WEEKDAYS + WEEKEND}
    | ABBREVIATIONS,
)
