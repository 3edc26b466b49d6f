//! Graphs that take the same data on one thread, with their effects.

use crate::protocol::{Batch, Point};
use crate::replay::ReplayError;
use crate::replay::effects::Effects;
use crate::replay::state::RunState;
use crate::replay::summary::Summary;
use crate::tick::{Graph, Resumed};

/// A graph and the receiver of its effects.
pub struct Run {
    /// The graph.
    pub graph: Graph,
    /// Its effects.
    pub effects: Effects,
}

/// Graphs that take the same data.
pub struct Engine {
    /// The graphs, in the order of their variants.
    pub runs: Vec<Run>,
    /// Batches of all queries go to the only one there is.
    pub any_query: bool,
    /// Why the engine cannot take data; reported when data arrives.
    pub unfit: Option<&'static str>,
    /// A copy of the point for all graphs but the last.
    spare: Point,
}

impl Engine {
    /// Makes an engine.
    pub fn new(runs: Vec<Run>, any_query: bool) -> Self {
        Self { runs, any_query, unfit: None, spare: Point::default() }
    }

    /// Hands over a point, which may be moved out.
    ///
    /// # Errors
    /// What ends the replay.
    pub fn point(&mut self, item: u64, point: &mut Point) -> Result<(), ReplayError> {
        self.fits()?;
        let Self { runs, spare, .. } = self;
        let last = runs.len().saturating_sub(1);
        for (i, Run { graph, effects }) in runs.iter_mut().enumerate() {
            graph.begin_item(item);
            if i == last {
                graph.point(point, effects)?;
            } else {
                spare.clone_from(point);
                graph.point(spare, effects)?;
            }
        }
        Ok(())
    }

    /// Hands a batch of a query over.
    ///
    /// # Errors
    /// What ends the replay.
    pub fn batch(&mut self, item: u64, query: usize, batch: &Batch) -> Result<(), ReplayError> {
        self.fits()?;
        let query = if self.any_query { 0 } else { query };
        for Run { graph, effects } in &mut self.runs {
            graph.begin_item(item);
            graph.batch(query, batch.clone(), effects)?;
        }
        Ok(())
    }

    fn fits(&self) -> Result<(), ReplayError> {
        self.unfit.map_or(Ok(()), |why| Err(ReplayError::Unfit(why.into())))
    }

    /// Hands a captured request over.
    ///
    /// # Errors
    /// What ends the replay.
    pub fn frame(&mut self, item: u64, frame: &[u8]) -> Result<(), ReplayError> {
        for Run { graph, effects } in &mut self.runs {
            graph.begin_item(item);
            graph.frame(frame, effects)?;
        }
        Ok(())
    }

    /// Handles points that were collected, because a chunk of the data has been handed over.
    ///
    /// # Errors
    /// What ends the replay.
    pub fn settle(&mut self) -> Result<(), ReplayError> {
        for Run { graph, effects } in &mut self.runs {
            graph.settle(effects)?;
        }
        Ok(())
    }

    /// Ends the data after an item, which may have been another engine's.
    ///
    /// # Errors
    /// What ends the replay.
    pub fn finish_at(&mut self, item: u64) -> Result<(), ReplayError> {
        self.runs.iter_mut().for_each(|run| run.graph.begin_item(item));
        self.finish()
    }

    /// Ends the data.
    ///
    /// # Errors
    /// What ends the replay.
    pub fn finish(&mut self) -> Result<(), ReplayError> {
        for Run { graph, effects } in &mut self.runs {
            graph.finish(effects)?;
        }
        self.flush()
    }

    /// Writes the buffered output for files and databases.
    ///
    /// # Errors
    /// A file that cannot be written.
    pub fn flush(&mut self) -> Result<(), ReplayError> {
        for run in &mut self.runs {
            run.effects.flush()?;
        }
        Ok(())
    }

    /// Starts each function again from its own snapshot.
    ///
    /// # Errors
    /// A function that does not start or refuses its snapshot.
    pub fn restart_functions(&mut self) -> Result<(), ReplayError> {
        for Run { graph, effects } in &mut self.runs {
            graph.restart_functions(effects)?;
        }
        Ok(())
    }

    /// Returns a snapshot of each function, by the name of its node.
    ///
    /// # Errors
    /// A function that cannot give its state.
    pub fn snapshots(&mut self) -> Result<Vec<(String, Vec<u8>)>, ReplayError> {
        let mut all = Vec::new();
        for run in &mut self.runs {
            all.append(&mut run.graph.snapshots()?);
        }
        Ok(all)
    }

