//! Every function that the documents name can be called, and is: by a block of a page that the tests
//! run, or here.

use crate::util::*;
use std::collections::BTreeSet;

/// What no block of the documents calls, as the body of `point`.
const POINT: &str = r#"
    if !p.contains("x") || !opt.contains("field") || opt.keys() != ["field"] { throw "contains"; }
    if p.x.is_nan() || !p.x.is_finite() || p.x.is_infinite() { throw "is_nan"; }
    let t = parse_time("2020-03-04T05:06:07Z");
    let parts = [year(t), month(t), day(t), hour(t), minute(t), second(t), day_of_year(t), weekday(t)];
    if parts != [2020, 3, 4, 5, 6, 7, 64, 3] { throw `parts ${parts}`; }
    if now() < t || duration_text(duration("90m")) != "1h30m" { throw "now"; }
    log_debug("a"); log_info("b"); log_warn("c"); log_error("d"); print("e"); debug("f");
    if p.tag("none") != () { throw "tag"; }
    p.other = 1;
    p.set("y", 2);
    if p.y != 2 { throw "set"; }
    p.keep(["x"]);
    if p.fields.keys() != ["x"] { throw "keep"; }
    emit(p);
"#;

/// As the body of `end_batch`.
const BATCH: &str = r#"
    let other = batch.with_points(batch.points());
    other.keep(["x"]);
    if other.len != 5 || other.remove("none") { throw "with_points"; }
    let made = new_batch(#{ name: "n", tmax: 9 }, batch.points());
    if made.name != "n" || new_batch(batch.points()).len != 5 { throw "new_batch"; }
    let s = series(batch.column("x").to_array());
    if s.to_array() != [1.0, 2.0, 3.0, 4.0, 5.0] { throw "to_array"; }
    if between(s, 2, 3).count != 2 || outside(s, 2, 3).count != 3 { throw "between"; }
    if s.compare("==", s).count != 5 || min(s, 2).sum != 9.0 { throw "compare"; }
    if s.head(2).sum != 3.0 || s.tail(1)[0] != 5.0 || s.take([4, 0])[0] != 5.0 { throw "head"; }
    if skewness(s) != 0.0 || median(s) != 3.0 { throw "skewness"; }
    let both = running_stats().push(s).merge(running_stats().push(1));
    if both.count != 6 || both.stddev == () { throw "merge"; }
    both.reset();
    if both.count != 0 { throw "reset"; }
    let half = ew_stats_half_life(3);
    half.push(s);
    let spot = dspot(0.01, 3, #{ warmup: 10 });
    spot.push(s);
    let watch = cusum(#{ warmup: 3 });
    watch.set_baseline(running_stats().push(s));
    watch.rebase();
    let slots = seasonal_slots("1h", 4);
    slots.push(0, 1.0);
    slots.push(1, 3.0);
    if slots.slot_count(0) != 2 || slots.mean(0) != 2.0 || slots.stddev(0) == () { throw "slots"; }
    hour_of_week().push(0, 1.0);
    let trend = moving_trend(5);
    for i in 0..5 { trend.push(i * duration("1s"), s[i]); }
    if trend.time_to(9.0) != 4.0 || trend.robust_time_to(9.0) != 4.0 { throw "time_to"; }
    emit(batch.point(#{ n: 1 }));
"#;

/// Names in the documents that are no functions of a script's host: callbacks, functions of examples, options
/// of TICKscripts, and functions of other programs.
const OTHERS: &str = "info init state point points begin_batch end_batch migrate mark twice median_of \
                      scale between tag field size keep as _pdf _cdf _sf _ppf _isf ewm";

/// The names that are written as calls.
fn calls(text: &str) -> BTreeSet<String> {
    let is_name = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    let parts: Vec<&str> = text.split('(').collect();
    let names = parts[..parts.len() - 1].iter().map(|part| {
        let start = part
            .rfind(|c| !is_name(c))
            .map_or(0, |at| at + part[at..].chars().next().map_or(1, char::len_utf8));
        part[start..].to_owned()
    });
    names.filter(|name| !name.is_empty()).collect()
}

fn runs(edge: &str, callback: &str, body: &str, data: Vec<Request>) {
    let script = format!(
        "fn info() {{ #{{ wants: \"{edge}\", provides: \"stream\", options: #{{ field: \"string\" }} }} \
         }}\nfn {callback}, opt) {{\n{body}\n}}"
    );
    let init = init(&[("field", &[OptionArgument::Text("x")])]);
    let run = run_text("documented", &script, [vec![init], data].concat());
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    assert_eq!(run.points().len(), 1, "{}", run.stderr);
}

#[test]
fn every_documented_function_is_called_by_a_test() {
    runs("stream", "point(p", POINT, vec![point(1, "", &[("x", 1.5)])]);
    runs("batch", "end_batch(batch", BATCH, batch("a", &[1.0, 2.0, 3.0, 4.0, 5.0]));
    let mut seen = 0;
    for page in ["docs/script.md", "docs/statistics.md"] {
        let text = std::fs::read_to_string(repo(page)).unwrap();
        // Every second part is a block of code; the others hold code between backticks.
        let parts: Vec<&str> = text.split("\n```").collect();
        let blocks: String =
            parts.iter().skip(1).step_by(2).map(|part| format!("{part}\n")).collect();
        let called = calls(&format!("{blocks}{POINT}{BATCH}"));
        for prose in parts.iter().step_by(2) {
            for code in prose.split('`').skip(1).step_by(2) {
                for name in calls(code) {
                    seen += 1;
                    let known =
                        called.contains(&name) || OTHERS.split(' ').any(|other| other == name);
                    assert!(known, "{page}: no test calls {name}()");
                }
            }
        }
    }
    assert!(seen > 150, "{seen}");
}
