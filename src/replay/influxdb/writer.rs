//! Writes points into a database: gathered into batches, tried again when the database
//! is away for a while.

use super::client::Client;
use super::statement::identifier;
use super::{Api, InfluxError};
use crate::script::throttle::{Throttle, held_back};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// The number of refused lines that are reported one by one.
const LINES_TOLD: usize = 20;

/// The longest pause that a server is granted when it asks for one.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// Writes points, and counts how many were stored and refused.
#[derive(Debug)]
pub struct PointWriter {
    client: Client,
    waiting: BTreeMap<(String, String), (String, usize)>,
    created: BTreeSet<(String, String)>,
    /// Lines that were refused and have been told.
    told: usize,
    /// Lines in the log about requests that failed.
    failures: Throttle,
    /// Whether failures are logged at once, and not only counted, because the data has no end.
    pub is_live: bool,
    /// Points in a request.
    pub batch: usize,
    /// How often a request is sent at most.
    pub attempts: u32,
    /// The pause after the first attempt; each further one is twice as long.
    pub pause: Duration,
    /// Points that the database took.
    pub written: u64,
    /// Points that it did not take.
    pub failed: u64,
    /// Why, with how many points it cost.
    pub errors: BTreeMap<String, u64>,
}

impl PointWriter {
    /// A writer for a database.
    pub fn new(client: Client) -> Self {
        Self {
            client,
            waiting: BTreeMap::new(),
            created: BTreeSet::new(),
            told: 0,
            failures: Throttle::default(),
            is_live: false,
            batch: 5000,
            attempts: 6,
            pause: Duration::from_millis(100),
            written: 0,
            failed: 0,
            errors: BTreeMap::new(),
        }
    }

    /// Creates a database, once, with that retention policy if it has a name.
    pub fn create(&mut self, database: &str, policy: &str) {
        if !self.created.insert((database.into(), policy.into())) {
            return;
        }
        let mut query = format!("CREATE DATABASE {}", identifier(database));
        if !policy.is_empty() {
            query += &format!(" WITH NAME {}", identifier(policy));
        }
        let created = self.patiently(|client| match client.api()? {
            Api::One => client.query(&query).map(drop),
            Api::Two => client.create_bucket(database, policy),
            // It makes a database when the first point arrives.
            Api::Three => Ok(()),
        });
        if let Err(error) = created {
            if self.is_live {
                log::error!("database {database} is not created: {error}");
            }
            *self.errors.entry(error.to_string()).or_default() += 0;
        }
    }

    /// Takes lines of line protocol, and writes them when there are enough.
    pub fn add(&mut self, database: &str, policy: &str, lines: &str, points: usize) {
        let key = (database.to_owned(), policy.to_owned());
        let (text, count) = self.waiting.entry(key.clone()).or_default();
        text.push_str(lines);
        *count += points;
        if *count >= self.batch {
            let (text, count) = self.waiting.remove(&key).unwrap_or_default();
            self.send(&key, &text, count);
        }
    }

    /// Writes what waits.
    pub fn flush(&mut self) {
        for (key, (text, count)) in std::mem::take(&mut self.waiting) {
            self.send(&key, &text, count);
        }
    }

    fn send(&mut self, (database, policy): &(String, String), lines: &str, points: usize) {
        if database.is_empty() {
            let why = "the database is missing: write .database('…') in |influxDBOut()";
            self.fail(why.into(), points as u64);
            return;
        }
        let points = points as u64;
        match self.patiently(|client| client.write(database, policy, lines)) {
            Ok(()) => self.written += points,
            Err(error) => {
                let failed = self.tell_lines(&error, lines).unwrap_or(points).min(points);
                self.written += points - failed;
                self.fail(shortened(&error.to_string()), failed);
            }
        }
    }

    /// Tells the lines that were refused, and how many points, if only some were.
    fn tell_lines(&mut self, error: &InfluxError, lines: &str) -> Option<u64> {
        let InfluxError::Refused { url, rejected, .. } = error else { return None };
        let most = LINES_TOLD.saturating_sub(self.told);
        for reason in rejected.reasons(lines, most) {
            log::warn!("InfluxDB at {url}: {reason}");
        }
        let named = rejected.lines.len();
        if named > most && most > 0 {
            log::warn!("InfluxDB at {url}: from now on, lines that it refuses are only counted");
        }
        self.told += named.min(most);
        rejected.points
    }

    fn fail(&mut self, why: String, points: u64) {
        if self.is_live
            && let Some(held) = self.failures.pass()
        {
            log::error!("{why}; {points} points were not written{}", held_back(held));
        }
        self.failed += points;
        *self.errors.entry(why).or_default() += points;
    }

    /// Tries again while the failure may pass.
    fn patiently(
        &self,
        mut request: impl FnMut(&Client) -> Result<(), InfluxError>,
    ) -> Result<(), InfluxError> {
        let mut pause = self.pause;
        for _ in 1..self.attempts {
            match request(&self.client) {
                Err(error) if error.is_passing() => {
                    let pause_now = asked_pause(&error).map_or(pause, |asked| asked.max(pause));
                    log::warn!("{error}; trying again in {pause_now:?}");
                    std::thread::sleep(pause_now);
                    pause *= 2;
                }
                done => return done,
            }
        }
        request(&self.client)
    }
}

/// The pause that a server asks for, as far as that is reasonable.
fn asked_pause(error: &InfluxError) -> Option<Duration> {
    match error {
        InfluxError::Refused { retry_after, .. } => {
            retry_after.map(|seconds| Duration::from_secs(seconds).min(LONGEST_PAUSE))
        }
        _ => None,
    }
}

/// An error as it is counted: a server may quote every line that it refuses.
fn shortened(text: &str) -> String {
    const MOST: usize = 400;
    match text.char_indices().nth(MOST) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text.to_owned(),
    }
}
