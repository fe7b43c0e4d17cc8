"""The report of one case: picture, plots and page."""
