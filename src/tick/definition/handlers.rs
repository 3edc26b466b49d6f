//! The handlers of alerts and their properties, with what each takes.

use super::spec::same_name;

/// A handler of alerts: what it takes, and its properties.
#[derive(Debug)]
pub struct HandlerSpec {
    /// The name as a script writes it.
    pub name: &'static str,
    /// What it takes.
    pub arguments: &'static str,
    /// Its properties and what they take.
    pub properties: &'static [(&'static str, &'static str)],
}

const fn handler(
    name: &'static str,
    arguments: &'static str,
    properties: &'static [(&'static str, &'static str)],
) -> HandlerSpec {
    HandlerSpec { name, arguments, properties }
}

/// The handlers of alerts. Only `log` is executed; the others are shown.
pub const HANDLERS: &[HandlerSpec] = &[
    handler("log", "string", &[("mode", "int")]),
    handler(
        "post",
        "string...",
        &[
            ("endpoint", "string"),
            ("header", "string string"),
            ("captureResponse", ""),
            ("timeout", "duration"),
            ("skipSSLVerification", ""),
        ],
    ),
    handler("tcp", "string", &[]),
    handler("email", "string...", &[("to", "string..."), ("toTemplates", "string...")]),
    handler("exec", "string string...", &[]),
    handler("victorOps", "", &[("routingKey", "string")]),
    handler("pagerDuty", "", &[("serviceKey", "string")]),
    handler(
        "pagerDuty2",
        "",
        &[("routingKey", "string"), ("serviceKey", "string"), ("link", "string string...")],
    ),
    handler("hipChat", "", &[("room", "string"), ("token", "string")]),
    handler(
        "alerta",
        "",
        &[
            ("token", "string"),
            ("resource", "string"),
            ("event", "string"),
            ("environment", "string"),
            ("group", "string"),
            ("value", "string"),
            ("origin", "string"),
            ("services", "string..."),
            ("correlated", "string..."),
            ("attribute", "string value"),
            ("timeout", "duration"),
        ],
    ),
    handler(
        "mqtt",
        "string",
        &[("brokerName", "string"), ("topic", "string"), ("qos", "int"), ("retained", "bool")],
    ),
    handler(
        "sensu",
        "",
        &[("source", "string"), ("handlers", "string..."), ("metadata", "string value")],
    ),
    handler(
        "pushover",
        "",
        &[
            ("userKey", "string"),
            ("device", "string"),
            ("title", "string"),
            ("uRL", "string"),
            ("uRLTitle", "string"),
            ("sound", "string"),
        ],
    ),
    handler(
        "slack",
        "",
        &[
            ("workspace", "string"),
            ("channel", "string"),
            ("username", "string"),
            ("iconEmoji", "string"),
        ],
    ),
    handler(
        "discord",
        "",
        &[
            ("workspace", "string"),
            ("username", "string"),
            ("avatarURL", "string"),
            ("embedTitle", "string"),
        ],
    ),
    handler(
        "bigPanda",
        "",
        &[
            ("appKey", "string"),
            ("host", "string"),
            ("primaryProperty", "string"),
            ("secondaryProperty", "string"),
            ("attribute", "string value"),
        ],
    ),
    handler(
        "telegram",
        "",
        &[
            ("chatId", "string"),
            ("parseMode", "string"),
            ("disableNotification", ""),
            ("disableWebPagePreview", ""),
        ],
    ),
    handler("opsGenie", "", &[("teams", "string..."), ("recipients", "string...")]),
    handler(
        "opsGenie2",
        "",
        &[
            ("teams", "string..."),
            ("recipients", "string..."),
            ("recoveryAction", "string"),
            ("details", ""),
        ],
    ),
    handler("talk", "", &[]),
    handler("snmpTrap", "string", &[("data", "string string string")]),
    handler(
        "kafka",
        "",
        &[
            ("cluster", "string"),
            ("kafkaTopic", "string"),
            ("template", "string"),
            ("disablePartitionById", ""),
            ("partitionHashAlgorithm", "string"),
        ],
    ),
    handler("teams", "", &[("channelURL", "string")]),
    handler(
        "serviceNow",
        "",
        &[
            ("uRL", "string"),
            ("source", "string"),
            ("node", "string"),
            ("type", "string"),
            ("resource", "string"),
            ("metricName", "string"),
            ("messageKey", "string"),
            ("additionalInfo", "string value"),
        ],
    ),
    handler(
        "zenoss",
        "",
        &[
            ("action", "string"),
            ("method", "string"),
            ("type", "string"),
            ("tid", "int"),
            ("summary", "string"),
            ("device", "string"),
            ("component", "string"),
            ("eventClassKey", "string"),
            ("eventClass", "string"),
            ("message", "string"),
            ("collector", "string"),
            ("customField", "string value"),
        ],
    ),
];

/// Returns the handler of that name.
pub fn find_handler(name: &str) -> Option<&'static HandlerSpec> {
    HANDLERS.iter().find(|handler| same_name(handler.name, name))
}
