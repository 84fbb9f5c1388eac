//! One file a command.

pub mod acquisition;
pub mod backtest;
pub mod backup;
pub mod check;
pub mod churn;
mod churn_ahead;
pub mod clv;
pub mod clv_ahead;
pub mod customer;
pub mod demo;
pub mod diff;
pub mod doctor;
pub mod erase;
pub mod fit;
pub mod import;
pub mod log;
pub mod mrr;
pub mod policy;
pub mod quality;
pub mod quarantine;
pub mod query;
pub mod rebuild;
pub mod replay;
pub mod report;
pub mod revenue;
pub mod rfm;
pub mod simulate;
pub mod stages;
pub mod survival;
pub mod verify;
pub mod void;

use tenure::core::projection::stage::Language;

use crate::lang::{Lang, Words};

/// How a command talks to people beside its answer: on stderr, in a language, or not at all.
#[derive(Clone, Copy, Debug)]
pub struct Talk {
    /// The language.
    pub lang: Lang,
    /// Say nothing but errors.
    pub quiet: bool,
}

impl Talk {
    /// The phrases of the language.
    pub const fn words(self) -> &'static Words {
        self.lang.words()
    }

    /// The language as the core names it.
    pub const fn language(self) -> Language {
        match self.lang {
            Lang::En => Language::En,
            Lang::ZhCn => Language::ZhCn,
        }
    }

    /// Says something.
    pub fn say(self, text: &str) {
        if !self.quiet {
            anstream::eprintln!("{}", crate::table::safe(text));
        }
    }
}

/// Says what somebody has to look at, also when quiet.
pub fn warn(text: &str) {
    anstream::eprintln!("{}", crate::table::safe(text));
}
