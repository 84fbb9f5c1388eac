use std::fs;
use std::process::Command;

use rusqlite::Connection;
use serde_json::{Value, json};

use crate::{Place, Ran, three};

/// Runs the doctor where no variable says anything about language or characters.
fn doctor(place: &Place, line: &str) -> Ran {
    let mut command: Command = place.command(format!("doctor {line}").split_whitespace());
    for name in ["LC_ALL", "LC_MESSAGES", "LC_CTYPE", "LANG"] {
        command.env_remove(name);
    }
    let output = command.output().unwrap();
    Ran {
        code: output.status.code(),
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
    }
}

fn checks(ran: &Ran) -> Vec<Value> {
    let answer: Value = serde_json::from_str(&ran.out).unwrap_or_else(|error| panic!("{error}: {ran:?}"));
    answer["checks"].as_array().unwrap().clone()
}

fn check<'a>(checks: &'a [Value], name: &str) -> &'a Value {
    checks.iter().find(|check| check["check"] == name).unwrap_or_else(|| panic!("no {name}: {checks:?}"))
}

#[test]
fn a_whole_store_is_well_and_its_numbers_are_those_of_the_file() {
    let place = Place::new();
    three(&place);
    let ran = doctor(&place, "--store s.db --verify --policy retail --format json");
    assert_eq!((ran.code, ran.err.as_str()), (Some(0), ""), "{ran:?}");
    let answer: Value = serde_json::from_str(&ran.out).unwrap();
    assert_eq!((&answer["wrong"], &answer["look"]), (&json!(0), &json!(0)), "{answer}");
    let checks = checks(&ran);
    let names: Vec<(&str, &str)> = checks
        .iter()
        .map(|check| (check["part"].as_str().unwrap(), check["check"].as_str().unwrap()))
        .collect();
    let expected = [
        ("program", "version"),
        ("program", "sqlite"),
        ("program", "formats"),
        ("surroundings", "language"),
        ("surroundings", "characters"),
        ("surroundings", "terminal"),
        ("policy", "policy"),
        ("store", "file"),
        ("store", "facts"),
        ("store", "settings"),
        ("store", "integrity"),
        ("store", "checksums"),
        ("store", "size"),
        ("store", "disk"),
    ];
    assert_eq!(names, expected);
    assert!(checks.iter().all(|check| check["mark"] == "ok" && check["advice"].is_null()), "{checks:?}");

    let bytes = fs::metadata(place.path("s.db")).unwrap().len();
    let settings = &check(&checks, "settings")["values"];
    assert_eq!((&settings["journal_mode"], &settings["durability"]), (&json!("wal"), &json!("full")));
    assert_eq!(settings["pages"].as_u64().unwrap() * settings["page_size"].as_u64().unwrap(), bytes);
    assert_eq!((&settings["format"], &settings["free_pages"]), (&json!(1), &json!(0)));
    assert_eq!(check(&checks, "size")["values"], json!({"main_bytes": bytes, "wal_bytes": 0}));
    let disk = &check(&checks, "disk")["values"];
    assert!(disk["free_bytes"].as_u64().unwrap() <= disk["all_bytes"].as_u64().unwrap(), "{disk}");
    assert!(disk["all_bytes"].as_u64().unwrap() > bytes, "{disk}");
    assert_eq!(check(&checks, "facts")["values"]["facts"], 3);
    assert_eq!(check(&checks, "version")["values"]["tenure"], env!("CARGO_PKG_VERSION"));
    assert_eq!(check(&checks, "sqlite")["values"]["sqlite"], rusqlite::version());
    let verified = place.json("verify --store s.db");
    assert_eq!(check(&checks, "checksums")["values"], verified);
    let policy = place.json("stages --store s.db")["policy"]["hash"].clone();
    assert_eq!(check(&checks, "policy")["values"]["hash"], policy);
    // Without --verify the facts are not followed, and the line says so.
    let short = doctor(&place, "--store s.db");
    assert!(
        short.out.contains("--verify checks every fact, too") && !short.out.contains("checksums"),
        "{short:?}"
    );
}

