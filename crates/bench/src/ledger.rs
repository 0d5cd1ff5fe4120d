//! What was measured, by cell and round.

use serde::Serialize;

use crate::{api::Wire, drive::Outcome, floor::sync::Disk, process::Usage};

/// What is measured once a round.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Cell {
    pub(crate) what: &'static str,
    /// The store alone speaks no wire form.
    pub(crate) wire: Option<Wire>,
    /// Requests in flight.
    pub(crate) width: usize,
}

impl Cell {
    pub(crate) const fn new(what: &'static str, wire: Wire, width: usize) -> Self {
        Self {
            what,
            wire: Some(wire),
            width,
        }
    }
}

/// One measurement of a cell.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct Figure {
    /// Requests that were answered, all of them with success.
    pub(crate) requests: usize,
    /// Requests a second.
    pub(crate) rate: f64,
    /// Microseconds that half of them took at most.
    pub(crate) p50: f64,
    /// Microseconds that all but one in a hundred took at most.
    pub(crate) p99: f64,
    /// Processor time of the serving process for each request, in microseconds.
    pub(crate) cpu: f64,
    /// The part of it that the store's writer took.
    pub(crate) writer: f64,
    /// The most memory that the process ever had, in MiB.
    pub(crate) peak: f64,
    /// Durable commits for each sync of the disk, where it was counted.
    pub(crate) per_sync: f64,
}

impl Figure {
    /// The figure of a run that cost the serving process `usage`.
    pub(crate) fn of<Y>(outcome: &Outcome<Y>, usage: Usage, peak: f64) -> Self {
        let requests = crate::drive::count(outcome.micros.len()).max(1.0);
        Self {
            requests: outcome.micros.len(),
            rate: outcome.rate(),
            p50: outcome.quantile(0.5),
            p99: outcome.quantile(0.99),
            cpu: usage.all / requests,
            writer: usage.writer / requests,
            peak,
            per_sync: 0.0,
        }
    }
}

/// All rounds.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    cells: Vec<(Cell, Vec<Figure>)>,
    /// The disk, at the beginning and end of each round.
    pub(crate) disk: Vec<Disk>,
}

impl Ledger {
    /// Adds the figure of this round.
    pub(crate) fn enter(&mut self, cell: Cell, figure: Figure) {
        match self.cells.iter_mut().find(|(known, _)| *known == cell) {
            Some((_, figures)) => figures.push(figure),
            None => self.cells.push((cell, vec![figure])),
        }
    }

    /// All cells with their rounds, in the order in which they were first measured.
    pub(crate) fn cells(&self) -> &[(Cell, Vec<Figure>)] {
        &self.cells
    }

    /// The rounds of a cell; none if it was not measured.
    pub(crate) fn rounds(&self, cell: Cell) -> &[Figure] {
        self.cells
            .iter()
            .find(|(known, _)| *known == cell)
            .map_or(&[], |(_, figures)| figures)
    }

    /// The median over the rounds.
    pub(crate) fn median(&self, cell: Cell, of: impl Fn(&Figure) -> f64) -> Option<f64> {
        Spread::of(self.rounds(cell).iter().map(of)).map(|spread| spread.median)
    }

    /// The median of the rounds' ratios: what drifts from round to round drifts in both.
    pub(crate) fn ratio(&self, above: Cell, below: Cell) -> Option<f64> {
        let pairs = self.rounds(above).iter().zip(self.rounds(below));
        Spread::of(pairs.map(|(a, b)| a.rate / b.rate.max(1e-9))).map(|spread| spread.median)
    }
}

/// Smallest, middle and largest of the rounds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Spread {
    pub(crate) least: f64,
    pub(crate) median: f64,
    pub(crate) most: f64,
}

impl Spread {
    /// Nothing of nothing.
    pub(crate) fn of(values: impl Iterator<Item = f64>) -> Option<Self> {
        let mut values: Vec<f64> = values.collect();
        values.sort_unstable_by(f64::total_cmp);
        let middle = values.len() / 2;
        let median = match values.len() % 2 {
            0 => f64::midpoint(*values.get(middle.checked_sub(1)?)?, *values.get(middle)?),
            _ => *values.get(middle)?,
        };
        Some(Self {
            least: *values.first()?,
            median,
            most: *values.last()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_of_an_even_number_lies_between() {
        let spread = Spread::of([4.0, 1.0, 3.0, 2.0].into_iter()).unwrap();
        assert_eq!(
            spread,
            Spread {
                least: 1.0,
                median: 2.5,
                most: 4.0
            }
        );
        assert_eq!(Spread::of([].into_iter()), None);
    }

    #[test]
    fn ratios_are_taken_round_by_round() {
        let (a, b) = (Cell::new("a", Wire::Json, 1), Cell::new("b", Wire::Json, 1));
        let mut ledger = Ledger::default();
        for (above, below) in [(1.0, 2.0), (10.0, 10.0), (300.0, 100.0)] {
            ledger.enter(
                a,
                Figure {
                    rate: above,
                    ..Figure::default()
                },
            );
            ledger.enter(
                b,
                Figure {
                    rate: below,
                    ..Figure::default()
                },
            );
        }
        assert_eq!(ledger.ratio(a, b), Some(1.0));
    }
}
