//! Somebody is told of what goes wrong, and what to do about it.

use std::collections::BTreeSet;

use saphyr::Yaml;
use serde_json::Value;

use super::{
    at, binary, events, functions, named, names_in, read, resources, text, texts, with_template,
};

/// The namespace of our own metrics.
const OURS: &str = "Portcullis";

/// What whoever is woken can do begins with one of these.
const DEEDS: [&str; 8] = ["Look", "Read", "look", "read", "says", "start", "Until", "names"];

/// What must be watched, by metric.
const WATCHED: [&str; 11] = [
    "5xx",
    "ApproximateAgeOfOldestMessage",
    "ApproximateNumberOfMessagesVisible",
    "Errors",
    "Reputation.BounceRate",
    "Reputation.ComplaintRate",
    "Throttles",
    "alarms",
    "behind",
    "outbox_age",
    "stuck_letters",
];

/// An alarm's dimensions: what is told apart, and which one is meant.
fn dimensions<'a>(alarm: &'a Yaml<'_>) -> Vec<(&'a str, &'a str)> {
    let all = at(alarm, "Properties.Dimensions").and_then(Yaml::as_vec);
    all.into_iter().flatten().map(|one| (text(one, "Name"), text(one, "Value"))).collect()
}

/// Whether a function tells that number.
fn tells(function: &str, metric: &str) -> bool {
    read(&format!("functions/{function}/src/lib.rs")).contains(&format!("\"{metric}\""))
}

#[test]
fn every_alarm_reaches_somebody_and_says_what_to_do() {
    with_template(|template| {
        for (name, alarm) in resources(template, "AWS::CloudWatch::Alarm") {
            for to in ["AlarmActions", "OKActions"] {
                let path = format!("Properties.{to}");
                assert_eq!(texts(at(alarm, &path).unwrap()), ["AlarmTopic"], "{name}");
            }
            let description = text(alarm, "Properties.AlarmDescription");
            assert!(description.len() <= 1024, "{name}: longer than CloudWatch takes");
            let sentences = description.split_inclusive(['.', ';', ':']).count();
            assert!(2 <= sentences, "{name} says what is, and then what to do: {description}");
            let deed = DEEDS.iter().any(|deed| description.split(' ').any(|word| word == *deed));
            assert!(deed, "{name} doesn't say what to do: {description}");
            for word in description.split(|c: char| !(c.is_alphanumeric() || c == '-')) {
                let is_queue = word.ends_with("-dead");
                let queues = resources(template, "AWS::SQS::Queue");
                let queue = format!("portcullis-${{Stage}}-{word}");
                let has = queues.values().any(|one| text(one, "Properties.QueueName") == queue);
                assert!(!is_queue || has, "{name} names the queue {word}, which is not there");
            }
        }
    });
}

#[test]
fn what_can_go_wrong_is_watched() {
    with_template(|template| {
        let alarms = resources(template, "AWS::CloudWatch::Alarm");
        let metric = |alarm: &&Yaml<'_>| text(alarm, "Properties.MetricName").to_owned();
        let watched: BTreeSet<String> = alarms.values().map(metric).collect();
        for metric in WATCHED {
            assert!(watched.contains(metric), "nobody watches {metric}");
        }
        let is_watched = |metric: &str, dimension: (&str, &str)| {
            alarms.values().any(|alarm| {
                text(alarm, "Properties.MetricName") == metric && dimensions(alarm) == [dimension]
            })
        };
        for queue in resources(template, "AWS::SQS::Queue").into_keys() {
            let metric = match queue.ends_with("DeadLetterQueue") {
                true => "ApproximateNumberOfMessagesVisible",
                false => "ApproximateAgeOfOldestMessage",
            };
            let dimension = format!("{queue}.QueueName");
            assert!(is_watched(metric, ("QueueName", &dimension)), "{queue}");
        }
        for function in resources(template, "AWS::Serverless::Function").into_keys() {
            assert!(is_watched("Errors", ("FunctionName", function)), "{function}");
        }
        for (name, function) in resources(template, "AWS::Serverless::Function") {
            let follows = !events(function, "DynamoDB").is_empty();
            assert!(!follows || is_watched("IteratorAge", ("FunctionName", name)), "{name}");
        }
    });
}

/// A silent function must not look like a healthy one.
#[test]
fn what_runs_by_the_clock_is_missed_when_it_does_not_run() {
    with_template(|template| {
        let alarms = resources(template, "AWS::CloudWatch::Alarm");
        for (name, function) in functions(template) {
            if events(function, "Schedule").is_empty() {
                continue;
            }
            let is_missed = alarms.values().any(|alarm| {
                dimensions(alarm).contains(&("function", binary(function)))
                    && text(alarm, "Properties.TreatMissingData") == "breaching"
            });
            assert!(is_missed, "nobody notices that {name} doesn't run");
        }
    });
}

#[test]
fn our_own_metrics_are_ones_that_the_functions_tell() {
    with_template(|template| {
        let mut seen = 0;
        for (name, alarm) in resources(template, "AWS::CloudWatch::Alarm") {
            if text(alarm, "Properties.Namespace") != OURS {
                continue;
            }
            seen += 1;
            let [("stage", "Stage"), ("function", function)] = dimensions(alarm)[..] else {
                panic!("{name}: {:?}", dimensions(alarm));
            };
            let metric = text(alarm, "Properties.MetricName");
            assert!(tells(function, metric), "{name}: {function} doesn't tell {metric}");
        }
        assert!(4 < seen, "{seen}");
    });
}

#[test]
fn the_dashboard_shows_every_alarm_and_nothing_that_is_not_there() {
    with_template(|template| {
        let body = text(template, "Resources.Dashboard.Properties.DashboardBody");
        let parameters = named(template, "Parameters");
        let resources_ = named(template, "Resources");
        for name in names_in(body) {
            let is_known = resources_.contains_key(name)
                || parameters.contains_key(name)
                || name.starts_with("AWS::");
            assert!(is_known, "{name}");
        }
        let body: Value = serde_json::from_str(body).unwrap();
        let widgets = body["widgets"].as_array().unwrap();
        let shown: BTreeSet<&str> = widgets[0]["properties"]["alarms"]
            .as_array()
            .unwrap()
            .iter()
            .map(|arn| arn.as_str().unwrap())
            .collect();
        let alarms = resources(template, "AWS::CloudWatch::Alarm");
        let all: Vec<String> = alarms.keys().map(|name| format!("${{{name}.Arn}}")).collect();
        assert_eq!(shown, all.iter().map(String::as_str).collect());
        let names: BTreeSet<String> = functions(template)
            .keys()
            .map(|binary| format!("portcullis-${{Stage}}-{binary}"))
            .collect();
        for metric in widgets.iter().filter_map(|w| w["properties"]["metrics"].as_array()).flatten()
        {
            let words: Vec<&str> =
                metric.as_array().unwrap().iter().map(|w| w.as_str().unwrap()).collect();
            match words[..] {
                [OURS, name, "stage", "${Stage}", "function", function] => {
                    assert!(tells(function, name), "{function} doesn't tell {name}");
                }
                ["AWS/Lambda", _, "FunctionName", function] => {
                    assert!(names.contains(function), "{function}");
                }
                [_, _, _, _] => {}
                _ => panic!("{words:?}"),
            }
        }
    });
}
