//! `@name()`: a user defined function.

use std::rc::Rc;

use crate::protocol::group::{Dimensions, regroup};
use crate::protocol::message::InitRequest;
use crate::protocol::{Batch, Point};
use crate::tick::definition::Definition;
use crate::tick::error::{Result, TickError, TickText};
use crate::tick::flow::{Edge, Message, Node, Outbox};
use crate::tick::graph::Task;
use crate::tick::udf::{Udf, Udfs, option};

/// Starts the function of a definition.
pub(crate) fn build(
    definition: &Definition,
    node: &str,
    source: &TickText<'_>,
    task: &Task,
    udfs: &mut dyn Udfs,
) -> Result<Box<dyn Node>> {
    let options = definition.properties.iter().map(|p| option(&p.name, &p.arguments)).collect();
    let init = InitRequest { options, task_id: task.id.clone(), node_id: node.to_owned() };
    let udf = udfs.start(&definition.name, init).map_err(|error| match error {
        error @ TickError::Script { .. } => error,
        error => source.error(definition.at, error.to_string()),
    })?;
    Ok(Box::new(Call { name: definition.name.clone(), provides: definition.provides, udf }))
}

/// A function and what it provides.
struct Call {
    name: String,
    provides: Edge,
    udf: Box<dyn Udf>,
}

impl Call {
    /// Groups the answers as the daemon does, which computes all groups anew.
    fn forward(&self, answers: Vec<Message>, out: &mut Outbox<'_>) -> Result<()> {
        for answer in answers {
            let (edge, answer) = match answer {
                Message::Point(mut point) => {
                    let dimensions = Dimensions::of(&point);
                    dimensions.apply(Rc::make_mut(&mut point));
                    (Edge::Stream, Message::Point(point))
                }
                Message::Batch(mut batch) => {
                    regroup(Rc::make_mut(&mut batch));
                    (Edge::Batch, Message::Batch(batch))
                }
            };
            if edge != self.provides {
                let message =
                    format!("it declares to provide a {} and wrote a {edge}", self.provides);
                return Err(TickError::Udf { name: self.name.clone(), message });
            }
            out.send(answer);
        }
        Ok(())
    }
}

impl Node for Call {
    fn point(&mut self, _port: usize, point: Rc<Point>, out: &mut Outbox<'_>) -> Result<()> {
        let mut answers = Vec::new();
        self.udf.point(&point, &mut answers)?;
        self.forward(answers, out)
    }

    fn batch(&mut self, _port: usize, batch: Rc<Batch>, out: &mut Outbox<'_>) -> Result<()> {
        let mut answers = Vec::new();
        self.udf.batch(&batch, &mut answers)?;
        self.forward(answers, out)
    }

    fn finish(&mut self, out: &mut Outbox<'_>) -> Result<()> {
        let mut answers = Vec::new();
        self.udf.finish(&mut answers)?;
        self.forward(answers, out)
    }
}