#[test]
fn people_see_marks_and_names_under_each_other_and_no_colours_in_a_pipe() {
    let place = Place::new();
    three(&place);
    let ran = doctor(&place, "--store s.db --policy none.toml");
    assert_eq!(ran.code, Some(1), "{ran:?}");
    assert!(!ran.out.contains('\u{1b}'));
    let at = |text: &str| {
        let line =
            ran.out.lines().find(|line| line.contains(text)).unwrap_or_else(|| panic!("{text}: {}", ran.out));
        line.find(text).unwrap()
    };
    // A mark of five letters and the longest name, with two blanks after each.
    assert_eq!((at("ok     version"), at("wrong  policy"), at("ok     settings")), (1, 1, 1));
    assert_eq!((at("tenure 0"), at("--policy none.toml"), at("format 1, journal wal")), (20, 20, 20));
    assert_eq!(at("→ name a TOML file or a preset: retail, saas, b2b"), 20);
    assert!(ran.out.ends_with("1 wrong, 0 worth a look\n"), "{}", ran.out);
    assert!(doctor(&place, "").out.ends_with("all is well\n"));
}

#[test]
fn in_chinese_the_lines_are_chinese_and_json_is_the_same() {
    let place = Place::new();
    three(&place);
    let ran = doctor(&place, "--store s.db --lang zh-CN");
    for part in ["正常  版本", "正常  完整性  页结构检查未发现问题", "事实    3 条", "一切正常\n"]
    {
        assert!(ran.out.contains(part), "{part}: {}", ran.out);
    }
    let missing = doctor(&place, "--store none.db --lang zh-CN");
    assert!(missing.out.contains("异常  文件    文件 none.db 不存在"), "{}", missing.out);
    assert!(missing.out.ends_with("异常 1 项，需留意 0 项\n"), "{}", missing.out);
    let says = |line: &str| {
        let checks = checks(&doctor(&place, line));
        (check(&checks, "integrity")["says"].clone(), check(&checks, "language")["values"]["lang"].clone())
    };
    let (english, en) = says("--store s.db --format json");
    let (chinese, zh_cn) = says("--store s.db --format json --lang zh-CN");
    assert_eq!((english, en, zh_cn), (chinese, json!("en"), json!("zh-CN")));
}

#[test]
fn rows_for_programs_have_codes_in_every_language() {
    let place = Place::new();
    let ran = doctor(&place, "--store none.db --format csv --lang zh-CN");
    assert_eq!(ran.code, Some(1));
    let lines: Vec<&str> = ran.out.lines().collect();
    assert_eq!((lines[0], lines.len()), ("part,check,mark,says,advice", 8));
    assert!(lines[7].starts_with("store,file,wrong,there is no file none.db,"), "{}", lines[7]);
    let jsonl = doctor(&place, "--store none.db --format jsonl");
    let last: Value = serde_json::from_str(jsonl.out.lines().last().unwrap()).unwrap();
    assert_eq!((&last["part"], &last["mark"]), (&json!("store"), &json!("wrong")));
    let markdown = doctor(&place, "--store none.db --format markdown --lang zh-CN").out;
    assert!(markdown.contains("| 存储") && markdown.contains("| 异常"), "{markdown}");
}

#[test]
fn what_is_no_store_is_a_line_with_what_to_do_and_stays_as_it_was() {
    let place = Place::new();
    three(&place);
    let store = fs::read(place.path("s.db")).unwrap();
    let mut newer = store.clone();
    newer[63] = 99; // The last byte of SQLite's user_version.
    place.write("newer.db", newer);
    place.write("text.db", "this is a text and has never been a store\n");
    place.write("empty.db", "");
    place.write("start.db", &store[..60]);
    place.write("half.db", &store[..store.len() / 2]);
    Connection::open(place.path("foreign.db")).unwrap().execute_batch("CREATE TABLE t (a)").unwrap();
    for (file, says, advice) in [
        ("none.db", "there is no file none.db", "make a store: tenure import FILE --store NEW.db"),
        (".", ". is a directory", "name the file of the store in it"),
        ("text.db", "text.db is not a tenure store: not a SQLite file", "this one was not touched"),
        ("empty.db", "empty.db is not a tenure store: the file is empty", "this one was not touched"),
        ("foreign.db", "a SQLite file of another application", "this one was not touched"),
        (
            "newer.db",
            "newer.db has store format 99, this build reads 1",
            "open it with the build that wrote it",
        ),
        ("start.db", "start.db is damaged: it ends within", "restore a backup"),
        ("half.db", "half.db is damaged", "restore a backup"),
    ] {
        let before = fs::read(place.path(file)).ok();
        let files = place.files();
        let ran = doctor(&place, &format!("--store {file} --format json"));
        assert_eq!((ran.code, ran.err.as_str()), (Some(1), ""), "{file}: {ran:?}");
        let checks = checks(&ran);
        let line = check(&checks, "file");
        assert_eq!(line["mark"], "wrong", "{file}: {line}");
        assert!(line["says"].as_str().unwrap().contains(says), "{file}: {line}");
        assert!(line["advice"].as_str().unwrap().contains(advice), "{file}: {line}");
        // The size of a file is told whatever it is.
        let size = checks.iter().find(|check| check["check"] == "size");
        let bytes = size.map(|size| size["values"]["main_bytes"].as_u64().unwrap());
        assert_eq!(bytes, before.as_ref().map(|bytes| bytes.len() as u64), "{file}");
        assert_eq!((fs::read(place.path(file)).ok(), place.files()), (before, files), "{file}");
    }
}

