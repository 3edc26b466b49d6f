use super::*;
use crate::protocol::message::PointMessage;
use proptest::prelude::*;
use prost::Message;

fn sample() -> PointMessage {
    PointMessage {
        time: 1_451_606_400_000_000_000,
        name: "temperatures".into(),
        database: "printer".into(),
        retention_policy: "autogen".into(),
        group: "host=a".into(),
        dimensions: vec!["host".into()],
        tags: [("host".into(), "a".into())].into(),
        fields_double: [("hotend".into(), 220.5), ("zero".into(), 0.0)].into(),
        fields_int: [("layer".into(), -3)].into(),
        fields_string: [("state".into(), "ok".into())].into(),
        fields_bool: [("on".into(), true), ("off".into(), false)].into(),
        by_name: false,
    }
}

fn encode(point: &Point) -> Vec<u8> {
    let mut out = Vec::new();
    point.put_message(&mut out);
    assert_eq!(out.len(), point.message_len());
    out
}

fn decode(point: &Point) -> PointMessage {
    PointMessage::decode(&encode(point)[..]).unwrap()
}

#[test]
fn everything_is_read_where_it_is() {
    let point = Point::from_message(&sample().encode_to_vec()).unwrap();
    assert_eq!(point.time(), 1_451_606_400_000_000_000);
    assert_eq!(point.name(), "temperatures");
    assert_eq!(point.database(), "printer");
    assert_eq!(point.retention_policy(), "autogen");
    assert_eq!(point.group(), "host=a");
    assert_eq!(point.dimensions().collect::<Vec<_>>(), ["host"]);
    assert_eq!(point.tag("host").as_deref(), Some("a"));
    assert_eq!(point.tag("rack"), None);
    assert_eq!(point.field("hotend"), Some(220.5.into()));
    assert_eq!(point.field("zero"), Some(0.0.into()));
    assert_eq!(point.field("layer"), Some((-3).into()));
    assert_eq!(point.field("state"), Some("ok".into()));
    assert_eq!(point.field("on"), Some(true.into()));
    assert_eq!(point.field("off"), Some(false.into()));
    assert_eq!(point.field("bed"), None);
}

#[test]
fn an_unread_point_is_written_back_byte_for_byte() {
    let bytes = sample().encode_to_vec();
    assert_eq!(encode(&Point::from_message(&bytes).unwrap()), bytes);
}

#[test]
fn a_field_keeps_its_name_when_its_type_changes() {
    let mut point = Point::from_message(&sample().encode_to_vec()).unwrap();
    point.set_field("hotend", "hot");
    point.set_field("layer", 4.5);
    point.set_field("on", 1);
    let back = decode(&point);
    assert_eq!(back.fields_double.keys().collect::<Vec<_>>(), ["layer", "zero"]);
    assert_eq!(back.fields_string["hotend"], "hot");
    assert_eq!(back.fields_int["on"], 1);
    assert_eq!(back.fields_bool.len(), 1);
}

#[test]
fn an_edited_copy_leaves_the_original_as_it_was() {
    let original = Point::from_message(&sample().encode_to_vec()).unwrap();
    let mut copy = original.clone();
    copy.set_field("hotend", 1.0);
    copy.remove_field("layer");
    copy.set_tag("host", "b");
    copy.set_time(-1);
    copy.set_name("x");
    assert_eq!(decode(&original), sample());
    let back = decode(&copy);
    assert_eq!((back.time, back.name.as_str()), (-1, "x"));
    assert_eq!(back.tags["host"], "b");
    assert_eq!(back.fields_double["hotend"], 1.0);
    assert!(back.fields_int.is_empty());
}

#[test]
fn a_name_in_two_maps_follows_the_daemons_precedence() {
    let mut message = sample();
    message.fields_int.insert("hotend".into(), 7);
    message.fields_string.insert("on".into(), "yes".into());
    let mut point = Point::from_message(&message.encode_to_vec()).unwrap();
    assert_eq!(point.field("hotend"), Some(220.5.into()));
    assert_eq!(point.field("on"), Some(true.into()));
    point.remove_field("hotend");
    assert_eq!(decode(&point).fields_int.get("hotend"), None);
}

#[test]
fn broken_messages_say_where() {
    let bytes = sample().encode_to_vec();
    for cut in 0..bytes.len() {
        let _ = Point::from_message(&bytes[..cut]);
    }
    let error = Point::from_message(&[0x42, 0x03, 0x0a, 0x09, 0x61]).unwrap_err().to_string();
    assert_eq!(
        error,
        "Point: not a valid message: a length reaches beyond the end of the message at byte 4"
    );
}

#[test]
fn names_that_are_no_text_are_passed_on() {
    let bytes = [0x42, 0x0d, 0x0a, 0x02, 0xff, 0xfe, 0x11, 0, 0, 0, 0, 0, 0, 0xf0, 0x3f];
    let point = Point::from_message(&bytes).unwrap();
    assert_eq!(point.fields().next().unwrap().0, "\u{fffd}\u{fffd}");
    assert_eq!(encode(&point), bytes);
}

fn name() -> impl Strategy<Value = String> {
    prop_oneof!["[a-d]{0,2}", "\\PC{0,6}"]
}

