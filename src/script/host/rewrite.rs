//! Changes in the tree of a function that make it faster without changing its effect.
//!
//! - A call of a name that no function of the script has goes to the native functions at once. The
//!   interpreter looks for a script's function of that name in every call otherwise, for a method twice.
//! - A text made of parts is given to [`BOUNDED_TEXT`], which looks at its length.
//! - `opt.name` and `opt["name"]` become the option's value, which cannot change while a task runs.

use crate::script::engine::growth::BOUNDED_TEXT;
use rhai::{
    AST, ASTFlags, ASTNode, BinaryExpr, Dynamic, Expr, FnCallExpr, FnCallHashes, ImmutableString,
};
use rhai::{Engine, Map, Position, Stmt, StmtBlock};
use std::cell::Cell;
use std::collections::BTreeSet;

/// The values for the changes in a function.
pub(super) struct Rewrite<'a> {
    /// The names of the script's functions.
    functions: &'a BTreeSet<&'a str>,
    /// The parameter that holds the options, and the options.
    options: Option<(&'a str, &'a Map)>,
    /// A call of [`BOUNDED_TEXT`].
    bounded: Option<&'a FnCallExpr>,
    /// The texts that were bounded.
    count: Cell<usize>,
}

impl<'a> Rewrite<'a> {
    /// Rewrites a function's body in a script that has `functions`. `options` are the parameter that holds
    /// the options, and their values; `bounded` is a [`bounded_text`]. Gives the number of texts that are bounded now.
    pub(super) fn body(
        body: &mut StmtBlock,
        functions: &'a BTreeSet<&'a str>,
        options: Option<(&'a str, &'a Map)>,
        bounded: Option<&'a FnCallExpr>,
    ) -> usize {
        let options = options.filter(|(name, _)| !is_bound_again(body, name));
        let rewrite = Self { functions, options, bounded, count: Cell::new(0) };
        rewrite.block(body);
        rewrite.count.get()
    }

    fn block(&self, block: &mut StmtBlock) {
        block.statements_mut().iter_mut().for_each(|statement| self.statement(statement));
    }

    fn statement(&self, statement: &mut Stmt) {
        match statement {
            Stmt::If(flow, _)
            | Stmt::While(flow, _)
            | Stmt::Do(flow, ..)
            | Stmt::TryCatch(flow, _) => {
                self.expression(&mut flow.expr);
                self.block(&mut flow.body);
                self.block(&mut flow.branch);
            }
            Stmt::For(parts, _) => {
                self.expression(&mut parts.2.expr);
                self.block(&mut parts.2.body);
            }
            Stmt::Switch(parts, _) => {
                self.expression(&mut parts.0);
                for case in &mut parts.1.expressions {
                    self.expression(&mut case.lhs);
                    self.expression(&mut case.rhs);
                }
            }
            Stmt::Var(parts, ..) => self.expression(&mut parts.1),
            Stmt::Assignment(parts) => {
                self.place(&mut parts.1.lhs);
                self.expression(&mut parts.1.rhs);
            }
            Stmt::FnCall(call, _) => self.call(call),
            Stmt::Block(block) => self.block(block),
            Stmt::Expr(expression) => self.expression(expression),
            Stmt::BreakLoop(Some(value), ..) | Stmt::Return(Some(value), ..) => {
                self.expression(value);
            }
            _ => {}
        }
    }

    fn expression(&self, expression: &mut Expr) {
        if let Some(constant) = self.option(expression) {
            *expression = constant;
            return;
        }
        match expression {
            Expr::InterpolatedString(parts, _) | Expr::Array(parts, _) => {
                parts.iter_mut().for_each(|part| self.expression(part));
            }
            Expr::Map(parts, _) => {
                parts.0.iter_mut().for_each(|(_, value)| self.expression(value));
            }
            Expr::And(parts, _) | Expr::Or(parts, _) | Expr::Coalesce(parts, _) => {
                parts.iter_mut().for_each(|part| self.expression(part));
            }
            Expr::FnCall(call, _) | Expr::MethodCall(call, _) => self.call(call),
            Expr::Stmt(block) => self.block(block),
            Expr::Dot(..) | Expr::Index(..) => self.place(expression),
            _ => {}
        }
        if let (Expr::InterpolatedString(_, position), Some(call)) = (&*expression, self.bounded) {
            let position = *position;
            let text = std::mem::replace(expression, Expr::Unit(position));
            let mut call = call.clone();
            call.args = [text].into_iter().collect();
            *expression = Expr::FnCall(call.into(), position);
            self.count.set(self.count.get() + 1);
        }
    }

    /// An expression that may be assigned to: it is kept, and its parts are rewritten.
    fn place(&self, expression: &mut Expr) {
        if let Expr::Dot(link, flags, _) | Expr::Index(link, flags, _) = expression {
            self.chain(link, *flags);
        }
    }

