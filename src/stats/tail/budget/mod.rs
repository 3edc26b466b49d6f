//! Alarms by a budget: about as many alarms in a week as requested, whatever the series.
//!
//! A score becomes a p-value among the scores before it ([`TailRank`]). Rare scores come in episodes, so
//! episodes are counted and not values: a rare score begins one when none has begun within the silence before.
//!
//! Were all episodes alike, v values a week and `cluster` of them beyond the level of an episode, the level
//! passed k times a week would be p = k · `cluster` / v. How far a series is from that is measured where there
//! is much to count and where true anomalies are few among the usual: at the level of 12 episodes a week.
//! Their number, with a prior of 16 as expected, scales the level asked for, to the power of 3/4: adaptive levels as
//! Gibbs and Candès 2021, "Adaptive conformal inference under distribution shift", but learned from the middle of
//! the tail and carried on to its end, as extreme value theory does. What is left is brought to what was asked for
//! by the alarms themselves (see `controller`).
//!
//! Scores that are p-values are treated apart, since their tails are known to be about right: little is learned,
//! `cluster` grows with the sampling rate, because an episode of a smooth series takes a time and not a number of
//! values, and the ranks that anomalies take up are given back (see `crowd`).
//!
//! After an alarm there is silence, for all that is not ten times as rare as the rarest value of the alarm.
//!
//! Alarms of true anomalies do not use up the budget, but there is an end: a store of 4 alarms (more for
//! budgets above 7) fills up at 5 times the asked rate, and an alarm takes one out of it. So in the long run there are
//! at most 5 times as many alarms as asked for, whatever the scores are.

mod controller;
mod crowd;

use serde::{Deserialize, Serialize};

use self::controller::{Controller, Reach};
use self::crowd::Crowd;
use super::TailRank;
use crate::stats::{
    error::{self, Result},
    snapshot::checked_snapshot,
};

const WEEK: f64 = 604_800e9;
/// Episodes a week at the level where they are counted, or the budget if that is more.
const REFERENCE: f64 = 12.0;
/// Values beyond that level for each episode there.
const REFERENCE_CLUSTER: f64 = 5.0;
/// The same at the requested level, unless the caller gives another.
const CLUSTER: f64 = 5.0;
/// The power of that share by which the level is divided.
const CARRIED: f64 = 0.75;
/// A score that is not rarer than this never raises an alarm and never begins an episode, whatever the budget is.
const COMMON: f64 = 0.3;
/// Alarms in store, for a budget of up to 7 a week, and how many times the asked rate fills it up.
const STORE: f64 = 4.0;
const REFILL: f64 = 5.0;
/// The longest silence after an alarm, in values; an eighth of the time between alarms if that is less.
const SILENCE: f64 = 64.0;
/// Alarms are at least so many values apart, or half of the time between alarms if that is less.
const APART: f64 = 10.0;
/// A value that is so many times as rare as the previous alarm raises an alarm during the silence, too.
const WORSE: f64 = 10.0;
/// How scores that are p-values are treated, and those that are ranked here.
const KNOWN: Treatment = Treatment {
    prior: 8.0,
    fewest_episodes: 0.55,
    rate_power: 0.3,
    crowd: true,
    reach: Reach { least: -0.3, most: 0.4, step: 0.05, marginal: 2.4, largest_factor: 1.5 },
};
const RANKED: Treatment = Treatment {
    prior: 16.0,
    fewest_episodes: 0.4,
    rate_power: 0.0,
    crowd: false,
    reach: Reach { least: -0.6, most: 1.5, step: 0.2, marginal: 2.0, largest_factor: 4.5 },
};
/// Values a week at which `cluster` is as given: one every five minutes.
const USUAL_RATE: f64 = 2016.0;
/// Gaps in the data count as this many intervals.
const GAP: f64 = 10.0;
/// The number of intervals over which the mean is taken.
const INTERVALS: f64 = 200.0;
/// Scores that the rank remembers: three weeks of minutes.
const MEMORY: usize = 32_768;
/// The number of scores at the beginning that are learned and raise no alarm; and that number for scores on a known
/// scale.
const WARMUP: u64 = 50;
const SHORT_WARMUP: u64 = 10;
/// The largest budget.
const MOST: f64 = 1e9;
/// Marks the form of a snapshot; those of other versions begin otherwise.
const FORM: u32 = 0x6275_6433;

/// What depends on the kind of the scores.
#[derive(Clone, Copy, Debug)]
struct Treatment {
    /// Episodes that the expectation counts for.
    prior: f64,
    /// The least share of the expected episodes: a series of few distinct values has no middle of a tail.
    fewest_episodes: f64,
    /// The power of the sampling rate with which `cluster` grows.
    rate_power: f64,
    /// Whether the ranks that anomalies take up are given back.
    crowd: bool,
    reach: Reach,
}

