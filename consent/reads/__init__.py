"""The only readers that others use. They never write, and every answer carries its size."""
