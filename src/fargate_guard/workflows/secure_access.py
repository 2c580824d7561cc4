"""The way to Sysdig Secure: address, token and transport from flags, variables and ``fguard.yaml``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from fargate_guard.errors import PreflightError
from fargate_guard.sysdig.address import find_address
from fargate_guard.sysdig.client import SecureClient
from fargate_guard.sysdig.token import find_token
from fargate_guard.sysdig.transport import Transport

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from fargate_guard.aws.session import Aws
    from fargate_guard.config import Config
    from fargate_guard.config.sysdig import Api
    from fargate_guard.sysdig.token import Token


def open_secure(
    config: Config | None,
    environ: Mapping[str, str],
    *,
    folder: Path,
    aws: Callable[[], Aws],
    url: str | None = None,
    region: str | None = None,
    waiting: Callable[[float, str], None] | None = None,
) -> SecureClient:
    """Return the client; nothing is sent to Sysdig yet.

    :param folder: what relative paths of ``fguard.yaml`` are relative to.
    :param aws: connects, where the token is in Secrets Manager or SSM.
    :param url: of a flag.
    :param region: Sysdig's, of a flag.
    :param waiting: hears before every wait how many seconds it takes, and why.
    :raises FguardError: when address or token are missing or wrong.
    """
    sysdig = config.sysdig if config else None
    address = find_address(sysdig, environ, url=url, region=region)

    def secret(arn: str) -> str:
        from fargate_guard.aws.secret_value import secret_value

        return secret_value(aws(), arn)

    def token() -> Token:
        return find_token(sysdig.api.token if sysdig else None, environ, folder=folder, secret=secret)

    transport = _transport(sysdig.api if sysdig else None, folder)
    return SecureClient(address, token(), transport, waiting=waiting, renewed=token)


def _transport(api: Api | None, folder: Path) -> Transport:
    if api is None:
        return Transport()
    ca_file = str(folder / Path(api.ca_file).expanduser()) if api.ca_file else None
    if ca_file and not Path(ca_file).is_file():
        raise PreflightError(
            "the file of certificate authorities is missing", where=ca_file, fix="sysdig.api.ca_file"
        )
    instance = (("IBMInstanceID", api.ibm_instance_id),) if api.ibm_instance_id else ()
    return Transport(ca_file, api.proxy, instance)
