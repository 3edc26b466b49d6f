//! `|query()`: what a batch script asks a database.

use crate::tick::definition::Definition;
use crate::tick::definition::object::Object;
use crate::tick::error::{Result, TickText};
use crate::tick::graph::Query;

/// Refuses a query that the daemon could not schedule.
pub(crate) fn check(definition: &Definition, source: &TickText<'_>) -> Result<()> {
    let query = query(definition);
    let error = |message: &str| Err(source.error(definition.at, message));
    match (query.every, &query.cron) {
        (0, None) => return error("|query() needs .every(duration) or .cron('…')"),
        (1.., Some(_)) => return error("|query() takes .every() or .cron(), not both"),
        (i64::MIN..0, _) => return error(".every() of |query() is negative"),
        _ => {}
    }
    if query.period <= 0 {
        return error("|query() needs .period(duration)");
    }
    let named = query.tags.iter().filter(|tag| *tag != "*").count();
    if named > 0 && named < query.tags.len() {
        return error("|query() cannot group by both * and named tags");
    }
    Ok(())
}

/// Returns the query that a definition stands for.
pub(crate) fn query(definition: &Definition) -> Query {
    let groups = definition.last("groupBy").map_or(&[][..], |property| &property.arguments);
    Query {
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
