//! The store contract, the store in memory, and replay on several threads.