#[test]
fn a_damaged_page_and_an_altered_fact_are_told_apart() {
    let place = Place::new();
    three(&place);
    let store = fs::read(place.path("s.db")).unwrap();
    let at = store.windows(16).position(|window| window == b"the-second-order").unwrap();
    let mut altered = store.clone();
    altered[at + 4] ^= 1;
    place.write("altered.db", altered);
    let marks = |line: &str| {
        let ran = doctor(&place, &format!("{line} --format json"));
        let checks = checks(&ran);
        let mark = |name| {
            checks
                .iter()
                .find(|check| check["check"] == name)
                .map(|check| check["mark"].as_str().unwrap().to_owned())
        };
        (ran.code.unwrap(), mark("integrity").unwrap(), mark("checksums"))
    };
    // SQLite does not know what the bytes of a text should be; the checksums do.
    assert_eq!(marks("--store altered.db"), (0, "ok".into(), None));
    assert_eq!(marks("--store altered.db --verify"), (1, "ok".into(), Some("wrong".into())));
    let ran = doctor(&place, "--store altered.db --verify");
    assert!(ran.out.contains("the fact at position 2 was altered"), "{}", ran.out);

    // The page that holds the index of ids, which opening does not look at.
    let connection = Connection::open(place.path("s.db")).unwrap();
    let root = "SELECT rootpage FROM sqlite_schema WHERE name = 'fact_id'";
    let page: i64 = connection.query_row(root, (), |row| row.get(0)).unwrap();
    let page = usize::try_from(page).unwrap();
    drop(connection);
    let mut torn = store;
    torn[(page - 1) * 4096..page * 4096].fill(0xab);
    place.write("torn.db", torn);
    let ran = doctor(&place, "--store torn.db");
    assert_eq!(ran.code, Some(1), "{ran:?}");
    assert!(ran.out.contains("wrong  integrity   SQLite finds damage:"), "{}", ran.out);
    assert!(ran.out.contains(&format!("page {page}")), "{}", ran.out);
}

#[test]
fn a_store_that_another_program_holds_is_told() {
    let place = Place::new();
    three(&place);
    let holder = Connection::open(place.path("s.db")).unwrap();
    holder.execute_batch("PRAGMA locking_mode = EXCLUSIVE; BEGIN IMMEDIATE; DELETE FROM entry").unwrap();
    let ran = doctor(&place, "--store s.db");
    assert_eq!(ran.code, Some(1), "{ran:?}");
    assert!(ran.out.contains("s.db is held by another program"), "{}", ran.out);
    assert!(ran.out.contains("→ wait until it is done"), "{}", ran.out);
    drop(holder);
    assert_eq!(doctor(&place, "--store s.db").code, Some(0));
    // A writer that lets others read is nothing wrong.
    let writer = Connection::open(place.path("s.db")).unwrap();
    writer.execute_batch("BEGIN IMMEDIATE").unwrap();
    assert_eq!(doctor(&place, "--store s.db").code, Some(0));
}

