"""Which language a visitor reads: what they chose on a page, else what their browser asks for, else Chinese."""

from starlette.requests import Request

LANGUAGES = ("zh-CN", "en")
LANGUAGE_COOKIE = "auction_language"


def language_of(request: Request) -> str:
    """One of LANGUAGES for this request."""
    chosen = request.cookies.get(LANGUAGE_COOKIE)
    if chosen in LANGUAGES:
        return chosen
    for tag in accepted_languages(request.headers.get("accept-language", "")):
        if tag.startswith("zh"):
            return "zh-CN"
        if tag.startswith("en"):
            return "en"
    return "zh-CN"


def accepted_languages(header: str) -> list[str]:
    """The tags of an Accept-Language header, lower-case, most wanted first; a weight that is no number counts as 0."""
    found = []
    for place, part in enumerate(header.split(",")[:20]):
        tag, _, parameter = part.strip().partition(";")
        weight = 1.0
        name, _, value = parameter.strip().partition("=")
        if name == "q":
            try:
                weight = float(value)
            except ValueError:
                weight = 0.0
        if tag and weight > 0:
            found.append((-weight, place, tag.strip().lower()))
    return [tag for _, _, tag in sorted(found)]
