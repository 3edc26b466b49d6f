//! Values as text by a format such as `"%s is at %.2f"`, as C's `printf` and Python's `%` do it.

use std::fmt::Write;

/// The widest field, and the most digits behind the point.
const WIDEST: usize = 1_000;

/// A value to be formatted.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Argument {
    Int(i64),
    Double(f64),
    /// A value that only `%s` can show.
    Text(String),
}

/// Why a format does not fit its values.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum FormatError {
    #[error("the format '{0}' ends inside a conversion; write %% for a percent sign")]
    Unfinished(String),
    #[error("conversion '%{0}' is not known; use one of d i f F e E g G x X o c s %")]
    Unknown(char),
    #[error("the format has {wanted} conversions, and there are {given} values")]
    Count { wanted: usize, given: usize },
    #[error("%{conversion} needs {wanted}, not {given}")]
    Type { conversion: char, wanted: &'static str, given: String },
    #[error("a width or a precision is more than {WIDEST}")]
    Wide,
}

/// One conversion, as `%-8.2f`.
#[derive(Clone, Copy, Debug, Default)]
struct Conversion {
    left: bool,
    plus: bool,
    space: bool,
    zero: bool,
    alternate: bool,
    width: usize,
    precision: Option<usize>,
    kind: char,
}

/// Formats `values` by `format`, each by one conversion.
pub(crate) fn printf(format: &str, values: &[Argument]) -> Result<String, FormatError> {
    let mut out = String::new();
    let mut rest = format.chars();
    let mut used = 0;
    while let Some(c) = rest.next() {
        if c != '%' {
            out.push(c);
            continue;
        }
        let conversion = Conversion::read(&mut rest, format)?;
        if conversion.kind == '%' {
            out.push('%');
            continue;
        }
        if let Some(value) = values.get(used) {
            let (sign, body) = conversion.parts(value)?;
            conversion.pad(&mut out, &sign, &body);
        }
        used += 1;
    }
    if used != values.len() {
        return Err(FormatError::Count { wanted: used, given: values.len() });
    }
    Ok(out)
}

impl Conversion {
    /// Reads what follows a percent sign.
    fn read(rest: &mut std::str::Chars<'_>, format: &str) -> Result<Self, FormatError> {
        let unfinished = || unfinished(format);
        let mut conversion = Self::default();
        let mut next = rest.next().ok_or_else(unfinished)?;
        loop {
            match next {
                '-' => conversion.left = true,
                '+' => conversion.plus = true,
                ' ' => conversion.space = true,
                '0' => conversion.zero = true,
                '#' => conversion.alternate = true,
                _ => break,
            }
            next = rest.next().ok_or_else(unfinished)?;
        }
        conversion.width = number(&mut next, rest, format)?;
        if next == '.' {
            next = rest.next().ok_or_else(unfinished)?;
            conversion.precision = Some(number(&mut next, rest, format)?);
        }
        conversion.kind = next;
        if "difFeEgGxXocs%".contains(next) {
            Ok(conversion)
        } else {
            Err(FormatError::Unknown(next))
        }
    }

    /// A value's sign or prefix, and the rest of it.
    fn parts(&self, value: &Argument) -> Result<(String, String), FormatError> {
        match self.kind {
            'd' | 'i' | 'x' | 'X' | 'o' => self.whole(value),
            'c' => self.char(value),
            's' => {
                let text = shown(value);
                let most = self.precision.unwrap_or(usize::MAX);
                Ok((String::new(), text.chars().take(most).collect()))
            }
            _ => self.real(value),
        }
    }

    fn wrong(&self, wanted: &'static str, value: &Argument) -> FormatError {
        let given = match value {
            Argument::Text(text) => format!("'{}'", text.chars().take(80).collect::<String>()),
            number => shown(number),
        };
        FormatError::Type { conversion: self.kind, wanted, given }
    }

