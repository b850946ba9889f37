//! Who may do what: one role per function, nothing by wildcard, nothing that isn't there.

use std::collections::BTreeSet;

use saphyr::Yaml;
use serde_json::Value;

use super::{
    at, events, functions, named, names_in, number, read, resources, text, texts, walk,
    with_template,
};

/// X-Ray has no resources that a policy could name: the only statement for everything, and what it may do.
const TRACING: (&str, [&str; 2]) =
    ("TracingPolicy", ["xray:PutTelemetryRecords", "xray:PutTraceSegments"]);

/// What is done to the objects of one bucket, whose keys nobody can list beforehand.
const OF_OBJECTS: [&str; 2] = ["s3:GetObject", "s3:PutObject"];

/// The tag of each domain that a firm set up. Their names come at run time, so that a statement can't have them:
/// it says which tag they must carry, and without one they are only looked at.
const FIRM_TAG: &str = "portcullis-firm";

/// What may be done to a domain whoever set it up: to see whose it is.
const LOOK_AT_A_DOMAIN: &str = "ses:GetEmailIdentity";

/// What the stream's functions follow: what is put into the outbox, and commit records with whatever is done to
/// them, for nobody may change one.
const PATTERNS: [&str; 2] = [
    r#"{"dynamodb":{"NewImage":{"outbox_pk":{"S":[{"exists":true}]}}},"eventName":["INSERT"]}"#,
    r#"{"dynamodb":{"Keys":{"sk":{"S":[{"prefix":"E#"}]}}}}"#,
];

/// A function's permissions: each action with what it is for.
fn allowed<'a>(template: &'a Yaml<'_>, function: &Yaml<'_>) -> BTreeSet<(&'a str, &'a str)> {
    let role = text(function, "Properties.Role").strip_suffix(".Arn").unwrap();
    let roles = resources(template, "AWS::IAM::Role");
    let mut allowed = BTreeSet::new();
    walk(at(roles[role], "Properties.Policies").unwrap(), "", &mut |statement| {
        if statement.as_mapping_get("Effect").is_some() {
            for action in texts(statement.as_mapping_get("Action").unwrap()) {
                for resource in texts(statement.as_mapping_get("Resource").unwrap()) {
                    allowed.insert((action, resource));
                }
            }
        }
    });
    allowed
}

#[test]
fn no_policy_has_a_wildcard_and_none_may_scan() {
    let domains = read("shared/platform/src/mail_domains.rs");
    assert!(domains.contains(&format!("const FIRM_TAG: &str = \"{FIRM_TAG}\"")));
    with_template(|template| {
        let mut statements = 0;
        for (name, resource) in named(template, "Resources") {
            // A key's own policy says `*` for the key itself.
            walk(resource, "KeyPolicy", &mut |mapping| {
                let Some(effect) = mapping.as_mapping_get("Effect") else { return };
                if effect.as_str() == Some("Deny") {
                    return; // what is refused may be everything
                }
                statements += 1;
                let actions = texts(mapping.as_mapping_get("Action").unwrap());
                assert!(!actions.is_empty(), "no action in {mapping:?}");
                for action in &actions {
                    assert!(
                        !action.contains('*') && *action != "dynamodb:Scan",
                        "{name}: {action}"
                    );
                }
                if actions == ["sts:AssumeRole"] {
                    assert_eq!(text(mapping, "Principal.Service"), "lambda.amazonaws.com");
                    return;
                }
                let of = texts(mapping.as_mapping_get("Resource").unwrap());
                assert!(!of.is_empty(), "no resource in {mapping:?}");
                if (name, &actions[..]) == (TRACING.0, &TRACING.1[..]) {
                    return;
                }
                let is_tagged =
                    at(mapping, "Condition.Null").and_then(Yaml::as_mapping).is_some_and(|tags| {
                        let of = |kind| format!("aws:{kind}/{FIRM_TAG}");
                        let known = [of("ResourceTag"), of("RequestTag")];
                        tags.iter().any(|(tag, is_missing)| {
                            known.iter().any(|one| tag.as_str() == Some(one))
                                && is_missing.as_str() == Some("false")
                        })
                    });
                let is_of_firms = is_tagged || actions == [LOOK_AT_A_DOMAIN];
                let are_objects = actions.iter().all(|action| OF_OBJECTS.contains(action));
                for resource in of {
                    let resource = match resource.split_once("Bucket.Arn}/") {
                        Some((_, key)) if are_objects => key.strip_suffix('*').unwrap_or(key),
                        _ if is_of_firms => {
                            resource.strip_suffix(":identity/*").unwrap_or(resource)
                        }
                        _ => resource,
                    };
                    assert!(!resource.contains('*'), "{name}: {resource} is a wildcard");
                }
            });
        }
        let functions = functions(template).len();
        assert!(functions * 2 <= statements, "{statements} statements for {functions} functions");
    });
}

