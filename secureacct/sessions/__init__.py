"""Sessions that end when they are ended.

sessions = Sessions(store, policy=SessionPolicy(idle=timedelta(minutes=30)))
token = sessions.start("42")          # for the cookie; the store keeps a hash of it
session = sessions.load(token)        # one statement; None: signed out, expired, disabled, unknown
sessions.end_all("42", keep=token)    # everywhere else, at once
"""

from __future__ import annotations

from secureacct.records.sessions import Session
from secureacct.sessions.birth import begin, first_epoch, moved
from secureacct.sessions.devices import Device, DeviceSession, coarse_network, device_from, is_new_device
from secureacct.sessions.errors import AccountNotActive, SessionDataRefused, SessionEnded, TooManySessions
from secureacct.sessions.faces import AsyncSessions, Sessions
from secureacct.sessions.policy import AAL1, AAL2, AAL3, ADMIN, OFFICE, STANDARD, Remember, SessionPolicy

__all__ = [
    "AAL1",
    "AAL2",
    "AAL3",
    "ADMIN",
    "OFFICE",
    "STANDARD",
    "AccountNotActive",
    "AsyncSessions",
    "Device",
    "DeviceSession",
    "Remember",
    "Session",
    "SessionDataRefused",
    "SessionEnded",
    "SessionPolicy",
    "Sessions",
    "TooManySessions",
    "begin",
    "coarse_network",
    "device_from",
    "first_epoch",
    "is_new_device",
    "moved",
]
