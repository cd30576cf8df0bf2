"""The first books: catalogue, bidders, the archive of the ledger, staff actions.

What the columns mean is told in `auction/books/tables`.
"""

from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

# the transaction's time, UTC ms
NOW_MS = "(EXTRACT(epoch FROM now()) * 1000)::bigint"
AMOUNT = "BETWEEN 1 AND 10000000000000"
IDENTIFIER = "'^[a-z0-9]+(-[a-z0-9]+)*$'"

CATALOGUE = (
    f"""
    CREATE TABLE sales (
        sale_id         text COLLATE "C" NOT NULL,
        title           text NOT NULL,
        created_by      text COLLATE "C" NOT NULL,
        created_at_ms   bigint NOT NULL DEFAULT {NOW_MS},
        CONSTRAINT pk_sales PRIMARY KEY (sale_id),
        CONSTRAINT ck_sales_sale_id CHECK (sale_id ~ {IDENTIFIER} AND length(sale_id) <= 64)
    )
    """,
    f"""
    CREATE TABLE lots (
        lot_id          text COLLATE "C" NOT NULL,
        sale_id         text COLLATE "C" NOT NULL,
        number          integer NOT NULL,
        title           text NOT NULL,
        list_price_fen  bigint,
        preset          text,
        terms           jsonb NOT NULL,
        terms_sha256    text COLLATE "C",
        status          text COLLATE "C" NOT NULL DEFAULT 'draft',
        opens_at_ms     bigint,
        closes_at_ms    bigint,
        created_by      text COLLATE "C" NOT NULL,
        created_at_ms   bigint NOT NULL DEFAULT {NOW_MS},
        CONSTRAINT pk_lots PRIMARY KEY (lot_id),
        CONSTRAINT fk_lots_sales FOREIGN KEY (sale_id) REFERENCES sales (sale_id),
        CONSTRAINT uq_lots_sale_id_number UNIQUE (sale_id, number),
        CONSTRAINT ck_lots_lot_id CHECK (lot_id ~ {IDENTIFIER} AND length(lot_id) <= 64),
        CONSTRAINT ck_lots_number CHECK (number >= 1),
        CONSTRAINT ck_lots_list_price_fen CHECK (list_price_fen {AMOUNT}),
        CONSTRAINT ck_lots_terms_sha256 CHECK (length(terms_sha256) = 64),
        CONSTRAINT ck_lots_status
            CHECK (status IN ('draft', 'scheduled', 'open', 'paused', 'held', 'closed', 'void')),
        CONSTRAINT ck_lots_schedule CHECK (closes_at_ms > opens_at_ms)
    )
    """,
    "CREATE INDEX ix_lots_scheduled ON lots (lot_id) WHERE status = 'scheduled'",
)

