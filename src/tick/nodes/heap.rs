//! A binary heap that takes equals in the order of Go's `container/heap`: which of several equal points
//! `top` and `bottom` select depends on it.

/// Indices, the first of them on top.
pub(super) struct Heap<B> {
    items: Vec<usize>,
    before: B,
}

impl<B: Fn(usize, usize) -> bool> Heap<B> {
    /// Makes a heap; `before` tells whether an index comes before another.
    pub(super) fn new(items: Vec<usize>, before: B) -> Self {
        let mut heap = Self { items, before };
        for i in (0..heap.items.len() / 2).rev() {
            heap.sink(i, heap.items.len());
        }
        heap
    }

    /// Takes the first `n` indices, or all if there are fewer.
    pub(super) fn first(mut self, n: usize) -> Vec<usize> {
        let mut taken = Vec::new();
        while taken.len() < n && !self.items.is_empty() {
            let last = self.items.len() - 1;
            self.items.swap(0, last);
            self.sink(0, last);
            taken.extend(self.items.pop());
        }
        taken
    }

    /// Lets an item sink to its place among the first `len`.
    fn sink(&mut self, mut i: usize, len: usize) {
        let Self { items, before } = self;
        loop {
            let mut child = 2 * i + 1;
            if child >= len {
                return;
            }
            if child + 1 < len && before(items[child + 1], items[child]) {
                child += 1;
            }
            if !before(items[child], items[i]) {
                return;
            }
            items.swap(i, child);
            i = child;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equals_come_in_the_order_of_go() {
        let values = [3, 1, 3, 2, 3, 3];
        let first = Heap::new((0..6).collect(), |a, b| values[a] > values[b]).first(4);
        assert_eq!(first, [0, 5, 4, 2]);
        assert!(Heap::new(Vec::new(), |_, _| false).first(3).is_empty());
        assert_eq!(Heap::new(vec![0], |_, _| false).first(3), [0]);
    }
}
