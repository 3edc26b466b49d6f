//! `RNN`, `GRU` and `LSTM`.
//!
//! The inputs of all steps are multiplied by their weights in one product; what remains for each
//! step is the product with the hidden state.

use super::super::kernel::{Inputs, Kernel, Node, Outputs};
use super::activation::Activation;
use super::cell::{Cell, Gates};
use super::product::{Factors, Plain};
use crate::model::error::{ModelError, Result};
use crate::model::run::Run;
use crate::model::tensor::{Data, Shape, Tensor, transpose};
use crate::model::value::Value;

/// The kernel of an operator of this file.
pub(super) fn kernel(node: &mut Node<'_>) -> Result<Option<Kernel>> {
    let cell = match node.operator.as_str() {
        "RNN" => Cell::Plain,
        "GRU" => Cell::Gru { reset_after: node.flag("linear_before_reset", false) },
        "LSTM" => Cell::Lstm { coupled: node.flag("input_forget", false) },
        _ => return Ok(None),
    };
    let directions: &[bool] = match node.text("direction", "forward").as_str() {
        "forward" => &[false],
        "reverse" => &[true],
        "bidirectional" => &[false, true],
        other => return Err(ModelError::Damaged(format!("the direction '{other}'"))),
    };
    let activations = Activation::read(node, cell.activations(), directions.len())?;
    let clip = node.has("clip").then(|| node.float("clip", 0.0)).filter(|clip| *clip > 0.0);
    let layer =
        Layer { cell, directions, activations, clip, batch_first: node.flag("layout", false) };
    let packed = match (node.constant(1), node.constant(2), node.constants.get(3)) {
        (Some(w), Some(r), None) => Some(layer.pack(w, r, None)?),
        (Some(w), Some(r), Some(_)) => match node.constant(3) {
            Some(b) => Some(layer.pack(w, r, Some(b))?),
            None => None,
        },
        _ => None,
    };
    Ok(Some(Box::new(move |inputs| layer.run(inputs, packed.as_deref()))))
}

/// The attributes of the operator.
struct Layer {
    cell: Cell,
    /// Whether each direction goes backwards.
    directions: &'static [bool],
    activations: Vec<Activation>,
    clip: Option<f32>,
    batch_first: bool,
}

/// The weights of one direction, turned for products with rows on the left.
struct Packed {
    features: usize,
    hidden: usize,
    /// `[features, gates * hidden]`.
    w: Vec<f32>,
    /// `[hidden, gates * hidden]`; the candidate of a GRU that resets first stands apart.
    r: Vec<f32>,
    candidate: Vec<f32>,
    w_bias: Vec<f32>,
    r_bias: Vec<f32>,
}

impl Layer {
    fn pack(&self, w: &Tensor, r: &Tensor, b: Option<&Tensor>) -> Result<Vec<Packed>> {
        let (gates, count) = (self.cell.gates(), self.directions.len());
        let error = || ModelError::Data(format!("weights of {} and {}", w.shape(), r.shape()));
        let ([d, rows, features], [e, r_rows, hidden]) = (&w.shape()[..], &r.shape()[..]) else {
            return Err(error());
        };
        let wanted = hidden.checked_mul(gates).ok_or_else(error)?;
        if *hidden == 0 || [*d, *e] != [count; 2] || [*rows, *r_rows] != [wanted; 2] {
            return Err(error());
        }
        let bias = b.map(Tensor::floats).transpose()?;
        if bias.as_ref().is_some_and(|bias| bias.len() != count * 2 * wanted) {
            return Err(ModelError::data("a bias of another size than the weights"));
        }
        let (w, r) = (w.floats()?, r.floats()?);
        let apart = self.cell.resets_first();
        let packed = (0..count).map(|at| {
            let w = &w[at * wanted * features..(at + 1) * wanted * features];
            let r = &r[at * wanted * hidden..(at + 1) * wanted * hidden];
            let split = if apart { 2 * hidden * hidden } else { r.len() };
            let side = |from: usize| match &bias {
                Some(bias) => bias[at * 2 * wanted + from..][..wanted].to_vec(),
                None => vec![0.0; wanted],
            };
            Packed {
                features: *features,
                hidden: *hidden,
                w: turned(w, *features),
                r: turned(&r[..split], *hidden),
                candidate: turned(&r[split..], *hidden),
                w_bias: side(0),
                r_bias: side(wanted),
            }
        });
        Ok(packed.collect())
    }

