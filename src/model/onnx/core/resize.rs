//! `Resize` and `Upsample`: tensors made larger or smaller, one axis after the other.

use super::super::kernel::{Inputs, Kernel, Node, Outputs};
use crate::model::error::{ModelError, Result};
use crate::model::run::Run;
use crate::model::tensor::{Data, Tensor, gather};

/// How places of the result are found in the input.
struct Resize {
    linear: bool,
    coordinates: String,
    nearest: String,
    /// `Upsample` has its scales as the second input or as an attribute.
    old: bool,
    scales: Option<Vec<f32>>,
}

/// The kernel of an operator of this file.
pub(super) fn kernel(node: &mut Node<'_>) -> Result<Option<Kernel>> {
    let old = match node.operator.as_str() {
        "Resize" => node.opset < 11,
        "Upsample" => true,
        _ => return Ok(None),
    };
    let refuse = |what: &str| Err(ModelError::Unsupported(format!("operator Resize with {what}")));
    let mode = node.text("mode", "nearest");
    let coordinates =
        node.text("coordinate_transformation_mode", if old { "asymmetric" } else { "half_pixel" });
    if !["nearest", "linear", "bilinear"].contains(&mode.as_str()) {
        return refuse(&format!("mode {mode}"));
    }
    if !["asymmetric", "half_pixel", "pytorch_half_pixel", "align_corners"]
        .contains(&coordinates.as_str())
    {
        return refuse(&coordinates);
    }
    if node.has("axes") || node.flag("antialias", false) {
        return refuse("axes or antialias");
    }
    let resize = Resize {
        linear: mode != "nearest",
        coordinates,
        nearest: node.text("nearest_mode", if old { "floor" } else { "round_prefer_floor" }),
        old,
        scales: node.has("scales").then(|| node.floats("scales")).transpose()?,
    };
    Ok(Some(Box::new(move |inputs| resize.run(inputs))))
}

impl Resize {
    fn run(&self, inputs: &Inputs<'_>) -> Result<Outputs> {
        let mut tensor = inputs.tensor(0)?.clone();
        let rank = tensor.shape().len();
        let scales = match inputs.optional(if self.old { 1 } else { 2 })? {
            Some(scales) => Some(scales.floats()?.into_owned()),
            None => self.scales.clone(),
        };
        let scales = scales.filter(|scales| !scales.is_empty());
        let sizes = inputs.optional(3)?.map(|sizes| sizes.integers()).transpose()?;
        let given = scales.as_ref().map(Vec::len).or(sizes.as_ref().map(|sizes| sizes.len()));
        if given != Some(rank) {
            return Err(ModelError::data("scales or sizes for each dimension are wanted"));
        }
        for axis in 0..rank {
            let size = tensor.shape()[axis];
            let (to, scale) = match (&scales, &sizes) {
                (Some(scales), _) => {
                    let scale = f64::from(scales[axis]);
                    ((size as f64 * scale).floor(), scale)
                }
                (None, Some(sizes)) => (sizes[axis] as f64, sizes[axis] as f64 / size as f64),
                (None, None) => continue,
            };
            if !(0.0..1e9).contains(&to) || size == 0 {
                return Err(ModelError::Data(format!("{size} elements made {to}")));
            }
            if to as usize != size {
                tensor = self.along(&tensor, axis, to as usize, scale, inputs.run)?;
            }
        }
        Ok(tensor.into())
    }

    fn along(
        &self,
        tensor: &Tensor,
        axis: usize,
        to: usize,
        scale: f64,
        run: &Run<'_>,
    ) -> Result<Tensor> {
        let (outer, size, inner) = tensor.shape().around(axis);
        let shape = tensor.shape().with(axis, to)?;
        run.room(shape.elements(), tensor.data().width() + size_of::<usize>())?;
        let places: Vec<f64> = (0..to).map(|at| self.place(at, size, to, scale)).collect();
        let from = |line: usize, at: usize| (line / inner * size + at) * inner + line % inner;
        let cells = || {
            (0..outer).flat_map(|block| {
                (0..to).flat_map(move |at| (0..inner).map(move |i| (block * inner + i, at)))
            })
        };
        if !self.linear {
            let picked: Vec<usize> = places.iter().map(|&x| self.nearest(x, size)).collect();
            let positions: Vec<usize> = cells().map(|(line, at)| from(line, picked[at])).collect();
            return Tensor::new(shape, gather(tensor.data(), &positions));
        }
        let values = tensor.floats()?;
        let blend = |(line, at): (usize, usize)| {
            let x = places[at].clamp(0.0, (size - 1) as f64);
            let low = x.floor() as usize;
            let high = (low + 1).min(size - 1);
            let part = (x - low as f64) as f32;
            values[from(line, low)] * (1.0 - part) + values[from(line, high)] * part
        };
        Tensor::new(shape, Data::Float(cells().map(blend).collect()))
    }

    fn place(&self, at: usize, size: usize, to: usize, scale: f64) -> f64 {
        let x = at as f64;
        match self.coordinates.as_str() {
            "asymmetric" => x / scale,
            "align_corners" if to == 1 => 0.0,
            "align_corners" => x * (size as f64 - 1.0) / (to as f64 - 1.0),
            "pytorch_half_pixel" if to == 1 => 0.0,
            _ => (x + 0.5) / scale - 0.5,
        }
    }

    fn nearest(&self, x: f64, size: usize) -> usize {
        let x = match self.nearest.as_str() {
            "floor" => x.floor(),
            "ceil" => x.ceil(),
            "round_prefer_ceil" => (x + 0.5).floor(),
            _ => (x - 0.5).ceil(),
        };
        x.clamp(0.0, (size - 1) as f64) as usize
    }
}
