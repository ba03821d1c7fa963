"""No connection leaves for an address that was not looked up once, checked and allowed (E1-E6)."""

from __future__ import annotations

import asyncio
import functools
import re
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rigs.names import Names
from rigs.origin import Origin, Reply

from monitor import __version__
from monitor.addresses import Blocked, address_of, allowance, is_public
from monitor.fetch import FetchFailed, FetchRequest, FetchResult, fetch
from monitor.guard import Clients, Guard, Lookup, open_clients, user_agent

NOW = datetime(2026, 11, 22, 19, 46, tzinfo=UTC)


@functools.cache
def _trust() -> ssl.SSLContext:
    """Made once: it reads every authority of the system."""
    return ssl.create_default_context()


def with_clients(
    what: Callable[[Clients], Awaitable[Any]],
    *,
    names: Names | None = None,
    allow: list[str] | None = None,
) -> Any:
    async def run() -> Any:
        async with open_clients(
            contact="desk@example.org", allow_private=allow or [], lookup=names, tls=_trust()
        ) as clients:
            return await what(clients)

    return asyncio.run(run())


def ask(url: str, *, names: Names | None = None, allow: list[str] | None = None) -> FetchResult:
    async def one(clients: Clients) -> FetchResult:
        return await fetch(clients.feeds, FetchRequest(url), now=NOW)

    result: FetchResult = with_clients(one, names=names, allow=allow)
    return result


PUBLIC = [
    "1.1.1.1", "8.8.8.8", "93.184.216.34", "192.0.1.1", "100.63.255.255", "100.128.0.0",
    "172.15.0.1", "172.32.0.1", "223.255.255.255", "2606:4700::1111", "2a00:1450:4001::1",
    "::ffff:1.1.1.1", "64:ff9b::101:101",
]  # fmt: skip
NOT_PUBLIC = [
    "0.0.0.0", "0.1.2.3", "10.0.0.1", "127.0.0.1", "127.255.255.254", "100.64.0.1",
    "100.100.100.200", "169.254.169.254", "172.16.0.1", "172.31.255.255", "192.0.0.8",
    "192.0.0.192", "192.0.2.1", "192.88.99.1", "192.168.1.1", "198.18.0.1", "198.51.100.1",
    "203.0.113.1", "224.0.0.1", "239.255.255.255", "240.0.0.1", "255.255.255.255",
    "::", "::1", "::127.0.0.1", "::ffff:127.0.0.1", "::ffff:169.254.169.254", "::ffff:0:10.0.0.1",
    "64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe", "64:ff9b:1::1", "100::1", "2001::1", "2001:0:7f00:1::",
    "2001:20::1", "2001:db8::1", "2002:7f00:1::", "2002:0a00:0001::", "3fff::1", "4000::1",
    "5f00::1", "fc00::1", "fd00:ec2::254", "fe80::1", "fe80::1%eth0", "2606:4700::1%eth0",
    "fec0::1", "ff02::1", "ff0e::1",
]  # fmt: skip


@pytest.mark.parametrize("address", PUBLIC)
def test_an_address_of_the_internet_is_public(address: str) -> None:
    assert is_public(ip_address(address))


@pytest.mark.parametrize("address", NOT_PUBLIC)
def test_any_other_address_is_not_however_it_is_written(address: str) -> None:
    """E2"""
    assert not is_public(ip_address(address))


@given(st.ip_addresses())
def test_nothing_is_public_that_python_knows_as_private(address: Any) -> None:
    assert not (is_public(address) and (address.is_private or address.is_multicast))


@pytest.mark.parametrize("address", NOT_PUBLIC)
def test_a_name_with_an_address_that_is_not_public_is_not_dialled(address: str) -> None:
    """E2"""
    guard = Guard(lookup=Names(evil_example=[["1.1.1.1", address]]))
    with pytest.raises(Blocked, match=r"^evil\.example \("):
        asyncio.run(guard.resolve("evil.example", 80))


@pytest.mark.parametrize("address", NOT_PUBLIC)
def test_no_socket_is_made_for_an_address_that_is_not_public(address: str) -> None:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with pytest.raises(Blocked):
        Guard().open_socket((family, socket.SOCK_STREAM, 0, "", (address, 80)))


