use crate::{Place, order};

/// What is typed, and a fragment of what is told. All of it is exit code 2 with nothing on stdout and no new file.
const WRONG: &[(&str, &str)] = &[
    ("", "Usage: tenure"),
    ("nonsense", "unrecognized subcommand 'nonsense'"),
    ("stages", "<--store <FILE>|--events <FILE.jsonl>>"),
    ("stages --store s.db --events a.jsonl", "cannot be used with"),
    ("stages --store none.db", "there is no store none.db"),
    ("verify --store none.db", "there is no store none.db"),
    ("backup --store none.db copy.db", "there is no store none.db"),
    ("backup --store a.jsonl copy.db", "a.jsonl is not a tenure store"),
    ("backup --store s.db", "<OUT>"),
    ("backup copy.db", "--store <FILE>"),
    ("backup --store s.db s.db", "there is a file s.db already"),
    ("backup --store s.db ./s.db", "there is a file ./s.db already"),
    ("backup --store s.db a.csv", "a backup writes over nothing: name another file"),
    ("backup --store s.db .", "is a directory"),
    ("backup --store s.db nowhere/copy.db", "there is no directory nowhere"),
    ("replay --store none.db --policy saas --rebuild", "there is no store none.db"),
    ("replay --store a.jsonl --policy saas --switch", "a.jsonl is not a tenure store"),
    ("replay --store none.db --rollback", "there is no store none.db"),
    ("replay --store s.db --rebuild", "--policy <PRESET|FILE.toml>"),
    ("replay --store s.db --policy none.toml --rebuild", "--policy none.toml: "),
    ("replay --store s.db --policy saas --switch --name Big", "use 1 to 40 of a to z"),
    ("replay --store s.db --name big", "<--rebuild|--switch|--rollback>"),
    ("replay --store s.db --rollback", "nothing is kept under the name \"lifecycle\""),
    ("replay --store s.db --rollback --policy saas", "cannot be used with"),
    ("replay --store s.db --rollback --switch", "cannot be used with"),
    ("replay --events a.jsonl --policy saas --switch", "cannot be used with"),
    ("replay --store s.db --policy saas --rebuild --as-of 2024-01-01", "cannot be used with"),
    ("replay --store s.db --policy saas --rebuild --known-at 1", "cannot be used with"),
    ("policy show --store none.db", "there is no store none.db"),
    ("policy show --store s.db", "nothing is kept under the name \"lifecycle\""),
    ("policy show --store s.db --policy saas", "cannot be used with"),
    ("void --store none.db --batch a", "there is no store none.db"),
    ("stages --store .", "is a directory"),
    ("verify --store .", "is a directory"),
    ("import a.jsonl --store .", "is a directory"),
    ("import a.jsonl --store nowhere/s.db", "there is no directory nowhere"),
    ("import a.jsonl --store nowhere/s.db --dry-run", "there is no directory nowhere"),
    ("import a.jsonl --store . --dry-run", "is a directory"),
    ("stages --events none.jsonl", "cannot read none.jsonl"),
    ("stages --events .", "it is a directory"),
    ("stages --events bad.jsonl", "bad.jsonl:1: "),
    ("import none.csv --map cdnow --store new.db", "cannot read none.csv"),
    ("import . --map cdnow --store new.db", "it is a directory"),
    ("import a.csv --store new.db", "is not named .jsonl, so it needs a mapping"),
    ("import a.csv --map nonsense --store new.db", "built-in mapping: cdnow"),
    ("import a.csv --map broken.toml --store new.db", "broken.toml: line 1"),
    ("import a.csv --map cdnow --store new.db", "there is no column \"sample_id\""),
    ("import empty.csv --map cdnow --store new.db", "the file is empty"),
    ("import a.jsonl --store new.db --backfill soon", "--backfill: \"soon\" is not a duration"),
    ("import a.jsonl --store new.db --namespace A", "namespace"),
    ("import a.jsonl --store new.db --quarantine nowhere/q", "there is no directory nowhere"),
    ("rfm --store s.db --scoring nonsense", "value, rank, ntile, rank_average, nested, r_package, fixed"),
    ("rfm --store s.db --map nonsense", "segments_11, segments_r_package_10, segments_cn_8, tiers_abc, own"),
    ("rfm --store s.db --scoring fixed", "needs the edges r_days, f and m in [rfm.fixed]"),
    ("rfm --store s.db --map own", "needs segments: [[rfm.segment]]"),
    ("rfm --store s.db --as-of nonsense", "--as-of: \"nonsense\" is not a time"),
    ("rfm --store s.db --as-of 1998-02-30", "names a day or time that does not exist"),
    ("rfm --store s.db --as-of 2024-01-05 --since 2024-01-06", "lies after --as-of"),
    ("rfm --store s.db --since 2030-01-01", "lies after --as-of"),
    ("stages --store s.db --as-of 2024-01-05 --since 2024-01-06", "lies after --as-of"),
    ("stages --store s.db --flows --since 2030-01-01", "lies after --as-of"),
    ("report --store none.db", "there is no store none.db"),
    ("report --store a.jsonl", "a.jsonl is not a tenure store"),
    ("report --store s.db --since soon", "--since: \"soon\" is not a time"),
    ("report --store s.db --since 2030-01-01", "lies after --as-of"),
    ("customer ann --store a.jsonl", "a.jsonl is not a tenure store"),
    ("customer ann --store s.db --as-of 2023-01-01", "what came after --as-of or --known-at does not count"),
    ("stages --store s.db --within soon", "--within: \"soon\" is not a duration"),
    ("stages --store s.db --known-at nonsense", "--known-at: \"nonsense\" is not a time"),
    ("stages --store s.db --policy nonsense", "retail, saas, b2b"),
    ("stages --store s.db --policy broken.toml", "broken.toml"),
    ("stages --store s.db --threads 0", "0 is not in 1..=256"),
    ("stages --store s.db --threads 100000", "100000 is not in 1..=256"),
    ("stages --store s.db --format nonsense", "table, json, jsonl, csv, markdown"),
    ("stages --store s.db --lang nonsense", "en, zh-CN"),
    ("customer nobody --store s.db", "no facts are known of customer default:nobody"),
    ("customer a@b.example --store s.db", "it looks like an e-mail address"),
    ("void --store s.db", "<--event <ID>|--batch <KEY>>"),
    ("void --store s.db --event a --batch b", "cannot be used with"),
    ("void --store s.db --event nonsense", "--event: \"nonsense\" is not a UUID"),
    ("void --store s.db --event 00000000-0000-0000-0000-000000000001", "no fact has the id"),
    ("void --store s.db --batch nonsense", "no fact came with batch \"nonsense\""),
    ("quality", "<--store <FILE>|--events <FILE.jsonl>>"),
    ("quality --store none.db", "there is no store none.db"),
    ("quality --store a.jsonl", "a.jsonl is not a tenure store"),
    ("quality --store s.db --as-of 2024-02-30", "names a day or time that does not exist"),
    ("quality --store s.db --known-at nonsense", "--known-at: \"nonsense\" is not a time"),
    ("quality --store s.db --policy broken.toml", "broken.toml"),
    (
        "quality --store s.db --policy bad_quality.toml",
        "quality.phone[0]: the same name holds e-mail addresses",
    ),
    ("quality --store s.db --strcit", "unexpected argument '--strcit'"),
    ("clv", "<--store <FILE>|--events <FILE.jsonl>>"),
    ("clv --store none.db", "there is no store none.db"),
    ("clv --store s.db --by week", "customer, cohort, channel, campaign"),
    ("clv --store s.db --top 0", "0 is not in 1.."),
    ("clv --store s.db --top many", "invalid value 'many'"),
    ("clv --store s.db --by cohort --top 3", "--top is about customers"),
    ("clv --store s.db --as-of 2024-02-30", "names a day or time that does not exist"),
    ("acquisition", "<--store <FILE>|--events <FILE.jsonl>>"),
    ("acquisition --store a.jsonl", "a.jsonl is not a tenure store"),
    ("acquisition --store s.db --by channel", "unexpected argument '--by'"),
    ("mrr", "<--store <FILE>|--events <FILE.jsonl>>"),
    ("mrr --store none.db", "there is no store none.db"),
    ("mrr --store s.db --months 0", "0 is not in 1..=1200"),
    ("mrr --store s.db --months 3 --since 2024-01-01", "cannot be used with"),
    ("mrr --store s.db --since soon", "--since: \"soon\" is not a time"),
    ("mrr --store s.db --since 2030-01-01", "lies after --as-of"),
    ("simulate --seed 7", "--customers <N>"),
    ("simulate --customers many --seed 7", "invalid value 'many'"),
    ("simulate --customers 5 --seed 7 --ack", "--store <FILE>"),
    ("simulate --customers 5 --seed 7 --store .", "is a directory"),
    ("simulate --customers 5 --seed 7 --store nowhere/s.db", "there is no directory nowhere"),
    ("simulate --customers 5 --seed 7 --kind shop", "the kinds are retail, saas and b2b"),
    ("simulate --customers 5 --seed 7 --late 10%", "--late: \"10%\" is not a share"),
    ("simulate --customers 5 --seed 7 --duplicates 2", "--duplicates: \"2\" is not a share"),
    ("simulate --customers 5 --seed 7 --start soon", "--start: \"soon\" is not a time"),
    ("simulate --customers 5 --seed 7 --end 2022-01-01", "no window to simulate"),
    ("simulate --customers 5 --seed 7 --truth nowhere/t.csv", "--truth nowhere/t.csv"),
];

