//! Commands about policies.

use std::path::PathBuf;

use clap::builder::PossibleValuesParser;
use clap::{Args, Subcommand};
use tenure::core::policy::check::Code;

use crate::answer::Format;

/// `tenure check`
#[derive(Args, Debug)]
pub struct Check {
    /// A preset (retail, saas, b2b) or a TOML file.
    #[arg(value_name = "PRESET|FILE.toml")]
    pub policy: String,

    /// Findings of this code are meant: they are told and do not count. More than once for several.
    #[arg(long, value_name = "CODE", value_parser = PossibleValuesParser::new(Code::ALL.iter().map(|code| code.name())), hide_possible_values = true)]
    pub allow: Vec<String>,

    /// How to print the findings.
    #[arg(long, value_enum, default_value_t = Format::Table)]
    pub format: Format,
}

/// `tenure policy`
#[derive(Args, Debug)]
pub struct Policy {
    /// What to do.
    #[command(subcommand)]
    pub command: PolicyCommand,
}

/// The commands about policies.
#[derive(Debug, Subcommand)]
pub enum PolicyCommand {
    /// Print a whole policy as TOML, every default filled in and commented in --lang.
    Show {
        /// A preset (retail, saas, b2b) or a TOML file.
        #[arg(long, visible_alias = "preset", default_value = "retail", value_name = "PRESET|FILE.toml")]
        policy: String,

        /// The policy by which what engines keep in this store is made, instead.
        #[arg(long, value_name = "FILE", conflicts_with = "policy")]
        store: Option<PathBuf>,

        /// The name under which engines keep it.
        #[arg(long, requires = "store", default_value = "lifecycle")]
        name: String,
    },
    /// Write a preset as a commented file to edit; an existing file is not touched.
    Init {
        /// The preset to start from.
        #[arg(long, value_parser = PossibleValuesParser::new(tenure::core::Policy::PRESETS))]
        preset: String,

        /// The file. Default: PRESET.toml.
        file: Option<PathBuf>,
    },
    /// List the currencies of ISO 4217 and how many decimals their amounts have.
    Currencies {
        /// How to print the list.
        #[arg(long, value_enum, default_value_t = Format::Table)]
        format: Format,
    },
}
