//! The book: its pages are all there, and each link of the documents leads to a page, a heading or a
//! picture.

use crate::util::*;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// The pages of the book.
fn book() -> BTreeSet<String> {
    let names = std::fs::read_dir(repo("docs")).unwrap();
    let names = names.map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned());
    names.filter(|name| name.ends_with(".md") && name != "SUMMARY.md").collect()
}

/// The lines of a page that are not in a block of code, numbered from 1.
fn prose(text: &str) -> Vec<(usize, &str)> {
    let mut fence: Option<&str> = None;
    let mut lines = Vec::new();
    for (i, line) in text.lines().enumerate() {
        let ticks = &line[..line.len() - line.trim_start_matches('`').len()];
        match fence {
            Some(open) if ticks == open && line.trim_end() == open => fence = None,
            Some(_) => {}
            None if ticks.len() >= 3 => fence = Some(ticks),
            None => lines.push((i + 1, line)),
        }
    }
    lines
}

/// A line without what stands between backquotes.
fn without_code(line: &str) -> String {
    line.split('`').step_by(2).collect()
}

/// What a line links: pages and pictures.
fn links(line: &str) -> Vec<String> {
    let line = without_code(line);
    let parts = line.split("](").skip(1).filter_map(|rest| rest.split(')').next());
    parts.map(str::to_owned).collect()
}

/// A heading's anchor, as mdBook and GitHub make it.
fn anchor(heading: &str) -> String {
    let letter = |c: char| match c {
        c if c.is_whitespace() => Some('-'),
        c if c.is_alphanumeric() || "_-".contains(c) => Some(c),
        _ => None,
    };
    heading.trim().to_lowercase().chars().filter_map(letter).collect()
}

/// The anchors of a page; of headings with the same words, the later ones have a number.
fn anchors(text: &str) -> BTreeSet<String> {
    let mut seen: BTreeMap<String, u32> = BTreeMap::new();
    let headings = prose(text).into_iter().filter(|(_, line)| line.starts_with('#'));
    let heading = |(_, line): (usize, &str)| anchor(line.trim_start_matches('#'));
    let mut named = |anchor: String| {
        let count = seen.entry(anchor.clone()).or_default();
        *count += 1;
        if *count == 1 { anchor } else { format!("{anchor}-{}", *count - 1) }
    };
    headings.map(|line| named(heading(line))).collect()
}

/// What is wrong with a link of a page, if anything is.
fn wrong(page: &str, link: &str) -> Option<String> {
    if link.contains("://") || link.starts_with("mailto:") {
        return None;
    }
    let (file, anchor) = link.split_once('#').unwrap_or((link, ""));
    let folder = Path::new(page).parent().unwrap();
    let target = if file.is_empty() { page.into() } else { folder.join(file) };
    if !repo("").join(&target).exists() {
        return Some(format!("there is no {}", target.display()));
    }
    if page.starts_with("docs/") && file.starts_with("..") {
        return Some("a reader of the book has no file outside of docs/; name its path".into());
    }
    if anchor.is_empty() {
        return None;
    }
    let text = std::fs::read_to_string(repo("").join(&target)).ok()?;
    (!anchors(&text).contains(anchor)).then(|| format!("no heading makes #{anchor}"))
}

#[test]
fn every_link_leads_to_a_page_a_heading_or_a_picture() {
    let others = [
        "README.md",
        "ARCHITECTURE.md",
        "CHANGELOG.md",
        "docs/SUMMARY.md",
        "examples/README.md",
        "examples/printer/README.md",
    ];
    let pages = book().into_iter().map(|name| format!("docs/{name}"));
    let mut faults = Vec::new();
    let mut count = 0;
    for page in pages.chain(others.map(str::to_owned)) {
        let text = std::fs::read_to_string(repo(&page)).unwrap();
        for (number, line) in prose(&text) {
            for link in links(line) {
                count += 1;
                let fault = wrong(&page, &link);
                faults.extend(fault.map(|why| format!("{page}:{number}: {link}: {why}")));
            }
        }
    }
    assert!(count > 100, "{count}");
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

/// A link that is wrong in each way is found.
#[test]
fn links_that_lead_nowhere_are_found() {
    let refused = |link: &str| wrong("docs/script.md", link);
    assert_eq!(refused("statistics.md"), None);
    assert_eq!(refused("#declaration"), None);
    assert_eq!(refused("https://rhai.rs"), None);
    assert!(refused("none.md").unwrap().contains("there is no docs/none.md"));
    assert!(refused("#none").unwrap().contains("no heading makes #none"));
    assert!(refused("../Cargo.toml").unwrap().contains("outside of docs/"));
    assert_eq!(anchors("# A `b`, c!\n# x\n```\n# no\n```\n# x\n"), anchors("# a b c\n# x\n# x-1"));
}

#[test]
fn the_book_lists_every_page_once() {
    let summary = std::fs::read_to_string(repo("docs/SUMMARY.md")).unwrap();
    let mut listed: Vec<String> = summary.lines().flat_map(links).collect();
    listed.sort();
    assert_eq!(listed, book().into_iter().collect::<Vec<_>>());
    for part in ["The first hour", "Writing scripts", "Operating", "Contributing"] {
        assert!(summary.contains(&format!("\n# {part}\n")), "{part}");
    }
}

#[test]
fn the_readme_names_every_page_and_every_shipped_script() {
    let readme = std::fs::read_to_string(repo("README.md")).unwrap();
    let linked: BTreeSet<String> = readme.lines().flat_map(links).collect();
    for page in book() {
        assert!(linked.contains(&format!("docs/{page}")), "README.md does not link docs/{page}");
    }
    for entry in std::fs::read_dir(repo("scripts")).unwrap() {
        let name = entry.unwrap().file_name().to_string_lossy().into_owned();
        if name.ends_with(".rhai") {
            assert!(linked.contains(&format!("scripts/{name}")), "README.md lacks {name}");
        }
    }
}
