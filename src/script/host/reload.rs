//! Watching scripts and their modules for changes: the only file that names `notify`.
//!
//! A change is a change of the text, however it was saved: in place, by renaming, by switching a
//! symlink anywhere on the way, by deleting and creating. Events only tell when to check; regular checks find changes
//! that events miss (network file systems, folders that were replaced).

use notify::{RecommendedWatcher, RecursiveMode, Watcher as _};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Component, Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

/// Quiet after the last event of a save.
const QUIET: Duration = Duration::from_millis(30);

/// The longest wait for the end of events.
const PATIENCE: Duration = Duration::from_secs(1);

/// How long a file may be missing before that is a change, because deleting and creating a file is one save.
const GONE: Duration = Duration::from_millis(600);

/// Without any event, the files are checked this often.
const LOOK: Duration = Duration::from_secs(2);

/// The texts of files; `None` is a file that cannot be read.
type Texts = BTreeMap<PathBuf, Option<u32>>;

/// One thread that watches the files of any number of followers.
#[derive(Clone, Debug)]
pub struct Watcher {
    orders: Sender<Order>,
}

#[derive(Debug)]
enum Order {
    Event,
    Follow(Weak<Shared>),
}

/// Tells when the files that it follows have changed, until it is dropped.
#[derive(Debug)]
pub struct Follow {
    shared: Arc<Shared>,
    orders: Sender<Order>,
}

struct Shared {
    texts: Mutex<Texts>,
    changed: AtomicBool,
    signal: (Mutex<()>, Condvar),
    wake: Box<dyn Fn() + Send + Sync>,
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shared").field("changed", &self.changed).finish_non_exhaustive()
    }
}

impl Watcher {
    /// Starts watching.
    ///
    /// # Errors
    /// A thread that cannot be started.
    pub fn start() -> std::io::Result<Self> {
        let (orders, received) = channel();
        let events = orders.clone();
        std::thread::Builder::new().name("reload".into()).spawn(move || {
            // Without events (no inotify instance left) the regular checks still find changes.
            let watcher = notify::recommended_watcher(move |_| {
                let _ = events.send(Order::Event);
            });
            if let Err(error) = &watcher {
                log::warn!("reload: the system reports no file events ({error}); the files are checked every {LOOK:?}");
            }
            Watch { watcher: watcher.ok(), folders: BTreeSet::new(), follows: Vec::new() }
                .run(&received);
        })?;
        Ok(Self { orders })
    }

    /// Follows files, given with the texts that are known of them. `wake` is called from the
    /// watcher's thread after each change.
    pub fn follow(
        &self,
        files: &[(PathBuf, String)],
        wake: impl Fn() + Send + Sync + 'static,
    ) -> Follow {
        let shared = Arc::new(Shared {
            texts: Mutex::new(known(files)),
            changed: AtomicBool::new(false),
            signal: Default::default(),
            wake: Box::new(wake),
        });
        let _ = self.orders.send(Order::Follow(Arc::downgrade(&shared)));
        Follow { shared, orders: self.orders.clone() }
    }
}

impl Follow {
    /// True once after each change.
    pub fn take_changed(&self) -> bool {
        self.shared.changed.swap(false, Ordering::AcqRel)
    }

    /// Waits for a change; false if there was none for `timeout`.
    pub fn wait(&self, timeout: Duration) -> bool {
        let (mutex, condition) = &self.shared.signal;
        let guard = lock(mutex);
        let waited = condition
            .wait_timeout_while(guard, timeout, |()| !self.shared.changed.load(Ordering::Acquire));
        drop(waited);
        self.take_changed()
    }

    /// Follows other files from now on: a new version may import other modules.
    pub fn refollow(&self, files: &[(PathBuf, String)]) {
        *lock(&self.shared.texts) = known(files);
        let _ = self.orders.send(Order::Follow(Arc::downgrade(&self.shared)));
    }

