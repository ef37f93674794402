"""The settings of the console. Another project takes them over in one line."""

from config import env
from config.declared import section

section("Console")

CONSOLE_REFRESH_S = env.seconds(
    "CONSOLE_REFRESH_S", 5, at_least=1, at_most=3600,
    help="So often a page of the console that somebody looks at refreshes itself.",
    wrong="Too short: each open page asks the database all the time. Too long: what one sees is old.",
    example="5",
)  # fmt: skip
CONSOLE_LATE_S = env.seconds(
    "CONSOLE_LATE_S", 30, at_least=1, at_most=86_400,
    help="Work, and ticks of the schedule, that are late by more stand on the console's first page.",
    wrong="Too short: it cries wolf after every restart. Too long: customers wait before anybody is told.",
    example="30",
)  # fmt: skip
