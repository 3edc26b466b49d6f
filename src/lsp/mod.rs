//! A language server for scripts (`rhai-udf lsp`), on the engine's own knowledge.
//!
//! `wire` reads and writes messages, `server` answers them one after the other, `document` is a text with its UTF-16
//! columns, `texts` all that are open. Requests are answered from the tokens of a text, which a half-typed script has
//! too: `names` finds functions and variables, `infer` what a value is. `diagnostics` are those of `check`, word for
//! word; hover and completion use the texts of [`crate::script::reference`].

mod bound;
mod complete;
mod diagnostics;
mod document;
mod edits;
mod hover;
mod infer;
mod names;
mod navigate;
mod sample;
mod server;
mod symbols;
mod texts;
mod types;
mod wire;

pub use server::{Ended, serve};
