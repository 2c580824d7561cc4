"""Sysdig Secure's API: the client, and events. Knows no screen, no AWS and no clock of its own."""