@pytest.mark.parametrize(
    "spelling", ["0x7f000001", "127.1", "0177.0.0.1", "localhost", "2130706433"]
)
def test_no_socket_is_made_for_what_is_not_a_plain_address(spelling: str) -> None:
    with pytest.raises(Blocked):
        Guard().open_socket((socket.AF_INET, socket.SOCK_STREAM, 0, "", (spelling, 80)))


@pytest.mark.parametrize(
    ("host", "message"),
    [
        ("127.0.0.1", "127.0.0.1 is a loopback address"),
        ("[::1]", "::1 is a loopback address"),
        ("10.1.2.3", "10.1.2.3 is a private address"),
        ("169.254.169.254", "169.254.169.254 is a link-local address"),
        ("[::ffff:169.254.169.254]", "::ffff:169.254.169.254 is a link-local address"),
        ("[::ffff:a9fe:a9fe]", "::ffff:a9fe:a9fe is a link-local address"),
        ("[64:ff9b::7f00:1]", "64:ff9b::7f00:1 is a loopback address"),
        ("224.0.0.1", "224.0.0.1 is a multicast address"),
        ("192.0.0.192", "192.0.0.192 is not a public address"),
        ("0.0.0.0", "0.0.0.0 is not a public address"),
        ("100.64.0.1", "100.64.0.1 is not a public address"),
    ],
)
def test_a_url_that_spells_such_an_address_is_told_what_to_do(host: str, message: str) -> None:
    assert ask(f"http://{host}/feed") == FetchFailed(
        "blocked", f"{message}; name the host in allow_private if it is meant"
    )


ODD_SPELLINGS = [
    "0x7f000001", "0x7f.0x0.0x0.0x1", "2130706433", "127.1", "127.0.1", "0177.0.0.1",
    "00000177.0.0.1", "017700000001", "0", "0x0", "127.0.0.1.", "127.0.0.1..", "localhost",
    "localhost.", "LOCALHOST", "loCalHost", "[::ffff:7f00:1]", "[0:0:0:0:0:ffff:127.0.0.1]",
    "[::127.0.0.1]", "[0000::1]", "[::1%25lo]", "127。0。0。1", "127．0．0．1", "１２７.0.0.1",
    "ⓛocalhost", "127.0.0.1%00.example.org", "127.0.0.1%2f@example.org", "example.org@127.0.0.1",
    "127.0.0.1:80\\@example.org", "1.1.1.1 &@127.0.0.1", "127.0.0.1#@example.org",
    "localhost%E3%80%82", "%6c%6f%63alhost", "①②⑦.⓪.⓪.①", "0x7f.1", "7f000001.example.org",
]  # fmt: skip


@pytest.mark.parametrize("spelling", ODD_SPELLINGS)
def test_no_odd_spelling_reaches_this_machine(spelling: str) -> None:
    with Origin() as victim:
        victim.serve("/", Reply(200))
        host = spelling.replace(":80", f":{victim.port}")
        for url in (f"http://{host}:{victim.port}/", f"http://{host}/"):
            assert isinstance(ask(url, names=_system_without_network()), FetchFailed)
        assert victim.connections == 0


def _system_without_network() -> Any:
    """The system's reading of odd spellings, without asking any name server."""

    async def lookup(host: str, port: int) -> list[Any]:
        if host.rstrip(".").lower() == "localhost":
            return socket.getaddrinfo("127.0.0.1", port, type=socket.SOCK_STREAM)
        try:
            packed = socket.inet_aton(host)
        except OSError:
            raise socket.gaierror(socket.EAI_NONAME, "not known") from None
        return socket.getaddrinfo(socket.inet_ntoa(packed), port, type=socket.SOCK_STREAM)

    return lookup


def test_a_second_dns_answer_changes_nothing() -> None:
    """Rebinding: the address that was checked is dialled, and the next connection asks again."""
    names = Names(evil_example=["1.1.1.1", "127.0.0.1"])
    guard = Guard(lookup=names)
    infos = asyncio.run(guard.resolve("evil.example", 80))
    assert [info[4][0] for info in infos] == ["1.1.1.1"]
    with Origin() as victim:
        result = ask(f"http://evil.example:{victim.port}/", names=names)
        assert victim.connections == 0
    assert result == FetchFailed(
        "blocked",
        "evil.example (127.0.0.1) is a loopback address; "
        "name the host in allow_private if it is meant",
    )


