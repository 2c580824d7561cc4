"""The embedded AWS in this process."""

from __future__ import annotations

import contextlib
import os
import socket
import threading
import time
from typing import TYPE_CHECKING, Any

from fargate_guard.errors import FguardError, UsageError
from fargate_guard.sandbox.environment import sandbox_environment
from fargate_guard.sandbox.faults import Faults
from fargate_guard.sandbox.gateway import Gateway
from fargate_guard.sandbox.loopback import LOOPBACK
from fargate_guard.sandbox.scheduler.pace import Pace

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from types import TracebackType

    from werkzeug.serving import BaseWSGIServer

STOP_POLL_SECONDS = 0.1
"""How long :meth:`Sandbox.stop` may go unnoticed."""

_ONE_PER_PROCESS = threading.Lock()


class Sandbox:
    """A running embedded AWS. Use :meth:`start`, then as a context manager or with :meth:`stop`.

    One at a time per process: moto keeps its state in the process. Starting begins with an empty account.
    """

    def __init__(self, server: BaseWSGIServer, gateway: Gateway, faults: Faults, region: str) -> None:
        self._server = server
        self._gateway = gateway
        self.faults = faults
        """What is to go wrong; see :class:`fargate_guard.sandbox.faults.Fault`."""
        self.region = region
        self._thread = threading.Thread(
            target=server.serve_forever, args=(STOP_POLL_SECONDS,), name="fguard-sandbox", daemon=True
        )

    @staticmethod
    def start(
        *,
        host: str = LOOPBACK,
        port: int = 0,
        region: str = "us-east-1",
        speed: float = 1.0,
        clock: Callable[[], float] = time.time,
        sleep: Callable[[float], None] = time.sleep,
    ) -> Sandbox:
        """Start the embedded AWS with an empty account and wait until it answers.

        :param host: must be 127.0.0.1; the sandbox knows no authentication.
        :param port: 0 takes a free one.
        :param region: for :meth:`environment`; every region exists.
        :param speed: 1 lets a task start in about a second, 2 in half of that.
        :param clock: seconds since the epoch; what tasks do depends on it alone.
        :param sleep: waits for ``latency`` faults.
        :raises UsageError: for another host, when the port is taken, or when one runs in this process already.
        """
        if host != LOOPBACK:
            message = f"The sandbox listens on {LOOPBACK} only, not on {host}."
            raise UsageError(message, why="It accepts every caller, so it must not be reachable from elsewhere.")
        if speed <= 0:
            message = f"The sandbox's speed must be above 0, not {speed}."
            raise UsageError(message)
        if not _ONE_PER_PROCESS.acquire(blocking=False):
            message = "A sandbox is already running in this process; moto keeps its state in the process."
            raise UsageError(message, fix="Stop it first, or start another one in the background.")
        try:
            return Sandbox._start(port, region, Pace(speed=speed), clock, sleep)
        except FguardError:
            _ONE_PER_PROCESS.release()
            raise

    @staticmethod
    def _start(
        port: int, region: str, pace: Pace, clock: Callable[[], float], sleep: Callable[[float], None]
    ) -> Sandbox:
        gateway, faults = _account(pace, clock, sleep)
        sandbox = Sandbox(_listen(port, gateway), gateway, faults, region)
        sandbox._thread.start()
        return sandbox

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self._server.server_address[1])

    @property
    def endpoint(self) -> str:
        """Base URL of every AWS service, e.g. ``http://127.0.0.1:43121``."""
        return f"http://{LOOPBACK}:{self.port}"

    def environment(self, environ: Mapping[str, str] | None = None) -> dict[str, str]:
        """Return the environment variables that make terraform, boto3 and the AWS CLI use the sandbox.

        :param environ: whose exceptions from the proxy are kept.
        """
        return sandbox_environment(self.endpoint, self.region, environ)

    def take_calls(self) -> frozenset[str]:
        """Return every call since this was last asked, as IAM names its permission, e.g. ``ecs:CreateService``."""
        calls = frozenset(self._gateway.calls)
        self._gateway.calls.clear()
        return calls

    def stop(self) -> None:
        """Stop answering; the account is gone."""
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
        _ONE_PER_PROCESS.release()

    def __enter__(self) -> Sandbox:
        """Return itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Stop."""
        self.stop()


