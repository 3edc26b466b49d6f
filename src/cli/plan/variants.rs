//! The variants: the values of `--each`, and all combinations of the sweeps.

use crate::cli::args::ReplayArgs;
use crate::cli::usage;
use rhai_udf::protocol::arguments;
use rhai_udf::replay::task::Override;

/// The names that mean a condition and no option.
const LEVELS: [&str; 3] = ["crit", "warn", "info"];

/// The most variants of a sweep.
const MAX_VARIANTS: usize = 1_000;

/// One combination of the sweeps.
#[derive(Clone, Debug, Default)]
pub(in crate::cli) struct Variant {
    /// The options of `--set`, then those that are swept.
    pub(in crate::cli) options: Vec<(String, String)>,
    /// The conditions by level.
    pub(in crate::cli) conditions: Vec<(String, String)>,
    /// The value of each sweep in this variant.
    pub(in crate::cli) chosen: Vec<String>,
}

/// All variants.
#[derive(Clone, Debug)]
pub(in crate::cli) struct Variants {
    /// The sweeps.
    pub(in crate::cli) names: Vec<String>,
    /// Every combination, the last sweep changing fastest; one without sweeps.
    pub(in crate::cli) all: Vec<Variant>,
    /// The values of `--each`, or nothing once.
    pub(in crate::cli) each: Vec<Option<(String, String)>>,
    /// Options that all variants have.
    given: usize,
}

impl Variants {
    /// Reads the variants.
    pub(super) fn of(args: &ReplayArgs, is_tick: bool) -> anyhow::Result<Self> {
        let (options, alerts) = (&args.shape.options, &args.alerts);
        let given = LEVELS.iter().zip([&alerts.crit, &alerts.warn, &alerts.info]);
        let conditions = given.filter_map(|(level, text)| Some(((*level).into(), text.clone()?)));
        let mut all = vec![Variant {
            options: options.clone(),
            conditions: conditions.collect(),
            chosen: Vec::new(),
        }];
        for (name, values) in &args.judge.sweep {
            let is_condition = !is_tick && LEVELS.contains(&&**name);
            let values = split(values, is_condition);
            if all.len() * values.len() > MAX_VARIANTS {
                return usage(&format!("the sweeps multiply to more than {MAX_VARIANTS} variants"));
            }
            let with = |variant: &Variant, value: &str| variant.with(name, value, is_condition);
            all = all.iter().flat_map(|v| values.iter().map(move |x| with(v, x))).collect();
        }
        let each = match &args.judge.each {
            None => vec![None],
            Some((name, values)) => {
                split(values, false).into_iter().map(|v| Some((name.clone(), v.into()))).collect()
            }
        };
        let names = args.judge.sweep.iter().map(|(name, _)| name.clone()).collect();
        Ok(Self { names, all, each, given: options.len() })
    }

    /// The only variant, if there are no others.
    pub(super) fn none() -> Self {
        Self { names: Vec::new(), all: vec![Variant::default()], each: vec![None], given: 0 }
    }

    /// The label of one use among several.
    pub(super) fn label(&self, variant: &Variant, each: Option<&(String, String)>) -> String {
        let swept = variant.options[self.given..].iter();
        let mut parts: Vec<_> = swept.map(|(name, value)| format!("{name}={value}")).collect();
        parts.extend(each.map(|(_, value)| value.clone()));
        parts.join(" ")
    }
}

/// The values of a list, separated by commas (`\,` is a comma within a value) or by semicolons.
fn split(values: &str, is_condition: bool) -> Vec<&str> {
    if is_condition || values.contains(';') {
        return values.split(';').map(str::trim).collect();
    }
    arguments::pieces(values)
}

impl Variant {
    fn with(&self, name: &str, value: &str, is_condition: bool) -> Self {
        let mut variant = self.clone();
        if is_condition {
            variant.conditions.retain(|(level, _)| level != name);
            variant.conditions.push((name.to_owned(), value.to_owned()));
        } else {
            variant.options.push((name.to_owned(), value.to_owned()));
        }
        variant.chosen.push(value.to_owned());
        variant
    }

    /// The differences of a variant to the TICKscript.
    pub(super) fn overrides(&self) -> anyhow::Result<Vec<Override>> {
        self.options.iter().map(|(name, value)| override_of(name, value)).collect()
    }
}

/// Reads `var:NAME` or `udf:FUNCTION.OPTION` with its value.
pub(super) fn override_of(name: &str, value: &str) -> anyhow::Result<Override> {
    if let Some(variable) = name.strip_prefix("var:") {
        return Ok(Override::Variable(variable.trim().into(), value.into()));
    }
    let option = name.strip_prefix("udf:").and_then(|rest| rest.split_once('.'));
    match option {
        Some((udf, option)) => {
            let udf = udf.trim_start_matches('@');
            Ok(Override::Option(udf.into(), option.into(), value.into()))
        }
        None => usage(&format!(
            "'{name}' does not name a variable or an option of a TICKscript: write var:NAME=V1,V2 or udf:FUNCTION.OPTION=V1,V2"
        )),
    }
}
