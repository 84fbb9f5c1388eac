use std::collections::BTreeSet;
use std::io::{BufRead, BufReader};
use std::process::Stdio;

use crate::{Place, digest};

#[test]
fn a_second_run_adds_nothing_and_lines_say_what_the_store_says() {
    let place = Place::new();
    place.line("simulate --customers 60 --seed 7 --store s.db --quiet");
    let first = place.line("log --store s.db");
    let again = place.run("simulate --customers 60 --seed 7 --store s.db".split_whitespace());
    assert!(again.err.contains("0 of them new"), "{again:?}");
    assert_eq!(place.line("log --store s.db"), first);
    let lines = place.line("simulate --customers 60 --seed 7");
    assert_eq!(lines, place.line("simulate --customers 60 --seed 7"));
    // The file has the repeated facts as they came; the store has each once.
    assert!(lines.lines().count() > first.lines().count());
    place.write("s.jsonl", lines);
    assert_eq!(digest(&place, "--store s.db"), digest(&place, "--events s.jsonl"));
}

#[test]
fn the_truth_is_a_row_a_life_and_no_file_is_written_over() {
    let place = Place::new();
    place.line("simulate --customers 40 --seed 7 --kind retail --store s.db --truth t.csv --quiet");
    let truth = place.read("t.csv");
    assert!(truth.starts_with("customer,kind,life,from,to\nsim:7-0000001,retail,1,202"), "{truth}");
    let customers: BTreeSet<_> = truth.lines().skip(1).filter_map(|row| row.split(',').next()).collect();
    assert_eq!(customers.len(), 40);
    let ran = place.run("simulate --customers 40 --seed 7 --truth t.csv".split_whitespace());
    assert_eq!(ran.code, Some(2), "{ran:?}");
    assert_eq!(place.read("t.csv"), truth);
}

/// Every acknowledged fact outlives the process that was killed, and beyond those at most the last one tried.
#[test]
fn what_was_acknowledged_is_there_after_a_kill() {
    let place = Place::new();
    let args = "simulate --customers 40 --seed 7 --store s.db --ack --quiet";
    let mut child = place.command(args.split_whitespace()).stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut told: Vec<String> = lines.by_ref().take(201).map(Result::unwrap).collect();
    child.kill().unwrap();
    child.wait().unwrap();
    told.extend(lines.map_while(Result::ok));
    let after = |word| told.iter().filter_map(move |line| line.strip_prefix(word)).collect::<BTreeSet<_>>();
    let (tried, acknowledged) = (after("TRY "), after("ACK "));
    assert!(acknowledged.len() >= 90, "{told:?}");
    let log = place.line("log --store s.db --ids");
    let stored: BTreeSet<_> = log.lines().collect();
    assert!(acknowledged.is_subset(&stored) && stored.is_subset(&tried));
    assert!(tried.len() - acknowledged.len() <= 1);
    place.line("verify --store s.db");
}
