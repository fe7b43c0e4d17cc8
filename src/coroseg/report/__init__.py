"""Tables, statistics, figures and the report of a benchmark, from what it has stored."""
