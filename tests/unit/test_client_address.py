"""Who is asking: nothing is believed that a stranger can write."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from secureacct.client_address import (
    EXPLANATIONS,
    NOBODY,
    Alarm,
    SharedAddressWatch,
    TrustedProxies,
    client,
    coarse,
    group,
    parse_address,
    widening,
)
from secureacct.errors import ConfigurationError

CASES = json.loads((Path(__file__).parent.parent / "vectors" / "client_address.json").read_text())["cases"]
OURS = TrustedProxies.parse("10.0.0.0/8")


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["why"])
def test_the_table_of_proxies(case: dict[str, Any]) -> None:
    """Each row of peers and headers gives exactly the client written beside it."""
    found = client(
        peer=case["peer"], https=False, headers=case["headers"], proxies=TrustedProxies.parse(case["trust"])
    )
    assert found.address == case["address"]
    assert found.alarm == case.get("alarm")
    assert found.https is case.get("https", False)


@given(
    st.lists(st.text(max_size=40), max_size=4), st.sampled_from(["x-forwarded-for", "forwarded", "x-real-ip"])
)
def test_no_header_makes_it_fail(values: list[str], header: str) -> None:
    """Whatever arrives, there is an answer: the peer, or an address in canonical form."""
    proxies = TrustedProxies.parse(f"10.0.0.0/8; header={header}")
    found = client(peer="10.0.0.1", https=False, headers={header: values}, proxies=proxies)
    assert found.address is not None
    assert str(parse_address(found.address)) == found.address


@given(st.lists(st.text(alphabet='0123456789.:abcf,;=" []_', max_size=30), max_size=3))
def test_what_stands_left_of_the_proxys_entry_changes_nothing(spoofed: list[str]) -> None:
    """A client may prepend anything to X-Forwarded-For; the address and its group stay."""
    headers = {"x-forwarded-for": [*spoofed, "192.0.2.1"]}
    assert client(peer="10.0.0.1", https=False, headers=headers, proxies=OURS).address == "192.0.2.1"


def test_tls_of_the_socket_itself_counts_where_no_proxy_speaks() -> None:
    """Without a proxy the socket decides; a trusted proxy that says nothing changes nothing."""
    assert client(peer="192.0.2.1", https=True, headers={}).https
    headers = {"x-forwarded-for": ["192.0.2.1"]}
    assert client(peer="10.0.0.1", https=True, headers=headers, proxies=OURS).https
    headers["x-forwarded-proto"] = ["http"]
    assert not client(peer="10.0.0.1", https=True, headers=headers, proxies=OURS).https


def test_every_alarm_is_explained() -> None:
    """Whoever reads an alarm reads what to do about it."""
    assert {*get_args(Alarm), "shared_address"} == set(EXPLANATIONS)
    assert all(text.endswith(".") for text in EXPLANATIONS.values())


def test_a_developer_on_loopback_is_not_alarmed() -> None:
    """A local tool that adds forwarding headers is no news while nobody is trusted anyway."""
    headers = {"x-forwarded-for": ["192.0.2.1"]}
    assert client(peer="127.0.0.1", https=False, headers=headers).alarm is None
    assert client(peer="127.0.0.1", https=False, headers=headers).address == "127.0.0.1"


@pytest.mark.parametrize(
    "text",
    ["0.0.0.0/0", "::/0", "10.0.0.1/8", "banana", "33", "1, 10.0.0.0/8", "-1",
     "10.0.0.0/8; header=x-client-ip", "10.0.0.0/8; trust=all", "2; header=x-real-ip", "٣"],
)  # fmt: skip
def test_settings_that_trust_too_much_or_say_nothing_are_refused(text: str) -> None:
    """A setting is either exact or an error at start."""
    with pytest.raises(ConfigurationError):
        TrustedProxies.parse(text)


def test_an_empty_setting_trusts_nobody() -> None:
    """The default believes no header."""
    assert TrustedProxies.parse("") == NOBODY
    assert NOBODY.nobody
    assert not OURS.nobody


@pytest.mark.parametrize(
    ("address", "groups"),
    [
        ("192.0.2.7", ("192.0.2.7/32",)),
        ("::ffff:192.0.2.7", ("192.0.2.7/32",)),
        ("2001:db8:1:23ff:dead::1", ("2001:db8:1:23ff::/64", "2001:db8:1:2300::/56", "2001:db8:1::/48")),
        ("2001:db8:1:23ff::/64", ("2001:db8:1:23ff::/64", "2001:db8:1:2300::/56", "2001:db8:1::/48")),
        ("2001:db8:1::/48", ("2001:db8:1::/48",)),
        ("unknown", ("unknown",)),
    ],
)
def test_addresses_are_grouped_by_who_may_own_them(address: str, groups: tuple[str, ...]) -> None:
    """IPv4 counts by itself, IPv6 by /64, /56 and /48; what is no address still counts as something."""
    assert widening(address) == groups
    assert group(address) == groups[0]
    assert group(groups[0]) == groups[0]


def test_the_log_keeps_a_coarse_network_only() -> None:
    """24 bits of IPv4, 48 of IPv6."""
    assert coarse("192.0.2.7") == "192.0.2.0/24"
    assert coarse("2001:db8:1:2:3:4:5:6") == "2001:db8:1::/48"
    assert coarse("x\r\ny") == "unknown"


def test_a_proxy_nobody_named_is_noticed() -> None:
    """When nearly all of fifty clients share one address, it is named once; visitors alone are not."""
    watch = SharedAddressWatch()
    alarms = [watch.seen(client_id=str(number), address="10.0.0.1") for number in range(100)]
    assert [alarm for alarm in alarms if alarm] == ["10.0.0.1", "10.0.0.1"]
    watch = SharedAddressWatch()
    assert not any(watch.seen(client_id=str(n), address=f"192.0.2.{n % 25}") for n in range(200))
    assert not any(watch.seen(client_id="one visitor", address="10.0.0.1") for _ in range(500))
