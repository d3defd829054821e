"""The security log: events with their own MAC, sealed in a chain of signed segments.

event = seal_event(EventKeys(keys), cipher, id=event_id(now=now, random=random), at=now,
                   name="sign_in", outcome="ok", account_id="42", personal={"device": "Firefox"})
store.commit(changes, events=(event,))          # in one transaction with what it tells of
log = AuditLog(store, keys, sinks=(FileSink("/mnt/elsewhere/checkpoints"),))
log.seal()                                      # about once a minute
assert log.verify(anchors=tuple(notes_in("/mnt/elsewhere/checkpoints"))).ok
"""

from secureacct.audit.catalogue import CATALOGUE, Kind, words
from secureacct.audit.encoding import EventKeys
from secureacct.audit.errors import AuditError, EventAltered, SinkUnavailable
from secureacct.audit.events import PersonalCipher, event_id, open_event, seal_event
from secureacct.audit.faces import AsyncAuditLog, AuditLog
from secureacct.audit.notes import Checkpoint
from secureacct.audit.sinks import FileSink, Sink, SyslogSink, notes_in
from secureacct.audit.steps import AuditParts
from secureacct.audit.verifying import Finding, Report

__all__ = [
    "CATALOGUE",
    "AsyncAuditLog",
    "AuditError",
    "AuditLog",
    "AuditParts",
    "Checkpoint",
    "EventAltered",
    "EventKeys",
    "FileSink",
    "Finding",
    "Kind",
    "PersonalCipher",
    "Report",
    "Sink",
    "SinkUnavailable",
    "SyslogSink",
    "event_id",
    "notes_in",
    "open_event",
    "seal_event",
    "words",
]
