//! The server: one thread reads, and one answers in the order of the requests.
//!
//! Texts are checked when nothing else waits, so that fast typing costs one check. A request that is cancelled while
//! it waits is answered as cancelled. A panic in an answer becomes the error of that request.

use super::document::Document;
use super::sample::{Sample, named_in};
use super::texts::{Refused, Texts};
use super::wire::{Incoming, read};
use super::{complete, diagnostics, edits, hover, symbols};
use lsp_server::{ErrorCode, Message, Notification, Request, RequestId, Response};
use lsp_types::notification::{self as notices, Notification as _};
use lsp_types::request::{self as requests, Request as _};
use lsp_types::*;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use std::collections::{HashMap, HashSet};
use std::io::{self, BufRead, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, TryRecvError, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

/// Cancellations that are kept.
const CANCELLED: usize = 1_000;

/// How a session ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// With `shutdown` and `exit`.
    Asked,
    /// With `exit` alone, or with the end of the input.
    Abrupt,
}

/// Serves one client until it leaves.
///
/// # Errors
/// An output that cannot be written.
pub fn serve(mut input: impl BufRead + Send + 'static, output: impl Write) -> io::Result<Ended> {
    let (sender, incoming) = channel();
    let cancelled = Arc::new(Mutex::new(HashSet::new()));
    let waiting = cancelled.clone();
    let reader = std::thread::Builder::new().name("lsp-input".into());
    reader.spawn(move || {
        while let Ok(Some(message)) = read(&mut input) {
            if let Incoming::Message(Message::Notification(notice)) = &message
                && let Some(id) = cancelled_id(notice)
            {
                let mut waiting = waiting.lock().unwrap_or_else(PoisonError::into_inner);
                // A cancellation that comes after the answer has no effect.
                if waiting.len() >= CANCELLED {
                    waiting.clear();
                }
                waiting.insert(id);
                continue;
            }
            if sender.send(message).is_err() {
                return;
            }
        }
    })?;
    Server::new(output, cancelled).run(&incoming)
}

fn cancelled_id(notice: &Notification) -> Option<RequestId> {
    let id = (notice.method == notices::Cancel::METHOD).then(|| notice.params.get("id"))??;
    serde_json::from_value(id.clone()).ok()
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    New,
    Ready,
    Shut,
}

struct Server<W> {
    output: W,
    phase: Phase,
    cancelled: Arc<Mutex<HashSet<RequestId>>>,
    texts: Texts,
    /// Open texts that have changed since they were checked.
    unchecked: HashSet<String>,
    /// The files with diagnostics that a text gave, modules included.
    told: HashMap<String, Vec<PathBuf>>,
    /// The sample that a setting names.
    sample: Option<PathBuf>,
    samples: HashMap<PathBuf, (Option<SystemTime>, Sample)>,
}

impl<W: Write> Server<W> {
    fn new(output: W, cancelled: Arc<Mutex<HashSet<RequestId>>>) -> Self {
        Self {
            output,
            phase: Phase::New,
            cancelled,
            texts: Texts::default(),
            unchecked: HashSet::new(),
            told: HashMap::new(),
            sample: None,
            samples: HashMap::new(),
        }
    }
}

impl<W: Write> Server<W> {
    fn run(mut self, incoming: &Receiver<Incoming>) -> io::Result<Ended> {
        loop {
            let next = match incoming.try_recv() {
                Ok(next) => Some(next),
                Err(TryRecvError::Disconnected) => return Ok(Ended::Abrupt),
                Err(TryRecvError::Empty) => {
                    if let Some(uri) = self.unchecked.iter().next().cloned() {
                        self.unchecked.remove(&uri);
                        self.check(&uri)?;
                        continue;
                    }
                    incoming.recv().ok()
                }
            };
            match next {
                None => return Ok(Ended::Abrupt),
                Some(Incoming::Broken(why)) => self.broken(&why)?,
                Some(Incoming::Message(Message::Request(request))) => self.request(request)?,
                Some(Incoming::Message(Message::Response(_))) => {}
                Some(Incoming::Message(Message::Notification(notice))) => {
                    if notice.method == notices::Exit::METHOD {
                        let asked = self.phase == Phase::Shut;
                        return Ok(if asked { Ended::Asked } else { Ended::Abrupt });
                    }
                    self.notice(notice)?;
                }
            }
        }
    }

    fn send(&mut self, message: impl Into<Message>) -> io::Result<()> {
        message.into().write(&mut self.output)
    }

