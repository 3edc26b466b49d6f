//! The walks through short nodes end where those that ask each test end.

use super::{Aggregate, Branch, Builder, Forest, Grown, Quick, Real, Test, crowns, steps};
use crate::model::run::Run;
use proptest::prelude::*;
use std::collections::VecDeque;

/// Thresholds and values that meet each other, with both zeros and infinities.
fn number() -> impl Strategy<Value = f64> {
    prop_oneof![
        Just(0.0),
        Just(-0.0),
        Just(f64::INFINITY),
        Just(f64::NEG_INFINITY),
        (-20..20i32).prop_map(|n| f64::from(n) / 4.0),
    ]
}

/// A forest: each list of choices grows one tree, level by level or in depth.
fn grown<X: Real>(
    trees: &[Vec<(bool, u32, f64)>],
    (columns, targets, wide): (u32, u32, bool),
) -> Forest<X, f32> {
    let mut builder = Builder { targets: targets as usize, ..Builder::default() };
    for choices in trees {
        let root = builder.nodes.len() as u32;
        builder.roots.push(root);
        builder.nodes.push(Grown::Leaf(0, 0));
        let (mut open, mut choices) = (VecDeque::from([root]), choices.iter());
        while let Some(at) = if wide { open.pop_front() } else { open.pop_back() } {
            let next = builder.nodes.len() as u32;
            builder.nodes[at as usize] = match choices.next() {
                Some(&(flip, feature, value)) => {
                    builder.nodes.extend([Grown::Leaf(0, 0); 2]);
                    open.extend(if flip { [next, next + 1] } else { [next + 1, next] });
                    let feature = feature % columns;
                    let test = Test::AtMost(true);
                    Grown::Branch(Branch { test, feature, value, yes: next, no: next + 1 })
                }
                None => {
                    let weight = builder.weights.len() as u32;
                    builder.weights.push((weight % targets, f64::from(weight) + 0.5));
                    Grown::Leaf(weight, weight + 1)
                }
            };
        }
    }
    builder.build().expect("the trees are whole")
}

fn agrees<X: Real>(mut forest: Forest<X, f32>, columns: usize, x: &[f64]) {
    let x: Vec<X> = x.iter().map(|&x| X::of(x)).collect();
    let (rows, run) = (x.len() / columns, Run::new(&|| false, 1 << 30));
    let sums = |forest: &Forest<X, f32>| {
        forest.aggregate(&x, columns, rows, Aggregate::Sum, &run).expect("sums")
    };
    let chosen = sums(&forest);
    let steps = steps(&forest.nodes, &forest.tests).expect("few features");
    let crowns = crowns(&forest);
    forest.quick = Some(Quick::Steps(steps, crowns));
    let stepped = sums(&forest);
    forest.quick = None;
    assert_eq!(chosen, sums(&forest));
    assert_eq!(stepped, sums(&forest));
}

proptest! {
    #[test]
    fn short_nodes_lead_to_the_same_leaves(
        trees in prop::collection::vec(
            prop::collection::vec((any::<bool>(), any::<u32>(), number()), 0..40), 1..30),
        columns in prop_oneof![1..6u32, 250..300u32],
        targets in 1..3u32,
        wide in any::<bool>(),
        rows in 1..70usize,
        numbers in prop::collection::vec(number(), 1..500),
    ) {
        let x: Vec<f64> =
            numbers.iter().copied().cycle().take(columns as usize * rows).collect();
        let single = grown::<f32>(&trees, (columns, targets, wide));
        prop_assert!(single.quick.is_some());
        agrees(single, columns as usize, &x);
        agrees(grown::<f64>(&trees, (columns, targets, wide)), columns as usize, &x);
    }

    #[test]
    fn whole_trees_of_any_depth_lead_to_the_same_leaves(
        depth in 0..13u32,
        trees in 1..26usize,
        columns in prop_oneof![1..9u32, 250..258u32],
        targets in 1..3u32,
        rows in 1..40usize,
        numbers in prop::collection::vec(number(), 100..500),
    ) {
        let wide = true;
        let mut choices = (0u32..).zip(numbers.iter().copied().cycle());
        // Few trees where they are large.
        let trees = trees.min(1 + (1 << 14 >> depth));
        let trees: Vec<Vec<_>> = (0..trees)
            .map(|_| {
                let choice = |(at, value): (u32, f64)| (true, at.wrapping_mul(7), value);
                (&mut choices).take((1 << depth) - 1).map(choice).collect()
            })
            .collect();
        let x: Vec<f64> =
            numbers.iter().rev().copied().cycle().take(columns as usize * rows).collect();
        agrees(grown::<f32>(&trees, (columns, targets, wide)), columns as usize, &x);
        agrees(grown::<f64>(&trees, (columns, targets, wide)), columns as usize, &x);
    }
}
