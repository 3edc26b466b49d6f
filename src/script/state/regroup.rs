//! Splits and merges snapshots by groups.

use crate::agent::Pulse;
use crate::script::api::{self, NativeTypes};
use crate::script::config::Limits;
use crate::script::engine;
use crate::script::error::ScriptError;
use crate::script::host::Host;
use crate::script::state::bounds::Bounds;
use crate::script::state::groups::Groups;
use std::path::PathBuf;
use std::rc::Rc;

/// Makes one snapshot of several of the same script: of all groups that `keep` holds for. Where a
/// group is in more than one, the last counts.
///
/// # Errors
/// Bytes that are no snapshot of this version, no snapshot at all, or snapshots of different versions or
/// options of a script.
pub fn regroup(
    snapshots: &[&[u8]],
    keep: &mut dyn FnMut(&[u8]) -> bool,
) -> Result<Vec<u8>, ScriptError> {
    let failed = |why: String| ScriptError::Snapshot(why);
    let mut types = NativeTypes::default();
    let mut engine = engine::engine(&Limits::default(), &Pulse::default());
    api::register(&mut engine, &Rc::new(Host::new(PathBuf::new())), &mut types);
    let mut all = Groups::default();
    let mut common = None;
    for snapshot in snapshots {
        let restored = Groups::restore(snapshot, &types, Bounds::default());
        let (groups, origin) = restored.map_err(|error| failed(error.to_string()))?;
        if *common.get_or_insert_with(|| origin.clone()) != origin {
            return Err(failed(
                "they were made by different versions or options of the script".into(),
            ));
        }
        for (id, group) in groups.iter().filter(|(id, _)| keep(id)) {
            all.insert(id, group.clone());
        }
    }
    let origin = common.ok_or_else(|| failed("there is none".into()))?;
    all.snapshot(&origin, &types, 0).map_err(|error| failed(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::script::state::groups::Group;
    use crate::script::state::snapshot::Origin;

    fn snapshot(script: &str, groups: &[(&str, i64)]) -> Vec<u8> {
        let mut all = Groups::default();
        for (id, value) in groups {
            all.insert(id.as_bytes(), Group::new(Some((*value).into()), *value));
        }
        let origin = Origin { script: script.into(), ..Origin::default() };
        all.snapshot(&origin, &NativeTypes::default(), 0).unwrap()
    }

    #[test]
    fn what_is_taken_apart_comes_together_again() {
        let whole = snapshot("s", &[("a", 1), ("b", 2), ("c", 3)]);
        let a = regroup(&[&whole], &mut |id| id == b"a").unwrap();
        let others = regroup(&[&whole], &mut |id| id != b"a").unwrap();
        assert_eq!(a, snapshot("s", &[("a", 1)]));
        assert_eq!(regroup(&[&a, &others], &mut |_| true).unwrap(), whole);
        let foreign = snapshot("t", &[("d", 4)]);
        let refused = regroup(&[&a, &foreign], &mut |_| true).unwrap_err().to_string();
        assert!(refused.contains("different versions"), "{refused}");
        assert!(regroup(&[], &mut |_| true).is_err());
    }
}