    /// Returns the state of each graph.
    ///
    /// # Errors
    /// A function that cannot give its state.
    pub fn states(&mut self) -> Result<Vec<RunState>, ReplayError> {
        let of = |Run { graph, effects }: &mut Run| {
            let nodes = graph.states(effects)?;
            Ok(RunState { label: effects.label().to_owned(), nodes })
        };
        self.runs.iter_mut().map(of).collect()
    }

    /// Gives each graph the state of its variant; returns how much of each could be used.
    ///
    /// # Errors
    /// A state that is damaged, or that a function refuses.
    pub fn resume(&mut self, states: &[RunState]) -> Result<Resumed, ReplayError> {
        let only = self.runs.len() == 1 && states.len() == 1;
        let mut resumed = Resumed::default();
        for Run { graph, effects } in &mut self.runs {
            let label = effects.label();
            let Some(state) = states.iter().find(|state| only || state.label == label) else {
                resumed.fresh.push(format!("the state has no variant {label}"));
                continue;
            };
            let one = graph.resume(&state.nodes)?;
            resumed.nodes += one.nodes;
            resumed.fresh.extend(one.fresh);
        }
        Ok(resumed)
    }

    /// Splits a state into several, as `owner` says for each group.
    ///
    /// # Errors
    /// A function whose groups cannot be told apart.
    pub fn split(
        &mut self,
        states: &[RunState],
        parts: usize,
        owner: &mut dyn FnMut(&[u8]) -> usize,
    ) -> Result<Vec<Vec<RunState>>, ReplayError> {
        let mut split: Vec<Vec<RunState>> = vec![Vec::new(); parts];
        let only = self.runs.len() == 1 && states.len() == 1;
        for state in states {
            let fits = |run: &&mut Run| only || run.effects.label() == state.label;
            let nodes = match self.runs.iter_mut().find(fits) {
                Some(run) => run.graph.split(&state.nodes, parts, owner)?,
                None => vec![state.nodes.clone(); parts],
            };
            for (part, nodes) in split.iter_mut().zip(nodes) {
                part.push(RunState { label: state.label.clone(), nodes });
            }
        }
        Ok(split)
    }

    /// Splits a snapshot of the only function; `None` if there is none or several, or it cannot be read.
    ///
    /// # Errors
    /// A function whose groups cannot be told apart.
    pub fn split_function(
        &mut self,
        snapshot: &[u8],
        parts: usize,
        owner: &mut dyn FnMut(&[u8]) -> usize,
    ) -> Result<Option<Vec<Vec<u8>>>, ReplayError> {
        match &mut self.runs[..] {
            [run] => Ok(run.graph.split_function(snapshot, parts, owner)?),
            _ => Ok(None),
        }
    }

    /// Merges the states of several engines of the same task, which have all begun with the `base`.
    ///
    /// # Errors
    /// States that cannot be put together.
    pub fn join<'p>(
        &mut self,
        base: &[RunState],
        parts: &'p [Vec<RunState>],
    ) -> Result<Vec<RunState>, ReplayError> {
        let mut joined = Vec::new();
        for (i, Run { graph, effects }) in self.runs.iter_mut().enumerate() {
            let label = effects.label();
            let base = base.iter().find(|run| base.len() == 1 || run.label == label);
            let base = base.map_or(&[][..], |run| &run.nodes);
            let own = |states: &'p Vec<RunState>| states.get(i).map(|run| &run.nodes[..]);
            let parts: Vec<_> = parts.iter().filter_map(own).collect();
            joined.push(RunState { label: label.to_owned(), nodes: graph.join(base, &parts)? });
        }
        Ok(joined)
    }

    /// Gives the only function a snapshot; false if there is none or several.
    ///
    /// # Errors
    /// A snapshot that the function refuses.
    pub fn resume_function(&mut self, snapshot: &[u8]) -> Result<bool, ReplayError> {
        match &mut self.runs[..] {
            [run] => Ok(run.graph.resume_function(snapshot)?),
            _ => Ok(false),
        }
    }

    /// Returns what happened so far, as far as the graphs know.
    pub fn summary(&self) -> Summary {
        let mut summary = Summary::default();
        for Run { graph, effects } in &self.runs {
            let tally = graph.tally();
            summary.add(&effects.summary());
            summary.points_out += tally.points;
            summary.batches_out += tally.batches;
        }
        summary.passed_by = self.runs.first().map_or(0, |run| run.graph.tally().passed_by);
        summary.batches_in = self.runs.first().map_or(0, |run| run.graph.batches());
        summary
    }
}
