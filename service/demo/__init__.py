"""The demonstration: drawn people, made-up consent, the real registry."""
