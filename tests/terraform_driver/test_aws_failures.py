"""What AWS refuses of the real engine's calls: a clear error with its fix."""

from __future__ import annotations

import os
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import TYPE_CHECKING
from urllib.parse import parse_qs

import pytest

from fargate_guard.terraform.driver import Driver
from fargate_guard.terraform.errors import (
    AccessDeniedError,
    CredentialsExpiredError,
    CredentialsMissingError,
    FailedRun,
    QuotaExceededError,
    TerraformError,
    ThrottledError,
)
from fargate_guard.terraform.failures import explain
from fargate_guard.terraform.providers import find_provider_source
from tests.terraform_driver.driver_harness import clean_environ
from tests.terraform_driver.test_terraform_failures import ONE_VPC, deploy

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from fargate_guard.terraform.engine import Engine

    OpenDriver = Callable[..., Driver]

S3_STATE = """
terraform {
  backend "s3" {
    bucket       = "fguard-states"
    key          = "training.tfstate"
    region       = "us-east-1"
    use_lockfile = true
  }
}
"""

REFUSALS = {
    "CreateVpc": ("VpcLimitExceeded", 400),
    "AllocateAddress": ("UnauthorizedOperation", 403),
    "CreateInternetGateway": ("RequestLimitExceeded", 503),
}
"""EC2 actions and what is answered to them."""

THREE_RESOURCES = (
    ONE_VPC
    + """
resource "aws_eip" "this" {}

resource "aws_internet_gateway" "this" {}
"""
)

CALLER = """<GetCallerIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><GetCallerIdentityResult>
<Arn>arn:aws:iam::123456789012:user/x</Arn><UserId>X</UserId><Account>123456789012</Account>
</GetCallerIdentityResult></GetCallerIdentityResponse>"""

EC2_ERROR = """<Response><Errors><Error><Code>{code}</Code><Message>{message}</Message></Error></Errors>
<RequestID>7a62c49f</RequestID></Response>"""

S3_ERROR = "<Error><Code>{code}</Code><Message>{message}</Message><RequestId>7a62c49f</RequestId></Error>"


@contextmanager
def aws_that_answers(
    code: str, status: int, template: str, *, actions: Mapping[str, tuple[str, int]] | None = None
) -> Iterator[dict[str, str]]:
    """An endpoint that knows who the caller is and refuses everything else; yields the environment.

    :param actions: other error codes and statuses for certain actions.
    """

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            length = int(self.headers.get("Content-Length", 0))
            action = parse_qs(self.rfile.read(length).decode(errors="replace")).get("Action", [""])[0]
            answer = (actions or {}).get(action, (code, status))
            known = action == "GetCallerIdentity"
            body = CALLER if known else template.format(code=answer[0], message="Said by AWS.")
            self.send_response(200 if known else answer[1])
            self.send_header("Content-Type", "text/xml")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body.encode())

        do_GET = do_HEAD = do_PUT = do_POST  # noqa: N815

        def log_message(self, *_: object) -> None:
            """Keep the test output clean."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
    try:
        yield {
            **without_aws(clean_environ()),
            "AWS_ENDPOINT_URL": f"http://127.0.0.1:{server.server_port}",
            "AWS_REGION": "us-east-1",
            "AWS_ACCESS_KEY_ID": "testing",
            "AWS_SECRET_ACCESS_KEY": "testing",
        }
    finally:
        server.shutdown()
        server.server_close()


def without_aws(environ: Mapping[str, str]) -> dict[str, str]:
    kept = {key: value for key, value in environ.items() if not key.startswith("AWS_")}
    return {**kept, "HOME": "/nonexistent", "AWS_EC2_METADATA_DISABLED": "true"}


def test_no_credentials_at_all(open_driver: OpenDriver, module: Path) -> None:
    (module / "main.tf").write_text(S3_STATE)

    with pytest.raises(CredentialsMissingError) as failed:
        open_driver(environ=without_aws(clean_environ())).init()

    assert "aws sso login" in str(failed.value.fix)


@pytest.mark.parametrize("code", ["ExpiredToken", "InvalidClientTokenId", "SignatureDoesNotMatch"])
def test_credentials_that_aws_does_not_accept(open_driver: OpenDriver, module: Path, code: str) -> None:
    (module / "main.tf").write_text(S3_STATE)

    with (
        aws_that_answers(code, 403, S3_ERROR) as environ,
        pytest.raises(CredentialsExpiredError) as failed,
    ):
        open_driver(environ=environ).init()

    assert "Said by AWS." in str(failed.value.why)


def test_bucket_that_may_not_be_read_names_the_action_to_allow(open_driver: OpenDriver, module: Path) -> None:
    (module / "main.tf").write_text(S3_STATE)

    with (
        aws_that_answers("AccessDenied", 403, S3_ERROR) as environ,
        pytest.raises(AccessDeniedError, match=r"AWS denied s3:(GetObject|ListBucket)\.") as failed,
    ):
        open_driver(environ=environ).init()

    assert "to the role or user that deploys" in str(failed.value.fix)


def test_refused_by_aws_during_apply(engine: Engine, module: Path) -> None:
    (module / "main.tf").write_text(THREE_RESOURCES)
    source = find_provider_source(engine, os.environ, working_dir=module)
    driver = Driver(module, engine=engine, environ=clean_environ(), run_log_dir=module / "logs")
    driver.init(plugin_dir=source.plugin_dir)

    with (
        aws_that_answers("", 500, EC2_ERROR, actions=REFUSALS) as environ,
        pytest.raises(TerraformError) as failed,
    ):
        deploy(Driver(module, engine=engine, environ=environ, run_log_dir=module / "logs"), module)

    # Each diagnostic of the real provider by itself, as if it were the only one.
    said = {diagnostic.address: diagnostic for diagnostic in failed.value.diagnostics}
    errors = {
        address: explain(FailedRun(engine, module, "apply", 1, (diagnostic,), (), None))
        for address, diagnostic in said.items()
    }
    vpc, address, gateway = errors["aws_vpc.this"], errors["aws_eip.this"], errors["aws_internet_gateway.this"]

    assert type(vpc) is QuotaExceededError
    assert vpc.message == "An AWS quota is used up: VPCs per Region."
    assert "request-service-quota-increase --service-code vpc --quota-code L-F678F1CE" in str(vpc.fix)
    assert type(address) is AccessDeniedError
    assert address.message == "AWS denied ec2:AllocateAddress."
    assert "allow ec2:AllocateAddress to the role or user that deploys" in str(address.fix)
    assert type(gateway) is ThrottledError
    assert "run the same command again" in str(gateway.fix)
    for place, error in errors.items():
        assert error.where == place
        assert "Said by AWS." in str(error.why)
