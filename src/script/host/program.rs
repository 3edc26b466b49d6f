//! A script, compiled and ready to be called.
//!
//! One [`Program`] is one version of one script: its engine, its functions, its declaration. The
//! interpreter's caches live as long as the program, so a call finds its functions resolved. The
//! callbacks are kept as bodies that are evaluated without a look-up; see `body.rs`.

use crate::agent::Pulse;
use crate::nearest::did_you_mean;
use crate::script::api;
use crate::script::api::NativeTypes;
use crate::script::config::Limits;
use crate::script::declaration::Declaration;
use crate::script::engine;
use crate::script::engine::growth::{self, Sizes};
use crate::script::engine::modules::{BesideResolver, Loaded};
use crate::script::error::{Problem, ScriptError, eval_problem, parse_problem};
use crate::script::host::body::{Bodies, bodies, library};
use crate::script::host::callback::{Callback, function_position, misnamed};
use crate::script::host::reload::Follow;
use crate::script::host::rewrite::texts;
use crate::script::host::{Host, constants};
use crate::script::lint;
use crate::script::reference::{self, Form};
use crate::script::text::ScriptText;
use rhai::{AST, Caches, Dynamic, Engine, EvalAltResult, GlobalRuntimeState, Map, Position, Scope};
use sha2::{Digest, Sha256};
use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::rc::Rc;

/// A compiled script.
pub struct Program {
    source: ScriptText,
    hash: String,
    engine: Engine,
    ast: AST,
    bodies: Bodies,
    declaration: Declaration,
    host: Rc<Host>,
    types: Rc<NativeTypes>,
    sizes: Sizes,
    /// Whether Rhai checks the sizes of values after each call.
    walks: bool,
    /// Every text made of parts (`${…}`) is in a callback, where its length is looked at.
    bounds_texts: bool,
    loaded: Loaded,
    pulse: Pulse,
    global: GlobalRuntimeState,
    caches: Caches,
    scope: Scope<'static>,
}

impl std::fmt::Debug for Program {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Program")
            .field("path", &self.source.path)
            .field("hash", &self.hash)
            .finish()
    }
}

impl Program {
    /// Compiles a script, loads its modules and asks for its declaration.
    ///
    /// # Errors
    /// Every problem that can be found, with its place.
    pub fn load(source: ScriptText, limits: &Limits, pulse: &Pulse) -> Result<Self, ScriptError> {
        let host =
            Rc::new(Host::with_budget(source.path.clone(), engine::Budget::new(limits, pulse)));
        let mut types = NativeTypes::default();
        let mut engine = engine::engine(limits, pulse);
        api::register(&mut engine, &host, &mut types);
        let loaded = Loaded::default();
        engine.set_module_resolver(BesideResolver::new(&source.path, loaded.clone()));
        let mut ast = constants::compile(&mut engine, &source.text)
            .map_err(|e| ScriptError::Load(vec![parse_problem(&source.path, &source.text, &e)]))?;
        ast.set_source(source.path.to_string_lossy().as_ref());
        let mut global = engine.new_global_runtime_state();
        global.lib.push(library(&ast).into());
        global.source = ast.source().map(Into::into);
        let mut program = Self {
            hash: String::new(),
            bodies: Bodies::default(),
            declaration: Declaration::default(),
            host,
            types: Rc::new(types),
            sizes: Sizes::of(limits),
            walks: true,
            bounds_texts: false,
            loaded,
            pulse: pulse.clone(),
            global,
            caches: Caches::new(),
            scope: Scope::new(),
            source,
            engine,
            ast,
        };
        program.start()?;
        Ok(program)
    }

    /// Runs the top level (imports, constants), asks for the declaration and looks for mistakes.
    fn start(&mut self) -> Result<(), ScriptError> {
        let top = self.ast.clone();
        #[allow(deprecated)] // "volatile", not going away
        let ran = self.engine.eval_statements_raw(
            &mut self.global,
            &mut self.caches,
            &mut self.scope,
            top.statements(),
        );
        ran.map_err(|e| ScriptError::Load(vec![self.problem(&e)])).map(drop)?;
        constants::publish(&mut self.engine, &self.scope);
        self.bodies = bodies(&self.engine, &self.ast, &self.scope, None);
        let bounded: usize = self.bodies.iter().flatten().map(|body| body.texts).sum();
        self.bounds_texts = bounded == texts(&self.ast);
        self.hash = self.digest();
        let mut problems = misnamed(&self.ast, &self.source.path, &self.source.text);
        if !self.has(Callback::Info) {
            problems
                .push(self.file_problem("has no fn info(), which declares the edges and options"));
            return Err(ScriptError::Load(problems));
        }
        match self.evaluate(Callback::Info, None, []) {
            Ok(info) => match Declaration::from_info(&info) {
                Ok(declaration) => self.declaration = declaration,
                Err(texts) => {
                    let place = function_position(&self.ast, "info");
                    problems.extend(texts.into_iter().map(|text| {
                        Problem::new(&self.source.path, text).at(place, Some(&self.source.text))
                    }));
                }
            },
            Err(error) => problems.push(self.problem(&error)),
        }
        if problems.is_empty() {
            self.missing_callbacks(&mut problems);
        }
        api::register_names(&mut self.engine, self.declaration.options.keys());
        self.caches = Caches::new();
        if problems.is_empty() { Ok(()) } else { Err(ScriptError::Load(problems)) }
    }

