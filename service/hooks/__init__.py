"""Webhooks: what is said, how it is signed, and how it leaves."""
