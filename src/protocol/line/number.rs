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
    let whole = digits(&text[start..], &mut mantissa);
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

/// Appends digits to `number`, and returns how many there are.
#[inline]
fn digits(text: &[u8], number: &mut u64) -> usize {
    let mut count = 0;
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

/// Returns the bytes of `e`, its sign and its digits; 0 without digits.
fn exponent(text: &[u8]) -> usize {
    let sign = usize::from(matches!(text.get(1), Some(b'-' | b'+')));
    let digits = text[1 + sign..].iter().take_while(|byte| byte.is_ascii_digit()).count();
    if digits > 0 { 1 + sign + digits } else { 0 }
}

fn int(text: &[u8], digits: usize, magnitude: u64, negative: bool) -> Number {
    if digits < DIGITS {
        let magnitude = magnitude as i64;
        return Number::Int(if negative { -magnitude } else { magnitude });
    }
    let parsed = std::str::from_utf8(text).ok().and_then(|text| text.parse().ok());
    parsed.map_or(Number::OutOfRange, Number::Int)
}

fn unsigned(text: &[u8]) -> Number {
    let parsed = std::str::from_utf8(text).ok().and_then(|text| text.parse().ok());
    parsed.map_or(Number::OutOfRange, Number::Unsigned)
}
