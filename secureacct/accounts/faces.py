"""The whole account, for blocking and for awaiting callers: one line per step, nothing else."""

from __future__ import annotations

from typing import Final

from secureacct._faces import awaiting, blocking, refuse_other_kind
from secureacct.accounts import activity as activity_steps
from secureacct.accounts import delivery as delivery_steps
from secureacct.accounts import email_change as email_change_steps
from secureacct.accounts import enrolment as enrolment_steps
from secureacct.accounts import fresh_proof as fresh_proof_steps
from secureacct.accounts import not_me as not_me_steps
from secureacct.accounts import passkeys as passkeys_steps
from secureacct.accounts import passwords as passwords_steps
from secureacct.accounts import profile as profile_steps
from secureacct.accounts import recovery as recovery_steps
from secureacct.accounts import registration as registration_steps
from secureacct.accounts import second_factor as second_factor_steps
from secureacct.accounts import sign_in as sign_in_steps
from secureacct.accounts import sign_out as sign_out_steps
from secureacct.accounts import standing as standing_steps
from secureacct.accounts.parts import AccountParts


class Accounts:
    """Every journey of an account, for callers that do not await."""

    def __init__(self, parts: AccountParts) -> None:
        refuse_other_kind(parts.store, wanted="blocking")
        self.parts = parts

    sign_up: Final = blocking(registration_steps.sign_up)
    send_link_again: Final = blocking(registration_steps.send_link_again)
    verification_needs_password: Final = blocking(registration_steps.verification_needs_password)
    verify: Final = blocking(registration_steps.verify)
    sign_in: Final = blocking(sign_in_steps.sign_in)
    second_factor: Final = blocking(second_factor_steps.second_factor)
    person: Final = blocking(fresh_proof_steps.person)
    confirm: Final = blocking(fresh_proof_steps.confirm)
    interrupt: Final = blocking(fresh_proof_steps.interrupt)
    resume: Final = blocking(fresh_proof_steps.resume)
    sign_out: Final = blocking(sign_out_steps.sign_out)
    devices: Final = blocking(sign_out_steps.devices)
    end_device: Final = blocking(sign_out_steps.end_device)
    end_others: Final = blocking(sign_out_steps.end_others)
    end_everywhere: Final = blocking(sign_out_steps.end_everywhere)
    change_password: Final = blocking(passwords_steps.change_password)
    ask_for_reset: Final = blocking(passwords_steps.ask_for_reset)
    reset_link_works: Final = blocking(passwords_steps.reset_link_works)
    reset_password: Final = blocking(passwords_steps.reset_password)
    ask_for_email_change: Final = blocking(email_change_steps.ask_for_email_change)
    email_link_works: Final = blocking(email_change_steps.email_link_works)
    confirm_email_change: Final = blocking(email_change_steps.confirm_email_change)
    undo_link_works: Final = blocking(email_change_steps.undo_link_works)
    undo_email_change: Final = blocking(email_change_steps.undo_email_change)
    begin_totp: Final = blocking(enrolment_steps.begin_totp)
    pending_totp: Final = blocking(enrolment_steps.pending_totp)
    confirm_totp: Final = blocking(enrolment_steps.confirm_totp)
    new_recovery_codes: Final = blocking(enrolment_steps.new_recovery_codes)
    turn_off_totp: Final = blocking(enrolment_steps.turn_off)
    remove_totp: Final = blocking(enrolment_steps.remove_totp)
    factors: Final = blocking(enrolment_steps.factors)
    begin_adding_passkey: Final = blocking(passkeys_steps.begin_adding)
    finish_adding_passkey: Final = blocking(passkeys_steps.finish_adding)
    remove_passkey: Final = blocking(passkeys_steps.remove_passkey)
    rename_passkey: Final = blocking(passkeys_steps.rename_passkey)
    begin_passkey_sign_in: Final = blocking(passkeys_steps.begin_sign_in)
    finish_passkey_sign_in: Final = blocking(passkeys_steps.finish_sign_in)
    begin_passkey_confirm: Final = blocking(passkeys_steps.begin_confirming)
    finish_passkey_confirm: Final = blocking(passkeys_steps.finish_confirming)
    read_profile: Final = blocking(profile_steps.read_profile)
    save_profile: Final = blocking(profile_steps.save_profile)
    activity: Final = blocking(activity_steps.activity)
    ask_for_recovery: Final = blocking(recovery_steps.ask_for_recovery)
    recovery_state: Final = blocking(recovery_steps.recovery_state)
    go_on_with_recovery: Final = blocking(recovery_steps.go_on_with_recovery)
    cancel_link_works: Final = blocking(recovery_steps.cancel_link_works)
    cancel_recovery: Final = blocking(recovery_steps.cancel_recovery)
    recover_by_operator: Final = blocking(recovery_steps.recover_by_operator)
    disable: Final = blocking(standing_steps.disable)
    enable: Final = blocking(standing_steps.enable)
    not_me_works: Final = blocking(not_me_steps.not_me_works)
    not_me: Final = blocking(not_me_steps.not_me)
    deliver: Final = blocking(delivery_steps.deliver)


