"""Items that a worker could not process: each is set aside with its error, so that it delays no other."""

from sqlalchemy import BigInteger, Column, Index, Integer, Table, Text, TypedColumns

from auction.books.tables.base import Id, metadata


class FaultColumns(TypedColumns):
    """One item of one stage, why it failed, how often, and when it is tried again."""

    stage = Column(Id, primary_key=True)
    item_id = Column(Id, primary_key=True)
    lot_id = Column(Id, nullable=False)
    error = Column(Text, nullable=False)
    count = Column(Integer, nullable=False)
    first_at_ms = Column(BigInteger, nullable=False)
    last_at_ms = Column(BigInteger, nullable=False)
    next_try_at_ms = Column(BigInteger, nullable=False)


faults = Table("faults", metadata, FaultColumns, Index("ix_faults_lot_id", "lot_id"))
