//! In Chinese, no English is left: not in a title, a heading, a label or a note.

use crate::Place;

/// What is the same in both languages: names of policies, of maps, of data, of currencies and of commands.
const SAME: &[&str] = &[
    "RFM",
    "CDNOW",
    "cdnow",
    "USD",
    "Fader",
    "Hardie",
    "tenure",
    "customer",
    "store",
    "retail",
    "saas",
    "segments",
    "package",
    "tiers",
    "abc",
    "jsonl",
    "default",
    "ann",
    "bob",
    "cat",
    "eve",
    "city",
    "email",
    "phone",
    "name",
    "dreamt",
    "strict",
    "format",
    "json",
    "shop",
    "SQLite",
    "wal",
    "MiB",
    "GiB",
    "KiB",
    "TiB",
    "rebuild",
    "switch",
    "rollback",
    "lifecycle",
    "silent",
    "frequent",
    "long",
    "copy",
    "UTF",
    "LANG",
    "lang",
    "csv",
    "verify",
    "linux",
    "macos",
    "windows",
    "aarch",
    "top",
];

/// Every command that answers people.
const LINES: &[&str] = &[
    "stages --store cdnow.db --as-of 1998-06-30 --since 1998-01-01 --within 30d --dwell --flows",
    "stages --store cdnow.db --as-of 1998-06-30 --policy saas",
    "stages --store cdnow.db --as-of 1998-06-30 --policy b2b",
    "stages --store cdnow.db --as-of 1990-01-01",
    "rfm --store cdnow.db --as-of 1998-06-30 --since 1998-01-01 --map segments_11",
    "rfm --store cdnow.db --as-of 1998-06-30 --map segments_r_package_10 --scoring r_package",
    "rfm --store cdnow.db --as-of 1998-06-30 --map segments_cn_8",
    "rfm --store cdnow.db --as-of 1998-06-30 --map tiers_abc",
    "churn --store cdnow.db --as-of 1998-06-30 --top 5",
    "churn --store cdnow.db --as-of 1998-06-30 --policy saas --stage prospect",
    "churn --store cdnow.db --as-of 1997-06-30 --policy b2b --band high --top 3",
    "churn --store cdnow.db --as-of 1990-01-01",
    "customer cdnow:0001 --store cdnow.db --as-of 1998-06-30",
    "customer cdnow:0010 --store cdnow.db --as-of 1999-06-30",
    "report --store cdnow.db --as-of 1998-06-30",
    "replay --store cdnow.db",
    "replay --store cdnow.db --policy retail --rebuild",
    "replay --store cdnow.db --policy retail --switch",
    "replay --store cdnow.db --policy saas --rebuild",
    "replay --store cdnow.db --policy b2b --switch",
    "replay --store cdnow.db --rollback",
    "verify --store cdnow.db",
    "backup --store cdnow.db copy.db",
    "import a.jsonl --store a.db",
    "import a.jsonl --store a.db --dry-run",
    "void --store a.db --batch default",
    "clv --store cdnow.db",
    "clv --store cdnow.db --by cohort",
    "clv --store cdnow.db --by channel",
    "clv --events money.jsonl",
    "clv --events money.jsonl --by campaign --as-of 1990-01-01",
    "acquisition --events money.jsonl",
    "acquisition --store cdnow.db",
    "mrr --events money.jsonl",
    "mrr --store cdnow.db",
    "quality --store cdnow.db",
    "quality --events dirty.jsonl --policy dirty.toml",
    "quality --store cdnow.db --as-of 1990-01-01",
    "doctor --store cdnow.db --verify --policy retail",
];

#[test]
fn no_english_is_left_in_chinese_answers() {
    let place = Place::with_cdnow();
    place.write("a.jsonl", crate::order("ann", "2024-01-05T00:00:00Z", 100));
    place.write("money.jsonl", crate::value::LOG);
    place.write("dirty.jsonl", crate::quality::LOG);
    place.write("dirty.toml", crate::quality::POLICY.replace("name\"", "手机\""));
    let mut left = Vec::new();
    for line in LINES {
        let shown = place.line(&format!("{line} --lang zh-CN --format markdown"));
        assert!(shown.chars().any(|c| ('\u{4e00}'..='\u{9fff}').contains(&c)), "tenure {line}: {shown}");
        for text in shown.lines() {
            let words = text.split(|c: char| !c.is_ascii_alphanumeric());
            // Shorter ones are R, F and M; those with digits are hashes and instants.
            let english = words.filter(|word| {
                word.len() > 2 && word.bytes().all(|b| b.is_ascii_alphabetic()) && !SAME.contains(word)
            });
            left.extend(english.map(|word| format!("tenure {line}: \"{word}\" in {text}")));
        }
    }
    assert!(left.is_empty(), "{}", left.join("\n"));
}

#[test]
fn no_english_is_left_in_the_chinese_demo() {
    let place = Place::new();
    let shown = place.line("demo --store d.db --lang zh-CN --quiet");
    let english = shown.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| {
        word.len() > 2 && word.bytes().all(|b| b.is_ascii_alphabetic()) && !SAME.contains(word)
    });
    assert_eq!(english.collect::<Vec<_>>(), Vec::<&str>::new(), "{shown}");
}
