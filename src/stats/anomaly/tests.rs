use super::{AnomalyScore, FORM};
use crate::stats::{
    Rng,
    tail::{AlarmBudget, ScoreScale},
    testing::{
        assert_all_close, assert_close, continues_the_same, numbers, reference, survives_damage,
    },
};

const FIVE_MINUTES: i64 = 300_000_000_000;

/// The series of `tests/reference/anomaly.py`: a daily course with noise, spikes and a new level.
fn course(n: u64) -> Vec<f64> {
    let mut state = 1_u64;
    let value = |i: u64| {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let noise = (state >> 40) as f64 / f64::from(1 << 24);
        let daily = (i % 288).abs_diff(144) as f64 / 4.0;
        let spike = if i % 1_777 == 1_500 { 60.0 } else { 0.0 };
        let level = if i >= 9_000 { 25.0 } else { 0.0 };
        daily + 8.0 * noise + spike + level
    };
    (0..n).map(value).collect()
}

/// Scores by five minutes.
fn scores(values: &[f64]) -> Vec<f64> {
    let mut score = AnomalyScore::new();
    let timed = values.iter().enumerate();
    timed.map(|(i, &x)| score.push(Some(i as i64 * FIVE_MINUTES), x).unwrap()).collect()
}

/// The alarms of a budget, as the script that ships has it.
fn alarms(scores: &[f64], per_week: f64) -> Vec<usize> {
    let mut budget = AlarmBudget::new(per_week, ScoreScale::Probability, Some(15.0)).unwrap();
    let timed = scores.iter().enumerate();
    let raised = timed.filter(|&(i, &s)| budget.push(i as i64 * FIVE_MINUTES, s).unwrap());
    raised.map(|(i, _)| i).collect()
}

fn raised(scores: &[f64], threshold: f64) -> Vec<usize> {
    let positions = scores.iter().enumerate();
    positions.filter_map(|(i, &s)| (s >= threshold).then_some(i)).collect()
}

#[test]
fn agrees_with_the_reference() {
    let case = reference(include_str!("../../../tests/reference/anomaly.json"));
    let scores = scores(&course(12_000));
    let high = raised(&scores, 0.95);
    let positions: Vec<f64> = high.iter().map(|&i| i as f64).collect();
    assert_eq!(positions, numbers(&case["position"]));
    let values: Vec<f64> = high.iter().map(|&i| scores[i]).collect();
    assert_all_close(&values, &numbers(&case["score"]), 1e-10);
    let alarms: Vec<f64> = alarms(&scores, 3.0).into_iter().map(|i| i as f64).collect();
    assert_eq!(alarms, numbers(&case["alarms"]));
}

#[test]
fn learns_in_silence_at_first() {
    let mut score = AnomalyScore::new();
    for x in course(50) {
        assert_eq!(score.push(None, x).unwrap(), 0.0);
        assert!(score.pvalue() == 1.0);
    }
    assert!(!score.ready());
    score.push(None, 1e6).unwrap();
    assert!(score.ready() && score.pvalue() == 1.0 && score.count() == 51);
    score.reset();
    assert_eq!(score, AnomalyScore::default());
}

#[test]
fn a_constant_series_is_never_anomalous_and_a_change_is_once() {
    let mut values = vec![3.7; 2_000];
    assert!(raised(&scores(&values), 1e-9).is_empty());
    values[1_000..].fill(4.7);
    assert_eq!(alarms(&scores(&values), 1.0), [1_000]);
    let alternating: Vec<f64> = (0..2_000).map(|i| f64::from(i % 2)).collect();
    assert!(alarms(&scores(&alternating), 1.0).is_empty());
}

#[test]
fn a_new_level_is_raised_once_and_learnt() {
    let mut rng = Rng::new(3);
    let level = |i| if i < 1_500 { 0.0 } else { 50.0 };
    let values: Vec<f64> = (0..3_000).map(|i| level(i) + rng.uniform()).collect();
    let raised = alarms(&scores(&values), 1.0);
    assert!(raised.contains(&1_500) && raised.len() <= 6, "{raised:?}");
}

