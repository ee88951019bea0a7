"""`secateur demo`: train, prune, compile, check and time a small network, and show what came of it."""