BIDDERS = (
    f"""
    CREATE TABLE bidders (
        bidder_id       text COLLATE "C" NOT NULL,
        name            text NOT NULL,
        created_at_ms   bigint NOT NULL DEFAULT {NOW_MS},
        CONSTRAINT pk_bidders PRIMARY KEY (bidder_id)
    )
    """,
    """
    CREATE TABLE paddles (
        sale_id         text COLLATE "C" NOT NULL,
        bidder_id       text COLLATE "C" NOT NULL,
        paddle          integer NOT NULL,
        CONSTRAINT pk_paddles PRIMARY KEY (sale_id, bidder_id),
        CONSTRAINT fk_paddles_sales FOREIGN KEY (sale_id) REFERENCES sales (sale_id),
        CONSTRAINT fk_paddles_bidders FOREIGN KEY (bidder_id) REFERENCES bidders (bidder_id),
        CONSTRAINT uq_paddles_sale_id_paddle UNIQUE (sale_id, paddle),
        CONSTRAINT ck_paddles_paddle CHECK (paddle >= 1)
    )
    """,
    f"""
    CREATE TABLE registrations (
        lot_id            text COLLATE "C" NOT NULL,
        bidder_id         text COLLATE "C" NOT NULL,
        paddle            integer NOT NULL,
        limit_fen         bigint,
        purse_fen         bigint,
        terms_sha256      text COLLATE "C" NOT NULL,
        registered_at_ms  bigint NOT NULL DEFAULT {NOW_MS},
        admitted_at_ms    bigint,
        CONSTRAINT pk_registrations PRIMARY KEY (lot_id, bidder_id),
        CONSTRAINT fk_registrations_lots FOREIGN KEY (lot_id) REFERENCES lots (lot_id),
        CONSTRAINT fk_registrations_bidders FOREIGN KEY (bidder_id) REFERENCES bidders (bidder_id),
        CONSTRAINT ck_registrations_paddle CHECK (paddle >= 1),
        CONSTRAINT ck_registrations_limit_fen CHECK (limit_fen BETWEEN 0 AND 10000000000000),
        CONSTRAINT ck_registrations_purse_fen CHECK (purse_fen BETWEEN 0 AND 9007199254740991),
        CONSTRAINT ck_registrations_terms_sha256 CHECK (length(terms_sha256) = 64)
    )
    """,
    "CREATE INDEX ix_registrations_bidder ON registrations (bidder_id)",
    "CREATE INDEX ix_registrations_not_admitted ON registrations (registered_at_ms) WHERE admitted_at_ms IS NULL",
    f"""
    CREATE TABLE deposits (
        deposit_id      text COLLATE "C" NOT NULL,
        lot_id          text COLLATE "C" NOT NULL,
        bidder_id       text COLLATE "C" NOT NULL,
        policy          text COLLATE "C" NOT NULL,
        amount_fen      bigint NOT NULL,
        status          text COLLATE "C" NOT NULL DEFAULT 'held',
        created_at_ms   bigint NOT NULL DEFAULT {NOW_MS},
        CONSTRAINT pk_deposits PRIMARY KEY (deposit_id),
        CONSTRAINT fk_deposits_lots FOREIGN KEY (lot_id) REFERENCES lots (lot_id),
        CONSTRAINT fk_deposits_bidders FOREIGN KEY (bidder_id) REFERENCES bidders (bidder_id),
        CONSTRAINT uq_deposits_lot_id_bidder_id UNIQUE (lot_id, bidder_id),
        CONSTRAINT ck_deposits_amount_fen CHECK (amount_fen {AMOUNT}),
        CONSTRAINT ck_deposits_policy CHECK (policy IN ('flat', 'ladder', 'purse')),
        CONSTRAINT ck_deposits_status
            CHECK (status IN ('held', 'releasing', 'released', 'applied', 'forfeited'))
    )
    """,
    "CREATE INDEX ix_deposits_bidder ON deposits (bidder_id)",
)

