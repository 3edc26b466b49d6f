//! What a user relies on, tested on the real binary. One module a behaviour:
//!
//! - `captures`: real sessions of the daemon give the answers that the official UDFs gave
//! - `restore`: a snapshot taken anywhere continues as if nothing had happened
//! - `contract`: callbacks, edges, emit
//! - `chunks`: `points` gives what `point` would
//! - `state`: `this`, values, snapshots, versions
//! - `options`: types, defaults, ranges, what is refused
//! - `fields`: points as a script sees them
//! - `entry`, `entry_sessions`: one function of the daemon for all scripts of a folder
//! - `environment`: modules, logging, the config file, broken scripts
//! - `influxdb`: a database read and written
//! - `install`: completions, man pages, new projects, and what doctor finds
//! - `lab`: what the page of a script is told, and who is not answered
//! - `listen`: points that arrive over HTTP, from honest senders and others (`listener` starts one)
//! - `commands`: every command of the book runs and prints what the book shows (`pages` reads the blocks and compares)
//! - `printer`: the main job, the alerts of the guide
//! - `replay`, `judging`: recorded data through a script; CSV, labels, sweeps, detectors on bad input
//! - `replay_options`: every option of a replay has its effect in both modes, or is refused by name
//! - `names`: names that nothing has, outputs over inputs, what a script prints
//! - `tick`: recorded data through TICKscripts, functions that are other programs, variants, refused options
//! - `resuming`: replays that are left and go on
//! - `nodes`: the page about nodes is complete and true, what would be sent elsewhere is shown
//! - `reading`: files as programs really write them
//! - `testing`: test cases of scripts, files of kapacitor-unit, and data that is made
//! - `archives`: many files as one, parts of their time, parts of their groups
//! - `parquet`: files of Parquet, read as pyarrow reads them, and written
//! - `recordings`: batch recordings are read as the daemon reads them
//! - `check`: mistakes are named before a script runs, and there are no false alarms
//! - `fmt`: scripts formatted in place, from standard input, and looked at only
//! - `lsp`: the language server, driven as an editor drives it
//! - `bench`: figures for every shipped script, and what is wrong use
//! - `model`: trained models give their answers, and broken ones are refused
//! - `model_scripts`: trained models in scripts, their reload and snapshots
//! - `import`: another product's folder becomes a script and a list of what is left
//! - `examples`: each shipped script does what its example shows
//! - `scripting`: constants, ints, properties, and messages that help
//! - `docs`: the documents are true
//! - `book`: its pages are all there, and every link leads somewhere
//! - `documented`: every function that the documents name is called by a test
//! - `conf`: what `conf` prints can be used
//! - `manners`: standard input, colours, more and less, JSON, commas, borders of batches
//! - `bad_input`, `bad_data`: what is broken is named, and nothing is half-written
//! - `on_error`, `limits`: scripts that fail, never end, or take everything
//! - `reload`: a changed script takes over, or does not, and nothing is lost
//! - `snapshots`: snapshots, groups that go, the state folder, broken scripts at the daemon's start
//! - `sockets`: many uses on sockets, scripts that come and go
//! - `standard_output`: a full disk or a closed pipe behind what a command prints
//! - `signals_and_disks`: signals, full disks, the flight recorder
//! - `fuzz`: no bytes make anything panic
//! - `cuts`: a snapshot at any cut, for shipped scripts and random ones
//! - `fault_injection`: faults of every kind, with a driver that plays the daemon (`daemon`)
//! - `listen_live`, `listen_tls`, `listen_tasks`, `listen_batch`, `listen_state`: all three writes, TLS, tasks of a folder, batch tasks on schedule, kills and restarts
//! - `influxdb`, `influx_versions`, `influx_writing`: databases of all versions (`house` plays them), TLS, secrets that nothing shows
//! - `execd`: lines of Telegraf in and out, with a driver that plays it
//! - `workers`: groups spread over threads, and what is asked of all of them
//! - `watching`: the loop from a save to what changed

// `pub` here is for the other modules of this binary.
#![allow(unreachable_pub)]

mod archives;
mod bad_data;
mod bad_input;
mod bench;
mod book;
mod captures;
mod check;
mod chunks;
mod commands;
mod conf;
mod contract;
mod cuts;
mod daemon;
// Two versions over the same data.
mod diff;
mod docs;
mod documented;
mod entry;
mod entry_sessions;
mod environment;
mod examples;
mod execd;
mod fault_injection;
mod fields;
mod fmt;
mod fuzz;
mod house;
mod import;
mod influx_versions;
mod influx_writing;
mod influxdb;
mod install;
mod judging;
mod lab;
mod limits;
mod listen;
mod listen_batch;
mod listen_live;
mod listen_state;
mod listen_tasks;
mod listen_tls;
mod listener;
mod lsp;
mod manners;
mod model;
mod model_scripts;
mod names;
mod nodes;
mod on_error;
mod options;
mod pages;
mod parquet;
// Pictures of replays.
mod plotting;
mod printer;
mod reading;
mod recordings;
mod reload;
mod replay;
mod replay_options;
mod restore;
mod resuming;
mod scripting;
mod signals_and_disks;
mod snapshots;
mod sockets;
mod standard_output;
mod state;
mod testing;
mod tick;
mod util;
mod watching;
mod workers;
