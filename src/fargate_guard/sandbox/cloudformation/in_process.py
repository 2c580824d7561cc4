"""boto3 clients that reach the sandbox without a network: the request goes to moto's application directly."""

from __future__ import annotations

import functools
import io
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

from fargate_guard.sandbox.environment import ACCESS_KEY_ID, SECRET_ACCESS_KEY

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    Application = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]

ENDPOINT = "http://127.0.0.1"
ACCOUNT_HEADER = "x-moto-account-id"
"""In which account moto is to answer."""


class _Line:
    """The application that answers now; one sandbox runs per process."""

    application: Application | None = None


def connect(application: Application) -> None:
    """Let in-process clients be answered by an application from now on."""
    _Line.application = application


@functools.cache
def in_process_client(service: str, region: str, account_id: str) -> Any:
    """Return a client; it is as good as a new one for every sandbox that starts in this process."""
    from botocore.config import Config

    client = _session().create_client(
        service,
        region_name=region,
        endpoint_url=ENDPOINT,
        aws_access_key_id=ACCESS_KEY_ID,
        aws_secret_access_key=SECRET_ACCESS_KEY,
        config=Config(retries={"total_max_attempts": 1}, s3={"addressing_style": "path"}),
    )

    def name_account(request: Any, **_: Any) -> None:
        request.headers[ACCOUNT_HEADER] = account_id

    client.meta.events.register("before-send.*", _answer)
    client.meta.events.register("after-call.*", _name_service)
    client.meta.events.register("before-sign.*", name_account)
    return client


@functools.cache
def _session() -> Any:
    """A session that reads no configuration of the user's."""
    import botocore.session

    nothing = (None, None, None, None)
    empty = (None, None, "/dev/null", None)
    return botocore.session.Session(
        session_vars={"profile": nothing, "config_file": empty, "credentials_file": empty}
    )


def _name_service(parsed: dict[str, Any], model: Any, **_: Any) -> None:
    """Leave the service's name in an answer, as CloudFormation writes it: ``Ecs``, ``CloudWatchLogs``."""
    words = str(model.service_model.service_id).split()
    name = "".join(word.capitalize() if word.isupper() else word for word in words)
    parsed.setdefault("ResponseMetadata", {})["ServiceName"] = name


class _Raw(io.BytesIO):
    """A body as urllib3 hands it to botocore."""

    def stream(self, *_: Any, **__: Any) -> Iterator[bytes]:
        """Return the whole body at once."""
        yield self.read()


def _answer(request: Any, **_: Any) -> Any:
    """Answer an ``AWSPreparedRequest`` in this thread."""
    from botocore.awsrequest import AWSResponse, HeadersDict

    if _Line.application is None:
        message = "no sandbox runs in this process"
        raise RuntimeError(message)
    status, headers = "500 Internal Server Error", []

    def start_response(line: str, fields: list[tuple[str, str]], *_: Any) -> None:
        nonlocal status, headers
        status, headers = line, fields

    body = b"".join(_Line.application(_environ(request), start_response))
    return AWSResponse(request.url, int(status[:3]), HeadersDict(headers), _Raw(body))


def _environ(request: Any) -> dict[str, Any]:
    """https://peps.python.org/pep-3333/#environ-variables."""
    url = urlsplit(request.url)
    body = request.body or b""
    if hasattr(body, "read"):
        body = body.read()
    if isinstance(body, str):
        body = body.encode()
    environ: dict[str, Any] = {
        "REQUEST_METHOD": request.method,
        "SCRIPT_NAME": "",
        "PATH_INFO": unquote(url.path or "/", "latin-1"),
        "RAW_URI": url.path + (f"?{url.query}" if url.query else ""),
        "QUERY_STRING": url.query,
        "SERVER_NAME": "127.0.0.1",
        "SERVER_PORT": "80",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "REMOTE_ADDR": "127.0.0.1",
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.input": io.BytesIO(body),
        "wsgi.errors": io.StringIO(),
        "wsgi.multithread": False,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
    }
    for name, value in request.headers.items():
        text = value.decode("latin-1") if isinstance(value, bytes) else str(value)
        environ[f"HTTP_{name.upper().replace('-', '_')}"] = text
    environ["HTTP_HOST"] = url.netloc
    environ["CONTENT_TYPE"] = environ.get("HTTP_CONTENT_TYPE", "")
    environ["CONTENT_LENGTH"] = str(len(body))
    return environ
