//! From a file on disk to facts and a quarantine file, as the command line does it.

use std::fs::File;
use std::io::{BufReader, BufWriter, Write};

use tenure_ingest::{Mapping, Options, Outcome, Quarantine, QuarantineRecord, Rows};

#[test]
fn a_file_is_read_from_disk_and_its_bad_rows_come_back_from_the_quarantine() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("orders.csv");
    let bad: [&[u8]; 3] = [b"0001,0001,yesterday,1,1.00", b"0001,\"0001,1997-01-01,1,1.00", b"\xff\xfe,,,,"];
    let mut file = File::create(&path).unwrap();
    file.write_all(b"master_id,sample_id,date,cds,amount_usd\r\n0001,0001,1997-01-01,1,1.00\r\n").unwrap();
    for row in bad {
        file.write_all(row).unwrap();
        file.write_all(b"\r\n").unwrap();
    }
    file.write_all(b"0002,0002,1997-01-02,1,1.00").unwrap();
    drop(file);

    let mapping = Mapping::builtin("cdnow").unwrap();
    let kept = folder.path().join("orders.quarantine.jsonl");
    let mut quarantine = Quarantine::new(BufWriter::new(File::create(&kept).unwrap()), "orders.csv");
    let mut facts = 0;
    for row in Rows::csv(BufReader::new(File::open(&path).unwrap()), &mapping, &Options::default()).unwrap() {
        let row = row.unwrap();
        match &row.outcome {
            Outcome::Fact(_) => facts += 1,
            Outcome::Bad(error) => quarantine.write(&row, error).unwrap(),
            other => panic!("{other:?}"),
        }
    }
    drop(quarantine.finish().unwrap());

    let text = std::fs::read_to_string(&kept).unwrap();
    let records: Vec<_> = text.lines().map(|line| QuarantineRecord::parse(line).unwrap()).collect();
    assert_eq!(facts, 2);
    assert_eq!(records.iter().map(|record| record.line).collect::<Vec<_>>(), [3, 4, 5]);
    assert_eq!(records.iter().map(|record| record.row_bytes().unwrap()).collect::<Vec<_>>(), bad);
    assert_eq!(records[0].column.as_deref(), Some("date"));
    assert_eq!(records[1].reason, "the quote opened in line 4 is not closed");
}
