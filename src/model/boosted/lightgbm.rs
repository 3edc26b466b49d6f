//! LightGBM's text format.

use super::objective::Objective;
use super::{Boosted, Trees, real_names};
use crate::model::error::{ModelError, Result};
use crate::model::forest::{Branch, Builder, Grown, Test};
use std::collections::HashMap;
use std::str::FromStr;

/// The lines `key=value` of the header or of a tree; a line without a value is a flag.
type Section<'t> = HashMap<&'t str, &'t str>;

pub(super) fn read(bytes: &[u8]) -> Result<Boosted> {
    let text = std::str::from_utf8(bytes);
    let text = text.map_err(|_| ModelError::damaged("it is no text"))?;
    let (mut sections, mut whole) = (vec![Section::new()], false);
    for line in text.lines().map(str::trim) {
        match line {
            "end of trees" => {
                whole = true;
                break;
            }
            _ if line.starts_with("Tree=") => sections.push(Section::new()),
            _ => {
                let (key, value) = line.split_once('=').unwrap_or((line, ""));
                sections.last_mut().map(|section| section.insert(key, value));
            }
        }
    }
    if !whole {
        return Err(ModelError::damaged("it ends before the line 'end of trees'"));
    }
    let header = &sections[0];
    let sums: usize = number(header, "num_tree_per_iteration")?;
    let columns = number::<usize>(header, "max_feature_idx")?.saturating_add(1);
    if !(1..=1 << 16).contains(&sums) {
        return Err(ModelError::damaged("the number of classes"));
    }
    let objective = objective(header.get("objective").copied().unwrap_or(""), sums)?;
    let mut builder = Builder { targets: sums, ..Builder::default() };
    for (at, section) in sections[1..].iter().enumerate() {
        Tree::read(section)?.add(&mut builder, (at % sums) as u32)?;
    }
    let rounds = (builder.roots.len() / sums).max(1) as f64;
    let names = header.get("feature_names").copied().unwrap_or("");
    Boosted {
        format: "LightGBM text",
        producer: header.get("version").map(|v| format!("LightGBM {v}")).unwrap_or_default(),
        columns,
        labels: None,
        features: real_names(names.split_whitespace().map(Into::into).collect()),
        value_name: "variable",
        trees: Trees::Double(builder.build()?),
        bias: vec![0.0; sums],
        // A random forest averages its trees.
        scale: if header.contains_key("average_output") { 1.0 / rounds } else { 1.0 },
        objective,
    }
    .checked()
}

fn number<T: FromStr>(section: &Section<'_>, key: &str) -> Result<T> {
    let value = section.get(key).and_then(|value| value.trim().parse().ok());
    value.ok_or_else(|| ModelError::Damaged(format!("'{key}' is missing, or no number")))
}

fn list<T: FromStr>(section: &Section<'_>, key: &str) -> Result<Vec<T>> {
    let words = section.get(key).copied().unwrap_or("").split_whitespace();
    let values = words.map(|word| word.parse().ok()).collect::<Option<_>>();
    values.ok_or_else(|| ModelError::Damaged(format!("'{key}' has a value that is no number")))
}

fn objective(text: &str, sums: usize) -> Result<Objective> {
    let mut words = text.split_whitespace();
    let name = words.next().unwrap_or("regression");
    let words: Vec<&str> = words.collect();
    let steepness = words.iter().find_map(|word| word.strip_prefix("sigmoid:")?.parse().ok());
    let steepness = steepness.unwrap_or(1.0);
    Ok(match name {
        "binary" => Objective::TwoClasses { steepness },
        "multiclass" => Objective::Softmax,
        "multiclassova" => Objective::OneVersusAll { steepness, normalized: false },
        "cross_entropy" => Objective::Logistic,
        "cross_entropy_lambda" => Objective::LogOnePlusExp,
        "poisson" | "gamma" | "tweedie" => Objective::Exponential,
        _ if words.contains(&"sqrt") => Objective::SignedSquare,
        "regression" | "regression_l1" | "huber" | "fair" | "quantile" | "mape" | "lambdarank"
        | "rank_xendcg" | "custom" | "none" => Objective::Value,
        other => {
            let text = format!("LightGBM's objective '{other}' with {sums} sums");
            return Err(ModelError::Unsupported(text));
        }
    })
}

