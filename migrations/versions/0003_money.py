"""Money: deposits as the provider holds them, what it was asked, the journal, and what follows the hammer.

What the columns mean is told in `auction/books/tables`. Deposits that were only noted before this revision
were never taken from anyone: they are kept, as failed.
"""

from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

# the transaction's time, UTC ms
NOW_MS = "(EXTRACT(epoch FROM now()) * 1000)::bigint"

KNOWN = (
    'ALTER TABLE lots ADD COLUMN relisted_from text COLLATE "C"',
    "ALTER TABLE lots ADD CONSTRAINT fk_lots_lots FOREIGN KEY (relisted_from) REFERENCES lots (lot_id)",
    "ALTER TABLE bidders ADD COLUMN identity_level smallint NOT NULL DEFAULT 0",
    "ALTER TABLE bidders ADD CONSTRAINT ck_bidders_identity_level CHECK (identity_level BETWEEN 0 AND 9)",
    "ALTER TABLE registrations ADD COLUMN power_no integer NOT NULL DEFAULT 1",
    "ALTER TABLE registrations ADD COLUMN told_no integer NOT NULL DEFAULT 0",
    "CREATE INDEX ix_registrations_to_tell ON registrations (registered_at_ms) WHERE told_no < power_no",
    f"""
    CREATE TABLE bidder_marks (
        bidder_id text COLLATE "C" NOT NULL,
        kind text COLLATE "C" NOT NULL,
        mark text COLLATE "C" NOT NULL,
        seen_at_ms bigint NOT NULL DEFAULT {NOW_MS},
        CONSTRAINT pk_bidder_marks PRIMARY KEY (bidder_id, kind, mark),
        CONSTRAINT ck_bidder_marks_kind CHECK (kind IN ('identity', 'instrument', 'device')),
        CONSTRAINT ck_bidder_marks_mark CHECK (length(mark) = 64),
        CONSTRAINT fk_bidder_marks_bidders FOREIGN KEY (bidder_id) REFERENCES bidders (bidder_id)
    )
    """,
    "CREATE INDEX ix_bidder_marks_mark ON bidder_marks (kind, mark)",
)

