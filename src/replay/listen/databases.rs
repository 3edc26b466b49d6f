//! The queries of senders before they write: whether a database exists, and requests to create one. Every database is
//! accepted, so all of them can be created; those that were created or written to are shown. Other queries get an
//! error, because nothing is stored.

use super::words::{Word, statements};
use crate::http::Refusal;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Databases, and retention policies of each, that are remembered.
const MOST: usize = 1000;

/// The error for queries that need stored data.
const NOTHING_STORED: &str = "rhai-udf listen stores nothing, so it answers CREATE DATABASE, CREATE RETENTION POLICY, ALTER \
                              RETENTION POLICY, SHOW DATABASES and SHOW RETENTION POLICIES only";

/// The databases that were made or written to, each with its retention policies besides the default.
#[derive(Debug, Default)]
pub(super) struct Databases(Mutex<BTreeMap<String, BTreeSet<String>>>);

impl Databases {
    /// Remembers a database and a retention policy.
    pub(super) fn add(&self, database: &str, policy: Option<&str>) {
        let mut all = self.all();
        if !all.contains_key(database) {
            if all.len() >= MOST {
                return;
            }
            all.insert(database.to_owned(), BTreeSet::new());
        }
        if let (Some(policies), Some(policy)) = (all.get_mut(database), policy)
            && !policies.contains(policy)
            && policies.len() < MOST
        {
            policies.insert(policy.to_owned());
        }
    }

    /// Answers queries with semicolons between; `database` is the one of those that name none, and `policy` the
    /// retention policy of points that name none.
    ///
    /// # Errors
    /// A text with no query in it.
    pub(super) fn answer(
        &self,
        text: &str,
        database: Option<&str>,
        policy: &str,
    ) -> Result<Value, Refusal> {
        let statements = statements(text);
        if statements.is_empty() {
            return Err(Refusal::new(400, "missing required parameter \"q\""));
        }
        let results = statements.iter().enumerate().map(|(number, words)| {
            let mut result = self.result(words, database, policy);
            result["statement_id"] = number.into();
            result
        });
        Ok(json!({ "results": results.collect::<Vec<_>>() }))
    }

    fn result(&self, words: &[Word], database: Option<&str>, policy: &str) -> Value {
        let after = |keywords: &[&str]| {
            let first = words.get(..keywords.len())?;
            let same = first.iter().zip(keywords).all(|(word, keyword)| word.is(keyword));
            same.then(|| &words[keywords.len()..])
        };
        let name = |words: &[Word]| words.first().and_then(Word::name).map(ToOwned::to_owned);
        // What follows a keyword.
        let following = |words: &[Word], keyword: &str| {
            let at = words.iter().position(|word| word.is(keyword))?;
            name(&words[at + 1..])
        };
        if let Some(rest) = after(&["CREATE", "DATABASE"]) {
            let rest = if rest.len() > 3 && rest[0].is("IF") { &rest[3..] } else { rest };
            let Some(database) = name(rest) else { return error("CREATE DATABASE needs a name") };
            self.add(&database, following(rest, "NAME").as_deref());
            return json!({});
        }
        for verb in ["CREATE", "ALTER"] {
            if let Some(rest) = after(&[verb, "RETENTION", "POLICY"]) {
                let (Some(policy), Some(database)) = (name(rest), following(rest, "ON")) else {
                    return error(&format!(
                        "{verb} RETENTION POLICY needs a name and ON a database"
                    ));
                };
                self.add(&database, Some(&policy));
                return json!({});
            }
        }
        if after(&["SHOW", "DATABASES"]).is_some() {
            let all = self.all();
            let rows = all.keys().map(|name| json!([name])).collect();
            return series(Some("databases"), &["name"], rows);
        }
        if let Some(rest) = after(&["SHOW", "RETENTION", "POLICIES"]) {
            let Some(database) = following(rest, "ON").or(database.map(Into::into)) else {
                return error("database name required");
            };
            let all = self.all();
            let Some(policies) = all.get(&database) else {
                return error(&format!("database not found: {database}"));
            };
            let others = policies.iter().map(String::as_str).filter(|name| *name != policy);
            let row = |name: &str| json!([name, "0s", "168h0m0s", 1, name == policy]);
            let columns = ["name", "duration", "shardGroupDuration", "replicaN", "default"];
            return series(
                None,
                &columns,
                std::iter::once(policy).chain(others).map(row).collect(),
            );
        }
        error(NOTHING_STORED)
    }

    fn all(&self) -> MutexGuard<'_, BTreeMap<String, BTreeSet<String>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn error(text: &str) -> Value {
    json!({ "error": text })
}

fn series(name: Option<&str>, columns: &[&str], rows: Vec<Value>) -> Value {
    let mut series = json!({ "columns": columns });
    if let Some(name) = name {
        series["name"] = name.into();
    }
    if !rows.is_empty() {
        series["values"] = rows.into();
    }
    json!({ "series": [series] })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_senders_ask_first_is_answered_as_influxdb_answers_it() {
        let databases = Databases::default();
        let ask = |text: &str| databases.answer(text, Some("tele\"graf"), "autogen").unwrap();
        let none = json!({"results": [{"statement_id": 0, "series": [{"name": "databases", "columns": ["name"]}]}]});
        assert_eq!(ask("SHOW DATABASES"), none);
        let done = json!({"results": [{"statement_id": 0}]});
        assert_eq!(ask("CREATE DATABASE \"tele\\\"graf\""), done);
        assert_eq!(ask(" create database if not exists b WITH DURATION 3d NAME \"p q\";"), done);
        assert_eq!(
            ask("CREATE RETENTION POLICY weekly ON b DURATION 7d REPLICATION 1 DEFAULT"),
            done
        );
        databases.add("c", None);
        let all = ask("SHOW DATABASES; SHOW RETENTION POLICIES ON b");
        let policy = |name: &str, default: bool| json!([name, "0s", "168h0m0s", 1, default]);
        assert_eq!(
            all,
            json!({"results": [
                {"statement_id": 0, "series": [
                    {"name": "databases", "columns": ["name"], "values": [["b"], ["c"], ["tele\"graf"]]}]},
                {"statement_id": 1, "series": [
                    {"columns": ["name", "duration", "shardGroupDuration", "replicaN", "default"],
                     "values": [policy("autogen", true), policy("p q", false), policy("weekly", false)]}]},
            ]})
        );
        // The database that the request names.
        assert!(ask("SHOW RETENTION POLICIES")["results"][0]["series"].is_array());
        for (text, why) in [
            ("SELECT * FROM m", "stores nothing"),
            ("DROP DATABASE b", "stores nothing"),
            ("CREATE DATABASE", "needs a name"),
            ("CREATE DATABASE \"", "needs a name"),
            ("SHOW RETENTION POLICIES ON no", "database not found: no"),
            ("'; CREATE DATABASE x", "stores nothing"),
        ] {
            let error = ask(text)["results"][0]["error"].clone();
            assert!(error.as_str().unwrap().contains(why), "{text}: {error}");
        }
        assert_eq!(databases.answer(" ; ", None, "p").unwrap_err().status, 400);
        (0..2 * MOST).for_each(|i| databases.add(&i.to_string(), Some("p")));
        assert_eq!(databases.all().len(), MOST);
    }
}
