//! `timed_queue(span)` and `distinct(span)`: the values of the last minutes of the data.

use super::{array_of, common, key, nothing, numbers_of, room, several, time_for};
use crate::script::api::arguments::{function, int, times};
use crate::script::api::object::equally_long;
use crate::script::api::series::{Mask, Series, place};
use crate::script::api::{Fallible, NativeTypes};
use crate::script::collection::{Distinct, Held, Holder, TimedQueue};
use crate::script::host::Host;
use rhai::{Array, Dynamic, Engine};
use std::rc::Rc;

pub(super) fn register(engine: &mut Engine, host: &Rc<Host>, registry: &mut NativeTypes) {
    common::<TimedQueue>(engine, registry);
    function(engine, host, "timed_queue", &["span"], |a| {
        Ok(Dynamic::from(Held::new(TimedQueue::new(a.nanoseconds()?)?)))
    });
    timed_queues(engine, host);
    ends(engine, host);
    common::<Distinct>(engine, registry);
    function(engine, host, "distinct", &["span"], |a| {
        let (span, renew) = (a.nanoseconds()?, a.flag_or("renew", true)?);
        Ok(Dynamic::from(Held::new(Distinct::new(span, renew)?)))
    });
    distinct(engine, host);
}

fn timed_queues(engine: &mut Engine, host: &Rc<Host>) {
    type Queue = Held<TimedQueue>;
    let h = host.clone();
    let push = move |queue: &mut Queue, time: Dynamic, value: Dynamic| -> Fallible<Queue> {
        let time = int(&h, "timed_queue.push", "the time", &time)?;
        room(&h, "timed_queue.push", queue.0.len(), &value)?;
        queue.change().push(time, value);
        Ok(queue.clone())
    };
    engine.register_fn("push", push);
    let h = host.clone();
    let extend = move |queue: &mut Queue, at: Dynamic, values: Dynamic| -> Fallible<Queue> {
        let function = "timed_queue.extend";
        let at = times(&h, function, "the times", &at)?;
        let values = several(&h, function, &values)?;
        equally_long(
            function,
            ("the column of times", at.len()),
            ("the column of values", values.len()),
        )?;
        time_for(&h, function, values.len())?;
        let mut changed = (*queue.0).clone();
        for (time, value) in at.into_iter().zip(values) {
            room(&h, function, changed.len(), &value)?;
            changed.push(time, value);
        }
        queue.0 = Rc::new(changed);
        Ok(queue.clone())
    };
    engine.register_fn("extend", extend);
    let h = host.clone();
    engine.register_fn("move_to", move |queue: &mut Queue, time: Dynamic| -> Fallible<Queue> {
        let time = int(&h, "timed_queue.move_to", "the time", &time)?;
        queue.change().move_to(time);
        Ok(queue.clone())
    });
    let h = host.clone();
    engine.register_fn("shift", move |queue: &mut Queue| -> Dynamic {
        queue.change().pop_oldest().unwrap_or_else(|| nothing(&h, "shift"))
    });
    engine.register_fn("reset", |queue: &mut Queue| queue.change().reset());
    engine.register_get("count", |queue: &mut Queue| queue.0.len() as i64);
    engine.register_get("late", |queue: &mut Queue| signed(queue.0.late()));
    engine.register_get("span", |queue: &mut Queue| signed(queue.0.span()));
    engine.register_indexer_get(|queue: &mut Queue, index: i64| -> Fallible<Dynamic> {
        let at = place("timed_queue", index, queue.0.len())?;
        Ok(queue.0.get(at).cloned().unwrap_or_default())
    });
    let h = host.clone();
    engine.register_get("values", move |queue: &mut Queue| -> Fallible<Array> {
        array_of(&h, "values", queue.0.len(), queue.0.values())
    });
    let h = host.clone();
    engine.register_get("times", move |queue: &mut Queue| -> Fallible<Array> {
        time_for(&h, "times", queue.0.len())?;
        h.room_in_array("times", queue.0.len())?;
        Ok(queue.0.times().map(Dynamic::from).collect())
    });
    let h = host.clone();
    engine.register_fn("series", move |queue: &mut Queue| -> Fallible<Series> {
        numbers_of(&h, "series", queue.0.len(), queue.0.values())
    });
    engine.register_iterator::<Queue>();
}

