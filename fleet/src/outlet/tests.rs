use super::*;
use crate::journal::{Checkpoint, Journal};
use crate::transport::Memory;

const OF: Partition = Partition { generation: 1, number: 0 };

fn journal() -> (Arc<Memory>, Names, Journal) {
    let (memory, names) = (Arc::new(Memory::default()), Names::new("t").unwrap());
    begin(&*memory, &names).unwrap();
    Journal::begin(memory.clone(), &names, OF, &Checkpoint::default()).unwrap();
    let (journal, _) = Journal::take_over(memory.clone(), &names, OF, "a").unwrap();
    (memory, names, journal)
}

fn outlet(memory: &Arc<Memory>, names: &Names) -> Outlet {
    Outlet::take_over(memory.clone(), names, std::iter::once(OF)).unwrap()
}

/// The lines of the output stream.
fn lines(memory: &Arc<Memory>, names: &Names) -> String {
    let records = memory.read(&names.output(), 1).next(Duration::ZERO).unwrap();
    let lines = records.iter().filter(|record| record.subject.starts_with("t.out.points"));
    lines.map(|record| String::from_utf8_lossy(&record.payload).into_owned()).collect()
}

#[test]
fn records_that_follow_each_other_are_copied_once_whoever_copies() {
    let (memory, names, mut journal) = journal();
    let mut expected = String::new();
    let mut write = |from: u64| {
        for i in from..from + 10 {
            let line = format!("m x={i} {i}\n");
            journal.write(line.as_bytes(), b"", i).unwrap();
            expected.push_str(&line);
        }
        journal.settle().unwrap();
        expected.clone()
    };
    let mut first = outlet(&memory, &names);
    let expected = write(1);
    first.copy().unwrap();
    // The record of these lines is under way, and another worker copies them before it arrives.
    let mut second = outlet(&memory, &names);
    second.copy().unwrap();
    second.copy().unwrap();
    assert_eq!(lines(&memory, &names), expected);
    assert!(matches!(first.copy(), Err(FleetError::Fenced { .. })));
    let expected = write(11);
    second.copy().unwrap();
    second.copy().unwrap();
    assert_eq!(lines(&memory, &names), expected);
    assert_eq!(progress(&*memory, &names).unwrap().1[&OF], journal.mark.own);
}

#[test]
fn a_journal_that_lost_records_is_not_copied() {
    let (memory, names, mut journal) = journal();
    journal.write(b"m x=1 1\n", b"", 1).unwrap();
    journal.write(b"m x=2 2\n", b"", 2).unwrap();
    journal.settle().unwrap();
    memory.forget(&names.journal(OF), journal.mark.own).unwrap();
    let mut outlet = outlet(&memory, &names);
    let stopped = std::iter::repeat_with(|| outlet.copy()).find_map(Result::err);
    let message = stopped.map(|error| error.to_string()).unwrap_or_default();
    assert!(message.contains("was not copied"), "{message}");
}
