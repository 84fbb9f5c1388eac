//! Progress on stderr: a bar on a terminal, nothing elsewhere.

use core::fmt;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle};

/// A bar for long work; silent when told so or when stderr is no terminal.
#[derive(Debug)]
pub struct Progress(ProgressBar);

impl Progress {
    /// A bar over `total` units of something, such as facts; of unknown length if 0.
    pub fn new(what: &'static str, total: u64, quiet: bool) -> Self {
        let bar = if total == 0 { ProgressBar::no_length() } else { ProgressBar::new(total) };
        bar.set_draw_target(if quiet {
            ProgressDrawTarget::hidden()
        } else {
            ProgressDrawTarget::stderr_with_hz(8)
        });
        let template = if total == 0 {
            "{prefix} {spinner} {human_pos} ({rate})"
        } else {
            "{prefix} [{bar:30}] {human_pos}/{human_len} ({rate}, {eta})"
        };
        if let Ok(style) = ProgressStyle::with_template(template) {
            let rate = |state: &ProgressState, out: &mut dyn fmt::Write| {
                // A bar that cannot be drawn is no reason to stop.
                let _ = write!(out, "{:.0}/s", state.per_sec());
            };
            bar.set_style(style.with_key("rate", rate).progress_chars("█▉▊▋▌▍▎▏ "));
        }
        bar.set_prefix(what);
        bar.enable_steady_tick(Duration::from_millis(200));
        Self(bar)
    }

    /// Begins at a place, so that neither rate nor rest counts what was done before.
    pub fn from(&self, position: u64) {
        self.0.set_position(position);
        self.0.reset_eta();
    }

    /// Moves to a place.
    pub fn at(&self, position: u64) {
        self.0.set_position(position);
    }

    /// Says something without tearing the bar.
    pub fn aside(&self, say: impl FnOnce()) {
        self.0.suspend(say);
    }

    /// Says how long the work is, where that turned out later.
    pub fn of(&self, total: u64) {
        self.0.set_length(total);
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}
