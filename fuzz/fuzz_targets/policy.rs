//! Arbitrary text as a policy: a policy or an error, never a panic; what was read can be written and read again.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tenure_core::policy::Policy;

fuzz_target!(|bytes: &[u8]| {
    let Ok(text) = core::str::from_utf8(bytes) else { return };
    if let Ok(policy) = Policy::parse(text, "policy.toml") {
        let again = Policy::parse(&policy.to_toml(), "again.toml").expect("what was written can be read");
        assert_eq!(again.hash(), policy.hash());
    }
});
