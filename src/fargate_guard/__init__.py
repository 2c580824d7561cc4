"""Runtime threat detection for AWS Fargate: installed, proven and removable with one command."""

__version__ = "0.1.0"
