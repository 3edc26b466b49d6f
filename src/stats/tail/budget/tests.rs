use super::{AlarmBudget, CARRIED, KNOWN, RANKED, ScoreScale, Treatment};
use crate::stats::{
    Rng,
    testing::{continues_the_same, numbers, reference, survives_damage},
};

const MINUTE: i64 = 60_000_000_000;

fn ranked(per_week: f64) -> AlarmBudget {
    AlarmBudget::new(per_week, ScoreScale::Any, None).unwrap()
}

/// The positions of the alarms on `scores`, `minutes` apart.
fn alarms(
    budget: &mut AlarmBudget,
    minutes: i64,
    scores: impl IntoIterator<Item = f64>,
) -> Vec<usize> {
    let at = |i: usize| i as i64 * minutes * MINUTE;
    let raised = scores.into_iter().enumerate().map(|(i, x)| (i, budget.push(at(i), x).unwrap()));
    raised.filter_map(|(i, alarm)| alarm.then_some(i)).collect()
}

#[test]
fn agrees_with_the_plain_algorithm() {
    let case = reference(include_str!("../../../../tests/reference/budget.json"));
    let values = numbers(&case["score"]);
    for per_week in [1, 7, 50] {
        let expected = numbers(&case["alarms"][per_week.to_string()]);
        let scale = ScoreScale::Probability;
        let mut budget = AlarmBudget::new(f64::from(per_week), scale, None).unwrap();
        let raised = alarms(&mut budget, 2, values.iter().copied());
        assert_eq!(raised.iter().map(|&i| i as f64).collect::<Vec<_>>(), expected);
    }
}

/// Ten weeks of light, heavy and clustered tails, by the minute and by the hour: with ten alarms asked for, chance
/// adds to what the budget is off by.
#[test]
fn about_as_many_alarms_as_asked_whatever_the_tails_and_the_interval() {
    let mut rng = Rng::new(5);
    let mut carried = 0.0;
    let mut tails: [(&str, Box<dyn FnMut() -> f64>); 3] = [
        ("light", Box::new(move || -rng.uniform().max(1e-12).ln())),
        ("heavy", {
            let mut rng = Rng::new(6);
            Box::new(move || rng.uniform().max(1e-12).powf(-0.7))
        }),
        ("clustered", {
            let mut rng = Rng::new(7);
            Box::new(move || {
                carried = 0.9 * carried + (rng.uniform() + rng.uniform() - 1.0);
                f64::abs(carried)
            })
        }),
    ];
    for (name, next) in &mut tails {
        for (minutes, per_week) in [(1, 7.0), (5, 7.0), (5, 1.0), (60, 7.0)] {
            let n = (10 * 10_080 / minutes) as usize;
            let scores = (0..n).map(|_| next());
            let raised = alarms(&mut ranked(per_week), minutes, scores).len() as f64;
            let ratio = raised / (10.0 * per_week);
            assert!((0.5..=2.0).contains(&ratio), "{name}, {minutes} min, {per_week}: {ratio}");
        }
    }
}

#[test]
fn a_burst_is_one_alarm_and_does_not_use_up_the_budget() {
    let mut rng = Rng::new(8);
    let mut budget = ranked(7.0);
    let mut value = |i: usize| {
        let burst = i > 2_000 && i % 400 < 10;
        -rng.uniform().max(1e-12).ln() + if burst { 100.0 + i as f64 } else { 0.0 }
    };
    let raised = alarms(&mut budget, 5, (0..6_000).map(&mut value));
    let bursts = (6..15).map(|i| i * 400);
    for burst in bursts {
        let within = raised.iter().filter(|&&i| (burst..burst + 10).contains(&i)).count();
        assert_eq!(within, 1, "{burst}: {raised:?}");
    }
    assert_eq!(budget.alarms(), raised.len() as u64);
}