class AsyncAccounts:
    """Every journey of an account, for callers that await."""

    def __init__(self, parts: AccountParts) -> None:
        refuse_other_kind(parts.store, wanted="awaiting")
        self.parts = parts

    sign_up: Final = awaiting(registration_steps.sign_up)
    send_link_again: Final = awaiting(registration_steps.send_link_again)
    verification_needs_password: Final = awaiting(registration_steps.verification_needs_password)
    verify: Final = awaiting(registration_steps.verify)
    sign_in: Final = awaiting(sign_in_steps.sign_in)
    second_factor: Final = awaiting(second_factor_steps.second_factor)
    person: Final = awaiting(fresh_proof_steps.person)
    confirm: Final = awaiting(fresh_proof_steps.confirm)
    interrupt: Final = awaiting(fresh_proof_steps.interrupt)
    resume: Final = awaiting(fresh_proof_steps.resume)
    sign_out: Final = awaiting(sign_out_steps.sign_out)
    devices: Final = awaiting(sign_out_steps.devices)
    end_device: Final = awaiting(sign_out_steps.end_device)
    end_others: Final = awaiting(sign_out_steps.end_others)
    end_everywhere: Final = awaiting(sign_out_steps.end_everywhere)
    change_password: Final = awaiting(passwords_steps.change_password)
    ask_for_reset: Final = awaiting(passwords_steps.ask_for_reset)
    reset_link_works: Final = awaiting(passwords_steps.reset_link_works)
    reset_password: Final = awaiting(passwords_steps.reset_password)
    ask_for_email_change: Final = awaiting(email_change_steps.ask_for_email_change)
    email_link_works: Final = awaiting(email_change_steps.email_link_works)
    confirm_email_change: Final = awaiting(email_change_steps.confirm_email_change)
    undo_link_works: Final = awaiting(email_change_steps.undo_link_works)
    undo_email_change: Final = awaiting(email_change_steps.undo_email_change)
    begin_totp: Final = awaiting(enrolment_steps.begin_totp)
    pending_totp: Final = awaiting(enrolment_steps.pending_totp)
    confirm_totp: Final = awaiting(enrolment_steps.confirm_totp)
    new_recovery_codes: Final = awaiting(enrolment_steps.new_recovery_codes)
    turn_off_totp: Final = awaiting(enrolment_steps.turn_off)
    remove_totp: Final = awaiting(enrolment_steps.remove_totp)
    factors: Final = awaiting(enrolment_steps.factors)
    begin_adding_passkey: Final = awaiting(passkeys_steps.begin_adding)
    finish_adding_passkey: Final = awaiting(passkeys_steps.finish_adding)
    remove_passkey: Final = awaiting(passkeys_steps.remove_passkey)
    rename_passkey: Final = awaiting(passkeys_steps.rename_passkey)
    begin_passkey_sign_in: Final = awaiting(passkeys_steps.begin_sign_in)
    finish_passkey_sign_in: Final = awaiting(passkeys_steps.finish_sign_in)
    begin_passkey_confirm: Final = awaiting(passkeys_steps.begin_confirming)
    finish_passkey_confirm: Final = awaiting(passkeys_steps.finish_confirming)
    read_profile: Final = awaiting(profile_steps.read_profile)
    save_profile: Final = awaiting(profile_steps.save_profile)
    activity: Final = awaiting(activity_steps.activity)
    ask_for_recovery: Final = awaiting(recovery_steps.ask_for_recovery)
    recovery_state: Final = awaiting(recovery_steps.recovery_state)
    go_on_with_recovery: Final = awaiting(recovery_steps.go_on_with_recovery)
    cancel_link_works: Final = awaiting(recovery_steps.cancel_link_works)
    cancel_recovery: Final = awaiting(recovery_steps.cancel_recovery)
    recover_by_operator: Final = awaiting(recovery_steps.recover_by_operator)
    disable: Final = awaiting(standing_steps.disable)
    enable: Final = awaiting(standing_steps.enable)
    not_me_works: Final = awaiting(not_me_steps.not_me_works)
    not_me: Final = awaiting(not_me_steps.not_me)
    deliver: Final = awaiting(delivery_steps.deliver)
