"""Every statement about sessions, as text that is made once.

Rules of this file: a claim is in the statement's own WHERE. What belongs to one account is found by
walking the hours there are, which is a few hundred seeks on a path that is not hot. No statement that
writes begins with WITH, since sqlite3 opens transactions by the first word.
"""

from __future__ import annotations

import sqlalchemy as sa

_HOURS = """
    WITH RECURSIVE hours(hour) AS (
        SELECT min(hour) FROM sa_session
        UNION ALL
        SELECT (SELECT min(later.hour) FROM sa_session later WHERE later.hour > hours.hour)
        FROM hours WHERE hours.hour IS NOT NULL
    )"""
# OFFSET 0 keeps PostgreSQL from turning the walk into a scan of the table; CROSS JOIN keeps SQLite.
_ROWS_OF = {
    "postgresql": f"""{_HOURS}
        SELECT {{columns}} FROM hours, LATERAL (
            SELECT ctid, inner_s.* FROM sa_session inner_s
            WHERE inner_s.hour = hours.hour AND inner_s.lookup BETWEEN :low AND :high OFFSET 0
        ) s WHERE s.account_id = :account_id""",
    "sqlite": f"""{_HOURS}
        SELECT {{columns}} FROM hours CROSS JOIN sa_session s
        WHERE s.hour = hours.hour AND s.lookup BETWEEN :low AND :high AND s.account_id = :account_id""",
}
_COLUMNS = (
    "s.hour, s.lookup, s.account_id, s.nonce, s.began, s.seen_at, s.ends_at, s.idle_s, s.token_at, "
    "s.epoch, s.proofs, s.device"
)
LIST = {
    name: sa.text(
        text.format(columns=_COLUMNS)
        + """ AND s.epoch = (SELECT a.epoch FROM sa_account_state a
                 WHERE a.account_id = :account_id AND a.status = 'active')
            ORDER BY s.hour, s.began, s.nonce"""
    )
    for name, text in _ROWS_OF.items()
}
COUNT_LIVE = {
    name: sa.text(
        text.format(columns="count(*)")
        + """ AND s.epoch = :epoch AND s.ends_at > :now
              AND (s.idle_s = 0 OR s.seen_at + s.idle_s > :now)"""
    )
    for name, text in _ROWS_OF.items()
}
REMOVE_OLD = {
    "postgresql": sa.text(
        "DELETE FROM sa_session WHERE ctid = ANY(ARRAY("
        + _ROWS_OF["postgresql"].format(columns="s.ctid")
        + " AND s.epoch < :epoch LIMIT :limit)) AND account_id = :account_id AND epoch < :epoch"
    ),
    "sqlite": sa.text(
        "DELETE FROM sa_session WHERE (hour, lookup) IN ("
        + _ROWS_OF["sqlite"].format(columns="s.hour, s.lookup")
        + " AND s.epoch < :epoch LIMIT :limit)"
    ),
}
_START = """
    INSERT INTO sa_session (hour, lookup, began, seen_at, ends_at, token_at, idle_s, epoch, nonce,
        account_id, proofs, device)
    SELECT {values} FROM sa_account_state a WHERE a.account_id = :account_id AND a.status = 'active'"""
