//! Writes points into a database: gathered into batches, tried again when the database
//! is away for a while.

use super::InfluxError;
use super::client::Client;
use super::statement::identifier;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// Writes points, and counts what became of them.
#[derive(Debug)]
pub struct PointWriter {
    client: Client,
    waiting: BTreeMap<(String, String), (String, usize)>,
    created: BTreeSet<(String, String)>,
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
        let created = self.patiently(|client| client.query(&query).map(drop));
        if let Err(error) = created {
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
            let why = "no database is named: write .database('…') in |influxDBOut()";
            self.fail(why.into(), points);
            return;
        }
        match self.patiently(|client| client.write(database, policy, lines)) {
            Ok(()) => self.written += points as u64,
            Err(error) => self.fail(error.to_string(), points),
        }
    }

    fn fail(&mut self, why: String, points: usize) {
        self.failed += points as u64;
        *self.errors.entry(why).or_default() += points as u64;
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
                    log::warn!("{error}; trying again in {pause:?}");
                    std::thread::sleep(pause);
                    pause *= 2;
                }
                done => return done,
            }
        }
        request(&self.client)
    }
}
