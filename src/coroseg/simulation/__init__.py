"""Angiograms that the package makes itself, with their exact ground truth."""
