//! Predictions: rows of features in, what the outputs mean out.

use super::Model;
use super::error::{ModelError, Result};
use super::math::argmax;
use super::port::{Port, PortKind};
use super::run::Run;
use super::tensor::{Data, Kind, Shape, Tensor};
use super::value::{Labels, Value};
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

/// What an output is about.
#[derive(Clone, Debug, PartialEq)]
pub enum Meaning {
    /// The class of each row.
    Label,
    /// A number for each class and row.
    Classes(Arc<Labels>),
    /// Numbers of the model's own.
    Plain,
}

/// One of the things that a prediction says.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer {
    /// `label`, `probabilities`, `scores`, or the name of the output.
    pub name: Arc<str>,
    /// What the values are about.
    pub meaning: Meaning,
    /// The values; the first dimension is the rows.
    pub values: Tensor,
}

/// What a model says about some rows.
#[derive(Clone, Debug, PartialEq)]
pub struct Prediction {
    /// The answers; a single plain one is the value that the model predicts.
    pub answers: Vec<Answer>,
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

    /// The features whose columns are strings, as flags by their place.
    pub fn text_columns(&self) -> Vec<bool> {
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
        let inputs: Vec<&Value> = inputs.iter().collect();
        let outputs = self.evaluate(&inputs, run)?;
        Ok(Prediction { answers: self.answers(outputs, labels)? })
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

    fn tensors(&self, rows: Rows, layout: Layout, count: usize) -> Result<Vec<Value>> {
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
            return Ok(vec![Value::Tensor(of_kind(port, shape.unwrap_or(table), rows.numbers)?)]);
        }
        let mut first = 0;
        let mut values = Vec::with_capacity(self.inputs.len());
        for port in &self.inputs {
            let wide = width(port).unwrap_or(columns);
            values.push(Value::Tensor(part(port, &rows, first, wide, columns)?));
            first += wide;
        }
        Ok(values)
    }

    fn answers(&self, outputs: Vec<Value>, given: Option<&Arc<Labels>>) -> Result<Vec<Answer>> {
        let own = self.labels.as_ref();
        let is_label = |port: &Port, value: &Value| {
            matches!(value, Value::Tensor(t) if matches!(t.data(), Data::Int(_) | Data::Text(_)))
                && (self.outputs.len() > 1 || port.name.to_lowercase().contains("label"))
        };
        let labelled = self.outputs.iter().zip(&outputs).any(|(port, value)| is_label(port, value));
        let (mut answers, mut scored, mut named) = (Vec::new(), false, false);
        for (port, value) in self.outputs.iter().zip(outputs) {
            let label = is_label(port, &value) && !named;
            match value {
                Value::Tensor(values) if label => {
                    named = true;
                    let values = relabelled(values, own, given)?;
                    answers.push(Answer { name: "label".into(), meaning: Meaning::Label, values });
                }
                Value::Tensor(values) => {
                    let probable = port.name.to_lowercase().contains("prob");
                    let labels = given.cloned().or(own.cloned().map(Arc::new));
                    let labels = labels.filter(|labels| {
                        let wide = values.shape().get(1..).is_some_and(|s| s == [labels.len()]);
                        wide && (probable || given.is_some())
                    });
                    let name = match (labelled && !scored, &labels) {
                        (true, None) if !probable => "scores",
                        (_, Some(_)) | (true, None) => "probabilities",
                        (false, None) => &port.name,
                    };
                    scored = true;
                    let meaning = labels.map_or(Meaning::Plain, Meaning::Classes);
                    answers.push(Answer { name: name.into(), meaning, values });
                }
                Value::Maps(maps) => {
                    scored = true;
                    let wide = |labels: &&Arc<Labels>| labels.len() == maps.keys.len();
                    let keys = given.filter(wide).cloned().unwrap_or(maps.keys);
                    let meaning = Meaning::Classes(keys);
                    answers.push(Answer {
                        name: "probabilities".into(),
                        meaning,
                        values: maps.values,
                    });
                }
                Value::Sequence(tensors) => {
                    for (at, values) in tensors.into_iter().enumerate() {
                        let name = format!("{}_{at}", port.name).into();
                        answers.push(Answer { name, meaning: Meaning::Plain, values });
                    }
                }
            }
        }
        if !labelled && let Some(given) = given {
            classify(&mut answers, given)?;
        }
        Ok(answers)
    }
}