    /// The links of `a.b[c].d`, which is a link `a` to the chain `b[c].d`: that is no expression by itself.
    fn chain(&self, link: &mut BinaryExpr, flags: ASTFlags) {
        self.expression(&mut link.lhs);
        match &mut link.rhs {
            Expr::Dot(next, inner, _) | Expr::Index(next, inner, _)
                if !flags.intersects(ASTFlags::BREAK) =>
            {
                self.chain(next, *inner);
            }
            other => self.expression(other),
        }
    }

    fn call(&self, call: &mut FnCallExpr) {
        let plain = call.namespace.is_empty() && call.op_token.is_none();
        if plain && !self.functions.contains(call.name.as_str()) {
            call.hashes = FnCallHashes::from_native_only(call.hashes.native());
        }
        call.args.iter_mut().for_each(|argument| self.expression(argument));
    }

    /// The value of an expression that reads an option.
    fn option(&self, expression: &Expr) -> Option<Expr> {
        let (parameter, options) = self.options?;
        let (Expr::Dot(link, ..) | Expr::Index(link, ..)) = expression else { return None };
        let Expr::Variable(variable, ..) = &link.lhs else { return None };
        if variable.1 != parameter || !variable.2.is_empty() {
            return None;
        }
        let name = match (expression, &link.rhs) {
            (Expr::Dot(..), Expr::Property(property, _)) => &property.2,
            (Expr::Index(..), Expr::StringConstant(name, _)) => name,
            _ => return None,
        };
        constant(options.get(name.as_str())?, expression.start_position())
    }
}

/// A call of [`BOUNDED_TEXT`], without a text.
pub(super) fn bounded_text(engine: &Engine) -> Option<FnCallExpr> {
    let ast = engine.compile_expression(format!("{BOUNDED_TEXT}(0)")).ok()?;
    let call = match ast.statements().first()? {
        Stmt::FnCall(call, _) => &**call,
        Stmt::Expr(whole) => match &**whole {
            Expr::FnCall(call, _) => call,
            _ => return None,
        },
        _ => return None,
    };
    let mut call = call.clone();
    call.hashes = FnCallHashes::from_native_only(call.hashes.native());
    Some(call)
}

/// The number of texts made of parts in a script.
pub(super) fn texts(ast: &AST) -> usize {
    let mut count = 0;
    ast.walk(&mut |path: &[ASTNode<'_>]| {
        let text = matches!(path.last(), Some(ASTNode::Expr(Expr::InterpolatedString(..))));
        count += usize::from(text);
        true
    });
    count
}

/// A value as a literal; `None` for arrays, maps and natives.
fn constant(value: &Dynamic, position: Position) -> Option<Expr> {
    if let Ok(value) = value.as_bool() {
        Some(Expr::BoolConstant(value, position))
    } else if let Ok(value) = value.as_int() {
        Some(Expr::IntegerConstant(value, position))
    } else if let Ok(value) = value.as_float() {
        Some(Expr::FloatConstant(value.into(), position))
    } else {
        let text = value.read_lock::<ImmutableString>()?;
        Some(Expr::StringConstant(text.clone(), position))
    }
}

/// True if a variable of this name is made inside of a block, or the name is given another value.
fn is_bound_again(block: &StmtBlock, name: &str) -> bool {
    let mut found = false;
    let mut path = Vec::new();
    for statement in block.statements() {
        statement.walk(&mut path, &mut |path| {
            found |= match path.last() {
                Some(ASTNode::Stmt(statement)) => binds(statement, name),
                _ => false,
            };
            !found
        });
        path.clear();
    }
    found
}

