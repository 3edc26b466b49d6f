//! Convolutions over any number of dimensions, and their transposes.

use super::super::kernel::{Inputs, Kernel, Node, Outputs};
use super::product::{Factors, Plain, Rounding, unpacked};
use super::window::{OUTSIDE, Window, count};
use crate::model::error::{ModelError, Result};
use crate::model::run::Run;
use crate::model::tensor::{Data, Shape, Tensor};
use std::borrow::Cow;

/// The kernel of an operator of this file.
pub(super) fn kernel(node: &mut Node<'_>) -> Result<Option<Kernel>> {
    let groups = usize::try_from(node.int("group", 1)).ok().filter(|&groups| groups > 0);
    let groups = groups.ok_or_else(|| ModelError::damaged("no groups of channels"));
    Ok(Some(match node.operator.as_str() {
        "Conv" => {
            let (window, groups) = (Window::read(node)?, groups?);
            Box::new(move |inputs| {
                let o = Operands::floats(inputs)?;
                let (shape, out) = convolve(&o, &window, groups, inputs.run)?;
                Ok(Tensor::new(shape, Data::Float(out))?.into())
            })
        }
        "ConvTranspose" => {
            let (window, groups) = (Window::read(node)?, groups?);
            let extra = node.ints("output_padding").unwrap_or_default();
            if node.has("output_shape") {
                return Err(ModelError::Unsupported(
                    "operator ConvTranspose with output_shape".into(),
                ));
            }
            Box::new(move |inputs| convolve_back(inputs, &window, groups, &extra))
        }
        _ => return Ok(None),
    }))
}

/// The input, the weights, and the bias of a convolution, with their sizes checked.
struct Operands<'a, T: Clone> {
    x: Cow<'a, [T]>,
    w: Cow<'a, [T]>,
    bias: Option<Cow<'a, [T]>>,
    batch: usize,
    channels: usize,
    image: &'a [usize],
    weights: &'a [usize],
}

impl<'a> Operands<'a, f32> {
    fn floats(inputs: &Inputs<'a>) -> Result<Self> {
        let bias = inputs.optional(2)?.map(Tensor::floats).transpose()?;
        Self::read(inputs.tensor(0)?, inputs.tensor(1)?, bias, Tensor::floats)
    }
}

