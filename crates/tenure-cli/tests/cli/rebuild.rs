//! `tenure replay --rebuild`, `--switch` and `--rollback`.

use std::io::{BufRead, BufReader, Read};
use std::ops::ControlFlow;
use std::process::{Command, Stdio};

use pollster::block_on;
use serde_json::{Value, json};
use tenure::sqlite::{Options, SqliteStore};
use tenure::store::{Engine, Keep, PolicyRebuild, kept_policy};
use tenure::{EngineError, Policy};

use crate::{Place, digest, three};

/// Retail with less patience for who has bought once or twice.
fn impatient() -> String {
    let text = Policy::preset_text("retail").unwrap();
    let other = text.replace("default = \"30d\"", "default = \"20d\"");
    assert_ne!(other, text);
    other
}

fn store(place: &Place, name: &str) -> SqliteStore {
    SqliteStore::open(place.path(name), Options::new()).unwrap()
}

fn kept(place: &Place, name: &str) -> Option<Policy> {
    block_on(kept_policy(&store(place, name), &"lifecycle".parse().unwrap())).unwrap()
}

#[test]
fn the_first_generation_is_made_compared_with_nothing_and_live_when_told() {
    let place = Place::new();
    three(&place);
    let first = place.json("replay --store s.db --policy retail --rebuild");
    let expected = json!({
        "name": "lifecycle", "generation": 1, "live_before": null, "switched": false, "position": 3, "head": 3,
        "comparison": null,
    });
    assert_eq!((&first["answer"], &first["policy"]["name"]), (&expected, &json!("retail")));
    assert_eq!(kept(&place, "s.db"), None);
    let ran = place.run("replay --store s.db --policy retail --switch".split_whitespace());
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert_eq!(ran.err, "generation 1 was begun before: going on at position 3\n");
    assert!(ran.out.ends_with("\n\ngeneration 1 is live now\n"), "{}", ran.out);
    // An engine of a service goes on by it.
    let engine = block_on(Engine::reopen(store(&place, "s.db"), Keep::under("lifecycle").unwrap())).unwrap();
    assert_eq!((engine.policy().name.as_str(), engine.checkpoint().position.0), ("retail", 3));
    assert!(block_on(engine.audit()).unwrap().is_empty());
}

#[test]
fn a_store_without_facts_has_a_first_generation_too() {
    let place = Place::new();
    place.write("none.jsonl", "");
    place.line("import none.jsonl --store s.db");
    place.line("replay --store s.db --policy retail --switch");
    let compared = place.json("replay --store s.db --policy saas --rebuild");
    let comparison = &compared["answer"]["comparison"];
    assert_eq!((&comparison["customers"], &comparison["as_of"]), (&json!(0), &Value::Null));
    let shown = place.line("replay --store s.db --policy saas --switch");
    assert!(shown.contains("0 customers compared at position 0; 0 differ"), "{shown}");
}

#[test]
fn a_policy_is_compared_switched_to_and_left_again() {
    let place = Place::with_cdnow();
    place.write("new.toml", impatient());
    let before = digest(&place, "--store cdnow.db");
    place.line("replay --store cdnow.db --policy retail --switch");

    let compared = place.json("replay --store cdnow.db --policy new.toml --rebuild --examples 3");
    let answer = &compared["answer"];
    assert_eq!((&answer["generation"], &answer["live_before"]), (&json!(2), &json!(1)));
    let comparison = &answer["comparison"];
    assert_eq!((&comparison["customers"], &compared["as_of"]), (&json!(2_357), &comparison["as_of"]));
    let count = |field: &str| {
        let fields = comparison["fields"].as_array().unwrap();
        fields.iter().find(|of| of["field"] == field).unwrap()["customers"].as_u64().unwrap()
    };
    let differing = comparison["differing"].as_u64().unwrap();
    assert!((1..2_357).contains(&differing) && count("next_change") <= differing);
    assert_eq!(["recency_days", "frequency", "monetary", "segment"].map(count), [0; 4]);
    assert_eq!(comparison["examples"].as_array().unwrap().len(), 3);
    // What the comparison says of a customer is what the commands say under either policy.
    for example in comparison["examples"].as_array().unwrap() {
        for (side, policy) in [("before", "retail"), ("after", "new.toml")] {
            let who = example["customer"].as_str().unwrap();
            let shown = place.json(&format!("customer {who} --store cdnow.db --policy {policy}"));
            assert_eq!(example[side]["stage"], shown["answer"]["stage"], "{who} {policy}");
        }
    }
    // Nothing was switched, and nothing else has changed.
    assert_eq!(kept(&place, "cdnow.db"), Policy::preset("retail"));
    assert_eq!(digest(&place, "--store cdnow.db"), before);

    let new = Policy::parse(&impatient(), "").unwrap();
    let csv = place.line("replay --store cdnow.db --policy new.toml --switch --format csv --quiet");
    assert!(csv.starts_with("field,customers,share\nstage,"), "{csv}");
    assert_eq!(kept(&place, "cdnow.db"), Some(new.clone()));
    let shown = place.line("policy show --store cdnow.db");
    assert_eq!(Policy::parse(&shown, "").unwrap(), new);
    let same = place.json("replay --store cdnow.db --policy new.toml --rebuild");
    assert_eq!(same["answer"]["comparison"]["differing"], 0);
    let back = place.run(["replay", "--store", "cdnow.db", "--rollback"]);
    assert_eq!((back.code, back.err.as_str()), (Some(0), ""), "{back:?}");
    assert!(back.out.ends_with("generation 1 is live now, in the place of 2: --rollback goes back\n"));
    assert_eq!(kept(&place, "cdnow.db"), Policy::preset("retail"));
    let forth = place.json("replay --store cdnow.db --rollback");
    assert_eq!((&forth["answer"]["generation"], &forth["policy"]["hash"]), (&json!(2), &json!(new.hash())));
}

