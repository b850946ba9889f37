//! The sandbox's objects beside Stripe's published samples: every field that we send must be one of
//! Stripe's, with the same JSON type.

use sandbox::stripe::{Act, CardOutcome};
use serde_json::Value;

use crate::bench::Bench;

const SAMPLES: &str = include_str!("../fixtures/stripe_sample_objects.json");

/// Fields that Stripe documents and its samples, which show the required ones, leave out.
const BEYOND_THE_SAMPLES: [&str; 7] = [
    "payment_intent.last_payment_error.advice_code",
    "payment_intent.last_payment_error.code",
    "payment_intent.last_payment_error.decline_code",
    "payment_intent.last_payment_error.message",
    "charge.payment_method_details.us_bank_account",
    "event.account",
    "event.data.object",
];

fn compare(ours: &Value, sample: &Value, path: &str, differences: &mut Vec<String>) {
    match (ours, sample) {
        // Both sides may be null; the sample then says nothing of the type.
        (Value::Null, _) | (_, Value::Null) => (),
        (Value::Object(ours), Value::Object(sample)) => {
            for (key, value) in ours {
                let path = format!("{path}.{key}");
                if BEYOND_THE_SAMPLES.contains(&path.as_str()) || path.contains(".metadata.") {
                    continue;
                }
                match sample.get(key) {
                    Some(sample) => compare(value, sample, &path, differences),
                    None => differences.push(format!("{path} is not in the sample")),
                }
            }
        }
        (Value::Array(ours), Value::Array(sample)) => {
            let Some(first) = sample.first() else { return };
            ours.iter().for_each(|value| compare(value, first, &format!("{path}[]"), differences));
        }
        (Value::String(_), Value::String(_))
        | (Value::Number(_), Value::Number(_))
        | (Value::Bool(_), Value::Bool(_)) => (),
        _ => differences.push(format!("{path} is {ours}, in the sample {sample}")),
    }
}

#[tokio::test]
async fn every_field_that_the_sandbox_sends_is_stripes() {
    let bench = Bench::start().await;
    let session = bench.session().await;
    let decline = CardOutcome::Declines("lost_card".to_owned());
    for outcome in [decline, CardOutcome::RequiresAction] {
        bench.act(Act::PayByCard { session: session.clone(), outcome });
    }
    let payment = bench.pay_by_card(&session);
    bench.act(Act::Refund { payment: payment.clone(), amount: Some(100) });
    bench.act(Act::Dispute { payment, amount: None, is_inquiry: false });
    let payment = bench.pay_by_bank(&bench.session().await);
    bench.act(Act::Settle { payment });

    let (_, events) = bench.get("/v1/events?limit=100").await;
    let samples: Value = serde_json::from_str(SAMPLES).unwrap();
    let mut seen = std::collections::BTreeSet::new();
    let mut differences = vec![];
    for event in events["data"].as_array().unwrap() {
        compare(event, &samples["resources"]["event"], "event", &mut differences);
        let object = &event["data"]["object"];
        let kind = object["object"].as_str().unwrap();
        let sample = &samples["resources"][kind];
        assert_eq!(sample["object"], kind);
        compare(object, sample, kind, &mut differences);
        seen.insert(kind);
    }
    assert_eq!(differences, Vec::<String>::new());
    assert_eq!(seen.len(), 5, "every kind of object: {seen:?}");
}

#[tokio::test]
async fn an_expanded_charge_has_stripes_list_of_refunds() {
    let bench = Bench::start().await;
    let payment = bench.pay_by_card(&bench.session().await);
    bench.act(Act::Refund { payment: payment.clone(), amount: Some(100) });
    let path = format!("/v1/payment_intents/{payment}?expand[]=latest_charge.refunds");
    let (_, intent) = bench.get(&path).await;
    let samples: Value = serde_json::from_str(SAMPLES).unwrap();
    let mut differences = vec![];
    compare(&intent["latest_charge"], &samples["resources"]["charge"], "charge", &mut differences);
    assert_eq!(differences, Vec::<String>::new());
    assert_eq!(intent["latest_charge"]["refunds"]["data"][0]["amount"], 100);
}
