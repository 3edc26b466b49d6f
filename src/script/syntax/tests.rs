use super::{Kind, tokens};
use proptest::prelude::*;

fn texts(text: &str) -> Vec<&str> {
    tokens(text).iter().map(|token| token.text).collect()
}

#[test]
fn tokens_are_those_of_the_language() {
    let check = |text: &str, expected: &[&str]| assert_eq!(texts(text), expected, "{text}");
    check("let x=1_000.5e-3;", &["let", "x", "=", "1_000.5e-3", ";"]);
    check(
        "0..n 1.max(2) 0xFF 1..=2",
        &["0", "..", "n", "1", ".", "max", "(", "2", ")", "0xFF", "1", "..=", "2"],
    );
    check("p.x?.y ?? z", &["p", ".", "x", "?.", "y", "??", "z"]);
    check(r#""a\"b" 'c' '\''"#, &[r#""a\"b""#, "'c'", r"'\''"]);
    check("#\"raw \" string\"# #{ a: 1 }", &["#\"raw \" string\"#", "#{", "a", ":", "1", "}"]);
    check(
        "`a ${ x + #{b: `${y}`}.b } c` z",
        &["`a ${", "x", "+", "#{", "b", ":", "`${", "y", "}`", "}", ".", "b", "} c`", "z"],
    );
    check("a /* b /* c */ d */ e // f\r\ng", &["a", "/* b /* c */ d */", "e", "// f", "g"]);
}

#[test]
fn what_is_half_typed_ends_somewhere() {
    for text in ["\"abc", "`abc", "`a ${", "`a ${ x", "/* a", "#\"a", "'", "\"a\\"] {
        let tokens = tokens(text);
        assert!(!tokens.is_empty(), "{text}");
    }
    let unfinished = tokens("let a = \"x;\nlet b = 1;");
    assert!(unfinished[3].unfinished && unfinished[3].kind == Kind::Text);
    assert_eq!(unfinished[4].text, "let");
}

proptest! {
    #[test]
    fn every_byte_is_in_a_token_or_between_two(text in "[ -~\n\r\t`$\\{\\}\"'#/*é😀]{0,80}") {
        let mut at = 0;
        for token in tokens(&text) {
            prop_assert!(token.start >= at);
            prop_assert!(text[at..token.start].chars().all(char::is_whitespace));
            prop_assert!(!token.text.is_empty());
            prop_assert_eq!(&text[token.start..token.end()], token.text);
            at = token.end();
        }
        prop_assert!(text[at..].chars().all(char::is_whitespace));
    }
}
