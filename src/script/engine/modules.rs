//! `import`: only modules from the folder of the script, or below it.

use rhai::{AST, Engine, EvalAltResult, Module, ModuleResolver, Position, Scope, Shared};
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::path::{Component, Path, PathBuf};
use std::rc::Rc;

/// The texts of the modules that were loaded, by their path.
pub(crate) type Loaded = Rc<RefCell<BTreeMap<PathBuf, String>>>;

/// Resolves `import "name" as m;` to `name.rhai` in the script's folder.
pub(crate) struct BesideResolver {
    folder: PathBuf,
    loaded: Loaded,
    modules: RefCell<BTreeMap<PathBuf, Shared<Module>>>,
    loading: RefCell<Vec<PathBuf>>,
}

impl BesideResolver {
    pub(crate) fn new(script: &Path, loaded: Loaded) -> Self {
        Self {
            folder: crate::piped::folder(script).into(),
            loaded,
            modules: RefCell::default(),
            loading: RefCell::default(),
        }
    }

    fn path_of(&self, name: &str, at: Position) -> Result<PathBuf, Box<EvalAltResult>> {
        let relative = Path::new(name);
        let inside =
            relative.components().all(|c| matches!(c, Component::Normal(_) | Component::CurDir));
        if name.is_empty() || !inside {
            let message = format!(
                "module '{name}': modules are searched in the folder of the script and below; name them without '..'"
            );
            return Err(fail(message, at));
        }
        let mut path = self.folder.join(relative);
        if path.extension().is_none_or(|e| e != "rhai") {
            path.as_mut_os_string().push(".rhai");
        }
        Ok(path)
    }

    fn load(
        &self,
        engine: &Engine,
        path: &Path,
        at: Position,
    ) -> Result<Module, Box<EvalAltResult>> {
        let text = std::fs::read_to_string(path)
            .map_err(|e| fail(format!("module {} cannot be read: {e}", path.display()), at))?;
        self.loaded.borrow_mut().insert(path.into(), text.clone());
        let mut ast: AST = engine.compile(&text).map_err(|e| {
            let place = e.position();
            let inner = Box::new(EvalAltResult::ErrorParsing(*e.0, place));
            in_file(path, inner, at)
        })?;
        ast.set_source(path.to_string_lossy().as_ref());
        Module::eval_ast_as_new(Scope::new(), &ast, engine).map_err(|e| in_file(path, e, at))
    }
}

impl ModuleResolver for BesideResolver {
    fn resolve(
        &self,
        engine: &Engine,
        _source: Option<&str>,
        name: &str,
        at: Position,
    ) -> Result<Shared<Module>, Box<EvalAltResult>> {
        let path = self.path_of(name, at)?;
        if let Some(module) = self.modules.borrow().get(&path) {
            return Ok(module.clone());
        }
        if self.loading.borrow().contains(&path) {
            return Err(fail(format!("module {} imports itself", path.display()), at));
        }
        self.loading.borrow_mut().push(path.clone());
        let module = self.load(engine, &path, at);
        self.loading.borrow_mut().pop();
        let module: Shared<Module> = module?.into();
        self.modules.borrow_mut().insert(path, module.clone());
        Ok(module)
    }
}

fn fail(message: String, at: Position) -> Box<EvalAltResult> {
    Box::new(EvalAltResult::ErrorRuntime(message.into(), at))
}

/// An error whose place is in another file.
fn in_file(path: &Path, error: Box<EvalAltResult>, at: Position) -> Box<EvalAltResult> {
    let source = path.to_string_lossy().into_owned();
    Box::new(EvalAltResult::ErrorInFunctionCall("import".into(), source, error, at))
}
