//! `tenure replay --rebuild`: what engines keep in a store, made anew beside the live one, compared, switched, taken back.

use core::ops::ControlFlow;
use std::process::ExitCode;
use std::sync::atomic::Ordering;

use pollster::block_on;
use serde_json::{Value, json};
use tenure::core::Policy;
use tenure::sqlite::SqliteStore;
use tenure::store::{
    Comparison, DifferingCustomer, EngineError, EventStore, Generation, Keep, KeptError, KeptView,
    PolicyRebuild, Progress as At, Switched, kept_policy, live_generation,
};

use crate::answer::Answer;
use crate::args;
use crate::command::{Talk, rfm};
use crate::error::{CliError, chain};
use crate::interrupt::interrupt;
use crate::lang::{Words, fill};
use crate::progress::Progress;
use crate::question::read_policy;
use crate::source;
use crate::table::{Cell, Table, day_or_instant, safe, thousands};

/// Runs the command.
///
/// # Errors
/// Wrong usage or input, or a failing store. Stopped, what was built stays, and the same command goes on there.
pub fn run(args: &args::Replay, talk: Talk) -> Result<ExitCode, CliError> {
    let keep = Keep::under(&args.name)?;
    let path = args.question.source.store.as_deref();
    let path = path.ok_or_else(|| CliError::input("name the store: --store FILE"))?;
    // What costs nothing is refused first.
    let policy = if args.rollback { None } else { Some(read_policy("--policy ", &args.question.policy)?.0) };
    let store = source::open_existing(path)?;
    let name = args.name.parse()?;
    let live = block_on(live_generation(&store, &name))?;
    // The labels of its stages; a policy that cannot be read is told by the comparison.
    let live_policy = block_on(kept_policy(&store, &name)).ok().flatten();
    let rebuild = match policy {
        Some(policy) => block_on(PolicyRebuild::begin(&store, policy, keep)),
        None => block_on(PolicyRebuild::back(&store, keep)),
    };
    let mut work = Work { args, talk, store: &store, live, live_policy, rebuild: rebuild? };
    work.catch_up()?;
    let comparison = if args.rollback { Compared::NotAsked } else { work.compare()? };
    let switched = if args.switch || args.rollback { Some(block_on(work.rebuild.switch())?) } else { None };
    work.answer(&comparison, switched.as_ref())?.print(args.question.format)?;
    Ok(ExitCode::SUCCESS)
}

struct Work<'a> {
    args: &'a args::Replay,
    talk: Talk,
    store: &'a SqliteStore,
    /// The generation that was live at the beginning.
    live: Option<Generation>,
    live_policy: Option<Policy>,
    rebuild: PolicyRebuild<&'a SqliteStore>,
}

/// What came of comparing.
enum Compared {
    NotAsked,
    /// Nothing is live.
    WithNothing,
    /// It is not known by which policy the live one is made.
    Unknown(String),
    Made(Box<Comparison>),
}