DEPOSITS = (
    "CREATE TEMPORARY TABLE noted_deposits AS SELECT * FROM deposits",
    "DROP TABLE deposits",
    f"""
    CREATE TABLE deposits (
        deposit_id text COLLATE "C" NOT NULL,
        lot_id text COLLATE "C" NOT NULL,
        bidder_id text COLLATE "C" NOT NULL,
        request_key text COLLATE "C" NOT NULL,
        policy text COLLATE "C" NOT NULL,
        method text COLLATE "C" NOT NULL,
        amount_fen bigint NOT NULL,
        status text COLLATE "C" NOT NULL DEFAULT 'pending',
        disposition text COLLATE "C",
        award_id text COLLATE "C",
        payment_method text NOT NULL,
        provider text COLLATE "C" NOT NULL,
        provider_ref text,
        instrument text,
        captured_fen bigint,
        created_at_ms bigint NOT NULL DEFAULT {NOW_MS},
        held_at_ms bigint,
        expires_at_ms bigint,
        release_by_ms bigint,
        ended_at_ms bigint,
        why text COLLATE "C",
        CONSTRAINT pk_deposits PRIMARY KEY (deposit_id),
        CONSTRAINT uq_deposits_lot_id_bidder_id_request_key UNIQUE (lot_id, bidder_id, request_key),
        CONSTRAINT ck_deposits_amount_fen CHECK (amount_fen BETWEEN 1 AND 10000000000000),
        CONSTRAINT ck_deposits_policy CHECK (policy IN ('flat', 'ladder', 'purse')),
        CONSTRAINT ck_deposits_method CHECK (method IN ('authorisation', 'charge')),
        CONSTRAINT ck_deposits_status
            CHECK (status IN ('pending', 'held', 'failed', 'releasing', 'released', 'applied', 'forfeited',
                'lapsed')),
        CONSTRAINT ck_deposits_disposition CHECK (disposition IN ('release', 'apply', 'forfeit')),
        CONSTRAINT ck_deposits_captured_fen CHECK (captured_fen BETWEEN 0 AND amount_fen),
        CONSTRAINT ck_deposits_ends_once
            CHECK (status NOT IN ('releasing', 'released', 'applied', 'forfeited') OR disposition IS NOT NULL),
        CONSTRAINT fk_deposits_lots FOREIGN KEY (lot_id) REFERENCES lots (lot_id),
        CONSTRAINT fk_deposits_bidders FOREIGN KEY (bidder_id) REFERENCES bidders (bidder_id)
    )
    """,
    "CREATE INDEX ix_deposits_award ON deposits (award_id) WHERE award_id IS NOT NULL",
    "CREATE INDEX ix_deposits_bidder ON deposits (bidder_id)",
    "CREATE INDEX ix_deposits_expiring ON deposits (expires_at_ms) WHERE status = 'held' AND captured_fen IS NULL",
    """
    INSERT INTO deposits (deposit_id, lot_id, bidder_id, request_key, policy, method, amount_fen, status,
        payment_method, provider, created_at_ms, why)
    SELECT deposit_id, lot_id, bidder_id, 'registration', policy, 'authorisation', amount_fen, 'failed',
        'none', 'none', created_at_ms, 'never-taken'
    FROM noted_deposits
    """,
    "DROP TABLE noted_deposits",
    f"""
    CREATE TABLE payment_operations (
        operation_id text COLLATE "C" NOT NULL,
        kind text COLLATE "C" NOT NULL,
        lot_id text COLLATE "C" NOT NULL,
        bidder_id text COLLATE "C" NOT NULL,
        deposit_id text COLLATE "C",
        award_id text COLLATE "C",
        provider text COLLATE "C" NOT NULL,
        payment_method text NOT NULL,
        target_ref text,
        amount_fen bigint NOT NULL,
        status text COLLATE "C" NOT NULL DEFAULT 'intended',
        provider_ref text,
        failure text,
        attempts integer NOT NULL DEFAULT 0,
        next_try_at_ms bigint NOT NULL,
        created_at_ms bigint NOT NULL DEFAULT {NOW_MS},
        resolved_at_ms bigint,
        CONSTRAINT pk_payment_operations PRIMARY KEY (operation_id),
        CONSTRAINT ck_payment_operations_amount_fen CHECK (amount_fen BETWEEN 1 AND 10000000000000),
        CONSTRAINT ck_payment_operations_kind CHECK (kind IN ('hold', 'charge', 'capture', 'release', 'refund')),
        CONSTRAINT ck_payment_operations_status CHECK (status IN ('intended', 'pending', 'succeeded', 'failed')),
        CONSTRAINT fk_payment_operations_lots FOREIGN KEY (lot_id) REFERENCES lots (lot_id),
        CONSTRAINT fk_payment_operations_bidders FOREIGN KEY (bidder_id) REFERENCES bidders (bidder_id),
        CONSTRAINT fk_payment_operations_deposits FOREIGN KEY (deposit_id) REFERENCES deposits (deposit_id)
    )
    """,
    "CREATE INDEX ix_payment_operations_award ON payment_operations (award_id) WHERE award_id IS NOT NULL",
    "CREATE INDEX ix_payment_operations_deposit ON payment_operations (deposit_id) WHERE deposit_id IS NOT NULL",
    """
    CREATE INDEX ix_payment_operations_due ON payment_operations (next_try_at_ms)
        WHERE status IN ('intended', 'pending')
    """,
    "CREATE INDEX ix_payment_operations_lot ON payment_operations (lot_id)",
    "CREATE INDEX ix_payment_operations_ref ON payment_operations (provider_ref) WHERE provider_ref IS NOT NULL",
    "CREATE INDEX ix_payment_operations_target ON payment_operations (target_ref) WHERE target_ref IS NOT NULL",
)

JOURNAL = (
    """
    CREATE TABLE journal_entries (
        key text COLLATE "C" NOT NULL,
        entry_id bigint GENERATED ALWAYS AS IDENTITY,
        kind text COLLATE "C" NOT NULL,
        lot_id text COLLATE "C" NOT NULL,
        cause text COLLATE "C" NOT NULL,
        cause_ref text COLLATE "C" NOT NULL,
        at_ms bigint NOT NULL,
        CONSTRAINT pk_journal_entries PRIMARY KEY (key),
        CONSTRAINT uq_journal_entries_entry_id UNIQUE (entry_id),
        CONSTRAINT ck_journal_entries_cause
            CHECK (cause IN ('lot-event', 'gateway-call', 'staff-action', 'bidder-action', 'deadline'))
    )
    """,
    "CREATE INDEX ix_journal_entries_lot ON journal_entries (lot_id, entry_id)",
    """
    CREATE TABLE journal_lines (
        key text COLLATE "C" NOT NULL,
        number smallint NOT NULL,
        account text COLLATE "C" NOT NULL,
        bidder_id text COLLATE "C",
        amount_fen bigint NOT NULL,
        CONSTRAINT pk_journal_lines PRIMARY KEY (key, number),
        CONSTRAINT fk_journal_lines_journal_entries FOREIGN KEY (key) REFERENCES journal_entries (key),
        CONSTRAINT ck_journal_lines_account
            CHECK (account IN ('cash', 'deposits_held', 'memo_authorised', 'memo_authorised_contra',
                'refund_payable', 'buyer_receivable', 'seller_clearing', 'commission_deferred',
                'commission_income', 'seller_payable', 'forfeit_suspense', 'forfeiture_income',
                'shortfall_receivable', 'claim_clearing', 'reauction_cost')),
        CONSTRAINT ck_journal_lines_amount_fen CHECK (amount_fen <> 0)
    )
    """,
    "CREATE INDEX ix_journal_lines_account ON journal_lines (account, key)",
)

