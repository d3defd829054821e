"""The whole account, for blocking and for awaiting callers: one line per step, nothing else."""

from __future__ import annotations

from secureacct._faces import awaiting, blocking, refuse_other_kind
from secureacct.accounts import (
    activity,
    delivery,
    email_change,
    enrolment,
    fresh_proof,
    not_me,
    passwords,
    profile,
    recovery,
    registration,
    second_factor,
    sign_in,
    sign_out,
)
from secureacct.accounts.parts import AccountParts


class Accounts:
    """Every journey of an account, for callers that do not await."""

    def __init__(self, parts: AccountParts) -> None:
        refuse_other_kind(parts.store, wanted="blocking")
        self.parts = parts

    sign_up = blocking(registration.sign_up)
    send_link_again = blocking(registration.send_link_again)
    verification_needs_password = blocking(registration.verification_needs_password)
    verify = blocking(registration.verify)
    sign_in = blocking(sign_in.sign_in)
    second_factor = blocking(second_factor.second_factor)
    person = blocking(fresh_proof.person)
    confirm = blocking(fresh_proof.confirm)
    interrupt = blocking(fresh_proof.interrupt)
    resume = blocking(fresh_proof.resume)
    sign_out = blocking(sign_out.sign_out)
    devices = blocking(sign_out.devices)
    end_device = blocking(sign_out.end_device)
    end_others = blocking(sign_out.end_others)
    end_everywhere = blocking(sign_out.end_everywhere)
    change_password = blocking(passwords.change_password)
    ask_for_reset = blocking(passwords.ask_for_reset)
    reset_link_works = blocking(passwords.reset_link_works)
    reset_password = blocking(passwords.reset_password)
    ask_for_email_change = blocking(email_change.ask_for_email_change)
    email_link_works = blocking(email_change.email_link_works)
    confirm_email_change = blocking(email_change.confirm_email_change)
    undo_link_works = blocking(email_change.undo_link_works)
    undo_email_change = blocking(email_change.undo_email_change)
    begin_totp = blocking(enrolment.begin_totp)
    pending_totp = blocking(enrolment.pending_totp)
    confirm_totp = blocking(enrolment.confirm_totp)
    new_recovery_codes = blocking(enrolment.new_recovery_codes)
    turn_off_totp = blocking(enrolment.turn_off)
    remove_totp = blocking(enrolment.remove_totp)
    factors = blocking(enrolment.factors)
    read_profile = blocking(profile.read_profile)
    save_profile = blocking(profile.save_profile)
    activity = blocking(activity.activity)
    ask_for_recovery = blocking(recovery.ask_for_recovery)
    recovery_state = blocking(recovery.recovery_state)
    go_on_with_recovery = blocking(recovery.go_on_with_recovery)
    cancel_link_works = blocking(recovery.cancel_link_works)
    cancel_recovery = blocking(recovery.cancel_recovery)
    recover_by_operator = blocking(recovery.recover_by_operator)
    not_me_works = blocking(not_me.not_me_works)
    not_me = blocking(not_me.not_me)
    deliver = blocking(delivery.deliver)


class AsyncAccounts:
    """Every journey of an account, for callers that await."""

    def __init__(self, parts: AccountParts) -> None:
        refuse_other_kind(parts.store, wanted="awaiting")
        self.parts = parts

    sign_up = awaiting(registration.sign_up)
    send_link_again = awaiting(registration.send_link_again)
    verification_needs_password = awaiting(registration.verification_needs_password)
    verify = awaiting(registration.verify)
    sign_in = awaiting(sign_in.sign_in)
    second_factor = awaiting(second_factor.second_factor)
    person = awaiting(fresh_proof.person)
    confirm = awaiting(fresh_proof.confirm)
    interrupt = awaiting(fresh_proof.interrupt)
    resume = awaiting(fresh_proof.resume)
    sign_out = awaiting(sign_out.sign_out)
    devices = awaiting(sign_out.devices)
    end_device = awaiting(sign_out.end_device)
    end_others = awaiting(sign_out.end_others)
    end_everywhere = awaiting(sign_out.end_everywhere)
    change_password = awaiting(passwords.change_password)
    ask_for_reset = awaiting(passwords.ask_for_reset)
    reset_link_works = awaiting(passwords.reset_link_works)
    reset_password = awaiting(passwords.reset_password)
    ask_for_email_change = awaiting(email_change.ask_for_email_change)
    email_link_works = awaiting(email_change.email_link_works)
    confirm_email_change = awaiting(email_change.confirm_email_change)
    undo_link_works = awaiting(email_change.undo_link_works)
    undo_email_change = awaiting(email_change.undo_email_change)
    begin_totp = awaiting(enrolment.begin_totp)
    pending_totp = awaiting(enrolment.pending_totp)
    confirm_totp = awaiting(enrolment.confirm_totp)
    new_recovery_codes = awaiting(enrolment.new_recovery_codes)
    turn_off_totp = awaiting(enrolment.turn_off)
    remove_totp = awaiting(enrolment.remove_totp)
    factors = awaiting(enrolment.factors)
    read_profile = awaiting(profile.read_profile)
    save_profile = awaiting(profile.save_profile)
    activity = awaiting(activity.activity)
    ask_for_recovery = awaiting(recovery.ask_for_recovery)
    recovery_state = awaiting(recovery.recovery_state)
    go_on_with_recovery = awaiting(recovery.go_on_with_recovery)
    cancel_link_works = awaiting(recovery.cancel_link_works)
    cancel_recovery = awaiting(recovery.cancel_recovery)
    recover_by_operator = awaiting(recovery.recover_by_operator)
    not_me_works = awaiting(not_me.not_me_works)
    not_me = awaiting(not_me.not_me)
    deliver = awaiting(delivery.deliver)
