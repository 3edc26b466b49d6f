//! The words of InfluxQL, as far as the queries that senders ask before they write have them.

/// A word of a query.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Word {
    /// A keyword or a bare name.
    Bare(String),
    /// A name in double quotes.
    Quoted(String),
    /// Anything else: a text, a sign.
    Other,
}

impl Word {
    /// Tells whether it is that keyword.
    pub(super) fn is(&self, keyword: &str) -> bool {
        matches!(self, Self::Bare(word) if word.eq_ignore_ascii_case(keyword))
    }

    /// Returns the name that it is.
    pub(super) fn name(&self) -> Option<&str> {
        match self {
            Self::Bare(name) | Self::Quoted(name) if !name.is_empty() => Some(name),
            _ => None,
        }
    }
}

/// Takes queries apart, of which semicolons separate several.
pub(super) fn statements(text: &str) -> Vec<Vec<Word>> {
    let mut all = vec![Vec::new()];
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        let word = match c {
            ';' => {
                all.push(Vec::new());
                continue;
            }
            c if c.is_whitespace() => continue,
            '"' | '\'' => {
                let mut name = String::new();
                while let Some(inner) = rest.next() {
                    match inner {
                        '\\' => match rest.next() {
                            Some('n') => name.push('\n'),
                            Some(escaped) => name.push(escaped),
                            None => {}
                        },
                        inner if inner == c => break,
                        inner => name.push(inner),
                    }
                }
                if c == '"' { Word::Quoted(name) } else { Word::Other }
            }
            c if c.is_alphanumeric() || c == '_' => {
                let mut name = String::from(c);
                while let Some(next) = rest.next_if(|c| c.is_alphanumeric() || *c == '_') {
                    name.push(next);
                }
                Word::Bare(name)
            }
            _ => Word::Other,
        };
        if let Some(words) = all.last_mut() {
            words.push(word);
        }
    }
    all.retain(|words| !words.is_empty());
    all
}
