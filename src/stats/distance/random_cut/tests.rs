use super::RandomCutForest;
use super::tree::{Part, Tree};
use crate::stats::{
    Rng,
    testing::{
        assert_close, continues_the_same, free, number, numbers, reference, survives_damage,
    },
};

/// Trees that the package rrcf has drawn and thinned: the displacement of every leaf is the same.
#[test]
fn displacements_agree_with_rrcf() {
    let data = reference(include_str!("../../../../tests/reference/random_cut.json"));
    for case in data["trees"].as_array().unwrap() {
        let values = numbers(&case["values"]);
        let rows: Vec<&[f64]> = values.chunks(3).collect();
        let parts: Vec<Part> = case["parts"]
            .as_array()
            .unwrap()
            .iter()
            .map(|part| match part.as_array().unwrap().as_slice() {
                [row] => Part::Leaf { row: row.as_u64().unwrap() as u32 },
                [column, cut] => {
                    Part::Cut { column: column.as_u64().unwrap() as u32, cut: number(cut) }
                }
                other => panic!("{other:?}"),
            })
            .collect();
        let tree = Tree::from_parts(&parts, &rows, 3).unwrap();
        assert_eq!(tree.parts(rows.iter().copied()), parts);
        for (row, expected) in rows.iter().zip(numbers(&case["codisp"])) {
            let (found, _) = tree.displacement(tree.leaf(row).unwrap());
            assert_close(found, expected, 1e-12);
        }
    }
}

/// Two random forests: scores of 300 rows as they stream agree within what chance allows.
#[test]
fn scores_agree_with_rrcf_on_average() {
    let case = &reference(include_str!("../../../../tests/reference/random_cut.json"))["stream"];
    let values = numbers(&case["values"]);
    let (expected, error) = (numbers(&case["mean"]), numbers(&case["error"]));
    let places = numbers(&case["place"]);
    let mut forest = RandomCutForest::new(3, 64, 400, 1).unwrap();
    let mut apart = Vec::new();
    for (i, row) in values.chunks(3).enumerate() {
        let step = forest.push(row, &free()).unwrap();
        if let Some(i) = places.iter().position(|&place| place == i as f64) {
            // As many trees here as there, so the errors add up.
            let step = step.unwrap();
            apart.push((step.score - expected[i]) / (2f64.sqrt() * error[i].max(1e-9)));
        }
    }
    let n = apart.len() as f64;
    let mean = apart.iter().sum::<f64>() / n;
    let square = apart.iter().map(|z| z * z).sum::<f64>() / n;
    assert!(mean.abs() < 0.5 && (0.5..1.7).contains(&square), "{mean} {square}");
    assert!(apart.iter().all(|z| z.abs() < 5.0));
}

/// Two fields that go together and one that does not vary much.
fn row(rng: &mut Rng) -> [f64; 3] {
    let a = rng.uniform();
    [a, a + 0.05 * rng.uniform(), 0.1 * rng.uniform()]
}

#[test]
fn names_the_field_of_an_odd_row() {
    let mut rng = Rng::new(3);
    let mut forest = RandomCutForest::new(3, 128, 40, 1).unwrap();
    let usual: Vec<f64> = (0..400)
        .filter_map(|_| forest.push(&row(&mut rng), &free()).unwrap())
        .map(|step| step.score)
        .collect();
    let odd = forest.push(&[0.5, 0.5, 3.0], &free()).unwrap().unwrap();
    let largest = usual[50..].iter().fold(0.0f64, |a, &b| a.max(b));
    assert!(odd.score > 2.0 * largest, "{odd:?} {largest}");
    assert!(odd.contributions[2] > 0.9, "{odd:?}");
    assert_close(odd.contributions.iter().sum(), 1.0, 1e-12);
}

#[test]
fn takes_equal_rows_and_extremes() {
    let mut forest = RandomCutForest::new(2, 8, 5, 1).unwrap();
    for i in 0..100 {
        let step = forest.push(&[7.0, -0.0], &free()).unwrap();
        assert_eq!(step.map(|step| step.score), (i >= 2).then_some(0.0));
    }
    let mut rng = Rng::new(5);
    for _ in 0..500 {
        let x = [0.0, 9e99, -9e99, 1e-300, 7.0][rng.below(5)];
        let step = forest.push(&[x, 7.0 * (1.0 + 1e-16 * rng.uniform())], &free()).unwrap();
        assert!(step.unwrap().score.is_finite());
    }
    assert!(forest.push(&[1e100, 0.0], &free()).is_err() && forest.push(&[1.0], &free()).is_err());
    assert!(RandomCutForest::new(1, 7, 1, 0).is_err() && RandomCutForest::new(0, 9, 1, 0).is_err());
    assert!(RandomCutForest::new(32, 4096, 1000, 0).is_err());
}

#[test]
fn snapshots() {
    let mut rng = Rng::new(4);
    let mut forest = RandomCutForest::new(3, 16, 3, 9).unwrap();
    let whole = |rng: &mut Rng| row(rng).map(|x| (x * 8.0).round());
    for n in [0, 1, 5, 40] {
        (0..n).for_each(|_| drop(forest.push(&whole(&mut rng), &free()).unwrap()));
        let rows: Vec<[f64; 3]> = (0..40).map(|_| whole(&mut rng)).collect();
        continues_the_same(&forest, |forest| {
            rows.iter().map(|row| forest.push(row, &free()).unwrap()).collect::<Vec<_>>()
        });
    }
    let mut small = RandomCutForest::new(2, 8, 2, 9).unwrap();
    (0..9).for_each(|i| drop(small.push(&[f64::from(i * 5 % 7), f64::from(i % 3)], &free())));
    survives_damage(&small, |forest| {
        (0..9).for_each(|i| drop(forest.push(&[f64::from(i), 0.5], &free())));
    });
    forest.reset();
    assert_eq!(forest.count(), 0);
}
