//! Points emitted where batches are provided, and the reverse.

use super::walk::{Function, Script, Warn, variable};
use crate::protocol::message::EdgeType;
use crate::script::declaration::Declaration;
use crate::script::host::callback::Callback;
use rhai::Expr;

/// What an expression gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Point,
    Batch,
}

pub(super) fn check(script: &Script<'_>, declaration: &Declaration, warn: &mut Warn<'_>) {
    script.visit(&mut |function, node| {
        let Some((call, position)) = node.call() else { return };
        let [argument] = &*call.args else { return };
        if call.name.as_str() != "emit" || script.function("emit", 1).is_some() {
            return;
        }
        let callback = function.and_then(Function::callback);
        if matches!(callback, Some(Callback::Info | Callback::Init | Callback::State)) {
            let name = callback.map_or("", Callback::name);
            warn(position, format!("{name} cannot emit: there is no point or batch at hand"));
            return;
        }
        match (kind(argument, function), declaration.provides) {
            // A stream's chunk is emitted as points.
            (Some(Kind::Batch), EdgeType::Stream) if callback != Some(Callback::Points) => warn(
                position,
                "info() says that this script provides a stream: emit points, one or an array of \
                 them (batch.points())"
                    .into(),
            ),
            // Inside a batch, the host puts bare points into one.
            (Some(Kind::Point), EdgeType::Batch) if declaration.wants == EdgeType::Stream => warn(
                position,
                "info() says that this script provides batches: emit a batch, made with \
                 new_batch(#{...}, [points])"
                    .into(),
            ),
            _ => {}
        }
    });
}

fn kind(expression: &Expr, function: Option<&Function>) -> Option<Kind> {
    if let Some(name) = variable(expression) {
        let function = function?;
        if function.own() != Some(name) {
            return None;
        }
        return match function.callback()? {
            Callback::Point => Some(Kind::Point),
            Callback::Points | Callback::BeginBatch | Callback::EndBatch => Some(Kind::Batch),
            _ => None,
        };
    }
    match expression {
        Expr::FnCall(call, _) if call.name.as_str() == "new_point" => Some(Kind::Point),
        Expr::FnCall(call, _) if call.name.as_str() == "new_batch" => Some(Kind::Batch),
        Expr::Array(items, _) => items.first().and_then(|item| kind(item, function)),
        Expr::Dot(parts, ..) => match &parts.rhs {
            Expr::MethodCall(call, _) if call.name.as_str() == "with_points" => Some(Kind::Batch),
            Expr::MethodCall(call, _)
                if call.name.as_str() == "select" && kind(&parts.lhs, function).is_some() =>
            {
                Some(Kind::Batch)
            }
            Expr::MethodCall(call, _)
                if call.name.as_str() == "point"
                    && kind(&parts.lhs, function) == Some(Kind::Batch) =>
            {
                Some(Kind::Point)
            }
            _ => None,
        },
        _ => None,
    }
}
