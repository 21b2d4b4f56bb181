"""Money: exact from text to text, whatever the default context of Decimal would round."""

import decimal
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from schemas.money import negate, parse_amount, parse_record_amount, show, total

LARGEST = "9" * 38 + "." + "9" * 18
SMALLEST = "0.000000000000000001"

whole = st.integers(0, 10**38 - 1).map(str)
digits = st.text("0123456789", min_size=1, max_size=18)
texts = st.one_of(whole, st.builds("{}.{}".format, whole, digits)).filter(lambda text: Fraction(text) > 0)
amounts = texts.map(parse_amount)
signed = st.builds(lambda amount, is_negative: negate(amount) if is_negative else amount, amounts, st.booleans())


@given(texts)
@example(LARGEST)
@example(SMALLEST)
@example("1" + "0" * 37)
@example("5.000000000000000000")
def test_an_amount_is_the_number_that_its_text_says(text: str) -> None:
    assert Fraction(parse_amount(text)) == Fraction(text)
    assert parse_record_amount(text) == parse_amount(text)


@given(texts)
@example(LARGEST)
@example("100")
@example("10.0")
def test_what_is_shown_is_read_back_as_the_same_amount(text: str) -> None:
    shown = show(parse_amount(text))
    assert Fraction(shown) == Fraction(text)
    assert show(parse_amount(shown)) == shown


@given(texts)
def test_one_number_has_one_spelling(text: str) -> None:
    padded = text + "0" * (18 - len(text.partition(".")[2])) if "." in text else text
    assert show(parse_amount(padded)) == show(parse_amount(text))
    assert not show(parse_amount(text)).endswith((".", ".0"))


@given(signed)
@example(Decimal(LARGEST))
def test_minus_is_exact(amount: Decimal) -> None:
    assert Fraction(negate(amount)) == -Fraction(amount)
    assert negate(negate(amount)) == amount


@given(st.lists(signed, max_size=300))
@example([Decimal(LARGEST)] * 300)
@example([Decimal(LARGEST), Decimal(SMALLEST), Decimal("-" + LARGEST)])
def test_a_sum_is_exact(summed: list[Decimal]) -> None:
    assert Fraction(total(summed)) == sum(map(Fraction, summed), Fraction(0))


def test_a_sum_of_nothing_is_zero() -> None:
    assert total([]) == 0


@pytest.mark.parametrize("precision", [1, 5, 28])
def test_the_default_context_has_no_say(precision: int) -> None:
    with decimal.localcontext() as context:
        context.prec = precision
        context.rounding = decimal.ROUND_UP
        amount = parse_amount(LARGEST)
        assert show(amount) == LARGEST
        assert show(negate(amount)) == "-" + LARGEST
        assert show(total([amount, negate(parse_amount(SMALLEST))])) == "9" * 38 + "." + "9" * 17 + "8"


def test_a_sum_that_would_have_to_be_rounded_is_refused() -> None:
    with pytest.raises(decimal.Inexact):
        total([Decimal("1E+100"), Decimal(SMALLEST)])


@pytest.mark.parametrize(
    ("amount", "shown"),
    [
        ("0", "0"),
        ("-0", "0"),
        ("-0.000", "0"),
        ("0E-24", "0"),
        ("0E+5", "0"),
        ("1E+5", "100000"),
        ("1E-18", SMALLEST),
        ("-1.50", "-1.5"),
        ("100", "100"),
        ("100.00", "100"),
        ("0.10", "0.1"),
        ("1.000000000000000000000001", "1.000000000000000000000001"),
    ],
)
def test_an_amount_is_shown_plainly(amount: str, shown: str) -> None:
    assert show(Decimal(amount)) == shown


@pytest.mark.parametrize(
    "text",
    [
        *("", " ", "0", "0.0", "00", "01", "-1", "+1", ".5", "1.", "1e3", "1E+2", "1_000", "1,5", " 1", "1 ", "1\n"),
        *("NaN", "Infinity", "0x1", "1" * 39, "1." + "1" * 19, "１", "١", "1\u200b", "½", "1\x00", "--1", "1.2.3"),
    ],
)
def test_what_is_not_an_amount_of_a_command_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="must be a decimal string above zero"):
        parse_amount(text)


@pytest.mark.parametrize("text", ["0", "0.000000000000000000000000", "1." + "0" * 24, "0.5"])
def test_a_record_may_say_nothing_and_pad(text: str) -> None:
    assert Fraction(parse_record_amount(text)) == Fraction(text)


@pytest.mark.parametrize(
    "text", ["", "1." + "0" * 25, "1" * 39, "-1", "+1", "1e3", "NaN", " 1", "1\n", "01", ".5", "1.", "１", "1_0"]
)
def test_what_is_not_an_amount_of_a_record_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="must be a decimal string"):
        parse_record_amount(text)
