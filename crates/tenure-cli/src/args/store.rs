//! Commands about stores.

use std::path::PathBuf;

use clap::{ArgGroup, Args};

use super::Question;
use crate::answer::Format;

/// What a rebuild has no use for.
const NOT_REBUILT: [&str; 5] = ["events", "namespace", "known_at", "threads", "as_of"];

/// `tenure replay`
#[derive(Args, Debug)]
#[command(group = ArgGroup::new("kept").multiple(true))]
pub struct Replay {
    /// The question.
    #[command(flatten)]
    pub question: Question,

    /// Rebuild what engines keep in the store: a new generation under --policy beside the live one, which goes on, and
    /// compare the two. Stopped, it goes on there the next time.
    #[arg(long, group = "kept", requires_all = ["store", "policy"], conflicts_with_all = NOT_REBUILT)]
    pub rebuild: bool,

    /// Rebuild, and put the new generation in the place of the live one, at once.
    #[arg(long, group = "kept", requires_all = ["store", "policy"], conflicts_with_all = NOT_REBUILT)]
    pub switch: bool,

    /// Put the generation that was live before back in its place, under the policy kept with it.
    #[arg(long, group = "kept", requires = "store", conflicts_with_all = NOT_REBUILT)]
    #[arg(conflicts_with_all = ["policy", "rebuild", "switch"])]
    pub rollback: bool,

    /// The name under which engines keep it.
    #[arg(long, requires = "kept", default_value = "lifecycle")]
    pub name: String,

    /// How many customers that differ are shown.
    #[arg(long, requires = "kept", value_name = "N", default_value_t = 10)]
    pub examples: usize,
}

/// `tenure verify`
#[derive(Args, Debug)]
pub struct Verify {
    /// The store to check.
    #[arg(long, value_name = "FILE")]
    pub store: PathBuf,

    /// How to print the result.
    #[arg(long, value_enum, default_value_t = Format::Table)]
    pub format: Format,
}

/// `tenure backup`
#[derive(Args, Debug)]
pub struct Backup {
    /// The store to copy.
    #[arg(long, value_name = "FILE")]
    pub store: PathBuf,

    /// The copy; a file that does not exist yet.
    pub out: PathBuf,

    /// Copy the keys of personal data too, to this file that does not exist yet. Keep it apart from the copy, and not
    /// long: what is erased later can be read with it.
    #[arg(long, value_name = "FILE")]
    pub keys: Option<PathBuf>,

    /// How to print the result.
    #[arg(long, value_enum, default_value_t = Format::Table)]
    pub format: Format,
}
