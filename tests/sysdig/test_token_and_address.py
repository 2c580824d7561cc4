"""Where token and address come from, and what is refused."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from fargate_guard.config import parse_config
from fargate_guard.config.load import ConfigError
from fargate_guard.config.sysdig import COLLECTORS, SECURE_URLS, Api, ApiToken
from fargate_guard.errors import UsageError
from fargate_guard.sysdig.address import find_address
from fargate_guard.sysdig.errors import AddressError, TokenError
from fargate_guard.sysdig.token import find_token
from fargate_guard.workflows.event_times import nanoseconds_of

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from fargate_guard.config.model import Sysdig

ARN = "arn:aws:secretsmanager:us-east-1:123456789012:secret:sysdig-AbCdEf"
BASE = "name: training\nsysdig:\n  access_key: {env: SYSDIG_ACCESS_KEY}\n"
COLLECTOR = "  collector: {host: collector.example.com}\n"


def sysdig(text: str) -> Sysdig:
    return parse_config(BASE + text).sysdig


def token(folder: Path, environ: Mapping[str, str], configured: ApiToken | None = None) -> tuple[str, str]:
    found = find_token(configured, environ, folder=folder, secret=lambda arn: f"value-of-{arn[-6:]}\n")
    return found.value, found.source


def test_fguard_s_own_variable_comes_before_the_file_and_the_file_before_sysdig_s(tmp_path: Path) -> None:
    environ = {"FGUARD_SYSDIG_TOKEN": "a", "MINE": "b", "SYSDIG_SECURE_TOKEN": "c", "SYSDIG_SECURE_API_TOKEN": "d"}
    order = []
    while environ:
        value, source = token(tmp_path, environ, ApiToken(env="MINE") if "MINE" in environ else None)
        order.append(value)
        del environ[source]
    assert order == ["a", "b", "c", "d"]


def test_no_token_is_told_with_where_to_get_one(tmp_path: Path) -> None:
    with pytest.raises(TokenError) as caught:
        token(tmp_path, {})
    assert "FGUARD_SYSDIG_TOKEN" in (caught.value.fix or "")
    assert "policy-events.read" in (caught.value.fix or "")
    with pytest.raises(TokenError, match="not set"):
        token(tmp_path, {"SYSDIG_SECURE_TOKEN": "c"}, ApiToken(env="MINE"))


def test_a_token_file_that_others_can_read_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text("from-file\n")
    for mode in (0o644, 0o640, 0o602):
        file.chmod(mode)
        with pytest.raises(TokenError, match="open to others") as caught:
            token(tmp_path, {}, ApiToken(file="token"))
        assert f"chmod 600 {file}" == caught.value.fix
        assert "from-file" not in str(vars(caught.value))
    file.chmod(0o600)
    assert token(tmp_path, {}, ApiToken(file="token")) == ("from-file", "token")
    with pytest.raises(TokenError, match="cannot be read"):
        token(tmp_path, {}, ApiToken(file="missing"))


def test_a_token_comes_out_of_secrets_manager(tmp_path: Path) -> None:
    assert token(tmp_path, {}, ApiToken(secret_arn=ARN)) == ("value-of-AbCdEf", ARN)


def test_a_token_may_be_copied_with_the_word_before_it(tmp_path: Path) -> None:
    assert token(tmp_path, {"FGUARD_SYSDIG_TOKEN": "Bearer abc\n"})[0] == "abc"


def test_a_secret_with_several_values_wants_the_key(tmp_path: Path) -> None:
    def secret(_arn: str) -> str:
        return '{"token":"abc"}'

    with pytest.raises(TokenError, match="not a Sysdig API token") as caught:
        find_token(ApiToken(secret_arn=ARN), {}, folder=tmp_path, secret=secret)
    assert "name its key" in (caught.value.fix or "")
    assert "abc" not in f"{caught.value.why}{caught.value.fix}"


@pytest.mark.parametrize("value", ["two words", "line\nend", "\x1b[31m", "späť", " "])
def test_what_cannot_be_a_token_is_refused_before_it_is_sent(tmp_path: Path, value: str) -> None:
    with pytest.raises(TokenError, match="not a Sysdig API token"):
        token(tmp_path, {"FGUARD_SYSDIG_TOKEN": value})


def test_every_region_has_its_url() -> None:
    assert SECURE_URLS.keys() == COLLECTORS.keys()
    for region, url in SECURE_URLS.items():
        address = find_address(sysdig(f"  region: {region}\n"), {})
        assert (address.url, address.region) == (url, region)


def test_flags_come_before_variables_and_variables_before_the_file() -> None:
    configured = sysdig("  region: eu1\n")
    environ = {"FGUARD_SYSDIG_URL": "https://a.example.com/", "SYSDIG_SECURE_URL": "https://b.example.com"}
    assert find_address(configured, environ, url="https://c.example.com").url == "https://c.example.com"
    assert find_address(configured, environ, region="us2").region == "us2"
    assert find_address(configured, environ).url == "https://a.example.com"
    del environ["FGUARD_SYSDIG_URL"]
    assert find_address(configured, environ).url == "https://b.example.com"
    assert find_address(configured, {}).region == "eu1"


def test_an_installation_of_one_s_own_needs_its_url() -> None:
    with pytest.raises(AddressError) as caught:
        find_address(sysdig(COLLECTOR), {})
    assert "sysdig.api.url" in (caught.value.fix or "")
    own = sysdig(f"{COLLECTOR}  api: {{url: 'https://secure.example.com:8443/sysdig/'}}\n")
    assert find_address(own, {}).url == "https://secure.example.com:8443/sysdig"
    with pytest.raises(AddressError):
        find_address(None, {})


@pytest.mark.parametrize(
    "url",
    [
        "http://secure.example.com",
        "secure.example.com",
        "ftp://x",
        "https://u:p@x.com",
        "https://x?a=b",
        "https://x:no",
    ],
)
def test_a_url_that_a_token_must_not_travel_to_is_refused(url: str) -> None:
    with pytest.raises(UsageError, match="not the URL"):
        find_address(None, {}, url=url)
    with pytest.raises(ConfigError) as caught:
        sysdig(f"  region: us1\n  api: {{url: '{url}'}}\n")
    assert "sysdig.api.url" in (caught.value.why or "")


@pytest.mark.parametrize("url", ["https://user:pass@x.com", "https://user:pass/word@x.com", "user:pass@x.com"])
def test_a_password_in_a_url_is_not_shown(url: str) -> None:
    with pytest.raises(UsageError, match="not the URL") as refused:
        find_address(None, {"FGUARD_SYSDIG_URL": url})
    assert refused.value.where == "FGUARD_SYSDIG_URL"
    assert refused.value.why == "must have no user and password in it"


def test_plain_http_is_for_this_machine_only() -> None:
    for url in ("http://127.0.0.1:8080", "http://localhost:1", "http://[::1]:1"):
        assert find_address(None, {}, url=url).url == url


def test_wrong_regions_and_both_flags_are_refused() -> None:
    with pytest.raises(UsageError, match="'mars1' is not a region"):
        find_address(None, {}, region="mars1")
    with pytest.raises(UsageError, match="both"):
        find_address(None, {}, region="us1", url="https://x")


def test_a_proxy_with_a_password_or_two_tokens_in_the_file_are_refused() -> None:
    with pytest.raises(ValueError, match="HTTPS_PROXY"):
        Api(proxy="http://user:secret@proxy:3128")
    with pytest.raises(ValueError, match="exactly one"):
        ApiToken(env="A", file="b")


NOW = 1_800_000_000 * 10**9


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("90s", 1_800_000_000 - 90),
        ("2h", 1_800_000_000 - 7200),
        ("3d", 1_800_000_000 - 3 * 86400),
        ("2026-01-31T12:00:00Z", 1_769_860_800),
        ("2026-01-31T12:00:00", 1_769_860_800),
        ("2026-01-31T13:00:00+01:00", 1_769_860_800),
        ("2026-01-31", 1_769_817_600),
    ],
)
def test_times_are_before_now_or_iso(text: str, seconds: int) -> None:
    assert nanoseconds_of(text, "--since", NOW) == seconds * 10**9


@pytest.mark.parametrize("text", ["yesterday", "2 fortnights", "", "-2h", "2h3m", "1769860800", "2026-13-01"])
def test_what_is_no_time_is_refused_with_examples(text: str) -> None:
    with pytest.raises(UsageError) as caught:
        nanoseconds_of(text, "--since", NOW)
    assert "--since 2h" in (caught.value.fix or "")
