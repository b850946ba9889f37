//! Any bytes as a delivery: nothing panics, and nothing is taken that isn't signed.
//!
//! The first byte says whose, then come header lines, an empty line and the body.

#![no_main]

mod common;

use std::sync::LazyLock;

use gateways::{Gateway, GatewayName, Incoming, ReceiveError, square, stripe};
use libfuzzer_sys::fuzz_target;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use tokio::runtime::Runtime;

/// Now, as the vectors have it.
const NOW: i64 = 1_800_000_000;

static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| Runtime::new().expect("a runtime"));

// Nobody is there: what has to be asked for is not to be had.
static GATEWAYS: LazyLock<Vec<Box<dyn Gateway>>> = LazyLock::new(|| common::all("http://127.0.0.1:1"));

fuzz_target!(|bytes: &[u8]| {
    let Some((first, rest)) = bytes.split_first() else { return };
    let index = usize::from(*first) % GATEWAYS.len();
    let (gateway, name) = (&GATEWAYS[index], GatewayName::ALL[index]);
    let end = rest.windows(2).position(|two| two == b"\n\n");
    let (lines, body) = end.map_or((&rest[..0], rest), |end| (&rest[..end], &rest[end + 2..]));
    let mut headers = HeaderMap::new();
    for line in lines.split(|byte| *byte == b'\n') {
        let Some(colon) = line.iter().position(|byte| *byte == b':') else { continue };
        let (name, value) = (&line[..colon], &line[colon + 1..]);
        if let (Ok(name), Ok(value)) =
            (HeaderName::from_bytes(name), HeaderValue::from_bytes(value.trim_ascii()))
        {
            headers.append(name, value);
        }
    }
    let incoming = Incoming { headers: &headers, body, now_unix: NOW };
    let taken = RUNTIME.block_on(gateway.receive(incoming));
    if taken.is_err() && !matches!(taken, Err(ReceiveError::Body { .. })) {
        return;
    }
    // Genuine, whether it can be read or not: then this very body is what was signed.
    let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    match name {
        GatewayName::Stripe => {
            let signed = header(stripe::signature::HEADER);
            let at = signed.split(',').find_map(|part| part.trim().strip_prefix("t="));
            let at = at.and_then(|text| text.parse().ok()).expect("a time is signed");
            let expected = stripe::signature::sign(&"whsec_fuzz".into(), body, at);
            let (_, mac) = expected.split_once("v1=").expect("a signature has a v1");
            assert!(signed.contains(mac), "taken without a signature: {signed}");
        }
        GatewayName::Square => {
            let url = "https://portal.example/webhooks/square/1";
            let expected = square::signature::sign(&"fuzz".into(), url, body);
            assert_eq!(header(square::signature::HEADER), expected);
        }
        // Without their own gateway nothing of theirs is genuine.
        GatewayName::PayPal | GatewayName::LawPay | GatewayName::CpaCharge => {
            assert!(taken.is_err(), "{name} took what nobody vouches for");
        }
    }
});
