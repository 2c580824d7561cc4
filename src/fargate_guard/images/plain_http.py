"""Where a registry may be asked without encryption: on this machine only, as Docker does."""

from __future__ import annotations

import ipaddress
import socket
import ssl


def is_loopback(host: str) -> bool:
    """Whether a host is this machine: ``localhost``, 127.0.0.0/8 or ::1.

    https://docs.docker.com/reference/cli/dockerd/#insecure-registries
    """
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def speaks_tls(host: str, port: int, seconds: float) -> bool:
    """Whether there is a TLS server; its certificate is looked at when something is sent."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    try:
        with (
            socket.create_connection((host, port), timeout=max(seconds, 0.01)) as plain,
            context.wrap_socket(plain),
        ):
            return True
    except OSError:
        return False
