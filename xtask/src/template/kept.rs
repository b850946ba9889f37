//! What is kept, where, for how long, and who can take it away.

use saphyr::Yaml;

use super::{at, functions, named, read, resources, text, texts, with_template};

/// What can't be made again when it is gone.
const KEPT: [&str; 5] = [
    "AWS::Cognito::UserPool",
    "AWS::DynamoDB::Table",
    "AWS::KMS::Key",
    "AWS::S3::Bucket",
    "AWS::SES::EmailIdentity",
];

#[test]
fn nothing_that_cannot_be_made_again_goes_with_the_stack() {
    with_template(|template| {
        for kind in KEPT {
            let found = resources(template, kind);
            assert!(!found.is_empty(), "{kind}");
            for (name, resource) in found {
                for policy in ["DeletionPolicy", "UpdateReplacePolicy"] {
                    assert_eq!(text(resource, policy), "Retain", "{name}");
                }
            }
        }
    });
}

/// A table that was restored takes the place of the stack's own: whoever names the one names the other.
#[test]
fn a_restored_table_is_used_everywhere_or_nowhere() {
    let template = read("template.yaml");
    for line in
        template.lines().filter(|line| line.contains("Table}") || line.contains("Table.Arn"))
    {
        assert!(line.contains("}${RestoredSuffix}"), "{line}");
    }
    for line in template.lines().filter(|line| line.contains("Table.StreamArn")) {
        assert!(
            line.contains(
                "IsRestored, !Sub \"${Table.Arn}${RestoredSuffix}/stream/${RestoredStream}\""
            ),
            "{line}"
        );
    }
    for name in ["!Ref Table\n", "!Ref Table}", "!Ref Table]"] {
        assert!(!template.contains(name), "{name} is the stack's own table alone");
    }
    assert_eq!(
        template.matches("!Sub ${Table}${RestoredSuffix}").count(),
        2,
        "functions and output"
    );
}

/// Paused, no function is called; but the archive goes on, by which a restore goes.
#[test]
fn a_pause_is_of_all_functions_but_the_one_that_archives() {
    with_template(|template| {
        let globals = at(template, "Globals.Function.ReservedConcurrentExecutions").unwrap();
        assert!(format!("{globals:?}").contains("IsPaused"), "{globals:?}");
        for (name, function) in functions(template) {
            let own = at(function, "Properties.ReservedConcurrentExecutions");
            assert_eq!(own.is_some(), name == "audit-stream", "{name}");
        }
    });
}

#[test]
fn logs_are_kept_for_a_time() {
    with_template(|template| {
        for (name, log) in resources(template, "AWS::Logs::LogGroup") {
            let days = at(log, "Properties.RetentionInDays").and_then(Yaml::as_str);
            assert_eq!(days, Some("LogRetentionDays"), "{name} is kept for ever");
        }
    });
}

#[test]
fn dead_letters_are_caught_for_two_weeks() {
    with_template(|template| {
        let queues = resources(template, "AWS::SQS::Queue");
        for (name, queue) in &queues {
            let redrive = at(queue, "Properties.RedrivePolicy.deadLetterTargetArn");
            let days = at(queue, "Properties.MessageRetentionPeriod").and_then(Yaml::as_integer);
            match name.strip_suffix("DeadLetterQueue") {
                Some(_) => assert_eq!((redrive, days), (None, Some(14 * 24 * 60 * 60)), "{name}"),
                None => {
                    let dead = name.replace("Queue", "DeadLetterQueue");
                    assert!(queues.contains_key(dead.as_str()), "no {dead}");
                    let target = redrive.and_then(Yaml::as_str);
                    assert_eq!(target, Some(format!("{dead}.Arn").as_str()));
                }
            }
        }
    });
}

