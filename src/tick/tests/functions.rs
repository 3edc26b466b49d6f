//! Functions for the tests of this room.

use super::*;
use crate::protocol::message::{
    EdgeType, InfoResponse, InitRequest, OptionInfo, ValueType, option_value,
};
use crate::tick::error::TickError;
use crate::tick::udf::{Answers, Udf};
use std::collections::BTreeMap;
use std::rc::Rc;

/// `@scale().field('v').by(2.0)` on streams, `@size()` on batches.
pub(super) struct Native;

enum Running {
    Scale(String, f64),
    Size,
}

impl Udfs for Native {
    fn info(&mut self, name: &str) -> Result<Option<InfoResponse>> {
        let option = |types: &[ValueType]| OptionInfo {
            value_types: types.iter().map(|t| i32::from(*t)).collect(),
        };
        Ok(match name {
            "scale" => Some(InfoResponse {
                wants: EdgeType::Stream.into(),
                provides: EdgeType::Stream.into(),
                options: [
                    ("field".to_owned(), option(&[ValueType::String])),
                    ("by".to_owned(), option(&[ValueType::Double])),
                ]
                .into(),
            }),
            "size" => Some(InfoResponse {
                wants: EdgeType::Batch.into(),
                provides: EdgeType::Stream.into(),
                options: BTreeMap::new().into_iter().collect(),
            }),
            _ => None,
        })
    }

    fn start(&mut self, name: &str, init: InitRequest) -> Result<Box<dyn Udf>> {
        if name == "size" {
            return Ok(Box::new(Running::Size));
        }
        let (mut field, mut by) = (String::new(), None);
        for option in init.options {
            match option.values.first().and_then(|v| v.value.clone()) {
                Some(option_value::Value::StringValue(v)) => field = v,
                Some(option_value::Value::DoubleValue(v)) => by = Some(v),
                _ => {}
            }
        }
        match by {
            Some(by) => Ok(Box::new(Running::Scale(field, by))),
            None => Err(TickError::Udf {
                name: name.to_owned(),
                message: "option by is missing".to_owned(),
            }),
        }
    }
}

impl Udf for Running {
    fn point(&mut self, point: &mut Rc<Point>, answers: &mut Answers<'_>) -> Result<()> {
        let mut point = (**point).clone();
        if let Self::Scale(field, by) = self
            && let Some(value) = point.field(field).and_then(|v| v.as_double())
        {
            point.set_field(field, value * *by);
        }
        answers.push(point);
        Ok(())
    }

    fn batch(&mut self, batch: &Batch, answers: &mut Answers<'_>) -> Result<()> {
        let mut point = Point::new(batch.tmax);
        point.set_name(&batch.name);
        point.set_field("size", batch.len() as i64);
        answers.push(point);
        Ok(())
    }

    fn frame(&mut self, _frame: &[u8], _answers: &mut Answers<'_>) -> Result<()> {
        Ok(())
    }

    fn finish(&mut self, _answers: &mut Answers<'_>) -> Result<()> {
        Ok(())
    }
}
