//! Grouping, as the daemon does it: the id is made of the name and the values of the dimensions.

use crate::protocol::Point;

/// How points are grouped.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Grouping {
    /// The tags, in any order.
    pub tags: Vec<String>,
    /// Group by the measurement too.
    pub by_name: bool,
    /// Group by every tag that a point has.
    pub all_tags: bool,
}

impl Grouping {
    /// Sets a point's dimensions and its group.
    pub fn apply(&self, point: &mut Point) {
        let mut tags: Vec<String> = if self.all_tags {
            point.tags().map(|(name, _)| name.into_owned()).collect()
        } else {
            self.tags.clone()
        };
        tags.sort_unstable();
        let group = group_id(point, &tags, self.by_name);
        point.set_dimensions(&tags);
        point.set_by_name(self.by_name);
        point.set_group(&group);
    }
}

/// The id: `tag=value,tag=value` in key order, after the name and a newline where grouped by name.
pub fn group_id<S: AsRef<str>>(point: &Point, dimensions: &[S], by_name: bool) -> String {
    let mut id = String::new();
    if by_name {
        id.push_str(&point.name());
        if !dimensions.is_empty() {
            id.push('\n');
        }
    }
    for (i, dimension) in dimensions.iter().map(AsRef::as_ref).enumerate() {
        if i > 0 {
            id.push(',');
        }
        id.push_str(dimension);
        id.push('=');
        id.push_str(&point.tag(dimension).unwrap_or_default());
    }
    id
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_the_daemons() {
        let mut point = Point::new(0);
        point.set_name("cpu");
        point.set_tag("host", "a");
        point.set_tag("cpu", "cpu0");
        let id = |tags: &[&str], by_name, all_tags| {
            let mut point = point.clone();
            let tags = tags.iter().map(|t| (*t).to_owned()).collect();
            Grouping { tags, by_name, all_tags }.apply(&mut point);
            point.group().into_owned()
        };
        assert_eq!(id(&[], false, false), "");
        assert_eq!(id(&[], true, false), "cpu");
        assert_eq!(id(&["host", "cpu"], false, false), "cpu=cpu0,host=a");
        assert_eq!(id(&["host"], true, false), "cpu\nhost=a");
        assert_eq!(id(&["rack"], false, false), "rack=");
        assert_eq!(id(&[], false, true), "cpu=cpu0,host=a");
    }
}