def test_a_name_is_looked_up_once_for_each_connection() -> None:
    names = Names(feeds_example=["127.0.0.1"])
    with Origin() as origin:
        ask(f"http://feeds.example:{origin.port}/", names=names, allow=["127.0.0.1"])
        assert origin.connections == 1
    assert names.asked == ["feeds.example"]


def test_one_bad_address_among_good_ones_refuses_the_name() -> None:
    """E1, E2"""
    names = Names(mixed_example=[["127.0.0.9", "10.0.0.1"]])
    with Origin("127.0.0.9") as origin:
        url = f"http://mixed.example:{origin.port}/"
        result = ask(url, names=names, allow=["127.0.0.9"])
        assert origin.connections == 0
    assert isinstance(result, FetchFailed)
    assert result.message.startswith("mixed.example (10.0.0.1) is a private address")


@pytest.mark.parametrize(
    "allow", ["127.0.1.7", "127.0.1.0/24", "127.0.0.0/8", "intranet.example", "Intranet.Example."]
)
def test_allow_private_names_hosts_addresses_and_networks_on_any_port(allow: str) -> None:
    names = Names(intranet_example=["127.0.1.7"])
    with Origin("127.0.1.7") as origin:
        origin.serve("/feed", Reply(200, b"<rss/>"))
        url = f"http://intranet.example:{origin.port}/feed"
        result = ask(url, names=names, allow=[allow])
        assert getattr(result, "body", None) == b"<rss/>", result


def test_allowing_a_name_allows_neither_its_address_nor_another_name() -> None:
    names = Names(intranet_example=["127.0.1.7"], other_example=["127.0.1.7"])
    with Origin("127.0.1.7") as origin:
        for host in ("other.example", "127.0.1.7", "intranet.example.", "x.intranet.example"):
            result = ask(f"http://{host}:{origin.port}/", names=names, allow=["intranet.example"])
            assert isinstance(result, FetchFailed)
            assert result.kind in {"blocked", "dns"}
        assert origin.connections == 0


def test_an_allowed_ipv6_network_covers_its_addresses() -> None:
    allowed = allowance(["fd00::/8", "[::1]"])
    assert allowed.covers(ip_address("fd12::1"))
    assert allowed.covers(ip_address("::1"))
    assert not allowed.covers(ip_address("fe80::1"))


def test_an_allowed_ipv4_network_covers_its_addresses_in_ipv6_clothes() -> None:
    allowed = allowance(["10.0.0.0/8"])
    assert allowed.covers(ip_address("::ffff:10.1.2.3"))
    assert not allowed.covers(ip_address("::ffff:11.1.2.3"))


@pytest.mark.parametrize("entry", ["10.0.0.0/33", "999.1.1.1", "a b", "", "http://x/", "x:80", "*"])
def test_an_entry_of_allow_private_that_names_nothing_is_refused(entry: str) -> None:
    with pytest.raises(ValueError, match="is neither a host name, an address nor a network"):
        Guard([entry])


@pytest.mark.parametrize(
    ("location", "where"),
    [
        ("http://127.0.0.2:{port}/secret", "127.0.0.2 is a loopback address"),
        ("http://evil.example/", "evil.example (127.0.0.2) is a loopback address"),
        ("http://public.example:6379/", "public.example (1.1.1.1) port 6379 is no web port"),
        ("http://169.254.169.254/latest/meta-data/", "169.254.169.254 is a link-local address"),
    ],
)
def test_a_redirect_reaches_only_public_addresses_and_web_ports(location: str, where: str) -> None:
    """E1, E2, E4. Although both addresses are allowed: allowed is what the operator wrote, not a
    server."""
    names = Names(evil_example=["127.0.0.2"], public_example=["1.1.1.1"])
    with Origin("127.0.0.1", "127.0.0.2") as origin:
        target = location.format(port=origin.port)
        origin.serve("/feed", Reply(302, headers={"Location": target}))
        result = ask(origin.url("/feed"), names=names, allow=["127.0.0.0/8"])
        assert result == FetchFailed(
            "blocked",
            f"{where}; a redirect is not followed there; configure that URL itself if it is meant, "
            f"after a redirect to {target}",
        )
        assert len(origin.requests) == 1