/// The meaning of the scores that a budget is given.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ScoreScale {
    /// Any number from 0 on, the larger the more unusual: ranked among those before it.
    Any,
    /// Distances in standard deviations: ranked in the same way, but as long as there are few, and beyond the
    /// largest so far, the tail of the normal distribution says what is rare.
    Deviations,
    /// 1 - p with p a p-value, from 0 to 1: taken as it is.
    Probability,
}

/// Raises about as many alarms a week as asked for; 5 KB.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(remote = "Self")]
pub struct AlarmBudget {
    form: u32,
    per_week: f64,
    cluster: f64,
    rank: Option<TailRank>,
    clock: Clock,
    count: u64,
    episodes: u64,
    alarms: u64,
    since_episode: u64,
    since_alarm: u64,
    pvalue: f64,
    store: f64,
    controller: Controller,
    crowd: Crowd,
}

/// How often values come, by their times.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Clock {
    last: Option<i64>,
    intervals: u64,
    interval: f64,
    weeks: f64,
}

impl Clock {
    /// Adds the time of a value and returns the weeks since the previous one.
    fn tick(&mut self, time: i64) -> f64 {
        let Some(last) = self.last.replace(time) else {
            return 0.0;
        };
        let elapsed = time.saturating_sub(last).max(0) as f64;
        self.intervals = self.intervals.saturating_add(1);
        if self.intervals == 1 {
            self.interval = elapsed;
        }
        let elapsed = if self.interval > 0.0 { elapsed.min(GAP * self.interval) } else { elapsed };
        self.interval += (elapsed - self.interval) / (self.intervals as f64).min(INTERVALS);
        self.weeks += elapsed / WEEK;
        elapsed / WEEK
    }

    /// The number of values in a week; `None` before two at different times.
    fn values_a_week(&self) -> Option<f64> {
        (self.interval > 0.0).then(|| WEEK / self.interval)
    }
}

impl AlarmBudget {
    /// Makes one for `per_week` alarms a week, above 0 and at most 10^9.
    ///
    /// `cluster`, from 1 to 1000 and usually 5, is how many values lie beyond a level for each episode there;
    /// more if surprises that are means of several fall faster than a single one. On the scale of probabilities it
    /// is that of a value every five minutes, and grows with the rate to the power of 0.3.
    pub fn new(per_week: f64, scale: ScoreScale, cluster: Option<f64>) -> Result<AlarmBudget> {
        error::range("per_week", per_week, per_week > 0.0 && per_week <= MOST, "above 0")?;
        let cluster = cluster.unwrap_or(CLUSTER);
        error::range("cluster", cluster, (1.0..=1000.0).contains(&cluster), "from 1 to 1000")?;
        let rank = match scale {
            ScoreScale::Any => Some(TailRank::new(MEMORY, false)?),
            ScoreScale::Deviations => Some(TailRank::new(MEMORY, true)?),
            ScoreScale::Probability => None,
        };
        Ok(AlarmBudget {
            form: FORM,
            per_week,
            cluster,
            rank,
            clock: Clock::default(),
            count: 0,
            episodes: 0,
            alarms: 0,
            since_episode: u64::MAX,
            since_alarm: u64::MAX,
            pvalue: 1.0,
            store: AlarmBudget::most_stored(per_week),
            controller: Controller::default(),
            crowd: Crowd::default(),
        })
    }

    /// Whether `score` at `time` (nanoseconds) is an alarm: true where one begins, then false for a while.
    ///
    /// Nothing for the first 50 scores (10 on the scale of deviations) and while all times are equal. Times that go
    /// back count as equal. An error if the score is NaN, below 0 or, on the scale of probabilities, above 1.
    pub fn push(&mut self, time: i64, score: f64) -> Result<bool> {
        let pvalue = match &mut self.rank {
            Some(rank) => rank.push(score)?,
            None => 1.0 - error::probability("score", score)?,
        };
        self.pvalue = pvalue;
        self.count = self.count.saturating_add(1);
        let weeks = self.clock.tick(time);
        let filled = self.store + REFILL * self.per_week * weeks;
        self.store = filled.min(AlarmBudget::most_stored(self.per_week));
        self.since_episode = self.since_episode.saturating_add(1);
        self.since_alarm = self.since_alarm.saturating_add(1);
        let (Some(values), true) = (self.clock.values_a_week(), self.ready()) else {
            return Ok(false);
        };
        Ok(self.judge(pvalue, values))
    }

    fn judge(&mut self, pvalue: f64, values: f64) -> bool {
        if pvalue > self.highest(values) {
            return false;
        }
        let reference = self.per_week.max(REFERENCE);
        let level = self.level(values);
        let alarm = self.is_due(pvalue, values) && pvalue <= level && self.store >= 1.0;
        let counted = pvalue <= counted_below(reference, values);
        if counted && self.since_episode as f64 > silence(values, reference) {
            self.episodes += 1;
            self.since_episode = 0;
        }
        if alarm {
            self.alarms += 1;
            self.store -= 1.0;
            self.since_alarm = 0;
            self.controller.alarm(pvalue, level, self.treatment().reach);
            self.crowd.alarm(pvalue, level);
        }
        alarm
    }

