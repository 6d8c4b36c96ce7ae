"""The log: recorded in the act's transaction, published as tiles and signed checkpoints, proved by receipts."""