    fn missing_callbacks(&self, problems: &mut Vec<Problem>) {
        use crate::protocol::message::EdgeType;
        let has = |callback| self.has(callback);
        let text = match self.declaration.wants {
            EdgeType::Stream if !has(Callback::Point) && !has(Callback::Points) => {
                "wants a stream and has no fn point(p, opt)"
            }
            EdgeType::Batch if has(Callback::Points) => {
                "wants batches, so its points(chunk, opt) would never be called"
            }
            EdgeType::Batch if !has(Callback::Point) && !has(Callback::EndBatch) => {
                "wants batches and has neither fn end_batch(batch, opt) nor fn point(p, opt)"
            }
            EdgeType::Stream if has(Callback::EndBatch) || has(Callback::BeginBatch) => {
                "wants a stream, so its begin_batch and end_batch would never be called"
            }
            _ => return,
        };
        problems.push(self.file_problem(text));
    }

    fn file_problem(&self, text: &str) -> Problem {
        Problem::new(&self.source.path, text)
    }

    /// The declaration.
    pub fn declaration(&self) -> &Declaration {
        &self.declaration
    }

    /// The script as it was read.
    pub fn source(&self) -> &ScriptText {
        &self.source
    }

    /// A short hash of the script and its modules: the version that is running.
    pub fn hash(&self) -> &str {
        &self.hash
    }

    /// The script and every module that it imports.
    pub fn files(&self) -> Vec<PathBuf> {
        let modules = self.loaded.borrow().keys().cloned().collect::<Vec<_>>();
        std::iter::once(self.source.path.clone()).chain(modules).collect()
    }

    /// The texts of the script and its modules, as they were read.
    pub(crate) fn texts(&self) -> Vec<(PathBuf, String)> {
        let modules = self.loaded.borrow();
        let modules = modules.iter().map(|(path, text)| (path.clone(), text.clone()));
        std::iter::once((self.source.path.clone(), self.source.text.clone()))
            .chain(modules)
            .collect()
    }

    /// The limits of the sizes of values.
    pub(crate) fn sizes(&self) -> Sizes {
        self.sizes
    }

    /// True while Rhai walks through values to check their sizes.
    pub(crate) fn walks(&self) -> bool {
        self.walks
    }

    /// A state has become long: the sizes of values are checked without walking through them, unless the
    /// script joins texts where no check can be put.
    pub(crate) fn stop_walking(&mut self) {
        let joins = |(_, text): &(PathBuf, String)| text.contains("${");
        let bounds_texts = self.bounds_texts && !self.texts().iter().skip(1).any(joins);
        if self.walks && bounds_texts {
            growth::trust_own_checks(&mut self.engine);
            self.caches = Caches::new();
        }
        self.walks = false;
    }

    /// Lets the files of models be followed, from now on those that are loaded later too.
    pub(crate) fn follow_models(&self, follow: &Follow) {
        let add = follow.adder();
        self.host.library.watched_by(move |loaded| add(&loaded.path, loaded.checksum));
    }

    /// Where the watchdog shows that a call is over its budget.
    pub(crate) fn pulse(&self) -> &Pulse {
        &self.pulse
    }

    /// True if the script defines the callback.
    pub fn has(&self, callback: Callback) -> bool {
        self.bodies[callback as usize].is_some()
    }

    pub(crate) fn host(&self) -> &Rc<Host> {
        &self.host
    }

    pub(crate) fn types(&self) -> &NativeTypes {
        &self.types
    }

    /// Calls a function with `this`, one argument of its own, and the options if it takes them.
    ///
    /// The caller has checked that it is there, with [`Program::has`].
    #[inline]
    pub(crate) fn call(
        &mut self,
        callback: Callback,
        this: Option<&mut Dynamic>,
        own: Option<Dynamic>,
        options: &Dynamic,
    ) -> Result<Dynamic, Box<EvalAltResult>> {
        self.host.reset();
        let waits = matches!(callback, Callback::Init | Callback::State | Callback::Migrate);
        self.host.library.set_open(waits);
        let takes_options =
            self.bodies[callback as usize].as_ref().is_some_and(|body| body.takes_options);
        let options = takes_options.then(|| options.clone());
        self.evaluate(callback, this, own.into_iter().chain(options))
    }

