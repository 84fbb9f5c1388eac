//! Real data to try things on.

/// The CDNOW sample: 6,919 purchases of 2,357 customers of a music shop, 1997-01-01 to 1998-06-30, as CSV. The
/// built-in mapping `cdnow` reads it.
///
/// # Source
/// Fader and Hardie, "Forecasting Repeat Sales at CDNOW: A Case Study", Interfaces 31(3), 2001. Columns, origin and
/// terms: `data/cdnow-sample/README.md` of this crate.
///
/// # Example
/// ```
/// use tenure_ingest::{CDNOW_SAMPLE, Mapping, Options, Rows};
/// let mapping = Mapping::builtin("cdnow").unwrap();
/// let rows = Rows::csv(CDNOW_SAMPLE, &mapping, &Options::default())?;
/// assert_eq!(rows.count(), 6_919);
/// # Ok::<(), tenure_ingest::ReadError>(())
/// ```
pub const CDNOW_SAMPLE: &[u8] = include_bytes!("../data/cdnow-sample/transactions.csv");