#[test]
fn nothing_is_raised_at_first_nor_without_time_nor_on_a_constant() {
    let mut rng = Rng::new(9);
    let mut budget = ranked(100.0);
    assert!(alarms(&mut budget, 1, (0..50).map(|_| rng.uniform())).is_empty());
    assert!(budget.threshold().is_none() && !budget.ready());
    let mut timeless = ranked(100.0);
    assert!((0..500).all(|i| !timeless.push(7, f64::from(i)).unwrap()));
    assert!(alarms(&mut ranked(7.0), 1, [3.0; 5_000]).is_empty());
    let zero = alarms(&mut ranked(7.0), 60, std::iter::repeat_n(0.0, 5_000));
    assert!(zero.is_empty());
}

#[test]
fn a_probability_is_taken_as_it_is() {
    let mut budget = AlarmBudget::new(7.0, ScoreScale::Probability, Some(15.0)).unwrap();
    let raised = alarms(&mut budget, 5, (0..400).map(|i| if i == 300 { 1.0 } else { 0.5 }));
    assert_eq!(raised, [300]);
    assert!(budget.push(0, 1.5).is_err() && budget.push(0, f64::NAN).is_err());
    assert!(ranked(1.0).push(0, -1.0).is_err());
    assert!(AlarmBudget::new(0.0, ScoreScale::Any, None).is_err());
    assert!(AlarmBudget::new(1.0, ScoreScale::Any, Some(0.5)).is_err());
}

/// A series that changes from noise to bursts: what was asked for is obtained in the long run all the same.
#[test]
fn a_series_that_changes_its_ways_comes_back_to_what_was_asked() {
    let mut rng = Rng::new(12);
    let mut budget = ranked(7.0);
    let mut burst = 0.0;
    let mut scores = |i: usize| {
        if i > 4_032 && rng.uniform() < 0.01 {
            burst = 3.0;
        }
        burst *= 0.8;
        burst * rng.uniform() - rng.uniform().max(1e-12).ln()
    };
    let raised = alarms(&mut budget, 5, (0..20 * 2_016).map(&mut scores));
    let late = raised.iter().filter(|&&i| i >= 10 * 2_016).count() as f64;
    assert!((0.6..=1.6).contains(&(late / 70.0)), "{late}");
}

#[test]
fn what_is_far_worse_is_raised_in_the_silence() {
    let mut budget = AlarmBudget::new(7.0, ScoreScale::Probability, None).unwrap();
    let score = |i: usize| match i {
        1_000 => 1.0 - 1e-4,
        1_005 => 1.0 - 0.5e-4,
        1_020 => 1.0 - 1e-6,
        1_025 => 1.0 - 0.5e-6,
        _ => 0.5,
    };
    assert_eq!(alarms(&mut budget, 5, (0..1_100).map(score)), [1_000, 1_020]);
}

#[test]
fn a_snapshot_of_another_version_is_refused() {
    let mut budget = ranked(7.0);
    budget.form += 1;
    let bytes = postcard::to_stdvec(&budget).unwrap();
    assert!(postcard::from_bytes::<AlarmBudget>(&bytes).is_err());
}

#[test]
fn snapshots() {
    let mut rng = Rng::new(10);
    let mut budget = ranked(50.0);
    alarms(&mut budget, 1, (0..500).map(|_| rng.uniform()));
    continues_the_same(&budget, |budget| {
        (500..600).map(|i| budget.push(i * MINUTE, (i * 7 % 90) as f64)).collect::<Vec<_>>()
    });
    budget.reset();
    assert_eq!(budget, ranked(50.0));
    let mut plain = AlarmBudget::new(50.0, ScoreScale::Probability, None).unwrap();
    alarms(&mut plain, 1, (0..60).map(|_| rng.uniform()));
    survives_damage(&plain, |budget| {
        (0..3).for_each(|i| drop(budget.push(i * MINUTE, 0.9)));
        budget.threshold();
    });
}

#[test]
fn what_is_never_looked_at_is_beyond_every_level() {
    for Treatment { fewest_episodes, rate_power, reach, .. } in [KNOWN, RANKED] {
        assert!(libm::exp(reach.most) <= reach.largest_factor);
        assert!((0.0..=1.0).contains(&rate_power) && (0.0..=1.0).contains(&CARRIED));
        assert!(fewest_episodes > 0.0 && fewest_episodes <= 1.0);
    }
}
