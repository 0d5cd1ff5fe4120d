//! Rules of the house that no compiler knows: files say what they are for, and rooms do not grow doors.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, bail};

/// Which of our crates each crate may use (docs/ARCHITECTURE.md); the edge crates never see each other.
const DOORS: &[(&str, &[&str])] = &[
    ("domain", &[]),
    ("store", &["domain"]),
    ("app", &["domain", "store"]),
    ("proto", &[]),
    ("api", &["proto", "app", "domain"]),
    ("outbound", &[]),
    ("notify", &["app", "domain", "outbound"]),
    ("federation", &["app", "domain", "outbound"]),
    ("inbox", &["app", "domain"]),
    ("login", &["app", "domain"]),
    ("listener", &[]),
];

const HOUSE: &[&str] = &[
    "domain",
    "store",
    "app",
    "proto",
    "api",
    "notify",
    "outbound",
    "federation",
    "inbox",
    "login",
    "listener",
    "server",
    "postgres-server",
    "testkit",
    "bench",
];

/// Checks every rule and names every breach.
pub(crate) fn check(root: &Path) -> Result<()> {
    let mut breaches = Vec::new();
    for (room, allowed) in DOORS {
        doors(root, room, allowed, &mut breaches)?;
    }
    let mut files = Vec::new();
    rust_files(&root.join("crates"), &mut files)?;
    for file in files {
        first_line(root, &file, &mut breaches)?;
    }
    if breaches.is_empty() {
        Ok(())
    } else {
        bail!("the house is not tidy:\n  {}", breaches.join("\n  "))
    }
}

/// `[dependencies]` of a crate name only the rooms that it may know; tests may use more.
fn doors(house: &Path, room: &str, allowed: &[&str], breaches: &mut Vec<String>) -> Result<()> {
    let path = house.join("crates").join(room).join("Cargo.toml");
    let manifest = fs::read_to_string(&path).with_context(|| format!("reading {}", path.display()))?;
    let section = manifest.split("[dependencies]").nth(1).unwrap_or_default();
    let section = section.split("\n[").next().unwrap_or_default();
    for line in section.lines() {
        let name = line.split(['.', ' ', '=']).next().unwrap_or_default();
        if HOUSE.contains(&name) && !allowed.contains(&name) {
            breaches.push(format!("crates/{room} must not know crates/{name}"));
        }
    }
    Ok(())
}

fn rust_files(folder: &Path, found: &mut Vec<PathBuf>) -> Result<()> {
    for entry in fs::read_dir(folder).with_context(|| format!("listing {}", folder.display()))? {
        let path = entry?.path();
        if path.is_dir() {
            rust_files(&path, found)?;
        } else if path.extension().is_some_and(|e| e == "rs") {
            found.push(path);
        }
    }
    Ok(())
}

/// A file has one purpose, and its first line states it.
fn first_line(root: &Path, file: &Path, breaches: &mut Vec<String>) -> Result<()> {
    let text = fs::read_to_string(file).with_context(|| format!("reading {}", file.display()))?;
    let stated = text
        .lines()
        .find(|l| !l.is_empty())
        .is_some_and(|l| l.starts_with("//! ") && l.len() > 20);
    if !stated {
        let file = file.strip_prefix(root).unwrap_or(file).display();
        breaches.push(format!(
            "{file}: the first line must say what the file is for (`//! ..`)"
        ));
    }
    Ok(())
}
