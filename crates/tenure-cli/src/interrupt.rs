//! Ctrl-C, where what was begun can be stopped in good order.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::error::CliError;

/// Set by Ctrl-C from now on, instead of ending the process. To be asked for once.
///
/// # Errors
/// If the system does not tell.
pub fn interrupt() -> Result<Arc<AtomicBool>, CliError> {
    let stop = Arc::new(AtomicBool::new(false));
    let set = Arc::clone(&stop);
    ctrlc::set_handler(move || set.store(true, Ordering::Relaxed))
        .map_err(|error| CliError::input(format!("cannot listen to Ctrl-C: {error}")))?;
    Ok(stop)
}
