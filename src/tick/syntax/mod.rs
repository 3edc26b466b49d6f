//! The text of a TICKscript as a tree: [`lexer`], then [`parser`], which makes an [`ast`].

pub mod ast;
pub mod lexer;
pub mod parser;
