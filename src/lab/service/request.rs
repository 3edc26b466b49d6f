//! The requests of the page, and how they are refused.

use crate::http::{Head, Refusal, Request};
use crate::lab::answers::View;
use crate::lab::cut;
use crate::lab::folder::{FolderError, LARGEST};
use crate::lab::knobs::Settings;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use std::io::Read;

/// An error of a request.
#[derive(Debug, thiserror::Error)]
pub(super) enum Fault {
    #[error(transparent)]
    Refused(#[from] Refusal),
    #[error(transparent)]
    Folder(#[from] FolderError),
    #[error("the operating system refuses it: {0}")]
    System(#[from] std::io::Error),
    #[error(transparent)]
    Cut(#[from] cut::CutError),
}

impl Fault {
    pub(super) fn status(&self) -> u16 {
        match self {
            Self::Refused(refusal) => refusal.status,
            Self::Folder(FolderError::System { source, .. }) => match source.kind() {
                std::io::ErrorKind::NotFound => 404,
                std::io::ErrorKind::PermissionDenied => 403,
                _ => 500,
            },
            Self::Folder(FolderError::Large(_) | FolderError::Text(_)) => 422,
            Self::Folder(_) => 403,
            Self::System(_) => 500,
            Self::Cut(_) => 422,
        }
    }
}

/// Refuses a request.
pub(super) fn refuse<T>(status: u16, reason: impl Into<String>) -> Result<T, Fault> {
    Err(Refusal::new(status, reason).into())
}

/// A file as the page sends it.
#[derive(Debug, Deserialize)]
pub(super) struct Sent {
    pub(super) name: String,
    pub(super) text: String,
    /// The version that was edited; the text is saved only if the disk still has this version.
    pub(super) base: Option<String>,
}

/// Settings as the page sends them.
#[derive(Debug, Deserialize)]
pub(super) struct Turned {
    pub(super) settings: Settings,
    /// Whether a slider is still being dragged.
    #[serde(default)]
    pub(super) dragging: bool,
}

/// A place in the picture.
#[derive(Debug, Deserialize)]
pub(super) struct Moment {
    pub(super) time: String,
    pub(super) group: String,
}

/// The view that a request asks for.
pub(super) fn view(head: &Head) -> View {
    let text = |name| head.parameter(name).filter(|text| !text.is_empty());
    View {
        group: head.parameter("group"),
        from: text("from"),
        to: text("to"),
        pixels: text("pixels").and_then(|text| text.parse().ok()).unwrap_or(800),
    }
}

/// Reads the body of a request.
pub(super) fn read<T: DeserializeOwned>(request: &mut Request<'_>) -> Result<T, Fault> {
    // Text in JSON takes up to twice its bytes, and the JSON around it.
    let most = 2 * LARGEST + 4096;
    let mut bytes = Vec::new();
    let read = (&mut request.body).take(most + 1).read_to_end(&mut bytes);
    if let Err(error) = read {
        return refuse(400, format!("the body cannot be read: {error}"));
    }
    if bytes.len() as u64 > most {
        return refuse(413, "the body is larger than a script can be");
    }
    serde_json::from_slice(&bytes).or_else(|error| refuse(400, format!("the body: {error}")))
}
