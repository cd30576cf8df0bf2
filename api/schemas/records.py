"""The base of responses that repeat a stored record field by field."""

from typing import Any, Self

from pydantic import BaseModel


class RecordResponse(BaseModel):
    """A response whose fields are those of a record with the same names, but for the ones that are given."""

    @classmethod
    def of_record(cls, record: object, **given: Any) -> Self:
        """The response for a record; `given` are the fields that it does not have, or has in another form."""
        same = {name: getattr(record, name) for name in cls.model_fields if name not in given}
        return cls(**same, **given)
