//! Distances: nearest neighbours, patterns, principal components, random partitions.

use super::NativeTypes;
use super::answer::{Step, map};
use super::arguments::{Arguments, numbers};
use super::object::Binder;
use super::series::Series;
use crate::script::host::Host;
use crate::stats::distance::{
    Discord, HalfSpaceTrees, IsolationForest, KnnConformal, MovingForest, RandomCutForest,
    RandomCutStep, Subspace, SubspaceStep,
};
use rhai::{Array, Dynamic, Engine, Map};
use std::rc::Rc;

impl Step for SubspaceStep {
    fn map(&self) -> Map {
        let contributions = Series::new(self.contributions.clone());
        map([
            ("score", self.score.into()),
            ("t2", self.t2.into()),
            ("q", self.q.into()),
            ("contributions", Dynamic::from(contributions)),
        ])
    }
}

impl Step for RandomCutStep {
    fn map(&self) -> Map {
        let contributions = Series::new(self.contributions.clone());
        map([("score", self.score.into()), ("contributions", Dynamic::from(contributions))])
    }
}

pub(super) fn register(engine: &mut Engine, host: &Rc<Host>, registry: &mut NativeTypes) {
    register_neighbours(engine, host, registry);
    register_forests(engine, host, registry);
}

/// Distances from the values, patterns and rows of the past.
fn register_neighbours(engine: &mut Engine, host: &Rc<Host>, registry: &mut NativeTypes) {
    Binder::new(engine, host, registry, "knn_conformal", KnnConformal::reset)
        .made_by("knn_conformal", &["training", "calibration"], |a| {
            let (training, calibration) = (a.count()?, a.count()?);
            let (dimension, k) = (a.count_or("dimension", 19)?, a.count_or("k", 27)?);
            Ok(KnnConformal::new(training, calibration, dimension, k.min(training))?)
        })
        .judges(KnnConformal::push)
        .answers(&[("distance", KnnConformal::distance)])
        .count("count", |s| s.count() as u64)
        .ready(KnnConformal::ready);
    Binder::new(engine, host, registry, "discord", Discord::reset)
        .made_by("discord", &["pattern", "memory"], |a| {
            let (pattern, memory) = (a.count()?, a.count()?);
            Ok(Discord::new(pattern, memory, a.number_or("floor", 0.05)?)?)
        })
        .judges(Discord::push)
        .count("count", |s| s.count() as u64)
        .ready(Discord::ready);
    Binder::new(engine, host, registry, "subspace", Subspace::reset)
        .made_by("subspace", &["columns", "learn"], |a| {
            let (columns, learn) = (a.count()?, a.count()?);
            let (keep, level) = (a.number_or("keep", 0.9)?, a.number_or("level", 0.99)?);
            Ok(Subspace::new(columns, learn, keep, level)?)
        })
        .judges_rows(Subspace::push)
        .count("columns", |s| s.columns() as u64)
        .count("count", Subspace::count)
        .ready(Subspace::ready);
}

/// Forests of random cuts.
fn register_forests(engine: &mut Engine, host: &Rc<Host>, registry: &mut NativeTypes) {
    Binder::new(engine, host, registry, "random_cut_forest", RandomCutForest::reset)
        .made_by("random_cut_forest", &["columns", "window"], |a| {
            let (columns, window) = (a.count()?, a.count()?);
            let (trees, seed) = (a.count_or("trees", 40)?, a.int_or("seed", 0)? as u64);
            Ok(RandomCutForest::new(columns, window, trees, seed)?)
        })
        .judges_rows(RandomCutForest::push)
        .count("columns", |s| s.columns() as u64)
        .count("count", RandomCutForest::count)
        .ready(RandomCutForest::ready);
    Binder::fixed(engine, host, registry, "isolation_forest")
        .made_by("isolation_forest", &["columns"], |a| {
            let columns = a.columns()?;
            let columns: Vec<&[f64]> = columns.iter().map(|column| &**column).collect();
            let (trees, sample) = (a.count_or("trees", 100)?, a.count_or("sample", 256)?);
            let seed = a.int_or("seed", 0)? as u64;
            Ok(IsolationForest::fit(&columns, trees, sample, seed, &a.progress())?)
        })
        .asked_rows("score", |s, row| s.score(row).map(Some))
        .count("columns", |s| s.columns() as u64);
    Binder::new(engine, host, registry, "moving_forest", MovingForest::reset)
        .made_by("moving_forest", &["columns", "window"], |a| {
            let (columns, window) = (a.count()?, a.count()?);
            let refit = a.count_or("refit", (window / 4).max(1))?;
            let (trees, sample) = (a.count_or("trees", 100)?, a.count_or("sample", 256)?);
            let seed = a.int_or("seed", 0)? as u64;
            Ok(MovingForest::new(columns, window, refit, trees, sample, seed)?)
        })
        .judges_rows(MovingForest::push)
        .count("count", MovingForest::count)
        .ready(MovingForest::ready);
    Binder::new(engine, host, registry, "half_space_trees", HalfSpaceTrees::reset)
        .made_by("half_space_trees", &["ranges"], |a| {
            let ranges = ranges(a)?;
            let (trees, depth) = (a.count_or("trees", 25)?, a.count_or("depth", 8)?);
            let (window, seed) = (a.count_or("window", 250)?, a.int_or("seed", 0)? as u64);
            Ok(HalfSpaceTrees::new(&ranges, trees, depth, window, seed)?)
        })
        .judges_rows(|s, row, _| s.push(row))
        .asked_rows("score", HalfSpaceTrees::score)
        .count("count", HalfSpaceTrees::count)
        .ready(HalfSpaceTrees::ready);
}

/// `[[low, high], …]`.
fn ranges(a: &mut Arguments<'_>) -> super::Fallible<Vec<(f64, f64)>> {
    let (name, value) = a.any();
    let wrong = || a.fail(format_args!("{name} must be an array of [low, high], one a column"));
    let array = value.read_lock::<Array>().ok_or_else(wrong)?;
    let range = |(i, range)| {
        let pair = numbers(a.host(), "half_space_trees", &format!("{name}[{i}]"), range, false)?;
        match *pair {
            [low, high] => Ok((low, high)),
            _ => Err(wrong()),
        }
    };
    array.iter().enumerate().map(range).collect()
}
