"""AWS's wire protocols, as far as the gateway has to speak them: which call is it, and how an error looks."""

from __future__ import annotations

import io
import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs
from xml.sax.saxutils import escape

if TYPE_CHECKING:
    from collections.abc import MutableMapping

_CREDENTIAL = re.compile(r"Credential=[^/]+/\d+/(?P<region>[^/]+)/(?P<service>[^/]+)/aws4_request")


@dataclass(frozen=True, slots=True)
class Call:
    """One API call."""

    service: str
    """Signing name, as in IAM actions: ``ecs``, ``ec2``, ``elasticloadbalancing``, ``s3``..."""
    action: str
    """API action, empty for REST protocols."""
    region: str
    json: bool


def read_body(environ: MutableMapping[str, Any]) -> bytes:
    """Read the whole request body and leave a fresh copy behind for the application."""
    stream = environ["wsgi.input"]
    length = environ.get("CONTENT_LENGTH")
    if length:
        body = stream.read(int(length))
    elif environ.get("wsgi.input_terminated"):
        body = stream.read()
        environ["CONTENT_LENGTH"] = str(len(body))
    else:
        body = b""
    environ["wsgi.input"] = io.BytesIO(body)
    return bytes(body)


def parse_call(environ: MutableMapping[str, Any], body: bytes) -> Call:
    """Find out which call a request is, from its signature and its action."""
    match = _CREDENTIAL.search(environ.get("HTTP_AUTHORIZATION", ""))
    service, region = (match["service"], match["region"]) if match else ("", "")
    target = environ.get("HTTP_X_AMZ_TARGET")
    if target:
        return Call(service, target.rsplit(".", 1)[-1], region, json=True)
    action = ""
    if environ.get("CONTENT_TYPE", "").startswith("application/x-www-form-urlencoded"):
        action = parse_qs(body.decode("utf-8", "replace")).get("Action", [""])[0]
    return Call(service, action, region, json=False)


def error_response(call: Call, *, code: str, message: str, request_id: str) -> tuple[str, bytes]:
    """Return content type and body of an error in the call's protocol.

    https://smithy.io/2.0/aws/protocols/aws-json-1_1-protocol.html#operation-error-serialization and
    https://smithy.io/2.0/aws/protocols/aws-query-protocol.html#operation-error-serialization
    """
    if call.json:
        return "application/x-amz-json-1.1", json.dumps({"__type": code, "message": message}).encode()
    inner = f"<Code>{escape(code)}</Code><Message>{escape(message)}</Message>"
    if call.service == "ec2":
        document = (
            f"<Response><Errors><Error>{inner}</Error></Errors><RequestID>{request_id}</RequestID></Response>"
        )
    elif call.service == "s3":
        document = f"<Error>{inner}<RequestId>{request_id}</RequestId></Error>"
    else:
        document = (
            f"<ErrorResponse><Error><Type>Sender</Type>{inner}</Error>"
            f"<RequestId>{request_id}</RequestId></ErrorResponse>"
        )
    return "text/xml", document.encode()
