"""Every error that coroseg explains: one line with the value, the place and the remedy."""


class CorosegError(Exception):
    """An error that is explained to the user in one line, without a traceback."""


class InputError(CorosegError):
    """A source that should be an angiogram cannot be read: the source has `failed`."""


class NotAnAngiogramError(InputError):
    """A sound file that is no angiogram (CT, SR, PDF): the source is `skipped`."""


class SpacingError(CorosegError):
    """Lengths in mm were asked for and the size of a pixel is not known."""


class DataError(CorosegError):
    """A data set, manifest or pair of masks that cannot be used as it is."""


class ModelError(CorosegError):
    """A model file, encoder or set of weights that cannot be used."""


class ConfigError(CorosegError):
    """A setting that is unknown, of the wrong type or out of range."""


class OutputError(CorosegError):
    """A result that cannot be written."""


class MissingPackageError(CorosegError):
    """An optional package that is not installed; the message gives the install command."""

    def __init__(self, package: str, purpose: str, command: str) -> None:
        super().__init__(f"{purpose} needs the package {package}: {command}")
