//! What a command ends with when it cannot do what was asked.

use std::process::ExitCode;

use crate::table::safe;

/// An error as people read it: what went wrong, where, and what to do.
#[derive(Debug)]
pub struct CliError {
    kind: Kind,
    message: String,
    hint: Option<String>,
}

/// Which exit code an error has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// Exit code 2: wrong usage or input.
    Input,
    /// Exit code 3: the store failed.
    Store,
    /// Exit code 130: somebody pressed Ctrl-C.
    Stopped,
}

impl CliError {
    /// Wrong usage or wrong input.
    pub fn input(error: impl core::fmt::Display) -> Self {
        Self { kind: Kind::Input, message: error.to_string(), hint: None }
    }

    /// The store failed.
    pub fn store(error: &(dyn core::error::Error + 'static)) -> Self {
        Self { kind: Kind::Store, message: chain(error), hint: None }
    }

    /// Somebody asked to stop.
    pub const fn stopped(message: String) -> Self {
        Self { kind: Kind::Stopped, message, hint: None }
    }

    /// Stdout cannot be written, for another reason than that nobody reads any more.
    pub fn output(error: &std::io::Error) -> Self {
        Self::input(format!("cannot write to stdout: {error}"))
    }

    /// The same with advice.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// The same with the file that it is about before it.
    #[must_use]
    pub fn of(mut self, file: &std::path::Path) -> Self {
        self.message = format!("{}: {}", file.display(), self.message);
        self
    }

    /// What went wrong, and what to do.
    pub fn parts(&self) -> (&str, Option<&str>) {
        (&self.message, self.hint.as_deref())
    }

    /// Prints it and gives the exit code.
    pub fn report(&self) -> ExitCode {
        anstream::eprintln!(
            "{}error:{} {}",
            style(anstyle::AnsiColor::Red),
            anstyle::Reset,
            lines(&self.message)
        );
        if let Some(hint) = &self.hint {
            anstream::eprintln!("{}hint:{} {}", style(anstyle::AnsiColor::Cyan), anstyle::Reset, lines(hint));
        }
        match self.kind {
            Kind::Input => ExitCode::from(2),
            Kind::Store => ExitCode::from(3),
            Kind::Stopped => ExitCode::from(130),
        }
    }
}

fn style(color: anstyle::AnsiColor) -> anstyle::Style {
    anstyle::Style::new().bold().fg_color(Some(color.into()))
}

/// A text of several lines with nothing in it that moves the cursor: messages quote what people typed and files hold.
fn lines(text: &str) -> String {
    text.lines().map(safe).collect::<Vec<_>>().join("\n")
}

/// An error and what caused it, in one line. A cause that the message quotes already is not told twice.
pub fn chain(error: &(dyn core::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        let cause = error.to_string();
        if !text.ends_with(&cause) {
            text = text + ": " + &cause;
        }
        source = error.source();
    }
    text
}
