//! Which nodes are replayed, and their properties, with what each takes.
//!
//! The notation of the arguments is that of [`crate::tick::definition::object::mismatch`].

/// A kind of node.
#[derive(Debug)]
pub struct NodeSpec {
    /// The name as a script writes it.
    pub name: &'static str,
    /// What it takes.
    pub arguments: &'static str,
    /// What may flow into it.
    pub wants: Wants,
    /// What flows out of it.
    pub provides: Provides,
    /// Its properties and what they take.
    pub properties: &'static [(&'static str, &'static str)],
}

/// What may flow into a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wants {
    /// Points.
    Stream,
    /// Batches.
    Batch,
    /// Either.
    Any,
}

/// What flows out of a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Provides {
    /// Points.
    Stream,
    /// Batches.
    Batch,
    /// What flows into it.
    Same,
}

const fn spec(
    name: &'static str,
    arguments: &'static str,
    wants: Wants,
    provides: Provides,
    properties: &'static [(&'static str, &'static str)],
) -> NodeSpec {
    NodeSpec { name, arguments, wants, provides, properties }
}

const AGGREGATE: &[(&str, &str)] = &[("as", "string"), ("usePointTimes", "")];

/// The nodes that are replayed.
pub const NODES: &[NodeSpec] = {
    use Provides::Same;
    use Wants::Any;
    const TO_STREAM: Provides = Provides::Stream;
    const TO_BATCH: Provides = Provides::Batch;
    &[
        spec(
            "from",
            "",
            Wants::Stream,
            TO_STREAM,
            &[
                ("database", "string"),
                ("retentionPolicy", "string"),
                ("measurement", "string"),
                ("where", "lambda"),
                ("groupBy", "tag..."),
                ("groupByMeasurement", ""),
                ("round", "duration"),
                ("truncate", "duration"),
            ],
        ),
        spec(
            "query",
            "string",
            Wants::Batch,
            TO_BATCH,
            &[
                ("period", "duration"),
                ("every", "duration"),
                ("align", ""),
                ("cron", "string"),
                ("offset", "duration"),
                ("alignGroup", ""),
                ("groupBy", "dimension..."),
                ("groupByMeasurement", ""),
                ("fill", "fill"),
                ("cluster", "string"),
            ],
        ),
        spec("where", "lambda", Any, Same, &[]),
        spec("groupBy", "tag...", Any, Same, &[("byMeasurement", ""), ("exclude", "string...")]),
        spec(
            "window",
            "",
            Wants::Stream,
            TO_BATCH,
            &[
                ("period", "duration"),
                ("every", "duration"),
                ("align", ""),
                ("fillPeriod", ""),
                ("periodCount", "int"),
                ("everyCount", "int"),
            ],
        ),
        spec(
            "eval",
            "lambda...",
            Any,
            Same,
            &[("as", "string..."), ("keep", "string..."), ("tags", "string...")],
        ),
        spec("default", "", Any, Same, &[("field", "string value"), ("tag", "string string")]),
        spec("delete", "", Any, Same, &[("field", "string"), ("tag", "string")]),
        spec("shift", "duration", Any, Same, &[]),
        spec("sample", "rate", Any, Same, &[]),
        spec("stateCount", "lambda", Any, Same, &[("as", "string")]),
        spec("stateDuration", "lambda", Any, Same, &[("as", "string"), ("unit", "duration")]),
        spec("changeDetect", "string...", Any, Same, &[]),
        spec(
            "derivative",
            "string",
            Any,
            Same,
            &[("as", "string"), ("unit", "duration"), ("nonNegative", "")],
        ),
        spec("union", "node...", Any, Same, &[("rename", "string")]),
        spec(
            "join",
            "node...",
            Any,
            Same,
            &[
                ("as", "string..."),
                ("on", "string..."),
                ("tolerance", "duration"),
                ("fill", "fill"),
                ("delimiter", "string"),
                ("streamName", "string"),
            ],
        ),
        spec("log", "", Any, Same, &[("level", "string"), ("prefix", "string")]),
        spec("httpOut", "string", Any, Same, &[]),
        spec(
            "influxDBOut",
            "",
            Any,
            Same,
            &[
                ("database", "string"),
                ("retentionPolicy", "string"),
                ("measurement", "string"),
                ("tag", "string string"),
                ("precision", "string"),
                ("writeConsistency", "string"),
                ("cluster", "string"),
                ("buffer", "int"),
                ("flushInterval", "duration"),
                ("create", ""),
            ],
        ),
        spec("alert", "", Any, Same, ALERT),
        spec(
            "barrier",
            "",
            Any,
            Same,
            &[("idle", "duration"), ("period", "duration"), ("delete", "bool")],
        ),
        spec(
            "combine",
            "lambda...",
            Any,
            TO_STREAM,
            &[
                ("as", "string..."),
                ("delimiter", "string"),
                ("tolerance", "duration"),
                ("max", "int"),
            ],
        ),
        spec(
            "flatten",
            "",
            Any,
            Same,
            &[
                ("on", "string..."),
                ("delimiter", "string"),
                ("tolerance", "duration"),
                ("dropOriginalFieldName", "bool?"),
            ],
        ),
        spec(
            "sideload",
            "",
            Any,
            Same,
            &[
                ("source", "string"),
                ("order", "string..."),
                ("field", "string value"),
                ("tag", "string string"),
            ],
        ),
        spec("stats", "duration", Any, TO_STREAM, &[("align", "")]),
        spec("deadman", "float duration lambda...", Any, TO_STREAM, &[]),
        spec("trickle", "", Wants::Batch, TO_STREAM, &[]),
        spec(
            "kapacitorLoopback",
            "",
            Any,
            Same,
            &[
                ("database", "string"),
                ("retentionPolicy", "string"),
                ("measurement", "string"),
                ("tag", "string string"),
            ],
        ),
        spec(
            "httpPost",
            "string...",
            Any,
            Same,
            &[
                ("endpoint", "string"),
                ("header", "string string"),
                ("codeField", "string"),
                ("captureResponse", ""),
                ("timeout", "duration"),
            ],
        ),
        spec("k8sAutoscale", "", Any, TO_STREAM, K8S_AUTOSCALE),
        spec("swarmAutoscale", "", Any, TO_STREAM, SWARM_AUTOSCALE),
        spec("ec2Autoscale", "", Any, TO_STREAM, EC2_AUTOSCALE),
        spec("noOp", "", Any, Same, &[]),
        spec("count", "string", Any, TO_STREAM, AGGREGATE),
        spec("sum", "string", Any, TO_STREAM, AGGREGATE),
        spec("mean", "string", Any, TO_STREAM, AGGREGATE),
        spec("median", "string", Any, TO_STREAM, AGGREGATE),
        spec("mode", "string", Any, TO_STREAM, AGGREGATE),
        spec("min", "string", Any, TO_STREAM, AGGREGATE),
        spec("max", "string", Any, TO_STREAM, AGGREGATE),
        spec("first", "string", Any, TO_STREAM, AGGREGATE),
        spec("last", "string", Any, TO_STREAM, AGGREGATE),
        spec("spread", "string", Any, TO_STREAM, AGGREGATE),
        spec("stddev", "string", Any, TO_STREAM, AGGREGATE),
        spec("percentile", "string float", Any, TO_STREAM, AGGREGATE),
        spec("distinct", "string", Any, TO_BATCH, AGGREGATE),
        spec("top", "int string string...", Any, TO_BATCH, AGGREGATE),
        spec("bottom", "int string string...", Any, TO_BATCH, AGGREGATE),
        spec("holtWinters", "string int int duration", Any, TO_BATCH, AGGREGATE),
        spec("holtWintersWithFit", "string int int duration", Any, TO_BATCH, AGGREGATE),
        spec("difference", "string", Any, Same, AGGREGATE),
        spec("cumulativeSum", "string", Any, Same, AGGREGATE),
        spec("elapsed", "string duration", Any, Same, AGGREGATE),
        spec("movingAverage", "string int", Any, Same, AGGREGATE),
    ]
};

