//! Where each customer stands: facts, an append-only log, pure projections.