fn binds(statement: &Stmt, name: &str) -> bool {
    let is = |expression: &Expr| matches!(expression, Expr::Variable(variable, ..) if variable.1 == name);
    match statement {
        Stmt::Var(parts, ..) => parts.0.name == name,
        Stmt::For(parts, _) => {
            parts.0.name == name || parts.1.as_ref().is_some_and(|counter| counter.name == name)
        }
        Stmt::TryCatch(flow, _) => is(&flow.expr),
        Stmt::Assignment(parts) => is(&parts.1.lhs),
        Stmt::Import(parts, _) => parts.1.name == name,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::agent::Pulse;
    use crate::script::config::Limits;
    use crate::script::host::callback::Callback;
    use crate::script::host::program::Program;
    use crate::script::text::ScriptText;

    /// What `init(opt)` with this body gives, before the options are put in and after.
    fn outcomes(body: &str) -> [String; 2] {
        let text = format!(
            "const TOP = 40;
             fn info() {{ #{{ wants: \"stream\", provides: \"stream\", options: #{{
                 name: \"string\", n: \"int\", x: \"double\", flag: \"bool\", list: [\"int\", \"int\"]
             }} }} }}
             fn point(p, opt) {{ }}
             fn twice(x) {{ 2 * x }}
             fn tripled() {{ 3 * this }}
             fn len(x) {{ \"a function of the script\" }}
             fn init(opt) {{ {body} }}"
        );
        let source = ScriptText { path: "test.rhai".into(), text };
        let mut program = Program::load(source, &Limits::default(), &Pulse::default()).unwrap();
        let mut options = Map::new();
        options.insert("name".into(), "host".into());
        options.insert("n".into(), 2_i64.into());
        options.insert("x".into(), 0.5_f64.into());
        options.insert("flag".into(), true.into());
        options.insert("list".into(), vec![Dynamic::from(7_i64), Dynamic::from(8_i64)].into());
        let own = Dynamic::from(crate::script::api::Options(options.clone().into()));
        let mut run = || match program.call(Callback::Init, None, None, &own) {
            Ok(value) => value.to_string(),
            Err(error) => error.to_string(),
        };
        let before = run();
        program.know_options(&options);
        let mut run = || match program.call(Callback::Init, None, None, &own) {
            Ok(value) => value.to_string(),
            Err(error) => error.to_string(),
        };
        assert_eq!(run(), run(), "the second call of {body}");
        [before, run()]
    }

    #[test]
    fn what_a_function_gives_does_not_change() {
        for (body, expected) in [
            ("opt.n + opt[\"n\"] + TOP", "44"),
            ("opt?.n", "2"),
            ("`${opt.name}: ${opt.x}`", "host: 0.5"),
            ("let a = #{}; a[opt.name] = opt.n; a.host", "2"),
            ("[[1, 2], [3, 4], [5, 6]][opt.n][0]", "5"),
            ("let a = [0, opt.n]; a[opt.n - 1] += opt.n; a", "[0, 4]"),
            ("if !opt.flag { \"off\" } else { \"on\" }", "on"),
            ("if opt.flag { return 1; } 2", "1"),
            ("switch opt.n { 2 if opt.flag => \"two\", _ => \"other\" }", "two"),
            ("let n = 0; while n < opt.n { n += 1 } n", "2"),
            ("let n = 0; for i in 0..opt.n { n += i + opt.n } n", "5"),
            ("let f = |x| x + opt.n; f.call(1) + opt.n", "5"),
            ("opt.list[1] + opt.list.len", "10"),
            ("opt.name.to_upper()", "HOST"),
            ("(opt.name).to_upper()", "HOST"),
            ("let l = opt.list; l.push(1); `${l} ${opt.list}`", "[7, 8, 1] [7, 8]"),
            ("twice(opt.n) + opt.n.tripled()", "10"),
            ("len(opt.name)", "a function of the script"),
            ("let n = opt.n; n += 1; `${n} ${opt.n}`", "3 2"),
            // Another variable of that name.
            ("let opt = #{ n: 5 }; opt.n", "5"),
            ("for opt in [#{ n: 6 }] { return opt.n }", "6"),
            ("for (i, opt) in [6] { return opt }", "0"),
            ("opt = #{ n: 7 }; opt.n", "7"),
            ("try { throw #{ n: 8 } } catch (opt) { return opt.n }", "8"),
            ("let f = |opt| opt.n; f.call(#{ n: 9 })", "9"),
            // An expression that fails still fails.
            ("try { opt.nothing } catch { return \"unknown\" }", "unknown"),
            ("try { opt[\"nothing\"] } catch { return \"unknown\" }", "unknown"),
            ("try { opt.n = 3 } catch { return \"refused\" }", "refused"),
            ("try { no_such(opt.n) } catch { return \"no function\" }", "no function"),
        ] {
            assert_eq!(outcomes(body), [expected, expected], "{body}");
        }
    }

    #[test]
    fn reads_of_options_are_literals_and_natives_are_called_at_once() {
        let engine = rhai::Engine::new();
        let text =
            "opt.n + opt[\"n\"]; if opt.n == 1 { x.push(opt.n) } own(opt.n); x[opt.n].b(opt.n)";
        let ast =
            engine.compile(format!("fn own(x) {{}} let x = []; let opt = 1; {text}")).unwrap();
        let statements = ast.statements().iter().skip(2).cloned();
        let mut block = StmtBlock::new(statements, Position::NONE, Position::NONE);
        let options = Map::from([("n".into(), 1_i64.into())]);
        Rewrite::body(&mut block, &BTreeSet::from(["own"]), Some(("opt", &options)), None);
        let shown = format!("{block:?}");
        assert!(!shown.contains("opt"), "{shown}");
        let natives = ["push", "b"].map(|name| format!("(native only), name: \"{name}\""));
        assert!(natives.iter().all(|call| shown.contains(call)), "{shown}");
        assert!(!shown.contains("(native only), name: \"own\""), "{shown}");
    }
}
