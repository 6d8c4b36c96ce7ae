"""What exists: people, collections, images, provenance, the log. This tier keeps."""