    fn sign(&self, negative: bool) -> &'static str {
        match (negative, self.plus, self.space) {
            (true, ..) => "-",
            (_, true, _) => "+",
            (_, _, true) => " ",
            _ => "",
        }
    }

    fn whole(&self, value: &Argument) -> Result<(String, String), FormatError> {
        let int = match value {
            Argument::Int(int) => i128::from(*int),
            // Every double below this is a whole number of an i128.
            Argument::Double(x) if "di".contains(self.kind) && x.abs() < 1e38 => x.trunc() as i128,
            other => return Err(self.wrong("a whole number", other)),
        };
        let digits = int.unsigned_abs();
        let digits = match self.kind {
            'x' => format!("{digits:x}"),
            'X' => format!("{digits:X}"),
            'o' => format!("{digits:o}"),
            _ => digits.to_string(),
        };
        let zeros = self.precision.unwrap_or(0).saturating_sub(digits.len());
        let prefix = match (self.alternate, self.kind) {
            (true, 'x') => "0x",
            (true, 'X') => "0X",
            (true, 'o') => "0o",
            _ => "",
        };
        Ok((format!("{}{prefix}", self.sign(int < 0)), "0".repeat(zeros) + digits.as_str()))
    }

    fn char(&self, value: &Argument) -> Result<(String, String), FormatError> {
        let char = match value {
            Argument::Int(int) => u32::try_from(*int).ok().and_then(char::from_u32),
            Argument::Text(text) if text.chars().count() == 1 => text.chars().next(),
            _ => None,
        };
        let char = char.ok_or_else(|| self.wrong("a char, or the number of a char", value))?;
        Ok((String::new(), char.to_string()))
    }

    fn real(&self, value: &Argument) -> Result<(String, String), FormatError> {
        let x = match value {
            Argument::Int(int) => *int as f64,
            Argument::Double(x) => *x,
            other => return Err(self.wrong("a number", other)),
        };
        let sign = self.sign(x.is_sign_negative() && !x.is_nan()).to_owned();
        let size = x.abs();
        let precision = self.precision.unwrap_or(6);
        let body = match self.kind {
            _ if x.is_nan() => "nan".into(),
            _ if x.is_infinite() => "inf".into(),
            'f' | 'F' => self.with_point(format!("{size:.precision$}")),
            'e' | 'E' => self.exponential(size, precision),
            _ => self.shortest(size, precision.max(1)),
        };
        Ok((sign, if self.kind.is_uppercase() { body.to_uppercase() } else { body }))
    }

    fn with_point(&self, digits: String) -> String {
        if self.alternate && !digits.contains('.') { digits + "." } else { digits }
    }

    fn exponential(&self, size: f64, precision: usize) -> String {
        let text = format!("{size:.precision$e}");
        let (digits, exponent) = text.split_once('e').unwrap_or((&text, "0"));
        let exponent: i32 = exponent.parse().unwrap_or(0);
        let sign = if exponent < 0 { '-' } else { '+' };
        format!("{}e{sign}{:02}", self.with_point(digits.to_owned()), exponent.abs())
    }

    /// `%g`: `precision` digits in all, as an exponential where that is shorter.
    fn shortest(&self, size: f64, precision: usize) -> String {
        let scaled = format!("{size:.*e}", precision - 1);
        let exponent = scaled.split_once('e').and_then(|(_, e)| e.parse::<i32>().ok()).unwrap_or(0);
        let limit = i32::try_from(precision).unwrap_or(i32::MAX);
        let text = if exponent < -4 || exponent >= limit {
            self.exponential(size, precision - 1)
        } else {
            let behind = usize::try_from(limit - 1 - exponent).unwrap_or(0);
            self.with_point(format!("{size:.behind$}"))
        };
        if self.alternate { text } else { without_zeros(&text) }
    }

    fn pad(&self, out: &mut String, sign: &str, body: &str) {
        let missing = self.width.saturating_sub(sign.chars().count() + body.chars().count());
        let (before, zeros, after) =
            match (self.left, self.zero && self.kind != 's' && self.kind != 'c') {
                (true, _) => (0, 0, missing),
                (_, true) => (0, missing, 0),
                _ => (missing, 0, 0),
            };
        let _ = write!(out, "{:before$}{sign}{:0<zeros$}{body}{:after$}", "", "", "");
    }
}

fn unfinished(format: &str) -> FormatError {
    FormatError::Unfinished(format.chars().take(80).collect())
}

/// Reads digits; `next` is the char at hand, before and after.
fn number(
    next: &mut char,
    rest: &mut std::str::Chars<'_>,
    format: &str,
) -> Result<usize, FormatError> {
    let mut n = 0;
    while let Some(digit) = next.to_digit(10) {
        n = n * 10 + digit as usize;
        if n > WIDEST {
            return Err(FormatError::Wide);
        }
        *next = rest.next().ok_or_else(|| unfinished(format))?;
    }
    Ok(n)
}

/// A number without zeros at the end of its decimals.
fn without_zeros(text: &str) -> String {
    let (digits, exponent) = text.split_once('e').map_or((text, None), |(d, e)| (d, Some(e)));
    let digits = match digits.contains('.') {
        true => digits.trim_end_matches('0').trim_end_matches('.'),
        false => digits,
    };
    exponent.map_or_else(|| digits.to_owned(), |exponent| format!("{digits}e{exponent}"))
}

fn shown(value: &Argument) -> String {
    match value {
        Argument::Int(int) => int.to_string(),
        Argument::Double(x) => rhai::Dynamic::from(*x).to_string(),
        Argument::Text(text) => text.clone(),
    }
}
