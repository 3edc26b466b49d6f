//! `create`: the streams of a fleet, with the first version. It can be run again: streams that exist are left
//! unchanged.

use super::{ConfigArgs, stdout};
use crate::bundle::Bundle;
use crate::error::Result;
use crate::journal::{Checkpoint, Journal};
use crate::meta::{Layout, Meta, Wanted};
use crate::outlet;
use crate::task::Version;

/// What changes bounds and replicas.
const ANOTHER: &str = "`nats stream edit`, or make another fleet";

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    config: ConfigArgs,
}

pub(super) fn run(args: &Args) -> Result<()> {
    let config = crate::config::Config::read(&args.config.config)?;
    let bundle = Bundle::read(&config.script, &config.task)?;
    let version = Version::unpack(&bundle)?;
    let fleet = args.config.connect()?;
    let meta = Meta::new(fleet.transport.clone(), fleet.names.clone());
    if fleet.transport.ends(&fleet.names.meta())?.is_some()
        && let Ok(layout) = meta.layout()
    {
        let name = fleet.names.fleet();
        stdout::print(&format!(
            "fleet {name} exists already: {} partitions; `deploy` changes the script, `repartition` the partitions\n",
            layout.partitions
        ))?;
        let wanted = meta.wanted()?.map(|wanted| wanted.version);
        for (what, has, says, change) in [
            (
                "partitions",
                layout.partitions.to_string(),
                config.partitions.to_string(),
                "`repartition`",
            ),
            ("replicas", layout.replicas.to_string(), config.replicas.to_string(), ANOTHER),
            (
                "input_bytes",
                layout.input_bytes.to_string(),
                config.streams.input_bytes.to_string(),
                ANOTHER,
            ),
            (
                "output_bytes",
                layout.output_bytes.to_string(),
                config.streams.output_bytes.to_string(),
                ANOTHER,
            ),
            ("version", wanted.unwrap_or_default(), version.hash.clone(), "`deploy`"),
        ] {
            if has != says {
                log::warn!(
                    "{what}: the fleet has {has}, the configuration says {says}; nothing was changed: use {change}"
                );
            }
        }
        return Ok(());
    }
    let layout = Layout {
        generation: 1,
        partitions: config.partitions,
        replicas: config.replicas,
        input_bytes: config.streams.input_bytes,
        output_bytes: config.streams.output_bytes,
        grouping: version.describe_grouping(),
        becomes: None,
        attempt: 1,
    };
    meta.create(config.replicas)?;
    meta.store(&bundle)?;
    for of in layout.all() {
        fleet.transport.create(&layout.input(&fleet.names, of))?;
        fleet.transport.create(&layout.journal(&fleet.names, of))?;
        let begun =
            fleet.transport.ends(&fleet.names.journal(of))?.is_some_and(|ends| ends.last > 0);
        if !begun {
            let checkpoint = Checkpoint { version: version.hash.clone(), ..Checkpoint::default() };
            Journal::begin(fleet.transport.clone(), &fleet.names, of, &checkpoint)?;
        }
    }
    fleet.transport.create(&layout.output(&fleet.names))?;
    outlet::begin(&*fleet.transport, &fleet.names)?;
    meta.want(&Wanted { version: version.hash.clone(), script: bundle.script.clone() })?;
    // The layout is written last: then the fleet exists.
    meta.set_layout(&layout)?;
    stdout::print(&format!(
        "fleet {}: {} partitions on {} of the servers each, version {} of {}\n",
        fleet.names.fleet(),
        layout.partitions,
        layout.replicas,
        version.hash,
        bundle.script
    ))
}
