//! Runs Kapacitor UDFs: scripts in Rhai, or handlers in Rust.
//!
//! The program `rhai-udf` is built from this crate. As a library it is an agent for UDFs that are written
//! in Rust: it speaks the daemon's protocol, answers keepalives while a call is slow, checks what is
//! written, and ends the session with a clear error where the daemon would only hang up.
//!
//! A handler for a stream has three methods:
//!
//! ```
//! use rhai_udf::agent::{Handler, HandlerError, Info, Output, Session};
//! use rhai_udf::protocol::message::{EdgeType, InitRequest, response};
//! use rhai_udf::protocol::{Point, Request, message};
//!
//! /// Adds the field `fahrenheit` to points that have `celsius`.
//! struct Fahrenheit;
//!
//! impl Handler for Fahrenheit {
//!     fn info(&mut self) -> Info {
//!         Info::new(EdgeType::Stream, EdgeType::Stream)
//!     }
//!
//!     fn init(&mut self, _: &InitRequest) -> Result<(), HandlerError> {
//!         Ok(())
//!     }
//!
//!     fn point(&mut self, point: &mut Point, output: &mut Output) -> Result<(), HandlerError> {
//!         if let Some(celsius) = point.field("celsius").and_then(|value| value.as_double()) {
//!             point.set_field("fahrenheit", 32.0 + 1.8 * celsius);
//!         }
//!         Ok(output.point(point)?)
//!     }
//! }
//!
//! // The daemon would start a process that calls `rhai_udf::agent::run` with its standard input and
//! // output, or connect to a socket. A test needs neither: a session takes requests from memory.
//! let mut session = Session::new(Fahrenheit);
//! session.request(Request::Init(InitRequest::default()))?;
//! let mut point = Point::new(1_600_000_000_000_000_000);
//! point.set_name("kitchen");
//! point.set_field("celsius", 20.0);
//! session.point(&mut point)?;
//!
//! let answers: Vec<_> = message::responses(session.output().committed()).collect::<Result<_, _>>()?;
//! let [response::Message::Init(init), response::Message::Point(point)] = &answers[..] else { panic!() };
//! assert!(init.success);
//! assert_eq!(point.fields_double["fahrenheit"], 68.0);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! `examples/mirror.rs` is such a handler as a program.
//!
//! Read in this order:
//!
//! - [`protocol`]: frames, requests, responses, points, batches, line protocol.
//! - [`agent`]: the trait [`agent::Handler`], [`agent::run`] for a process or a connection,
//!   [`agent::Session`] for everything in memory, sockets.
//! - [`script`]: [`script::ScriptHandler`], the handler that runs a Rhai script.
//! - [`stats`]: the statistics that scripts call, without any script.
//! - [`model`]: trained models (ONNX, CatBoost, XGBoost, LightGBM) read and run, without any script.
//!
//! The other modules belong to the command line and change with it.

pub mod agent;
#[doc(hidden)]
pub mod cases;
#[doc(hidden)]
pub mod diff;
#[doc(hidden)]
pub mod http;
#[doc(hidden)]
pub mod lab;
pub mod lsp;
pub mod model;
#[doc(hidden)]
pub mod nearest;
#[doc(hidden)]
pub mod piped;
#[doc(hidden)]
pub mod plot;
pub mod protocol;
#[doc(hidden)]
pub mod replay;
pub mod script;
pub mod stats;
#[doc(hidden)]
pub mod tick;
