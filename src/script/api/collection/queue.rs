//! `queue()` and `ring(n)`.

use super::{array_of, common, nothing, numbers_of, room, several};
use crate::script::api::arguments::{count, function, refuse};
use crate::script::api::series::{Series, place};
use crate::script::api::{Fallible, NativeTypes};
use crate::script::collection::{Deque, Held};
use crate::script::host::Host;
use rhai::{Array, Dynamic, Engine};
use std::rc::Rc;

type Queue = Held<Deque>;

pub(super) fn register(engine: &mut Engine, host: &Rc<Host>, registry: &mut NativeTypes) {
    common::<Deque>(engine, registry);
    engine.register_fn("queue", || Held::new(Deque::default()));
    function(engine, host, "ring", &["n"], |a| {
        Ok(Dynamic::from(Held::new(Deque::ring(a.count()?)?)))
    });
    giving(engine, host);
    taking(engine, host);
    reading(engine, host);
}

fn giving(engine: &mut Engine, host: &Rc<Host>) {
    let ends: [(&'static str, fn(&mut Deque, Dynamic)); 2] =
        [("push", Deque::push_back), ("push_front", Deque::push_front)];
    for (name, push) in ends {
        let h = host.clone();
        engine.register_fn(name, move |queue: &mut Queue, value: Dynamic| -> Fallible<Queue> {
            // A full ring grows no more.
            let len = queue.0.items.len() - usize::from(queue.0.is_full());
            room(&h, name, len, &value)?;
            push(queue.change(), value);
            Ok(queue.clone())
        });
    }
    let h = host.clone();
    engine.register_fn("extend", move |queue: &mut Queue, values: Dynamic| -> Fallible<Queue> {
        let mut values = several(&h, "extend", &values)?;
        if let Some(size) = queue.0.size() {
            values.drain(..values.len().saturating_sub(size));
        }
        let len = queue.0.items.len() + values.len();
        h.room_in_array("extend", queue.0.size().map_or(len, |size| size.min(len)))?;
        for value in &values {
            room(&h, "extend", 0, value)?;
        }
        let queue_of = queue.change();
        values.into_iter().for_each(|value| queue_of.push_back(value));
        Ok(queue.clone())
    });
    let h = host.clone();
    engine.register_fn("resize", move |queue: &mut Queue, n: Dynamic| -> Fallible<Queue> {
        let n = count(&h, "resize", "n", &n)?;
        queue.change().resize(n).map_err(|e| refuse(&h, "resize", &e))?;
        Ok(queue.clone())
    });
}

fn taking(engine: &mut Engine, host: &Rc<Host>) {
    let ends: [(&'static str, fn(&mut Deque) -> Option<Dynamic>); 2] =
        [("pop", |q| q.items.pop_back()), ("shift", |q| q.items.pop_front())];
    for (name, pop) in ends {
        let h = host.clone();
        engine.register_fn(name, move |queue: &mut Queue| -> Dynamic {
            pop(queue.change()).unwrap_or_else(|| nothing(&h, name))
        });
    }
    engine.register_fn("remove", move |queue: &mut Queue, index: i64| -> Fallible<Dynamic> {
        let at = place("remove", index, queue.0.items.len())?;
        Ok(queue.change().items.remove(at).unwrap_or_default())
    });
    for name in ["reset", "clear"] {
        engine.register_fn(name, |queue: &mut Queue| queue.change().items.clear());
    }
}

fn reading(engine: &mut Engine, host: &Rc<Host>) {
    let ends: [(&'static str, fn(&Deque) -> Option<&Dynamic>); 2] =
        [("first", |q| q.items.front()), ("last", |q| q.items.back())];
    for (name, end) in ends {
        let h = host.clone();
        engine.register_get(name, move |queue: &mut Queue| -> Dynamic {
            end(&queue.0).cloned().unwrap_or_else(|| nothing(&h, name))
        });
    }
    engine.register_get("size", |queue: &mut Queue| -> Dynamic {
        queue.0.size().map_or(Dynamic::UNIT, |size| (size as i64).into())
    });
    engine.register_get("is_full", |queue: &mut Queue| queue.0.is_full());
    engine.register_indexer_get(|queue: &mut Queue, index: i64| -> Fallible<Dynamic> {
        Ok(queue.0.items[place("queue", index, queue.0.items.len())?].clone())
    });
    let h = host.clone();
    let set = move |queue: &mut Queue, index: i64, value: Dynamic| -> Fallible<()> {
        let at = place("queue", index, queue.0.items.len())?;
        room(&h, "queue", 0, &value)?;
        queue.change().items[at] = value;
        Ok(())
    };
    engine.register_indexer_set(set);
    let h = host.clone();
    engine.register_get("values", move |queue: &mut Queue| -> Fallible<Array> {
        array_of(&h, "values", queue.0.items.len(), queue.0.items.iter())
    });
    let h = host.clone();
    engine.register_fn("series", move |queue: &mut Queue| -> Fallible<Series> {
        numbers_of(&h, "series", queue.0.items.len(), queue.0.items.iter())
    });
    engine.register_iterator::<Queue>();
}

impl IntoIterator for Queue {
    type Item = Dynamic;
    type IntoIter = std::collections::vec_deque::IntoIter<Dynamic>;

    fn into_iter(self) -> Self::IntoIter {
        Rc::unwrap_or_clone(self.0).items.into_iter()
    }
}
