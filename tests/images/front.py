"""HTTP servers on loopback for what a healthy registry does not do: they stand in front of the real one.

``Front`` forwards to the registry, writes down what it was asked, and answers by itself where a test says so.
``Tunnel`` is an HTTPS proxy that leads every host name to one ``Front``, so that docker.io and ECR can be
asked by their own names without leaving this machine.
"""

from __future__ import annotations

import contextlib
import http.client
import selectors
import socket
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, Self, TypeAlias

if TYPE_CHECKING:
    import ssl
    from collections.abc import Mapping


@dataclass(frozen=True)
class Asked:
    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes = b""

    @property
    def host(self) -> str:
        return self.headers.get("Host", "")

    @property
    def line(self) -> str:
        return f"{self.method} {self.path}"


@dataclass(frozen=True)
class Reply:
    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)


Rule: TypeAlias = Callable[[Asked], Reply | None]


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Clients that hang up, or speak TLS to a server that does not, are part of the tests."""


class Front:
    """A server; ``with`` starts and stops it."""

    def __init__(self, upstream: str | None = None, *, tls: ssl.SSLContext | None = None) -> None:
        self.asked: list[Asked] = []
        self.rule: Rule = lambda _: None
        self.forwarded_host: str | None = None
        self._upstream = upstream
        self._server = _Server(("127.0.0.1", 0), self._handler())
        if tls:
            self._server.socket = tls.wrap_socket(
                self._server.socket, server_side=True, do_handshake_on_connect=False
            )
        self.port = int(self._server.server_address[1])
        self.host = f"127.0.0.1:{self.port}"

    def __enter__(self) -> Front:
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    @property
    def lines(self) -> list[str]:
        """Method and path of every request."""
        return [asked.line for asked in self.asked]

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        front = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_: object) -> None:
                pass

            def _answer(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                asked = Asked(self.command, self.path, dict(self.headers.items()), body)
                front.asked.append(asked)
                reply = front.rule(asked) or front.forward(asked)
                self.send_response(reply.status)
                for name, value in reply.headers.items():
                    self.send_header(name, value)
                if "Content-Length" not in reply.headers:
                    self.send_header("Content-Length", str(len(reply.body)))
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(reply.body)

            do_GET = do_HEAD = do_POST = _answer  # noqa: N815

        return Handler

    def forward(self, asked: Asked) -> Reply:
        """What the real registry answers."""
        assert self._upstream, f"nobody is behind this server to answer {asked.line}"
        connection = http.client.HTTPConnection(self._upstream, timeout=20)
        try:
            headers = {name: value for name, value in asked.headers.items() if name.lower() != "connection"}
            connection.request(asked.method, asked.path, headers=headers)
            answer = connection.getresponse()
            body = answer.read()
        finally:
            connection.close()
        kept = ("content-type", "docker-content-digest", "www-authenticate", "location")
        found = {name: value for name, value in answer.getheaders() if name.lower() in kept}
        if asked.method == "HEAD":
            found["Content-Length"] = answer.getheader("Content-Length") or "0"
        return Reply(answer.status, body, found)


class Tunnel:
    """An HTTPS proxy that leads to one port of this machine, whichever host is asked for."""

    def __init__(self, port: int) -> None:
        self.hosts: list[str] = []
        tunnel = self

        class Handler(BaseHTTPRequestHandler):
            def log_message(self, *_: object) -> None:
                pass

            def do_CONNECT(self) -> None:
                tunnel.hosts.append(self.path)
                self.send_response(200)
                self.end_headers()
                with socket.create_connection(("127.0.0.1", port)) as inner:
                    _pump(self.connection, inner)

        self._server = _Server(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> Tunnel:
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()


class _Listener:
    """A server below HTTP: every connection gets a thread."""

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._ending = threading.Event()
        self.host = f"127.0.0.1:{self._listener.getsockname()[1]}"

    def __enter__(self) -> Self:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ending.set()
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._handle, args=(connection,), daemon=True).start()

    def _handle(self, connection: socket.socket) -> None:
        with connection, contextlib.suppress(OSError):
            self.serve(connection)

    def serve(self, connection: socket.socket) -> None:
        raise NotImplementedError


class Breaking(_Listener):
    """Hangs up before or in the middle of the first answers, then leads to the registry."""

    def __init__(self, upstream: str, *, times: int) -> None:
        super().__init__()
        self.left = times
        self._upstream = upstream

    def serve(self, connection: socket.socket) -> None:
        asked = connection.recv(4096, socket.MSG_PEEK)
        if asked.startswith((b"GET", b"HEAD")) and self.left:
            self.left -= 1
            connection.recv(4096)
            if asked.startswith(b"GET"):
                connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n{")
            return
        host, port = self._upstream.split(":")
        with socket.create_connection((host, int(port))) as inner:
            _pump(connection, inner)


class Dripping(_Listener):
    """Answers a letter at a time, and never to the end."""

    def serve(self, connection: socket.socket) -> None:
        if not connection.recv(4096).startswith((b"GET", b"HEAD")):
            return  # no TLS here
        connection.sendall(b"HTTP/1.1 200 OK\r\nX-Drops: ")
        while not self._ending.wait(0.05):
            connection.sendall(b".")


def _pump(one: socket.socket, other: socket.socket) -> None:
    with selectors.DefaultSelector() as selector:
        selector.register(one, selectors.EVENT_READ, other)
        selector.register(other, selectors.EVENT_READ, one)
        while True:
            for key, _ in selector.select():
                data = key.fileobj.recv(65536)  # type: ignore[union-attr]
                if not data:
                    return
                key.data.sendall(data)
