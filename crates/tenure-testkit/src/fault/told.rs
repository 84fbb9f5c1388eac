//! What a child said: which batches it tried, which were acknowledged, which were refused and how.

/// An append that a child was refused, or an opening.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The batch; none where the store did not open.
    pub batch: Option<u64>,
    /// Whether the store left open if the batch is stored. Else it said that it is not.
    pub unknown: bool,
    /// Whether the error named a file of the store or a position, so that somebody can do something about it.
    pub named: bool,
    /// The error and its causes.
    pub text: String,
}

/// What a child said on its standard output, line by line: `TRY n` before and `ACK n` after each durable append, `ERR`
/// for each refusal, `END` when it came to its end.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Told {
    /// One more than the last batch that was tried.
    pub tried: u64,
    /// One more than the last batch that was acknowledged. A child goes on to the next batch only after that.
    pub acknowledged: u64,
    /// What was refused.
    pub refused: Vec<Refusal>,
    /// Whether it did everything.
    pub ended: bool,
}

impl Told {
    /// Reads lines; what is none of the child's is left out, and so is a last line without its end.
    ///
    /// # Example
    /// ```
    /// use tenure_testkit::fault::Told;
    /// let told = Told::from_lines("running 1 test\nTRY 0\nACK 0\nTRY 1\nERR 1 nothing named a.db: full\nTRY 1\nAC");
    /// assert_eq!((told.tried, told.acknowledged, told.refused.len()), (2, 1, 1));
    /// assert!(!told.refused[0].unknown && told.refused[0].named && !told.ended);
    /// ```
    pub fn from_lines(text: &str) -> Self {
        let mut told = Self::default();
        text.split_inclusive('\n').filter_map(|line| line.strip_suffix('\n')).for_each(|line| told.add(line));
        told
    }

    /// Takes one line in.
    pub(super) fn add(&mut self, line: &str) {
        let number = |text: &str| text.parse::<u64>().ok();
        let mut words = line.splitn(5, ' ');
        match (words.next(), words.next()) {
            (Some("TRY"), Some(n)) => self.tried = self.tried.max(number(n).map_or(0, |n| n + 1)),
            (Some("ACK"), Some(n)) => {
                self.acknowledged = self.acknowledged.max(number(n).map_or(0, |n| n + 1));
            }
            (Some("ERR"), Some(n)) => {
                let unknown = words.next() == Some("unknown");
                let named = words.next() == Some("named");
                let text = words.next().unwrap_or_default().to_owned();
                self.refused.push(Refusal { batch: number(n), unknown, named, text });
            }
            (Some("END"), None) => self.ended = true,
            _ => {}
        }
    }

    /// Joins what a later child said of the same store.
    pub fn join(&mut self, later: Self) {
        self.tried = self.tried.max(later.tried);
        self.acknowledged = self.acknowledged.max(later.acknowledged);
        self.refused.extend(later.refused);
        self.ended |= later.ended;
    }

    /// Whether the store said of a batch, each time that it was tried, that it was not stored.
    pub(super) fn denies(&self, batch: u64) -> bool {
        let mut refusals = self.refused.iter().filter(|refusal| refusal.batch == Some(batch)).peekable();
        refusals.peek().is_some() && refusals.all(|refusal| !refusal.unknown)
    }
}