/// The value at an end of a queue, with its time.
type End = fn(&TimedQueue) -> Option<&(i64, Dynamic)>;

fn ends(engine: &mut Engine, host: &Rc<Host>) {
    let ends: [(&'static str, &'static str, End); 2] = [
        ("oldest", "oldest_time", TimedQueue::oldest),
        ("newest", "newest_time", TimedQueue::newest),
    ];
    for (value, time, end) in ends {
        let h = host.clone();
        engine.register_get(value, move |queue: &mut Held<TimedQueue>| -> Dynamic {
            end(&queue.0).map_or_else(|| nothing(&h, value), |(_, value)| value.clone())
        });
        let h = host.clone();
        engine.register_get(time, move |queue: &mut Held<TimedQueue>| -> Dynamic {
            end(&queue.0).map_or_else(|| nothing(&h, time), |(time, _)| (*time).into())
        });
    }
}

fn signed(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

impl IntoIterator for Held<TimedQueue> {
    type Item = Dynamic;
    type IntoIter = std::vec::IntoIter<Dynamic>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.values().cloned().collect::<Vec<_>>().into_iter()
    }
}

fn distinct(engine: &mut Engine, host: &Rc<Host>) {
    let h = host.clone();
    let push = move |seen: &mut Held<Distinct>, time: Dynamic, value: Dynamic| -> Fallible<bool> {
        let time = int(&h, "distinct.push", "the time", &time)?;
        let key = key(&h, "distinct.push", &value)?;
        h.room_in_array("distinct.push", seen.0.len() + 1)?;
        Ok(seen.change().push(time, key))
    };
    engine.register_fn("push", push);
    let h = host.clone();
    let extend = move |seen: &mut Held<Distinct>, at: Dynamic, values: Dynamic| -> Fallible<Mask> {
        let function = "distinct.extend";
        let at = times(&h, function, "the times", &at)?;
        let values = several(&h, function, &values)?;
        equally_long(
            function,
            ("the column of times", at.len()),
            ("the column of values", values.len()),
        )?;
        time_for(&h, function, values.len())?;
        let mut changed = (*seen.0).clone();
        let mut new = Vec::with_capacity(values.len());
        for (time, value) in at.into_iter().zip(&values) {
            h.room_in_array(function, changed.len() + 1)?;
            new.push(changed.push(time, key(&h, function, value)?));
        }
        seen.0 = Rc::new(changed);
        Ok(Mask(Rc::new(new)))
    };
    engine.register_fn("extend", extend);
    let h = host.clone();
    engine.register_fn(
        "move_to",
        move |seen: &mut Held<Distinct>, time: Dynamic| -> Fallible<()> {
            let time = int(&h, "distinct.move_to", "the time", &time)?;
            seen.change().move_to(time);
            Ok(())
        },
    );
    let h = host.clone();
    let contains = move |seen: &mut Held<Distinct>, value: Dynamic| -> Fallible<bool> {
        Ok(seen.0.contains(&key(&h, "distinct.contains", &value)?))
    };
    engine.register_fn("contains", contains);
    engine.register_fn("reset", |seen: &mut Held<Distinct>| seen.change().reset());
    engine.register_get("count", |seen: &mut Held<Distinct>| seen.0.len() as i64);
    let h = host.clone();
    engine.register_get("values", move |seen: &mut Held<Distinct>| -> Fallible<Array> {
        time_for(&h, "values", seen.0.len())?;
        h.room_in_array("values", seen.0.len())?;
        Ok(seen.0.keys().map(crate::script::collection::Key::value).collect())
    });
}