/// The lists of one tree; leaves are numbered apart and are negative as children.
struct Tree {
    feature: Vec<u32>,
    threshold: Vec<f64>,
    kind: Vec<u8>,
    left: Vec<i64>,
    right: Vec<i64>,
    leaves: Vec<f64>,
    boundaries: Vec<usize>,
    bits: Vec<u32>,
}

impl Tree {
    fn read(section: &Section<'_>) -> Result<Self> {
        if section.get("is_linear").is_some_and(|flag| flag.trim() == "1") {
            return Err(ModelError::Unsupported("LightGBM's linear trees".into()));
        }
        let tree = Self {
            feature: list(section, "split_feature")?,
            threshold: list(section, "threshold")?,
            kind: list(section, "decision_type")?,
            left: list(section, "left_child")?,
            right: list(section, "right_child")?,
            leaves: list(section, "leaf_value")?,
            boundaries: list(section, "cat_boundaries")?,
            bits: list(section, "cat_threshold")?,
        };
        let count = tree.feature.len();
        let lengths = [tree.threshold.len(), tree.kind.len(), tree.left.len(), tree.right.len()];
        let leaves: usize = number(section, "num_leaves")?;
        let fits = leaves == tree.leaves.len() && leaves == count + 1;
        if !fits || lengths.iter().any(|&length| length != count) {
            return Err(ModelError::damaged("the lists of a tree have different lengths"));
        }
        Ok(tree)
    }

    /// Branches first, in their order, then leaves.
    fn add(&self, builder: &mut Builder, target: u32) -> Result<()> {
        let first = builder.nodes.len();
        builder.roots.push(first as u32);
        for at in 0..self.feature.len() {
            let branch = self.branch(at, first, builder)?;
            builder.nodes.push(Grown::Branch(branch));
        }
        for &value in &self.leaves {
            let start = builder.weights.len() as u32;
            builder.weights.push((target, value));
            builder.nodes.push(Grown::Leaf(start, start + 1));
        }
        Ok(())
    }

    fn child(&self, child: i64, first: usize) -> Result<u32> {
        let (at, limit) = if child < 0 {
            (!child as usize, self.leaves.len())
        } else {
            (child as usize, self.feature.len())
        };
        if at >= limit {
            return Err(ModelError::damaged("a tree's child that is not there"));
        }
        Ok((first + if child < 0 { self.feature.len() + at } else { at }) as u32)
    }

    fn branch(&self, at: usize, first: usize, builder: &mut Builder) -> Result<Branch> {
        let (left, right) = (self.child(self.left[at], first)?, self.child(self.right[at], first)?);
        let (kind, threshold, feature) = (self.kind[at], self.threshold[at], self.feature[at]);
        let (categorical, default_left, missing) = (kind & 1 != 0, kind & 2 != 0, kind >> 2 & 3);
        if categorical {
            let set = self.set(threshold)?;
            // A missing value counts as the category 0, unless missing values are categories.
            let member = missing != 2 && set.contains(&0.0);
            builder.sets.push(set);
            let test = Test::WholeMember(member, builder.sets.len() as u32 - 1);
            return Ok(Branch { test, feature, value: 0.0, yes: left, no: right });
        }
        let test = match missing {
            // A missing value counts as zero.
            0 => Test::AtMost(0.0 <= threshold),
            1 => Test::AtMostZeroMissing(default_left),
            _ => Test::AtMost(default_left),
        };
        Ok(Branch { test, feature, value: down(threshold), yes: left, no: right })
    }

    /// The categories that go to the left: the bits of some words.
    fn set(&self, threshold: f64) -> Result<Vec<f32>> {
        let at = threshold as usize;
        let words = match (self.boundaries.get(at), self.boundaries.get(at + 1)) {
            (Some(&start), Some(&end)) => self.bits.get(start..end),
            _ => None,
        };
        let words = words.ok_or_else(|| ModelError::damaged("a set of categories"))?;
        let bit = |at: usize| words[at / 32] >> (at % 32) & 1 == 1;
        Ok((0..words.len() * 32).filter(|&at| bit(at)).map(|at| at as f32).collect())
    }
}

/// The largest 32 bit float that is not above: it divides 32 bit floats as the double does.
fn down(threshold: f64) -> f64 {
    let near = threshold as f32;
    if f64::from(near) > threshold { near.next_down().into() } else { near.into() }
}
