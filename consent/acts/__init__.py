"""The only writers of this tier: one verb a file, one durable transaction a verb, one log entry."""