    /// Follows more files, as they are now.
    pub fn also(&self, files: impl IntoIterator<Item = PathBuf>) {
        let mut texts = lock(&self.shared.texts);
        for path in files {
            texts.entry(path.clone()).or_insert_with(|| digest(&path));
        }
        drop(texts);
        let _ = self.orders.send(Order::Follow(Arc::downgrade(&self.shared)));
    }
}

impl Follow {
    /// A function that adds files to those that are followed, with their known CRC-32.
    pub(crate) fn adder(&self) -> impl Fn(&Path, u32) + use<> {
        let (shared, orders) = (Arc::downgrade(&self.shared), self.orders.clone());
        move |path, checksum| {
            let Some(shared) = shared.upgrade() else { return };
            lock(&shared.texts).insert(path.into(), Some(checksum));
            let _ = orders.send(Order::Follow(Arc::downgrade(&shared)));
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn known(files: &[(PathBuf, String)]) -> Texts {
    files
        .iter()
        .map(|(path, text)| (path.clone(), Some(crc32fast::hash(text.as_bytes()))))
        .collect()
}

fn digest(path: &Path) -> Option<u32> {
    std::fs::read(path).ok().map(|text| crc32fast::hash(&text))
}

/// The watcher's thread.
struct Watch {
    watcher: Option<RecommendedWatcher>,
    folders: BTreeSet<PathBuf>,
    follows: Vec<(Weak<Shared>, Option<Instant>)>,
}

impl Watch {
    fn run(mut self, orders: &Receiver<Order>) {
        loop {
            let waiting = self.follows.iter().any(|(_, gone)| gone.is_some());
            match orders.recv_timeout(if waiting { GONE / 4 } else { LOOK }) {
                Ok(Order::Event) => self.settle(orders),
                Ok(Order::Follow(follow)) => self.take(follow),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return,
            }
            self.follows.retain(|(follow, _)| follow.strong_count() > 0);
            self.look();
            self.watch();
        }
    }

    /// Waits until the events of a save have come to an end.
    fn settle(&mut self, orders: &Receiver<Order>) {
        let end = Instant::now() + PATIENCE;
        while Instant::now() < end {
            match orders.recv_timeout(QUIET) {
                Ok(Order::Event) => {}
                Ok(Order::Follow(follow)) => self.take(follow),
                Err(_) => return,
            }
        }
    }

    fn take(&mut self, follow: Weak<Shared>) {
        if !self.follows.iter().any(|(known, _)| known.ptr_eq(&follow)) {
            self.follows.push((follow, None));
        }
    }

    /// Compares the files with their last known versions.
    fn look(&mut self) {
        for (follow, gone) in &mut self.follows {
            let Some(shared) = follow.upgrade() else { continue };
            let mut texts = lock(&shared.texts);
            let now: Texts = texts.keys().map(|path| (path.clone(), digest(path))).collect();
            if now == *texts {
                *gone = None;
                continue;
            }
            let newly_gone = now.iter().any(|(path, text)| text.is_none() && texts[path].is_some());
            if newly_gone && gone.get_or_insert_with(Instant::now).elapsed() < GONE {
                continue;
            }
            *gone = None;
            *texts = now;
            drop(texts);
            shared.changed.store(true, Ordering::Release);
            drop(lock(&shared.signal.0));
            shared.signal.1.notify_all();
            (shared.wake)();
        }
    }

    /// Watches the folders of the files, and of every symlink on the way to them.
    fn watch(&mut self) {
        let Some(watcher) = &mut self.watcher else { return };
        let mut wanted = BTreeSet::new();
        for shared in self.follows.iter().filter_map(|(follow, _)| follow.upgrade()) {
            for path in lock(&shared.texts).keys() {
                folders_of(path, &mut wanted);
            }
        }
        for folder in self.folders.difference(&wanted) {
            let _ = watcher.unwatch(folder);
        }
        // A folder that was replaced has to be watched again, so it is asked for each time.
        self.folders = wanted
            .into_iter()
            .filter(|folder| watcher.watch(folder, RecursiveMode::NonRecursive).is_ok())
            .collect();
    }
}

/// The folders in which an event can change what a path leads to.
fn folders_of(path: &Path, folders: &mut BTreeSet<PathBuf>) {
    let mut pending: Vec<PathBuf> = vec![std::path::absolute(path).unwrap_or_else(|_| path.into())];
    let mut links = 0;
    while let Some(path) = pending.pop() {
        if let Some(parent) = path.parent() {
            folders.insert(parent.into());
        }
        let mut walked = PathBuf::new();
        for component in path.components() {
            if component == Component::ParentDir {
                walked.pop();
                continue;
            }
            let folder = walked.clone();
            walked.push(component);
            let Ok(target) = std::fs::read_link(&walked) else { continue };
            folders.insert(folder.clone());
            links += 1;
            if links < 40 {
                let rest = path.strip_prefix(&walked).unwrap_or(Path::new(""));
                pending.push(folder.join(target).join(rest));
            }
            break;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    const LONG: Duration = Duration::from_secs(20);

    fn follow(path: &Path) -> Follow {
        let text = std::fs::read_to_string(path).unwrap();
        Watcher::start().unwrap().follow(&[(path.into(), text)], || {})
    }

    #[test]
    fn every_way_of_saving_is_one_change() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("a.rhai");
        std::fs::write(&file, "1").unwrap();
        let follow = follow(&file);
        std::fs::write(&file, "2").unwrap();
        assert!(follow.wait(LONG), "in place");
        std::fs::write(dir.path().join("swap"), "3").unwrap();
        std::fs::rename(dir.path().join("swap"), &file).unwrap();
        assert!(follow.wait(LONG), "renamed");
        std::fs::remove_file(&file).unwrap();
        std::fs::write(&file, "4").unwrap();
        assert!(follow.wait(LONG), "deleted and created");
        std::fs::remove_file(&file).unwrap();
        assert!(follow.wait(LONG), "gone");
        std::fs::write(&file, "5").unwrap();
        assert!(follow.wait(LONG), "back");
        std::fs::write(&file, "5").unwrap();
        assert!(!follow.wait(QUIET * 5), "the same text is no change");
    }

    #[test]
    fn a_switched_symlink_is_a_change() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        for (version, text) in [("v1", "1"), ("v2", "2")] {
            std::fs::create_dir(at(version)).unwrap();
            std::fs::write(at(version).join("a.rhai"), text).unwrap();
        }
        symlink("v1", at("..data")).unwrap();
        symlink("..data/a.rhai", at("a.rhai")).unwrap();
        let follow = follow(&at("a.rhai"));
        symlink("v2", at("..tmp")).unwrap();
        std::fs::rename(at("..tmp"), at("..data")).unwrap();
        assert!(follow.wait(LONG));
        std::fs::write(at("v2").join("a.rhai"), "3").unwrap();
        assert!(follow.wait(LONG), "the new target is watched");
    }

    #[test]
    fn the_folders_of_all_links_are_watched() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().canonicalize().unwrap();
        std::fs::create_dir(root.join("v1")).unwrap();
        std::fs::write(root.join("v1/a.rhai"), "").unwrap();
        std::fs::create_dir(root.join("etc")).unwrap();
        symlink("../v1", root.join("etc/current")).unwrap();
        let mut folders = BTreeSet::new();
        folders_of(&root.join("etc/current/a.rhai"), &mut folders);
        for name in ["etc", "v1"] {
            let folder = root.join(name);
            assert!(folders.iter().any(|f| same(f, &folder)), "{name}: {folders:?}");
        }
    }

    fn same(a: &Path, b: &Path) -> bool {
        a.canonicalize().unwrap() == b.canonicalize().unwrap()
    }
}
