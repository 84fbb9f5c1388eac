//! One pass over the facts in the order of the log: what they are like, and up to when they reach.

use tenure::core::Timestamp;
use tenure::core::log::{Corrections, Cut, KindSet, KnownAt, Read};
use tenure::core::report::quality::{LogQuality, LogQualityAnswer};

use crate::command::Talk;
use crate::error::CliError;
use crate::progress::Progress;
use crate::question::Question;
use crate::source::Source;

/// What one look at the facts of a question told.
#[derive(Debug)]
pub struct LogPass {
    /// What the facts are like. Voids and merges are applied and not counted.
    pub quality: LogQualityAnswer,
    /// How many facts were left out because they were taken back.
    pub voided: u64,
    /// What was taken back and merged.
    pub corrections: Corrections,
    /// The instant to answer for: what was asked, else the latest fact; none without facts.
    pub as_of: Option<Timestamp>,
    /// The cut under which a fold sees these facts and no others, even while somebody writes.
    pub cut: Cut,
}

/// Looks at every fact that counts, in the order of the log.
///
/// A pass of its own beside the fold: a fold gets each customer's facts in order of time, and in that order no fact is
/// late. It is streaming, a page at a time; what it keeps grows with the number of customers (one instant each) and not
/// with that of facts. Since it finds the latest fact, whoever needs to know the instant of the answer before folding
/// asks it first, and folds once.
///
/// # Errors
/// If the store fails or holds a fact that cannot be read.
pub fn log_pass(question: &Question, talk: Talk) -> Result<LogPass, CliError> {
    let head = question.source.head()?.position;
    let mut cut = question.cut();
    if cut.known_at == KnownAt::Latest {
        cut.known_at = KnownAt::Position(head);
    }
    let corrections = corrections(&question.source, cut)?;
    let bar = Progress::new(talk.words().looking_through, head.0.max(1), talk.quiet);
    let mut quality = LogQuality::default();
    let mut latest = None;
    let mut voided = 0;
    let mut read = Read::all().cut(cut);
    while read.from < head {
        let page = question.source.read(&read)?;
        for fact in page.facts.iter() {
            if fact.position > head || fact.event.kind.corrects() {
                continue;
            }
            if corrections.admits(&fact.event) {
                latest = latest.max(Some(fact.event.occurred_at));
                quality.add(&fact);
            } else {
                voided += 1;
            }
        }
        // A log does not shrink; a store that says so would make this loop for ever.
        read = read.from(if page.is_last(&read) { head } else { page.scanned_to });
        bar.at(read.from.0);
    }
    cut.as_of = cut.as_of.or(latest);
    Ok(LogPass { quality: quality.finish(), voided, corrections, as_of: cut.as_of, cut })
}

/// Everything under a cut that was taken back or merged.
///
/// # Errors
/// If the store fails.
pub fn corrections(source: &Source, cut: Cut) -> Result<Corrections, CliError> {
    let mut corrections = Corrections::new();
    let mut read = Read::all().kinds(KindSet::CORRECTIONS).cut(cut);
    loop {
        let page = source.read(&read)?;
        for fact in page.facts.iter() {
            corrections.add(&fact.event);
        }
        if page.is_last(&read) {
            return Ok(corrections);
        }
        read = read.from(page.scanned_to);
    }
}
