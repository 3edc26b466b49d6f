//! The functions of templates, `printf` and the layouts of times.

use std::fmt::Write;

use crate::tick::template::value::Data;
use crate::tick::text;

type Called<T> = Result<T, String>;

/// Tells whether a function of that name exists.
pub(crate) fn exists(name: &str) -> bool {
    const NAMES: [&str; 19] = [
        "and",
        "or",
        "not",
        "eq",
        "ne",
        "lt",
        "le",
        "gt",
        "ge",
        "index",
        "len",
        "print",
        "printf",
        "println",
        "html",
        "js",
        "urlquery",
        "json",
        "jsonCompact",
    ];
    NAMES.contains(&name)
}

/// Calls a function.
pub(crate) fn call(name: &str, arguments: &[Data]) -> Called<Data> {
    let string = |text: String| Ok(Data::String(text.into()));
    match (name, arguments) {
        ("not", [x]) => Ok(Data::Bool(!x.truth())),
        ("eq", [x, rest @ ..]) if !rest.is_empty() => {
            let mut equal = false;
            for y in rest {
                equal |= equals(x, y)?;
            }
            Ok(Data::Bool(equal))
        }
        ("ne", [x, y]) => Ok(Data::Bool(!equals(x, y)?)),
        ("lt" | "le" | "gt" | "ge", [x, y]) => {
            let order = x.compare(y).ok_or_else(|| incompatible(x, y))?;
            Ok(Data::Bool(match name {
                "lt" => order.is_lt(),
                "le" => order.is_le(),
                "gt" => order.is_gt(),
                _ => order.is_ge(),
            }))
        }
        ("index", [map, keys @ ..]) => {
            let mut value = map.clone();
            for key in keys {
                let Data::String(key) = key else {
                    return Err(format!("cannot index a map with a {}", key.kind()));
                };
                value = value
                    .index(key)
                    .ok_or_else(|| format!("can't index item of type {}", value.kind()))?;
            }
            Ok(value)
        }
        ("len", [Data::String(text)]) => Ok(Data::Int(text.len() as i64)),
        ("len", [Data::Map(entries, _)]) => Ok(Data::Int(entries.len() as i64)),
        ("len", [other]) => Err(format!("len of type {}", other.kind())),
        ("print", arguments) => string(print(arguments)),
        ("println", arguments) => {
            let words: Vec<_> = arguments.iter().map(Data::print).collect();
            string(words.join(" ") + "\n")
        }
        ("printf", [Data::String(format), rest @ ..]) => string(printf(format, rest)),
        ("html", arguments) => string(escape_html(&print(arguments))),
        ("js", arguments) => string(escape_js(&print(arguments))),
        ("urlquery", arguments) => string(escape_url(&print(arguments))),
        ("json", [value]) => Ok(Data::Json((value.json() + "\n").into())),
        ("jsonCompact", [value]) => Ok(Data::Json(value.json().into())),
        (name, arguments) => {
            Err(format!("wrong number or type of args for {name}: got {}", arguments.len()))
        }
    }
}

fn incompatible(x: &Data, y: &Data) -> String {
    format!("incompatible types for comparison: {} and {}", x.kind(), y.kind())
}

fn equals(x: &Data, y: &Data) -> Called<bool> {
    match (x, y) {
        (Data::Nil, y) => Ok(*y == Data::Nil),
        (x, Data::Nil) => Ok(*x == Data::Nil),
        (Data::Bool(x), Data::Bool(y)) => Ok(x == y),
        (Data::Float(x), Data::Float(y)) => Ok(x == y),
        (Data::Time(x), Data::Time(y)) => Ok(x == y),
        _ => x.compare(y).map(|order| order.is_eq()).ok_or_else(|| incompatible(x, y)),
    }
}

/// Joins values; a space stands between two that are both no strings.
fn print(arguments: &[Data]) -> String {
    let mut out = String::new();
    let mut after_string = true;
    for argument in arguments {
        let is_string = matches!(argument, Data::String(_) | Data::Json(_));
        if !after_string && !is_string {
            out.push(' ');
        }
        out.push_str(&argument.print());
        after_string = is_string;
    }
    out
}

/// The flags, width and precision of a verb.
#[derive(Default)]
struct Spec {
    minus: bool,
    plus: bool,
    sharp: bool,
    space: bool,
    zero: bool,
    width: Option<usize>,
    precision: Option<usize>,
}

