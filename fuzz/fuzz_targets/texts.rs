//! Any text where a person or a gateway writes one: references, credentials, ids.

#![no_main]

use gateways::affinipay::DepositAccount;
use gateways::{Credentials, GatewayName, Mode, ObjectId, Reference};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let read = Reference::from_text(text);
    if let (Some(ours), Some(client)) = (&read.ours, &read.client) {
        let written = Reference::text(ours, client, usize::MAX).expect("what was read is a name");
        assert_eq!(Reference::from_text(&written), read);
    }
    for name in GatewayName::ALL {
        for mode in [Mode::Live, Mode::Test] {
            if let Err(error) = Credentials::read(name, mode, text) {
                let said = error.to_string();
                assert!(text.len() < 24 || !said.contains(text), "an error repeats what was given: {said}");
            }
        }
    }
    drop(text.parse::<DepositAccount>());
    if let Ok(id) = text.parse::<ObjectId>() {
        assert!(!id.as_str().contains(['/', '?', '#', '%', '.']));
    }
});
