//! Calls of functions of modules, as `m::f(x)`, that the module does not have.

use super::walk::{Script, Warn};
use crate::nearest::did_you_mean;
use rhai::{AST, ASTNode, Expr, Stmt};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// The functions of the modules that a script imports: names and numbers of parameters, by the path of
/// their file.
pub(super) type Exports = BTreeMap<PathBuf, Vec<(String, usize)>>;

/// Returns the functions that a module offers.
pub(super) fn exports(ast: &AST) -> Vec<(String, usize)> {
    let public = ast.iter_functions().filter(|f| f.access == rhai::FnAccess::Public);
    public.map(|function| (function.name.to_owned(), function.params.len())).collect()
}

pub(super) fn check(script: &Script<'_>, folder: &Path, modules: &Exports, warn: &mut Warn<'_>) {
    // What each name stands for; `None` if that cannot be known.
    let mut names: BTreeMap<String, Option<&Vec<(String, usize)>>> = BTreeMap::new();
    script.visit(&mut |_, node| {
        if let ASTNode::Stmt(Stmt::Import(parts, _)) = node.node {
            let (from, name) = &**parts;
            let module = match from {
                Expr::StringConstant(text, _) => modules.get(&file(folder, text)),
                _ => None,
            };
            // The same name for two modules: which one is meant depends on the place.
            let known = names.entry(name.name.to_string()).or_insert(module);
            if known.map(|m| m.as_ptr()) != module.map(|m| m.as_ptr()) {
                *known = None;
            }
        }
    });
    script.visit(&mut |_, node| {
        let Some((call, position)) = node.call() else { return };
        let [root] = &call.namespace.path[..] else { return };
        let alias = root.name.as_str();
        let (name, given) = (call.name.as_str(), call.args.len());
        // A name that is not imported does not compile.
        let Some(Some(functions)) = names.get(alias) else { return };
        if functions.iter().any(|(known, params)| known == name && *params == given) {
            return;
        }
        let mut takes: Vec<String> = functions
            .iter()
            .filter(|(known, _)| known == name)
            .map(|(_, params)| params.to_string())
            .collect();
        takes.sort();
        let near = did_you_mean(name, functions.iter().map(|(known, _)| known.as_str()));
        warn(
            position,
            match takes.is_empty() {
                true => format!("module {alias} has no function {name}{near}"),
                false => {
                    format!("{alias}::{name} takes {} arguments, not {given}", takes.join(" or "))
                }
            },
        );
    });
}

/// The file of a module, as the host finds it.
fn file(folder: &Path, name: &str) -> PathBuf {
    let mut path = folder.join(name);
    if path.extension().is_none_or(|extension| extension != "rhai") {
        path.as_mut_os_string().push(".rhai");
    }
    path
}
