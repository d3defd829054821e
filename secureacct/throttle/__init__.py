"""Throttling: attempts are counted before they are judged, and only failures cost.

throttle = Throttle(store, keys)
ticket = throttle.admit(action="sign_in", account="ada@example.org", network="192.0.2.7")
...                                 # judge the attempt; doing nothing more means it failed
throttle.succeeded(ticket)
"""

from secureacct.throttle.errors import AuthenticatorPaused, TooManyAttempts
from secureacct.throttle.faces import AsyncThrottle, Throttle
from secureacct.throttle.policies import ActionPolicy, Budget, Ladder, ThrottlePolicy
from secureacct.throttle.steps import Admitted, ThrottleParts, admit, cleared, forget, succeeded, withdrawn

__all__ = [
    "ActionPolicy",
    "Admitted",
    "AsyncThrottle",
    "AuthenticatorPaused",
    "Budget",
    "Ladder",
    "Throttle",
    "ThrottleParts",
    "ThrottlePolicy",
    "TooManyAttempts",
    "admit",
    "cleared",
    "forget",
    "succeeded",
    "withdrawn",
]
