//! Why a line is not a point, and at which column.

/// A line that is not a point.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LineError {
    /// It is not line protocol.
    #[error("not line protocol: column {column}: {problem}")]
    Syntax {
        /// How many newlines (inside of text in quotes) come before the place.
        down: u64,
        /// The column of the place, in characters from 1.
        column: usize,
        /// What was expected at that place.
        problem: Problem,
    },
    /// It is not UTF-8.
    #[error("the line is not UTF-8")]
    NotUtf8,
    /// It has no time.
    #[error("the line has no time")]
    NoTime,
    /// Its time does not fit into 64-bit nanoseconds.
    #[error("time {0} is out of range; is --precision right?")]
    Time(i64),
    /// The line is too long.
    #[error("the line is longer than {limit} bytes")]
    TooLong {
        /// The bytes that a line may have.
        limit: usize,
    },
    /// An unsigned number beyond the signed ones.
    #[error("field '{0}' does not fit into a signed 64-bit integer")]
    Unsigned(String),
}

/// The error at a place in a line.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Problem {
    /// There is no measurement.
    #[error("expected the name of a measurement")]
    Measurement,
    /// Neither a comma nor a space follows the measurement or a tag.
    #[error("expected a comma and a tag, or a space and the fields")]
    Fields,
    /// A tag without a name.
    #[error("expected the name of a tag")]
    TagName,
    /// A tag without a value.
    #[error("expected '=' and a value after tag '{0}' (a space in it is written '\\ ')")]
    TagEquals(String),
    /// A tag whose value is empty.
    #[error("tag '{0}' has no value: leave the tag out, or give it one")]
    TagValue(String),
    /// There is no field.
    #[error("expected the name of a field")]
    FieldName,
    /// A field without a value.
    #[error("expected '=' and a value after field '{0}'")]
    FieldEquals(String),
    /// A field whose value is of no known form.
    #[error(
        "field '{0}' needs a value: a number (1.5), an int (1i), true, false or text in quotes \
         (\"text\")"
    )]
    FieldValue(String),
    /// A text whose quote is not closed.
    #[error("the text that begins here has no quote at its end")]
    OpenQuote,
    /// A name or a tag's value ends with a backslash.
    #[error("a name or the value of a tag may not end with a backslash")]
    Backslash,
    /// A number with more than 64 bits.
    #[error("{0} is out of the range of 64-bit integers")]
    Range(String),
    /// Something else than a comma or a space after a field's value.
    #[error("expected a comma and another field, or a space and the time, after a field's value")]
    AfterField,
    /// The time is not a whole number.
    #[error("expected the time, a whole number")]
    TimeNumber,
    /// Something after the time.
    #[error("expected the end of the line after the time")]
    AfterTime,
}

impl LineError {
    /// Places a problem before byte `at` of a line.
    #[cold]
    pub(super) fn at(line: &[u8], at: usize, problem: Problem) -> Self {
        let before = &line[..at.min(line.len())];
        let down = before.iter().filter(|byte| **byte == b'\n').count() as u64;
        let start = before.iter().rposition(|byte| *byte == b'\n').map_or(0, |newline| newline + 1);
        // Bytes that go on with a character are not counted.
        let characters = before[start..].iter().filter(|byte| **byte & 0xc0 != 0x80).count();
        Self::Syntax { down, column: characters + 1, problem }
    }
}
