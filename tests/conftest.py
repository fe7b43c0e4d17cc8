"""Stands here so that tests in any folder can import the helpers beside it (`dicom_files`)."""
