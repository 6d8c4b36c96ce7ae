"""What `filter` and `audit` read and write: one file a kind, each a batch at a time."""