#[test]
fn what_is_wrong_is_told_and_nothing_is_written() {
    let place = Place::new();
    place.write("a.jsonl", order("ann", "2024-01-05T00:00:00Z", 100));
    place.write("bad.jsonl", "not json\n");
    place.write("a.csv", "who,when\n");
    place.write("empty.csv", "");
    place.write("broken.toml", "= nonsense\n");
    place.write("bad_quality.toml", "[quality]\nemail = [\"a\"]\nphone = [\"a\"]\n");
    place.line("import a.jsonl --store s.db");
    let files = place.files();
    let store = std::fs::read(place.path("s.db")).unwrap();
    for (line, fragment) in WRONG {
        let ran = place.run(line.split_whitespace());
        assert_eq!((ran.code, ran.out.as_str()), (Some(2), ""), "tenure {line}: {ran:?}");
        assert!(ran.err.contains(fragment), "tenure {line}: {}", ran.err);
        assert_eq!(place.files(), files, "tenure {line}");
    }
    assert_eq!(std::fs::read(place.path("s.db")).unwrap(), store);
}

#[test]
fn a_void_is_not_taken_back() {
    let place = Place::new();
    place.write("a.jsonl", order("ann", "2024-01-05T00:00:00Z", 100));
    place.line("import a.jsonl --store s.db");
    let id = place.line("log --store s.db --ids").trim().to_owned();
    assert_eq!(place.json(&format!("void --store s.db --event {id} --why test"))["voided"], 1);
    assert_eq!(place.json(&format!("void --store s.db --event {id}"))["already"], 1);
    let void = place.line("log --store s.db --ids").lines().last().unwrap().to_owned();
    let ran = place.run(["void", "--store", "s.db", "--event", &void]);
    assert_eq!(ran.code, Some(2));
    assert!(ran.err.contains("a void cannot be taken back"), "{}", ran.err);
}
