//! Captured request streams, `.bin`: what the daemon sent, byte for byte.

use super::plausible;
use super::{Item, Scratch, Source};
use crate::protocol::{Frames, ProtocolError};
use crate::replay::ReplayError;
use std::io::BufRead;
use std::path::{Path, PathBuf};

pub(super) struct Capture {
    frames: Frames<Box<dyn BufRead>>,
    path: PathBuf,
    /// A request was read.
    any: bool,
}

impl Capture {
    pub(super) fn new(reader: Box<dyn BufRead>, path: &Path) -> Self {
        Self { frames: Frames::new(reader), path: path.into(), any: false }
    }
}

impl Source for Capture {
    fn next(&mut self, scratch: &mut Scratch) -> Result<Option<Item>, ReplayError> {
        match self.frames.next() {
            Ok(Some(frame)) => {
                self.any = true;
                scratch.frame.clear();
                scratch.frame.extend_from_slice(frame);
                Ok(Some(Item::Frame))
            }
            Ok(None) => {
                if !self.any {
                    plausible::say_empty(&self.path, "it is empty");
                }
                Ok(None)
            }
            Err(ProtocolError::Read(source)) => {
                Err(ReplayError::Read { path: self.path.clone(), source })
            }
            Err(error) => Err(ReplayError::Data {
                path: self.path.clone(),
                line: None,
                message: error.to_string(),
            }),
        }
    }
}
