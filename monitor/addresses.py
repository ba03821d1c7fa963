"""Addresses: which may be dialled. Pure; the guard asks here before each connection.

An address may be dialled when it is public, or when the operator named it, its network or its
host under ``allow_private``. Python's ``is_global`` alone is not enough: it accepts multicast,
``::127.0.0.1``, NAT64, 6to4, ``fec0::/10`` and the metadata service at ``192.0.0.192``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
    ip_network,
)

import httpx

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

WEB_PORTS = frozenset({80, 443, 8080, 8443})
"""The ports a redirect may lead to; any other has to stand in a configured URL."""

_NOT_PUBLIC_V4 = tuple(
    IPv4Network(text)
    for text in (
        "0.0.0.0/8",
        "100.64.0.0/10",  # shared by carriers; cloud metadata at 100.100.100.200
        "192.0.0.0/24",  # protocol assignments; cloud metadata at 192.0.0.192
        "192.88.99.0/24",  # 6to4 relays
        "224.0.0.0/4",
        "240.0.0.0/4",
    )
)
_PUBLIC_V6 = IPv6Network("2000::/3")
_NOT_PUBLIC_V6 = tuple(
    IPv6Network(text)
    for text in (
        "2001::/23",  # protocol assignments, Teredo among them
        "2001:db8::/32",
        "2002::/16",  # 6to4 carries any IPv4 address
        "3fff::/20",
    )
)
_NAT64 = IPv6Network("64:ff9b::/96")


class Blocked(OSError):  # noqa: N818 - design.md's word for this outcome
    """The guard refused to dial. The text is one line for the operator."""


def judged(address: Address) -> Address:
    """The address that packets would reach: the IPv4 one inside a mapped or NAT64 address."""
    if isinstance(address, IPv4Address):
        return address
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    if address in _NAT64:
        return IPv4Address(int(address) & 0xFFFFFFFF)
    return address


def is_public(address: Address) -> bool:
    """Whether anybody on the internet would reach the same machine under this address."""
    real = judged(address)
    if not real.is_global or real.is_multicast:
        return False
    if isinstance(real, IPv4Address):
        return not any(real in network for network in _NOT_PUBLIC_V4)
    return (
        real in _PUBLIC_V6
        and real.scope_id is None
        and not any(real in network for network in _NOT_PUBLIC_V6)
    )


def kind(address: Address) -> str:
    """What sort of address this is, for a message: ``a loopback address``."""
    real = judged(address)
    if real.is_loopback:
        return "a loopback address"
    if real.is_link_local:
        return "a link-local address"
    if real.is_multicast:
        return "a multicast address"
    if real.is_private and not real.is_reserved and not real.is_unspecified:
        return "a private address"
    return "not a public address"


@dataclass(frozen=True, slots=True)
class Allowance:
    """What ``allow_private`` names: hosts by name, and networks (an address is one of its own)."""

    hosts: frozenset[str] = frozenset()
    networks: tuple[Network, ...] = ()

    def names(self, host: str) -> bool:
        """Whether this host stands there by its name."""
        return host.lower().rstrip(".") in self.hosts

    def covers(self, address: Address) -> bool:
        """Whether this address, or the IPv4 address inside it, lies in a named network."""
        if not self.networks:
            return False
        candidates = {address, judged(address)}
        return any(one in network for network in self.networks for one in candidates)

    def owns(self, host: str) -> bool:
        """Whether this host, a name or an address as a URL has it, is the operator's own."""
        if self.names(host):
            return True
        try:
            return self.covers(address_of(host))
        except ValueError:  # a name, not an address
            return False


def allowance(entries: Sequence[str]) -> Allowance:
    """Read ``allow_private``.

    Raises:
        ValueError: for an entry that is neither a host name, an address nor a network.
    """
    hosts, networks = set(), []
    for entry in entries:
        network = _network(entry)
        if network is not None:
            networks.append(network)
        else:
            hosts.add(_host(entry))
    return Allowance(frozenset(hosts), tuple(networks))


def _network(entry: str) -> Network | None:
    text = entry.strip().removeprefix("[").removesuffix("]")
    try:
        return ip_network(text, strict=False)
    except ValueError:
        if "/" in entry or ":" in entry or entry.replace(".", "").isdigit():
            raise ValueError(
                f"{entry!r} is neither a host name, an address nor a network"
            ) from None
        return None


def _host(entry: str) -> str:
    try:
        name = httpx.URL(scheme="http", host=entry.strip()).raw_host.decode("ascii").rstrip(".")
    except (httpx.InvalidURL, ValueError):
        name = ""
    if not name or not all(c.isalnum() or c in "-_." for c in name):
        raise ValueError(f"{entry!r} is neither a host name, an address nor a network")
    return name.lower()


def address_of(text: str) -> Address:
    """The address a resolver or a URL wrote, in its usual spelling.

    Raises:
        ValueError: for a name, and for any other spelling: what is read differently elsewhere is
            not taken for an address.
    """
    return ip_address(text)