prop_compose! {
    fn message()(
        time in any::<i64>(),
        names in prop::array::uniform4(name()),
        dimensions in prop::collection::vec(name(), 0..3),
        by_name in any::<bool>(),
        tags in prop::collection::btree_map(name(), name(), 0..4),
        fields_double in prop::collection::btree_map(name(), any::<f64>(), 0..4),
        fields_int in prop::collection::btree_map(name(), any::<i64>(), 0..4),
        fields_string in prop::collection::btree_map(name(), name(), 0..4),
        fields_bool in prop::collection::btree_map(name(), any::<bool>(), 0..4),
    ) -> PointMessage {
        let [name, database, retention_policy, group] = names;
        PointMessage {
            time, name, database, retention_policy, group, dimensions, tags, fields_double,
            fields_int, fields_string, by_name, fields_bool,
        }
    }
}

/// Leaves each name in one map only, as the daemon reads it.
fn resolve(mut message: PointMessage) -> PointMessage {
    let PointMessage { fields_double, fields_int, fields_string, fields_bool, .. } = &mut message;
    fields_double.retain(|k, _| !fields_bool.contains_key(k));
    fields_int.retain(|k, _| !fields_bool.contains_key(k) && !fields_double.contains_key(k));
    fields_string.retain(|k, _| {
        !fields_bool.contains_key(k)
            && !fields_double.contains_key(k)
            && !fields_int.contains_key(k)
    });
    message
}

fn same(a: &PointMessage, b: &PointMessage) -> bool {
    // NaN differs from itself; the bytes do not.
    a.encode_to_vec() == b.encode_to_vec()
}

proptest! {
    #[test]
    fn the_view_agrees_with_prost(message in message()) {
        let encoded = message.encode_to_vec();
        let point = Point::from_message(&encoded).unwrap();
        prop_assert!(same(&decode(&point), &message), "unread, it is what it was");
        let expected = resolve(message);
        let fields: Vec<_> = point.fields().collect();
        let count = expected.fields_double.len() + expected.fields_int.len()
            + expected.fields_string.len() + expected.fields_bool.len();
        prop_assert_eq!(fields.len(), count);
        prop_assert_eq!(point.field_count(), count);
        let mut places = Vec::new();
        for (name, value) in fields {
            let scanned = scan(&encoded, &name, &mut places);
            prop_assert_eq!(scanned.map(|v| v.field_type()), Some(value.field_type()));
            prop_assert_eq!(point.field(&name).map(|v| v.field_type()), Some(value.field_type()));
            let agrees = match value {
                // prost leaves -0.0 out as if it were the default.
                FieldValue::Double(v) => expected
                    .fields_double
                    .get(&*name)
                    .is_some_and(|e| *e == v || e.to_bits() == v.to_bits()),
                FieldValue::Int(v) => expected.fields_int.get(&*name) == Some(&v),
                FieldValue::String(v) => expected.fields_string.get(&*name).is_some_and(|e| *e == v),
                FieldValue::Bool(v) => expected.fields_bool.get(&*name) == Some(&v),
            };
            prop_assert!(agrees, "{name}");
        }
    }

    #[test]
    fn edits_agree_with_prost(
        message in message(), edited in name(), double in any::<f64>(), int in any::<i64>(),
        text in name(), flag in any::<bool>(), time in any::<i64>(),
    ) {
        let mut expected = message.clone();
        let mut point = Point::from_message(&message.encode_to_vec()).unwrap();
        let remove = |m: &mut PointMessage| {
            m.fields_double.remove(&edited);
            m.fields_int.remove(&edited);
            m.fields_string.remove(&edited);
            m.fields_bool.remove(&edited);
        };
        point.set_field(&edited, double);
        remove(&mut expected);
        expected.fields_double.insert(edited.clone(), double);
        prop_assert!(same(&decode(&point), &expected));
        point.set_field(&edited, int);
        remove(&mut expected);
        expected.fields_int.insert(edited.clone(), int);
        prop_assert!(same(&decode(&point), &expected));
        point.set_field(&edited, &*text);
        point.set_field(&edited, &*text);
        remove(&mut expected);
        expected.fields_string.insert(edited.clone(), text.clone());
        prop_assert!(same(&decode(&point), &expected));
        point.set_field(&edited, flag);
        point.set_field(&edited, !flag);
        remove(&mut expected);
        expected.fields_bool.insert(edited.clone(), !flag);
        prop_assert!(same(&decode(&point), &expected));
        point.set_time(time);
        point.set_name(&text);
        point.set_group(&text);
        point.set_by_name(flag);
        point.set_dimensions([&text]);
        point.set_tag(&edited, &text);
        expected.time = time;
        expected.name = text.clone();
        expected.group = text.clone();
        expected.by_name = flag;
        expected.dimensions = vec![text.clone()];
        expected.tags.insert(edited.clone(), text.clone());
        prop_assert!(same(&decode(&point), &expected));
        prop_assert!(point.remove_field(&edited));
        prop_assert!(point.remove_tag(&edited));
        remove(&mut expected);
        expected.tags.remove(&edited);
        prop_assert!(same(&decode(&point), &expected));
        let reread = Point::from_message(&encode(&point)).unwrap();
        prop_assert!(reread == point);
    }

    #[test]
    fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        if let Ok(mut point) = Point::from_message(&bytes) {
            point.set_field("a", 1.0);
            let _ = encode(&point);
        }
    }
}
