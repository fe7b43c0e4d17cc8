"""Models x folds: every cell trained, tested and stored, then the tables and figures."""
