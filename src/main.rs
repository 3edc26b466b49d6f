//! The `rhai-udf` command.
fn main() {}
