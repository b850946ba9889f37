//! The five gateways, as a firm would have them.

use std::time::Duration;

use gateways::{Credentials, Gateway, GatewayName, Mode, Reach, Timeouts, Transport, connect};

/// Nobody answers a fuzzer late.
const TIMEOUTS: Timeouts = Timeouts {
    connect: Duration::from_millis(200),
    answer: Duration::from_millis(500),
    total: Duration::from_secs(1),
    pause: Duration::ZERO,
};

/// What the vectors are signed with, so that what comes of them is tried too.
fn credentials(name: GatewayName) -> Credentials {
    let secrets = |texts: &[&str]| texts.iter().map(|text| (*text).into()).collect();
    let key = match name {
        GatewayName::Stripe => "sk_test_1",
        _ => "key",
    };
    let signing = match name {
        GatewayName::Stripe => secrets(&["whsec_fuzz"]),
        GatewayName::Square => secrets(&["fuzz"]),
        GatewayName::PayPal | GatewayName::LawPay | GatewayName::CpaCharge => vec![],
    };
    let is_affinipay = matches!(name, GatewayName::LawPay | GatewayName::CpaCharge);
    let account = "ac1,operating,card,https://secure.lawpay.com/pages/fuzz/operating";
    Credentials {
        key: key.into(),
        signing,
        account: None,
        location: (name == GatewayName::Square).then(|| "L1".to_owned()),
        client_id: (name == GatewayName::PayPal).then(|| "A1".to_owned()),
        webhook_ids: if name == GatewayName::PayPal { vec!["1W".to_owned()] } else { vec![] },
        deposits: if is_affinipay { vec![account.to_owned()] } else { vec![] },
    }
}

/// All of them, at that address.
pub fn all(base_url: &str) -> Vec<Box<dyn Gateway>> {
    let one = |name| {
        let reach = Reach {
            transport: Transport::new(TIMEOUTS),
            base_url: Some(base_url.to_owned()),
            webhook_url: "https://portal.example/webhooks/square/1".to_owned(),
            mode: Mode::Test,
        };
        connect(name, &credentials(name), reach).expect("connected as a firm would be")
    };
    GatewayName::ALL.into_iter().map(one).collect()
}
