use std::fs;

use crate::{Place, three};

fn flip(place: &Place, text: &str) {
    let mut bytes = fs::read(place.path("s.db")).unwrap();
    let at = bytes.windows(text.len()).position(|window| window == text.as_bytes()).unwrap();
    bytes[at + 4] ^= 1;
    place.write("s.db", bytes);
}

#[test]
fn verify_finds_a_flipped_byte_and_names_its_position() {
    for (subject, position) in [("the-first-order", 1), ("the-second-order", 2)] {
        let place = Place::new();
        three(&place);
        assert_eq!(place.json("verify --store s.db")["facts"], 3);
        flip(&place, subject);
        let ran = place.run("verify --store s.db --format json".split_whitespace());
        assert_eq!(ran.code, Some(1), "{ran:?}");
        let finding: serde_json::Value = serde_json::from_str(&ran.out).unwrap();
        assert_eq!(finding["bad_position"], position, "{finding}");
        let ran = place.run("verify --store s.db".split_whitespace());
        assert_eq!(ran.code, Some(1));
        assert!(ran.out.contains(&format!("the fact at position {position} was altered")), "{ran:?}");
    }
}

/// The last fact is looked at when the store is opened, so nothing opens it; to verify, that is a finding.
#[test]
fn verify_finds_a_flipped_byte_in_the_last_fact() {
    let place = Place::new();
    three(&place);
    flip(&place, "the-third-order");
    let ran = place.run("verify --store s.db".split_whitespace());
    assert_eq!(ran.code, Some(1), "{ran:?}");
    assert!(ran.out.contains("position 3"), "{ran:?}");
    assert_eq!(place.run("stages --store s.db".split_whitespace()).code, Some(3));
}

/// A fact that cannot be read ends a question, which would be wrong without it; the log goes on after it.
#[test]
fn a_damaged_fact_is_told_and_never_left_out_in_silence() {
    let place = Place::new();
    three(&place);
    flip(&place, "the-second-order");
    let ran = place.run("stages --store s.db".split_whitespace());
    assert_eq!((ran.code, ran.out.as_str()), (Some(3), ""), "{ran:?}");
    assert!(ran.err.contains("position 2"), "{ran:?}");
    let ran = place.run("log --store s.db".split_whitespace());
    assert_eq!((ran.code, ran.out.lines().count()), (Some(1), 2), "{ran:?}");
}

#[test]
fn a_file_that_is_no_store_is_not_touched() {
    let place = Place::new();
    place.write("text.db", "this is a text and has never been a store\n");
    place.write("none.db", "");
    three(&place);
    let store = fs::read(place.path("s.db")).unwrap();
    let mut newer = store.clone();
    newer[63] = 99; // The last byte of SQLite's user_version.
    place.write("newer.db", newer);
    place.write("half.db", &store[..store.len() / 2]);
    place.write("start.db", &store[..60]);
    for (file, code, fragment) in [
        ("text.db", 2, "text.db is not a tenure store"),
        ("none.db", 2, "none.db is not a tenure store: the file is empty"),
        ("newer.db", 3, "newer.db has store format 99, this build reads 1"),
        ("half.db", 3, "half.db is damaged"),
        ("start.db", 3, "start.db is damaged"),
    ] {
        let before = fs::read(place.path(file)).unwrap();
        for line in ["stages", "rfm", "log", "report", "replay", "customer ann", "void --batch default"] {
            let ran = place.run(format!("{line} --store {file}").split_whitespace());
            assert_eq!((ran.code, ran.out.as_str()), (Some(code), ""), "{line} {file}: {ran:?}");
            assert!(ran.err.contains(fragment), "{line} {file}: {ran:?}");
        }
        assert_eq!(fs::read(place.path(file)).unwrap(), before, "{file}");
    }
}
