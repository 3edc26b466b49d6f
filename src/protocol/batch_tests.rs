use super::*;

fn batch(points: &[&[(&str, FieldValue<'static>)]]) -> Batch {
    let mut batch = Batch::default();
    for (i, fields) in points.iter().enumerate() {
        let mut point = Point::new(i as i64);
        for (name, value) in *fields {
            point.set_field(name, value.clone());
        }
        batch.push(&point);
    }
    batch
}

#[test]
fn columns_keep_the_type_of_their_field() {
    let batch = batch(&[
        &[("d", 1.5.into()), ("i", 1.into()), ("s", "x".into()), ("b", true.into())],
        &[("d", 2.5.into()), ("i", 2.into()), ("s", "y".into()), ("b", false.into())],
    ]);
    assert_eq!(batch.column("d"), Ok(Column::Double(vec![1.5, 2.5])));
    assert_eq!(batch.column("i"), Ok(Column::Int(vec![1, 2])));
    assert_eq!(batch.column("s"), Ok(Column::String(vec!["x".into(), "y".into()])));
    assert_eq!(batch.column("b"), Ok(Column::Bool(vec![true, false])));
    assert_eq!(batch.times(), [0, 1]);
}

#[test]
fn ints_and_doubles_mix_and_a_gap_is_nan() {
    let batch = batch(&[&[], &[("x", 1.into())], &[("x", 2.5.into())], &[]]);
    let Ok(Column::Double(values)) = batch.column("x") else { panic!() };
    assert!(values[0].is_nan() && values[3].is_nan());
    assert_eq!(values[1..3], [1.0, 2.5]);
}

#[test]
fn a_column_is_set_in_every_point() {
    let mut batch = batch(&[&[("x", 1.into()), ("y", 1.5.into())], &[("y", 2.5.into())]]);
    batch.set_column("x", |i| Some((i as f64).into()));
    assert_eq!(batch.column("x"), Ok(Column::Double(vec![0.0, 1.0])));
    assert_eq!(batch.column("y"), Ok(Column::Double(vec![1.5, 2.5])));
    batch.set_column("y", |i| (i == 1).then_some(true.into()));
    let points: Vec<_> = batch.points().collect();
    assert_eq!(points[0].field("y"), None);
    assert_eq!(points[1].field("y"), Some(true.into()));
    assert_eq!(batch.times(), [0, 1]);
}

#[test]
fn a_column_that_cannot_be_says_why() {
    let batch = batch(&[&[("x", 1.into())], &[("x", "one".into())]]);
    assert_eq!(
        batch.column("x").unwrap_err().to_string(),
        "field 'x' is int in one point of the batch and string in another"
    );
    assert_eq!(
        batch.column("y").unwrap_err().to_string(),
        "no point of the batch has a field 'y'; the points have the fields x (int)"
    );
}

#[test]
fn a_selection_keeps_the_metadata_and_the_points_as_they_were() {
    let mut all = batch(&[&[("x", 1.into())], &[("x", 2.into())], &[("x", 3.into())]]);
    all.name = "cpu".into();
    all.tmax = 9;
    let odd = all.select(|i| i != 1);
    assert_eq!((odd.name.as_str(), odd.tmax, odd.len()), ("cpu", 9, 2));
    assert_eq!(odd.column("x"), Ok(Column::Int(vec![1, 3])));
    assert_eq!(odd.begin_message().size, 2);
}
