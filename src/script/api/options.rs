//! `opt`: the bound options, shared by all calls and read-only.

use super::{Fallible, fail};
use rhai::{Dynamic, Engine, ImmutableString, Map};
use std::rc::Rc;

/// The options of one use of the script.
#[derive(Clone, Debug)]
pub(crate) struct Options(pub(crate) Rc<Map>);

impl Options {
    fn get(&mut self, name: &str) -> Fallible<Dynamic> {
        match self.0.get(name) {
            Some(value) => Ok(value.clone()),
            None => Err(fail(format_args!(
                "there is no option '{name}'; info() declares {}",
                self.names().join(", ")
            ))),
        }
    }

    fn names(&self) -> Vec<String> {
        self.0.keys().map(ToString::to_string).collect()
    }
}

/// Makes `opt.name` one call for each declared option; without it, Rhai first composes an error for
/// the property that is not there, and then asks the indexer.
pub(crate) fn register_names<'a>(engine: &mut Engine, names: impl Iterator<Item = &'a String>) {
    for name in names {
        let key: rhai::Identifier = name.as_str().into();
        engine.register_get(name, move |options: &mut Options| options.get(&key));
    }
}

pub(super) fn register(engine: &mut Engine) {
    engine
        .register_type_with_name::<Options>("Options")
        .register_indexer_get(|options: &mut Options, name: &str| options.get(name))
        .register_indexer_set(|options: &mut Options, name: &str, value: Dynamic| -> Fallible<()> {
            // `opt.field.len()` writes its receiver back; that is no change.
            let same = |old: &Dynamic| format!("{old:?}") == format!("{value:?}");
            if options.0.get(name).is_some_and(same) {
                return Ok(());
            }
            Err(fail(format_args!("option '{name}' cannot be changed; keep it in `this`")))
        })
        .register_fn("keys", |options: &mut Options| -> rhai::Array {
            options.names().into_iter().map(Into::into).collect()
        })
        .register_fn("contains", |options: &mut Options, name: ImmutableString| {
            options.0.contains_key(name.as_str())
        })
        .register_fn("to_string", |options: &mut Options| {
            Dynamic::from_map((*options.0).clone()).to_string()
        })
        .register_fn("to_debug", |options: &mut Options| {
            Dynamic::from_map((*options.0).clone()).to_string()
        });
}
