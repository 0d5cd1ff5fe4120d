//! The bar that shows how far a long command is, where there is a terminal.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

/// A bar up to a size, or a sign of life where nobody knows it.
pub(super) fn bar(size: Option<u64>) -> ProgressBar {
    let bar = size.map_or_else(ProgressBar::new_spinner, ProgressBar::new);
    let style = match size {
        Some(_) => "{elapsed_precise} {bar:30} {percent}% {msg}, {eta} left",
        None => "{elapsed_precise} {spinner} {msg}",
    };
    bar.set_style(ProgressStyle::with_template(style).unwrap_or_else(|_| ProgressStyle::default_bar()));
    bar.enable_steady_tick(Duration::from_millis(200));
    bar
}