fn is_table(port: &Port) -> bool {
    port.shape.as_ref().is_none_or(|shape| shape.len() == 2)
}

/// The label of each row where the model gives only numbers for each class.
fn classify(answers: &mut Vec<Answer>, labels: &Arc<Labels>) -> Result<()> {
    let classes = |answer: &&Answer| matches!(answer.meaning, Meaning::Classes(_));
    let chosen: Vec<usize> = if let Some(answer) = answers.iter().find(classes) {
        answer.values.floats()?.chunks_exact(labels.len().max(1)).map(argmax).collect()
    } else if let ([answer], 2) = (&mut answers[..], labels.len())
        && answer.values.len() == answer.values.shape().first().copied().unwrap_or(0)
    {
        // One number between 0 and 1 is the probability of the second class.
        let second = answer.values.floats()?.into_owned();
        let both = second.iter().flat_map(|&p| [1.0 - p, p]).collect();
        *answer = Answer {
            name: "probabilities".into(),
            meaning: Meaning::Classes(labels.clone()),
            values: Tensor::new(Shape::table(second.len(), 2), Data::Float(both))?,
        };
        second.iter().map(|&p| usize::from(p > 0.5)).collect()
    } else {
        let text = format!("{} labels are given, the model has no such outputs", labels.len());
        return Err(ModelError::Input(text));
    };
    let values = labels.pick(&chosen);
    answers.insert(0, Answer { name: "label".into(), meaning: Meaning::Label, values });
    Ok(())
}

/// Labels under the names that the user gave instead of the model's own.
fn relabelled(values: Tensor, own: Option<&Labels>, given: Option<&Arc<Labels>>) -> Result<Tensor> {
    let Some(given) = given else { return Ok(values) };
    let error = || ModelError::Input("the given labels are not as many as the model's".into());
    let places: Vec<usize> = match (values.data(), own) {
        (Data::Int(v), Some(Labels::Ints(own))) => {
            v.iter().filter_map(|x| own.iter().position(|other| other == x)).collect()
        }
        (Data::Text(v), Some(Labels::Texts(own))) => {
            v.iter().filter_map(|x| own.iter().position(|other| other == x)).collect()
        }
        (Data::Int(v), None) => v.iter().filter_map(|&x| usize::try_from(x).ok()).collect(),
        _ => return Err(error()),
    };
    let inside = places.iter().all(|&at| at < given.len());
    if places.len() != values.len() || !inside {
        return Err(error());
    }
    let shape = *values.shape();
    Tensor::new(shape, given.pick(&places).into_data())
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

impl Prediction {
    /// Puts the answers about further rows behind these.
    fn and(self, other: Self) -> Result<Self> {
        let join = |(a, b): (Answer, Answer)| {
            let mut sizes = a.values.shape().to_vec();
            let rows = b.values.shape().first().copied();
            match (sizes.first_mut(), rows) {
                (Some(size), Some(rows)) => *size += rows,
                _ => return Err(ModelError::data("an output without rows")),
            }
            let mut data = a.values.into_data();
            data.append(b.values.data(), 0..b.values.len())?;
            let values = Tensor::new(Shape::new(&sizes)?, data)?;
            Ok(Answer { name: a.name, meaning: a.meaning, values })
        };
        let answers = self.answers.into_iter().zip(other.answers).map(join);
        Ok(Self { answers: answers.collect::<Result<_>>()? })
    }
}
