//! The engine that scripts run on: only the packages they may use, and the limits of one call.

mod budget;
pub(super) mod growth;
mod lengths;
pub(super) mod modules;

pub(super) use budget::Budget;

use crate::agent::Pulse;
use crate::script::config::Limits;
use rhai::packages::{
    BasicArrayPackage, BasicBlobPackage, BasicMapPackage, BasicMathPackage, BitFieldPackage,
    CorePackage, LogicPackage, MoreStringPackage, Package,
};
use rhai::{Dynamic, Engine, EvalAltResult, Position, Token};

/// Modules that one script may load.
const MODULES: usize = 100;

/// How deep calls may be nested on the stack of a session, whatever the configuration says.
const DEPTH: usize = 1000;

/// An engine without files, network and clock.
pub(crate) fn engine(limits: &Limits, pulse: &Pulse) -> Engine {
    let mut engine = Engine::new_raw();
    CorePackage::new().register_into_engine(&mut engine);
    BitFieldPackage::new().register_into_engine(&mut engine);
    LogicPackage::new().register_into_engine(&mut engine);
    BasicMathPackage::new().register_into_engine(&mut engine);
    BasicArrayPackage::new().register_into_engine(&mut engine);
    BasicBlobPackage::new().register_into_engine(&mut engine);
    BasicMapPackage::new().register_into_engine(&mut engine);
    MoreStringPackage::new().register_into_engine(&mut engine);
    engine.disable_symbol("eval");
    // Declarations say `default: 1`; Rhai reserves the word and does nothing with it.
    #[allow(deprecated)] // "volatile", not going away
    engine.on_parse_token(|token, _, _| match token {
        Token::Reserved(word) if word.as_str() == "default" => Token::Identifier(word),
        other => other,
    });
    engine.set_strict_variables(true);
    engine.set_max_operations(limits.operations);
    engine.set_max_call_levels(if limits.depth == 0 { DEPTH } else { limits.depth.min(DEPTH) });
    engine.set_max_string_size(limits.string);
    engine.set_max_array_size(limits.array);
    engine.set_max_map_size(limits.map);
    engine.set_max_modules(MODULES);
    engine.set_max_expr_depths(128, 64);
    engine.register_fn("sleep", |_: i64| no_sleep());
    engine.register_fn("sleep", |_: f64| no_sleep());
    growth::register(&mut engine, growth::Sizes::of(limits));
    let budget = Budget::new(limits, pulse);
    engine.on_progress(move |_| if budget.lasts() { None } else { budget.spent().map(Into::into) });
    engine
}

fn no_sleep() -> Result<Dynamic, Box<EvalAltResult>> {
    Err(Box::new(EvalAltResult::ErrorRuntime("a script cannot sleep".into(), Position::NONE)))
}
