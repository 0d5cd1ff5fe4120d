//! Counts what became of the lines, keeps those that were refused, and says where to go on.

use std::collections::BTreeSet;
use std::fs::{File, OpenOptions};
use std::io::{BufWriter, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context;
use indicatif::{HumanCount, ProgressBar};
use tokio::sync::mpsc;
use tokio::time::Instant;

use super::{Fate, asking::PATIENCE};
use crate::output;

/// Refusals that are told one by one.
const TOLD: u64 = 20;
/// Lines without an answer that are told by their numbers.
const NAMED: usize = 5;

/// Where refused lines are kept.
pub(super) struct Rejected {
    path: PathBuf,
    file: BufWriter<File>,
}

impl Rejected {
    /// The file holds what is personal.
    pub(super) fn create(path: PathBuf) -> anyhow::Result<Self> {
        let made = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&path);
        let file =
            made.with_context(|| format!("cannot make {}; it must not be there yet", path.display()))?;
        Ok(Self {
            path,
            file: BufWriter::new(file),
        })
    }

    fn keep(&mut self, text: &[u8]) -> anyhow::Result<()> {
        let written = self
            .file
            .write_all(text)
            .and_then(|()| self.file.write_all(b"\n"));
        written.context("writing the refused lines")
    }
}

/// Counts what became of the lines.
pub(super) struct Tally {
    bar: ProgressBar,
    rejected: Option<Rejected>,
    created: u64,
    existed: u64,
    refused: u64,
    /// Lines without an answer, and why the first of them had none.
    unknown: BTreeSet<u64>,
    fault: Option<String>,
    /// The first line that was read and not tried, and why nothing was tried any more.
    untried: Option<u64>,
    halt: Option<String>,
}

impl Tally {
    pub(super) fn new(bar: ProgressBar, rejected: Option<Rejected>) -> Self {
        Self {
            bar,
            rejected,
            created: 0,
            existed: 0,
            refused: 0,
            unknown: BTreeSet::new(),
            fault: None,
            untried: None,
            halt: None,
        }
    }

    pub(super) fn take(mut self, mut fates: mpsc::Receiver<(u64, Fate)>) -> anyhow::Result<Self> {
        let mut shown = Instant::now();
        while let Some((number, fate)) = fates.blocking_recv() {
            self.count(number, fate)?;
            if shown.elapsed() > Duration::from_millis(100) {
                shown = Instant::now();
                self.bar
                    .set_message(format!("{} users", HumanCount(self.created)));
            }
        }
        if let Some(rejected) = &mut self.rejected {
            rejected.file.flush().context("writing the refused lines")?;
        }
        self.bar.finish_and_clear();
        Ok(self)
    }

    fn count(&mut self, number: u64, fate: Fate) -> anyhow::Result<()> {
        match fate {
            Fate::Created => self.created += 1,
            Fate::Existed => self.existed += 1,
            Fate::Refused(text, reason) => self.refuse(number, text.as_deref(), &reason)?,
            Fate::Unknown(reason) => {
                self.unknown.insert(number);
                self.fault.get_or_insert(reason);
            }
            Fate::Untried(reason) => {
                self.untried = Some(self.untried.map_or(number, |first| first.min(number)));
                self.halt = self.halt.take().or(reason);
            }
        }
        Ok(())
    }

    /// A line that could not be kept is told however many were before.
    fn refuse(&mut self, number: u64, text: Option<&[u8]>, reason: &str) -> anyhow::Result<()> {
        self.refused += 1;
        let lost = match (&self.rejected, text) {
            (Some(rejected), None) => format!("; it is not in {}", rejected.path.display()),
            _ => String::new(),
        };
        if self.refused <= TOLD || !lost.is_empty() {
            self.bar
                .suspend(|| output::complain(&format!("line {number}: {reason}{lost}")));
        }
        if self.refused == TOLD + 1 {
            self.bar.suspend(|| output::complain("more lines were refused"));
        }
        match (&mut self.rejected, text) {
            (Some(rejected), Some(text)) => rejected.keep(text),
            _ => Ok(()),
        }
    }

    /// Says what became of it. `next` is the first line that was not handed out, unless all were.
    pub(super) fn report(self, took: Duration, next: Option<u64>) -> ExitCode {
        let each_second = u128::from(self.created) * 1_000_000 / took.as_micros().max(1);
        output::line(&format!(
            "{} users created in {:.1} s ({each_second}/s), {} were there already, {} lines refused",
            self.created,
            took.as_secs_f64(),
            self.existed,
            self.refused,
        ));
        let notes = [self.unanswered(), self.halted(), self.advice(next)];
        let failed = self.refused > 0 || notes.iter().any(Option::is_some);
        for note in notes.into_iter().flatten() {
            output::complain(&note);
        }
        if failed {
            ExitCode::FAILURE
        } else {
            ExitCode::SUCCESS
        }
    }

    /// How many lines had no answer, and which are the first of them.
    fn unanswered(&self) -> Option<String> {
        let fault = self.fault.as_deref()?;
        let count = self.unknown.len();
        let mut named: Vec<String> = self.unknown.iter().take(NAMED).map(u64::to_string).collect();
        if count > NAMED {
            named.push("...".to_owned());
        }
        let named = named.join(", ");
        Some(format!(
            "no answer came for {count} of the lines ({named}), look whether their users are there ({fault})"
        ))
    }

    fn halted(&self) -> Option<String> {
        let halt = self.halt.as_deref()?;
        let minutes = PATIENCE.as_secs() / 60;
        Some(format!("the server took no line for {minutes} minutes ({halt})"))
    }

    /// Where to go on, unless everything is done: with the first line of which nobody knows that it is.
    fn advice(&self, next: Option<u64>) -> Option<String> {
        let left = self
            .untried
            .into_iter()
            .chain(self.unknown.first().copied())
            .min();
        let first = left.into_iter().chain(next).min()?;
        let scattered = if left.is_some() {
            "; some lines after it are done, so give every user a userId and add --skip-existing"
        } else {
            ""
        };
        Some(format!("stopped early; go on with --from {first}{scattered}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tally(fates: impl IntoIterator<Item = (u64, Fate)>) -> Tally {
        let mut tally = Tally::new(ProgressBar::hidden(), None);
        for (number, fate) in fates {
            tally.count(number, fate).unwrap();
        }
        tally
    }

    #[test]
    fn one_goes_on_with_the_first_line_that_may_be_missing() {
        let unknown = |number| (number, Fate::Unknown("gone".to_owned()));
        let untried = |number| (number, Fate::Untried(None));
        assert_eq!(tally([]).advice(None), None);
        let plain = tally([]).advice(Some(9)).unwrap();
        assert!(plain.ends_with("--from 9"), "{plain}");
        for (fates, next) in [
            (vec![unknown(7), unknown(5), untried(8)], Some(9)),
            (vec![unknown(9), untried(5)], Some(9)),
            (vec![unknown(5)], None),
        ] {
            let advice = tally(fates).advice(next).unwrap();
            assert!(
                advice.contains("--from 5;") && advice.contains("--skip-existing"),
                "{advice}"
            );
        }
    }

    #[test]
    fn many_lines_without_an_answer_are_counted() {
        let lost = tally((1..=500).map(|number| (number, Fate::Unknown("gone".to_owned()))));
        let text = lost.unanswered().unwrap();
        assert!(text.contains("500 of the lines (1, 2, 3, 4, 5, ...)"), "{text}");
    }
}
