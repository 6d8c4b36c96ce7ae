"""What this machine reaches, each figure beside a peer or floor of the same run: `make bench [ONLY=name]`."""