#[test]
fn the_role_of_each_function_is_ours_and_names_what_there_is() {
    with_template(|template| {
        let mut known: BTreeSet<&str> = named(template, "Resources").into_keys().collect();
        known.extend(named(template, "Parameters").into_keys());
        known.extend(named(template, "Conditions").into_keys()); // of an `!If`
        let indexes = at(template, "Resources.Table.Properties.GlobalSecondaryIndexes").unwrap();
        let indexes: BTreeSet<&str> = (0..)
            .map_while(|place| indexes.as_sequence_get(place))
            .map(|index| text(index, "IndexName"))
            .collect();
        for (binary, function) in functions(template) {
            let managed = at(function, "Properties.Policies");
            assert!(managed.is_none(), "{binary}: SAM's policies have wildcards");
            for (action, resource) in allowed(template, function) {
                for name in names_in(resource) {
                    let is_known = known.contains(name) || name.starts_with("AWS::");
                    assert!(is_known, "{binary}: {action} on {resource}, which is not here");
                }
                if let Some((_, index)) = resource.split_once("/index/") {
                    assert!(indexes.contains(index), "{binary}: {resource}");
                }
            }
        }
    });
}

#[test]
fn each_function_may_use_what_it_is_told_of() {
    with_template(|template| {
        for (binary, function) in functions(template) {
            let allowed = allowed(template, function);
            let must = |action: &str, resource: String| {
                let has = allowed.contains(&(action, resource.as_str()));
                assert!(has, "{binary} may not {action} on {resource}");
            };
            let log = text(function, "Properties.LoggingConfig.LogGroup");
            for action in ["logs:CreateLogStream", "logs:PutLogEvents"] {
                must(action, format!("{log}.Arn"));
            }
            let variables = at(function, "Properties.Environment.Variables");
            for (variable, value) in variables.and_then(Yaml::as_mapping).into_iter().flatten() {
                let value = texts(value);
                match variable.as_str().unwrap() {
                    name if name.ends_with("_QUEUE_URL") => {
                        must("sqs:SendMessage", format!("{}.Arn", value[0]));
                    }
                    "PORTCULLIS_SECRETS_KEY" => must("kms:Decrypt", value[0].to_owned()),
                    "PORTCULLIS_EVENT_BUS" => must("events:PutEvents", format!("{}.Arn", value[0])),
                    "PORTCULLIS_ARCHIVE_BUCKET" => {
                        must("s3:PutObject", format!("${{{}.Arn}}/*", value[0]));
                    }
                    "PORTCULLIS_INBOUND_BUCKET" => {
                        must("s3:GetObject", format!("${{{}.Arn}}/*", value[0]));
                    }
                    _ => {}
                }
            }
            for event in events(function, "SQS") {
                let queue = text(event, "Properties.Queue");
                for action in ["sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:ReceiveMessage"]
                {
                    must(action, queue.to_owned());
                }
            }
            for event in events(function, "DynamoDB") {
                for stream in texts(at(event, "Properties.Stream").unwrap()) {
                    must("dynamodb:GetRecords", stream.to_owned());
                }
                let failed = "Properties.DestinationConfig.OnFailure.Destination";
                must("sqs:SendMessage", text(event, failed).to_owned());
            }
        }
    });
}

#[test]
fn a_message_is_hidden_six_times_as_long_as_its_function_may_take() {
    with_template(|template| {
        let queues = resources(template, "AWS::SQS::Queue");
        for (binary, function) in functions(template) {
            for event in events(function, "SQS") {
                let queue = text(event, "Properties.Queue").strip_suffix(".Arn").unwrap();
                let hidden = number(queues[queue], "Properties.VisibilityTimeout");
                assert_eq!(hidden, 6 * number(function, "Properties.Timeout"), "{binary}");
                let answers = texts(at(event, "Properties.FunctionResponseTypes").unwrap());
                assert_eq!(answers, ["ReportBatchItemFailures"], "{binary}");
            }
        }
    });
}

#[test]
fn the_stream_is_followed_with_an_end_to_every_failure() {
    assert!(read("shared/store/src/keys.rs").contains("const RECORD: &str = \"E#\";"));
    assert!(read("shared/store/src/keys/index.rs").contains("\"outbox_pk\""));
    with_template(|template| {
        for (binary, function) in functions(template) {
            let followed = events(function, "DynamoDB");
            assert!(followed.len() <= 2, "{binary}: a shard gives to two readers at once");
            for event in followed {
                let bisects = at(event, "Properties.BisectBatchOnFunctionError");
                assert_eq!(bisects.and_then(Yaml::as_bool), Some(true), "{binary}");
                assert!(0 < number(event, "Properties.MaximumRetryAttempts"), "{binary}");
                let age = number(event, "Properties.MaximumRecordAgeInSeconds");
                assert!((60..24 * 60 * 60).contains(&age), "{binary}: the stream keeps a day");
                let answers = texts(at(event, "Properties.FunctionResponseTypes").unwrap());
                assert_eq!(answers, ["ReportBatchItemFailures"], "{binary}");
                let filters = at(event, "Properties.FilterCriteria.Filters").unwrap();
                let pattern = text(filters.as_sequence_get(0).unwrap(), "Pattern");
                let pattern: Value = serde_json::from_str(pattern).unwrap();
                let pattern = pattern.to_string();
                assert!(PATTERNS.contains(&pattern.as_str()), "{pattern}");
            }
        }
    });
}