/// Nodes of newer daemons that need a network to give any result, and are refused.
pub const NOT_REPLAYED: &[&str] = &["queryFlux"];

/// The properties that every node has.
pub const COMMON: &[(&str, &str)] = &[("quiet", "")];

const K8S_AUTOSCALE: &[(&str, &str)] = &[
    ("cluster", "string"),
    ("namespace", "string"),
    ("kind", "string"),
    ("resourceName", "string"),
    ("resourceNameTag", "string"),
    ("currentField", "string"),
    ("max", "int"),
    ("min", "int"),
    ("replicas", "lambda"),
    ("increaseCooldown", "duration"),
    ("decreaseCooldown", "duration"),
    ("namespaceTag", "string"),
    ("kindTag", "string"),
    ("resourceTag", "string"),
];

const SWARM_AUTOSCALE: &[(&str, &str)] = &[
    ("cluster", "string"),
    ("serviceName", "string"),
    ("serviceNameTag", "string"),
    ("outputServiceNameTag", "string"),
    ("currentField", "string"),
    ("max", "int"),
    ("min", "int"),
    ("replicas", "lambda"),
    ("increaseCooldown", "duration"),
    ("decreaseCooldown", "duration"),
];

const EC2_AUTOSCALE: &[(&str, &str)] = &[
    ("cluster", "string"),
    ("groupName", "string"),
    ("groupNameTag", "string"),
    ("outputGroupNameTag", "string"),
    ("currentField", "string"),
    ("max", "int"),
    ("min", "int"),
    ("replicas", "lambda"),
    ("increaseCooldown", "duration"),
    ("decreaseCooldown", "duration"),
];

const ALERT: &[(&str, &str)] = &[
    ("id", "string"),
    ("message", "string"),
    ("details", "string"),
    ("info", "lambda"),
    ("warn", "lambda"),
    ("crit", "lambda"),
    ("infoReset", "lambda"),
    ("warnReset", "lambda"),
    ("critReset", "lambda"),
    ("flapping", "float float"),
    ("history", "int"),
    ("levelTag", "string"),
    ("levelField", "string"),
    ("messageField", "string"),
    ("durationField", "string"),
    ("idTag", "string"),
    ("idField", "string"),
    ("all", ""),
    ("noRecoveries", ""),
    ("stateChangesOnly", "duration?"),
    ("topic", "string"),
    ("category", "string"),
];

/// Tells whether two names are the same but for the case of the first letter, as the daemon takes them.
pub fn same_name(a: &str, b: &str) -> bool {
    let (mut a, mut b) = (a.chars(), b.chars());
    match (a.next(), b.next()) {
        (Some(x), Some(y)) => x.to_uppercase().eq(y.to_uppercase()) && a.as_str() == b.as_str(),
        (x, y) => x == y,
    }
}

/// Returns the kind of node of that name.
pub fn find(name: &str) -> Option<&'static NodeSpec> {
    NODES.iter().find(|spec| same_name(spec.name, name))
}
