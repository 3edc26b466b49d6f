//! The meaning of a model's outputs: labels, probabilities, scores, or other numbers.

use super::error::{ModelError, Result};
use super::math::argmax;
use super::onnx::Table;
use super::port::Port;
use super::tensor::{Data, Shape, Tensor};
use super::value::{Labels, Maps, Value, Values};
use std::sync::Arc;

/// The meaning of an output.
#[derive(Clone, Debug, PartialEq)]
pub enum Meaning {
    /// The class of each row.
    Label,
    /// A number for each class and row.
    Classes(Arc<Labels>),
    /// Numbers of the model's own.
    Plain,
}

/// The name of an answer.
#[derive(Clone, Debug, PartialEq)]
pub enum AnswerName {
    /// `label`.
    Label,
    /// `probabilities`.
    Probabilities,
    /// `scores`.
    Scores,
    /// The name of an output.
    Output(Arc<str>),
}

impl std::ops::Deref for AnswerName {
    type Target = str;

    fn deref(&self) -> &str {
        match self {
            Self::Label => "label",
            Self::Probabilities => "probabilities",
            Self::Scores => "scores",
            Self::Output(name) => name,
        }
    }
}

/// One of the things that a prediction says.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer {
    /// Its name.
    pub name: AnswerName,
    /// The meaning of the values.
    pub meaning: Meaning,
    /// The values; the first dimension is the rows.
    pub values: Tensor,
}

/// The answer of a model for some rows.
#[derive(Clone, Debug, PartialEq)]
pub struct Prediction {
    /// The answers; a single plain one is the value that the model predicts.
    pub answers: Vec<Answer>,
}

/// The meaning of the outputs as far as it is known before a run, so that a prediction need not compare names.
pub(super) struct Roles {
    outputs: Vec<Role>,
    labels: Option<Arc<Labels>>,
}

struct Role {
    /// Integers and strings of this output are labels.
    label: bool,
    /// Its name speaks of probabilities.
    probable: bool,
    name: AnswerName,
}

impl Roles {
    /// The meaning of a model's outputs according to their names.
    pub(super) fn new(outputs: &[Port], labels: Option<&Labels>) -> Self {
        let role = |port: &Port| {
            let name = port.name.to_lowercase();
            Role {
                label: name.contains("label") || outputs.len() > 1,
                probable: name.contains("prob"),
                name: AnswerName::Output(port.name.as_str().into()),
            }
        };
        Self { outputs: outputs.iter().map(role).collect(), labels: labels.cloned().map(Arc::new) }
    }

    /// The meaning of the outputs of a run.
    pub(super) fn answers(
        &self,
        outputs: Values,
        given: Option<&Arc<Labels>>,
    ) -> Result<Vec<Answer>> {
        let labelled = self.outputs.iter().zip(&outputs).any(|(role, value)| role.is_label(value));
        let (mut answers, mut scored, mut named) = (Vec::with_capacity(2), false, false);
        for (role, value) in self.outputs.iter().zip(outputs) {
            let label = role.is_label(&value) && !named;
            match value {
                Value::Tensor(values) if label => {
                    named = true;
                    let values = relabelled(*values, self.labels.as_deref(), given)?;
                    let name = AnswerName::Label;
                    answers.push(Answer { name, meaning: Meaning::Label, values });
                }
                Value::Tensor(values) => {
                    answers.push(self.numbers(role, *values, given, labelled && !scored));
                    scored = true;
                }
                Value::Maps(maps) => {
                    scored = true;
                    answers.push(mapped(*maps, given));
                }
                Value::Sequence(tensors) => {
                    for (at, values) in tensors.into_iter().enumerate() {
                        let name = AnswerName::Output(format!("{}_{at}", &*role.name).into());
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

    /// What a table means that a pipeline has made: its label is the first output, the numbers are the last.
    pub(super) fn of_table(
        &self,
        mut table: Table,
        given: Option<&Arc<Labels>>,
    ) -> Result<Vec<Answer>> {
        let mut answers = Vec::with_capacity(2);
        let label = table.label.take();
        let labelled = label.is_some();
        if let Some(label) = label {
            let values = Tensor::new(Shape::list(table.rows), label)?;
            let values = relabelled(values, self.labels.as_deref(), given)?;
            answers.push(Answer { name: AnswerName::Label, meaning: Meaning::Label, values });
        }
        let keys = table.keys.take();
        let values = table.into_tensor()?;
        match (keys, self.outputs.last()) {
            (Some(keys), _) => answers.push(mapped(Maps { keys, values }, given)),
            (None, Some(role)) => answers.push(self.numbers(role, values, given, labelled)),
            (None, None) => {}
        }
        if !labelled && let Some(given) = given {
            classify(&mut answers, given)?;
        }
        Ok(answers)
    }

    /// Numbers are probabilities, scores beside a label (`beside`), or of the model's own.
    fn numbers(
        &self,
        role: &Role,
        values: Tensor,
        given: Option<&Arc<Labels>>,
        beside: bool,
    ) -> Answer {
        let labels = given.or(self.labels.as_ref()).filter(|labels| {
            let wide = values.shape().get(1..).is_some_and(|s| s == [labels.len()]);
            wide && (role.probable || given.is_some())
        });
        let name = match (beside, labels) {
            (true, None) if !role.probable => AnswerName::Scores,
            (_, Some(_)) | (true, None) => AnswerName::Probabilities,
            (false, None) => role.name.clone(),
        };
        let meaning = labels.cloned().map_or(Meaning::Plain, Meaning::Classes);
        Answer { name, meaning, values }
    }
}

impl Role {
    fn is_label(&self, value: &Value) -> bool {
        let whole = |t: &Tensor| matches!(t.data(), Data::Int(_) | Data::Text(_));
        self.label && matches!(value, Value::Tensor(tensor) if whole(tensor))
    }
}

/// The meaning of a map for each row.
fn mapped(maps: Maps, given: Option<&Arc<Labels>>) -> Answer {
    let wide = |labels: &&Arc<Labels>| labels.len() == maps.keys.len();
    let keys = given.filter(wide).cloned().unwrap_or(maps.keys);
    let (name, meaning) = (AnswerName::Probabilities, Meaning::Classes(keys));
    Answer { name, meaning, values: maps.values }
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
            name: AnswerName::Probabilities,
            meaning: Meaning::Classes(labels.clone()),
            values: Tensor::new(Shape::table(second.len(), 2), Data::Float(both))?,
        };
        second.iter().map(|&p| usize::from(p > 0.5)).collect()
    } else {
        let text = format!("{} labels are given, the model has no such outputs", labels.len());
        return Err(ModelError::Input(text));
    };
    let values = labels.pick(chosen.into_iter());
    answers.insert(0, Answer { name: AnswerName::Label, meaning: Meaning::Label, values });
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
    Tensor::new(shape, given.pick(places.into_iter()).into_data())
}

impl Prediction {
    /// Puts the answers about further rows behind these.
    pub(super) fn and(self, other: Self) -> Result<Self> {
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
