//! The body of a callback, evaluated with its parameters in scope.
//!
//! A call by name costs the interpreter two look-ups, a scope, and names for its entries; here they are made
//! once for all calls.

use crate::script::host::callback::Callback;
use crate::script::host::rewrite::{Rewrite, bounded_text};
use rhai::{
    AST, ASTNode, Caches, Dynamic, Engine, EvalAltResult, EvalContext, Expr, GlobalRuntimeState,
    ImmutableString, Map, Module, Scope, ScriptFuncDef, Stmt, StmtBlock,
};

/// How deep in calls a callback's body is.
const LEVEL: usize = 2;

/// A callback that can be run.
#[derive(Debug)]
pub(super) struct Body {
    parameters: Vec<ImmutableString>,
    /// The definitions of the top level, then the parameters.
    scope: Scope<'static>,
    /// The entries of the scope below the parameters.
    below: usize,
    /// A block of statements.
    block: Expr,
    /// The options are the last parameter.
    pub(super) takes_options: bool,
    /// The texts made of parts in it, all of which are bounded.
    pub(super) texts: usize,
}

/// The bodies of all callbacks that a script defines.
pub(super) type Bodies = [Option<Body>; Callback::ALL.len()];

/// The bodies of a script's callbacks, with the options in place of what reads them.
///
/// `top` is what the top level has defined.
pub(super) fn bodies(engine: &Engine, ast: &AST, top: &Scope<'_>, options: Option<&Map>) -> Bodies {
    let functions = ast.iter_functions().map(|function| function.name).collect();
    let bounded = bounded_text(engine);
    Callback::ALL.map(|callback| {
        // Of two definitions the one with options is called.
        let definitions = ast.iter_fn_def().filter(|f| is_definition(callback, f));
        let definition = definitions.max_by_key(|function| function.params.len())?;
        let parameter = definition.params.get(callback.own_parameters());
        let mut block = block(definition);
        let known = parameter.map(ImmutableString::as_str).zip(options);
        let texts = Rewrite::body(&mut block, &functions, known, bounded.as_ref());
        let block = optimized(engine, block);
        let params = definition.params.to_vec();
        Some(Body { texts, ..Body::new(top, params, parameter.is_some(), block) })
    })
}

/// The functions that a script's functions can call. Rhai calls a script's function as a method too, so
/// that `batch.point(fields)` would find the callback: those that a method is named like are left out.
pub(super) fn library(ast: &AST) -> Module {
    let methods = [Callback::Point.name(), Callback::Points.name()];
    let mut rest = ast.clone();
    rest.retain_functions(|_, _, function, _| !methods.contains(&function));
    Module::clone(rest.shared_lib())
}

fn is_definition(callback: Callback, function: &ScriptFuncDef) -> bool {
    let extra = function.params.len().checked_sub(callback.own_parameters());
    function.name == callback.name()
        && (extra == Some(0) || extra == Some(1) && callback != Callback::Info)
}

/// The statements of a function.
fn block(function: &ScriptFuncDef) -> StmtBlock {
    // The body's type has no public name; a walk through a script of this function only finds what it holds.
    let mut module = Module::new();
    module.set_script_fn(function.clone());
    let mut statements = Vec::new();
    AST::new([], module).walk(&mut |path| {
        if let [ASTNode::Stmt(statement)] = path {
            statements.push(Stmt::clone(statement));
        }
        true
    });
    StmtBlock::new(statements, function.body.start_position(), function.body.end_position())
}

/// Removes branches that the values of the options decide, such as `if !opt.keep { … }`.
fn optimized(engine: &Engine, block: StmtBlock) -> StmtBlock {
    let (start, end) = (block.position(), block.end_position());
    let ast = AST::new(block, Module::new());
    let ast = engine.optimize_ast(&Scope::new(), ast, engine.optimization_level());
    StmtBlock::new(ast.statements().iter().cloned(), start, end)
}

impl Body {
    fn new(
        top: &Scope<'_>,
        parameters: Vec<ImmutableString>,
        takes_options: bool,
        block: StmtBlock,
    ) -> Self {
        let mut scope = Scope::new();
        for (name, is_constant, value) in top.iter_raw() {
            match is_constant {
                true => scope.push_constant_dynamic(name, value.clone()),
                false => scope.push_dynamic(name, value.clone()),
            };
        }
        let below = scope.len();
        scope.extend(unset(&parameters));
        Self { parameters, scope, below, block: Expr::Stmt(block.into()), takes_options, texts: 0 }
    }

    /// Evaluates the body. `arguments` are the values of its parameters.
    ///
    /// # Errors
    /// An error that the script throws, or that stops it.
    #[inline]
    pub(super) fn run(
        &mut self,
        engine: &Engine,
        global: &mut GlobalRuntimeState,
        caches: &mut Caches,
        this: Option<&mut Dynamic>,
        arguments: impl IntoIterator<Item = Dynamic>,
    ) -> Result<Dynamic, Box<EvalAltResult>> {
        global.num_operations = 0;
        global.level = LEVEL;
        self.set_parameters(arguments);
        let mut context = EvalContext::new(engine, global, caches, &mut self.scope, this);
        #[allow(deprecated)] // "volatile", not going away
        let result = context.eval_expression_tree_raw(&(&self.block).into(), true);
        // Points that are lent are to be free again.
        self.set_parameters([Dynamic::UNIT, Dynamic::UNIT]);
        match result {
            Err(error) => match *error {
                EvalAltResult::Return(value, ..) => Ok(value),
                EvalAltResult::Exit(..) => Ok(Dynamic::UNIT),
                error => Err(error.into()),
            },
            result => result,
        }
    }

    #[inline]
    fn set_parameters(&mut self, values: impl IntoIterator<Item = Dynamic>) {
        for (name, value) in self.parameters.iter().zip(values) {
            // A copy of a constant is not a constant.
            let value = if value.is_read_only() { value.clone() } else { value };
            match self.scope.get_mut(name) {
                Some(entry) => *entry = value,
                None => {
                    self.scope.rewind(self.below);
                    self.scope.extend(unset(&self.parameters));
                    return;
                }
            }
        }
    }
}

fn unset(parameters: &[ImmutableString]) -> impl Iterator<Item = (ImmutableString, Dynamic)> {
    parameters.iter().map(|name| (name.clone(), Dynamic::UNIT))
}
