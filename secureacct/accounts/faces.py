"""The whole account, for blocking and for awaiting callers: one line per step, nothing else."""

from __future__ import annotations

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
from secureacct.accounts.parts import AccountParts


class Accounts:
    """Every journey of an account, for callers that do not await."""

    def __init__(self, parts: AccountParts) -> None:
        refuse_other_kind(parts.store, wanted="blocking")
        self.parts = parts

    sign_up = blocking(registration_steps.sign_up)
    send_link_again = blocking(registration_steps.send_link_again)
    verification_needs_password = blocking(registration_steps.verification_needs_password)
    verify = blocking(registration_steps.verify)
    sign_in = blocking(sign_in_steps.sign_in)
    second_factor = blocking(second_factor_steps.second_factor)
    person = blocking(fresh_proof_steps.person)
    confirm = blocking(fresh_proof_steps.confirm)
    interrupt = blocking(fresh_proof_steps.interrupt)
    resume = blocking(fresh_proof_steps.resume)
    sign_out = blocking(sign_out_steps.sign_out)
    devices = blocking(sign_out_steps.devices)
    end_device = blocking(sign_out_steps.end_device)
    end_others = blocking(sign_out_steps.end_others)
    end_everywhere = blocking(sign_out_steps.end_everywhere)
    change_password = blocking(passwords_steps.change_password)
    ask_for_reset = blocking(passwords_steps.ask_for_reset)
    reset_link_works = blocking(passwords_steps.reset_link_works)
    reset_password = blocking(passwords_steps.reset_password)
    ask_for_email_change = blocking(email_change_steps.ask_for_email_change)
    email_link_works = blocking(email_change_steps.email_link_works)
    confirm_email_change = blocking(email_change_steps.confirm_email_change)
    undo_link_works = blocking(email_change_steps.undo_link_works)
    undo_email_change = blocking(email_change_steps.undo_email_change)
    begin_totp = blocking(enrolment_steps.begin_totp)
    pending_totp = blocking(enrolment_steps.pending_totp)
    confirm_totp = blocking(enrolment_steps.confirm_totp)
    new_recovery_codes = blocking(enrolment_steps.new_recovery_codes)
    turn_off_totp = blocking(enrolment_steps.turn_off)
    remove_totp = blocking(enrolment_steps.remove_totp)
    factors = blocking(enrolment_steps.factors)
    begin_adding_passkey = blocking(passkeys_steps.begin_adding)
    finish_adding_passkey = blocking(passkeys_steps.finish_adding)
    remove_passkey = blocking(passkeys_steps.remove_passkey)
    rename_passkey = blocking(passkeys_steps.rename_passkey)
    begin_passkey_sign_in = blocking(passkeys_steps.begin_sign_in)
    finish_passkey_sign_in = blocking(passkeys_steps.finish_sign_in)
    begin_passkey_confirm = blocking(passkeys_steps.begin_confirming)
    finish_passkey_confirm = blocking(passkeys_steps.finish_confirming)
    read_profile = blocking(profile_steps.read_profile)
    save_profile = blocking(profile_steps.save_profile)
    activity = blocking(activity_steps.activity)
    ask_for_recovery = blocking(recovery_steps.ask_for_recovery)
    recovery_state = blocking(recovery_steps.recovery_state)
    go_on_with_recovery = blocking(recovery_steps.go_on_with_recovery)
    cancel_link_works = blocking(recovery_steps.cancel_link_works)
    cancel_recovery = blocking(recovery_steps.cancel_recovery)
    recover_by_operator = blocking(recovery_steps.recover_by_operator)
    not_me_works = blocking(not_me_steps.not_me_works)
    not_me = blocking(not_me_steps.not_me)
    deliver = blocking(delivery_steps.deliver)


class AsyncAccounts:
    """Every journey of an account, for callers that await."""

    def __init__(self, parts: AccountParts) -> None:
        refuse_other_kind(parts.store, wanted="awaiting")
        self.parts = parts

    sign_up = awaiting(registration_steps.sign_up)
    send_link_again = awaiting(registration_steps.send_link_again)
    verification_needs_password = awaiting(registration_steps.verification_needs_password)
    verify = awaiting(registration_steps.verify)
    sign_in = awaiting(sign_in_steps.sign_in)
    second_factor = awaiting(second_factor_steps.second_factor)
    person = awaiting(fresh_proof_steps.person)
    confirm = awaiting(fresh_proof_steps.confirm)
    interrupt = awaiting(fresh_proof_steps.interrupt)
    resume = awaiting(fresh_proof_steps.resume)
    sign_out = awaiting(sign_out_steps.sign_out)
    devices = awaiting(sign_out_steps.devices)
    end_device = awaiting(sign_out_steps.end_device)
    end_others = awaiting(sign_out_steps.end_others)
    end_everywhere = awaiting(sign_out_steps.end_everywhere)
    change_password = awaiting(passwords_steps.change_password)
    ask_for_reset = awaiting(passwords_steps.ask_for_reset)
    reset_link_works = awaiting(passwords_steps.reset_link_works)
    reset_password = awaiting(passwords_steps.reset_password)
    ask_for_email_change = awaiting(email_change_steps.ask_for_email_change)
    email_link_works = awaiting(email_change_steps.email_link_works)
    confirm_email_change = awaiting(email_change_steps.confirm_email_change)
    undo_link_works = awaiting(email_change_steps.undo_link_works)
    undo_email_change = awaiting(email_change_steps.undo_email_change)
    begin_totp = awaiting(enrolment_steps.begin_totp)
    pending_totp = awaiting(enrolment_steps.pending_totp)
    confirm_totp = awaiting(enrolment_steps.confirm_totp)
    new_recovery_codes = awaiting(enrolment_steps.new_recovery_codes)
    turn_off_totp = awaiting(enrolment_steps.turn_off)
    remove_totp = awaiting(enrolment_steps.remove_totp)
    factors = awaiting(enrolment_steps.factors)
    begin_adding_passkey = awaiting(passkeys_steps.begin_adding)
    finish_adding_passkey = awaiting(passkeys_steps.finish_adding)
    remove_passkey = awaiting(passkeys_steps.remove_passkey)
    rename_passkey = awaiting(passkeys_steps.rename_passkey)
    begin_passkey_sign_in = awaiting(passkeys_steps.begin_sign_in)
    finish_passkey_sign_in = awaiting(passkeys_steps.finish_sign_in)
    begin_passkey_confirm = awaiting(passkeys_steps.begin_confirming)
    finish_passkey_confirm = awaiting(passkeys_steps.finish_confirming)
    read_profile = awaiting(profile_steps.read_profile)
    save_profile = awaiting(profile_steps.save_profile)
    activity = awaiting(activity_steps.activity)
    ask_for_recovery = awaiting(recovery_steps.ask_for_recovery)
    recovery_state = awaiting(recovery_steps.recovery_state)
    go_on_with_recovery = awaiting(recovery_steps.go_on_with_recovery)
    cancel_link_works = awaiting(recovery_steps.cancel_link_works)
    cancel_recovery = awaiting(recovery_steps.cancel_recovery)
    recover_by_operator = awaiting(recovery_steps.recover_by_operator)
    not_me_works = awaiting(not_me_steps.not_me_works)
    not_me = awaiting(not_me_steps.not_me)
    deliver = awaiting(delivery_steps.deliver)
