"""Pure functions and tables: no ORM, no clock, no settings, no randomness."""
