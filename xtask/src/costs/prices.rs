//! What AWS asks for a unit, in us-east-1, without free tiers and discounts for volume.
//!
//! In micro-dollars for a million units, so that all arithmetic is in whole numbers.

/// When the sources were read.
pub const READ_ON: &str = "2026-11-22";

/// A price.
#[derive(Debug, PartialEq, Eq)]
pub struct Price {
    /// Of what.
    pub unit: &'static str,
    /// Micro-dollars for a million of these.
    pub micros_per_million: u64,
    /// As people write it.
    pub says: &'static str,
    /// Who says so; none: it is the price as commonly known, and no page that said so could be read.
    pub source: Option<&'static str>,
}

const fn price(
    unit: &'static str,
    micros_per_million: u64,
    says: &'static str,
    source: Option<&'static str>,
) -> Price {
    Price { unit, micros_per_million, says, source }
}

/// Write request units, on demand.
pub const WRITES: Price = price(
    "write unit",
    625_000,
    "0.625 for a million",
    Some("airbyte.com/data-engineering-resources/dynamodb-pricing"),
);
/// Read request units, on demand.
pub const READS: Price = price(
    "read unit",
    125_000,
    "0.125 for a million",
    Some("airbyte.com/data-engineering-resources/dynamodb-pricing"),
);
/// The table's bytes.
pub const TABLE_MB: Price = price(
    "MB of the table, a month",
    250_000_000,
    "0.25 for a GB",
    Some("aws.amazon.com/dynamodb/pricing"),
);
/// The same once more for point-in-time recovery.
pub const RECOVERY_MB: Price = price(
    "MB that can be recovered, a month",
    200_000_000,
    "0.20 for a GB",
    Some("finops.com.py/services/dynamodb/backups"),
);
/// Calls of functions.
pub const INVOCATIONS: Price = price(
    "invocation",
    200_000,
    "0.20 for a million",
    Some("cloudchipr.com/blog/aws-lambda-pricing"),
);
/// Their time on arm64, in GB and milliseconds.
pub const GB_MILLISECONDS: Price = price(
    "GB-millisecond on arm64",
    13_333,
    "0.0000133334 for a GB-second",
    Some("cloudchipr.com/blog/aws-lambda-pricing"),
);
/// Requests to an HTTP API.
pub const REQUESTS: Price = price(
    "request to the API",
    1_000_000,
    "1.00 for a million",
    Some("docs.aws.amazon.com/whitepapers, best practices for API Gateway"),
);
/// Requests to standard queues.
pub const QUEUE_REQUESTS: Price = price(
    "request to a queue",
    400_000,
    "0.40 for a million",
    Some("cloudburn.io/blog/amazon-sqs-pricing"),
);
/// Events of our own on the bus; schedules and SES's events are free.
pub const EVENTS: Price = price(
    "event on the bus",
    1_000_000,
    "1.00 for a million",
    Some("cloudburn.io/blog/amazon-eventbridge-pricing"),
);
/// Objects put and listed.
pub const PUTS: Price = price(
    "object put into the archive",
    5_000_000,
    "0.005 for a thousand",
    Some("devnotes.tech/understanding-aws-s3-pricing-a-complete-cost-breakdown-with-examples"),
);
/// Objects looked for and read.
pub const GETS: Price = price(
    "object looked for",
    400_000,
    "0.0004 for a thousand",
    Some("devnotes.tech/understanding-aws-s3-pricing-a-complete-cost-breakdown-with-examples"),
);
/// The archive's bytes.
pub const ARCHIVE_MB: Price = price(
    "MB of the archive, a month",
    23_000_000,
    "0.023 for a GB",
    Some("devnotes.tech/understanding-aws-s3-pricing-a-complete-cost-breakdown-with-examples"),
);
/// Letters.
pub const LETTERS: Price = price(
    "letter",
    100_000_000,
    "0.10 for a thousand",
    Some("a bill, at superuser.com/questions/1399690"),
);
/// Keys of our own; each of the first two yearly rotations adds as much.
pub const KEYS: Price =
    price("key, a month", 1_000_000_000_000, "1.00", Some("aws.amazon.com/kms/pricing"));
/// What is asked of keys.
pub const KEY_REQUESTS: Price = price(
    "request to a key",
    3_000_000,
    "0.03 for ten thousand",
    Some("wring.co/blog/aws-kms-pricing-guide"),
);
/// Alarms on single metrics.
pub const ALARMS: Price = price(
    "alarm, a month",
    100_000_000_000,
    "0.10",
    Some("c3x.dev/resources/aws/aws_cloudwatch_metric_alarm"),
);
/// Dashboards.
pub const DASHBOARDS: Price = price(
    "dashboard, a month",
    3_000_000_000_000,
    "3.00",
    Some("factualminds.com/blog/amazon-cloudwatch-pricing-metrics-logs-alarms-dashboards"),
);
/// Numbers of our own.
pub const METRICS: Price =
    price("metric, a month", 300_000_000_000, "0.30", Some("signoz.io/guides/cloudwatch-pricing"));
/// Logs, taken in.
pub const LOG_MB: Price = price(
    "MB of logs",
    500_000_000,
    "0.50 for a GB",
    Some("factualminds.com/blog/amazon-cloudwatch-pricing-metrics-logs-alarms-dashboards"),
);
/// Traces; none with `Tracing=PassThrough`.
pub const TRACES: Price = price("trace", 5_000_000, "5.00 for a million", None);
/// Bytes that leave to people.
pub const OUT_MB: Price = price(
    "MB to people",
    90_000_000,
    "0.09 for a GB",
    Some("devnotes.tech/understanding-aws-s3-pricing-a-complete-cost-breakdown-with-examples"),
);

/// All of them, as they stand on the page.
pub const ALL: [&Price; 21] = [
    &WRITES,
    &READS,
    &TABLE_MB,
    &RECOVERY_MB,
    &INVOCATIONS,
    &GB_MILLISECONDS,
    &REQUESTS,
    &QUEUE_REQUESTS,
    &EVENTS,
    &PUTS,
    &GETS,
    &ARCHIVE_MB,
    &LETTERS,
    &KEYS,
    &KEY_REQUESTS,
    &ALARMS,
    &DASHBOARDS,
    &METRICS,
    &LOG_MB,
    &TRACES,
    &OUT_MB,
];