#[test]
fn the_daily_peak_that_does_not_come_is_raised_though_its_values_are_usual() {
    let mut values = course(288 * 20);
    let quiet: Vec<f64> = values[288 * 14..288 * 14 + 100].to_vec();
    let flat = quiet.iter().fold(f64::INFINITY, |a, &b| a.min(b));
    let from = 288 * 15 + 230;
    values[from..from + 60].fill(flat);
    let raised = alarms(&scores(&values), 3.0);
    assert!(raised.iter().any(|i| (from..from + 60).contains(i)), "{raised:?}");
}

#[test]
fn the_unit_does_not_matter() {
    let values = course(4_000);
    let expected = scores(&values);
    let doubled: Vec<f64> = values.iter().map(|x| -1024.0 * x).collect();
    assert_eq!(scores(&doubled), expected);
    let other: Vec<f64> = values.iter().map(|x| 32.0 + 1.8 * x).collect();
    assert_all_close(&scores(&other), &expected, 1e-9);
}

#[test]
fn scores_are_rare_on_noise() {
    let mut rng = Rng::new(7);
    let noise: Vec<f64> = (0..30_000).map(|_| rng.uniform() + rng.uniform()).collect();
    let rare = raised(&scores(&noise), 0.99).len();
    assert!(rare < 300, "{rare}");
}

#[test]
fn takes_the_whole_range_of_doubles() {
    let extremes = [f64::MAX, f64::MIN, 1e308, -1e308, 0.0, -0.0, 5e-324, f64::MIN_POSITIVE, 1.0];
    let mut rng = Rng::new(11);
    let mut score = AnomalyScore::new();
    for i in 0..20_000_i64 {
        let x = extremes[rng.below(extremes.len())];
        let wobble = if i % 3 == 0 { rng.uniform() } else { 1.0 };
        let s = score.push(Some(i * FIVE_MINUTES), x * wobble).unwrap();
        assert!((0.0..=1.0).contains(&s));
    }
    score.push(Some(i64::MIN), 1.0).unwrap();
    score.push(Some(i64::MAX), 1.0).unwrap();
}

#[test]
fn refuses_what_is_not_finite_and_stays_as_it_was() {
    let mut score = AnomalyScore::new();
    course(100).iter().for_each(|&x| drop(score.push(Some(0), x)));
    let before = score.clone();
    for x in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        assert!(score.push(Some(0), x).is_err());
    }
    assert_eq!(score, before);
}

#[test]
fn snapshots() {
    let mut score = AnomalyScore::new();
    let values = course(12_000);
    let push = |score: &mut AnomalyScore, i: usize| {
        score.push(Some(i as i64 * FIVE_MINUTES), values[i]).unwrap()
    };
    for i in 0..11_000 {
        push(&mut score, i);
    }
    let bytes = postcard::to_stdvec(&score).unwrap();
    assert!(bytes.len() < 64_000, "{}", bytes.len());
    continues_the_same(&score, |score| {
        (11_000..12_000).map(|i| push(score, i)).collect::<Vec<_>>()
    });
    let mut young = AnomalyScore::new();
    (0..3).for_each(|i| drop(young.push(None, values[i])));
    survives_damage(&young, |score| {
        for i in 0..3 {
            push(score, i);
        }
    });
}

#[test]
fn a_snapshot_of_another_version_is_refused() {
    let mut score = AnomalyScore::new();
    score.form = FORM + 1;
    let bytes = postcard::to_stdvec(&score).unwrap();
    let error = postcard::from_bytes::<AnomalyScore>(&bytes).unwrap_err();
    assert!(!error.to_string().is_empty());
    assert_close(score.push(None, 1.0).unwrap(), 0.0, 0.0);
}
