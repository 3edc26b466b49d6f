//! Numbers as text, written fast: the shortest digits that read back as the same double.
//!
//! Each form is, to the byte, what the standard library's formatting or Go's writes.

/// Appends a double as Rust's `{:?}` does: `1.0`, `1e16`, `NaN`.
#[inline]
pub fn put_debug(out: &mut String, value: f64) {
    match plain(&mut zmij::Buffer::new(), value) {
        Some(text) => out.push_str(text),
        None => out.push_str(&format!("{value:?}")),
    }
}

/// Appends a double without an exponent, as Rust's `{}` does: `1`, `10000000000000000`, `NaN`.
#[inline]
pub fn put_plain(out: &mut String, value: f64) {
    match plain(&mut zmij::Buffer::new(), value) {
        Some(text) => out.push_str(text.strip_suffix(".0").unwrap_or(text)),
        None => out.push_str(&value.to_string()),
    }
}

/// Appends a double as JSON, as `serde_json` does; NaN and the infinities are `null`.
#[inline]
pub fn put_json(out: &mut String, value: f64) {
    if value.is_finite() {
        out.push_str(zmij::Buffer::new().format_finite(value));
    } else {
        out.push_str("null");
    }
}

/// Appends an integer.
#[inline]
pub fn put_int(out: &mut String, value: i64) {
    out.push_str(itoa::Buffer::new().format(value));
}

/// Writes a double that has no exponent in any form, and whose shortest digits are not two.
#[inline]
fn plain(buffer: &mut zmij::Buffer, value: f64) -> Option<&str> {
    if value != 0.0 && !(1e-4..1e16).contains(&value.abs()) {
        return None;
    }
    let text = buffer.format_finite(value);
    (!is_tie(value, text)).then_some(text)
}

/// Whether a number lies in the middle of the shortest digits above and below it, where the standard
/// library rounds otherwise than others: it has one binary digit after the point (and so one decimal
/// digit, a 5) more than was written.
#[inline]
fn is_tie(value: f64, text: &str) -> bool {
    let bits = value.to_bits();
    let mantissa = bits & ((1 << 52) - 1) | 1 << 52;
    let exponent = (bits >> 52 & 0x7ff) as i32;
    let digits = 1075 - exponent - mantissa.trailing_zeros() as i32;
    // No more than 21 digits are written after the point.
    (1..=22).contains(&digits)
        && text.rfind('.').is_some_and(|point| text.len() - point == digits as usize)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn check(value: f64) {
        let written = |put: fn(&mut String, f64)| {
            let mut out = String::new();
            put(&mut out, value);
            out
        };
        assert_eq!(written(put_debug), format!("{value:?}"));
        assert_eq!(written(put_plain), format!("{value}"));
        assert_eq!(written(put_json), serde_json::Value::from(value).to_string());
    }

    #[test]
    fn the_edges_of_the_forms_are_written_as_the_standard_library_does() {
        let edges = [0.0, 1e-4, 1e-5, 1e15, 1e16, 1e17, 1e21, 5e-324, f64::MAX, f64::MIN_POSITIVE];
        for edge in edges {
            for value in [edge, edge.next_down(), edge.next_up(), 1.0 / edge, edge / 3.0] {
                check(value);
                check(-value);
            }
        }
        for tie in
            [830_106_683_779_775.0 + 0.25, 8.0 + 1.0 / 65_536.0, 1_125_899_906_842_623.5, 0.5, 0.25]
        {
            check(tie);
            check(-tie);
        }
        for value in [f64::NAN, f64::INFINITY, 0.1, 0.3, 2.0 / 3.0, 9_007_199_254_740_993.0] {
            check(value);
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(3_000))]

        #[test]
        fn any_double_is_written_as_the_standard_library_does(bits: u64, small in 0u64..100_000) {
            check(f64::from_bits(bits));
            check(small as f64 / 1000.0);
            check((bits as f64 / u64::MAX as f64) * 100.0);
            // Few binary digits after the point, where ties are.
            for shift in 0..40 {
                check((bits >> 11) as f64 / (1u64 << shift) as f64);
            }
        }
    }
}
