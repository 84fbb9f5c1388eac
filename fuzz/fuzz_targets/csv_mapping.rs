//! Arbitrary text as a mapping and arbitrary bytes as its CSV file, parted by the first NUL: never a panic. Without a
//! NUL the bytes are a file for the built-in mapping.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tenure_ingest::{Mapping, Options, Rows, read_csv};

fuzz_target!(|bytes: &[u8]| {
    let mut parts = bytes.splitn(2, |byte| *byte == 0);
    match (parts.next(), parts.next()) {
        (Some(mapping), Some(file)) => {
            if let Ok(mapping) = core::str::from_utf8(mapping) {
                let _ = read_csv(mapping, file, &Options::default());
            }
        }
        (Some(file), None) => {
            let mapping = Mapping::builtin("cdnow").expect("built in");
            let header = b"master_id,sample_id,date,cds,amount_usd\n";
            let file = [header, file].concat();
            let Ok(rows) = Rows::csv(&file[..], &mapping, &Options::default()) else { return };
            let rows: Vec<_> = rows.map(|row| row.expect("memory can be read")).collect();
            // Nothing is lost: every byte is in a row, in the header or is a line end.
            let kept: usize = rows.iter().map(|row| row.bytes.len()).sum();
            assert!(kept <= file.len());
        }
        _ => {}
    }
});
