//! `|union()` and `|join()`.

use super::*;

#[test]
fn unions_are_ordered_by_time() {
    let script = "var a = stream|from().measurement('a')
        var b = stream|from().measurement('b')
        a|union(b).rename('u')|influxDBOut().database('out')";
    let lines = ["a v=1.0 1", "a v=2.0 4", "b v=3.0 2", "b v=4.0 5", "a v=5.0 5"];
    let collected = collect(script, &mut NoUdfs, &lines);
    assert_eq!(shown(&collected), ["u v=1 1", "u v=3 2", "u v=2 4", "u v=4 5", "u v=5 5"]);
}

#[test]
fn joins_are_on_time() {
    let script = |properties: &str| {
        format!(
            "var a = stream|from().measurement('a').groupBy('h')
             var b = stream|from().measurement('b').groupBy('h')
             a|join(b).as('a', 'b'){properties}|influxDBOut().database('out')"
        )
    };
    let lines = [
        "a,h=x v=1.0 1",
        "b,h=x v=2.0 1",
        "a,h=x v=3.0 2",
        "b,h=x v=4.0 3",
        "a,h=x v=5.0 4",
        "b,h=x v=6.0 4",
    ];
    for (properties, expected) in [
        ("", &["a,h=x a.v=1,b.v=2 1", "a,h=x a.v=5,b.v=6 4"][..]),
        (".streamName('j').delimiter('_')", &["j,h=x a_v=1,b_v=2 1", "j,h=x a_v=5,b_v=6 4"]),
        (
            ".fill(0.0)",
            &[
                "a,h=x a.v=1,b.v=2 1",
                "a,h=x a.v=3,b.v=0 2",
                "b,h=x a.v=0,b.v=4 3",
                "a,h=x a.v=5,b.v=6 4",
            ],
        ),
        (
            ".fill('null')",
            &["a,h=x a.v=1,b.v=2 1", "a,h=x a.v=3 2", "b,h=x b.v=4 3", "a,h=x a.v=5,b.v=6 4"],
        ),
        (".tolerance(4s)", &["a,h=x a.v=1,b.v=2 0", "a,h=x a.v=3,b.v=4 4", "a,h=x a.v=5,b.v=6 4"]),
    ] {
        assert_eq!(
            shown(&collect(&script(properties), &mut NoUdfs, &lines)),
            expected,
            "{properties}"
        );
    }
}

#[test]
fn joins_match_more_specific_groups() {
    let script = "var building = stream|from().measurement('building').groupBy('b')
        var floor = stream|from().measurement('floor').groupBy('b', 'f')
        building|join(floor).as('building', 'floor').on('b').streamName('j')|influxDBOut().database('out')";
    let lines = [
        "building,b=1 power=50.0 1",
        "floor,b=1,f=1 power=20.0 1",
        "floor,b=1,f=2 power=30.0 1",
        "floor,b=1,f=1 power=25.0 2",
        "floor,b=1,f=2 power=35.0 2",
        "building,b=1 power=60.0 2",
        "building,b=1 power=70.0 3",
    ];
    assert_eq!(
        shown(&collect(script, &mut NoUdfs, &lines)),
        [
            "j,b=1,f=1 building.power=50,floor.power=20 1",
            "j,b=1,f=2 building.power=50,floor.power=30 1",
            "j,b=1,f=1 building.power=60,floor.power=25 2",
            "j,b=1,f=2 building.power=60,floor.power=35 2",
        ]
    );
}
