//! The name that somebody meant.

/// The known name nearest to `name`, if one is near enough to be a slip of the keyboard.
pub fn nearest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let most = match name.chars().count() {
        0..=2 => return None,
        3..=5 => 1,
        6..=8 => 2,
        _ => 3,
    };
    let near = known.into_iter().map(|other| (strsim::osa_distance(name, other), other));
    near.filter(|(distance, _)| (1..=most).contains(distance)).min().map(|(_, other)| other)
}

/// `; did you mean x?`, or nothing.
pub fn did_you_mean<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    nearest(name, known).map_or_else(String::new, |near| format!("; did you mean {near}?"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn swapped_letters_are_one_step() {
        let known = ["end_batch", "point", "info", "moving_stats", "moving_order"];
        assert_eq!(nearest("end_bacth", known), Some("end_batch"));
        assert_eq!(nearest("points", known), Some("point"));
        assert_eq!(nearest("moving_stat", known), Some("moving_stats"));
        assert_eq!(nearest("median_of", known), None);
        assert_eq!(nearest("x", ["y"]), None);
    }
}
