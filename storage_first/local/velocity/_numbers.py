"""Java's numbers as Velocity computes with them: `int` is Integer, Long and BigInteger, `float` is Double."""

import math
import operator
from collections.abc import Callable, Mapping
from decimal import MAX_EMAX, MAX_PREC, MIN_EMIN, Context, Decimal
from fractions import Fraction
from typing import TypeGuard

from storage_first.local.velocity._errors import JavaError

Number = int | float | Decimal

_LONG = range(-(2**63), 2**63)
# BigDecimal adds and multiplies exactly, whatever the number of digits.
_EXACT = Context(prec=MAX_PREC, Emax=MAX_EMAX, Emin=MIN_EMIN)
# Java would compute further, until its memory ends.
_WIDEST_DECIMAL = 10_000
# Between these, Java writes a double without an exponent.
_PLAIN_FROM, _PLAIN_TO = -3, 7


def is_number(value: object) -> TypeGuard[Number]:
    """Tell numbers from everything else; a boolean is none in Java."""
    return isinstance(value, int | float | Decimal) and not isinstance(value, bool)


def calculate(sign: str, left: Number, right: Number) -> Number | None:
    """Compute `left + right` or the like; dividing by zero has no value.

    Raises:
        JavaError: If Java cannot compute it.
    """
    if sign in "/%" and right == 0:
        return None
    whole, real, exact = _ARITHMETIC[sign]
    if _needs_decimal(left, right):
        result = exact(_to_decimal(left), _to_decimal(right))
        # BigDecimal knows no negative zero.
        return result or result.copy_abs()
    if isinstance(left, int) and isinstance(right, int):
        return whole(left, right)
    return real(float(left), float(right))


def compare(left: Number, right: Number) -> int:
    """Order two numbers: -1, 0 or 1. NaN is neither smaller nor greater, so it counts as equal."""
    if _needs_decimal(left, right):
        left, right = _to_decimal(left), _to_decimal(right)
    return (left > right) - (left < right)


def double_to_string(value: float) -> str:
    """Write a double as `Double.toString` does."""
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "Infinity" if value > 0 else "-Infinity"
    sign = "-" if math.copysign(1, value) < 0 else ""
    if value == 0:
        return sign + "0.0"
    _, digit_tuple, exponent = Decimal(repr(abs(value))).normalize().as_tuple()
    digits = "".join(map(str, digit_tuple))
    point = len(digits) + int(exponent)
    if _PLAIN_FROM < point <= _PLAIN_TO:
        whole = digits[:point].ljust(point, "0") if point > 0 else "0"
        fraction = digits[point:] if point > 0 else "0" * -point + digits
        return f"{sign}{whole}.{fraction or '0'}"
    return f"{sign}{digits[0]}.{digits[1:] or '0'}E{point - 1}"


def _needs_decimal(left: Number, right: Number) -> bool:
    if isinstance(left, Decimal) or isinstance(right, Decimal):
        return True
    return (isinstance(left, float) and _is_big(right)) or (isinstance(right, float) and _is_big(left))


def _is_big(value: Number) -> bool:
    return isinstance(value, int) and value not in _LONG


def _to_decimal(value: Number) -> Decimal:
    number = value if isinstance(value, Decimal) else Decimal(value)
    if not number.is_finite():
        raise JavaError("NumberFormatException: Infinite or NaN")
    if abs(number.adjusted()) > _WIDEST_DECIMAL:
        raise JavaError("ArithmeticException: a number of so many digits is not supported here")
    return number


def _truncated_quotient(left: int, right: int) -> int:
    quotient = abs(left) // abs(right)
    return quotient if (left < 0) == (right < 0) else -quotient


def _remainder(left: int, right: int) -> int:
    if not (_is_big(left) or _is_big(right)):
        return left - right * _truncated_quotient(left, right)
    if right < 0:
        raise JavaError("ArithmeticException: BigInteger: modulus not positive")
    return left % right


def _float_remainder(left: float, right: float) -> float:
    return math.nan if math.isinf(left) else math.fmod(left, right)


def _decimal_quotient(left: Decimal, right: Decimal) -> Decimal:
    """Divide at the dividend's scale, rounding half down."""
    scale = -int(left.as_tuple().exponent)
    scaled = Fraction(left) / Fraction(right) * Fraction(10) ** scale
    whole = math.floor(abs(scaled))
    if abs(scaled) - whole > Fraction(1, 2):
        whole += 1
    return _EXACT.scaleb(Decimal(whole if scaled > 0 else -whole), -scale)


def _decimal_remainder(left: Decimal, right: Decimal) -> Decimal:
    raise JavaError(f"ArithmeticException: Cannot calculate the modulo of BigDecimals: {left} % {right}.")


_ARITHMETIC: Mapping[
    str,
    tuple[Callable[[int, int], int], Callable[[float, float], float], Callable[[Decimal, Decimal], Decimal]],
] = {
    "+": (operator.add, operator.add, _EXACT.add),
    "-": (operator.sub, operator.sub, _EXACT.subtract),
    "*": (operator.mul, operator.mul, _EXACT.multiply),
    "/": (_truncated_quotient, operator.truediv, _decimal_quotient),
    "%": (_remainder, _float_remainder, _decimal_remainder),
}
