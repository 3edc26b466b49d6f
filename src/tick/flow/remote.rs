//! What nodes would send to other programs if they ran under the daemon. A replay sends nothing: it
//! shows them.

use std::rc::Rc;

use crate::tick::text::{json_string, rfc3339};

/// A request of an `httpPost` node.
#[derive(Debug, Clone)]
pub struct HttpPost<'a> {
    /// The node's name.
    pub node: &'a str,
    /// The time of the data, in nanoseconds since the epoch.
    pub time: i64,
    /// Where it goes.
    pub target: PostTarget<'a>,
    /// The headers that the script sets.
    pub headers: &'a [(Rc<str>, Rc<str>)],
    /// The body: the data as the daemon's JSON.
    pub body: &'a str,
}

/// Where a request goes.
#[derive(Debug, Clone, Copy)]
pub enum PostTarget<'a> {
    /// An address that the script says.
    Url(&'a str),
    /// An endpoint of the daemon's configuration, which says its address.
    Endpoint(&'a str),
}

impl HttpPost<'_> {
    /// Returns the request as one JSON object.
    pub fn json(&self) -> String {
        let (key, target) = match self.target {
            PostTarget::Url(url) => ("url", url),
            PostTarget::Endpoint(endpoint) => ("endpoint", endpoint),
        };
        let header = |(name, value): &(Rc<str>, Rc<str>)| {
            format!("{}:{}", json_string(name), json_string(value))
        };
        let headers: Vec<_> = self.headers.iter().map(header).collect();
        format!(
            "{{\"time\":\"{}\",\"node\":{},\"{key}\":{},\"headers\":{{{}}},\"body\":{}}}",
            rfc3339(self.time),
            json_string(self.node),
            json_string(target),
            headers.join(","),
            json_string(self.body)
        )
    }

    /// Returns the request as a line for people.
    pub fn line(&self) -> String {
        match self.target {
            PostTarget::Url(url) => format!("POST {url} {}", self.body),
            PostTarget::Endpoint(endpoint) => format!("POST endpoint {endpoint} {}", self.body),
        }
    }
}

/// A change of replicas by one of the autoscale nodes.
#[derive(Debug, Clone)]
pub struct Scaling<'a> {
    /// The node's name.
    pub node: &'a str,
    /// What is told: `k8sAutoscale`, `swarmAutoscale`, `ec2Autoscale`.
    pub service: &'static str,
    /// The time of the data, in nanoseconds since the epoch.
    pub time: i64,
    /// The cluster in the daemon's configuration, possibly empty.
    pub cluster: &'a str,
    /// What is scaled, in full: `default/deployments/web`.
    pub resource: &'a str,
    /// The name of what is scaled.
    pub name: &'a str,
    /// How many there were.
    pub old: i64,
    /// How many there shall be.
    pub new: i64,
}

impl Scaling<'_> {
    /// Returns the change as one JSON object.
    pub fn json(&self) -> String {
        format!(
            "{{\"time\":\"{}\",\"node\":{},\"service\":\"{}\",\"cluster\":{},\"resource\":{},\"name\":{},\
             \"old\":{},\"new\":{}}}",
            rfc3339(self.time),
            json_string(self.node),
            self.service,
            json_string(self.cluster),
            json_string(self.resource),
            json_string(self.name),
            self.old,
            self.new
        )
    }

    /// Returns the change as a line for people.
    pub fn line(&self) -> String {
        let Self { service, resource, old, new, .. } = self;
        format!("{} {service} {resource}: {old} -> {new} replicas", rfc3339(self.time))
    }
}
