//! The tutorial's commands, run in order in a copy of what they use: each must succeed, and show the
//! lines that the book shows below it.

use crate::util::*;
use std::process::Command;

#[test]
fn every_command_of_the_tutorial_does_what_it_says() {
    let folder = Folder::new("tutorial");
    let book = std::fs::read_to_string(repo("docs/tutorial.md")).unwrap();
    std::fs::create_dir_all(folder.path("examples/printer")).unwrap();
    let data = "examples/printer/printer.lp.gz";
    std::fs::copy(repo(data), folder.path(data)).unwrap();
    let path = binary().get_program().to_owned();
    let bin = std::path::Path::new(&path).parent().unwrap().to_owned();
    let search = format!("{}:{}", bin.display(), std::env::var("PATH").unwrap_or_default());
    let (mut shown, mut commands) = (String::new(), 0);
    for block in book.split("\n```").collect::<Vec<_>>().chunks(2).filter_map(|pair| pair.get(1)) {
        let (kind, text) = block.split_once('\n').unwrap_or((block, ""));
        match kind.split_once(' ').unwrap_or((kind, "")) {
            ("sh", _) => {
                let run = feed(
                    Command::new("bash")
                        .args(["-euc", text])
                        .current_dir(folder.path(""))
                        .env("PATH", &search),
                    &[],
                );
                assert_eq!(run.code, Some(0), "{text}: {}", run.stderr);
                (shown, commands) = (run.text() + run.stderr.as_str(), commands + 1);
            }
            ("text", _) => {
                for line in text.lines().filter(|line| *line != "…") {
                    assert!(shown.contains(line), "not shown: {line}\nbut:\n{shown}");
                }
            }
            (_, file) if !file.is_empty() => {
                folder.write(file, &format!("{text}\n"));
            }
            _ => {}
        }
    }
    assert!(commands >= 5, "{commands}");
}
