"""Sets of angiograms with vessel masks: a manifest of each, and what is wrong with it."""