#[test]
fn facts_that_no_engine_has_taken_in_are_told_and_left_to_it() {
    let place = Place::new();
    three(&place);
    place.line("replay --store s.db --policy retail --switch");
    place.write("more.jsonl", crate::order("bob", "2024-02-05T00:00:00Z", 100));
    place.line("import more.jsonl --store s.db");
    let shown = place.line("replay --store s.db --policy saas --rebuild");
    assert!(shown.contains("it holds 3 of 4 facts, as many as the live one"), "{shown}");
}

#[test]
fn a_live_view_whose_policy_does_not_fit_is_told_and_can_be_replaced() {
    let place = Place::new();
    three(&place);
    place.line("replay --store s.db --policy retail --switch");
    let key = tenure::store::EntryKey::new("policy", *b"lifecycle\0\0\0\0\x01");
    let garble = tenure::store::Commit::new().put(key, Policy::preset("b2b").unwrap().to_json());
    block_on(tenure::store::EventStore::commit(&store(&place, "s.db"), garble)).unwrap();
    let shown = place.line("replay --store s.db --policy saas --switch");
    assert!(
        shown.contains(
            "not compared: the policy kept with generation 1 of \"lifecycle\" does not fit: the states"
        ),
        "{shown}"
    );
    let back = place.run(["replay", "--store", "s.db", "--rollback"]);
    assert_eq!(back.code, Some(2), "{back:?}");
    assert!(back.err.contains("does not fit") && back.err.contains("hint: rebuild it under a policy"));
}

#[test]
fn a_policy_without_stages_is_refused() {
    let place = Place::new();
    three(&place);
    place.write("rfm.toml", "name = \"rfm\"\n");
    let ran = place.run("replay --store s.db --policy rfm.toml --rebuild".split_whitespace());
    assert_eq!((ran.code, ran.out.as_str()), (Some(2), ""), "{ran:?}");
    assert!(ran.err.contains("the policy cannot be used") && ran.err.contains("[[stage]]"), "{}", ran.err);
}

/// Begins a rebuild under a name and stops it after a page of the log. Gives where it goes on.
fn begun(place: &Place, name: &str) -> u64 {
    let (store, policy) = (store(place, "s.db"), Policy::preset("retail").unwrap());
    let mut rebuild = block_on(PolicyRebuild::begin(&store, policy, Keep::under(name).unwrap())).unwrap();
    let stopped = block_on(rebuild.catch_up(|_| ControlFlow::Break(())));
    assert!(matches!(stopped, Err(EngineError::Kept(_))), "{stopped:?}");
    rebuild.generation().checkpoint.position.0
}

/// Ctrl-C in the middle: what was built stays, and the next call goes on there and says so.
#[test]
#[cfg(unix)]
fn an_interrupted_rebuild_goes_on() {
    let place = Place::new();
    place.line("simulate --customers 2500 --seed 7 --store s.db --quiet");
    let going_on = |from: u64| {
        let (thousands, rest) = (from / 1_000, from % 1_000);
        format!("generation 1 was begun before: going on at position {thousands},{rest:03}\n")
    };
    for n in 0..20 {
        // Begun before, so that the command says where it goes on before it does.
        let from = begun(&place, &format!("n{n}"));
        let line = format!("replay --store s.db --policy retail --rebuild --name n{n}");
        let mut command = place.command(line.split_whitespace());
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut err = BufReader::new(child.stderr.take().unwrap());
        let mut told = String::new();
        err.read_line(&mut told).unwrap();
        assert_eq!(told, going_on(from));
        assert!(Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap().success());
        let mut rest = String::new();
        err.read_to_string(&mut rest).unwrap();
        let output = child.wait_with_output().unwrap();
        if output.status.success() {
            // It was too fast.
            continue;
        }
        assert_eq!((output.status.code(), output.stdout.as_slice()), (Some(130), &b""[..]), "{rest}");
        let at = rest.strip_prefix("error: stopped at position ").unwrap();
        let at: u64 = at.lines().next().unwrap().parse().unwrap();
        assert!(rest.ends_with("\nhint: what was built stays: the same command goes on there\n"), "{rest}");
        assert!(at > from);
        let again = place.run(line.split_whitespace());
        assert_eq!((again.code, again.err), (Some(0), going_on(at)));
        return;
    }
    panic!("no rebuild could be interrupted");
}

/// The guide shows what people will see.
#[test]
fn the_guide_shows_the_real_output_of_a_rebuild() {
    let guide = include_str!("../../../../docs/guides/operations.md");
    let place = Place::new();
    place.line("demo --quiet");
    place.write("new.toml", impatient());
    for line in [
        "replay --store tenure-demo.db --policy retail --switch",
        "replay --store tenure-demo.db --policy new.toml --rebuild --examples 2",
    ] {
        let shown = place.line(line);
        let block = guide.split_once(&format!("$ tenure {line}\n```\n\n```text\n"));
        let written = block.unwrap_or_else(|| panic!("the guide lacks {line}; it shows\n{shown}")).1;
        assert_eq!(written.split_once("```").unwrap().0, shown);
    }
}
