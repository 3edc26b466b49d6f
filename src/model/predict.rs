//! Predictions: rows of features in, interpreted outputs out.

use super::answer::Prediction;
use super::error::{ModelError, Result};
use super::onnx::Table;
use super::port::{Port, PortKind};
use super::run::Run;
use super::tensor::{Data, Kind, Shape, Tensor};
use super::value::{Labels, Value, Values};
use super::{Engine, Model};
use smallvec::{SmallVec, smallvec};
use std::sync::Arc;

/// Rows of features, as many columns as the model has features.
pub struct Rows {
    /// The number of rows.
    pub rows: usize,
    /// The numbers, row by row; a column of strings has any number here.
    pub numbers: Vec<f32>,
    /// The columns of strings, by their place.
    pub texts: Vec<(usize, Vec<Arc<str>>)>,
}

/// Where the features of a row go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layout {
    /// Each row goes to the inputs, which have this many columns together.
    Table {
        /// The columns of all inputs together.
        columns: usize,
    },
    /// The only input is a window: so many rows, each with so many columns.
    Window {
        /// The rows of a window.
        steps: usize,
        /// The columns of a row.
        columns: usize,
    },
}

impl Layout {
    /// The columns of a row.
    pub fn columns(self) -> usize {
        match self {
            Self::Table { columns } | Self::Window { columns, .. } => columns,
        }
    }
}

/// The columns that an input takes, where it is a table or a list.
fn width(port: &Port) -> Option<usize> {
    match (port.kind, port.shape.as_deref()) {
        (PortKind::Tensor(_), Some([_, columns])) => *columns,
        (PortKind::Tensor(_), Some([_])) => Some(1),
        _ => None,
    }
}

impl Model {
    /// How rows of features become inputs.
    ///
    /// # Errors
    /// Inputs that are neither tables nor a window, or that do not say how wide they are.
    pub fn layout(&self) -> std::result::Result<Layout, ModelError> {
        if let [port] = &self.inputs[..]
            && let Some([_, steps, columns]) = port.shape.as_deref()
        {
            let columns = columns.or(self.features.as_ref().map(Vec::len));
            if let (Some(steps), Some(columns)) = (steps, columns) {
                return Ok(Layout::Window { steps: *steps, columns });
            }
        }
        let named = self.features.as_ref().map(Vec::len);
        let columns = match &self.inputs[..] {
            // A table that does not say how wide it is has as many columns as it has names.
            [port] if is_table(port) => width(port).or(named),
            ports => ports.iter().map(width).sum(),
        };
        columns.map(|columns| Layout::Table { columns }).ok_or_else(|| {
            let inputs: Vec<_> = self.inputs.iter().map(Port::to_string).collect();
            let text = format!(
                "rows cannot be put into the inputs {}; use run() with tensors by name, or say \
                 the features in the model's options",
                inputs.join(", ")
            );
            ModelError::Input(text)
        })
    }

    /// The features whose columns are strings, as flags by their place; empty where there are none.
    pub fn text_columns(&self) -> Vec<bool> {
        if self.inputs.iter().all(|port| port.kind != PortKind::Tensor(Kind::Text)) {
            return Vec::new();
        }
        let flags = |port: &Port| {
            let text = port.kind == PortKind::Tensor(Kind::Text);
            std::iter::repeat_n(text, width(port).unwrap_or(1).min(1 << 16))
        };
        self.inputs.iter().flat_map(flags).collect()
    }

    /// Predicts for rows of features, or for windows that follow each other in `rows`.
    ///
    /// # Errors
    /// As [`Model::run`], and rows that do not fit the inputs.
    pub fn predict(
        &self,
        rows: Rows,
        run: &Run<'_>,
    ) -> std::result::Result<Prediction, ModelError> {
        self.predict_named(rows, None, run)
    }

    /// As [`Model::predict`], with other names for the classes.
    ///
    /// # Errors
    /// As [`Model::predict`].
    pub fn predict_named(
        &self,
        rows: Rows,
        labels: Option<&Arc<Labels>>,
        run: &Run<'_>,
    ) -> std::result::Result<Prediction, ModelError> {
        if let (Some(columns), Engine::Onnx(onnx)) = (self.pipeline, &self.engine)
            && rows.texts.is_empty()
            && rows.numbers.len() == rows.rows.saturating_mul(columns)
        {
            let mut table = Table::new(rows.rows, columns, rows.numbers);
            onnx.change(&mut table, run)?;
            return Ok(Prediction { answers: self.roles.of_table(table, labels)? });
        }
        let layout = self.layout()?;
        let fixed = self.inputs.iter().find_map(|port| *port.shape.as_ref()?.first()?);
        let count = match layout {
            Layout::Table { .. } => rows.rows,
            Layout::Window { steps, .. } => rows.rows / steps.max(1),
        };
        if fixed == Some(1) && count > 1 {
            return self.one_by_one(&rows, count, labels, run);
        }
        let inputs = self.tensors(rows, layout, count)?;
        let inputs: SmallVec<[&Value; 8]> = inputs.iter().collect();
        let outputs = self.evaluate(&inputs, run)?;
        Ok(Prediction { answers: self.roles.answers(outputs, labels)? })
    }