/// Formats as Go's `fmt.Sprintf`, without `%[1]d` and `%*d`.
fn printf(format: &str, arguments: &[Data]) -> String {
    let mut out = String::new();
    let mut chars = format.chars().peekable();
    let mut next = arguments.iter();
    while let Some(c) = chars.next() {
        if c != '%' {
            out.push(c);
            continue;
        }
        let mut spec = Spec::default();
        while let Some(flag) = chars.next_if(|c| "-+# 0".contains(*c)) {
            match flag {
                '-' => spec.minus = true,
                '+' => spec.plus = true,
                '#' => spec.sharp = true,
                ' ' => spec.space = true,
                _ => spec.zero = true,
            }
        }
        spec.width = digits(&mut chars);
        if chars.next_if_eq(&'.').is_some() {
            spec.precision = Some(digits(&mut chars).unwrap_or(0));
        }
        match chars.next() {
            None => out.push_str("%!(NOVERB)"),
            Some('%') => out.push('%'),
            Some(verb) => match next.next() {
                None => {
                    let _ = write!(out, "%!{verb}(MISSING)");
                }
                Some(value) => out.push_str(&spec.pad(verb, value)),
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

impl Spec {
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

fn escape_html(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&#34;")
        .replace('\'', "&#39;")
        .replace('\0', "\u{fffd}")
}

fn escape_js(text: &str) -> String {
    let mut out = String::new();
    for c in text.chars() {
        match c {
            '\\' => out.push_str("\\\\"),
            '\'' => out.push_str("\\'"),
            '"' => out.push_str("\\\""),
            '<' | '>' | '&' | '=' => {
                let _ = write!(out, "\\u{:04X}", c as u32);
            }
            c if (c as u32) < 0x20 => {
                let _ = write!(out, "\\u{:04X}", c as u32);
            }
            c => out.push(c),
        }
    }
    out
}

fn escape_url(text: &str) -> String {
    let mut out = String::new();
    for b in text.bytes() {
        match b {
            b' ' => out.push('+'),
            b if b.is_ascii_alphanumeric() || b"-_.~".contains(&b) => out.push(b.into()),
            b => {
                let _ = write!(out, "%{b:02X}");
            }
        }
    }
    out
}

/// Writes a time in one of Go's layouts, which show how 2006-01-02 15:04:05 is to look.
pub(crate) fn format_time(time: i64, layout: &str) -> String {
    const MONTHS: [&str; 12] = [
        "January",
        "February",
        "March",
        "April",
        "May",
        "June",
        "July",
        "August",
        "September",
        "October",
        "November",
        "December",
    ];
    const DAYS: [&str; 7] =
        ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];
    const PARTS: [&str; 31] = [
        "January", "Jan", "Monday", "Mon", "MST", "2006", "Z07:00", "Z0700", "-07:00", "-0700",
        "-07", "002", "01", "02", "03", "04", "05", "06", "15", "PM", "pm", "_2", "1", "2", "3",
        "4", "5", ".0", ",0", ".9", ",9",
    ];
    let date = text::date(time);
    let month = MONTHS[usize::from(date.month().unsigned_abs()).clamp(1, 12) - 1];
    let day = DAYS[usize::from(date.weekday().to_monday_zero_offset().unsigned_abs()).min(6)];
    let hour = i32::from(date.hour());
    let hour12 = if hour % 12 == 0 { 12 } else { hour % 12 };
    let mut out = String::new();
    let mut rest = layout;
    while let Some(c) = rest.chars().next() {
        let Some(part) = PARTS.iter().find(|part| rest.starts_with(**part)) else {
            out.push(c);
            rest = &rest[c.len_utf8()..];
            continue;
        };
        rest = &rest[part.len()..];
        let _ = match *part {
            "January" => write!(out, "{month}"),
            "Jan" => write!(out, "{}", &month[..3]),
            "Monday" => write!(out, "{day}"),
            "Mon" => write!(out, "{}", &day[..3]),
            "MST" => write!(out, "UTC"),
            "2006" => write!(out, "{:04}", date.year()),
            "06" => write!(out, "{:02}", date.year().rem_euclid(100)),
            "01" => write!(out, "{:02}", date.month()),
            "1" => write!(out, "{}", date.month()),
            "02" => write!(out, "{:02}", date.day()),
            "_2" => write!(out, "{:2}", date.day()),
            "2" => write!(out, "{}", date.day()),
            "002" => write!(out, "{:03}", date.date().day_of_year()),
            "15" => write!(out, "{hour:02}"),
            "03" => write!(out, "{hour12:02}"),
            "3" => write!(out, "{hour12}"),
            "04" => write!(out, "{:02}", date.minute()),
            "4" => write!(out, "{}", date.minute()),
            "05" => write!(out, "{:02}", date.second()),
            "5" => write!(out, "{}", date.second()),
            "PM" => write!(out, "{}", if hour < 12 { "AM" } else { "PM" }),
            "pm" => write!(out, "{}", if hour < 12 { "am" } else { "pm" }),
            "Z07:00" | "Z0700" => write!(out, "Z"),
            "-07:00" => write!(out, "+00:00"),
            "-0700" => write!(out, "+0000"),
            "-07" => write!(out, "+00"),
            fraction => {
                let digit = if fraction.ends_with('0') { '0' } else { '9' };
                let more = rest.find(|c| c != digit).unwrap_or(rest.len());
                rest = &rest[more..];
                let nanoseconds = format!("{:09}", date.subsec_nanosecond());
                let shown = &nanoseconds[..(more + 1).min(9)];
                let shown = if digit == '9' { shown.trim_end_matches('0') } else { shown };
                match shown {
                    "" => Ok(()),
                    shown => write!(out, "{}{shown}", &fraction[..1]),
                }
            }
        };
    }
    out
}
