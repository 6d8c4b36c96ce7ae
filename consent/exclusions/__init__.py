"""Standings: their definition (the fold of the log's openings), their projection, and their publication."""
