//! What nodes hand outside, and what functions do.

use super::functions::Native;
use super::*;

#[test]
fn outputs_are_handed_outside() {
    let script = "stream|from().groupBy('h')|httpOut('last')|log().prefix('p').level('debug')
        |influxDBOut().database('d').retentionPolicy('r').measurement('n').tag('k', 'v')";
    let collected =
        collect(script, &mut NoUdfs, &["m,h=a v=1.0 1", "m,h=b v=2.0 1", "m,h=a v=3.0 2"]);
    assert_eq!(
        collected.endpoints["last"],
        "{\"series\":[{\"name\":\"m\",\"tags\":{\"h\":\"a\"},\"columns\":[\"time\",\"v\"],\"values\":[[\"1970-01-01T00:00:02Z\",3]]},\
         {\"name\":\"m\",\"tags\":{\"h\":\"b\"},\"columns\":[\"time\",\"v\"],\"values\":[[\"1970-01-01T00:00:01Z\",2]]}]}"
    );
    assert_eq!(
        collected.logged[0].2,
        "{\"name\":\"m\",\"group\":\"h=a\",\"fields\":{\"v\":1},\"tags\":{\"h\":\"a\"},\"time\":\"1970-01-01T00:00:01Z\"}"
    );
    let written = &collected.written[&("d".to_owned(), "r".to_owned())];
    assert_eq!(written.lines().next(), Some("n,h=a,k=v v=1 1000000000"));
}

#[test]
fn udfs_are_part_of_the_pipeline() {
    let script = "stream|from()@scale().field('v').by(2.0)|window().period(2s).every(2s)@size()|influxDBOut().database('out')";
    let lines = ["m v=1.0 0", "m v=1.0 1", "m v=1.0 2", "m v=1.0 3", "m v=1.0 4"];
    assert_eq!(shown(&collect(script, &mut Native, &lines)), ["m size=2i 2", "m size=2i 4"]);
    let script =
        "stream|from().groupBy('h')@scale().field('v').by(2.0)|influxDBOut().database('out')";
    assert_eq!(shown(&collect(script, &mut Native, &["m,h=a v=1.5 0"])), ["m,h=a v=3 0"]);
}
