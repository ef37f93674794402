"""The order number: what people read, write and say, like 4812-7390.

It is computed from the primary key, both ways, so it needs no column. Its digits are scattered, so it does not tell how
many orders there are, and two orders of one day do not look alike. The last digit is a check digit (Luhn): one misheard
digit, and nearly every swap of two neighbours, makes it invalid. It gives no access; `public_id` does.
"""

import re

_RANGE = 10**7
_FACTOR = 7_368_787
"""A prime, so multiplication modulo _RANGE only puts the numbers into another order."""
_INVERSE = pow(_FACTOR, -1, _RANGE)

_LEFT_OUT = re.compile(r"^\D*[\s:№#](?=\d)|[\s\-‐-―№#]+")
"""Words before the number, as a mail writes it, and what stands between the digits."""
_NUMBER = re.compile(r"[0-9]{8,18}")


def number_of(pk: int) -> str:
    """The number of an order. Eight digits; more from the ten millionth order on.

    >>> number_of(1)
    '7368-7873'
    """
    millions, rest = divmod(pk, _RANGE)
    digits = f"{millions or ''}{rest * _FACTOR % _RANGE:07}"
    digits += str(-_luhn_sum(digits + "0") % 10)
    return f"{digits[:-4]}-{digits[-4:]}"


def pk_of(text: str) -> int | None:
    """The primary key that a number means, in any writing: `4812-7390`, `Order № 4812 7390`, `48127390`.

    None if it is not an order's number: the check digit shows what was misheard.
    """
    digits = _LEFT_OUT.sub("", text)
    if not _NUMBER.fullmatch(digits) or _luhn_sum(digits) % 10:
        return None
    millions, scattered = digits[:-8], int(digits[-8:-1])
    if millions.startswith("0"):
        return None
    return int(millions or 0) * _RANGE + scattered * _INVERSE % _RANGE


def _luhn_sum(digits: str) -> int:
    """ISO/IEC 7812-1, annex B: every second digit from the right counts twice, as the sum of its own digits."""
    doubled = (0, 2, 4, 6, 8, 1, 3, 5, 7, 9)
    return sum(doubled[int(digit)] if place % 2 else int(digit) for place, digit in enumerate(reversed(digits)))