    fn run(&self, inputs: &Inputs<'_>, packed: Option<&[Packed]>) -> Result<Outputs> {
        let own;
        let packed = match packed {
            Some(packed) => packed,
            None => {
                own = self.pack(inputs.tensor(1)?, inputs.tensor(2)?, inputs.optional(3)?)?;
                &own
            }
        };
        let x = self.steps_first(inputs.tensor(0)?, inputs.run)?;
        let [steps, batch, features] = x.shape()[..] else {
            return Err(ModelError::Data(format!("an input of shape {}", x.shape())));
        };
        let hidden = packed[0].hidden;
        if features != packed[0].features {
            let text = format!("{features} features, the weights have {}", packed[0].features);
            return Err(ModelError::Data(text));
        }
        let count = self.directions.len();
        let sequence = Sequence::new(inputs, steps, batch)?;
        let state = |at: usize| self.state(inputs, at, [count, batch, hidden]);
        let (h, c) = (state(5)?, if self.cell.has_memory() { Some(state(6)?) } else { None });
        let peepholes = self.peepholes(inputs, hidden)?;
        let shape = Shape::new(&[steps, count, batch, hidden])?;
        inputs.run.room(shape.elements().saturating_mul(2 + self.cell.gates()), 4)?;
        let (mut h, mut c) = (h, c.unwrap_or_default());
        let mut y = vec![0.0; shape.elements()];
        let area = batch * hidden;
        for (at, packed) in packed.iter().enumerate() {
            let mut direction = Direction {
                gates: Gates {
                    cell: self.cell,
                    activations: &self.activations[at * self.cell.activations().len()..],
                    clip: self.clip,
                    peephole: peepholes
                        .as_deref()
                        .map(|p| &p[at * 3 * hidden..(at + 1) * 3 * hidden]),
                },
                packed,
                back: self.directions[at],
                offset: at * area,
                stride: count * area,
                h: &mut h[at * area..(at + 1) * area],
                c: if c.is_empty() { &mut [] } else { &mut c[at * area..(at + 1) * area] },
            };
            direction.run(&x.floats()?, &sequence, &mut y, inputs.run)?;
        }
        let last = Shape::new(&[count, batch, hidden])?;
        let mut outputs = vec![
            self.batches_first(Tensor::new(shape, Data::Float(y))?, &[2, 0, 1, 3], inputs.run)?,
            self.batches_first(Tensor::new(last, Data::Float(h))?, &[1, 0, 2], inputs.run)?,
        ];
        if self.cell.has_memory() {
            let c = Tensor::new(last, Data::Float(c))?;
            outputs.push(self.batches_first(c, &[1, 0, 2], inputs.run)?);
        }
        Ok(Outputs::Many(outputs.into_iter().map(Value::from).collect()))
    }

