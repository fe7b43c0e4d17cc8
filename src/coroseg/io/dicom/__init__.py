"""Reading DICOM X-ray angiograms."""

from coroseg.io.dicom.reader import read_dicom

__all__ = ["read_dicom"]
