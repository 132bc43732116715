"""The address of a client, also behind proxies."""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sevenfold.asgi.types import Scope

Address: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address
Network: TypeAlias = ipaddress.IPv4Network | ipaddress.IPv6Network

UNKNOWN = "unknown"  # what a Unix socket's peer is called
_LONGEST = 64  # characters of an address that is logged


def networks(texts: Iterable[str]) -> tuple[Network, ...]:
    """Read addresses and networks such as ``10.0.0.0/8``.

    Raises
    ------
    ValueError
        If one is neither; the error names it.
    """
    if isinstance(texts, str):
        raise ValueError(f"trusted_proxies must be several addresses or networks, got {texts!r}")  # noqa: TRY004 - as for all arguments
    return tuple(ipaddress.ip_network(text) for text in texts)


def client_address(scope: Scope, forwarded: str, trusted: tuple[Network, ...]) -> str:
    """Return the address nearest to the client that can be believed.

    Each proxy appends to X-Forwarded-For the address that asked it. So the list is read from its end, for as long as
    the writer of an address is trusted: anybody may have sent the addresses before.

    Parameters
    ----------
    scope : dict
        The request's; ``client`` in it is the address that connected.
    forwarded : str
        The values of all X-Forwarded-For headers, joined by commas.
    trusted : tuple of networks
        The proxies.
    """
    peer = scope.get("client")
    address = str(peer[0]) if peer else UNKNOWN
    hops = forwarded.split(",") if forwarded and trusted else []
    while hops and _is_in(address, trusted):
        hop = hops.pop().strip()
        address = str(_parse(hop) or hop or UNKNOWN)
    return address[:_LONGEST]


def _is_in(text: str, networks: tuple[Network, ...]) -> bool:
    address = _parse(text)
    return address is not None and any(address in network for network in networks)


def _parse(text: str) -> Address | None:
    """Read an address as proxies write it, maybe with a port; an IPv4 address within an IPv6 one is the IPv4 one."""
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address