#[test]
fn no_bucket_is_public_or_read_without_tls() {
    with_template(|template| {
        let policies = resources(template, "AWS::S3::BucketPolicy");
        for (name, bucket) in resources(template, "AWS::S3::Bucket") {
            for part in [
                "BlockPublicAcls",
                "BlockPublicPolicy",
                "IgnorePublicAcls",
                "RestrictPublicBuckets",
            ] {
                let path = format!("Properties.PublicAccessBlockConfiguration.{part}");
                assert_eq!(at(bucket, &path).and_then(Yaml::as_bool), Some(true), "{name}: {part}");
            }
            assert_eq!(text(bucket, "Properties.VersioningConfiguration.Status"), "Enabled");
            let policy = policies[format!("{name}Policy").as_str()];
            assert_eq!(text(policy, "Properties.Bucket"), name);
            let statements = at(policy, "Properties.PolicyDocument.Statement").unwrap();
            let statement = statements.as_sequence_get(0).unwrap();
            assert_eq!(text(statement, "Effect"), "Deny", "{name}");
            assert_eq!(text(statement, "Condition.Bool.aws:SecureTransport"), "false", "{name}");
            let both = [format!("{name}.Arn"), format!("${{{name}.Arn}}/*")];
            assert_eq!(texts(at(statement, "Resource").unwrap()), both);
        }
    });
}

#[test]
fn what_is_archived_is_locked_for_years() {
    with_template(|template| {
        let archive = resources(template, "AWS::S3::Bucket")["ArchiveBucket"];
        let lock = at(archive, "Properties.ObjectLockConfiguration.Rule.DefaultRetention").unwrap();
        assert_eq!(text(lock, "Mode"), "ArchiveLockMode");
        assert_eq!(text(lock, "Days"), "ArchiveLockDays");
        let modes = at(template, "Parameters.ArchiveLockMode.AllowedValues").unwrap();
        assert_eq!(texts(modes), ["GOVERNANCE", "COMPLIANCE"]);
    });
}

#[test]
fn every_parameter_is_explained_used_and_has_a_default() {
    let yaml = read("template.yaml");
    with_template(|template| {
        for (name, parameter) in named(template, "Parameters") {
            assert!(text(parameter, "Description").split(' ').count() > 3, "{name}");
            assert!(at(parameter, "Default").is_some(), "{name} must be given");
            let uses = [format!("!Ref {name}"), format!("${{{name}}}")];
            assert!(uses.iter().any(|written| yaml.contains(written)), "nobody uses {name}");
        }
        for (name, output) in named(template, "Outputs") {
            assert!(!text(output, "Description").is_empty(), "{name}");
        }
    });
}

#[test]
fn what_samconfig_gives_the_template_takes() {
    let given: Vec<String> = read("samconfig.toml")
        .lines()
        .filter_map(|line| line.trim().strip_prefix('"')?.strip_suffix("\","))
        .map(str::to_owned)
        .filter(|line| line.contains('='))
        .collect();
    assert!(!given.is_empty());
    with_template(|template| {
        let parameters = named(template, "Parameters");
        for pair in given {
            let (name, value) = pair.split_once('=').unwrap();
            let parameter = parameters.get(name).unwrap_or_else(|| panic!("no parameter {name}"));
            let Some(allowed) = at(parameter, "AllowedValues") else { continue };
            let allowed = (0..).map_while(|place| allowed.as_sequence_get(place));
            let mut allowed = allowed.map(|one| match one.as_integer() {
                Some(number) => number.to_string(),
                None => one.as_str().unwrap().to_owned(),
            });
            assert!(allowed.any(|one| one == value), "{name} can't be {value}");
        }
    });
}

/// How the description of `MailDomainMark` says that a mark is made.
#[test]
fn let_2_the_first_domain_is_marked_as_any_other() {
    let code = read("shared/services/src/office/mail_domain.rs");
    assert!(code.contains("Sha256::digest(format!(\"mail domain of {firm}\")"));
    with_template(|template| {
        let description = text(template, "Parameters.MailDomainMark.Description");
        assert!(description.contains("printf 'mail domain of FIRM' | sha256sum"), "{description}");
        let identity = resources(template, "AWS::SES::EmailIdentity")["MailIdentity"];
        let tags = texts_of(at(identity, "Properties.Tags").unwrap());
        assert_eq!(tags, [("portcullis-firm", "MailDomainMark")]);
    });
}

fn texts_of<'a>(tags: &'a Yaml<'_>) -> Vec<(&'a str, &'a str)> {
    let tags = (0..).map_while(|place| tags.as_sequence_get(place));
    tags.map(|tag| (text(tag, "Key"), text(tag, "Value"))).collect()
}