impl<'a, T: Copy + Default> Operands<'a, T> {
    fn read(
        x: &'a Tensor,
        w: &'a Tensor,
        bias: Option<Cow<'a, [T]>>,
        elements: impl Fn(&'a Tensor) -> Result<Cow<'a, [T]>>,
    ) -> Result<Self> {
        let (s, t) = (x.shape(), w.shape());
        if s.len() < 3 || s.len() != t.len() {
            return Err(ModelError::Data(format!("shapes {s} and {t}")));
        }
        Ok(Self {
            x: elements(x)?,
            w: elements(w)?,
            bias,
            batch: s[0],
            channels: s[1],
            image: &s[2..],
            weights: &t[..],
        })
    }

    fn bias(&self, channel: usize) -> T {
        self.bias.as_ref().map_or(T::default(), |bias| bias[channel])
    }

    fn check(&self, fits: bool, channels_out: usize) -> Result<()> {
        if fits && self.bias.as_ref().is_none_or(|bias| bias.len() == channels_out) {
            return Ok(());
        }
        let text = format!("{} channels for weights of {:?}", self.channels, self.weights);
        Err(ModelError::Data(text))
    }
}

/// The convolution of doubles, in which the sums of small integers are exact.
pub(super) fn convolve_whole(
    x: &Tensor,
    w: &Tensor,
    window: &Window,
    groups: usize,
    run: &Run<'_>,
) -> Result<Tensor> {
    let (shape, out) =
        convolve(&Operands::read(x, w, None, Tensor::doubles)?, window, groups, run)?;
    Tensor::new(shape, Data::Double(out))
}

fn convolve<T: Copy + Default>(
    o: &Operands<'_, T>,
    window: &Window,
    groups: usize,
    run: &Run<'_>,
) -> Result<(Shape, Vec<T>)>
where
    Plain: Rounding<T>,
{
    let (out_channels, in_group) = (o.weights[0], o.weights[1]);
    o.check(
        in_group.checked_mul(groups) == Some(o.channels) && out_channels % groups == 0,
        out_channels,
    )?;
    let placed = window.place(o.image, window.kernel(&o.weights[2..])?)?;
    let table = window.table(&placed, o.image, run)?;
    let mut sizes = vec![o.batch, out_channels];
    sizes.extend_from_slice(&placed.sizes);
    let shape = Shape::new(&sizes)?;
    let (positions, cells, image) =
        (count(&placed.sizes)?, count(&o.weights[2..])?, count(o.image)?);
    let depth = in_group * cells;
    run.room(shape.elements(), size_of::<T>())?;
    run.room(depth.saturating_mul(positions), size_of::<T>())?;
    let mut out = vec![T::default(); shape.elements()];
    let mut columns = vec![T::default(); depth * positions];
    let per_group = out_channels / groups;
    let width = (per_group * positions).max(1);
    for (block, out) in out.chunks_exact_mut(width).enumerate() {
        let (sample, group) = (block / groups, block % groups);
        for (channel, columns) in columns.chunks_exact_mut((cells * positions).max(1)).enumerate() {
            let from = (sample * o.channels + group * in_group + channel) * image;
            let source = &o.x[from..from + image];
            for (to, &at) in columns.iter_mut().zip(&table) {
                *to = if at == OUTSIDE { T::default() } else { source[at] };
            }
        }
        for (at, out) in out.chunks_exact_mut(positions.max(1)).enumerate() {
            out.fill(o.bias(group * per_group + at));
        }
        let weights = &o.w[group * per_group * depth..(group + 1) * per_group * depth];
        let block = unpacked(depth, positions);
        let factors = Factors::new(weights, &columns, (depth, positions));
        Factors { block, ..factors }.add_to::<Plain>(out, run)?;
    }
    Ok((shape, out))
}

/// Each element of the input adds its multiple of the weights to the output.
fn convolve_back(
    inputs: &Inputs<'_>,
    window: &Window,
    groups: usize,
    extra: &[i64],
) -> Result<Outputs> {
    let o = Operands::floats(inputs)?;
    let out_group = o.weights[1];
    let out_channels = out_group.checked_mul(groups).filter(|&c| c <= 1 << 24).unwrap_or(0);
    o.check(o.weights[0] == o.channels && o.channels % groups == 0, out_channels)?;
    let kernel = window.kernel(&o.weights[2..])?;
    let target = target(window, o.image, &kernel, extra)?;
    let mut sizes = vec![o.batch, out_channels];
    sizes.extend_from_slice(&target);
    let shape = Shape::new(&sizes)?;
    inputs.run.room(shape.elements(), 4)?;
    // The same windows as those of a convolution from the output back to the input.
    let back = window.place(&target, kernel)?;
    if back.sizes != o.image {
        return Err(ModelError::Data(format!("an input of {:?} for {target:?}", o.image)));
    }
    let table = window.table(&back, &target, inputs.run)?;
    let (positions, cells, area) = (count(o.image)?, count(&o.weights[2..])?, count(&target)?);
    let mut out = vec![0.0; shape.elements()];
    let in_group = o.channels / groups;
    for (at, out) in out.chunks_exact_mut(area.max(1)).enumerate() {
        let (sample, channel) = (at / out_channels, at % out_channels);
        out.fill(o.bias(channel));
        let (group, within) = (channel / out_group, channel % out_group);
        for c in group * in_group..(group + 1) * in_group {
            inputs.run.spend(table.len())?;
            let source = &o.x[(sample * o.channels + c) * positions..][..positions];
            let weights = &o.w[(c * out_group + within) * cells..][..cells];
            spread(source, weights, &table, out);
        }
    }
    Ok(Tensor::new(shape, Data::Float(out))?.into())
}

fn spread(source: &[f32], weights: &[f32], table: &[usize], out: &mut [f32]) {
    for (places, weight) in table.chunks_exact(source.len().max(1)).zip(weights) {
        for (&place, x) in places.iter().zip(source) {
            if place != OUTSIDE {
                out[place] += weight * x;
            }
        }
    }
}

/// The size of the image that a transposed convolution makes.
fn target(window: &Window, image: &[usize], kernel: &[usize], extra: &[i64]) -> Result<Vec<usize>> {
    if window.auto() != "NOTSET" {
        let text = "operator ConvTranspose with auto_pad";
        return Err(ModelError::Unsupported(text.into()));
    }
    let size = |axis: usize| {
        let (before, after) = window.pads(axis, image.len());
        let extra = usize::try_from(extra.get(axis).copied().unwrap_or(0)).ok()?;
        let last = image[axis].checked_sub(1)?.checked_mul(window.stride(axis))?;
        last.checked_add(window.reach(axis, kernel[axis]))?
            .checked_add(extra)?
            .checked_sub(before + after)
            .filter(|&size| size > 0 && extra < window.stride(axis).max(1))
    };
    if kernel.len() != image.len() {
        return Err(ModelError::Data(format!("a kernel of {kernel:?} on {image:?}")));
    }
    let sizes: Option<Vec<usize>> = (0..image.len()).map(size).collect();
    sizes.ok_or_else(|| ModelError::Data(format!("an image of {image:?} made larger")))
}
