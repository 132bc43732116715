import pytest

from sevenfold.asgi import ApiLog
from sevenfold.asgi.addresses import client_address, networks
from sevenfold.channel_log import ChannelLog
from tests.support.asgi_client import END, START, answering, http, talk

PROXIES = networks(["10.0.0.0/8", "192.168.1.1", "fd00::/8"])


@pytest.mark.parametrize(
    ("peer", "forwarded", "address"),
    [
        ("203.0.113.9", "", "203.0.113.9"),
        ("203.0.113.9", "198.51.100.1", "203.0.113.9"),  # anybody can send that
        ("10.1.1.1", "198.51.100.1", "198.51.100.1"),
        ("10.1.1.1", "6.6.6.6, 198.51.100.1", "198.51.100.1"),  # the first of these, too
        ("10.1.1.1", "6.6.6.6, 198.51.100.1 ,10.2.2.2,192.168.1.1", "198.51.100.1"),
        ("10.1.1.1", "10.3.3.3,10.2.2.2", "10.3.3.3"),
        ("10.1.1.1", "", "10.1.1.1"),
        ("10.1.1.1", "unknown", "unknown"),
        ("10.1.1.1", "198.51.100.1,", "unknown"),
        ("10.1.1.1", "198.51.100.1:4711", "198.51.100.1"),
        ("10.1.1.1", "2001:db8::1, [fd00::1]:4711", "2001:db8::1"),
        ("10.1.1.1", "[2001:db8::1]:443", "2001:db8::1"),
        ("::ffff:10.1.1.1", "198.51.100.1, ::ffff:10.2.2.2", "198.51.100.1"),
        ("fd00::2", "198.51.100.1", "198.51.100.1"),
        ("10.1.1.1", "x" * 100, "x" * 64),
        ("testclient", "198.51.100.1", "testclient"),
        (None, "198.51.100.1", "unknown"),
    ],
)
def test_only_trusted_proxies_are_believed_from_the_end_of_the_list(
    peer: str | None, forwarded: str, address: str
) -> None:
    scope = {"client": None if peer is None else (peer, 4711)}
    assert client_address(scope, forwarded, PROXIES) == address
    assert client_address(scope, forwarded, ()) == (peer or "unknown")


def test_several_headers_are_one_list(channel_log: ChannelLog) -> None:
    scope = http(client=("10.1.1.1", 1))
    scope["headers"] = [(b"x-forwarded-for", b"6.6.6.6"), (b"x-forwarded-for", b"198.51.100.1, 10.2.2.2")]
    talk(ApiLog(answering(START, END), trusted_proxies=["10.0.0.0/8"]), scope)
    assert channel_log.records[0].fields["client_address"] == "198.51.100.1"
