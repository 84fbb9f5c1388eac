//! `tenure erase`, and what it reaches: the store, its copies, quarantined rows.

use std::fs;

use serde_json::json;

use crate::Place;

const MAPPING: &str = r#"
name = "people"
namespace = "shop"
kind = "profile_updated"
customer = { column = "who" }
occurred_at = { column = "day", format = "%Y-%m-%d", zone = "UTC" }
[data]
name = { column = "name" }
tier = { column = "tier" }
"#;

/// Two people, and a row of each that cannot be read; Ann is also known as Carl.
fn people() -> Place {
    let place = Place::new();
    place.write("people.toml", MAPPING);
    place.write(
        "people.csv",
        "who,day,name,tier\nann,2024-05-01,Yellow Canary,A\nbob,2024-05-01,Robert,B\nann,yesterday,Yellow Canary,A\n\
         bob,never,Robert,B\n,2024-05-01,Nobody's Canary,C\n",
    );
    place.write(
        "more.jsonl",
        r#"{"customer":"shop:carl","occurred_at":"2024-05-02T00:00:00Z","kind":"signed_up"}
{"customer":"shop:ann","occurred_at":"2024-05-02T00:00:00Z","kind":"identity_merged","subject":"shop:carl"}
"#,
    );
    let ran = place.run(
        "import people.csv --store s.db --map people.toml --plain tier --quarantine bad.jsonl".split(' '),
    );
    assert_eq!(ran.code, Some(1), "{ran:?}");
    place.json("import more.jsonl --store s.db");
    place
}

fn holds(place: &Place, canary: &str) -> Vec<String> {
    let files = place.files().into_iter();
    files
        .filter(|name| String::from_utf8_lossy(&fs::read(place.path(name)).unwrap()).contains(canary))
        .collect()
}

#[test]
fn a_person_is_erased_in_every_file_and_everybody_else_stays() {
    let place = people();
    assert_eq!(holds(&place, "Yellow Canary"), ["people.csv"], "the file of the caller's own");
    place.json("backup --store s.db copy.db");
    let before = place.json("customer shop:ann --store s.db");
    assert!(before.to_string().contains("Yellow Canary"), "{before}");
    let rows = |ran: &str| place.line(&format!("quarantine bad.jsonl --store s.db --format csv{ran}"));
    assert!(
        rows("").contains("\"ann,yesterday,Yellow Canary,A\"") && rows("").contains("Nobody's"),
        "{}",
        rows("")
    );
    let sealed = place.line("quarantine bad.jsonl --format csv");
    assert!(sealed.contains("sealed") && !sealed.contains("Yellow"), "{sealed}");

    let erased = place.json("erase shop:carl --store s.db");
    assert_eq!(
        erased,
        json!({"customers": erased["customers"], "keys_destroyed": 1, "identities_forgotten": 0, "recorded": 2})
    );
    let mut names: Vec<&str> =
        erased["customers"].as_array().unwrap().iter().filter_map(|n| n.as_str()).collect();
    names.sort_unstable();
    assert_eq!(names, ["shop:ann", "shop:carl"]);

    let after = place.json("customer shop:ann --store s.db").to_string();
    assert!(!after.contains("Canary") && after.contains("tier"), "{after}");
    assert!(place.json("customer shop:bob --store s.db").to_string().contains("Robert"));
    assert!(!place.line("log --store s.db").contains("Canary"));
    assert!(rows("").contains("(erased)") && rows("").contains("bob,never,Robert,B"), "{}", rows(""));
    fs::copy(place.path("s.db-keys"), place.path("copy.db-keys")).unwrap();
    assert!(!place.line("log --store copy.db").contains("Canary"));
    place.json("verify --store s.db");

    // Again: nothing to do, and the import is still known.
    let again = place.json("erase shop:ann --store s.db");
    assert_eq!((&again["keys_destroyed"], &again["recorded"]), (&json!(0), &json!(0)));
    let known = place.run(
        "import people.csv --store s.db --map people.toml --plain tier --format json --quiet".split(' '),
    );
    assert!(known.out.contains("\"imported\":0"), "{known:?}");
}

#[test]
fn people_see_what_was_erased_and_what_is_left_to_do() {
    let place = people();
    let ran = place.run("erase ann --namespace shop --store s.db".split(' '));
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert!(ran.out.contains("Keys destroyed") && ran.out.contains("shop:ann"), "{}", ran.out);
    assert!(ran.err.contains("copies of s.db-keys made before"), "{}", ran.err);
    let again = place.run("erase shop:ann --store s.db --lang zh-CN".split(' '));
    assert!(again.out.contains("已销毁密钥") && again.err.contains("已无可删除"), "{again:?}");
    for (line, told) in [
        ("erase shop:zoe --store s.db", "no facts are known of customer shop:zoe"),
        ("erase shop:ann --store none.db", "there is no store none.db"),
        ("erase  --store s.db", "customer"),
        ("quarantine more.jsonl", "more.jsonl:1: no quarantined row"),
        ("quarantine none.jsonl", "cannot read none.jsonl"),
    ] {
        let ran = place.run(line.split(' '));
        assert!(ran.code == Some(2) && ran.err.contains(told), "{line}: {ran:?}");
    }
}

#[test]
fn a_store_without_keys_says_what_to_do() {
    let place = people();
    place.json("backup --store s.db copy.db --keys kept-apart");
    let ran = place.run("log --store copy.db".split(' '));
    assert_eq!(ran.code, Some(3), "{ran:?}");
    assert!(
        ran.err.contains("copy.db-keys are missing") && ran.err.contains("--without-keys"),
        "{}",
        ran.err
    );
    let ran = place.run("erase shop:ann --store copy.db".split(' '));
    assert!(ran.code == Some(3) && ran.err.contains("are missing"), "{ran:?}");
    let log = place.line("log --store copy.db --without-keys");
    assert!(!log.contains("Canary") && log.contains("\"tier\":\"A\""), "{log}");
    // What needs nothing personal asks for no key.
    place.json("verify --store copy.db");
    fs::rename(place.path("kept-apart"), place.path("copy.db-keys")).unwrap();
    assert_eq!(place.line("log --store copy.db"), place.line("log --store s.db"));
    let twice = place.run("backup --store s.db third.db --keys copy.db-keys".split(' '));
    assert!(twice.code == Some(2) && !place.files().contains(&"third.db".to_owned()), "{twice:?}");
}