impl Work<'_> {
    fn catch_up(&mut self) -> Result<(), CliError> {
        let w = self.talk.words();
        let Generation { number, checkpoint, .. } = *self.rebuild.generation();
        let stop = interrupt()?;
        if checkpoint.position.0 > 0 && !self.args.rollback {
            self.talk.say(&fill(w.rebuild_resumed, &[&number, &count(checkpoint.position.0)]));
        }
        let bar = Progress::new(w.rebuilding, 1, self.talk.quiet);
        bar.from(checkpoint.position.0);
        let progress = |At { position, head, .. }: At| {
            bar.of(head.0.max(1));
            bar.at(position.0);
            if stop.load(Ordering::Relaxed) { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        };
        block_on(self.rebuild.catch_up(progress))?;
        Ok(())
    }

    fn compare(&mut self) -> Result<Compared, CliError> {
        match block_on(self.rebuild.compare(self.args.examples)) {
            Ok(Some(comparison)) => Ok(Compared::Made(Box::new(comparison))),
            Ok(None) => Ok(Compared::WithNothing),
            Err(EngineError::Kept(error @ (KeptError::NoPolicy { .. } | KeptError::PolicyUnfit { .. }))) => {
                Ok(Compared::Unknown(chain(&error)))
            }
            Err(error) => Err(error.into()),
        }
    }

    fn answer(&self, compared: &Compared, switched: Option<&Switched>) -> Result<Answer, CliError> {
        let (args, w) = (self.args, self.talk.words());
        let (policy, generation) = (self.rebuild.policy(), self.rebuild.generation());
        let (position, head) = (generation.checkpoint.position, block_on(self.store.head())?.position);
        let comparison = match compared {
            Compared::Made(comparison) => Some(&**comparison),
            _ => None,
        };
        let from = match switched {
            Some(switched) => switched.from,
            None => self.live.as_ref().map(|live| live.number),
        };
        let as_of = comparison.and_then(|comparison| comparison.as_of);
        let title = if args.rollback { w.rollback_of } else { w.rebuild_of };
        let mut heading = fill(title, &[&args.name]);
        if let Some(as_of) = as_of {
            heading = heading + " · " + w.as_of + " " + &day_or_instant(as_of);
        }
        if let Some(Comparison { before, .. }) = comparison {
            heading = heading + " · " + &named(&before.policy, &before.hash) + " →";
        } else {
            heading += " ·";
        }
        heading = heading + " " + &named(&policy.name, &policy.hash());
        let mut answer = Answer {
            query: json!({
                "command": "replay", "rebuild": !args.rollback, "switch": args.switch, "rollback": args.rollback,
                "name": args.name, "examples": args.examples,
            }),
            as_of: json!(as_of),
            known_at: Value::Null,
            policy: json!({"name": policy.name, "hash": policy.hash()}),
            body: json!({
                "name": args.name, "generation": generation.number, "live_before": from,
                "switched": switched.is_some(), "position": position, "head": head,
                "comparison": comparison,
            }),
            heading,
            tables: Vec::new(),
            notes: Vec::new(),
            list: None,
        };
        if let Some(comparison) = comparison {
            self.tables(comparison, &mut answer);
        }
        if let Compared::Unknown(why) = compared {
            answer.notes.push(fill(w.rebuild_not_compared, &[why]));
        }
        answer.notes.push(match (switched.is_some(), from) {
            (true, Some(from)) => fill(w.rebuild_switched, &[&generation.number, &from]),
            (true, None) => fill(w.rebuild_first_live, &[&generation.number]),
            (false, Some(from)) => fill(w.rebuild_beside, &[&generation.number, &from]),
            (false, None) => fill(w.rebuild_first, &[&generation.number]),
        });
        if position < head {
            answer.notes.push(fill(w.rebuild_behind, &[&count(position.0), &count(head.0)]));
        }
        Ok(answer)
    }

    fn tables(&self, comparison: &Comparison, answer: &mut Answer) {
        let w = self.talk.words();
        let counts = [comparison.customers, comparison.position.0, comparison.differing].map(count);
        answer.notes.push(fill(w.rebuild_compared, &counts.each_ref().map(|count| count as _)));
        for side in [&comparison.before, &comparison.after] {
            if let Some(why) = &side.unsegmented {
                answer.notes.push(fill(w.rebuild_unsegmented, &[&side.generation, why]));
            }
        }
        let columns = [("field", w.rebuild_field), ("customers", w.rebuild_differing), ("share", w.share)];
        let mut fields = Table::new("", &columns);
        for count in &comparison.fields {
            #[expect(clippy::cast_precision_loss, reason = "a share for people")]
            let share = count.customers as f64 / comparison.customers.max(1) as f64;
            let label = Cell::Code(count.field.into(), label(count.field, w).into());
            fields.push(vec![label, count.customers.into(), Cell::Percent(share)]);
        }
        answer.tables.push(fields);
        let columns = [
            ("customer", w.customer),
            ("field", w.rebuild_field),
            ("before", w.rebuild_before),
            ("after", w.rebuild_after),
        ];
        let mut examples = Table::new(w.rebuild_examples, &columns);
        for DifferingCustomer { customer, fields, before, after } in &comparison.examples {
            for (n, field) in fields.iter().enumerate() {
                let shown = |view: &Option<KeptView>, policy: Option<&Policy>| {
                    let shown = view.as_ref().and_then(|view| self.shown(view, field, policy?));
                    // Nothing is told as such: an empty cell could be anything.
                    Cell::from(shown.unwrap_or_else(|| "–".into()))
                };
                let who = if n == 0 { customer.as_str() } else { "" };
                let (before, after) =
                    (shown(before, self.live_policy.as_ref()), shown(after, Some(self.rebuild.policy())));
                examples.push(vec![who.into(), label(field, w).into(), before, after]);
            }
        }
        answer.tables.push(examples);
        let left_out = comparison.differing.saturating_sub(comparison.examples.len() as u64);
        if left_out > 0 && !comparison.examples.is_empty() {
            answer.notes.push(fill(w.plus_more, &[&count(left_out)]));
        }
    }

    /// A field of a view as people read it; none where it has no value.
    fn shown(&self, view: &KeptView, field: &str, policy: &Policy) -> Option<String> {
        let stage = |code: &str| {
            let stage = policy.stages.iter().find(|stage| &*stage.id == code);
            stage.map_or(code, |stage| stage.labels.of(self.talk.language())).to_owned()
        };
        match field {
            "stage" => view.stage.as_deref().map(stage),
            "since" => view.since.map(day_or_instant),
            "rule" => view.rule.as_deref().map(str::to_owned),
            "next_change" => view
                .next_change
                .as_ref()
                .map(|next| format!("{} → {}", day_or_instant(next.at), stage(&next.to))),
            "recency_days" => view.recency_days.map(|days| Cell::from(u64::from(days)).shown()),
            "frequency" => view.frequency.map(|frequency| Cell::from(frequency).shown()),
            "monetary" => view.monetary.map(|sum| Cell::Money(sum).shown()),
            "segment" => view.segment.as_deref().map(|code| rfm::label(&policy.rfm, code, self.talk).shown()),
            _ => None,
        }
    }
}

