"""Who gets in, by what, from where; and what no token, host or site opens."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from simsearch.core.config import ServerSettings
from simsearch.core.errors import CatalogError, ConfigError, UsageError
from simsearch.server.access import COOKIE, Door, Role, inside, networks
from simsearch.server.gate import host_name
from simsearch.server.sockets import check_exposed
from simsearch.server.tokens import Tokens

if TYPE_CHECKING:
    from tests.conftest import Run
    from tests.server.conftest import Served

Token = Callable[[str], str]


# -- tokens ------------------------------------------------------------------------------------------------------------


def test_a_token_is_kept_as_a_digest_in_a_file_of_ones_own(tmp_path: Path) -> None:
    tokens = Tokens(tmp_path)
    made = tokens.add("till-3", "review")
    text = tokens.path.read_text(encoding="utf-8")
    assert made not in text
    assert made.removeprefix("simsearch_") not in text
    assert stat.S_IMODE(tokens.path.stat().st_mode) == 0o600
    found = Tokens(tmp_path).find(made)
    assert found is not None
    assert (found.name, found.role) == ("till-3", "review")
    assert Tokens(tmp_path).find(made + "x") is None
    assert Tokens(tmp_path).find("") is None


def test_a_token_can_be_revoked_and_its_name_given_again(tmp_path: Path) -> None:
    tokens, other = Tokens(tmp_path), Tokens(tmp_path)
    made = tokens.add("one", "read")
    assert other.find(made)
    with pytest.raises(UsageError, match="there is a token of this name"):
        tokens.add("one", "admin")
    tokens.revoke("one")
    assert other.find(made) is None
    assert not other.any()
    assert tokens.add("one", "admin") != made
    with pytest.raises(UsageError, match="there is no token of this name"):
        tokens.revoke("two")


@pytest.mark.parametrize(("name", "role"), [("", "read"), ("a b", "read"), ("x" * 65, "read"), ("one", "owner")])
def test_odd_names_and_roles_are_refused(name: str, role: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError):
        Tokens(tmp_path).add(name, role)


@pytest.mark.parametrize("content", ["", "{}", '{"tokens": [{"name": "x"}]}', '{"tokens": [1]}'])
def test_a_damaged_file_lets_nobody_in(content: str, tmp_path: Path) -> None:
    tokens = Tokens(tmp_path)
    tokens.path.parent.mkdir()
    tokens.path.write_text(content, encoding="utf-8")
    with pytest.raises(CatalogError, match="cannot be read"):
        tokens.any()


def test_the_command_line_manages_tokens(run: Run, tmp_path: Path) -> None:
    added = run("--home", tmp_path, "token", "add", "page", "--role", "review")
    assert added.code == 0
    assert added.out.startswith("simsearch_")
    assert added.out.strip() not in added.err
    listed = run("--home", tmp_path, "token", "list", "--json").objects
    assert [(one["name"], one["role"]) for one in listed] == [("page", "review")]
    assert "page  review" in run("--home", tmp_path, "token", "list").out
    assert run("--home", tmp_path, "token", "revoke", "page").code == 0
    assert "no token of this name" in run("--home", tmp_path, "token", "revoke", "page").error(2)
    assert run("--home", tmp_path, "token", "add", "x", "--role", "king").code == 2


def test_tokens_hold_at_once_and_by_role(served: Served, token: Token) -> None:
    assert served.http.get("/v1/status").status_code == 200  # nobody need say who they are, as long as there is none
    read, review = token("read"), token("review")
    number = served.ask(headers={"Authorization": f"Bearer {read}"}).json()["id"]
    address, body = f"/v1/decisions/{number}/review", {"verdict": "confirmed"}

    def say(given: str) -> int:
        return served.http.put(address, json=body, headers={"Authorization": given}).status_code

    assert served.http.get("/v1/status").status_code == 401
    assert say(f"Bearer {read}") == 403
    assert say(f"bearer  {review}") == 200
    assert say("Bearer nonsense") == 401
    assert say(f"Basic {review}") == 401
    admin = {"Authorization": f"Bearer {review}"}
    assert served.http.post("/v1/duplicates/runs", headers=admin).status_code == 403
    assert served.http.get("/v1/status", headers={"Cookie": f"{COOKIE}={read}"}).status_code == 200
    for path in ("/health/live", "/health/ready"):
        assert served.http.get(path).status_code == 200
    for path in ("/metrics", "/v1/changes", "/v1/products", "/v1/images/1/thumbnail", "/v1/decisions"):
        assert served.http.get(path).status_code == 401
    with served.client(review) as client:
        assert client.decision(number).value["review"]["by"] == "review-1"  # type: ignore[index]
        assert client.changes(limit=1)["items"][0]["who"] == "review-1"


# -- where others reach it ---------------------------------------------------------------------------------------------


def test_an_address_that_others_reach_needs_somebody_who_vouches(tmp_path: Path) -> None:
    tokens = Tokens(tmp_path)
    for host in ("127.0.0.1", "::1", "localhost", "127.8.8.8"):
        check_exposed(ServerSettings(host=host), tokens)
    with pytest.raises(ConfigError, match="token add"):
        check_exposed(ServerSettings(host="192.0.2.7"), tokens)
    check_exposed(ServerSettings(host="192.0.2.7", trusted_proxies=("10.0.0.1",)), tokens)
    with pytest.raises(ConfigError, match=r"by the names in server\.hosts; make a token"):
        check_exposed(ServerSettings(hosts=("pharmacy.example",)), tokens)
    check_exposed(ServerSettings(hosts=("localhost",)), tokens)
    with pytest.raises(ConfigError, match="token add"):
        check_exposed(ServerSettings(host="192.0.2.7", trusted_proxies=("10.0.0.1",), user_header=""), tokens)
    tokens.add("one", "read")
    check_exposed(ServerSettings(host="192.0.2.7"), tokens)
    with pytest.raises(ConfigError, match=r"server\.hosts"):
        check_exposed(ServerSettings(host="0.0.0.0"), tokens)
    check_exposed(ServerSettings(host="0.0.0.0", hosts=("pharmacy.example",)), tokens)
    with pytest.raises(ConfigError, match="trusted_proxies"):
        check_exposed(ServerSettings(trusted_proxies=("nobody",)), tokens)


def test_the_command_refuses_to_be_reached_by_others(
    run: Run, indexed: Path, kit: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("simsearch.server.logs.to_stderr", lambda kind: None)  # it would outlive the test
    done = run("--config", kit.config, "--home", indexed, "serve", "--host", "0.0.0.0", "--port", "0")
    assert "others reach this address" in done.error(2)


def test_nobody_is_let_in_without_a_word_where_others_reach_it(open_home: Any) -> None:
    door = Door(ServerSettings(host="192.0.2.7"), Tokens(open_home.home))
    assert not door.open_to_all


@pytest.mark.parametrize(
    ("peer", "headers", "address", "scheme", "proxied"),
    [
        ("203.0.113.9", {"x-forwarded-for": "198.51.100.1"}, "203.0.113.9", "http", False),
        ("10.0.0.2", {"x-forwarded-for": "198.51.100.1"}, "198.51.100.1", "http", True),
        ("10.0.0.2", {"x-forwarded-for": "6.6.6.6, 198.51.100.1, 10.0.0.3"}, "198.51.100.1", "http", True),
        ("10.0.0.2", {"x-forwarded-proto": "https"}, "10.0.0.2", "https", True),
        ("10.0.0.2", {"x-forwarded-proto": "gopher"}, "10.0.0.2", "http", True),
        ("::ffff:10.0.0.2", {}, "::ffff:10.0.0.2", "http", True),
        ("", {}, "", "http", False),
    ],
)
def test_only_a_trusted_proxy_is_believed(
    peer: str, headers: dict[str, str], address: str, scheme: str, proxied: bool, tmp_path: Path
) -> None:
    door = Door(ServerSettings(trusted_proxies=("10.0.0.0/8",)), Tokens(tmp_path))
    found = door.peer(peer, "http", headers.get)
    assert (found.address, found.scheme, found.proxied) == (address, scheme, proxied)


def test_a_proxy_names_the_user(starting: Any) -> None:
    with starting(trusted_proxies=("127.0.0.1",), proxy_role="review") as served:
        assert served.http.get("/v1/status").status_code == 401  # the proxy let nobody in
        user = {"X-Forwarded-User": "anna", "X-Forwarded-For": "198.51.100.7"}
        number = served.ask(headers=user).json()["id"]
        body = {"verdict": "confirmed"}
        assert (
            served.http.put(f"/v1/decisions/{number}/review", json=body, headers=user).json()["review"]["by"] == "anna"
        )
        assert served.http.post("/v1/duplicates/runs", headers=user).status_code == 403
        [change] = served.http.get("/v1/changes", params={"limit": 1}, headers=user).json()["items"]
        assert (change["who"], change["via"], change["address"]) == ("anna", "proxy", "198.51.100.7")
    with starting() as served:  # without a trusted proxy the header means nothing
        found = served.http.get("/v1/changes", headers=user, params={"limit": 1})
        assert found.status_code == 200


# -- hosts and sites ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("host", "name"),
    [("a:80", "a"), ("A.example", "a.example"), ("[::1]:80", "[::1]"), ("[::1]", "[::1]"), ("", ""), ("a:b:c", "a:b")],
)
def test_the_name_in_a_host_header(host: str, name: str) -> None:
    assert host_name(host) == name


def test_only_names_of_this_server_are_answered(starting: Any) -> None:
    with starting(hosts=("Pharmacy.example",)) as served:
        for host, status in {
            "127.0.0.1": 200, "localhost:1": 200, "[::1]:80": 200, "pharmacy.EXAMPLE": 200, "pharmacy.example.": 421,
            "evil.example": 421, "": 421, "pharmacy.example@evil": 421,
        }.items():  # fmt: skip
            assert served.http.get("/v1/status", headers={"Host": host}).status_code == status, host
        assert served.http.get("/health/live", headers={"Host": "10.1.2.3"}).status_code == 200


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),
        ({"Sec-Fetch-Site": "same-origin", "Origin": "{own}"}, 200),
        ({"Sec-Fetch-Site": "none"}, 200),
        ({"Sec-Fetch-Site": "same-site"}, 403),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Origin": "{own}"}, 200),
        ({"Origin": "https://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Origin": "http://["}, 403),
    ],
)
def test_no_page_of_another_site_can_change_anything(served: Served, headers: dict[str, str], status: int) -> None:
    given = {name: value.replace("{own}", served.address) for name, value in headers.items()}
    assert served.ask(headers=given, params={"record": "false"}).status_code == status


def test_a_role_reaches_what_those_below_it_do() -> None:
    assert Role.named("admin") > Role.named("review") > Role.named("read")


def test_networks_are_addresses_or_ranges() -> None:
    found = networks(["10.0.0.0/8", "2001:db8::1"])
    assert inside("10.9.9.9", found)
    assert inside("2001:db8::1", found)
    assert not inside("11.0.0.1", found)
    assert not inside("nobody", found)


def test_the_log_of_the_home_is_for_the_server_alone(served: Served) -> None:
    served.ask(headers={"Idempotency-Key": "makes the file"})
    files = list((served.app.home / "server").glob("*.db"))
    assert files
    assert all(stat.S_IMODE(os.stat(path).st_mode) == 0o600 for path in files)
