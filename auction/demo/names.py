"""Display names of bots."""

_SURNAMES = "王李张刘陈杨赵黄周吴徐孙胡朱高林何郭马罗"
_GIVEN_NAMES = ("子涵", "雨桐", "浩然", "思远", "晓彤", "文博", "嘉怡", "俊杰", "一诺", "梓萱")


def name_of(number: int) -> str:
    """The display name of the bot with that number."""
    return _SURNAMES[number % len(_SURNAMES)] + _GIVEN_NAMES[number * 7 % len(_GIVEN_NAMES)]
