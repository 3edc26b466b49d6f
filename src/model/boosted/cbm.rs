//! CatBoost's binary format: a FlatBuffer behind eight bytes.
//!
//! Offsets of the buffer are followed with every access checked; the field numbers are those of
//! CatBoost's `model.fbs` and `features.fbs`.

use super::Boosted;
use super::catboost::{Decision, Feature, Grower, unsupported};
use crate::model::error::{ModelError, Result};
use crate::model::forest::Grown;
use serde_json::{Map, Value as Json};

/// The fields of `TModelTrees`.
mod field {
    pub(super) const DIMENSION: usize = 0;
    pub(super) const SPLITS: usize = 1;
    pub(super) const SIZES: usize = 2;
    pub(super) const CATEGORICAL: usize = 4;
    pub(super) const FLOAT: usize = 5;
    pub(super) const ONE_HOT: usize = 6;
    pub(super) const COUNTERS: usize = 7;
    pub(super) const VALUES: usize = 8;
    pub(super) const STEPS: usize = 10;
    pub(super) const LEAF_OF_NODE: usize = 11;
    pub(super) const TEXT: usize = 12;
    pub(super) const ESTIMATED: usize = 13;
    pub(super) const SCALE: usize = 14;
    pub(super) const BIAS: usize = 15;
    pub(super) const BIASES: usize = 16;
}

/// A FlatBuffer.
#[derive(Clone, Copy)]
struct Buffer<'a>(&'a [u8]);

/// A table in a FlatBuffer: where it and its list of fields lie.
#[derive(Clone, Copy)]
struct Table<'a> {
    buffer: Buffer<'a>,
    at: usize,
    fields: usize,
    size: usize,
}

fn outside() -> ModelError {
    ModelError::damaged("it ends in the middle of a value, or an offset leads out of it")
}

impl<'a> Buffer<'a> {
    fn array<const N: usize>(self, at: usize) -> Result<[u8; N]> {
        let bytes = self.0.get(at..).and_then(|bytes| bytes.first_chunk());
        bytes.copied().ok_or_else(outside)
    }

    fn u32(self, at: usize) -> Result<usize> {
        self.array(at).map(|bytes| u32::from_le_bytes(bytes) as usize)
    }

    fn u16(self, at: usize) -> Result<usize> {
        self.array(at).map(|bytes| u16::from_le_bytes(bytes).into())
    }

    /// The place to which an offset leads.
    fn follow(self, at: usize) -> Result<usize> {
        at.checked_add(self.u32(at)?).ok_or_else(outside)
    }

    fn table(self, at: usize) -> Result<Table<'a>> {
        let back = i64::from(i32::from_le_bytes(self.array(at)?));
        let fields = usize::try_from(at as i64 - back).map_err(|_| outside())?;
        Ok(Table { buffer: self, at, fields, size: self.u16(fields)? })
    }

    /// The elements of a list, each of `N` bytes.
    fn list<const N: usize>(self, at: usize) -> Result<&'a [[u8; N]]> {
        let start = at.checked_add(4).ok_or_else(outside)?;
        let end = self.u32(at)?.checked_mul(N).and_then(|bytes| bytes.checked_add(start));
        let bytes = end.and_then(|end| self.0.get(start..end)).ok_or_else(outside)?;
        Ok(bytes.as_chunks().0)
    }
}

impl<'a> Table<'a> {
    /// Where a field lies; none where it has its default.
    fn field(self, number: usize) -> Result<Option<usize>> {
        let entry = 4 + 2 * number;
        if entry + 2 > self.size {
            return Ok(None);
        }
        let offset = self.buffer.u16(self.fields + entry)?;
        Ok((offset != 0).then_some(self.at + offset))
    }

