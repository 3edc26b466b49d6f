//! Times are ints: nanoseconds since the epoch. Durations are ints too, in nanoseconds.

use super::{Fallible, fail, fail_in};
use crate::protocol::duration;
use crate::protocol::time::{read_rfc3339, rfc3339};
use crate::script::host::Host;
use rhai::{Engine, ImmutableString};
use std::rc::Rc;
use std::time::{SystemTime, UNIX_EPOCH};

pub(super) fn register(engine: &mut Engine, host: &Rc<Host>) {
    let h = host.clone();
    engine.register_fn("now", move || -> i64 {
        let now = h.now.get().or(h.asked.get()).unwrap_or_else(clock);
        h.asked.set(Some(now));
        now
    });
    engine.register_fn("duration", |text: ImmutableString| -> Fallible<i64> {
        duration::parse(&text).map_err(|e| fail_in("duration", e))
    });
    engine.register_fn("duration_text", |ns: i64| duration::Display(ns).to_string());
    engine.register_fn("time_text", rfc3339);
    engine.register_fn("parse_time", |text: ImmutableString| -> Fallible<i64> {
        read_rfc3339(&text).map_err(|error| fail(format_args!("parse_time: {error}")))
    });
    let parts: [(&str, fn(&jiff::Zoned) -> i64); 8] = [
        ("year", |t| i64::from(t.year())),
        ("month", |t| i64::from(t.month())),
        ("day", |t| i64::from(t.day())),
        ("hour", |t| i64::from(t.hour())),
        ("minute", |t| i64::from(t.minute())),
        ("second", |t| i64::from(t.second())),
        ("weekday", |t| i64::from(t.weekday().to_sunday_zero_offset())),
        ("day_of_year", |t| i64::from(t.day_of_year())),
    ];
    for (name, part) in parts {
        engine.register_fn(name, move |ns: i64| -> Fallible<i64> {
            let time =
                jiff::Timestamp::from_nanosecond(i128::from(ns)).map_err(|e| fail_in(name, e))?;
            Ok(part(&time.to_zoned(jiff::tz::TimeZone::UTC)))
        });
    }
}

fn clock() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_nanos()).unwrap_or(i64::MAX)
}
