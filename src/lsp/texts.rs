//! The open texts, and names across files: definitions, uses, renaming.

use super::diagnostics;
use super::document::{Document, same_file};
use super::names::Names;
use super::navigate::{self, RenameError, Target};
use lsp_server::ErrorCode;
use lsp_types::{
    Location, Range, ReferenceParams, RenameParams, TextDocumentPositionParams, TextEdit, Uri,
    WorkspaceEdit,
};
use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};

/// Why a request has no result.
pub(super) type Refused = (ErrorCode, String);

/// The places of a name in a file, in bytes.
type Uses = (Document, Vec<std::ops::Range<usize>>);

/// The texts that are open, by their URI.
#[derive(Debug, Default)]
pub(super) struct Texts {
    pub(super) open: HashMap<String, Document>,
}

impl Texts {
    /// An open text.
    pub(super) fn document(&self, uri: &Uri) -> Result<&Document, Refused> {
        self.open
            .get(uri.as_str())
            .ok_or_else(|| (ErrorCode::InvalidParams, format!("{} is not open", uri.as_str())))
    }

    /// The text of a file: the open one before that of the disk.
    pub(super) fn file(&self, path: &Path) -> Option<Document> {
        let open = self.open.values().find(|document| same_file(&document.path, path));
        open.cloned().or_else(|| Document::read(path))
    }

    pub(super) fn definition(
        &self,
        params: &TextDocumentPositionParams,
    ) -> Result<Option<Location>, Refused> {
        let document = self.document(&params.text_document.uri)?;
        let names = Names::of(&document.text);
        let at = names.at(document.offset(params.position));
        // The name of a module leads to its file, and so does the text that imports it.
        if let Some(path) = at.and_then(|at| module_at(&names, document, at)) {
            return Ok(self.file(&path).map(|file| Location::new(file.uri, Range::default())));
        }
        let target = at.and_then(|at| navigate::target(&names, &document.path, at));
        let Some(target) = target else { return Ok(None) };
        let Some(file) = self.file(&navigate::file_of(&target, document)) else { return Ok(None) };
        let names = Names::of(&file.text);
        let defined = navigate::definition(&names, &target);
        Ok(defined.map(|at| {
            let bytes = navigate::bytes(&names, at);
            Location::new(file.uri.clone(), file.range(bytes.start, bytes.end))
        }))
    }

    /// All files in which a name can stand for a target, with its uses.
    fn uses(&self, document: &Document, target: &Target) -> BTreeMap<PathBuf, Uses> {
        let home = navigate::file_of(target, document);
        let mut all = BTreeMap::new();
        let mut add = |path: &Path, target: &Target| {
            let Some(file) = self.file(path) else { return };
            let names = Names::of(&file.text);
            let uses = navigate::uses(&names, &file.path, target).into_iter();
            let ranges: Vec<_> = uses.map(|at| navigate::bytes(&names, at)).collect();
            if !ranges.is_empty() {
                all.insert(path.to_path_buf(), (file.clone(), ranges));
            }
        };
        match target {
            Target::Function(name) | Target::Foreign(_, name) => {
                add(&home, &Target::Function(name.clone()));
                let foreign = Target::Foreign(home.clone(), name.clone());
                let mut importers = diagnostics::importers(&home);
                importers.extend(self.open.values().map(|document| document.path.clone()));
                importers.retain(|path| !same_file(path, &home));
                importers.iter().for_each(|path| add(path, &foreign));
            }
            Target::Local(_) | Target::Option(_) => add(&home, target),
        }
        all
    }

    fn target(
        &self,
        params: &TextDocumentPositionParams,
    ) -> Result<Option<(&Document, Target, Range)>, Refused> {
        let document = self.document(&params.text_document.uri)?;
        let names = Names::of(&document.text);
        let Some(at) = names.at(document.offset(params.position)) else { return Ok(None) };
        let bytes = navigate::bytes(&names, at);
        let range = document.range(bytes.start, bytes.end);
        Ok(navigate::target(&names, &document.path, at).map(|target| (document, target, range)))
    }

    /// Where a name is used, and where it is defined if that is asked for.
    pub(super) fn references(&self, params: &ReferenceParams) -> Result<Vec<Location>, Refused> {
        let place = &params.text_document_position;
        let Some((document, target, _)) = self.target(place)? else { return Ok(Vec::new()) };
        let files = self.uses(document, &target).into_values();
        let mut places: Vec<Location> = files
            .flat_map(|(file, ranges)| {
                ranges.into_iter().map(move |bytes| {
                    Location::new(file.uri.clone(), file.range(bytes.start, bytes.end))
                })
            })
            .collect();
        if !params.context.include_declaration {
            let defined = self.definition(place)?;
            places.retain(|place| Some(place) != defined.as_ref());
        }
        Ok(places)
    }

    pub(super) fn prepare(&self, params: &TextDocumentPositionParams) -> Result<Range, Refused> {
        let found = self.target(params)?.ok_or_else(|| refused(&RenameError::Nothing))?;
        let (document, target, range) = found;
        self.may_be(document, &target, "a_name_that_nothing_has")?;
        Ok(range)
    }

    /// Asks whether a target can have a name, where it is defined.
    fn may_be(&self, document: &Document, target: &Target, name: &str) -> Result<(), Refused> {
        let nothing = || refused(&RenameError::Nothing);
        let home = self.file(&navigate::file_of(target, document)).ok_or_else(nothing)?;
        let names = Names::of(&home.text);
        navigate::definition(&names, target).ok_or_else(nothing)?;
        navigate::can_be(&names, target, name).map_err(|error| refused(&error))
    }

    // A URI is a key here as it is in the protocol.
    #[allow(clippy::mutable_key_type)]
    pub(super) fn rename(&self, params: &RenameParams) -> Result<WorkspaceEdit, Refused> {
        let found = self.target(&params.text_document_position)?;
        let (document, target, _) = found.ok_or_else(|| refused(&RenameError::Nothing))?;
        self.may_be(document, &target, &params.new_name)?;
        let mut changes = HashMap::new();
        for (file, ranges) in self.uses(document, &target).into_values() {
            let edit = |bytes: std::ops::Range<usize>| {
                TextEdit::new(file.range(bytes.start, bytes.end), params.new_name.clone())
            };
            changes.insert(file.uri.clone(), ranges.into_iter().map(edit).collect());
        }
        Ok(WorkspaceEdit::new(changes))
    }
}

/// The file of the module whose name or path stands at a token.
fn module_at(names: &Names<'_>, document: &Document, at: usize) -> Option<PathBuf> {
    let text = at > 0 && names.is(at - 1, "import");
    let alias = names.is(at + 1, "::") || (at > 0 && names.is(at - 1, "as"));
    let name = match (text, alias) {
        (true, _) => names.word(at + 2),
        (_, true) => names.word(at),
        _ => return None,
    };
    let modules = navigate::modules(names, &document.path);
    modules.into_iter().find(|(known, _)| *known == name).map(|(_, path)| path)
}

fn refused(error: &RenameError) -> Refused {
    (ErrorCode::RequestFailed, error.to_string())
}