    fn list<const N: usize>(self, number: usize) -> Result<&'a [[u8; N]]> {
        match self.field(number)? {
            Some(at) => self.buffer.list(self.buffer.follow(at)?),
            None => Ok(&[]),
        }
    }

    fn ints(self, number: usize) -> Result<Vec<i32>> {
        Ok(self.list(number)?.iter().map(|bytes| i32::from_le_bytes(*bytes)).collect())
    }

    fn doubles(self, number: usize) -> Result<Vec<f64>> {
        Ok(self.list(number)?.iter().map(|bytes| f64::from_le_bytes(*bytes)).collect())
    }

    fn double(self, number: usize, default: f64) -> Result<f64> {
        match self.field(number)? {
            Some(at) => Ok(f64::from_le_bytes(self.buffer.array(at)?)),
            None => Ok(default),
        }
    }

    fn int(self, number: usize, default: i32) -> Result<i32> {
        match self.field(number)? {
            Some(at) => Ok(i32::from_le_bytes(self.buffer.array(at)?)),
            None => Ok(default),
        }
    }

    fn text(self, number: usize) -> Result<String> {
        let bytes: Vec<u8> = self.list::<1>(number)?.iter().map(|byte| byte[0]).collect();
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }

    fn tables(self, number: usize) -> Result<Vec<Table<'a>>> {
        let Some(at) = self.field(number)? else { return Ok(Vec::new()) };
        let start = self.buffer.follow(at)?;
        let count = self.buffer.list::<4>(start)?.len();
        let table = |index: usize| self.buffer.table(self.buffer.follow(start + 4 + 4 * index)?);
        (0..count).map(table).collect()
    }
}

pub(super) fn read(bytes: &[u8]) -> Result<Boosted> {
    let length = Buffer(bytes).u32(4)?;
    let core = Buffer(bytes.get(8..).and_then(|rest| rest.get(..length)).ok_or_else(outside)?);
    let root = core.table(core.follow(0)?)?;
    let trees = root.field(1)?.ok_or_else(|| ModelError::damaged("there are no trees"))?;
    let trees = core.table(core.follow(trees)?)?;
    for (number, what) in [
        (field::ONE_HOT, "one-hot features"),
        (field::COUNTERS, "categorical features"),
        (field::TEXT, "text features"),
        (field::ESTIMATED, "estimated features"),
    ] {
        if !trees.list::<4>(number)?.is_empty() {
            return Err(unsupported(what));
        }
    }
    let (features, decisions) = features(trees)?;
    let targets = usize::try_from(trees.int(field::DIMENSION, 1)?).ok().filter(|&t| t > 0);
    let targets = targets.ok_or_else(|| ModelError::damaged("the number of sums"))?;
    let biases = trees.doubles(field::BIASES)?;
    let bias = match biases.len() {
        0 => vec![trees.double(field::BIAS, 0.0)?; targets.min(1 << 16)],
        _ => biases,
    };
    if bias.len() != targets {
        return Err(ModelError::damaged("the number of biases"));
    }
    let mut grower = Grower::new(&features, targets);
    let splits = trees.ints(field::SPLITS)?;
    let splits = splits
        .iter()
        .map(|&split| usize::try_from(split).ok().and_then(|at| decisions.get(at)).copied())
        .collect::<Vec<Option<Decision>>>();
    if trees.list::<4>(field::STEPS)?.is_empty() {
        symmetric(trees, &splits, &mut grower, targets)?;
    } else {
        free(trees, &splits, &mut grower, targets)?;
    }
    let scale = trees.double(field::SCALE, 1.0)?;
    let categorical = trees.list::<4>(field::CATEGORICAL)?.len();
    grower.finish("CatBoost binary", &information(root)?, scale, bias, categorical)
}

/// The float features, and all decisions in the order in which splits count them.
fn features(trees: Table<'_>) -> Result<(Vec<Feature>, Vec<Decision>)> {
    let (mut features, mut decisions) = (Vec::new(), Vec::new());
    for table in trees.tables(field::FLOAT)? {
        let index = |value: i32| usize::try_from(value).ok();
        let column = index(table.int(2, -1)?).or(index(table.int(1, -1)?));
        for bytes in table.list::<4>(3)? {
            let border = f32::from_le_bytes(*bytes).into();
            decisions.push(Decision { feature: features.len(), border });
        }
        let treatment = match table.field(5)? {
            Some(at) => table.buffer.array::<1>(at)?[0],
            None => 0,
        };
        features.push(Feature {
            column: column.ok_or_else(|| ModelError::damaged("a feature without a column"))?,
            name: table.text(4)?,
            missing_is_large: treatment == 2,
        });
    }
    Ok((features, decisions))
}

