"""Our own servers listen on this machine alone."""

import socket

import pytest

from fabio.adapters.sockets import WideBind, bound_socket, url_of
from fabio.model.errors import ConfigError


def lan_address() -> str:
    """The address that this machine would use towards others; no packet is sent."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        try:
            sock.connect(("192.0.2.1", 9))
        except OSError:
            return "192.168.1.20"
        return sock.getsockname()[0]


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "", "0", "10.0.0.5", "192.168.1.20", "::ffff:0.0.0.0", "fe80::1"])
def test_an_address_that_others_reach_is_refused_and_the_cure_is_named(host):
    with pytest.raises(WideBind, match="asks nobody who they are") as refused:
        bound_socket(0, host)
    assert "ssh -L" in str(refused.value)


def test_this_machines_own_address_in_the_network_is_refused():
    with pytest.raises(WideBind):
        bound_socket(0, lan_address())


def test_a_name_that_stands_for_an_address_outside_is_refused_by_what_it_stands_for(monkeypatch):
    outside = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("203.0.113.7", 0))]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: outside)
    with pytest.raises(WideBind, match=r"mine\.example \(203\.0\.113\.7\)"):
        bound_socket(0, "mine.example")


def test_what_a_name_stands_for_is_bound_and_not_looked_up_again(monkeypatch):
    asked = []

    def look_up(*arguments, **_):
        asked.append(arguments)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1" if len(asked) == 1 else "0.0.0.0", 0))]

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    with bound_socket(0, "turns.example") as sock:
        assert sock.getsockname()[0] == "127.0.0.1"
    assert len(asked) == 1


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "127.0.0.2", "::1"])
def test_addresses_of_this_machine_are_bound(host):
    try:
        sock = bound_socket(0, host)
    except OSError:
        pytest.skip(f"this machine has no {host}")
    with sock:
        assert url_of(sock).startswith("http://[::1]:" if ":" in sock.getsockname()[0] else "http://127.0.0.")


def test_a_server_that_asks_who_is_there_may_be_reached_from_elsewhere():
    with bound_socket(0, "0.0.0.0", authenticated=True) as sock:
        assert sock.getsockname()[0] == "0.0.0.0"


def test_what_is_no_address_is_said():
    with pytest.raises(ConfigError, match=r"no address of this machine"):
        bound_socket(0, "no such host.")