    /// Reports bytes that are not a message; the request is unknown.
    fn broken(&mut self, why: &str) -> io::Result<()> {
        let code = ErrorCode::ParseError as i32;
        let answer = json!({"jsonrpc": "2.0", "id": null, "error": {"code": code, "message": why}});
        let text = answer.to_string();
        write!(self.output, "Content-Length: {}\r\n\r\n{text}", text.len())?;
        self.output.flush()
    }

    fn request(&mut self, request: Request) -> io::Result<()> {
        let id = request.id.clone();
        let cancelled = self.cancelled.lock().unwrap_or_else(PoisonError::into_inner).remove(&id);
        let answer = match (cancelled, self.phase) {
            (true, _) => Err((ErrorCode::RequestCanceled, "cancelled".to_owned())),
            (_, Phase::New) if request.method != requests::Initialize::METHOD => Err((
                ErrorCode::ServerNotInitialized,
                "the first request must be `initialize`".to_owned(),
            )),
            (_, Phase::Shut) => {
                Err((ErrorCode::InvalidRequest, "the server was asked to shut down".to_owned()))
            }
            _ => {
                let answer = catch_unwind(AssertUnwindSafe(|| self.answer(request)));
                answer.unwrap_or_else(|_| {
                    let text = "the server panicked, which is a bug in rhai-udf; please report it";
                    Err((ErrorCode::InternalError, text.to_owned()))
                })
            }
        };
        self.send(match answer {
            Ok(result) => Response::new_ok(id, result),
            Err((code, message)) => Response::new_err(id, code as i32, message),
        })
    }

    fn answer(&mut self, request: Request) -> Result<Value, Refused> {
        let Request { method, params, .. } = request;
        match method.as_str() {
            requests::Initialize::METHOD => {
                let params: InitializeParams = given(params)?;
                self.phase = Phase::Ready;
                self.set(params.initialization_options.as_ref());
                Ok(json!({ "capabilities": capabilities(), "serverInfo":
                    { "name": "rhai-udf", "version": env!("CARGO_PKG_VERSION") } }))
            }
            requests::Shutdown::METHOD => {
                self.phase = Phase::Shut;
                Ok(Value::Null)
            }
            requests::Completion::METHOD => {
                let params: CompletionParams = given(params)?;
                self.at(&params.text_document_position, |document, offset, sample| {
                    to_value(complete::complete(document, offset, sample))
                })
            }
            requests::HoverRequest::METHOD => {
                let params: HoverParams = given(params)?;
                self.at(&params.text_document_position_params, |document, offset, sample| {
                    to_value(hover::hover(document, offset, sample))
                })
            }
            requests::SignatureHelpRequest::METHOD => {
                let params: SignatureHelpParams = given(params)?;
                self.at(&params.text_document_position_params, |document, offset, sample| {
                    to_value(hover::signature_help(document, offset, sample))
                })
            }
            requests::DocumentSymbolRequest::METHOD => {
                let params: DocumentSymbolParams = given(params)?;
                let document = self.texts.document(&params.text_document.uri)?;
                Ok(to_value(symbols::outline(document)))
            }
            requests::Formatting::METHOD => {
                let params: DocumentFormattingParams = given(params)?;
                Ok(to_value(edits::edits(self.texts.document(&params.text_document.uri)?)))
            }
            requests::GotoDefinition::METHOD => {
                let params: GotoDefinitionParams = given(params)?;
                Ok(to_value(self.texts.definition(&params.text_document_position_params)?))
            }
            requests::References::METHOD => {
                let params: ReferenceParams = given(params)?;
                Ok(to_value(self.texts.references(&params)?))
            }
            requests::PrepareRenameRequest::METHOD => {
                let params: TextDocumentPositionParams = given(params)?;
                Ok(to_value(self.texts.prepare(&params)?))
            }
            requests::Rename::METHOD => {
                let params: RenameParams = given(params)?;
                Ok(to_value(self.texts.rename(&params)?))
            }
            other => Err((ErrorCode::MethodNotFound, format!("'{other}' is not supported"))),
        }
    }

