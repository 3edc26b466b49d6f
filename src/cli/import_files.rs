//! The files of a folder or of a tar, by their paths inside it.

use anyhow::{Context, bail};
use std::collections::BTreeMap;
use std::io::Read;
use std::path::Path;

/// Files by their paths, with `/` between folders.
pub(super) type Files = BTreeMap<String, Vec<u8>>;

/// The most bytes that are read, and the deepest folder.
const LIMIT: u64 = 512 << 20;
const DEPTH: usize = 6;

pub(super) fn read(source: &Path) -> anyhow::Result<Files> {
    let place = || source.display().to_string();
    let mut files = Files::new();
    if source.is_dir() {
        folder(source, "", DEPTH, &mut files).with_context(place)?;
        return Ok(rooted(files));
    }
    let mut bytes = Vec::new();
    std::fs::File::open(source)
        .and_then(|file| file.take(LIMIT).read_to_end(&mut bytes))
        .with_context(place)?;
    if bytes.starts_with(&[0x1f, 0x8b]) {
        let mut unpacked = Vec::new();
        let mut reader = flate2::read::MultiGzDecoder::new(&bytes[..]).take(LIMIT);
        reader.read_to_end(&mut unpacked).with_context(place)?;
        bytes = unpacked;
    }
    tar(&bytes, &mut files).with_context(place)?;
    Ok(rooted(files))
}

fn folder(path: &Path, prefix: &str, depth: usize, files: &mut Files) -> std::io::Result<()> {
    for entry in std::fs::read_dir(path)? {
        let entry = entry?;
        let name = format!("{prefix}{}", entry.file_name().to_string_lossy());
        let kind = entry.file_type()?;
        if kind.is_dir() && depth > 0 && !name.starts_with('.') {
            folder(&entry.path(), &format!("{name}/"), depth - 1, files)?;
        } else if kind.is_file() {
            files.insert(name, std::fs::read(entry.path())?);
        }
    }
    Ok(())
}

/// Cuts off the folder in which all files lie, if `udfs/` is not at the top already.
fn rooted(files: Files) -> Files {
    if files.keys().any(|path| path.starts_with("udfs/")) {
        return files;
    }
    let root =
        files.keys().find_map(|path| path.split_once("udfs/").map(|(root, _)| root.to_owned()));
    let Some(root) = root.filter(|root| !root.is_empty()) else { return files };
    let inside = |(path, bytes): (String, Vec<u8>)| {
        path.strip_prefix(root.as_str()).map(|path| (path.to_owned(), bytes))
    };
    files.into_iter().filter_map(inside).collect()
}

/// Reads a tar in the formats of POSIX and GNU; everything but plain files is left out.
fn tar(mut bytes: &[u8], files: &mut Files) -> anyhow::Result<()> {
    let mut long_name = None;
    while let Some((header, rest)) = bytes.split_first_chunk::<512>() {
        if header.iter().all(|byte| *byte == 0) {
            break;
        }
        if &header[257..262] != b"ustar" {
            bail!("this is neither a folder nor a tar");
        }
        let text = |range: std::ops::Range<usize>| {
            let field = &header[range];
            let end = field.iter().position(|byte| *byte == 0).unwrap_or(field.len());
            String::from_utf8_lossy(&field[..end]).into_owned()
        };
        let size = usize::from_str_radix(text(124..136).trim(), 8).context("a size in the tar")?;
        let (data, _) = rest.split_at_checked(size).context("the tar ends too early")?;
        bytes = rest.get(size.next_multiple_of(512)..).unwrap_or_default();
        let prefix = text(345..500);
        let short = text(0..100);
        let name = match long_name.take() {
            Some(name) => name,
            None if prefix.is_empty() || header[263] == b' ' => short,
            None => format!("{prefix}/{short}"),
        };
        match header[156] {
            b'L' => {
                let name = String::from_utf8_lossy(data);
                long_name = Some(name.trim_end_matches('\0').to_owned());
            }
            b'0' | 0 => {
                let name = name.trim_start_matches("./");
                // Names that lead out of the folder are ignored.
                if !name.split('/').any(|part| part == ".." || part.is_empty()) {
                    files.insert(name.to_owned(), data.to_vec());
                }
            }
            _ => {}
        }
    }
    Ok(())
}
