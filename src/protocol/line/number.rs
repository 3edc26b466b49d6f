//! Numbers in line protocol, read exactly.

/// A number as it is written.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Number {
    Double(f64),
    Int(i64),
    Unsigned(u64),
    /// An integer of more than 64 bits.
    OutOfRange,
}

/// Ten to the power of the index: all of them are exact as doubles.
const POWERS: [f64; 23] = [
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16,
    1e17, 1e18, 1e19, 1e20, 1e21, 1e22,
];

/// Digits that always fit into 64 bits.
const DIGITS: usize = 19;

/// Reads a number at the start of `text`, and says how many bytes it has; `None` if there is none.
///
/// An exponent or a fraction without digits does not belong to the number.
#[inline]
pub(super) fn read(text: &[u8]) -> Option<(Number, usize)> {
    let negative = text.first() == Some(&b'-');
    let start = usize::from(negative);
    let mut mantissa = 0;
    let whole = few_digits(&text[start..], &mut mantissa);
    if whole == 0 {
        return None;
    }
    let mut at = start + whole;
    match text.get(at) {
        Some(b'i') => return Some((int(&text[..at], whole, mantissa, negative), at + 1)),
        Some(b'u') if !negative => return Some((unsigned(&text[..at]), at + 1)),
        _ => {}
    }
    let mut fraction = 0;
    if text.get(at) == Some(&b'.') {
        fraction = digits(&text[at + 1..], &mut mantissa);
        at += if fraction > 0 { 1 + fraction } else { 0 };
    }
    let exponent = match text.get(at) {
        Some(b'e' | b'E') => exponent(&text[at..]),
        _ => 0,
    };
    let end = at + exponent;
    // Clinger's fast path: both are exact as doubles, so that one rounding is made.
    let exact = exponent == 0
        && whole + fraction <= DIGITS
        && mantissa <= 1 << 53
        && fraction < POWERS.len();
    let double = if exact {
        let magnitude = mantissa as f64 / POWERS[fraction];
        if negative { -magnitude } else { magnitude }
    } else {
        fast_float2::parse(&text[..end]).unwrap_or(f64::NAN)
    };
    Some((Number::Double(double), end))
}

/// Reads a whole number with its sign at the start of `text`, as times are: the number, `None` for
/// one of more than 64 bits, and its bytes.
#[inline]
pub(super) fn whole(text: &[u8]) -> Option<(Option<i64>, usize)> {
    let negative = text.first() == Some(&b'-');
    let start = usize::from(negative);
    let mut magnitude = 0;
    let count = digits(&text[start..], &mut magnitude);
    if count == 0 {
        return None;
    }
    let end = start + count;
    match int(&text[..end], count, magnitude, negative) {
        Number::Int(number) => Some((Some(number), end)),
        _ => Some((None, end)),
    }
}

/// As [`digits`], for a number that mostly has one or two.
#[inline]
fn few_digits(text: &[u8], number: &mut u64) -> usize {
    let mut count = 0;
    for byte in text {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            break;
        }
        if count == 3 {
            return 3 + digits(&text[3..], number);
        }
        *number = *number * 10 + u64::from(digit);
        count += 1;
    }
    count
}

/// Appends digits to `number`, and returns how many there are.
#[inline]
fn digits(mut text: &[u8], number: &mut u64) -> usize {
    let mut count = 0;
    while let Some((chunk, rest)) = text.split_first_chunk::<8>() {
        let bytes = u64::from_le_bytes(*chunk) ^ ZEROS;
        // The high bit of each byte that is no digit; above the first of them it means nothing.
        let others = (bytes.wrapping_add(0x7676_7676_7676_7676) | bytes) & 0x8080_8080_8080_8080;
        let len = others.trailing_zeros() / 8;
        if len == 0 {
            return count;
        }
        // What follows the digits is pushed out, and zeros come before them.
        let eight = eight_digits(bytes << (64 - 8 * len));
        *number = number.wrapping_mul(TENS[len as usize]).wrapping_add(eight);
        count += len as usize;
        if len < 8 {
            return count;
        }
        text = rest;
    }
    for byte in text {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            break;
        }
        *number = number.wrapping_mul(10).wrapping_add(u64::from(digit));
        count += 1;
    }
    count
}

/// Eight times the character zero.
const ZEROS: u64 = 0x3030_3030_3030_3030;

/// Ten to the power of the index.
const TENS: [u64; 9] = [1, 10, 100, 1_000, 10_000, 100_000, 1_000_000, 10_000_000, 100_000_000];

/// Returns the number of eight digits, a byte each and the first in the lowest byte, by pairs (Lemire,
/// "Quickly parsing eight digits").
#[inline]
fn eight_digits(digits: u64) -> u64 {
    const EVERY_FOURTH: u64 = 0x0000_00ff_0000_00ff;
    let pairs = digits.wrapping_mul(10).wrapping_add(digits >> 8);
    let high = (pairs & EVERY_FOURTH).wrapping_mul(100 + (1_000_000 << 32));
    let low = ((pairs >> 16) & EVERY_FOURTH).wrapping_mul(1 + (10_000 << 32));
    high.wrapping_add(low) >> 32
}

/// Returns the bytes of `e`, its sign and its digits; 0 without digits.
fn exponent(text: &[u8]) -> usize {
    let sign = usize::from(matches!(text.get(1), Some(b'-' | b'+')));
    let digits = text[1 + sign..].iter().take_while(|byte| byte.is_ascii_digit()).count();
    if digits > 0 { 1 + sign + digits } else { 0 }
}

#[inline]
fn int(text: &[u8], digits: usize, magnitude: u64, negative: bool) -> Number {
    if digits > DIGITS {
        // There may be zeros in front.
        let parsed = std::str::from_utf8(text).ok().and_then(|text| text.parse().ok());
        return parsed.map_or(Number::OutOfRange, Number::Int);
    }
    let number =
        if negative { 0i64.checked_sub_unsigned(magnitude) } else { i64::try_from(magnitude).ok() };
    number.map_or(Number::OutOfRange, Number::Int)
}

fn unsigned(text: &[u8]) -> Number {
    let parsed = std::str::from_utf8(text).ok().and_then(|text| text.parse().ok());
    parsed.map_or(Number::OutOfRange, Number::Unsigned)
}
