use std::fs;
use std::process::{Command, Stdio};

use serde_json::Value;
use tenure_testkit::fault::{Fault, Shim, What};

use crate::{Place, digest, three};

#[test]
fn a_backup_is_a_store_that_says_the_same() {
    let place = Place::with_cdnow();
    let copied = place.json("backup --store cdnow.db copy.db");
    assert_eq!(copied["file"], "copy.db");
    assert_eq!(copied["bytes"], fs::metadata(place.path("copy.db")).unwrap().len());
    // The copy alone, elsewhere, without what stands beside a store that is in use.
    let elsewhere = Place::new();
    fs::rename(place.path("copy.db"), elsewhere.path("c.db")).unwrap();
    assert_eq!(place.files(), ["cdnow.db"]);
    let verified = elsewhere.json("verify --store c.db");
    assert_eq!((&verified["facts"], &verified["head_hash"]), (&copied["position"], &copied["head_hash"]));
    assert_eq!(verified, place.json("verify --store cdnow.db"));
    assert_eq!(digest(&elsewhere, "--store c.db"), digest(&place, "--store cdnow.db"));
    assert_eq!(elsewhere.files(), ["c.db"]);
}

#[test]
fn people_see_a_table_and_what_to_do_next() {
    let place = Place::new();
    three(&place);
    let ran = place.run("backup --store s.db copy.db".split_whitespace());
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert!(
        ran.out.contains("\u{2502} copy.db \u{2506}") && ran.out.contains("Facts, up to position"),
        "{}",
        ran.out
    );
    assert_eq!(ran.err, "check it now and then: tenure verify --store copy.db\n");
    let csv = place.line("backup --store s.db more.db --format csv --quiet");
    assert!(csv.starts_with("file,position,head_hash,bytes\nmore.db,3,"), "{csv}");
    let quiet = place.run("backup --store s.db third.db --quiet".split_whitespace());
    assert_eq!((quiet.code, quiet.err.as_str()), (Some(0), ""));
}

#[test]
fn a_file_of_a_killed_backup_is_told_and_kept() {
    let place = Place::new();
    three(&place);
    place.write("copy.db-part", "half");
    let ran = place.run("backup --store s.db copy.db".split_whitespace());
    assert_eq!((ran.code, ran.out.as_str()), (Some(2), ""), "{ran:?}");
    assert!(ran.err.contains("there is a file copy.db-part already"), "{}", ran.err);
    assert!(ran.err.contains("was killed: then remove the file"), "{}", ran.err);
    assert_eq!(place.read("copy.db-part"), "half");
}

/// Every write of a backup fails in its turn; whichever it is, there is a message and no file.
#[test]
fn a_full_disk_leaves_the_store_and_no_copy() {
    let place = Place::with_cdnow();
    let copies = tempfile::tempdir().unwrap();
    let shim = match Shim::build(place.0.path()) {
        Ok(shim) => shim,
        Err(why) => return eprintln!("skipped: {why}"),
    };
    let to = copies.path().join("copy.db");
    let mut failed = 0;
    // The copy has some 400 pages and a few more writes.
    for at in (1..=600).step_by(37) {
        for what in [What::NoSpace, What::InputOutput] {
            let to = to.to_str().unwrap();
            let mut command = place.command(["backup", "--store", "cdnow.db", to, "--quiet"]);
            shim.arm(&mut command, copies.path(), Some(&Fault { at, what, onward: true })).unwrap();
            let output = command.output().unwrap();
            let err = String::from_utf8(output.stderr).unwrap();
            if output.status.success() {
                fs::remove_file(to).unwrap();
                continue;
            }
            failed += 1;
            assert_eq!((output.status.code(), output.stdout.as_slice()), (Some(3), &b""[..]), "{at}: {err}");
            assert!(err.contains("copy.db") && err.contains("nothing is left of the copy"), "{at}: {err}");
            // Where even taking the rest away fails, at least nothing has the name of the copy.
            assert!(!copies.path().join("copy.db").exists(), "{at} {what:?}");
            if what == What::NoSpace {
                assert_eq!(fs::read_dir(copies.path()).unwrap().count(), 0, "{at}: {err}");
            }
            for left in fs::read_dir(copies.path()).unwrap() {
                fs::remove_file(left.unwrap().path()).unwrap();
            }
        }
    }
    assert!(failed > 20, "{failed}");
    place.line("verify --store cdnow.db");
}

/// Ctrl-C in the middle: the process is held still, gets the signal, and goes on.
#[test]
#[cfg(unix)]
fn an_interrupted_backup_leaves_nothing() {
    let place = Place::new();
    place.line("simulate --customers 2500 --seed 7 --store s.db --quiet");
    let before = place.files();
    let signal = |name: &str, id: u32| {
        let sent = Command::new("kill").args([name, &id.to_string()]).status().unwrap();
        assert!(sent.success());
    };
    let mut stopped = 0;
    for _ in 0..20 {
        let mut backup = place.command("backup --store s.db copy.db --format json".split_whitespace());
        let mut child = backup.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        while !place.path("copy.db-part").exists() && child.try_wait().unwrap().is_none() {
            std::thread::yield_now();
        }
        let going = child.try_wait().unwrap().is_none();
        if going {
            signal("-STOP", child.id());
            signal("-INT", child.id());
            signal("-CONT", child.id());
        }
        let output = child.wait_with_output().unwrap();
        if output.status.success() {
            // It was too fast: then it is whole.
            let copied: Value = serde_json::from_slice(&output.stdout).unwrap();
            assert_eq!(place.json("verify --store copy.db")["head_hash"], copied["head_hash"]);
            fs::remove_file(place.path("copy.db")).unwrap();
            continue;
        }
        stopped += 1;
        let err = String::from_utf8(output.stderr).unwrap();
        assert_eq!((output.status.code(), output.stdout.as_slice()), (Some(130), &b""[..]), "{err}");
        assert!(
            err.contains("the backup was stopped") && err.contains("nothing is left of the copy"),
            "{err}"
        );
        assert_eq!(place.files(), before);
        break;
    }
    assert!(stopped > 0);
}

/// The guide shows what people will see, but for the hash, which depends on when the facts were recorded.
#[test]
fn the_guide_shows_the_real_output_of_its_commands() {
    let guide = include_str!("../../../../docs/guides/operations.md");
    let block = |after: &str| {
        let block = guide.split_once(after).unwrap().1.split_once("```text\n").unwrap().1;
        block.split_once("```").unwrap().0.to_owned()
    };
    let without_hashes = |text: &str| -> String {
        let is_hash = |word: &str| word.len() == 64 && word.bytes().all(|byte| byte.is_ascii_hexdigit());
        text.split(' ').map(|word| if is_hash(word) { "HASH" } else { word }).collect::<Vec<_>>().join(" ")
    };
    let place = Place::new();
    place.line("demo --quiet");
    let line = "backup --store tenure-demo.db backup.db";
    let shown = place.run(line.split_whitespace());
    let written = block(&format!("$ tenure {line}\n```"));
    assert_eq!(without_hashes(&written), without_hashes(&(shown.out + &shown.err)));
    assert!(written != without_hashes(&written), "no hash is shown");
    let again = place.run(line.split_whitespace());
    assert_eq!((again.code, again.err), (Some(2), block("A second time, it refuses:")));
    let line = "verify --store backup.db";
    assert_eq!(without_hashes(&block(&format!("$ tenure {line}\n```"))), without_hashes(&place.line(line)));
}
