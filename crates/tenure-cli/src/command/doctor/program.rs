//! The program itself: versions and formats.

use std::env::consts::{ARCH, OS};

use serde_json::json;
use tenure::core::Kind;
use tenure::core::fold::SNAPSHOT_VERSION;
use tenure::sqlite::{sqlite_version, store_format};

use super::{Line, Part};
use crate::lang::{Words, fill};

/// What this build is and which formats it reads and writes.
pub fn look(w: &Words) -> Vec<Line> {
    let tenure = env!("CARGO_PKG_VERSION");
    let sqlite = sqlite_version();
    let kinds = Kind::ALL.len();
    let schema = Kind::ALL.iter().map(|kind| kind.schema()).max().unwrap_or(1);
    let format = store_format();
    let mut formats = fill(w.doctor_formats_are, &[&format, &kinds, &schema, &SNAPSHOT_VERSION]);
    if format == 0 {
        formats += w.doctor_unreleased;
    }
    vec![
        Line::new(
            Part::Program,
            ("version", w.doctor_version),
            fill(w.doctor_version_is, &[&tenure, &OS, &ARCH]),
            json!({"tenure": tenure, "system": OS, "architecture": ARCH}),
        ),
        Line::new(
            Part::Program,
            ("sqlite", w.doctor_sqlite),
            fill(w.doctor_sqlite_is, &[&sqlite]),
            json!({"sqlite": sqlite}),
        ),
        Line::new(
            Part::Program,
            ("formats", w.doctor_formats),
            formats,
            json!({"store": format, "kinds": kinds, "newest_schema": schema, "snapshot": SNAPSHOT_VERSION}),
        ),
    ]
}