    /// Whether a rare value is an alarm of its own, and not a part of the previous one.
    fn is_due(&mut self, pvalue: f64, values: f64) -> bool {
        let apart = APART.min(values / (2.0 * self.per_week));
        if self.since_alarm as f64 > silence(values, self.per_week).max(apart) {
            return true;
        }
        let worse = pvalue * WORSE < self.controller.least();
        self.controller.within(pvalue, self.treatment().reach);
        self.crowd.within(pvalue);
        worse
    }

    /// The p-value above which a value is never counted and never raises an alarm.
    fn highest(&self, values: f64) -> f64 {
        let counted = counted_below(self.per_week.max(REFERENCE), values);
        // Each power is at most 1 or its base, and e^u at most `largest_factor`: no power is computed for a value that
        // is not rare.
        let Treatment { fewest_episodes, reach, .. } = self.treatment();
        let cluster = self.cluster * (values / USUAL_RATE).max(1.0);
        let level = self.per_week * cluster / (values * fewest_episodes) * reach.largest_factor;
        counted.max((level + self.given_back(values)).min(COMMON))
    }

    /// The p-value at which an alarm is raised.
    fn level(&mut self, values: f64) -> f64 {
        let Treatment { prior, fewest_episodes, rate_power, reach, .. } = self.treatment();
        let weeks = self.clock.weeks;
        let reference = self.per_week.max(REFERENCE);
        // No episode is counted in the silence after one: a counter with a dead time.
        let silent = self.episodes as f64 * silence(values, reference) / values;
        let watched = (weeks - silent).max(weeks / 4.0);
        let episodes = (self.episodes as f64 + prior) / (reference * watched + prior);
        let episodes = libm::pow(episodes.max(fewest_episodes), CARRIED);
        let cluster = self.cluster * libm::pow(values / USUAL_RATE, rate_power);
        let factor = self.controller.factor(self.per_week * weeks, reach);
        let level = factor * self.per_week * cluster / (values * episodes);
        (level + self.given_back(values)).min(COMMON)
    }

    /// What the ranks that anomalies take up add to the level.
    fn given_back(&self, values: f64) -> f64 {
        if self.treatment().crowd { self.crowd.share(self.clock.weeks, values) } else { 0.0 }
    }

    fn treatment(&self) -> Treatment {
        if self.rank.is_some() { RANKED } else { KNOWN }
    }

    fn most_stored(per_week: f64) -> f64 {
        STORE * (per_week / 7.0).max(1.0)
    }

    /// The p-value at which the next alarm will be raised; `None` while there is none.
    pub fn threshold(&self) -> Option<f64> {
        let values = self.clock.values_a_week().filter(|_| self.ready())?;
        Some(self.clone().level(values))
    }

    /// The p-value of the newest score; 1 at first.
    pub fn pvalue(&self) -> f64 {
        self.pvalue
    }

    /// How many alarms were raised.
    pub fn alarms(&self) -> u64 {
        self.alarms
    }

    /// How many scores were seen.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// Whether the warm-up is over.
    pub fn ready(&self) -> bool {
        self.count > if self.scale() == ScoreScale::Deviations { SHORT_WARMUP } else { WARMUP }
    }

    /// Forgets all scores.
    pub fn reset(&mut self) {
        let (per_week, cluster) = (self.per_week, Some(self.cluster));
        *self = AlarmBudget::new(per_week, self.scale(), cluster).expect("as it was made");
    }

    fn scale(&self) -> ScoreScale {
        match &self.rank {
            None => ScoreScale::Probability,
            Some(rank) if rank.is_normal() => ScoreScale::Deviations,
            Some(_) => ScoreScale::Any,
        }
    }

    fn check(&self) -> Result<()> {
        error::intact("alarm budget", self.form == FORM, "it is of another version")?;
        AlarmBudget::new(self.per_week, ScoreScale::Any, Some(self.cluster))?;
        let clock = self.clock.interval >= 0.0 && self.clock.interval.is_finite();
        let clock = clock && self.clock.weeks >= 0.0 && self.clock.weeks.is_finite();
        error::intact("alarm budget", clock, "its clock is not a number")?;
        let counts = self.alarms <= self.count && self.episodes <= self.count;
        error::intact("alarm budget", counts, "more alarms than scores")?;
        let store = (0.0..=AlarmBudget::most_stored(self.per_week)).contains(&self.store);
        error::intact("alarm budget", store, "its store does not fit")?;
        self.controller.check(self.treatment().reach)?;
        self.crowd.check(self.count)?;
        error::probability("pvalue", self.pvalue).map(drop)
    }
}

/// The p-value up to which a score is part of an episode that is counted.
fn counted_below(reference: f64, values: f64) -> f64 {
    (reference * REFERENCE_CLUSTER / values).min(COMMON)
}

/// The number of values for which an episode keeps another one from beginning.
fn silence(values: f64, per_week: f64) -> f64 {
    (values / (8.0 * per_week)).clamp(1.0, SILENCE)
}

checked_snapshot!(AlarmBudget);

#[cfg(test)]
mod tests;
