//! Reads a fact table. Its form: `package`, `files`, `extend`, then services, messages, enums with their parts
//! indented below.

use super::Facts;

/// The package a table is about.
pub(crate) fn package(text: &str) -> &str {
    text.lines()
        .find_map(|line| line.strip_prefix("package "))
        .unwrap_or_default()
}

/// All statements of a table.
pub(crate) fn parse(text: &str) -> Facts {
    let mut facts = Facts {
        package: package(text).to_owned(),
        ..Facts::default()
    };
    let (mut subject, mut oneof) = (String::new(), String::new());
    for line in text.lines() {
        let (depth, line) = (line.len() - line.trim_start().len(), line.trim());
        match (depth, line.split_once(' ')) {
            (_, None) | (0, Some(("package", _))) => {}
            (0, Some(("files", names))) => facts.files = names.split(' ').map(str::to_owned).collect(),
            (0, Some((kind, _))) => {
                line.clone_into(&mut subject);
                oneof.clear();
                if kind != "service" {
                    facts.state(&subject, line);
                }
            }
            (_, Some(("rpc", rest))) => method(&mut facts, &subject, rest),
            (_, Some(("oneof", rest))) => {
                rest.split(' ').next().unwrap_or_default().clone_into(&mut oneof);
                facts.state(&subject, line);
            }
            (2, Some(("reserved", kept))) => {
                for one in kept.split(' ') {
                    facts.state(&subject, format!("reserved {one}"));
                }
            }
            (2, Some(_)) if subject.starts_with("enum") => facts.state(&subject, line),
            (2, Some(_)) => facts.state(&subject, field(line, "")),
            (_, Some(_)) => facts.state(&subject, field(line, &oneof)),
        }
    }
    facts
}

fn method(facts: &mut Facts, service: &str, line: &str) {
    let mut parts = line.split(" | ");
    let signature = parts.next().unwrap_or_default();
    let name = signature.split(' ').next().unwrap_or_default();
    let subject = format!("rpc {}.{name}", service.trim_start_matches("service "));
    facts.state(&subject, signature);
    for part in parts.filter(|part| !part.starts_with("doc_")) {
        facts.state(&subject, part);
    }
}

/// A field with its rules in alphabetical order, without what is only documentation.
fn field(line: &str, oneof: &str) -> String {
    let words = words(line);
    let head = if matches!(words.get(1).map(String::as_str), Some("optional" | "repeated")) {
        4
    } else {
        3
    };
    let mut rules: Vec<&String> = words
        .iter()
        .skip(head)
        .filter(|rule| !rule.starts_with("doc_"))
        .collect();
    rules.sort();
    let mut out = words[..head.min(words.len())].join(" ");
    for rule in rules {
        out.push(' ');
        out.push_str(rule);
    }
    if !oneof.is_empty() {
        out.push_str(" in ");
        out.push_str(oneof);
    }
    out
}

/// Splits at spaces outside braces.
fn words(line: &str) -> Vec<String> {
    let (mut words, mut depth) = (vec![String::new()], 0_usize);
    for letter in line.chars() {
        depth = depth + usize::from(letter == '{') - usize::from(letter == '}');
        match words.last_mut() {
            Some(word) if letter != ' ' || depth > 0 => word.push(letter),
            _ => words.push(String::new()),
        }
    }
    words
}