    fn steps_first<'a>(
        &self,
        x: &'a Tensor,
        run: &Run<'_>,
    ) -> Result<std::borrow::Cow<'a, Tensor>> {
        if self.batch_first && x.shape().len() == 3 {
            return Ok(std::borrow::Cow::Owned(transpose(x, &[1, 0, 2], run)?));
        }
        Ok(std::borrow::Cow::Borrowed(x))
    }

    fn batches_first(&self, y: Tensor, order: &[usize], run: &Run<'_>) -> Result<Tensor> {
        if self.batch_first { transpose(&y, order, run) } else { Ok(y) }
    }

    /// The state at the start: zeros where it is not given.
    fn state(&self, inputs: &Inputs<'_>, at: usize, sizes: [usize; 3]) -> Result<Vec<f32>> {
        let shape = Shape::new(&sizes)?;
        let Some(given) = inputs.optional(at)? else { return Ok(vec![0.0; shape.elements()]) };
        let given = match self.batch_first && given.shape().len() == 3 {
            true => transpose(given, &[1, 0, 2], inputs.run)?,
            false => given.clone(),
        };
        if *given.shape() != shape {
            let text = format!("a state of shape {} instead of {shape}", given.shape());
            return Err(ModelError::Data(text));
        }
        Ok(given.floats()?.into_owned())
    }

    fn peepholes(&self, inputs: &Inputs<'_>, hidden: usize) -> Result<Option<Vec<f32>>> {
        let Some(given) = inputs.optional(7)?.filter(|_| self.cell.has_memory()) else {
            return Ok(None);
        };
        if given.len() != self.directions.len() * 3 * hidden {
            return Err(ModelError::Data(format!("peepholes of shape {}", given.shape())));
        }
        Ok(Some(given.floats()?.into_owned()))
    }
}

/// Rows of `width` elements become columns.
pub(crate) fn turned(matrix: &[f32], width: usize) -> Vec<f32> {
    let rows = matrix.len() / width.max(1);
    let at = |to: usize| matrix[to % rows * width + to / rows];
    (0..matrix.len()).map(at).collect()
}

/// How long the sequence of each row of the batch is.
struct Sequence {
    steps: usize,
    lengths: Vec<usize>,
}

impl Sequence {
    fn new(inputs: &Inputs<'_>, steps: usize, batch: usize) -> Result<Self> {
        let Some(given) = inputs.optional(4)? else {
            return Ok(Self { steps, lengths: vec![steps; batch] });
        };
        let lengths: Vec<usize> = given
            .integers()?
            .iter()
            .filter_map(|&length| usize::try_from(length).ok().filter(|&length| length <= steps))
            .collect();
        if lengths.len() != batch {
            return Err(ModelError::data("lengths of sequences that do not fit the input"));
        }
        Ok(Self { steps, lengths })
    }
}

/// One direction of the layer on its way through the steps.
struct Direction<'a> {
    gates: Gates<'a>,
    packed: &'a Packed,
    back: bool,
    /// Where the direction's rows lie in a step of the output, and how long such a step is.
    offset: usize,
    stride: usize,
    h: &'a mut [f32],
    c: &'a mut [f32],
}

impl Direction<'_> {
    fn run(&mut self, x: &[f32], sequence: &Sequence, y: &mut [f32], run: &Run<'_>) -> Result<()> {
        let (packed, hidden) = (self.packed, self.packed.hidden);
        let (batch, width) = (sequence.lengths.len(), packed.w_bias.len());
        let mut from_x: Vec<f32> = packed.w_bias.repeat(sequence.steps * batch);
        Factors::new(x, &packed.w, (packed.features, width)).add_to::<Plain>(&mut from_x, run)?;
        let r_width = packed.r.len() / hidden;
        for step in 0..sequence.steps {
            let mut from_h = packed.r_bias[..r_width].repeat(batch);
            Factors::new(self.h, &packed.r, (hidden, r_width)).add_to::<Plain>(&mut from_h, run)?;
            for (row, &length) in sequence.lengths.iter().enumerate() {
                if step >= length {
                    continue;
                }
                let at = if self.back { length - 1 - step } else { step };
                let h = &mut self.h[row * hidden..(row + 1) * hidden];
                let c = self.c.get_mut(row * hidden..(row + 1) * hidden).unwrap_or_default();
                let x = &mut from_x[(at * batch + row) * width..][..width];
                let recurrent = &mut from_h[row * r_width..][..r_width];
                if packed.candidate.is_empty() {
                    self.gates.step(x, recurrent, h, c);
                } else {
                    let bias = &packed.r_bias[r_width..];
                    self.gates.step_reset_first(x, recurrent, h, &packed.candidate, bias, run)?;
                }
                y[at * self.stride + self.offset + row * hidden..][..hidden].copy_from_slice(h);
            }
        }
        Ok(())
    }
}
