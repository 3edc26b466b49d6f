//! The gates of recurrent layers: one step of one row.

use super::activation::Activation;
use super::product::{Factors, Plain};
use crate::model::error::Result;
use crate::model::run::Run;

/// The kind of a recurrent layer.
#[derive(Clone, Copy)]
pub(super) enum Cell {
    /// A hidden state alone.
    Plain,
    /// Update and reset gates; the reset may come after the product with the hidden state.
    Gru { reset_after: bool },
    /// A memory with input, output and forget gates; input and forget may be coupled.
    Lstm { coupled: bool },
}

impl Cell {
    pub(super) fn gates(self) -> usize {
        match self {
            Self::Plain => 1,
            Self::Gru { .. } => 3,
            Self::Lstm { .. } => 4,
        }
    }

    /// The names of the usual activations.
    pub(super) fn activations(self) -> &'static [&'static str] {
        match self {
            Self::Plain => &["Tanh"],
            Self::Gru { .. } => &["Sigmoid", "Tanh"],
            Self::Lstm { .. } => &["Sigmoid", "Tanh", "Tanh"],
        }
    }

    pub(super) fn has_memory(self) -> bool {
        matches!(self, Self::Lstm { .. })
    }

    pub(super) fn resets_first(self) -> bool {
        matches!(self, Self::Gru { reset_after: false })
    }
}

/// What computes a step.
pub(super) struct Gates<'a> {
    pub(super) cell: Cell,
    pub(super) activations: &'a [Activation],
    pub(super) clip: Option<f32>,
    pub(super) peephole: Option<&'a [f32]>,
}

impl Gates<'_> {
    /// A step from the products of input and hidden state with their weights.
    pub(super) fn step(&self, x: &mut [f32], r: &mut [f32], h: &mut [f32], c: &mut [f32]) {
        match self.cell {
            Cell::Plain => {
                add(x, r);
                self.activate(0, x);
                h.copy_from_slice(x);
            }
            Cell::Gru { .. } => {
                let (gates, candidate) = x.split_at_mut(2 * h.len());
                let (r_gates, r_candidate) = r.split_at_mut(2 * h.len());
                add(gates, r_gates);
                self.activate(0, gates);
                let reset = &gates[h.len()..];
                for ((x, r), reset) in candidate.iter_mut().zip(r_candidate).zip(reset) {
                    *x += reset * *r;
                }
                self.activate(1, candidate);
                blend(gates, candidate, h);
            }
            Cell::Lstm { coupled } => {
                add(x, r);
                self.lstm(x, coupled, h, c);
            }
        }
    }

    /// A step of a GRU whose reset gate acts on the hidden state before its product.
    pub(super) fn step_reset_first(
        &self,
        x: &mut [f32],
        r: &mut [f32],
        h: &mut [f32],
        weights: &[f32],
        bias: &[f32],
        run: &Run<'_>,
    ) -> Result<()> {
        let (gates, candidate) = x.split_at_mut(2 * h.len());
        add(gates, r);
        self.activate(0, gates);
        let reset: Vec<f32> = gates[h.len()..].iter().zip(h.iter()).map(|(r, h)| r * h).collect();
        add(candidate, bias);
        Factors::new(&reset, weights, (h.len(), h.len())).add_to::<Plain>(candidate, run)?;
        self.activate(1, candidate);
        blend(gates, candidate, h);
        Ok(())
    }

    /// The order of the gates is input, output, forget, candidate.
    fn lstm(&self, x: &mut [f32], coupled: bool, h: &mut [f32], c: &mut [f32]) {
        let n = h.len();
        let (input, rest) = x.split_at_mut(n);
        let (output, rest) = rest.split_at_mut(n);
        let (forget, candidate) = rest.split_at_mut(n);
        if let Some(p) = self.peephole {
            weigh(input, &p[..n], c);
            weigh(forget, &p[2 * n..], c);
        }
        self.activate(0, input);
        self.activate(0, forget);
        self.activate(1, candidate);
        for at in 0..n {
            let keep = if coupled { 1.0 - input[at] } else { forget[at] };
            c[at] = keep * c[at] + input[at] * candidate[at];
        }
        if let Some(p) = self.peephole {
            weigh(output, &p[n..2 * n], c);
        }
        self.activate(0, output);
        h.copy_from_slice(c);
        self.activations[2].apply(h);
        h.iter_mut().zip(output.iter()).for_each(|(h, output)| *h *= output);
    }

    fn activate(&self, which: usize, values: &mut [f32]) {
        if let Some(clip) = self.clip {
            values.iter_mut().for_each(|x| *x = x.clamp(-clip, clip));
        }
        self.activations[which].apply(values);
    }
}

fn add(to: &mut [f32], from: &[f32]) {
    to.iter_mut().zip(from).for_each(|(to, from)| *to += from);
}

fn weigh(to: &mut [f32], weights: &[f32], memory: &[f32]) {
    for (to, (weight, memory)) in to.iter_mut().zip(weights.iter().zip(memory)) {
        *to += weight * memory;
    }
}

/// The new hidden state: the update gate keeps some of the old one.
fn blend(update: &[f32], candidate: &[f32], h: &mut [f32]) {
    for (h, (update, candidate)) in h.iter_mut().zip(update.iter().zip(candidate)) {
        *h = (1.0 - update) * candidate + update * *h;
    }
}
