//! Removes secrets from texts of servers and libraries, in whatever way they are encoded there.

/// The replacement of a secret.
const STARS: &str = "***";

/// The names that HTML has for letters.
const HTML: [(&str, u8); 8] = [
    ("&amp;", b'&'),
    ("&lt;", b'<'),
    ("&gt;", b'>'),
    ("&quot;", b'"'),
    ("&#34;", b'"'),
    ("&#39;", b'\''),
    ("&#x27;", b'\''),
    ("&#43;", b'+'),
];

/// Replaces a secret in a text, where each of its bytes may stand as itself, percent-encoded, with a backslash before
/// it, as `\u0026`, or by its name in HTML.
pub(super) fn hide(text: &str, secret: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        match length(rest.as_bytes(), secret.as_bytes()) {
            // An end in the middle of a letter is no occurrence.
            Some(end) if rest.is_char_boundary(end) => {
                out += STARS;
                rest = &rest[end..];
            }
            _ => {
                out.push(first);
                rest = &rest[first.len_utf8()..];
            }
        }
    }
    out
}

/// The length of the secret at the beginning of a text, if it is there.
fn length(text: &[u8], secret: &[u8]) -> Option<usize> {
    let mut at = 0;
    for byte in secret {
        at += step(&text[at..], *byte)?;
    }
    (at > 0).then_some(at)
}

/// How many bytes of the text stand for a byte.
fn step(text: &[u8], byte: u8) -> Option<usize> {
    let hexadecimal = |digits: Option<&[u8]>| {
        let digits = std::str::from_utf8(digits?).ok()?;
        u32::from_str_radix(digits, 16).ok()
    };
    let byte_of_code = Some(u32::from(byte));
    if text.starts_with(b"%") && hexadecimal(text.get(1..3)) == byte_of_code {
        return Some(3);
    }
    if text.starts_with(b"\\u") && byte.is_ascii() && hexadecimal(text.get(2..6)) == byte_of_code {
        return Some(6);
    }
    let name =
        HTML.iter().find(|(name, letter)| *letter == byte && text.starts_with(name.as_bytes()));
    if let Some((name, _)) = name {
        return Some(name.len());
    }
    match text {
        [first, ..] if *first == byte => Some(1),
        [b'\\', second, ..] if *second == byte => Some(2),
        [b'+', ..] if byte == b' ' => Some(1),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_hidden_however_it_is_written() {
        let secret = "a-B_\"c\\ d/=é&<";
        for text in [
            secret,
            "a-B_%22c%5C%20d%2F%3D%C3%A9%26%3C",
            "a-B_%22c%5c+d%2f%3d%c3%a9%26%3c",
            "%61%2D%42%5F%22%63%5C%20%64%2F%3D%C3%A9%26%3C",
            "a-B_\\\"c\\\\ d\\/=é\\u0026\\u003c",
            "a-B_&quot;c\\ d/=é&amp;&lt;",
        ] {
            assert_eq!(hide(&format!("x{text}y {text}"), secret), "x***y ***", "{text}");
        }
        for text in ["a-B_\"c", "é", "%", "%zz", "\\", "\\u", "\\u00", "", "a-B_\"c\\ d/=Ã"] {
            assert_eq!(hide(text, secret), text);
        }
        // A secret that looks as if it was encoded.
        assert_eq!(hide("token %41b, %2541b", "%41b"), "token ***, ***");
    }
}
