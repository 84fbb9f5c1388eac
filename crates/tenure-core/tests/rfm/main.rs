//! RFM from facts to answers, against naive versions of each rule and published data.

mod cdnow;
mod moves;
mod raw;
mod scores;
