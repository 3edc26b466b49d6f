//! The operators of the standard domain, by subject.

mod activation;
mod arithmetic;
mod cast;
mod cell;
mod control;
mod conv;
mod einsum;
mod elementwise;
mod indexing;
mod layout;
mod matmul;
mod normalization;
mod pool;
mod product;
mod quantize;
mod recurrent;
mod reduce;
mod resize;
mod search;
mod sequence;
mod shapes;
mod window;

use super::kernel::{Kernel, Node};
use crate::model::error::Result;

pub(super) use product::{Factors, Fused, unpacked};
pub(super) use recurrent::turned;

/// The kernel of an operator of the standard domain; none where it is not supported.
pub(super) fn kernel(node: &mut Node<'_>) -> Result<Option<Kernel>> {
    let subjects = [
        arithmetic::kernel,
        elementwise::kernel,
        shapes::kernel,
        layout::kernel,
        indexing::kernel,
        matmul::kernel,
        reduce::kernel,
        cast::kernel,
        search::kernel,
        control::kernel,
        sequence::kernel,
        normalization::kernel,
        conv::kernel,
        pool::kernel,
        recurrent::kernel,
        resize::kernel,
        einsum::kernel,
        quantize::kernel,
    ];
    for subject in subjects {
        if let Some(kernel) = subject(node)? {
            return Ok(Some(kernel));
        }
    }
    Ok(None)
}

/// The kernel of an operator that onnxruntime contributed and exporters use.
pub(super) fn contributed(node: &mut Node<'_>) -> Result<Option<Kernel>> {
    match node.operator.as_str() {
        "CDist" => Ok(Some(matmul::distances(node)?)),
        "Gelu" | "QuickGelu" => kernel(node),
        _ => Ok(None),
    }
}