_VALUES = {
    "sqlite": ":hour, :lookup, :began, :seen_at, :ends_at, :token_at, :idle_s, a.epoch, :nonce, "
    "a.account_id, :proofs, :device",
    "postgresql": "CAST(:hour AS integer), CAST(:lookup AS bytea), CAST(:began AS smallint), "
    "CAST(:seen_at AS bigint), CAST(:ends_at AS bigint), CAST(:token_at AS bigint), "
    "CAST(:idle_s AS integer), a.epoch, CAST(:nonce AS bytea), a.account_id, CAST(:proofs AS text), "
    "CAST(:device AS bytea)",
}
STARTS = {name: sa.text(_START.format(values=values)) for name, values in _VALUES.items()}
OPEN_STATE = sa.text(
    "INSERT INTO sa_account_state (account_id, epoch, security_version, status) "
    "VALUES (:account_id, :epoch, 0, 'active') ON CONFLICT (account_id) DO NOTHING"
)
LOCK_STATE = sa.text(
    "UPDATE sa_account_state SET epoch = epoch WHERE account_id = :account_id AND status = 'active' "
    "RETURNING epoch"
)
ROTATE = sa.text(
    """UPDATE sa_session SET lookup = :new_lookup, seen_at = :now, proofs = :proofs,
        token_at = CASE WHEN token_at IS NULL THEN NULL ELSE :now END
    WHERE hour = :hour AND lookup = :lookup AND ends_at > :now AND (idle_s = 0 OR seen_at + idle_s > :now)
        AND EXISTS (SELECT 1 FROM sa_account_state a WHERE a.account_id = sa_session.account_id
            AND a.epoch = sa_session.epoch AND a.status = 'active')
    RETURNING account_id, nonce"""
)
MOVE_DATA = sa.text("UPDATE sa_session_data SET lookup = :new_lookup WHERE hour = :hour AND lookup = :lookup")
TOUCH = sa.text(
    "UPDATE sa_session SET seen_at = :now WHERE hour = :hour AND lookup = :lookup AND seen_at = :seen_at"
)
END = sa.text("DELETE FROM sa_session WHERE hour = :hour AND lookup = :lookup")
END_DATA = sa.text("DELETE FROM sa_session_data WHERE hour = :hour AND lookup = :lookup")
END_BY_ID = sa.text(
    "DELETE FROM sa_session WHERE hour = :hour AND lookup BETWEEN :low AND :high "
    "AND account_id = :account_id AND nonce = :nonce RETURNING lookup"
)
SET_DATA = sa.text(
    """INSERT INTO sa_session_data (hour, lookup, body)
    SELECT s.hour, s.lookup, CAST(:body AS text) FROM sa_session s
        JOIN sa_account_state a ON a.account_id = s.account_id AND a.epoch = s.epoch AND a.status = 'active'
        WHERE s.hour = :hour AND s.lookup = :lookup
    ON CONFLICT (hour, lookup) DO UPDATE SET body = excluded.body"""
)
RAISE_EPOCH = sa.text(
    "UPDATE sa_account_state SET epoch = epoch + 1 WHERE account_id = :account_id RETURNING epoch, status"
)
KEEP = sa.text(
    """UPDATE sa_session SET epoch = :epoch WHERE hour = :hour AND lookup = :lookup
        AND account_id = :account_id AND epoch = :epoch - 1 AND ends_at > :now
        AND (idle_s = 0 OR seen_at + idle_s > :now)"""
)
SET_STATUS = sa.text(
    """INSERT INTO sa_account_state (account_id, epoch, security_version, status)
    VALUES (:account_id, :epoch, 0, :status)
    ON CONFLICT (account_id) DO UPDATE SET status = excluded.status, epoch = sa_account_state.epoch + 1
        WHERE sa_account_state.status <> 'deleted' OR excluded.status = 'deleted'"""
)
BUMP = sa.text(
    "UPDATE sa_account_state SET security_version = security_version + 1 "
    "WHERE account_id = :account_id AND security_version = :expected AND status = 'active'"
)
NEXT_ROWS = sa.text(
    "SELECT hour, lookup FROM sa_session WHERE (hour, lookup) > (:hour, :lookup) "
    "ORDER BY hour, lookup LIMIT 1 OFFSET :skip"
)
_IN_RANGE = "(hour, lookup) > (:hour, :lookup) AND (hour, lookup) <= (:to_hour, :to_lookup)"
PURGE = sa.text(
    f"DELETE FROM sa_session WHERE {_IN_RANGE} "
    "AND (ends_at <= :now OR (idle_s > 0 AND seen_at + idle_s <= :now))"
)
# A scalar subquery is asked for each row that is left; as NOT EXISTS it would be hashed over all accounts.
PURGE_STALE = sa.text(
    f"""DELETE FROM sa_session WHERE {_IN_RANGE} AND epoch < coalesce((
        SELECT a.epoch FROM sa_account_state a
        WHERE a.account_id = sa_session.account_id AND a.status = 'active'), 2147483647)"""
)
PURGE_DATA = sa.text(
    f"""DELETE FROM sa_session_data WHERE {_IN_RANGE} AND NOT EXISTS (SELECT 1 FROM sa_session s
        WHERE s.hour = sa_session_data.hour AND s.lookup = sa_session_data.lookup)"""
)
FORGET_TRACE = sa.text("DELETE FROM sa_session_moved WHERE hour = :hour AND lookup = :lookup")
PURGE_MOVED = sa.text(
    "DELETE FROM sa_session_moved WHERE hour < coalesce((SELECT min(hour) FROM sa_session), 16777216)"
)
