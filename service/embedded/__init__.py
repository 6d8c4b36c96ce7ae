"""The database, the broker and the supervisor of a bare machine. Nothing here needs Django."""
