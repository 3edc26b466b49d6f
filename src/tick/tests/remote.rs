//! Nodes that would send something elsewhere, and `|sideload()`, which reads files.

use super::*;

#[test]
fn requests_are_shown() {
    let script = "stream|from().groupBy('h')|httpPost('http://x/{{ .Name }}/{{ .Tags.h }}').header('a', 'b')\
                  .codeField('code').timeout(1s).captureResponse()|influxDBOut().database('out')";
    let collected = collect(script, &mut NoUdfs, &["m,h=x v=1.0 1"]);
    assert_eq!(
        collected.posted,
        ["{\"time\":\"1970-01-01T00:00:01Z\",\"node\":\"httpPost2\",\"url\":\"http://x/m/x\",\
          \"headers\":{\"a\":\"b\"},\"body\":\"{\\\"series\\\":[{\\\"name\\\":\\\"m\\\",\\\"tags\\\":{\\\"h\\\":\\\"x\\\"},\
          \\\"columns\\\":[\\\"time\\\",\\\"v\\\"],\\\"values\\\":[[\\\"1970-01-01T00:00:01Z\\\",1]]}]}\"}"]
    );
    assert_eq!(shown(&collected), ["m,h=x code=200i,v=1 1"]);
    let endpoint = collect("stream|from()|httpPost().endpoint('e')", &mut NoUdfs, &["m v=1.0 1"]);
    assert!(endpoint.posted[0].contains("\"endpoint\":\"e\""), "{:?}", endpoint.posted);
}

#[test]
fn points_for_other_tasks_are_shown() {
    let script = "stream|from()|kapacitorLoopback().database('d').retentionPolicy('p').measurement('n').tag('t', 'x')";
    let collected = collect(script, &mut NoUdfs, &["m v=1.0 1", "m v=2.0 2"]);
    let looped = &collected.looped[&("d".to_owned(), "p".to_owned())];
    assert_eq!(looped, "n,t=x v=1 1000000000\nn,t=x v=2 2000000000\n");
    let own = format!("dbrp \"d\".\"p\"\n{script}");
    let error = start(&own, &mut NoUdfs).err().expect("a loop").to_string();
    assert!(error.contains("which this task reads: that is a loop"), "{error}");
}

#[test]
fn replicas_are_changed_within_bounds_and_after_cooldowns() {
    let script = "stream|from().groupBy('d')|k8sAutoscale().resourceNameTag('d').currentField('now')\
                  .replicas(lambda: if(\"v\" > 5.0, \"now\" + 1, \"now\" - 1)).min(2).max(4).increaseCooldown(3s)\
                  |influxDBOut().database('out')";
    let lines = [
        "m,d=w v=9.0 1",
        "m,d=w v=9.0 2",
        "m,d=w v=9.0 4",
        "m,d=w v=9.0 8",
        "m,d=w v=1.0 9",
        "m,d=w v=1.0 10",
    ];
    let collected = collect(script, &mut NoUdfs, &lines);
    let tags = "d=w,kind=deployments,namespace=default,resource=w";
    let expected = [
        format!("m,{tags} new=3i,old=2i 1"),
        format!("m,{tags} new=4i,old=3i 4"),
        format!("m,{tags} new=3i,old=4i 9"),
        format!("m,{tags} new=2i,old=3i 10"),
    ];
    assert_eq!(shown(&collected), expected);
    assert!(
        collected.scaled[0].ends_with(
            "\"resource\":\"default/deployments/w\",\"name\":\"w\",\"old\":2,\"new\":3}"
        )
    );
    let task = TaskSettings { replicas: [("w".to_owned(), 7)].into(), ..TaskSettings::default() };
    let text = "stream|from()|swarmAutoscale().serviceName('w').replicas(lambda: 9).outputServiceNameTag('s')\
                |influxDBOut().database('out')";
    let mut graph = Graph::new(&TickText { name: "test.tick", text }, &task, &mut NoUdfs)
        .unwrap_or_else(|e| panic!("{e}"));
    let mut collected = Collected::default();
    graph.point(&mut point("m v=1.0 1"), &mut collected).unwrap_or_else(|e| panic!("{e}"));
    assert_eq!(shown(&collected), ["m,s=w new=9i,old=7i 1"]);
}

#[test]
fn a_resource_without_a_name_is_told() {
    let script = "stream|from()|ec2Autoscale().groupNameTag('g').replicas(lambda: 2)";
    let collected = collect(script, &mut NoUdfs, &["m v=1.0 1"]);
    assert_eq!(collected.diagnosed[0].1, "tag \"g\" is missing, which names what is scaled");
}

#[test]
fn values_are_loaded_from_files_in_their_order() {
    let folder = tempfile::tempdir().expect("a folder");
    let write = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::create_dir_all(path.parent().expect("a parent")).expect("a folder");
        std::fs::write(path, text).expect("a file");
    };
    write("h/x.yml", "limit: 5\nname: xx\nbad: [1]\nflag: 'true'\n");
    write("all.json", "{\"limit\": 7.5, \"n\": 3, \"owner\": 12}");
    write("empty.yml", "");
    let script = format!(
        "stream|from()|sideload().source('file://{}').order('h/{{{{ .h }}}}.yml', 'all.json')\
         .field('limit', 1.0).field('n', 2).field('name', '?').field('bad', 'b').field('flag', FALSE).tag('owner', 'o')\
         |influxDBOut().database('out')",
        folder.path().display()
    );
    let collected = collect(&script, &mut NoUdfs, &["m,h=x v=1.0 1", "m,h=y v=1.0 2"]);
    assert_eq!(
        shown(&collected),
        [
            "m,h=x,owner=12 bad=\"b\",flag=true,limit=5,n=3i,name=\"xx\",v=1 1",
            "m,h=y,owner=12 bad=\"b\",flag=false,limit=7.5,n=3i,name=\"?\",v=1 2"
        ]
    );
    assert_eq!(collected.diagnosed[0].1, "the value of 'bad' in the files is no string");
    write("broken.json", "{");
    let error = start(&script, &mut NoUdfs).err().expect("a broken file").to_string();
    assert!(error.contains("broken.json: EOF while parsing"), "{error}");
}