fn count(n: u64) -> String {
    thousands(&n.to_string())
}

fn named(policy: &str, hash: &str) -> String {
    format!("{} {}", safe(policy), hash.get(..12).unwrap_or(hash))
}

fn label<'w>(field: &'w str, w: &Words) -> &'w str {
    match field {
        "stage" => w.stage,
        "since" => w.held_since,
        "rule" => w.rebuild_rule,
        "next_change" => w.rebuild_next,
        "recency_days" => w.recency_days,
        "frequency" => w.frequency,
        "monetary" => w.monetary,
        "segment" => w.segment,
        other => other,
    }
}

impl From<EngineError> for CliError {
    fn from(error: EngineError) -> Self {
        match error {
            EngineError::Store(error) => error.into(),
            EngineError::Kept(error) => error.into(),
            EngineError::Policy(error) => Self::input(format!("the policy cannot be used: {error}")).hint(
                "a policy of stages has [[stage]] and [[rule]] tables; the presets retail, saas and b2b have them",
            ),
            error => hinted(Self::store(&error), error.hint()),
        }
    }
}

impl From<KeptError> for CliError {
    fn from(error: KeptError) -> Self {
        match error {
            KeptError::Store(error) => error.into(),
            KeptError::Stopped { .. } => {
                Self::stopped(chain(&error)).hint("what was built stays: the same command goes on there")
            }
            KeptError::NothingKept { .. } => Self::input(&error)
                .hint("see to --name; tenure replay --rebuild --switch makes the first generation"),
            KeptError::Foreign { .. } => hinted(Self::store(&error), error.hint()),
            error => hinted(Self::input(&error), error.hint()),
        }
    }
}

fn hinted(told: CliError, hint: Option<&'static str>) -> CliError {
    match hint {
        Some(hint) => told.hint(hint),
        None => told,
    }
}