@pytest.mark.parametrize(
    ("port", "dialled"),
    [(80, True), (443, True), (8080, True), (8443, True), (22, False), (25, False), (6379, False)],
)
def test_a_redirect_is_held_to_web_ports_but_a_configured_url_is_not(
    port: int, dialled: bool
) -> None:
    names = Names(public_example=["1.1.1.1"])
    assert asyncio.run(Guard(lookup=names).resolve("public.example", port))
    redirected = Guard(["1.1.1.1"], redirected=True, lookup=names)
    if dialled:
        assert asyncio.run(redirected.resolve("public.example", port))
    else:
        with pytest.raises(Blocked):
            asyncio.run(redirected.resolve("public.example", port))


def test_a_redirect_to_a_public_host_is_followed(monkeypatch: pytest.MonkeyPatch) -> None:
    """127.0.0.2 plays the internet here; nothing else may be dialled by a redirect."""
    names = Names(public_example=["127.0.0.2"])
    with Origin("127.0.0.1", "127.0.0.2") as origin:
        monkeypatch.setattr("monitor.guard.is_public", lambda address: str(address) == "127.0.0.2")
        monkeypatch.setattr("monitor.guard.WEB_PORTS", {origin.port})
        target = f"http://public.example:{origin.port}/news"
        origin.serve("/feed", Reply(301, headers={"Location": target}))
        origin.serve("/news", Reply(200, b"<rss/>"))
        result = ask(origin.url("/feed"), names=names, allow=["127.0.0.1"])
        assert getattr(result, "moved_to", None) == target, result
        assert [request.local[0] for request in origin.requests] == ["127.0.0.1", "127.0.0.2"]
        origin.serve("/news", Reply(302, headers={"Location": origin.url("/feed")}))
        assert getattr(
            ask(origin.url("/feed"), names=names, allow=["127.0.0.1"]), "kind", None
        ) == ("redirects")
        origin.serve("/news", Reply(302, headers={"Location": origin.url("/secret")}))
        assert getattr(
            ask(origin.url("/feed"), names=names, allow=["127.0.0.1"]), "kind", None
        ) == ("blocked")


def test_a_redirect_within_an_allowed_origin_is_followed() -> None:
    with Origin() as origin:
        origin.serve("/feed", Reply(302, headers={"Location": "/news"}))
        origin.serve("/news", Reply(200, b"<rss/>"))
        result = ask(origin.url("/feed"), allow=["127.0.0.1"])
        assert getattr(result, "body", None) == b"<rss/>", result


def test_a_redirect_to_another_port_of_an_allowed_host_is_not_followed() -> None:
    with Origin() as victim, Origin() as origin:
        origin.serve("/feed", Reply(302, headers={"Location": victim.url("/")}))
        result = ask(origin.url("/feed"), allow=["127.0.0.1"])
        assert isinstance(result, FetchFailed)
        assert result.kind == "blocked"
        assert victim.connections == 0


def test_webhooks_pass_the_same_guard() -> None:
    async def post(clients: Clients) -> None:
        await clients.alerts.post("http://hook.example/x", content=b"{}")

    with pytest.raises(httpx.ConnectError) as caught:
        with_clients(post, names=Names(hook_example=["10.0.0.1"]))
    assert str(caught.value) == (
        "hook.example (10.0.0.1) is a private address; "
        "name the host in allow_private if it is meant"
    )


def test_webhooks_follow_no_redirect_and_keep_no_cookie() -> None:
    with Origin() as origin:
        origin.serve("/hook", Reply(302, headers={"Location": "/other", "Set-Cookie": "a=b"}))

        async def post_twice(clients: Clients) -> list[int]:
            return [
                (await clients.alerts.post(origin.url("/hook"), content=b"{}")).status_code
                for _ in range(2)
            ]

        assert with_clients(post_twice, allow=["127.0.0.1"]) == [302, 302]
        assert [request.path for request in origin.requests] == ["/hook", "/hook"]
        assert all(request.header("Cookie") is None for request in origin.requests)