ARCHIVE = (
    """
    CREATE TABLE ledger_entries (
        lot_id          text COLLATE "C" NOT NULL,
        first_seq       bigint NOT NULL,
        last_seq        bigint NOT NULL,
        epoch           bigint NOT NULL,
        at_ms           bigint NOT NULL,
        packed          bytea NOT NULL,
        chain           text COLLATE "C" NOT NULL,
        head            bytea NOT NULL,
        shard           smallint NOT NULL,
        stream_id       text COLLATE "C" NOT NULL,
        CONSTRAINT pk_ledger_entries PRIMARY KEY (lot_id, first_seq),
        CONSTRAINT ck_ledger_entries_seqs CHECK (first_seq >= 1 AND last_seq >= first_seq),
        CONSTRAINT ck_ledger_entries_head CHECK (length(head) = 32)
    )
    """,
    f"""
    CREATE TABLE bids (
        lot_id          text COLLATE "C" NOT NULL,
        seq             bigint NOT NULL,
        epoch           bigint NOT NULL,
        bidder_id       text COLLATE "C" NOT NULL,
        paddle          integer NOT NULL,
        amount_fen      bigint NOT NULL,
        price_fen       bigint NOT NULL,
        "leading"       boolean NOT NULL,
        key             text COLLATE "C" NOT NULL,
        at_ms           bigint NOT NULL,
        ends_at_ms      bigint NOT NULL,
        voided_by_seq   bigint,
        CONSTRAINT pk_bids PRIMARY KEY (lot_id, seq),
        CONSTRAINT uq_bids_lot_id_bidder_id_key UNIQUE (lot_id, bidder_id, key),
        CONSTRAINT ck_bids_amount_fen CHECK (amount_fen {AMOUNT}),
        CONSTRAINT ck_bids_price_fen CHECK (price_fen {AMOUNT}),
        CONSTRAINT ck_bids_seq CHECK (seq >= 1)
    )
    """,
    f"""
    CREATE TABLE lot_results (
        lot_id            text COLLATE "C" NOT NULL,
        outcome           text COLLATE "C" NOT NULL,
        hammer_price_fen  bigint,
        winner_id         text COLLATE "C",
        winner_paddle     integer,
        closed_seq        bigint NOT NULL,
        closed_at_ms      bigint NOT NULL,
        cause             text COLLATE "C" NOT NULL,
        CONSTRAINT pk_lot_results PRIMARY KEY (lot_id),
        CONSTRAINT ck_lot_results_outcome CHECK (outcome IN ('sold', 'no-bids', 'reserve-unmet', 'void')),
        CONSTRAINT ck_lot_results_cause CHECK (cause IN ('time', 'cap', 'staff')),
        CONSTRAINT ck_lot_results_winner CHECK (
            (outcome = 'sold') = (winner_id IS NOT NULL) AND (outcome = 'sold') = (winner_paddle IS NOT NULL)
        ),
        CONSTRAINT ck_lot_results_price
            CHECK ((outcome IN ('sold', 'reserve-unmet')) = (hammer_price_fen IS NOT NULL)),
        CONSTRAINT ck_lot_results_hammer_price_fen CHECK (hammer_price_fen {AMOUNT})
    )
    """,
    """
    CREATE TABLE archive_cursors (
        shard           smallint NOT NULL,
        stream_id       text COLLATE "C" NOT NULL,
        CONSTRAINT pk_archive_cursors PRIMARY KEY (shard)
    )
    """,
    """
    CREATE TABLE ledger_identity (
        one_row         boolean NOT NULL DEFAULT true,
        shards          smallint NOT NULL,
        layout          text COLLATE "C" NOT NULL,
        CONSTRAINT pk_ledger_identity PRIMARY KEY (one_row),
        CONSTRAINT ck_ledger_identity_one_row CHECK (one_row),
        CONSTRAINT ck_ledger_identity_shards CHECK (shards BETWEEN 1 AND 16384)
    )
    """,
)

AUDIT = (
    f"""
    CREATE TABLE staff_actions (
        action_id       bigint NOT NULL GENERATED ALWAYS AS IDENTITY,
        actor           text COLLATE "C" NOT NULL,
        action          text COLLATE "C" NOT NULL,
        sale_id         text COLLATE "C",
        lot_id          text COLLATE "C",
        reason          text,
        details         jsonb NOT NULL DEFAULT '{{}}'::jsonb,
        at_ms           bigint NOT NULL DEFAULT {NOW_MS},
        CONSTRAINT pk_staff_actions PRIMARY KEY (action_id)
    )
    """,
    "CREATE INDEX ix_staff_actions_lot ON staff_actions (lot_id, action_id) WHERE lot_id IS NOT NULL",
    """
    CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        RAISE EXCEPTION '% is append-only: % refused', TG_TABLE_NAME, TG_OP USING ERRCODE = 'restrict_violation';
    END
    $$
    """,
    """
    CREATE TRIGGER staff_actions_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON staff_actions
        FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()
    """,
)

TABLES = (
    "staff_actions",
    "ledger_identity",
    "archive_cursors",
    "lot_results",
    "bids",
    "ledger_entries",
    "deposits",
    "registrations",
    "paddles",
    "bidders",
    "lots",
    "sales",
)


def upgrade() -> None:
    """Create everything."""
    for statement in (*CATALOGUE, *BIDDERS, *ARCHIVE, *AUDIT):
        op.execute(statement)


def downgrade() -> None:
    """Remove everything, and what was in it."""
    for table in TABLES:
        op.execute(f"DROP TABLE {table}")
    op.execute("DROP FUNCTION refuse_change()")
