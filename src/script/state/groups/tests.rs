use super::*;

fn ids(groups: &Groups) -> String {
    groups.ids().iter().map(|id| String::from_utf8_lossy(id).into_owned()).collect()
}

fn see(groups: &mut Groups, id: &str, time: i64) {
    groups.arrive(id.as_bytes(), time).unwrap();
}

#[test]
fn the_group_that_was_not_seen_for_the_longest_time_goes() {
    let mut groups = Groups::new(Bounds { groups: 3, ttl: 0 });
    for id in ["a", "b", "c", "a", "d", "e", "a"] {
        see(&mut groups, id, 0);
    }
    assert_eq!(ids(&groups), "dea");
    assert_eq!((groups.len(), groups.evicted), (3, 2));
}

#[test]
fn groups_go_by_the_time_of_the_data() {
    let mut groups = Groups::new(Bounds { groups: 0, ttl: 10 });
    see(&mut groups, "a", 0);
    see(&mut groups, "b", 5);
    see(&mut groups, "c", 11);
    assert_eq!(ids(&groups), "abc", "one time alone proves nothing");
    see(&mut groups, "c", 12);
    assert_eq!(ids(&groups), "bc");
    let place = groups.find(b"b").unwrap();
    assert!(groups.has_outlived(place, 16) && !groups.has_outlived(place, 15));
}

#[test]
fn one_point_from_the_future_removes_no_group() {
    let mut groups = Groups::new(Bounds { groups: 0, ttl: 10 });
    for (id, time) in [("a", 0), ("b", i64::MAX), ("a", 1), ("c", 2), ("a", 3)] {
        see(&mut groups, id, time);
    }
    assert_eq!(ids(&groups), "bca");
}

#[test]
fn places_are_used_again() {
    let mut groups = Groups::new(Bounds { groups: 2, ttl: 0 });
    for i in 0..1000 {
        see(&mut groups, &i.to_string(), 0);
    }
    assert_eq!((groups.slots.len(), groups.len()), (2, 2));
}

#[test]
fn a_group_whose_points_wait_does_not_go_before_they_are_handled() {
    for bounds in [Bounds { groups: 2, ttl: 0 }, Bounds { groups: 0, ttl: 10 }] {
        let mut groups = Groups::new(bounds);
        see(&mut groups, "a", 0);
        let place = groups.find(b"a").unwrap();
        groups.wait(place, 0);
        see(&mut groups, "b", 100);
        let refused = groups.arrive(b"c", 101).and_then(|_| groups.arrive(b"c", 102));
        assert_eq!(refused, Err(PointsWait));
        groups.end_waiting();
        see(&mut groups, "c", 102);
        assert_eq!(ids(&groups), "bc");
    }
}

#[test]
fn where_groups_never_go_their_order_is_that_of_their_times() {
    let mut groups = Groups::default();
    for (id, time) in [("a", 3), ("b", 1), ("c", 2), ("b", 4)] {
        see(&mut groups, id, time);
    }
    assert_eq!(ids(&groups), "cab");
}
