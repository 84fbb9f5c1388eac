//! `tenure simulate`: made-up customers, into a store or to stdout.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use pollster::block_on;
use tenure::core::log::Append;
use tenure::core::{Event, Position, Timestamp, Version};
use tenure::sqlite::{Options, SqliteStore};
use tenure::store::{EventStore, ManualClock};
use tenure_testkit::simulate::{Arrival, Simulation};

use crate::args;
use crate::command::Talk;
use crate::error::CliError;
use crate::lang::fill;
use crate::progress::Progress;
use crate::source;

/// Facts a commit.
const CHUNK: usize = 1000;

/// Runs the command. The facts have ids that the seed decides, so that a second run adds nothing to a store.
///
/// # Errors
/// Wrong usage, or a failing store.
pub fn run(args: &args::Simulate, talk: Talk) -> Result<ExitCode, CliError> {
    let simulation = simulation(args)?;
    if let Some(path) = &args.store {
        source::can_be_made(path)?;
    }
    let truth = args.truth.as_deref().map(create).transpose()?;
    if let (Some(out), Some(path)) = (truth, &args.truth) {
        write_truth(&simulation, BufWriter::new(out))
            .map_err(|error| CliError::input(format!("cannot write {}: {error}", path.display())))?;
    }
    let Some(path) = &args.store else {
        return match print_lines(&simulation) {
            Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(CliError::output(&error)),
            _ => Ok(ExitCode::SUCCESS),
        };
    };
    // The store learns each fact when it arrives in the simulation, so that questions of --known-at mean something.
    let clock = Arc::new(ManualClock::new(Timestamp::MIN));
    let store = SqliteStore::open(path, Options::default().clock(clock.clone()))?;
    let (facts, new) = if args.ack {
        acknowledged(&simulation, &store, &clock)?
    } else {
        in_batches(&simulation, &store, &clock, talk)?
    };
    talk.say(&fill(talk.words().simulated, &[&path.display(), &facts, &simulation.customers(), &new]));
    Ok(ExitCode::SUCCESS)
}

fn simulation(args: &args::Simulate) -> Result<Simulation, CliError> {
    let share = |name: &str, text: &str| text.parse().map_err(|e| CliError::input(format!("--{name}: {e}")));
    let (start, end) = (instant("start", &args.start)?, instant("end", &args.end)?);
    let mix = args.kind.parse().map_err(|error| CliError::input(format!("--kind: {error}")))?;
    let (late, repeated) = (share("late", &args.late)?, share("duplicates", &args.duplicates)?);
    Ok(Simulation::new(args.seed, args.customers)
        .between(start, end)
        .map_err(|error| CliError::input(error).hint("choose other instants with --start and --end"))?
        .of(mix)
        .late(late)
        .repeated(repeated))
}

/// An instant, or the first one of a date.
fn instant(name: &str, text: &str) -> Result<Timestamp, CliError> {
    let midnight = format!("{text}T00:00:00Z");
    let written = if text.len() == 10 { &midnight } else { text };
    Timestamp::parse(written).map_err(|_| {
        CliError::input(format!("--{name}: \"{text}\" is not a time"))
            .hint("give a date such as 2024-05-01, or an instant such as 2024-05-01T00:00:00Z")
    })
}

fn create(path: &Path) -> Result<File, CliError> {
    File::create_new(path).map_err(|error| {
        let told = CliError::input(format!("--truth {}: {error}", path.display()));
        match error.kind() {
            io::ErrorKind::AlreadyExists => told.hint("name another file; none is written over"),
            _ => told,
        }
    })
}

/// One row a life: who, which kind, the number of the life, and when it began and ended.
fn write_truth(simulation: &Simulation, mut out: impl Write) -> io::Result<()> {
    writeln!(out, "customer,kind,life,from,to")?;
    for number in 1..=simulation.customers() {
        let truth = simulation.truth(number);
        for (life, place) in truth.lives.iter().zip(1..) {
            let to = life.to.map(|to| to.to_string()).unwrap_or_default();
            writeln!(out, "{},{},{place},{},{to}", truth.customer, truth.archetype, life.from)?;
        }
    }
    out.flush()
}

fn print_lines(simulation: &Simulation) -> io::Result<()> {
    let mut out = BufWriter::new(io::stdout().lock());
    for Arrival { recorded_at, event } in simulation.arrivals() {
        let context = event.context().to_text();
        let fact = event.recorded((Position::START, Version(0)), recorded_at, &context);
        writeln!(out, "{}", fact.to_unplaced_line())?;
    }
    out.flush()
}

/// Appends fact by fact. Whoever reads along knows at every instant which facts are on disk and which may be.
fn acknowledged(
    simulation: &Simulation,
    store: &SqliteStore,
    clock: &ManualClock,
) -> Result<(u64, u64), CliError> {
    let say = |word: &str, event: &Event| {
        let mut out = io::stdout().lock();
        writeln!(out, "{word} {}", event.id())
            .and_then(|()| out.flush())
            .map_err(|error| CliError::output(&error))
    };
    let (mut facts, mut new) = (0, 0);
    for Arrival { recorded_at, event } in simulation.arrivals() {
        clock.set(recorded_at);
        say("TRY", &event)?;
        let appended = block_on(store.append(Append::new(vec![event.clone()])))?;
        say("ACK", &event)?;
        facts += 1;
        new += appended.stored() as u64;
    }
    Ok((facts, new))
}

fn in_batches(
    simulation: &Simulation,
    store: &SqliteStore,
    clock: &ManualClock,
    talk: Talk,
) -> Result<(u64, u64), CliError> {
    let bar = Progress::new(talk.words().simulating, 0, talk.quiet);
    let (mut facts, mut new) = (0, 0);
    let mut batch: Vec<Event> = Vec::with_capacity(CHUNK);
    let mut last = Timestamp::MIN;
    let mut append = |batch: &mut Vec<Event>, last| {
        if batch.is_empty() {
            return Ok::<_, CliError>(());
        }
        clock.set(last);
        facts += batch.len() as u64;
        new += block_on(store.append(Append::new(core::mem::take(batch))))?.stored() as u64;
        bar.at(facts);
        Ok(())
    };
    for Arrival { recorded_at, event } in simulation.arrivals() {
        // One commit has one `recorded_at`, so none spans two days.
        if batch.len() == CHUNK || recorded_at.as_micros() / DAY != last.as_micros() / DAY {
            append(&mut batch, last)?;
        }
        last = recorded_at;
        batch.push(event);
    }
    append(&mut batch, last)?;
    Ok((facts, new))
}

const DAY: i64 = 86_400_000_000;