fn known(split: Option<Decision>) -> Result<Decision> {
    split.ok_or_else(|| unsupported("splits by categories"))
}

fn symmetric(
    trees: Table<'_>,
    splits: &[Option<Decision>],
    grower: &mut Grower<'_>,
    targets: usize,
) -> Result<()> {
    let values = trees.doubles(field::VALUES)?;
    let (mut splits, mut values) = (splits, &values[..]);
    for size in trees.ints(field::SIZES)? {
        let size = usize::try_from(size).ok().filter(|&size| size <= 20).ok_or_else(outside)?;
        let (own, rest) = splits.split_at_checked(size).ok_or_else(outside)?;
        let own = own.iter().map(|&split| known(split)).collect::<Result<Vec<_>>>()?;
        let count = targets.checked_mul(1 << size).ok_or_else(outside)?;
        let (leaves, others) = values.split_at_checked(count).ok_or_else(outside)?;
        grower.symmetric(&own, leaves)?;
        (splits, values) = (rest, others);
    }
    Ok(())
}

/// Trees that grew by themselves: each node says how far its sides are away; a distance of zero
/// is a leaf at the node itself.
fn free(
    trees: Table<'_>,
    splits: &[Option<Decision>],
    grower: &mut Grower<'_>,
    targets: usize,
) -> Result<()> {
    let steps: Vec<(usize, usize)> = trees
        .list::<4>(field::STEPS)?
        .iter()
        .map(|b| (u16::from_le_bytes([b[0], b[1]]).into(), u16::from_le_bytes([b[2], b[3]]).into()))
        .collect();
    let (leaf_of, values) = (trees.ints(field::LEAF_OF_NODE)?, trees.doubles(field::VALUES)?);
    if steps.len() != splits.len() || leaf_of.len() != steps.len() {
        return Err(ModelError::damaged("the lists of nodes have different lengths"));
    }
    // The nodes come first, in their order; leaves at nodes that are branches too come behind.
    let mut later = Vec::new();
    for (at, &(left, right)) in steps.iter().enumerate() {
        let mut side = |distance: usize| match distance {
            0 => {
                later.push(at);
                (steps.len() + later.len() - 1) as u32
            }
            distance => (at + distance) as u32,
        };
        let node = if (left, right) == (0, 0) {
            leaf(at, &leaf_of, &values, grower, targets)?
        } else {
            let children = (side(left), side(right));
            grower.branch(known(splits[at])?, children)?
        };
        grower.builder.nodes.push(node);
    }
    for at in later {
        let node = leaf(at, &leaf_of, &values, grower, targets)?;
        grower.builder.nodes.push(node);
    }
    let mut root = 0u32;
    for size in trees.ints(field::SIZES)? {
        grower.builder.roots.push(root);
        root = root.checked_add(u32::try_from(size).map_err(|_| outside())?).ok_or_else(outside)?;
    }
    Ok(())
}

fn leaf(
    at: usize,
    leaf_of: &[i32],
    values: &[f64],
    grower: &mut Grower<'_>,
    targets: usize,
) -> Result<Grown> {
    let start = usize::try_from(leaf_of[at]).map_err(|_| outside())?;
    let end = start.checked_add(targets).ok_or_else(outside)?;
    grower.leaf(values.get(start..end).ok_or_else(outside)?)
}

/// The model's information, as the JSON format has it.
fn information(root: Table<'_>) -> Result<Json> {
    let mut map = Map::new();
    for pair in root.tables(2)? {
        map.insert(pair.text(0)?, Json::String(pair.text(1)?));
    }
    Ok(Json::Object(map))
}
