"""How the command line speaks: exit statuses, and lines on the standard error stream."""

from rich.console import Console

FAILED, USAGE, INTERRUPTED = 1, 2, 130
"""Exit statuses: something failed or is wrong; wrong usage; Ctrl-C."""

console = Console(stderr=True, highlight=False)


def say(message: str) -> None:
    """Print one line to the standard error stream, as it is."""
    console.print(message, markup=False, soft_wrap=True)


class UsageError(Exception):
    """A combination of options that means nothing."""
