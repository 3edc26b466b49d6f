//! `|eval()`, the small nodes, and the state of lambdas.

use super::*;

#[test]
fn eval_computes_fields_and_tags() {
    let lines = ["m,h=a x=2.0,y=3.0 1"];
    check("|eval(lambda: \"x\" * \"y\").as('p')", &lines, &["m,h=a p=6 1"]);
    check("|eval(lambda: \"x\" * \"y\").as('p').keep()", &lines, &["m,h=a p=6,x=2,y=3 1"]);
    check("|eval(lambda: \"x\" * \"y\").as('p').keep('y', 'p')", &lines, &["m,h=a p=6,y=3 1"]);
    check(
        "|eval(lambda: \"x\" + 1.0, lambda: \"p\" * 2.0).as('p', 'q')",
        &lines,
        &["m,h=a p=3,q=6 1"],
    );
    check(
        "|eval(lambda: string(\"x\")).as('t').tags('t').keep()",
        &lines,
        &["m,h=a,t=2 t=\"2\",x=2,y=3 1"],
    );
    check("|eval(lambda: \"nope\" + 1.0).as('p')", &lines, &[]);
    check("|eval(lambda: float(\"x\") > 1.0).as('b')", &lines, &["m,h=a b=true 1"]);
}

#[test]
fn small_nodes_change_points() {
    let lines = ["m,h=a x=1.0,s=\"u\" 1", "m,h=b x=3.0,s=\"u\" 3", "m,h=b x=2.0,s=\"d\" 5"];
    check(
        "|default().field('y', 7).tag('dc', 'eu')",
        &lines[..1],
        &["m,dc=eu,h=a s=\"u\",x=1,y=7i 1"],
    );
    check("|delete().field('s').tag('h')", &lines[..1], &["m x=1 1"]);
    check("|shift(-1s)|delete().field('s')", &lines[..1], &["m,h=a x=1 0"]);
    check("|sample(2)|delete().field('s')", &lines, &["m,h=a x=1 1", "m,h=b x=2 5"]);
    check("|sample(5s)|delete().field('s')", &lines, &["m,h=b x=2 5"]);
    check(
        "|where(lambda: \"x\" > 1.5)|delete().field('s')",
        &lines,
        &["m,h=b x=3 3", "m,h=b x=2 5"],
    );
    check(
        "|changeDetect('s')|delete().field('x')",
        &lines,
        &["m,h=a s=\"u\" 1", "m,h=b s=\"d\" 5"],
    );
    check(
        "|derivative('x').unit(2s)|delete().field('s')",
        &lines,
        &["m,h=b x=2 3", "m,h=b x=-1 5"],
    );
    check(
        "|derivative('x').nonNegative().as('r')|delete().field('s')",
        &lines,
        &["m,h=b r=1,x=3 3"],
    );
    check(
        "|stateCount(lambda: \"x\" > 1.5)|delete().field('s')",
        &lines,
        &[
            "m,h=a state_count=-1i,x=1 1",
            "m,h=b state_count=1i,x=3 3",
            "m,h=b state_count=2i,x=2 5",
        ],
    );
    check(
        "|stateDuration(lambda: \"x\" > 1.5).as('d')|delete().field('s')",
        &lines,
        &["m,h=a d=-1,x=1 1", "m,h=b d=0,x=3 3", "m,h=b d=2,x=2 5"],
    );
}

#[test]
fn state_of_lambdas_is_kept_for_each_group() {
    let lines = ["m,h=a v=1.0 1", "m,h=b v=1.0 2", "m,h=a v=1.0 3"];
    check(
        "|groupBy('h')|eval(lambda: count()).as('n')",
        &lines,
        &["m,h=a n=1i 1", "m,h=b n=1i 2", "m,h=a n=2i 3"],
    );
    // An alert shares one state among its groups, as the daemon does.
    let script = "stream|from().groupBy('h')|alert().crit(lambda: count() >= 3)";
    let collected = collect(script, &mut NoUdfs, &lines);
    assert_eq!(collected.alerts.iter().map(|e| e.time / SECOND).collect::<Vec<_>>(), [3]);
}
