//! `tally()`: counts by value.

use super::{common, key, several, time_for};
use crate::script::api::answer::map;
use crate::script::api::arguments::count;
use crate::script::api::{Fallible, NativeTypes, fail_in};
use crate::script::collection::{Counted, Held, Holder, Key, Tally};
use crate::script::host::Host;
use rhai::{Array, Dynamic, Engine};
use std::rc::Rc;

type Counts = Held<Tally>;

pub(super) fn register(engine: &mut Engine, host: &Rc<Host>, registry: &mut NativeTypes) {
    common::<Tally>(engine, registry);
    engine.register_fn("tally", || Held::new(Tally::default()));
    counting(engine, host);
    taking_off(engine, host);
    asking(engine, host);
}

fn counting(engine: &mut Engine, host: &Rc<Host>) {
    let h = host.clone();
    let times = move |counts: &mut Counts, value: &Dynamic, n: usize| -> Fallible<Counts> {
        let key = key(&h, "tally.push", value)?;
        h.room_in_array("tally.push", counts.0.len() + 1)?;
        counts.change().push(key, n as u64);
        Ok(counts.clone())
    };
    let h = host.clone();
    let several_times = times.clone();
    let push = move |counts: &mut Counts, value: Dynamic, n: Dynamic| -> Fallible<Counts> {
        several_times(counts, &value, count(&h, "tally.push", "n", &n)?)
    };
    engine.register_fn("push", push);
    engine.register_fn("push", move |counts: &mut Counts, value: Dynamic| times(counts, &value, 1));
    let h = host.clone();
    engine.register_fn("extend", move |counts: &mut Counts, values: Dynamic| -> Fallible<Counts> {
        let values = several(&h, "tally.extend", &values)?;
        time_for(&h, "tally.extend", values.len())?;
        let mut changed = (*counts.0).clone();
        for value in &values {
            h.room_in_array("tally.extend", changed.len() + 1)?;
            changed.push(key(&h, "tally.extend", value)?, 1);
        }
        counts.0 = Rc::new(changed);
        Ok(counts.clone())
    });
    let h = host.clone();
    engine.register_fn("merge", move |counts: &mut Counts, other: Counts| -> Fallible<Counts> {
        time_for(&h, "tally.merge", other.0.len())?;
        h.room_in_array("tally.merge", counts.0.len().saturating_add(other.0.len()))?;
        counts.change().merge(&other.0);
        Ok(counts.clone())
    });
}

fn taking_off(engine: &mut Engine, host: &Rc<Host>) {
    let h = host.clone();
    let take = move |counts: &mut Counts, value: &Dynamic, n: usize| -> Fallible<Counts> {
        let key = key(&h, "tally.subtract", value)?;
        counts.change().subtract(&key, n as u64).map_err(|was| {
            let text =
                format_args!("{value} was counted {was} times only, so {n} cannot be subtracted");
            fail_in("tally.subtract", text)
        })?;
        Ok(counts.clone())
    };
    let h = host.clone();
    let several_times = take.clone();
    let subtract = move |counts: &mut Counts, value: Dynamic, n: Dynamic| -> Fallible<Counts> {
        several_times(counts, &value, count(&h, "tally.subtract", "n", &n)?)
    };
    engine.register_fn("subtract", subtract);
    engine.register_fn("subtract", move |counts: &mut Counts, value: Dynamic| {
        take(counts, &value, 1)
    });
    let h = host.clone();
    engine.register_fn("remove", move |counts: &mut Counts, value: Dynamic| -> Fallible<i64> {
        let key = key(&h, "tally.remove", &value)?;
        let count = counts.0.count(&key);
        // What is there can be taken off.
        let _ = counts.change().subtract(&key, count);
        Ok(signed(count))
    });
    engine.register_fn("reset", |counts: &mut Counts| *counts.change() = Tally::default());
}

fn asking(engine: &mut Engine, host: &Rc<Host>) {
    for name in ["count", "contains"] {
        let h = host.clone();
        let ask = move |counts: &mut Counts, value: Dynamic| -> Fallible<Dynamic> {
            let count = counts.0.count(&key(&h, name, &value)?);
            Ok(if name == "count" { signed(count).into() } else { (count > 0).into() })
        };
        engine.register_fn(name, ask);
    }
    engine.register_get("total", |counts: &mut Counts| signed(counts.0.total()));
    engine.register_get("distinct", |counts: &mut Counts| counts.0.distinct() as i64);
    let h = host.clone();
    engine.register_get("values", move |counts: &mut Counts| -> Fallible<Array> {
        time_for(&h, "values", counts.0.len())?;
        h.room_in_array("values", counts.0.len())?;
        Ok(counts.0.in_order().into_iter().map(|(key, _)| key.value()).collect())
    });
    let h = host.clone();
    let most = move |counts: &Counts, k: usize| -> Fallible<Array> {
        time_for(&h, "most_common", counts.0.len())?;
        h.room_in_array("most_common", k.min(counts.0.len()))?;
        let entry = |(key, counted): (&Key, Counted)| {
            Dynamic::from(map([("value", key.value()), ("count", signed(counted.count).into())]))
        };
        Ok(counts.0.most_common(k).into_iter().map(entry).collect())
    };
    let (h, all) = (host.clone(), most.clone());
    engine.register_fn("most_common", move |counts: &mut Counts, k: Dynamic| -> Fallible<Array> {
        most(counts, count(&h, "most_common", "k", &k)?)
    });
    engine.register_fn("most_common", move |counts: &mut Counts| all(counts, usize::MAX));
}

fn signed(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}
