//! A shop in one file: record what happened, ask where somebody stands now and stood then, let time pass.
//!
//! ```console
//! $ cargo run -p tenure --example shop -- shop.db
//! ```

use std::error::Error;
use std::io::Write;
use std::path::Path;

use tenure::{Customer, CustomerEvent, Event, EventId, Money, Notice, Policy, Timestamp};

fn main() -> Result<(), Box<dyn Error>> {
    let path = std::env::args().nth(1).unwrap_or_else(|| "shop.db".into());
    pollster::block_on(run(Path::new(&path), &mut std::io::stdout().lock()))
}

/// The story of a shop. Told again on the same file, it adds nothing: facts are known by their ids.
///
/// # Errors
/// If the file is no store, or cannot be read or written.
pub async fn run(path: &Path, out: &mut impl Write) -> Result<(), Box<dyn Error>> {
    let engine = tenure::open(path, Policy::preset("retail").ok_or("no such preset")?).await?;

    for (id, who, day, total) in [
        ("o-1", "ann", "2024-01-05", "14.77"),
        ("o-2", "ben", "2024-01-09", "99.00"),
        ("o-3", "ann", "2024-02-01", "20.50"),
    ] {
        let recorded = engine.record([order(id, who, day, total)?]).await?;
        let news = if recorded.facts.already_stored() { "known" } else { "recorded" };
        writeln!(out, "{id} {news}{}", changes(&recorded.notices))?;
    }

    // Nobody buys for half a year. Only those whose time has come are looked at.
    let passed = engine.advance(Timestamp::parse("2024-07-01T00:00:00Z")?).await?;
    writeln!(out, "by July{}", changes(&passed.notices))?;

    // An order of March arrives late. What had been told and is no longer so is taken back.
    let late = engine.record([order("o-4", "ann", "2024-03-10", "5.00")?]).await?;
    writeln!(out, "o-4 late{}", changes(&late.notices))?;

    let ann = Customer::parse("ann", "shop")?;
    let now = engine.customer(ann.id()).await?.ok_or("nobody")?;
    let bought = now.rfm.monetary().map_or_else(String::new, |sum| format!(", bought for {sum}"));
    writeln!(out, "{} is {} since {}{bought}", now.customer, now.stage, now.since)?;
    let then = engine.customer(ann.id()).as_of(Timestamp::parse("2024-01-31T00:00:00Z")?).await?;
    writeln!(out, "{} was {} in January", ann, then.ok_or("nobody yet")?.stage)?;
    for change in engine.customer(ann.id()).timeline().await? {
        writeln!(out, "  {} {}", change.at, change.to)?;
    }

    for row in engine.population().stages().await?.stages.iter().filter(|row| row.customers > 0) {
        writeln!(out, "{}: {}", row.code, row.customers)?;
    }
    for row in engine.population().rfm().await?.customers {
        writeln!(out, "{}: {}", row.customer, row.segment)?;
    }
    Ok(())
}

fn order(id: &str, who: &str, day: &str, total: &str) -> Result<Event, Box<dyn Error>> {
    let total = Some(Money::parse(total, "USD".parse()?)?);
    let fact = CustomerEvent::OrderPlaced { order: Some(id.into()), total, lines: vec![] };
    let at = Timestamp::parse(&format!("{day}T12:00:00Z"))?;
    Ok(Event::new(EventId::from_foreign("shop", id), Customer::parse(who, "shop")?, at, fact)?)
}

fn changes(notices: &[Notice]) -> String {
    let one = |notice: &Notice| {
        let (customer, to) = (notice.change().customer(), notice.change().to().unwrap_or("nowhere"));
        match notice {
            Notice::Changed(_) => format!(", {customer} -> {to}"),
            Notice::Retracted(_) => format!(", {customer} not {to} after all"),
        }
    };
    notices.iter().map(one).collect()
}
