//! Several values in one text, as the command line gives them: with commas between, where `\,` is a comma
//! within a value.

/// Cuts a text at the commas that no backslash stands before; the pieces are as they were written.
pub fn pieces(text: &str) -> Vec<&str> {
    let mut pieces = Vec::new();
    let (mut start, mut escaped) = (0, false);
    for (at, c) in text.char_indices() {
        match c {
            ',' if !escaped => {
                pieces.push(text[start..at].trim());
                start = at + 1;
            }
            _ => {}
        }
        escaped = c == '\\' && !escaped;
    }
    pieces.push(text[start..].trim());
    pieces
}

/// Takes the backslashes before commas away; others stay.
pub fn plain(piece: &str) -> String {
    piece.replace("\\,", ",")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commas_cut_unless_a_backslash_stands_before_them() {
        assert_eq!(pieces("a, b"), ["a", "b"]);
        assert_eq!(pieces(""), [""]);
        assert_eq!(pieces(r"a\,b,c"), [r"a\,b", "c"]);
        assert_eq!(plain(r"a\,b\d"), r"a,b\d");
    }
}
