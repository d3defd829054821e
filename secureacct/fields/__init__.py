"""Encrypted fields: typed values bound to their place, and indexes that find them."""

from __future__ import annotations

from secureacct.fields.blind_index import BlindIndex, CompoundIndex
from secureacct.fields.cipher import FieldCipher, from_text, to_text
from secureacct.fields.errors import (
    FieldError,
    ForeignCiphertext,
    InvalidValue,
    KeyDestroyed,
    KeyDisabled,
    LeakyIndex,
    MalformedCiphertext,
    NotSearchable,
    PurposeRequired,
    SubjectForgotten,
    SubjectNotLoaded,
    SystemicDecryptError,
    TamperedCiphertext,
    UnknownKey,
    UnknownSuite,
    ValueTooLarge,
    WrongContext,
)
from secureacct.fields.planner import IndexPlan, plan_index
from secureacct.fields.sensitive import Masked, Sensitive
from secureacct.fields.values import Row

__all__ = [
    "BlindIndex",
    "CompoundIndex",
    "FieldCipher",
    "FieldError",
    "ForeignCiphertext",
    "IndexPlan",
    "InvalidValue",
    "KeyDestroyed",
    "KeyDisabled",
    "LeakyIndex",
    "MalformedCiphertext",
    "Masked",
    "NotSearchable",
    "PurposeRequired",
    "Row",
    "Sensitive",
    "SubjectForgotten",
    "SubjectNotLoaded",
    "SystemicDecryptError",
    "TamperedCiphertext",
    "UnknownKey",
    "UnknownSuite",
    "ValueTooLarge",
    "WrongContext",
    "from_text",
    "plan_index",
    "to_text",
]
