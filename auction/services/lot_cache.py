"""A bounded store of records that never change again, so that a process asks the books for each of them once."""

from collections import OrderedDict
from typing import Generic, TypeVar

T = TypeVar("T")


class FrozenRecords(Generic[T]):
    """Keeps the most recently used records by id."""

    def __init__(self, most: int = 10_000) -> None:
        self._size_max = most
        self._records: OrderedDict[str, T] = OrderedDict()

    def get(self, record_id: str) -> T | None:
        """The record, if it is kept here."""
        record = self._records.get(record_id)
        if record is not None:
            self._records.move_to_end(record_id)
        return record

    def put(self, record_id: str, record: T) -> None:
        """Keep a record, in place of the one not asked for the longest."""
        self._records[record_id] = record
        if len(self._records) > self._size_max:
            self._records.popitem(last=False)
