"""The types of names, titles, reasons and ids in requests: one rule (`auction.domain.text`) for JSON, forms, paths."""

from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler, StringConstraints
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

from auction.domain import text
from auction.domain.text import ID_PATTERN, SALE_ID_LENGTH_MAX, TextRefused, TextRule
from auction.services.change_log import REVISION_PATTERN

REFUSED = "text_refused"
"""The kind of pydantic's error; `reason` in its context says what is wrong and what is allowed."""

VISIBLE_PATTERN = (
    r"^[^\u0000-\u001f\u007f-\u00a0\u00ad\u034f\u061c\u115f\u1160\u1680\u17b4\u17b5\u180b-\u180f\u2000-\u200f"
    r"\u2028-\u202f\u205f-\u206f\u3000\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb]*$"
)
"""For readers of the schema: near to the rule, never stricter; what is unassigned depends on Unicode's version."""

PASSWORD_PATTERN = r"^[^\x00]*[^\s\x00][^\x00]*$"  # noqa: S105 - a pattern, not a password
PATTERNS_IN_WORDS = {
    ID_PATTERN: "must be lower-case letters and digits, with single hyphens between them",
    PASSWORD_PATTERN: "must hold more than blanks, and no NUL character",
    "^[!-~]+$": "must be visible ASCII characters without blanks",
    REVISION_PATTERN: "must be the revision of an earlier answer",
}


@dataclass(frozen=True, slots=True)
class Accepted:
    """Marks a `str` as text under a rule: validated, normalised, and documented with its length and characters."""

    rule: TextRule

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_after_validator_function(self._accept, handler(source))

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        return handler(schema) | {
            "minLength": self.rule.length_min,
            "maxLength": self.rule.length_max,
            "pattern": VISIBLE_PATTERN,
        }

    def _accept(self, value: str) -> str:
        try:
            return self.rule.accept(value)
        except TextRefused as refused:
            raise PydanticCustomError(REFUSED, "{reason}", {"reason": str(refused)}) from None


Name = Annotated[str, Accepted(text.NAME)]
Title = Annotated[str, Accepted(text.TITLE)]
Reason = Annotated[str, Accepted(text.REASON)]
Username = Annotated[str, Accepted(text.USERNAME)]
IdReference = Annotated[str, Accepted(text.ID_REFERENCE)]
VerifiedIdentity = Annotated[str, Accepted(text.VERIFIED_IDENTITY)]
DeliveryCentre = Annotated[str, Accepted(text.DELIVERY_CENTRE)]
AccountNumber = Annotated[str, Accepted(text.ACCOUNT_NUMBER)]
SignInCode = Annotated[str, Accepted(text.SIGN_IN_CODE)]
SearchText = Annotated[str, Accepted(text.SEARCH)]
Remittance = Annotated[str, Accepted(text.REMITTANCE)]
NewSaleId = Annotated[str, StringConstraints(max_length=SALE_ID_LENGTH_MAX, pattern=ID_PATTERN)]
Password = Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=PASSWORD_PATTERN)]
"""A secret, not a text: any characters but NUL, compared as they were typed."""
