"""An HTTP proxy on loopback that knows one host: whatever is asked for, it leads there."""

from __future__ import annotations

import socket
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from collections.abc import Callable


class ConnectProxy:
    """Tunnels every CONNECT to one port of this machine; ``with`` starts and stops it."""

    def __init__(self, port: int, *, login: str | None = None) -> None:
        self.asked: list[str] = []
        """What followed CONNECT, and the credentials where there were any."""
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self.asked, port, login))
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()


def _handler(asked: list[str], port: int, login: str | None) -> type[BaseHTTPRequestHandler]:
    class _Tunnels(BaseHTTPRequestHandler):
        def do_CONNECT(self) -> None:
            given = self.headers.get("Proxy-Authorization")
            asked.append(" ".join(filter(None, (self.path, given))))
            if login is not None and given != login:
                self.send_error(407)
                return
            with socket.create_connection(("127.0.0.1", port)) as there:
                self.send_response(200)
                self.end_headers()
                back = threading.Thread(target=_pour, args=(there.recv, self.connection.sendall), daemon=True)
                back.start()
                _pour(self.connection.recv, there.sendall)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
            """Tests look at ``asked``."""

    return _Tunnels


def _pour(take: Callable[[int], bytes], give: Callable[[bytes], object]) -> None:
    try:
        while part := take(64 * 1024):
            give(part)
    except OSError:  # one side has closed
        return
