//! Windows that slide over the last dimensions of a tensor, for convolutions and pools.

use super::super::kernel::Node;
use crate::model::error::{ModelError, Result};
use crate::model::run::Run;

/// No element: the window hangs over the edge there.
pub(super) const OUTSIDE: usize = usize::MAX;

/// The largest size of a kernel, stride, dilation or padding.
const LIMIT: i64 = 1 << 20;

/// The attributes that convolutions and pools share.
pub(super) struct Window {
    kernel: Option<Vec<usize>>,
    strides: Vec<usize>,
    dilations: Vec<usize>,
    pads: Vec<usize>,
    auto: String,
    ceil: bool,
}

/// A window placed on an image of a certain size.
pub(super) struct Placed {
    /// The number of positions in each dimension.
    pub(super) sizes: Vec<usize>,
    kernel: Vec<usize>,
    before: Vec<usize>,
    after: Vec<usize>,
}

impl Window {
    pub(super) fn read(node: &mut Node<'_>) -> Result<Self> {
        let list = |name: &str, smallest: i64| -> Result<Option<Vec<usize>>> {
            let Some(values) = node.ints(name) else { return Ok(None) };
            if values.iter().any(|value| !(smallest..=LIMIT).contains(value)) {
                return Err(ModelError::Damaged(format!("{name} of {values:?}")));
            }
            Ok(Some(values.into_iter().map(|value| value as usize).collect()))
        };
        Ok(Self {
            kernel: list("kernel_shape", 1)?,
            strides: list("strides", 1)?.unwrap_or_default(),
            dilations: list("dilations", 1)?.unwrap_or_default(),
            pads: list("pads", 0)?.unwrap_or_default(),
            auto: node.text("auto_pad", "NOTSET"),
            ceil: node.flag("ceil_mode", false),
        })
    }

    /// The size of the window: the node's own, else that of the weights.
    pub(super) fn kernel(&self, weights: &[usize]) -> Result<Vec<usize>> {
        match &self.kernel {
            Some(kernel) if !weights.is_empty() && kernel != weights => {
                Err(ModelError::Data(format!("weights of {weights:?} for a kernel of {kernel:?}")))
            }
            Some(kernel) => Ok(kernel.clone()),
            None if weights.contains(&0) || weights.is_empty() => {
                Err(ModelError::Data(format!("a kernel of {weights:?}")))
            }
            None => Ok(weights.to_vec()),
        }
    }

    pub(super) fn stride(&self, axis: usize) -> usize {
        self.strides.get(axis).copied().unwrap_or(1)
    }

    fn dilation(&self, axis: usize) -> usize {
        self.dilations.get(axis).copied().unwrap_or(1)
    }

    /// How far the window reaches.
    pub(super) fn reach(&self, axis: usize, kernel: usize) -> usize {
        (kernel - 1) * self.dilation(axis) + 1
    }

    /// The padding that the node gives for an axis, before and after.
    pub(super) fn pads(&self, axis: usize, rank: usize) -> (usize, usize) {
        let at = |at: usize| self.pads.get(at).copied().unwrap_or(0);
        (at(axis), at(axis + rank))
    }

    pub(super) fn auto(&self) -> &str {
        &self.auto
    }

    /// Places the window on an image.
    pub(super) fn place(&self, image: &[usize], kernel: Vec<usize>) -> Result<Placed> {
        let rank = image.len();
        let (mut sizes, mut before, mut after) = (Vec::new(), Vec::new(), Vec::new());
        if kernel.len() != rank {
            return Err(ModelError::Data(format!("a kernel of {kernel:?} on {image:?}")));
        }
        for axis in 0..rank {
            let (reach, stride) = (self.reach(axis, kernel[axis]), self.stride(axis));
            let (left, right) = match self.auto.as_str() {
                "SAME_UPPER" | "SAME_LOWER" => {
                    let needed = image[axis].div_ceil(stride).saturating_sub(1) * stride + reach;
                    let pad = needed.saturating_sub(image[axis]);
                    let small = pad / 2;
                    if self.auto == "SAME_UPPER" {
                        (small, pad - small)
                    } else {
                        (pad - small, small)
                    }
                }
                "VALID" => (0, 0),
                _ => self.pads(axis, rank),
            };
            let padded = image[axis] + left + right;
            let Some(free) = padded.checked_sub(reach) else {
                let text = format!("a window of {reach} on {padded} elements");
                return Err(ModelError::Data(text));
            };
            let mut size = if self.ceil { free.div_ceil(stride) } else { free / stride } + 1;
            // A window that starts behind the image and its left padding sees nothing.
            if self.ceil && (size - 1) * stride >= image[axis] + left {
                size -= 1;
            }
            sizes.push(size);
            before.push(left);
            after.push(right);
        }
        Ok(Placed { sizes, kernel, before, after })
    }

    /// For each place in the window and each position of it, the element of the image.
    pub(super) fn table(
        &self,
        placed: &Placed,
        image: &[usize],
        run: &Run<'_>,
    ) -> Result<Vec<usize>> {
        let (cells, positions) = (count(&placed.kernel)?, count(&placed.sizes)?);
        let total = cells.checked_mul(positions).ok_or_else(too_large)?;
        run.room(total, size_of::<usize>())?;
        let mut table = Vec::with_capacity(total);
        for cell in 0..cells {
            for position in 0..positions {
                table.push(self.element(placed, image, cell, position).unwrap_or(OUTSIDE));
            }
        }
        Ok(table)
    }

    fn element(&self, placed: &Placed, image: &[usize], cell: usize, at: usize) -> Option<usize> {
        let (mut cell, mut at, mut stride, mut offset) = (cell, at, 1, 0);
        for axis in (0..image.len()).rev() {
            let start = at % placed.sizes[axis] * self.stride(axis);
            let step = cell % placed.kernel[axis] * self.dilation(axis);
            let place = (start + step).checked_sub(placed.before[axis])?;
            if place >= image[axis] {
                return None;
            }
            offset += place * stride;
            stride *= image[axis];
            cell /= placed.kernel[axis];
            at /= placed.sizes[axis];
        }
        Some(offset)
    }

    /// How many places of the window lie on the image or its padding, for each position.
    pub(super) fn padded_counts(&self, placed: &Placed, image: &[usize]) -> Result<Vec<usize>> {
        let counted = |position: usize| {
            let (mut at, mut product) = (position, 1);
            for axis in (0..image.len()).rev() {
                let start = at % placed.sizes[axis] * self.stride(axis);
                let end = placed.before[axis] + image[axis] + placed.after[axis];
                let steps = (0..placed.kernel[axis]).map(|k| start + k * self.dilation(axis));
                product *= steps.filter(|&place| place < end).count();
                at /= placed.sizes[axis];
            }
            product
        };
        Ok((0..count(&placed.sizes)?).map(counted).collect())
    }
}

/// The product of sizes, where it is one that memory could hold.
pub(super) fn count(sizes: &[usize]) -> Result<usize> {
    let product = sizes.iter().try_fold(1usize, |product, &size| product.checked_mul(size));
    product.filter(|&product| product < 1 << 40).ok_or_else(too_large)
}

fn too_large() -> ModelError {
    ModelError::data("a window that is too large")
}
