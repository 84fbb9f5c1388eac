//! Files to customer facts.