def test_dialling_for_mail_passes_the_guard_and_gives_a_connected_socket() -> None:
    async def dial(clients: Clients) -> None:
        with await clients.dial("mail.example", origin.port) as sock:
            assert sock.getpeername() == ("127.0.0.1", origin.port)
            assert sock.getblocking() is False
        with pytest.raises(Blocked, match=r"^evil\.example"):
            await clients.dial("evil.example", 25)
        with pytest.raises(OSError, match=r"Connect call failed|refused"):
            await clients.dial("mail.example", 1)
        with pytest.raises(socket.gaierror):
            await clients.dial("nosuch.example", 25)

    names = Names(mail_example=["127.0.0.1"], evil_example=["10.0.0.1"])
    with Origin() as origin:
        with_clients(dial, names=names, allow=["127.0.0.1"])


@pytest.mark.parametrize("address", ["127.0.0.1", "::ffff:127.0.0.1"])
def test_dialling_an_address_needs_no_name_server(address: str) -> None:
    async def dial(clients: Clients) -> None:
        with await clients.dial(address, origin.port) as sock:
            assert sock.getpeername()[0] == address

    with Origin() as origin:
        with_clients(dial, allow=["127.0.0.1"])
        with pytest.raises(Blocked):
            with_clients(dial)


def test_dialling_reaches_a_host_allowed_by_name() -> None:
    async def dial(clients: Clients) -> tuple[str, int]:
        with await clients.dial("mail.example", origin.port) as sock:
            peer: tuple[str, int] = sock.getpeername()
            return peer

    with Origin("127.0.0.3") as origin:
        names = Names(mail_example=["127.0.0.3"])
        found = with_clients(dial, names=names, allow=["mail.example"])
        assert found == ("127.0.0.3", origin.port)


def test_of_many_addresses_all_are_checked_but_few_are_tried() -> None:
    many = [f"1.1.{i // 256}.{i % 256}" for i in range(1000)]
    guard = Guard(lookup=Names(many_example=[many], trap_example=[[*many, "10.0.0.1"]]))
    assert len(asyncio.run(guard.resolve("many.example", 80))) == 8
    with pytest.raises(Blocked):
        asyncio.run(guard.resolve("trap.example", 80))


def test_no_address_at_all_is_an_unknown_name() -> None:
    assert ask("http://nobody.example/", names=Names(nobody_example=[[]])) == FetchFailed(
        "dns", "no such host name: nobody.example"
    )


def test_a_name_server_in_trouble_is_told_apart_from_an_unknown_name() -> None:
    async def troubled(host: str, port: int) -> list[Any]:
        raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")

    async def one(clients: Clients) -> FetchResult:
        return await fetch(clients.feeds, FetchRequest("http://feeds.example/"), now=NOW)

    async def run() -> FetchResult:
        async with open_clients(contact="x@example.org", lookup=troubled) as clients:
            return await one(clients)

    assert asyncio.run(run()) == FetchFailed(
        "dns", "the host name feeds.example could not be looked up just now"
    )


def test_a_proxy_in_the_environment_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    """E4"""
    with Origin() as proxy, Origin() as origin:
        for name in ("HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, proxy.url())
        ask(origin.url("/feed"), allow=["127.0.0.1"])
        assert proxy.connections == 0
        assert len(origin.requests) == 1


class Hanging:
    """A getaddrinfo that does not answer for names that begin with ``slow`` until let go."""

    def __init__(self) -> None:
        self.let_go = threading.Event()
        self.running = 0
        self.most = 0
        self._lock = threading.Lock()

    def __call__(self, host: str, port: int, **_: object) -> list[Any]:
        with self._lock:
            self.running += 1
            self.most = max(self.most, self.running)
        if host.startswith("slow"):
            self.let_go.wait(20)
        with self._lock:
            self.running -= 1
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("1.1.1.1", port))]


