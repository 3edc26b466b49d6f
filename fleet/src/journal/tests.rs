use super::*;
use crate::transport::Memory;

const OF: Partition = Partition { generation: 1, number: 0 };

fn begun() -> (Arc<Memory>, Names) {
    let (memory, names) = (Arc::new(Memory::default()), Names::new("t").unwrap());
    Journal::begin(memory.clone(), &names, OF, &Checkpoint::default()).unwrap();
    (memory, names)
}

/// The servers compare numbers: with two records under way, the second would follow the other owner's epoch.
#[test]
fn nothing_of_an_owner_is_stored_behind_the_epoch_of_the_next() {
    let (memory, names) = begun();
    let (mut before, _) = Journal::take_over(memory.clone(), &names, OF, "before").unwrap();
    before.write(b"m x=1 1\n", b"", 1).unwrap();
    let (mut after, standing) = Journal::take_over(memory.clone(), &names, OF, "after").unwrap();
    assert_eq!(standing.latest_output, 0, "the record is still under way");
    let fenced = before.write(b"m x=2 2\n", b"", 2);
    assert!(matches!(fenced, Err(FleetError::Fenced { .. })), "{fenced:?}");
    after.write(b"m x=1 1\n", b"", 1).unwrap();
    after.settle().unwrap();
    let subjects = memory.subjects(&names.journal(OF));
    let kinds: Vec<_> = subjects.iter().filter_map(|s| s.strip_prefix("t.j.1.0.")).collect();
    assert_eq!(kinds, ["checkpoint", "epoch", "epoch", "out.points"]);
    assert_eq!(standing_of(&memory, &names).mark.worker, "after");
}

fn standing_of(memory: &Arc<Memory>, names: &Names) -> Standing {
    standing(&**memory, names, OF).unwrap()
}

#[test]
fn a_state_of_many_pieces_comes_back() {
    let (memory, names) = begun();
    let (mut journal, _) = Journal::take_over(memory.clone(), &names, OF, "a").unwrap();
    let checkpoint =
        Checkpoint { position: 7, version: "v".repeat(3 * LARGEST), ..Checkpoint::default() };
    journal.checkpoint(&checkpoint).unwrap();
    assert_eq!(standing_of(&memory, &names).checkpoint, checkpoint);
    assert_eq!(standing_of(&memory, &names).mark.through, 7);
}
