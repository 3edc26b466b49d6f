//! The activation functions that recurrent layers name in their attributes.

use super::super::kernel::Node;
use crate::model::error::{ModelError, Result};
use crate::model::math::sigmoid;

/// A function with its two numbers, where it has some.
#[derive(Clone, Copy)]
pub(super) struct Activation {
    function: Function,
    alpha: f32,
    beta: f32,
}

#[derive(Clone, Copy)]
enum Function {
    Sigmoid,
    Tanh,
    Relu,
    HardSigmoid,
    LeakyRelu,
    ThresholdedRelu,
    ScaledTanh,
    Elu,
    Softsign,
    Softplus,
    Affine,
}

impl Activation {
    /// The activations of all directions: those of the node, else the usual ones.
    pub(super) fn read(
        node: &mut Node<'_>,
        usual: &[&str],
        directions: usize,
    ) -> Result<Vec<Self>> {
        let mut names = node.texts("activations");
        let wanted = usual.len() * directions;
        if names.is_empty() {
            names = usual.iter().cycle().take(wanted).map(ToString::to_string).collect();
        }
        if names.len() != wanted {
            let text = format!("{} activations instead of {wanted}", names.len());
            return Err(ModelError::Damaged(text));
        }
        // The numbers belong, in their order, to the functions that have some.
        let mut alphas = node.floats("activation_alpha")?.into_iter();
        let mut betas = node.floats("activation_beta")?.into_iter();
        names.iter().map(|name| Self::new(name, &mut alphas, &mut betas)).collect()
    }

    fn new(
        name: &str,
        alphas: &mut impl Iterator<Item = f32>,
        betas: &mut impl Iterator<Item = f32>,
    ) -> Result<Self> {
        let (function, alpha, beta) = match name.to_ascii_lowercase().as_str() {
            "sigmoid" => (Function::Sigmoid, None, None),
            "tanh" => (Function::Tanh, None, None),
            "relu" => (Function::Relu, None, None),
            "softsign" => (Function::Softsign, None, None),
            "softplus" => (Function::Softplus, None, None),
            "hardsigmoid" => (Function::HardSigmoid, Some(0.2), Some(0.5)),
            "leakyrelu" => (Function::LeakyRelu, Some(0.01), None),
            "thresholdedrelu" => (Function::ThresholdedRelu, Some(1.0), None),
            "scaledtanh" => (Function::ScaledTanh, Some(1.0), Some(1.0)),
            "elu" => (Function::Elu, Some(1.0), None),
            "affine" => (Function::Affine, Some(1.0), Some(0.0)),
            _ => return Err(ModelError::Unsupported(format!("the activation '{name}'"))),
        };
        let alpha = alpha.map_or(0.0, |usual| alphas.next().unwrap_or(usual));
        let beta = beta.map_or(0.0, |usual| betas.next().unwrap_or(usual));
        Ok(Self { function, alpha, beta })
    }

    pub(super) fn apply(&self, values: &mut [f32]) {
        let (a, b) = (self.alpha, self.beta);
        match self.function {
            Function::Sigmoid => each(values, sigmoid),
            Function::Tanh => each(values, libm::tanhf),
            Function::Relu => each(values, |x| x.max(0.0)),
            Function::HardSigmoid => each(values, |x| (a * x + b).clamp(0.0, 1.0)),
            Function::LeakyRelu => each(values, |x| if x < 0.0 { a * x } else { x }),
            Function::ThresholdedRelu => each(values, |x| if x > a { x } else { 0.0 }),
            Function::ScaledTanh => each(values, |x| a * libm::tanhf(b * x)),
            Function::Elu => each(values, |x| if x < 0.0 { a * libm::expm1f(x) } else { x }),
            Function::Softsign => each(values, |x| x / (1.0 + x.abs())),
            Function::Softplus => each(values, |x| libm::log1pf(libm::expf(x))),
            Function::Affine => each(values, |x| a * x + b),
        }
    }
}

fn each(values: &mut [f32], f: impl Fn(f32) -> f32) {
    values.iter_mut().for_each(|x| *x = f(*x));
}