/// For the superuser no file is read-only: then there is nothing to tell, and the doctor has to find the store well.
#[test]
fn a_read_only_file_is_told_with_what_to_allow() {
    let place = Place::new();
    three(&place);
    let path = place.path("s.db");
    let mut permissions = fs::metadata(&path).unwrap().permissions();
    permissions.set_readonly(true);
    fs::set_permissions(&path, permissions).unwrap();
    let writable = fs::OpenOptions::new().append(true).open(&path).is_ok();
    let ran = doctor(&place, "--store s.db");
    if writable {
        assert_eq!(ran.code, Some(0), "{ran:?}");
    } else {
        assert_eq!(ran.code, Some(1), "{ran:?}");
        assert!(ran.out.contains("s.db cannot be opened: no permission"), "{}", ran.out);
        assert!(ran.out.contains("→ allow this user to write the file and its directory"), "{}", ran.out);
    }
}

#[test]
fn a_clock_that_stands_before_the_last_fact_is_worth_a_look() {
    let place = Place::new();
    three(&place);
    // Year 2100, as a machine with a wrong clock would have recorded it; the doctor looks at the head alone.
    let connection = Connection::open(place.path("s.db")).unwrap();
    connection.execute("UPDATE head SET recorded_at = 4102444800000000", ()).unwrap();
    drop(connection);
    let ran = doctor(&place, "--store s.db --format json");
    assert_eq!(ran.code, Some(0), "{ran:?}");
    let checks = checks(&ran);
    let facts = check(&checks, "facts");
    assert_eq!(
        (&facts["mark"], &facts["values"]["last_recorded_at"]),
        (&json!("look"), &json!("2100-01-01T00:00:00Z"))
    );
    assert!(facts["advice"].as_str().unwrap().contains("set the clock"), "{facts}");
}

#[test]
fn a_policy_is_read_and_checked() {
    let place = Place::new();
    place.write("bad.toml", "name = \"bad\"\nnmae = 1\n");
    // No customer ever reaches "gone", and "new" has no way out.
    place.write(
        "flawed.toml",
        "name = \"flawed\"\n[[stage]]\nid = \"new\"\nmacro = \"activation\"\nlabels = { en = \"new\", zh-CN = \"新客\" }\n\
         initial = true\n[[stage]]\nid = \"gone\"\nmacro = \"churn_prevention\"\nlabels = { en = \"gone\", zh-CN = \"流失\" }\n",
    );
    let ran = doctor(&place, "--policy bad.toml");
    assert_eq!(ran.code, Some(1), "{ran:?}");
    assert!(ran.out.contains("bad.toml:2:1: nmae: unknown field `nmae`"), "{}", ran.out);
    assert!(ran.out.contains("2 | nmae = 1") && ran.out.contains("| ^^^^"), "{}", ran.out);
    let checks = checks(&doctor(&place, "--policy flawed.toml --format json"));
    let policy = check(&checks, "policy");
    let found = place.run(["check", "flawed.toml"]);
    let (errors, warnings) = (&policy["values"]["errors"], &policy["values"]["warnings"]);
    assert!(found.out.contains(&format!("{errors} errors, {warnings} warnings")), "{policy} {}", found.out);
    assert_eq!((&policy["mark"], errors), (&json!("wrong"), &json!(1)));
    assert_eq!(policy["advice"], "tenure check flawed.toml shows each with its place");
    // What only the text shows is a warning, and no reason to fail.
    place.write(
        "rates.toml",
        "currency = \"USD\"\n[[rate]]\nfrom = \"EUR\"\nto = \"USD\"\nday = \"2024-02-01\"\nrate = \"1.1\"\n\
         [[rate]]\nfrom = \"EUR\"\nto = \"USD\"\nday = \"2024-01-01\"\nrate = \"1.1\"\n",
    );
    let ran = doctor(&place, "--policy rates.toml");
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert!(ran.out.contains("look  policy") && ran.out.contains("0 errors, 1 warnings"), "{}", ran.out);
    assert!(ran.out.ends_with("0 wrong, 1 worth a look\n"), "{}", ran.out);
}

#[test]
fn wrong_usage_ends_with_two() {
    let place = Place::new();
    for (line, fragment) in [
        ("--verify", "--store <FILE>"),
        ("--nonsense", "unexpected argument '--nonsense'"),
        ("--format nonsense", "table, json, jsonl, csv, markdown"),
        ("s.db", "unexpected argument 's.db'"),
    ] {
        let ran = doctor(&place, line);
        assert_eq!((ran.code, ran.out.as_str()), (Some(2), ""), "{line}: {ran:?}");
        assert!(ran.err.contains(fragment), "{line}: {}", ran.err);
    }
}
