//! The plan of a task for data that arrives.

use super::Plan;
use crate::cli::manner::{Levels, Stream};
use crate::cli::stdout::Stdout;
use rhai_udf::replay::Player;
use rhai_udf::replay::output_file::OutputFile;
use rhai_udf::replay::player::Writers;
use rhai_udf::replay::task::Task;
use std::io::{BufWriter, Write};
use std::path::PathBuf;

/// The plan of a task for data that arrives, which can be handed to another thread.
#[derive(Clone, Debug)]
pub(in crate::cli) struct LivePlan {
    pub(in crate::cli) task: Task,
    measurement: Option<String>,
    output: Option<PathBuf>,
    reads: Vec<PathBuf>,
    workers: Option<usize>,
    json: bool,
    /// Whether the state is asked for while data comes.
    pub(in crate::cli) keeps_state: bool,
}

impl From<Plan> for LivePlan {
    fn from(plan: Plan) -> Self {
        let Plan { mut task, measurement, output, reads, workers, json, .. } = plan;
        if let Task::Tick(task) = &mut task {
            task.is_live = true;
        }
        Self { task, measurement, output, reads, workers, json, keeps_state: false }
    }
}

impl LivePlan {
    /// The same plan without any visible effects, to try a new version.
    pub(in crate::cli) fn unseen(&self) -> anyhow::Result<Player> {
        let mut plan = self.clone();
        if let Task::Tick(task) = &mut plan.task {
            (task.out, task.database) = (None, None);
        }
        plan.output = None;
        let mut player = plan.start()?;
        player.show_on(Box::new(std::io::sink()));
        Ok(player)
    }

    /// Appends to the files of `--out` that an earlier version has written.
    pub(in crate::cli) fn go_on(&mut self) {
        if let Task::Tick(task) = &mut self.task {
            task.appends = true;
        }
    }

    /// Starts the engines.
    pub(in crate::cli) fn start(&self) -> anyhow::Result<Player> {
        let inputs = self.reads.iter().map(PathBuf::as_path);
        let points = self.output.as_ref().map(|path| OutputFile::live(path, inputs)).transpose()?;
        let out = BufWriter::with_capacity(1 << 16, Stdout);
        let shown: Box<dyn Write> = match Stream::Out.has_colours() && !self.json {
            true => Box::new(Levels::new(out)),
            false => Box::new(out),
        };
        let workers = match self.workers {
            // The state can be saved from one engine only.
            _ if self.keeps_state => 1,
            Some(workers) => workers,
            // A point that arrives does not wait for other groups, unless several workers are requested.
            None if self.task.parts() < 2 => 1,
            None => std::thread::available_parallelism().map_or(1, usize::from),
        };
        let writers = Writers { shown, points };
        let mut player = Player::start_on(self.task.clone(), writers, workers)?;
        let alone = if self.keeps_state {
            Some("states are saved from one worker only")
        } else {
            player.alone_because()
        };
        if let (Some(asked @ 2..), Some(why)) = (self.workers, alone) {
            log::warn!("one worker is used instead of {asked}: {why}");
        }
        player.only(self.measurement.clone());
        Ok(player)
    }
}
