"""Finding altered copies: the rule of what counts as a match, one picture against many, and many against many.

Needs the extra `fingerprints` (NumPy); the join of many needs an SQL engine, which the caller brings.
"""