def _account(pace: Pace, clock: Callable[[], float], sleep: Callable[[float], None]) -> tuple[Gateway, Faults]:
    """Make an empty account and the gateway to it."""
    with _no_profile():
        from moto.core.base_backend import AccountSpecificBackend
        from moto.moto_server import werkzeug_app

        from fargate_guard.sandbox.cloudformation.backend import StackBackend
        from fargate_guard.sandbox.cloudformation.in_process import connect
        from fargate_guard.sandbox.cloudformation.stack_sets_registry import advance_stack_sets
        from fargate_guard.sandbox.ecs.backend import EcsBackend, Surroundings
        from fargate_guard.sandbox.mends import mend_moto
        from fargate_guard.sandbox.report import report

        AccountSpecificBackend.get_session().get_available_regions("ec2")
    mend_moto()
    werkzeug_app.DISABLE_GLOBAL_CORS = True  # type: ignore[attr-defined]  # web pages have no business here
    lock = threading.RLock()

    def wake() -> None:
        with lock:
            _each_ecs(EcsBackend.wake)

    faults = Faults(on_change=wake)
    EcsBackend.surroundings = Surroundings(clock, pace, faults)
    _forget_former_accounts()
    started = clock()

    def advance() -> None:
        _each_ecs(EcsBackend.advance)
        _each_cloudformation(StackBackend.advance)
        _each_cloudformation(advance_stack_sets)

    gateway = Gateway(
        werkzeug_app.DomainDispatcherApplication(werkzeug_app.create_backend_app),
        faults,
        lock=lock,
        advance=advance,
        report=lambda: {"pid": os.getpid(), "uptime": clock() - started, **report()},
        clock=clock,
        sleep=sleep,
    )
    connect(gateway.answer_in_process)
    return gateway, faults


def _forget_former_accounts() -> None:
    """Empty every account, without what moto's own reset leaves behind.

    A backend that is reset makes others anew, for services that were emptied already. moto then forgets that
    these exist: they would live on with the faults and the clock of this sandbox in the one after the next.
    """
    from moto.core.base_backend import BackendDict, backend_lock

    in_use: list[Any] = vars(BackendDict)["_instances"]
    with backend_lock:
        for services in in_use:  # which grows meanwhile
            for account in list(services.values()):
                account.reset()
        for services in in_use:
            services.clear()
        in_use.clear()


@contextlib.contextmanager
def _no_profile() -> Iterator[None]:
    """Let moto be imported where AWS_PROFILE names a profile that does not exist.

    moto reads the list of Regions with boto3 while it is imported, and boto3 then looks the profile up.
    """
    names = ("AWS_PROFILE", "AWS_DEFAULT_PROFILE")
    hidden = {name: os.environ.pop(name) for name in names if name in os.environ}
    try:
        yield
    finally:
        os.environ.update(hidden)


def _each_ecs(do: Callable[[Any], None]) -> None:
    from moto.ecs.models import ecs_backends

    for regions in list(ecs_backends.values()):
        for backend in list(regions.values()):
            do(backend)


def _each_cloudformation(do: Callable[[Any], None]) -> None:
    from moto.cloudformation.models import cloudformation_backends

    for regions in list(cloudformation_backends.values()):
        for backend in list(regions.values()):
            do(backend)


def _listen(port: int, application: Any) -> BaseWSGIServer:
    from moto.moto_server.werkzeug_app import MotoRequestHandler
    from werkzeug.serving import make_server

    class QuietRequestHandler(MotoRequestHandler):
        """Keeps connections open, as AWS does, and requests off the terminal."""

        protocol_version = "HTTP/1.1"

        def log_request(self, *_: Any, **__: Any) -> None:
            """Say nothing."""

    try:
        listening = socket.create_server((LOOPBACK, port))
    except OSError as error:
        message = f"The sandbox cannot listen on port {port} of {LOOPBACK}."
        raise UsageError(message, why=error.strerror, fix="Use port 0 for a free one.") from error
    with listening:
        return make_server(
            LOOPBACK,
            port,
            application,
            threaded=True,
            request_handler=QuietRequestHandler,
            fd=listening.fileno(),
        )
