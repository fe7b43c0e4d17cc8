"""The laboratory: everything that trains networks, and the only part that imports torch."""