def test_a_lookup_that_hangs_holds_up_no_other_and_threads_are_bounded() -> None:
    hanging = Hanging()
    lookup = Lookup(threads=3, getaddrinfo=hanging)

    async def run() -> None:
        slow = [asyncio.create_task(lookup(f"slow{i}.example", 80)) for i in range(2)]
        await asyncio.sleep(0.02)
        for _ in range(20):
            assert await asyncio.wait_for(lookup("quick.example", 80), 5)
        more = [asyncio.create_task(lookup(f"slow{i}.example", 80)) for i in range(9)]
        await asyncio.sleep(0.05)
        assert hanging.most == 3
        for task in [*slow, *more]:
            task.cancel()
        await asyncio.gather(*slow, *more, return_exceptions=True)
        hanging.let_go.set()
        assert await asyncio.wait_for(lookup("quick.example", 80), 5)

    asyncio.run(run())


def test_abandoned_questions_are_not_asked() -> None:
    asked: list[str] = []
    hold = threading.Event()

    def getaddrinfo(host: str, port: int, **_: object) -> list[Any]:
        asked.append(host)
        hold.wait(20)
        return []

    async def run() -> None:
        lookup = Lookup(threads=1, getaddrinfo=getaddrinfo)
        first = asyncio.create_task(lookup("first.example", 80))
        second = asyncio.create_task(lookup("second.example", 80))
        third = asyncio.create_task(lookup("third.example", 80))
        await asyncio.sleep(0.02)
        second.cancel()
        hold.set()
        await asyncio.gather(first, second, third, return_exceptions=True)

    asyncio.run(run())
    assert asked == ["first.example", "third.example"]


@pytest.mark.parametrize("host", ["a" * 64 + ".example", "a\0b", "xn--\udcff", "a..b"])
def test_what_the_system_cannot_look_up_is_an_unknown_name(host: str) -> None:
    def getaddrinfo(host: str, port: int, **_: object) -> list[Any]:
        if "\0" in host:
            raise ValueError("embedded null character")
        host.encode("idna")
        raise socket.gaierror(socket.EAI_NONAME, "not known")

    with pytest.raises(socket.gaierror):
        asyncio.run(Lookup(getaddrinfo=getaddrinfo)(host, 80))


def test_a_program_ends_although_a_lookup_hangs() -> None:
    code = """
import asyncio, time
from monitor.guard import Lookup
async def main():
    lookup = Lookup(getaddrinfo=lambda *a, **k: time.sleep(60))
    try:
        await asyncio.wait_for(lookup("slow.example", 80), 0.05)
    except TimeoutError:
        print("gave up", flush=True)
asyncio.run(main())
"""
    began = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=50, check=True
    )
    assert done.stdout == "gave up\n"
    assert done.stderr == ""
    assert time.monotonic() - began < 45


@pytest.mark.parametrize(
    ("contact", "agent"),
    [
        ("desk@example.org", "(+desk@example.org)"),
        ("https://example.org/bot", "(+https://example.org/bot)"),
        ("Redaksi (Ünsal)\r\nX: y", "(+Redaksi UnsalX: y)"),
    ],
)
def test_we_introduce_ourselves_with_name_version_and_contact(contact: str, agent: str) -> None:
    assert user_agent(contact) == f"wirewatch/{__version__} {agent}"


def test_only_the_guard_opens_connections(root: Path) -> None:
    """Everything else is given a client or `dial`; nothing makes its own (E5)."""
    makes = re.compile(
        r"httpx\.(AsyncClient|Client|get|post|put|request|stream)\(|aiohttp\.ClientSession\(|"
        r"(create|open)_connection\(|urlopen\(|requests\.|socket\.connect|\.connect_ex\("
    )
    allowed = {"monitor/guard.py", "monitor/transport.py"}
    found = {
        f"{path.relative_to(root)}:{number}"
        for package in ("monitor", "rules", "alerts")
        for path in (root / package).rglob("*.py")
        if str(path.relative_to(root)) not in allowed
        for number, line in enumerate(path.read_text("utf-8").splitlines(), 1)
        if makes.search(line)
    }
    assert found == set()


@pytest.mark.parametrize(
    "text", ["feeds.example", "127.1", "0x7f000001", "2130706433", "", "0177.0.0.1"]
)
def test_a_name_or_an_odd_spelling_is_no_address(text: str) -> None:
    with pytest.raises(ValueError, match=r"does not appear to be|not permitted"):
        address_of(text)
