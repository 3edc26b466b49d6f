//! The trained models of a script: where they are searched, and which of them are loaded.
//!
//! A model is looked up beside the script or below, then in `models/` beside it, then in
//! `../models/`, which is where the layout `udfs/NAME.rhai`, `models/NAME.onnx` has it. No name and
//! no symlink leads out of these folders. A model is read from the disk while the script is loaded,
//! in `init` and in `state`; a point never waits for the disk.

use crate::model::{Model, ModelError, advice};
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::io::Read;
use std::path::{Component, Path, PathBuf};
use std::rc::Rc;

/// Why a model cannot be loaded.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LibraryError {
    #[error(
        "model '{0}': models are searched in the folder of the script and below, in models/ and in ../models/; name them without '..'"
    )]
    Name(String),
    #[error("model '{name}' was not found; these paths were tried: {}", paths(.looked))]
    Absent { name: String, looked: Vec<PathBuf> },
    #[error("model '{name}' is a link that leads out of the script's folders, to {}", .target.display())]
    Outside { name: String, target: PathBuf },
    #[error(
        "model '{0}' is not loaded yet, and models cannot be loaded while a point is processed: load it at the top of the script, in init or in state"
    )]
    Unloaded(String),
    #[error("model {} cannot be read: {source}", .path.display())]
    Read { path: PathBuf, source: std::io::Error },
    #[error("model {}: {source}", .path.display())]
    Model { path: PathBuf, source: ModelError },
}

fn paths(paths: &[PathBuf]) -> String {
    paths.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(", ")
}

/// A model with the name by which the script knows it.
#[derive(Debug)]
pub(crate) struct Loaded {
    pub(crate) name: String,
    pub(crate) path: PathBuf,
    /// CRC-32 of the file as it was read.
    pub(crate) checksum: u32,
    pub(crate) model: Model,
}

/// Called for each model that is loaded.
type Watch = Box<dyn Fn(&Loaded)>;

/// The models of one version of a script.
pub(crate) struct Library {
    folder: PathBuf,
    limit: u64,
    /// Whether the disk may be read now.
    open: Cell<bool>,
    loaded: RefCell<BTreeMap<String, Rc<Loaded>>>,
    watch: RefCell<Option<Watch>>,
}

impl std::fmt::Debug for Library {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Library").field("folder", &self.folder).finish_non_exhaustive()
    }
}

impl Library {
    /// The library of a script, for models of at most `limit` bytes; 0 is no limit.
    pub(crate) fn new(script: &Path, limit: u64) -> Self {
        let folder =
            Some(crate::piped::folder(script)).filter(|folder| !folder.as_os_str().is_empty());
        Self {
            folder: folder.unwrap_or(Path::new(".")).into(),
            limit: if limit == 0 { u64::MAX } else { limit },
            open: Cell::new(true),
            loaded: RefCell::default(),
            watch: RefCell::default(),
        }
    }

    /// Sets whether models may be read from the disk from now on.
    #[inline]
    pub(crate) fn set_open(&self, open: bool) {
        self.open.set(open);
    }

    /// A model by its name, loaded at most once.
    pub(crate) fn get(&self, name: &str) -> Result<Rc<Loaded>, LibraryError> {
        if let Some(loaded) = self.loaded.borrow().get(name) {
            return Ok(loaded.clone());
        }
        if !self.open.get() {
            return Err(LibraryError::Unloaded(name.into()));
        }
        self.load(name)
    }

    /// A model by its name, read from the disk if it has to be.
    pub(crate) fn load(&self, name: &str) -> Result<Rc<Loaded>, LibraryError> {
        if let Some(loaded) = self.loaded.borrow().get(name) {
            return Ok(loaded.clone());
        }
        let path = self.find(name)?;
        let (checksum, model) = read(&path, self.limit)?;
        let loaded = Rc::new(Loaded { name: name.into(), path, checksum, model });
        self.loaded.borrow_mut().insert(name.into(), loaded.clone());
        if let Some(watch) = &*self.watch.borrow() {
            watch(&loaded);
        }
        Ok(loaded)
    }

    /// All models that are loaded.
    pub(crate) fn all(&self) -> Vec<Rc<Loaded>> {
        self.loaded.borrow().values().cloned().collect()
    }

    /// Calls `watch` for all loaded models, and for each one that will be loaded.
    pub(crate) fn watched_by(&self, watch: impl Fn(&Loaded) + 'static) {
        self.all().iter().for_each(|loaded| watch(loaded));
        *self.watch.borrow_mut() = Some(Box::new(watch));
    }

