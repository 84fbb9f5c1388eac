//! Per-customer projections, one concept per folder.