# An entry and its lines are written in one transaction and judged at its end.
BALANCE = (
    """
    CREATE FUNCTION refuse_unbalanced() RETURNS trigger LANGUAGE plpgsql AS $$
    DECLARE
        lines bigint;
        total numeric;
    BEGIN
        SELECT count(*), coalesce(sum(amount_fen), 0) INTO lines, total FROM journal_lines WHERE key = NEW.key;
        IF lines < 2 OR total <> 0 THEN
            RAISE EXCEPTION 'journal entry % does not balance: % lines, sum %', NEW.key, lines, total
                USING ERRCODE = 'check_violation', CONSTRAINT = 'journal_balance';
        END IF;
        RETURN NULL;
    END
    $$
    """,
    """
    CREATE CONSTRAINT TRIGGER journal_entries_balance AFTER INSERT ON journal_entries
        DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION refuse_unbalanced()
    """,
    """
    CREATE CONSTRAINT TRIGGER journal_lines_balance AFTER INSERT ON journal_lines
        DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION refuse_unbalanced()
    """,
)

APPEND_ONLY = ("journal_entries", "journal_lines", "settlement_steps")

SETTLEMENT = (
    """
    CREATE TABLE settlements (
        lot_id text COLLATE "C" NOT NULL,
        state text COLLATE "C" NOT NULL,
        outcome text COLLATE "C" NOT NULL,
        hammer_price_fen bigint,
        deadline_at_ms bigint,
        offers_made smallint NOT NULL DEFAULT 0,
        relisted_as text COLLATE "C",
        opened_at_ms bigint NOT NULL,
        changed_at_ms bigint NOT NULL,
        CONSTRAINT pk_settlements PRIMARY KEY (lot_id),
        CONSTRAINT ck_settlements_state
            CHECK (state IN ('awarded', 'paid', 'settled', 'defaulted', 'offered', 'relisted', 'unsold', 'void')),
        CONSTRAINT fk_settlements_lots FOREIGN KEY (lot_id) REFERENCES lots (lot_id),
        CONSTRAINT fk_settlements_relisted_as FOREIGN KEY (relisted_as) REFERENCES lots (lot_id)
    )
    """,
    "CREATE INDEX ix_settlements_deadline ON settlements (deadline_at_ms) WHERE deadline_at_ms IS NOT NULL",
    "CREATE INDEX ix_settlements_state ON settlements (state, changed_at_ms)",
    """
    CREATE TABLE settlement_steps (
        step_id bigint GENERATED ALWAYS AS IDENTITY,
        lot_id text COLLATE "C" NOT NULL,
        step text COLLATE "C" NOT NULL,
        state text COLLATE "C" NOT NULL,
        actor text COLLATE "C" NOT NULL,
        reason text,
        details jsonb NOT NULL DEFAULT '{}'::jsonb,
        at_ms bigint NOT NULL,
        CONSTRAINT pk_settlement_steps PRIMARY KEY (step_id)
    )
    """,
    "CREATE INDEX ix_settlement_steps_lot ON settlement_steps (lot_id, step_id)",
    """
    CREATE TABLE awards (
        award_id text COLLATE "C" NOT NULL,
        lot_id text COLLATE "C" NOT NULL,
        bidder_id text COLLATE "C" NOT NULL,
        paddle integer NOT NULL,
        source text COLLATE "C" NOT NULL,
        price_fen bigint NOT NULL,
        fee_fen bigint NOT NULL,
        received_fen bigint NOT NULL DEFAULT 0,
        status text COLLATE "C" NOT NULL DEFAULT 'due',
        awarded_at_ms bigint NOT NULL,
        pay_by_ms bigint NOT NULL,
        default_at_ms bigint NOT NULL,
        paid_at_ms bigint,
        delivery_centre text,
        settled_at_ms bigint,
        CONSTRAINT pk_awards PRIMARY KEY (award_id),
        CONSTRAINT ck_awards_price_fen CHECK (price_fen BETWEEN 1 AND 10000000000000),
        CONSTRAINT ck_awards_fee_fen CHECK (fee_fen BETWEEN 0 AND price_fen),
        CONSTRAINT ck_awards_received_fen CHECK (received_fen BETWEEN 0 AND price_fen + fee_fen),
        CONSTRAINT ck_awards_status CHECK (status IN ('due', 'paid', 'settled', 'defaulted', 'void')),
        CONSTRAINT ck_awards_source CHECK (source IN ('hammer', 'offer')),
        CONSTRAINT ck_awards_deadlines CHECK (default_at_ms >= pay_by_ms),
        CONSTRAINT fk_awards_lots FOREIGN KEY (lot_id) REFERENCES lots (lot_id)
    )
    """,
    "CREATE INDEX ix_awards_bidder ON awards (bidder_id)",
    "CREATE INDEX ix_awards_lot ON awards (lot_id)",
    "CREATE UNIQUE INDEX uq_awards_live ON awards (lot_id) WHERE status IN ('due', 'paid', 'settled')",
    """
    CREATE TABLE offers (
        offer_id text COLLATE "C" NOT NULL,
        lot_id text COLLATE "C" NOT NULL,
        bidder_id text COLLATE "C" NOT NULL,
        paddle integer NOT NULL,
        number smallint NOT NULL,
        price_fen bigint NOT NULL,
        own_bid_fen bigint NOT NULL,
        status text COLLATE "C" NOT NULL DEFAULT 'open',
        offered_at_ms bigint NOT NULL,
        expires_at_ms bigint NOT NULL,
        answered_at_ms bigint,
        CONSTRAINT pk_offers PRIMARY KEY (offer_id),
        CONSTRAINT uq_offers_lot_id_number UNIQUE (lot_id, number),
        CONSTRAINT uq_offers_lot_id_bidder_id UNIQUE (lot_id, bidder_id),
        CONSTRAINT ck_offers_price_fen CHECK (price_fen BETWEEN 1 AND 10000000000000),
        CONSTRAINT ck_offers_own_bid_fen CHECK (own_bid_fen BETWEEN 1 AND 10000000000000),
        CONSTRAINT ck_offers_status CHECK (status IN ('open', 'accepted', 'declined', 'lapsed', 'withdrawn')),
        CONSTRAINT fk_offers_lots FOREIGN KEY (lot_id) REFERENCES lots (lot_id)
    )
    """,
    "CREATE INDEX ix_offers_bidder ON offers (bidder_id)",
    "CREATE UNIQUE INDEX uq_offers_open ON offers (lot_id) WHERE status = 'open'",
    """
    CREATE TABLE defaults (
        default_id text COLLATE "C" NOT NULL,
        lot_id text COLLATE "C" NOT NULL,
        bidder_id text COLLATE "C" NOT NULL,
        price_fen bigint NOT NULL,
        fee_fen bigint NOT NULL,
        commission_fen bigint NOT NULL,
        cause text COLLATE "C" NOT NULL,
        status text COLLATE "C" NOT NULL DEFAULT 'collecting',
        at_ms bigint NOT NULL,
        resolve_by_ms bigint NOT NULL,
        cost_fen bigint NOT NULL DEFAULT 0,
        forfeited_fen bigint NOT NULL DEFAULT 0,
        resale_lot_id text COLLATE "C",
        resale_price_fen bigint,
        split jsonb,
        gap_met_fen bigint NOT NULL DEFAULT 0,
        claim_fen bigint NOT NULL DEFAULT 0,
        written_off boolean NOT NULL DEFAULT false,
        resolved_at_ms bigint,
        CONSTRAINT pk_defaults PRIMARY KEY (default_id),
        CONSTRAINT ck_defaults_cause CHECK (cause IN ('deadline', 'refusal', 'staff')),
        CONSTRAINT ck_defaults_status CHECK (status IN ('collecting', 'collected', 'resolved', 'returned')),
        CONSTRAINT ck_defaults_amounts CHECK (forfeited_fen >= 0 AND claim_fen >= 0 AND cost_fen >= 0),
        CONSTRAINT fk_defaults_lots FOREIGN KEY (lot_id) REFERENCES lots (lot_id),
        CONSTRAINT fk_defaults_bidders FOREIGN KEY (bidder_id) REFERENCES bidders (bidder_id)
    )
    """,
    "CREATE INDEX ix_defaults_bidder ON defaults (bidder_id, at_ms)",
    "CREATE INDEX ix_defaults_lot ON defaults (lot_id)",
    "CREATE INDEX ix_defaults_unresolved ON defaults (resolve_by_ms) WHERE status IN ('collecting', 'collected')",
    """
    CREATE TABLE approvals (
        approval_id bigint GENERATED ALWAYS AS IDENTITY,
        lot_id text COLLATE "C" NOT NULL,
        action text COLLATE "C" NOT NULL,
        reason text NOT NULL,
        asked_by text COLLATE "C" NOT NULL,
        asked_at_ms bigint NOT NULL,
        expires_at_ms bigint NOT NULL,
        agreed_by text COLLATE "C",
        agreed_at_ms bigint,
        CONSTRAINT pk_approvals PRIMARY KEY (approval_id),
        CONSTRAINT ck_approvals_action CHECK (action IN ('void', 'default', 'writeoff')),
        CONSTRAINT ck_approvals_two_persons CHECK (agreed_by <> asked_by),
        CONSTRAINT fk_approvals_lots FOREIGN KEY (lot_id) REFERENCES lots (lot_id)
    )
    """,
    "CREATE INDEX ix_approvals_lot ON approvals (lot_id)",
)

