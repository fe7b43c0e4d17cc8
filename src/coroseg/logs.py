"""What the log shows in a command, and in the processes that it begins."""

import logging


def quieten() -> None:
    """Let the log show what a user can act on: warnings, and of pydicom errors only.

    Pydicom warns of odd values, which are used, mended or refused.
    """
    logging.basicConfig(level=logging.WARNING, format="%(message)s")
    # A filter, since the level is set anew by the import of pydicom.
    logging.getLogger("pydicom").addFilter(lambda said: said.levelno >= logging.ERROR)
