//! The layouts of times, which show how 2006-01-02 15:04:05 is to look.

use crate::tick::text;
use jiff::civil::DateTime;
use std::fmt::Write;

/// The names of the months.
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
/// The names of the days.
const DAYS: [&str; 7] =
    ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];
/// The parts of a layout that stand for parts of a time; longer ones first.
const PARTS: [&str; 31] = [
    "January", "Jan", "Monday", "Mon", "MST", "2006", "Z07:00", "Z0700", "-07:00", "-0700", "-07",
    "002", "01", "02", "03", "04", "05", "06", "15", "PM", "pm", "_2", "1", "2", "3", "4", "5",
    ".0", ",0", ".9", ",9",
];
/// Writes a time in one of Go's layouts.
pub(super) fn format_time(time: i64, layout: &str) -> String {
    let date = text::date(time);
    let mut out = String::new();
    let mut rest = layout;
    while let Some(c) = rest.chars().next() {
        let Some(part) = PARTS.iter().find(|part| rest.starts_with(**part)) else {
            out.push(c);
            rest = &rest[c.len_utf8()..];
            continue;
        };
        rest = &rest[part.len()..];
        if part.starts_with(['.', ',']) {
            rest = fraction(&date, part, rest, &mut out);
        } else {
            // A String takes everything.
            let _ = write_part(&date, part, &mut out);
        }
    }
    out
}

fn write_part(date: &DateTime, part: &str, out: &mut String) -> std::fmt::Result {
    let month = MONTHS[usize::from(date.month().unsigned_abs()).clamp(1, 12) - 1];
    let day = DAYS[usize::from(date.weekday().to_monday_zero_offset().unsigned_abs()).min(6)];
    let hour = i32::from(date.hour());
    let hour12 = if hour % 12 == 0 { 12 } else { hour % 12 };
    match part {
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
        // The parts of a second are written by `fraction`.
        _ => Ok(()),
    }
}

/// Writes the parts of a second with as many digits as the layout has; nines leave out zeros at the
/// end. Returns the rest of the layout.
fn fraction<'l>(date: &DateTime, part: &str, rest: &'l str, out: &mut String) -> &'l str {
    let digit = if part.ends_with('0') { '0' } else { '9' };
    let more = rest.find(|c| c != digit).unwrap_or(rest.len());
    let nanoseconds = format!("{:09}", date.subsec_nanosecond());
    let shown = &nanoseconds[..(more + 1).min(9)];
    let shown = if digit == '9' { shown.trim_end_matches('0') } else { shown };
    if !shown.is_empty() {
        out.push_str(&part[..1]);
        out.push_str(shown);
    }
    &rest[more..]
}
