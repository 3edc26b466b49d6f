//! `|query()`: what a batch script asks a database.

use crate::protocol::cron::Cron;
use crate::tick::definition::Definition;
use crate::tick::definition::query::Query;
use crate::tick::error::{Result, TickText};

/// Refuses a query that the daemon could not schedule.
pub(crate) fn check(definition: &Definition, source: &TickText<'_>) -> Result<()> {
    let query = Query::of(definition);
    let error = |message: &str| Err(source.error(definition.at, message));
    match (query.every, &query.cron) {
        (0, None) => return error("|query() needs .every(duration) or .cron('…')"),
        (1.., Some(_)) => return error("|query() takes .every() or .cron(), not both"),
        (i64::MIN..0, _) => return error(".every() of |query() is negative"),
        _ => {}
    }
    if query.period < 0 {
        return error(".period() of |query() is negative");
    }
    if let Some(cron) = &query.cron {
        Cron::parse(cron).map_err(|why| source.error(definition.at, format!(".cron(): {why}")))?;
    }
    let named = query.tags.iter().filter(|tag| *tag != "*").count();
    if named > 0 && named < query.tags.len() {
        return error("|query() cannot group by both * and named tags");
    }
    Ok(())
}