    #[inline]
    fn evaluate(
        &mut self,
        callback: Callback,
        this: Option<&mut Dynamic>,
        arguments: impl IntoIterator<Item = Dynamic>,
    ) -> Result<Dynamic, Box<EvalAltResult>> {
        let Self { engine, global, caches, bodies, .. } = self;
        let Some(body) = &mut bodies[callback as usize] else { return Ok(Dynamic::UNIT) };
        let run = || body.run(engine, global, caches, this, arguments);
        // A panic is a bug in the host; the daemon must still get the reason why its task ends.
        catch_unwind(AssertUnwindSafe(run)).unwrap_or_else(|panic| Err(panicked(&*panic)))
    }

    /// Puts the options of a task into the callbacks.
    pub(crate) fn know_options(&mut self, options: &Map) {
        self.bodies = bodies(&self.engine, &self.ast, &self.scope, Some(options));
    }

    /// Where and why an evaluation failed.
    pub(crate) fn problem(&self, error: &EvalAltResult) -> Problem {
        let mut problem = eval_problem(&self.source.path, error, |file| {
            if file == self.source.path {
                return Some(self.source.text.clone());
            }
            self.loaded.borrow().get(file).cloned()
        });
        if let Some(signature) = problem.message.strip_prefix("no function ").map(str::to_owned) {
            problem.message = self.not_found(&signature, &problem);
        } else if let Some(message) = unknown_property(&problem.message) {
            problem.message = message;
        }
        problem
    }

    /// The message for a function that was not found: why an argument was `()`, or the name that was meant.
    fn not_found(&self, signature: &str, problem: &Problem) -> String {
        let message = &problem.message;
        let unit = signature.contains("()");
        if let (true, Some(reason)) = (unit, self.host.reason()) {
            return format!("{reason} ({message})");
        }
        let own = problem.file == self.source.path;
        let operand = problem
            .place
            .filter(|_| unit && own)
            .and_then(|place| lint::unset::operand(&self.ast, place, signature));
        if let Some(operand) = operand {
            return format!("{operand} is (), so it was not set ({message})");
        }
        let name = signature.split(' ').next().unwrap_or_default();
        let functions = self.functions();
        let known = functions.iter().map(|(name, _)| name.as_str());
        let known = known.chain(self.ast.iter_functions().map(|function| function.name));
        if functions.iter().any(|(other, _)| other == name) {
            return message.clone();
        }
        let near = did_you_mean(name, known);
        let kind = signature.split_once('(').and_then(|(_, rest)| rest.split([',', ')']).next());
        match kind {
            Some(kind) if near.is_empty() => format!("{message}{}", has(kind, Form::Method)),
            _ => format!("{message}{near}"),
        }
    }

    /// The native functions, with the number of their parameters.
    fn functions(&self) -> Vec<(String, usize)> {
        let named = |info: rhai::FuncInfo<'_>| {
            Some((info.metadata.name.to_string(), info.metadata.num_params))
        };
        self.engine.collect_fn_metadata(None, named, true)
    }

    /// Mistakes of the script that are found without running it.
    pub fn warnings(&self) -> Vec<Problem> {
        let engine = engine::engine(&Limits::default(), &Pulse::default());
        let modules = self.loaded.borrow();
        lint::warnings(engine, &self.source, &modules, &self.declaration, &self.functions())
    }

    /// Where and why a callback failed; where the interpreter does not know, the callback's place.
    pub(crate) fn call_problem(&self, callback: Callback, error: &EvalAltResult) -> Problem {
        let problem = self.problem(error);
        if problem.place.is_some() || problem.file != self.source.path {
            return problem;
        }
        problem.at(function_position(&self.ast, callback.name()), Some(&self.source.text))
    }

    fn digest(&self) -> String {
        let mut sha = Sha256::new();
        sha.update(&self.source.text);
        for text in self.loaded.borrow().values() {
            sha.update([0]);
            sha.update(text);
        }
        sha.finalize().iter().take(6).map(|byte| format!("{byte:02x}")).collect()
    }
}

/// The error of a call that panicked.
fn panicked(panic: &(dyn Any + Send)) -> Box<EvalAltResult> {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    let text = text.or(panic.downcast_ref::<&str>().copied()).unwrap_or("no text");
    let message = format!("rhai-udf panicked, which is a bug; please report it: {text}");
    Box::new(EvalAltResult::ErrorRuntime(message.into(), Position::NONE))
}

/// The message for a property that a native object does not have: the name that was meant, or those that there are.
fn unknown_property(message: &str) -> Option<String> {
    let (name, rest) = message.strip_prefix("unknown property '")?.split_once('\'')?;
    let kind = rest.split_once("for type '")?.1.split('\'').next()?;
    let mut known = reference::members(kind, Form::Property);
    known.extend(reference::members(kind, Form::Method));
    let near = did_you_mean(name, known);
    let near = if near.is_empty() { has(kind, Form::Property) } else { near };
    Some(format!("{kind} has no property '{name}'{near}"))
}

/// `; tally has count, distinct`, or nothing for a type that has none.
fn has(kind: &str, form: Form) -> String {
    match reference::members(kind, form).join(", ") {
        names if names.is_empty() => names,
        names => format!("; {kind} has {names}"),
    }
}
