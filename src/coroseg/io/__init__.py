"""Reading angiograms and writing results."""

from coroseg.io.load import load

__all__ = ["load"]
