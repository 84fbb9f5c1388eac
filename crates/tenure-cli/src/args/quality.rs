//! Commands about the quality of data.

use std::path::PathBuf;

use clap::Args;

use super::Question;
use crate::answer::Format;

/// `tenure doctor`
#[derive(Args, Debug)]
pub struct Doctor {
    /// The store to look at. Without one: the program and its surroundings alone.
    #[arg(long, value_name = "FILE")]
    pub store: Option<PathBuf>,

    /// Check every stored fact against its checksums and the hash chain, too, as tenure verify does.
    #[arg(long, requires = "store")]
    pub verify: bool,

    /// A policy to look at: a preset (retail, saas, b2b) or a TOML file.
    #[arg(long, value_name = "PRESET|FILE.toml")]
    pub policy: Option<String>,

    /// How to print what was found.
    #[arg(long, value_enum, default_value_t = Format::Table)]
    pub format: Format,
}

/// `tenure quality`
#[derive(Args, Debug)]
pub struct Quality {
    /// The question.
    #[command(flatten)]
    pub question: Question,

    /// Exit code 1 where something is found that ought to be mended: required fields missing, contacts that cannot be
    /// read, suspected duplicates, clocks ahead, values out of range. Late facts, unknown kinds, old schemas and
    /// corrections are told and never count.
    #[arg(long)]
    pub strict: bool,
}
