//! Any pipeline runs or is refused.

use super::functions::Native;
use super::*;
use proptest::prelude::*;

fn run(text: &str) {
    let Ok(mut graph) = start(text, &mut Native) else { return };
    let mut collected = Collected::default();
    for t in 0..20i64 {
        let mut p =
            point(&format!("cpu,host=a,cpu=c{} usage_idle={:?},n={t}i {t}", t % 3, t as f64));
        if t == 13 {
            p = point("cpu s=\"x\" 7");
        }
        if graph.point(&mut p, &mut collected).is_err() {
            return;
        }
    }
    let _ = graph.finish(&mut collected);
}

proptest! {
    #[test]
    fn any_pipeline_runs_or_is_refused(parts in prop::collection::vec(prop::sample::select(vec![
        "|groupBy('host')", "|groupBy(*)", "|window().period(3s).every(2s)", "|window().periodCount(3).everyCount(2)",
        "|mean('usage_idle')", "|max('n')", "|count('s')", "|top(2, 'n')", "|difference('n')", "|elapsed('n', 1s)",
        "|movingAverage('usage_idle', 2)", "|eval(lambda: sigma(\"usage_idle\")).as('x').keep()", "|where(lambda: \"n\" > 3)",
        "|alert().crit(lambda: \"n\" > 5).all().flapping(0.1, 0.2)", "|derivative('n')", "|stateDuration(lambda: TRUE)",
        "|delete().tag('host')", "|default().tag('host', 'b')", "|sample(2)", "|shift(1h)", "@scale().field('n').by(2.0)",
        "@size()", "|httpOut('x')", "|log()", "|join(a).as('x', 'y').fill(0)", "|union(a)", "|distinct('n')",
        "|percentile('n', 50.0)", "|changeDetect('n')", "|influxDBOut()",
    ]), 0..6)) {
        run(&format!("var a = stream|from()\na{}", parts.concat()));
    }

    #[test]
    fn a_guide_with_any_damage_is_run_or_refused(which in 0usize..7, at in any::<prop::sample::Index>(), with in "[ .|@()'\"a-z0-9:-]{0,3}") {
        let (_, text) = crate::tick::language_tests::GUIDES[which];
        let chars: Vec<char> = text.chars().collect();
        let at = at.index(chars.len());
        let damaged: String = chars[..at].iter().chain(with.chars().collect::<Vec<_>>().iter()).chain(&chars[(at + 1).min(chars.len())..]).collect();
        run(&damaged);
    }
}