    fn find(&self, name: &str) -> Result<PathBuf, LibraryError> {
        let relative = Path::new(name);
        let plain = relative.strip_prefix("../models").unwrap_or(relative);
        let inside = |c: Component<'_>| matches!(c, Component::Normal(_) | Component::CurDir);
        if name.is_empty() || !plain.components().all(inside) {
            return Err(LibraryError::Name(name.into()));
        }
        let (own, shared) = (self.folder.clone(), self.folder.join("../models"));
        let candidates = if plain == relative {
            let below = self.folder.join("models").join(plain);
            vec![(own.join(plain), &own), (below, &own), (shared.join(plain), &shared)]
        } else {
            vec![(shared.join(plain), &shared)]
        };
        for (path, root) in &candidates {
            let Ok(target) = path.canonicalize() else { continue };
            let root = root.canonicalize().unwrap_or_else(|_| root.to_path_buf());
            if !target.starts_with(root) {
                return Err(LibraryError::Outside { name: name.into(), target });
            }
            return Ok(path.clone());
        }
        let looked = candidates.into_iter().map(|(path, _)| path).collect();
        Err(LibraryError::Absent { name: name.into(), looked })
    }
}

fn read(path: &Path, limit: u64) -> Result<(u32, Model), LibraryError> {
    let refused = |source| LibraryError::Model { path: path.into(), source };
    let extension = path.extension().and_then(|extension| extension.to_str()).unwrap_or("");
    if let Some((what, advice)) = advice::by_extension(extension) {
        return Err(refused(ModelError::Python { what, advice }));
    }
    let mut bytes = Vec::new();
    let file = std::fs::File::open(path);
    file.and_then(|file| file.take(limit.saturating_add(1)).read_to_end(&mut bytes))
        .map_err(|source| LibraryError::Read { path: path.into(), source })?;
    let model = Model::load(&bytes, limit).map_err(refused)?;
    Ok((crc32fast::hash(&bytes), model))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    fn pump() -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/models/logreg2.onnx")
    }

    /// `udfs/pump.rhai` with a library, and folders for models.
    fn layout() -> (tempfile::TempDir, Library) {
        let dir = tempfile::tempdir().unwrap();
        for folder in ["udfs/models", "udfs/deep", "models", "elsewhere"] {
            std::fs::create_dir_all(dir.path().join(folder)).unwrap();
        }
        let library = Library::new(&dir.path().join("udfs/pump.rhai"), 0);
        (dir, library)
    }

    #[test]
    fn models_are_found_beside_the_script_then_in_models_then_in_the_guides_folder() {
        let (dir, library) = layout();
        for (at, name) in [
            ("models/a.onnx", "a.onnx"),
            ("udfs/models/b.onnx", "b.onnx"),
            ("udfs/c.onnx", "c.onnx"),
            ("udfs/deep/d.onnx", "deep/d.onnx"),
            ("models/e.onnx", "../models/e.onnx"),
        ] {
            std::fs::copy(pump(), dir.path().join(at)).unwrap();
            assert_eq!(library.get(name).unwrap().name, name);
        }
        let seen = Rc::new(Cell::new(0));
        let counted = seen.clone();
        library.watched_by(move |_| counted.set(counted.get() + 1));
        library.get("./a.onnx").unwrap();
        assert_eq!(seen.get(), 6, "those that were loaded, and another one");
    }

    #[test]
    fn no_name_and_no_symlink_leads_out() {
        let (dir, library) = layout();
        let outside = dir.path().join("elsewhere/a.onnx");
        std::fs::copy(pump(), &outside).unwrap();
        symlink(&outside, dir.path().join("udfs/a.onnx")).unwrap();
        symlink(&outside, dir.path().join("models/b.onnx")).unwrap();
        for (name, part) in [
            ("../elsewhere/a.onnx", "without '..'"),
            ("../models/../elsewhere/a.onnx", "without '..'"),
            (outside.to_str().unwrap(), "without '..'"),
            ("", "without '..'"),
            ("a.onnx", "leads out"),
            ("b.onnx", "leads out"),
            ("none.onnx", "was not found; these paths were tried"),
        ] {
            let error = library.get(name).unwrap_err().to_string();
            assert!(error.contains(part), "{name}: {error}");
        }
    }

    #[test]
    fn pickles_and_large_files_are_refused_and_a_point_does_not_wait_for_the_disk() {
        let (dir, library) = layout();
        std::fs::write(dir.path().join("udfs/a.pkl"), "x").unwrap();
        let error = library.get("a.pkl").unwrap_err().to_string();
        assert!(error.contains("a.pkl: a pickle") && error.contains("skl2onnx"), "{error}");
        std::fs::copy(pump(), dir.path().join("udfs/a.onnx")).unwrap();
        let small = Library::new(&dir.path().join("udfs/pump.rhai"), 100);
        let error = small.get("a.onnx").unwrap_err().to_string();
        assert!(error.contains("at most 100 are allowed"), "{error}");
        library.set_open(false);
        let error = library.get("a.onnx").unwrap_err().to_string();
        assert!(error.contains("in init or in state"), "{error}");
        assert!(library.load("a.onnx").is_ok() && library.get("a.onnx").is_ok());
    }
}
