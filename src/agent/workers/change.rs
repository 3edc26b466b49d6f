//! New versions: taken by all workers at one place of the stream, or by none.

use super::crew::Crew;
use super::worker::{Answer, Question, Worker};
use super::{Lead, Trial};
use crate::agent::AgentError;
use std::time::Instant;

impl<L: Lead, R: Fn(usize) -> L + Clone + Send + 'static> Crew<L, R> {
    /// All workers take a changed program at this place of the stream, or none does.
    pub(super) fn change(&mut self) -> Result<(), AgentError> {
        let began = Instant::now();
        let before = self.lead.handler_ref().version();
        let mut trials = vec![self.lead.handler().try_change()];
        if !matches!(trials[0], Trial::Refused(_)) {
            let answers = self.ask(&Question::Try)?;
            trials.extend(answers.into_iter().filter_map(|answer| match answer {
                Answer::Tried(trial) => Some(trial),
                _ => None,
            }));
        }
        let (version, groups) = match verdict(&before, &trials) {
            Verdict::Take(version, groups) => (version, groups),
            Verdict::Leave(line) => {
                if let Some(line) = line {
                    log::error!("{line}");
                }
                self.lead.handler().settle_change(false);
                self.ask(&Question::Settled(false))?;
                return Ok(());
            }
        };
        self.lead.handler().settle_change(true);
        self.ask(&Question::Settled(true))?;
        log::info!(
            "reload: version {before} → {version} in {} workers, with the state of {groups} groups, in {} ms",
            self.workers.len(),
            began.elapsed().as_millis()
        );
        Ok(())
    }

    /// If one worker went back to the previous version, all others do the same.
    pub(super) fn go_back(&mut self) -> Result<(), AgentError> {
        let back: Vec<bool> = self.workers.iter().map(Worker::take_back).collect();
        if !back.contains(&true) {
            return Ok(());
        }
        self.send_all()?;
        for worker in &self.workers {
            worker.ask(Question::GoBack)?;
        }
        let answers = self.workers.iter().map(Worker::answer).collect::<Result<Vec<_>, _>>();
        // They have gone back too, and need not be asked again.
        for worker in &self.workers {
            let _ = worker.take_back();
        }
        self.lead.handler().go_back();
        log::info!(
            "reload: one worker went back to the previous version, so the other workers do the same"
        );
        self.look()?;
        answers.map(drop)
    }
}

/// The decision about a changed program.
enum Verdict {
    Take(String, usize),
    /// Nothing, with a line for the log if there is something to say.
    Leave(Option<String>),
}

/// The program is taken if all can take it, and it is the same for all.
fn verdict(before: &str, trials: &[Trial]) -> Verdict {
    if let Some(line) = trials.iter().find_map(|trial| match trial {
        Trial::Refused(line) => Some(line),
        _ => None,
    }) {
        return Verdict::Leave(Some(line.clone()));
    }
    let mut total = 0;
    let mut version = None;
    for trial in trials {
        let Trial::Ready(name, groups) = trial else { continue };
        if *version.get_or_insert(name) != name {
            return Verdict::Leave(Some(SAVED_AGAIN.into()));
        }
        total += groups;
    }
    match version {
        None => Verdict::Leave(None),
        // A model changed that some workers have not loaded.
        Some(version) if version == before || !trials.contains(&Trial::Same) => {
            Verdict::Take(version.clone(), total)
        }
        Some(_) => Verdict::Leave(Some(SAVED_AGAIN.into())),
    }
}

/// Some workers have tried another text than others.
const SAVED_AGAIN: &str = "reload: the script was saved while it was being tried; the running version stays until the script is saved again";
