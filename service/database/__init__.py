"""Django's PostgreSQL backend, with connections that only withdrawing may take."""