    fn notice(&mut self, notice: Notification) -> io::Result<()> {
        if self.phase != Phase::Ready {
            return Ok(());
        }
        let Notification { method, params } = notice;
        match method.as_str() {
            notices::DidOpenTextDocument::METHOD => {
                let Ok(params) = given::<DidOpenTextDocumentParams>(params) else { return Ok(()) };
                let item = params.text_document;
                let key = item.uri.as_str().to_owned();
                let document = Document::new(item.uri, Some(item.version), item.text);
                self.texts.open.insert(key.clone(), document);
                self.unchecked.insert(key);
            }
            notices::DidChangeTextDocument::METHOD => {
                let Ok(params) = given::<DidChangeTextDocumentParams>(params) else {
                    return Ok(());
                };
                let key = params.text_document.uri.as_str().to_owned();
                if let Some(document) = self.texts.open.get_mut(&key) {
                    params.content_changes.into_iter().for_each(|change| document.change(change));
                    document.version = Some(params.text_document.version);
                    self.unchecked.insert(key);
                }
            }
            notices::DidCloseTextDocument::METHOD => {
                let Ok(params) = given::<DidCloseTextDocumentParams>(params) else { return Ok(()) };
                let key = params.text_document.uri.as_str().to_owned();
                self.texts.open.remove(&key);
                self.unchecked.remove(&key);
                for path in self.told.remove(&key).unwrap_or_default() {
                    self.publish(&path, &[])?;
                }
            }
            // Scripts read their modules from the disk.
            notices::DidSaveTextDocument::METHOD | notices::DidChangeWatchedFiles::METHOD => {
                self.unchecked.extend(self.texts.open.keys().cloned());
            }
            notices::DidChangeConfiguration::METHOD => {
                let settings = params.get("settings");
                self.set(settings.and_then(|all| all.get("rhaiUdf")).or(settings));
            }
            _ => {}
        }
        Ok(())
    }

    /// Takes over the settings.
    fn set(&mut self, settings: Option<&Value>) {
        let sample = settings.and_then(|settings| settings.get("sample")).and_then(Value::as_str);
        self.sample = sample.filter(|path| !path.is_empty()).map(PathBuf::from);
    }

    fn at(
        &mut self,
        params: &TextDocumentPositionParams,
        answer: impl FnOnce(&Document, usize, &Sample) -> Value,
    ) -> Result<Value, Refused> {
        let uri = params.text_document.uri.as_str();
        let named =
            self.texts.open.get(uri).and_then(|document| named_in(&document.text, &document.path));
        let sample = match named.or_else(|| self.sample.clone()) {
            Some(path) => self.sample(&path),
            None => Sample::default(),
        };
        let document = self.texts.document(&params.text_document.uri)?;
        Ok(answer(document, document.offset(params.position), &sample))
    }

    /// What a sample has; a file is read again when it has changed.
    fn sample(&mut self, path: &Path) -> Sample {
        let changed = std::fs::metadata(path).and_then(|meta| meta.modified()).ok();
        if let Some((then, sample)) = self.samples.get(path)
            && *then == changed
        {
            return sample.clone();
        }
        let sample = Sample::read(path);
        self.samples.insert(path.to_path_buf(), (changed, sample.clone()));
        sample
    }

    /// Checks an open text and tells what is wrong, in its modules too.
    fn check(&mut self, uri: &str) -> io::Result<()> {
        let Some(document) = self.texts.open.get(uri) else { return Ok(()) };
        let found =
            catch_unwind(AssertUnwindSafe(|| diagnostics::of(document))).unwrap_or_default();
        let before = self.told.remove(uri).unwrap_or_default();
        for path in before.iter().filter(|path| !found.contains_key(*path)) {
            self.publish(path, &[])?;
        }
        for (path, problems) in &found {
            self.publish(path, problems)?;
        }
        self.told.insert(uri.to_owned(), found.into_keys().collect());
        Ok(())
    }

    fn publish(
        &mut self,
        path: &Path,
        problems: &[(crate::script::Problem, DiagnosticSeverity)],
    ) -> io::Result<()> {
        let Some(document) = self.texts.file(path) else { return Ok(()) };
        let params = PublishDiagnosticsParams {
            uri: document.uri.clone(),
            diagnostics: diagnostics::shown(&document, problems),
            version: document.version,
        };
        self.send(Notification::new(notices::PublishDiagnostics::METHOD.to_owned(), params))
    }
}

fn capabilities() -> Value {
    json!({
        "positionEncoding": "utf-16",
        "textDocumentSync": { "openClose": true, "change": 2, "save": {} },
        "completionProvider": { "triggerCharacters": [".", ":", "\"", "{"] },
        "hoverProvider": true,
        "signatureHelpProvider": { "triggerCharacters": ["(", ","] },
        "definitionProvider": true,
        "referencesProvider": true,
        "renameProvider": { "prepareProvider": true },
        "documentSymbolProvider": true,
        "documentFormattingProvider": true,
    })
}

fn given<T: DeserializeOwned>(params: Value) -> Result<T, Refused> {
    serde_json::from_value(params).map_err(|error| (ErrorCode::InvalidParams, error.to_string()))
}

fn to_value(value: impl serde::Serialize) -> Value {
    serde_json::to_value(value).unwrap_or(Value::Null)
}
