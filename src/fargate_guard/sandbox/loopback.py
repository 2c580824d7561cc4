"""Where the sandbox listens, and nowhere else."""

LOOPBACK = "127.0.0.1"
