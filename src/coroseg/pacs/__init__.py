"""Archives: finding and fetching runs, and storing what was found in them."""
