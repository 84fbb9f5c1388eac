//! RFM from facts to answers, against naive versions of each rule and published data.

#[cfg(test)]
mod cdnow;
#[cfg(test)]
mod moves;
#[cfg(test)]
mod raw;
#[cfg(test)]
mod scores;
