//! Makes a bucket of an InfluxDB 2, which is what `.create()` asks for there.

use super::InfluxError;
use super::client::Client;
use serde::Deserialize;
use serde_json::{Value, json};

#[derive(Debug, Default, Deserialize)]
struct Organizations {
    #[serde(default)]
    orgs: Vec<Organization>,
}

#[derive(Debug, Default, Deserialize)]
struct Organization {
    #[serde(default)]
    id: String,
}

#[derive(Debug, Default, Deserialize)]
struct Buckets {
    #[serde(default)]
    buckets: Vec<Value>,
}

impl Client {
    /// Makes the bucket of a database and a retention policy, unless it is there.
    ///
    /// # Errors
    /// No organization is named, or the credentials do not allow it.
    pub(super) fn create_bucket(&self, database: &str, policy: &str) -> Result<(), InfluxError> {
        let name = super::client::bucket(database, policy);
        let organization = self.organization()?;
        let of = [("org", organization), ("name", name.as_str())];
        // A bucket that is not there is a 404 for some versions and an empty list for others.
        match self.read::<Buckets>("/api/v2/buckets", &of) {
            Ok(found) if !found.buckets.is_empty() => return Ok(()),
            Ok(_) | Err(InfluxError::Refused { status: 404, .. }) => {}
            Err(error) => return Err(error),
        }
        let found = self.read::<Organizations>("/api/v2/orgs", &[("org", organization)])?;
        let Some(Organization { id }) = found.orgs.first() else {
            return Err(self.refused(404, &format!("there is no organization '{organization}'")));
        };
        let body = json!({ "orgID": id, "name": name, "retentionRules": [] });
        self.post_json("/api/v2/buckets", &body).map(drop)
    }
}