    /// A model that was exported for a single row sees the rows one after the other.
    fn one_by_one(
        &self,
        rows: &Rows,
        count: usize,
        labels: Option<&Arc<Labels>>,
        run: &Run<'_>,
    ) -> Result<Prediction> {
        let width = rows.numbers.len() / count;
        let mut all: Option<Prediction> = None;
        for at in 0..count {
            let texts = rows.texts.iter().map(|(column, v)| (*column, vec![v[at].clone()]));
            let row = Rows {
                rows: rows.rows / count,
                numbers: rows.numbers[at * width..(at + 1) * width].to_vec(),
                texts: texts.collect(),
            };
            let one = self.predict_named(row, labels, run)?;
            all = Some(match all {
                None => one,
                Some(all) => all.and(one)?,
            });
        }
        all.ok_or_else(|| ModelError::Input("no rows".into()))
    }

    fn tensors(&self, rows: Rows, layout: Layout, count: usize) -> Result<Values> {
        let (columns, shape) = match layout {
            Layout::Table { columns } => (columns, None),
            Layout::Window { steps, columns } => {
                (columns, Some(Shape::new(&[count, steps, columns])?))
            }
        };
        if rows.numbers.len() != rows.rows.saturating_mul(columns) {
            let text = format!(
                "{} numbers for {} rows of {columns} features",
                rows.numbers.len(),
                rows.rows
            );
            return Err(ModelError::Input(text));
        }
        if let [port] = &self.inputs[..]
            && rows.texts.is_empty()
        {
            let flat = port.shape.as_ref().is_some_and(|shape| shape.len() == 1);
            let table = if flat { Shape::list(count) } else { Shape::new(&[count, columns])? };
            let tensor = of_kind(port, shape.unwrap_or(table), rows.numbers)?;
            return Ok(smallvec![tensor.into()]);
        }
        let mut first = 0;
        let mut values = Values::with_capacity(self.inputs.len());
        for port in &self.inputs {
            let wide = width(port).unwrap_or(columns);
            values.push(part(port, &rows, first, wide, columns)?.into());
            first += wide;
        }
        Ok(values)
    }
}

fn is_table(port: &Port) -> bool {
    port.shape.as_ref().is_none_or(|shape| shape.len() == 2)
}

/// Numbers as the kind that an input wants.
fn of_kind(port: &Port, shape: Shape, numbers: Vec<f32>) -> Result<Tensor> {
    let data = match port.kind {
        PortKind::Tensor(Kind::Double) => Data::Double(numbers.iter().map(|&x| x.into()).collect()),
        PortKind::Tensor(Kind::Int) => Data::Int(numbers.iter().map(|&x| x as i64).collect()),
        PortKind::Tensor(Kind::Bool) => Data::Bool(numbers.iter().map(|&x| x != 0.0).collect()),
        _ => Data::Float(numbers),
    };
    Tensor::new(shape, data)
}

/// The columns of one input among those of all.
fn part(port: &Port, rows: &Rows, first: usize, wide: usize, columns: usize) -> Result<Tensor> {
    let flat = port.shape.as_ref().is_some_and(|shape| shape.len() == 1);
    let shape = if flat { Shape::list(rows.rows) } else { Shape::new(&[rows.rows, wide])? };
    if port.kind == PortKind::Tensor(Kind::Text) {
        let column = |at: usize| rows.texts.iter().find(|(place, _)| *place == first + at);
        let missing = || ModelError::Input(format!("input {port} wants strings"));
        let columns = (0..wide)
            .map(|at| column(at).filter(|(_, v)| v.len() == rows.rows).ok_or_else(missing))
            .collect::<Result<Vec<_>>>()?;
        let texts = (0..rows.rows).flat_map(|row| columns.iter().map(move |(_, v)| v[row].clone()));
        return Tensor::new(shape, Data::Text(texts.collect()));
    }
    let numbers = rows
        .numbers
        .chunks_exact(columns.max(1))
        .flat_map(|row| row[first..first + wide].iter().copied())
        .collect();
    of_kind(port, shape, numbers)
}
