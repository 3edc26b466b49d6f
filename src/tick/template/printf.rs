//! Go's `printf`, as far as templates use it.

use super::value::Data;
use crate::tick::text;
use std::fmt::Write;

/// The flags, width and precision of a verb.
#[derive(Default)]
struct Verb {
    minus: bool,
    plus: bool,
    sharp: bool,
    space: bool,
    zero: bool,
    width: Option<usize>,
    precision: Option<usize>,
}

/// Formats as Go's `fmt.Sprintf`, without `%[1]d` and `%*d`.
pub(super) fn printf(format: &str, arguments: &[Data]) -> String {
    let mut out = String::new();
    let mut chars = format.chars().peekable();
    let mut next = arguments.iter();
    while let Some(c) = chars.next() {
        if c != '%' {
            out.push(c);
            continue;
        }
        let mut flags = Verb::default();
        while let Some(flag) = chars.next_if(|c| "-+# 0".contains(*c)) {
            match flag {
                '-' => flags.minus = true,
                '+' => flags.plus = true,
                '#' => flags.sharp = true,
                ' ' => flags.space = true,
                _ => flags.zero = true,
            }
        }
        flags.width = digits(&mut chars);
        if chars.next_if_eq(&'.').is_some() {
            flags.precision = Some(digits(&mut chars).unwrap_or(0));
        }
        match chars.next() {
            None => out.push_str("%!(NOVERB)"),
            Some('%') => out.push('%'),
            Some(verb) => match next.next() {
                None => {
                    let _ = write!(out, "%!{verb}(MISSING)");
                }
                Some(value) => out.push_str(&flags.pad(verb, value)),
            },
        }
    }
    let extra: Vec<_> = next.map(|value| format!("{}={}", value.kind(), value.print())).collect();
    if !extra.is_empty() {
        let _ = write!(out, "%!(EXTRA {})", extra.join(", "));
    }
    out
}

fn digits(chars: &mut std::iter::Peekable<std::str::Chars<'_>>) -> Option<usize> {
    let mut number = None;
    while let Some(digit) = chars.next_if(char::is_ascii_digit) {
        let digit = digit.to_digit(10).unwrap_or(0) as usize;
        number = Some((number.unwrap_or(0) * 10 + digit).min(1000));
    }
    number
}

impl Verb {
    fn pad(&self, verb: char, value: &Data) -> String {
        let text = self.verb(verb, value);
        let missing = self.width.unwrap_or(0).saturating_sub(text.chars().count());
        let number = matches!(value, Data::Int(_) | Data::Float(_)) && !text.contains(['N', 'I']);
        if self.minus {
            format!("{text}{}", " ".repeat(missing))
        } else if self.zero && number {
            let sign = usize::from(text.starts_with(['-', '+', ' ']));
            format!("{}{}{}", &text[..sign], "0".repeat(missing), &text[sign..])
        } else {
            format!("{}{text}", " ".repeat(missing))
        }
    }

    fn verb(&self, verb: char, value: &Data) -> String {
        match (verb, value) {
            ('v', Data::Float(x)) => match self.precision {
                Some(_) => self.float('g', *x),
                None => self.signed(*x >= 0.0, text::float(*x)),
            },
            ('v', Data::String(s)) if self.sharp => text::quote(s),
            ('v', Data::Int(n)) => self.signed(*n >= 0, n.to_string()),
            ('v', value) => value.print(),
            ('T', value) => value.kind().to_owned(),
            ('d', Data::Int(n) | Data::Duration(n)) => self.signed(*n >= 0, n.to_string()),
            ('x', Data::Int(n)) => {
                radix(*n, |n| format!("{n:x}"), if self.sharp { "0x" } else { "" })
            }
            ('X', Data::Int(n)) => {
                radix(*n, |n| format!("{n:X}"), if self.sharp { "0X" } else { "" })
            }
            ('o', Data::Int(n)) => {
                radix(*n, |n| format!("{n:o}"), if self.sharp { "0" } else { "" })
            }
            ('b', Data::Int(n)) => radix(*n, |n| format!("{n:b}"), ""),
            ('c', Data::Int(n)) => {
                u32::try_from(*n).ok().and_then(char::from_u32).unwrap_or('\u{fffd}').to_string()
            }
            ('e' | 'E' | 'f' | 'F' | 'g' | 'G', Data::Float(x)) => self.float(verb, *x),
            ('t', Data::Bool(v)) => v.to_string(),
            ('s', Data::Int(_) | Data::Float(_) | Data::Bool(_) | Data::Nil) => bad(verb, value),
            ('s', value) => self.cut(value.print()),
            ('q', Data::Int(_) | Data::Float(_) | Data::Bool(_) | Data::Nil) => bad(verb, value),
            ('q', value) => text::quote(&self.cut(value.print())),
            ('x' | 'X', Data::String(s)) => {
                let hex: String = s.bytes().map(|b| format!("{b:02x}")).collect();
                if verb == 'X' { hex.to_uppercase() } else { hex }
            }
            (verb, value) => bad(verb, value),
        }
    }

    fn cut(&self, text: String) -> String {
        match self.precision {
            Some(precision) => text.chars().take(precision).collect(),
            None => text,
        }
    }

    fn signed(&self, positive: bool, text: String) -> String {
        match () {
            () if positive && self.plus && !text.starts_with('+') => format!("+{text}"),
            () if positive && self.space => format!(" {text}"),
            () => text,
        }
    }

    fn float(&self, verb: char, x: f64) -> String {
        if !x.is_finite() {
            return self.signed(x > 0.0, text::float_plain(x));
        }
        let written = match (verb, self.precision) {
            ('f' | 'F', precision) => format!("{x:.*}", precision.unwrap_or(6)),
            ('e' | 'E', precision) => text::exponent(&format!("{x:.*e}", precision.unwrap_or(6))),
            (_, None) => text::float(x),
            (_, Some(precision)) => shortest(x, precision.max(1)),
        };
        let written = if verb.is_ascii_uppercase() { written.to_uppercase() } else { written };
        self.signed(!x.is_sign_negative(), written)
    }
}

/// Writes a float with `digits` significant digits, without trailing zeros (`%.3g`).
fn shortest(x: f64, digits: usize) -> String {
    let scientific = format!("{x:.*e}", digits - 1);
    let exponent: i32 = scientific.split_once('e').and_then(|(_, e)| e.parse().ok()).unwrap_or(0);
    let trim = |text: &str| match text.contains('.') {
        true => text.trim_end_matches('0').trim_end_matches('.').to_owned(),
        false => text.to_owned(),
    };
    if x != 0.0 && (exponent < -4 || exponent >= digits as i32) {
        let (mantissa, power) = scientific.split_once('e').unwrap_or((&scientific, "0"));
        return text::exponent(&format!("{}e{power}", trim(mantissa)));
    }
    let decimals = usize::try_from(digits as i32 - 1 - exponent).unwrap_or(0);
    trim(&format!("{x:.decimals$}"))
}

fn radix(n: i64, write: impl Fn(u64) -> String, prefix: &str) -> String {
    format!("{}{prefix}{}", if n < 0 { "-" } else { "" }, write(n.unsigned_abs()))
}

fn bad(verb: char, value: &Data) -> String {
    match value {
        Data::Nil => format!("%!{verb}(<nil>)"),
        value => format!("%!{verb}({}={})", value.kind(), value.print()),
    }
}
