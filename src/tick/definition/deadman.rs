//! `|deadman()`: an alert on few points, made of `|stats()`, `|derivative()` and `|alert()`.

use std::rc::Rc;

use crate::protocol::duration;
use crate::tick::definition::evaluator::Evaluator;
use crate::tick::definition::object::Object;
use crate::tick::definition::spec;
use crate::tick::definition::{NodeKind, Property};
use crate::tick::error::Result;
use crate::tick::flow::Edge;
use crate::tick::syntax::ast::{Expr, ExprKind};
use crate::tick::syntax::lexer::Operator;

/// The field of `|stats()` that counts points.
const EMITTED: &str = "emitted";

impl Evaluator<'_> {
    /// Makes the nodes of a deadman's switch, as the daemon does with its usual configuration; returns the alert, to
    /// which the script may add properties.
    pub(super) fn deadman(
        &mut self,
        parent: usize,
        at: usize,
        arguments: &[Object],
    ) -> Result<Object> {
        let [Object::Float(threshold), Object::Duration(interval), others @ ..] = arguments else {
            return Err(self.error(at, "|deadman() takes (float, duration, lambda...)"));
        };
        let name = format!("{}{parent}", self.definitions[parent].name);
        let edge = self.definitions[parent].provides;
        let stats = self.made("stats", vec![Object::Duration(*interval)], parent, edge, at)?;
        self.set(stats, "align", Vec::new(), at);
        self.count_for(parent, at)?;
        let field = vec![Object::String(EMITTED.into())];
        let derivative = self.made("derivative", field, stats, Edge::Stream, at)?;
        self.set(derivative, "nonNegative", Vec::new(), at);
        self.set(derivative, "unit", vec![Object::Duration(*interval)], at);
        let alert = self.made("alert", Vec::new(), derivative, Edge::Stream, at)?;
        let condition = condition(*threshold, others, at);
        let lambda = Object::Lambda(Rc::new(condition.clone()), Rc::new(self.lambda(&condition)?));
        self.set(alert, "crit", vec![lambda], at);
        let id = format!("{{{{ .Group }}}}:{name} for task '{{{{ .TaskName }}}}'");
        let message = format!(
            "{{{{ .ID }}}} is {{{{ if eq .Level \"OK\" }}}}alive{{{{ else }}}}dead{{{{ end }}}}: \
             {{{{ index .Fields \"{EMITTED}\" | printf \"%0.3f\" }}}} points/{}.",
            duration::go(*interval)
        );
        self.set(alert, "id", vec![Object::String(id.into())], at);
        self.set(alert, "message", vec![Object::String(message.into())], at);
        Ok(Object::Node(alert))
    }

    /// Gives a node that is counted and has no child yet a child that does nothing: the daemon counts what a node
    /// sends, and includes this child in the numbers of the nodes.
    pub(super) fn count_for(&mut self, counted: usize, at: usize) -> Result<()> {
        let is_stats = |name: &str| name == "stats";
        let mut others = self.definitions.iter().filter(|d| d.parents.contains(&counted));
        if others.all(|child| is_stats(&child.name)) {
            let edge = self.definitions[counted].provides;
            self.made("noOp", Vec::new(), counted, edge, at)?;
        }
        Ok(())
    }

    fn made(
        &mut self,
        name: &str,
        arguments: Vec<Object>,
        parent: usize,
        wants: Edge,
        at: usize,
    ) -> Result<usize> {
        let spec = spec::find(name).expect("the language has the node");
        let provides = match spec.provides {
            spec::Provides::Stream => Edge::Stream,
            spec::Provides::Batch => Edge::Batch,
            spec::Provides::Same => wants,
        };
        let kind = NodeKind::Node(spec);
        self.push(spec.name, kind, arguments, vec![parent], wants, provides, at)?;
        Ok(self.definitions.len() - 1)
    }

    fn set(&mut self, node: usize, name: &str, arguments: Vec<Object>, at: usize) {
        let property = Property { name: name.to_owned(), handler: None, arguments, at };
        self.definitions[node].properties.push(property);
    }
}

/// Returns `"emitted" <= threshold AND …`.
fn condition(threshold: f64, others: &[Object], at: usize) -> Expr {
    let pair = |operator: Operator, left: Expr, right: Expr| {
        let depth = left.depth.max(right.depth) + 1;
        Expr { kind: ExprKind::Binary(operator, Box::new(left), Box::new(right)), at, depth }
    };
    let first = pair(
        Operator::LessEqual,
        Expr::leaf(ExprKind::Reference(EMITTED.into()), at),
        Expr::leaf(ExprKind::Float(threshold), at),
    );
    others.iter().fold(first, |all, other| match other {
        Object::Lambda(body, _) => pair(Operator::And, all, (**body).clone()),
        _ => all,
    })
}
