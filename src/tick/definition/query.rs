//! What a batch task asks a database.

use super::Definition;
use super::object::Object;

/// What a `query` node asks a database.
#[derive(Debug, Clone, PartialEq)]
pub struct Query {
    /// The InfluxQL, without times and groups.
    pub text: String,
    /// The length of the time that each query covers, in nanoseconds.
    pub period: i64,
    /// How often it is asked, in nanoseconds; 0 with `cron`.
    pub every: i64,
    /// How far back the covered time ends, in nanoseconds.
    pub offset: i64,
    /// Whether the times of the queries are multiples of `every`.
    pub align: bool,
    /// Whether the groups by time begin with the covered time.
    pub align_group: bool,
    /// When it is asked, in cron's notation.
    pub cron: Option<String>,
    /// The tags it groups by; `*` for all.
    pub tags: Vec<String>,
    /// Whether it groups by measurement.
    pub by_measurement: bool,
    /// The interval and offset it groups by, in nanoseconds.
    pub time: Option<(i64, i64)>,
    /// What fills empty intervals: `null`, `none`, a number …
    pub fill: Option<String>,
    /// The name of the InfluxDB cluster in the daemon's configuration.
    pub cluster: Option<String>,
}

impl Query {
    /// Returns the query that a definition stands for.
    pub fn of(definition: &Definition) -> Self {
        let groups = definition.last("groupBy").map_or(&[][..], |property| &property.arguments);
        Self {
            text: definition.argument().and_then(Object::as_string).unwrap_or_default().to_string(),
            period: definition.duration("period").unwrap_or(0),
            every: definition.duration("every").unwrap_or(0),
            offset: definition.duration("offset").unwrap_or(0),
            align: definition.flag("align"),
            align_group: definition.flag("alignGroup"),
            cron: definition.string("cron").map(|cron| cron.to_string()),
            tags: groups
                .iter()
                .filter_map(|group| match group {
                    Object::String(tag) => Some(tag.to_string()),
                    Object::Star => Some("*".to_owned()),
                    _ => None,
                })
                .collect(),
            by_measurement: definition.flag("groupByMeasurement"),
            time: groups.iter().find_map(|group| match group {
                Object::Time(every, offset) => Some((*every, *offset)),
                _ => None,
            }),
            fill: definition.value("fill").map(|fill| match fill {
                Object::String(word) => word.to_string(),
                number => number.to_string(),
            }),
            cluster: definition.string("cluster").map(|cluster| cluster.to_string()),
        }
    }
}
