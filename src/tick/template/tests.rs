//! Templates against what Go's text/template writes.

use std::rc::Rc;

use proptest::prelude::*;

use crate::tick::template::Template;
use crate::tick::template::value::Data;

fn event() -> Data {
    Data::Struct(Rc::new([
        ("Name", Data::String("cpu".into())),
        ("TaskName", Data::String("cpu_alert".into())),
        ("Group", Data::String("host=a".into())),
        ("Tags", Data::tags([("host", "a"), ("cpu", "cpu0")])),
        ("ID", Data::String("cpu:host=a".into())),
        (
            "Fields",
            Data::fields([
                ("value".to_owned(), Data::Float(97.123_456)),
                ("count".to_owned(), Data::Int(5)),
                ("tiny".to_owned(), Data::Float(2.9e-19)),
                ("text".to_owned(), Data::String("<b>".into())),
                ("up".to_owned(), Data::Bool(true)),
            ]),
        ),
        ("Level", Data::String("CRITICAL".into())),
        ("Time", Data::Time(1_451_610_300_250_000_000)),
        ("Duration", Data::Duration(300_000_000_000)),
    ]))
}

fn render(text: &str, html: bool) -> String {
    let template = Template::parse("message", text, html).unwrap_or_else(|e| panic!("{text}: {e}"));
    template.render(&event()).unwrap_or_else(|e| panic!("{text}: {e}"))
}

#[test]
fn templates_write_what_go_writes() {
    for (text, expected) in [
        ("{{ .ID }} is {{ .Level }}", "cpu:host=a is CRITICAL"),
        ("{{.Name}}/{{ index .Tags \"host\" }}", "cpu/a"),
        ("{{ .Tags.cpu }}{{ index .Tags \"none\" }}|", "cpu0|"),
        ("{{ index .Fields \"none\" }}", "<no value>"),
        ("{{ index .Fields \"value\" | printf \"%0.2f\" }}%", "97.12%"),
        (
            "{{ printf \"%5.1f|%-5d|%05d|%s|%v|%q\" .Fields.value 5 5 .Name .Fields.tiny .ID }}",
            " 97.1|5    |00005|cpu|2.9e-19|\"cpu:host=a\"",
        ),
        (
            "{{ printf \"%.3g %e %x %t %d\" .Fields.value .Fields.tiny 255 .Fields.up .Fields.value }}",
            "97.1 2.900000e-19 ff true %!d(float64=97.123456)",
        ),
        ("{{ .Fields.value }} {{ .Fields.count }} {{ .Fields.up }}", "97.123456 5 true"),
        ("{{ .Time }}", "2016-01-01 01:05:00.25 +0000 UTC"),
        ("{{ .Time.Format \"2006-01-02T15:04:05.000Z07:00\" }}", "2016-01-01T01:05:00.250Z"),
        (
            "{{ .Time.Format \"Mon Jan _2 3:04PM 2006\" }} {{ .Time.Unix }}",
            "Fri Jan  1 1:05AM 2016 1451610300",
        ),
        ("{{ .Duration }} {{ .Duration.Minutes }}", "5m0s 5"),
        ("{{ if eq .Level \"CRITICAL\" }}!{{ else }}-{{ end }}", "!"),
        (
            "{{ if eq .Level \"OK\" }}ok{{ else if gt .Fields.value 90.0 }}high{{ else }}low{{ end }}",
            "high",
        ),
        ("{{ if and .Fields.up (not (lt .Fields.count 5)) }}yes{{ end }}", "yes"),
        ("{{ if or false (eq .Fields.count 1 5) }}yes{{ end }}", "yes"),
        ("{{ $x := .Name }}{{ if true }}{{ $x = \"mem\" }}{{ end }}{{ $x }}", "mem"),
        ("{{ range $k, $v := .Tags }}{{ $k }}={{ $v }};{{ end }}", "cpu=cpu0;host=a;"),
        ("{{ range .Tags }}{{ . }} {{ $.Name }},{{ end }}", "cpu0 cpu,a cpu,"),
        (
            "{{ with .Tags.host }}[{{ . }}]{{ end }}{{ with .Tags.none }}x{{ else }}y{{ end }}",
            "[a]y",
        ),
        ("a  {{- /* gone */ -}}  b {{- .Name -}} c", "abcpuc"),
        ("{{ `raw\"` }}{{ print 1 2 \"x\" 3 }}{{ len .Tags }}", "raw\"1 2x32"),
        ("{{ json .Tags }}", "{\"cpu\":\"cpu0\",\"host\":\"a\"}\n"),
        ("{{ html .Fields.text }}{{ urlquery \"a b&c\" }}", "&lt;b&gt;a+b%26c"),
        ("{{ (index .Fields \"count\") }} {{ \"x\" | printf \"%s-%s\" \"y\" }}", "5 y-x"),
        ("{{ .Tags }}", "map[cpu:cpu0 host:a]"),
        ("no actions }}", "no actions }}"),
    ] {
        assert_eq!(render(text, false), expected, "{text}");
    }
    assert_eq!(
        render("<b>{{ .Fields.text }} {{ json .Name }}", true),
        "<b>&lt;b&gt; &#34;cpu&#34;\n"
    );
}

#[test]
fn errors_say_what_is_wrong() {
    for (text, expected) in [
        ("{{ .Nme }}", "can't evaluate field Nme"),
        ("{{ if eq .Level 5 }}{{ end }}", "incompatible types for comparison: string and int64"),
        ("{{ .ID", "an action is never closed"),
        ("{{ if .ID }}", "{{if}} has no {{end}}"),
        ("{{ end }}", "without {{if}}"),
        ("{{ upper .ID }}", "function \"upper\" is not defined"),
        ("{{ $y }}", "undefined variable \"$y\""),
        ("{{ template \"x\" }}", "is not replayed"),
        ("{{ index .Name \"x\" }}", "can't index item of type string"),
        ("{{ 'x y' }}", "double quotes"),
        ("{{ }}", "a value is missing"),
    ] {
        let result =
            Template::parse("id", text, false).and_then(|template| template.render(&event()));
        let error = result.expect_err(text).to_string();
        assert!(error.starts_with("template id: ") && error.contains(expected), "{text}: {error}");
    }
}

proptest! {
    #[test]
    fn any_text_renders_or_is_refused(text in any::<String>(), inside in "[ .$a-zA-Z0-9\"`|():=,{}%-]{0,40}") {
        for text in [text, format!("{{{{ {inside} }}}}")] {
            if let Ok(template) = Template::parse("id", &text, true) {
                let _ = template.render(&event());
            }
        }
    }

    #[test]
    fn any_tokens_render_or_are_refused(tokens in prop::collection::vec(prop::sample::select(vec![
        "{{", "}}", "if", "else", "end", "range", "with", ".Tags", ".Fields.value", ".Time.Format", "\"2006 %d\"",
        "printf", "index", "$x", ":=", "|", "(", ")", "5", "eq", "and", "json", "{{-", "-}}", "text", ".", "$", ",",
    ]), 0..25)) {
        if let Ok(template) = Template::parse("id", &tokens.join(" "), true) {
            let _ = template.render(&event());
        }
    }
}