TABLES = (
    "approvals",
    "defaults",
    "offers",
    "awards",
    "settlement_steps",
    "settlements",
    "journal_lines",
    "journal_entries",
    "payment_operations",
    "bidder_marks",
)

NOTED_DEPOSITS = (
    "DELETE FROM deposits WHERE request_key <> 'registration'",
    "DELETE FROM deposits WHERE status IN ('pending', 'failed') AND why IS DISTINCT FROM 'never-taken'",
    "UPDATE deposits SET status = 'held' WHERE status NOT IN ('held', 'releasing', 'released', 'applied', 'forfeited')",
    "DROP INDEX ix_deposits_expiring",
    "DROP INDEX ix_deposits_award",
    "ALTER TABLE deposits DROP CONSTRAINT uq_deposits_lot_id_bidder_id_request_key",
    "ALTER TABLE deposits DROP CONSTRAINT ck_deposits_status",
    "ALTER TABLE deposits DROP CONSTRAINT ck_deposits_ends_once",
    "ALTER TABLE deposits DROP CONSTRAINT ck_deposits_captured_fen",
    "ALTER TABLE deposits DROP CONSTRAINT ck_deposits_method",
    "ALTER TABLE deposits DROP CONSTRAINT ck_deposits_disposition",
    """
    ALTER TABLE deposits
        DROP COLUMN request_key, DROP COLUMN method, DROP COLUMN disposition, DROP COLUMN award_id,
        DROP COLUMN payment_method,
        DROP COLUMN provider, DROP COLUMN provider_ref, DROP COLUMN instrument, DROP COLUMN captured_fen,
        DROP COLUMN held_at_ms, DROP COLUMN expires_at_ms, DROP COLUMN release_by_ms, DROP COLUMN ended_at_ms,
        DROP COLUMN why,
        ALTER COLUMN status SET DEFAULT 'held',
        ADD CONSTRAINT uq_deposits_lot_id_bidder_id UNIQUE (lot_id, bidder_id),
        ADD CONSTRAINT ck_deposits_status
            CHECK (status IN ('held', 'releasing', 'released', 'applied', 'forfeited'))
    """,
)


def upgrade() -> None:
    """Create what money needs; the journal and the steps of a settlement only ever grow."""
    for statement in (*KNOWN, *DEPOSITS, *JOURNAL, *BALANCE, *SETTLEMENT):
        op.execute(statement)
    for table in APPEND_ONLY:
        op.execute(
            f"CREATE TRIGGER {table}_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON {table} "
            "FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
        )


def downgrade() -> None:
    """Remove the journal and everything with it; deposits are notes again."""
    for table in TABLES:
        op.execute(f"DROP TABLE {table}")
    op.execute("DROP FUNCTION refuse_unbalanced()")
    for statement in NOTED_DEPOSITS:
        op.execute(statement)
    op.execute("DROP INDEX ix_registrations_to_tell")
    op.execute("ALTER TABLE registrations DROP COLUMN power_no, DROP COLUMN told_no")
    op.execute("ALTER TABLE bidders DROP COLUMN identity_level")
    op.execute("ALTER TABLE lots DROP COLUMN relisted_from")
