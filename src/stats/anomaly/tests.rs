use super::AnomalyScore;
use crate::stats::{
    Rng,
    testing::{
        assert_all_close, assert_close, continues_the_same, numbers, reference, survives_damage,
    },
};

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

fn scores(values: &[f64]) -> Vec<f64> {
    let mut score = AnomalyScore::new();
    values.iter().map(|&x| score.push(x).unwrap()).collect()
}

fn raised(scores: &[f64], threshold: f64) -> Vec<usize> {
    let positions = scores.iter().enumerate();
    positions.filter_map(|(i, &s)| (s >= threshold).then_some(i)).collect()
}

#[test]
fn agrees_with_the_reference() {
    let case = reference(include_str!("../../../tests/reference/anomaly.json"));
    let scores = scores(&course(12_000));
    let raised = raised(&scores, 0.9);
    let positions: Vec<f64> = raised.iter().map(|&i| i as f64).collect();
    assert_eq!(positions, numbers(&case["position"]));
    let values: Vec<f64> = raised.iter().map(|&i| scores[i]).collect();
    assert_all_close(&values, &numbers(&case["score"]), 1e-13);
}

#[test]
fn learns_in_silence_at_first() {
    let mut score = AnomalyScore::new();
    for x in course(50) {
        assert_eq!(score.push(x).unwrap(), 0.0);
        assert!(score.pvalue() == 1.0);
    }
    assert!(!score.ready());
    score.push(1e6).unwrap();
    assert!(score.ready() && score.pvalue() == 1.0 && score.count() == 51);
    score.reset();
    assert_eq!(score, AnomalyScore::default());
}

#[test]
fn a_constant_series_is_never_anomalous_and_a_change_is_once() {
    let mut values = vec![3.7; 2_000];
    assert!(raised(&scores(&values), 1e-9).is_empty());
    values[1_000..].fill(4.7);
    assert_eq!(raised(&scores(&values), 0.99), [1_000]);
    let alternating: Vec<f64> = (0..2_000).map(|i| f64::from(i % 2)).collect();
    assert!(raised(&scores(&alternating), 0.9).is_empty());
}

#[test]
fn a_new_level_is_raised_once_and_learnt() {
    let mut rng = Rng::new(3);
    let level = |i| if i < 1_500 { 0.0 } else { 50.0 };
    let values: Vec<f64> = (0..3_000).map(|i| level(i) + rng.uniform()).collect();
    assert_eq!(raised(&scores(&values), 0.999), [1_500]);
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
    let mut score = AnomalyScore::new();
    let n = 30_000;
    let mut rare = 0_u32;
    for _ in 0..n {
        score.push(rng.uniform() + rng.uniform()).unwrap();
        rare += u32::from(score.pvalue() <= 0.01);
    }
    assert!(rare < n / 100, "{rare}");
}

#[test]
fn takes_the_whole_range_of_doubles() {
    let extremes = [f64::MAX, f64::MIN, 1e308, -1e308, 0.0, -0.0, 5e-324, f64::MIN_POSITIVE, 1.0];
    let mut rng = Rng::new(11);
    let mut score = AnomalyScore::new();
    for i in 0..20_000 {
        let x = extremes[rng.below(extremes.len())];
        let wobble = if i % 3 == 0 { rng.uniform() } else { 1.0 };
        let s = score.push(x * wobble).unwrap();
        assert!((0.0..=1.0).contains(&s) && score.mean.is_finite());
    }
}

#[test]
fn refuses_what_is_not_finite_and_stays_as_it_was() {
    let mut score = AnomalyScore::new();
    course(100).iter().for_each(|&x| drop(score.push(x)));
    let before = score.clone();
    for x in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        assert!(score.push(x).is_err());
    }
    assert_eq!(score, before);
}

#[test]
fn snapshots() {
    let mut score = AnomalyScore::new();
    let values = course(12_000);
    values[..11_000].iter().for_each(|&x| drop(score.push(x)));
    let bytes = postcard::to_stdvec(&score).unwrap();
    assert!(bytes.len() < 50_000, "{}", bytes.len());
    continues_the_same(&score, |score| {
        let scores = values[11_000..].iter().map(|&x| score.push(x).unwrap());
        scores.collect::<Vec<_>>()
    });
    let mut young = AnomalyScore::new();
    values[..60].iter().for_each(|&x| drop(young.push(x)));
    survives_damage(&young, |score| {
        values[..3].iter().for_each(|&x| drop(score.push(x)));
    });
}

#[test]
fn a_snapshot_for_other_sizes_is_refused() {
    let mut score = AnomalyScore::new();
    score.landmarks = super::Landmarks::new(5).unwrap();
    let bytes = postcard::to_stdvec(&score).unwrap();
    assert!(postcard::from_bytes::<AnomalyScore>(&bytes).is_err());
    assert_close(score.push(1.0).unwrap(), 0.0, 0.0);
}
