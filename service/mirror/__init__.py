"""A public collection's feed as plain files, which any host may serve: no key, no program, no database behind it."""
