//! Mean and variance of a queue, by two stacks: nothing is ever subtracted.
//!
//! The older part of the queue (the front) has a summary for each of its ends, made from its newest
//! value backwards; the newer part (the back) has one that grows. When the front is used up, the
//! back becomes the front. The front's summaries are kept for every [`CHUNK`]th position and are
//! expanded one chunk at a time, so memory is small beside the values. Two pushes and a half a
//! value, amortised; one value in n costs O(n).

use super::MeanVar;

/// Positions between two kept summaries of the front.
const CHUNK: usize = 32;

/// The summaries of a queue whose values are stored elsewhere.
#[derive(Clone, Debug, Default)]
pub(crate) struct Stacks {
    front_len: usize,
    kept: Vec<MeanVar>,
    chunk: Vec<MeanVar>,
    back: MeanVar,
}

impl Stacks {
    /// Rebuilds the summaries of a queue of `len` values whose oldest `front_len` are the front.
    pub(crate) fn restore(front_len: usize, len: usize, value: impl Fn(usize) -> f64) -> Stacks {
        let mut stacks = Stacks::default();
        stacks.refill(front_len, &value);
        (front_len..len).for_each(|i| stacks.back.push(value(i)));
        stacks
    }

    /// Takes in a value that was put at the newest end.
    pub(crate) fn push(&mut self, x: f64) {
        self.back.push(x);
    }

    /// Removes the oldest value; `value` still counts from it, and there are `len` values.
    pub(crate) fn pop(&mut self, len: usize, value: impl Fn(usize) -> f64) {
        if self.front_len == 0 {
            self.back = MeanVar::default();
            self.refill(len, &value);
        }
        self.chunk.pop();
        self.front_len -= 1;
        if self.chunk.is_empty() {
            self.expand(|i| value(i + 1));
        }
    }

    /// How many of the oldest values are the front: all that a snapshot needs beside the values.
    pub(crate) fn front_len(&self) -> usize {
        self.front_len
    }

    /// The moments of the whole queue.
    pub(crate) fn total(&self) -> MeanVar {
        let mut total = self.chunk.last().copied().unwrap_or_default();
        total.merge(&self.back);
        total
    }

    fn refill(&mut self, front_len: usize, value: &impl Fn(usize) -> f64) {
        self.front_len = front_len;
        self.kept.clear();
        let mut sum = MeanVar::default();
        for taken in 1..=front_len {
            sum.push(value(front_len - taken));
            if taken % CHUNK == 0 {
                self.kept.push(sum);
            }
        }
        self.expand(value);
    }

    /// Makes the summaries of the oldest chunk from the kept one behind it.
    fn expand(&mut self, value: impl Fn(usize) -> f64) {
        self.chunk.clear();
        let Some(last) = self.front_len.checked_sub(1) else {
            return;
        };
        let whole = last / CHUNK;
        self.kept.truncate(whole);
        let mut sum = self.kept.last().copied().unwrap_or_default();
        for taken in whole * CHUNK + 1..=self.front_len {
            sum.push(value(self.front_len - taken));
            self.chunk.push(sum);
        }
    }
}
