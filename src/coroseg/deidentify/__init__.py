"""De-identification of DICOM files after PS3.15 Annex E, from the standard's own table."""
