//! The AWS clients: made once, in init, which gets a full processor and is the cheapest place.
//!
//! The configuration is put together by hand instead of with `aws-config`: region and credentials
//! are in the environment, and the trust store holds the five roots that sign every AWS endpoint
//! instead of the 140 of the machine; together that is most of a cold start. These roots are for
//! AWS alone: a client for anybody else needs the public ones. One HTTP client, with its pool of
//! connections, serves all services but mail (see [`Aws::ses`]).

use std::time::Duration;

use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use aws_smithy_http_client::tls::{Provider, TlsContext, TrustStore};
use aws_smithy_http_client::{Builder, HttpClientError};
use aws_smithy_runtime_api::client::behavior_version::BehaviorVersion;
use aws_smithy_runtime_api::client::http::SharedHttpClient;
use aws_smithy_types::retry::RetryConfig;
use aws_smithy_types::timeout::TimeoutConfig;
use aws_types::SdkConfig;
use aws_types::region::Region;

use crate::config::{AwsSettings, Secret};

/// Amazon Root CA 1 to 4 and Starfield Services Root CA - G2, from
/// <https://www.amazontrust.com/repository/>. The first of them expires at the end of 2037.
const AMAZON_ROOTS: &[u8] = include_bytes!("aws/amazon_roots.pem");

/// A connection inside a region takes milliseconds; a second means that it won't come.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);

/// The slowest call that is not mail is a transaction of 100 items: under a second.
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(4);

/// Three attempts and the waits between them, and inside the 15 seconds that a webhook's sender waits.
const OPERATION_TIMEOUT: Duration = Duration::from_secs(13);

/// A mail may take its provider seconds, and nobody waits for it.
const MAIL_TIMEOUT: Duration = Duration::from_secs(20);

/// Why the clients could not be made.
#[derive(Debug, thiserror::Error)]
pub enum AwsError {
    /// The built-in roots could not be used.
    #[error("the trust store of the AWS clients could not be built")]
    TrustStore(#[source] HttpClientError),
}

/// The AWS clients' common configuration.
#[derive(Debug, Clone)]
pub struct Aws(SdkConfig);

impl Aws {
    /// # Errors
    /// When the TLS configuration is refused.
    pub fn new(settings: &AwsSettings) -> Result<Self, AwsError> {
        let timeouts = TimeoutConfig::builder()
            .connect_timeout(CONNECT_TIMEOUT)
            .operation_attempt_timeout(ATTEMPT_TIMEOUT)
            .operation_timeout(OPERATION_TIMEOUT)
            .build();
        let mut config = SdkConfig::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new(settings.region.clone()))
            .credentials_provider(SharedCredentialsProvider::new(credentials(settings)))
            .http_client(https_client(Builder::new())?)
            .retry_config(RetryConfig::standard())
            .timeout_config(timeouts);
        config.set_endpoint_url(settings.endpoint_url.clone());
        Ok(Self(config.build()))
    }

    /// A client of the table.
    pub fn dynamodb(&self) -> aws_sdk_dynamodb::Client {
        aws_sdk_dynamodb::Client::new(&self.0)
    }

    /// A client of the queues.
    pub fn sqs(&self) -> aws_sdk_sqs::Client {
        aws_sdk_sqs::Client::new(&self.0)
    }

    /// A client of the event bus.
    pub fn eventbridge(&self) -> aws_sdk_eventbridge::Client {
        aws_sdk_eventbridge::Client::new(&self.0)
    }

    /// A client of the archive. A stand-in for S3 has one host name: there the bucket is in the path.
    pub fn s3(&self) -> aws_sdk_s3::Client {
        let is_other = self.0.endpoint_url().is_some();
        let config = aws_sdk_s3::config::Builder::from(&self.0).force_path_style(is_other).build();
        aws_sdk_s3::Client::from_conf(config)
    }

    /// A client of the keys.
    pub fn kms(&self) -> aws_sdk_kms::Client {
        aws_sdk_kms::Client::new(&self.0)
    }

    /// A client of the mail.
    ///
    /// It never tries again and never takes a used connection: a request that was sent and not
    /// answered may have sent a letter, and sending it a second time is for [`crate::mail`]'s
    /// callers to decide (LET-4), not for a client that sees only a broken connection.
    ///
    /// # Errors
    /// When the TLS configuration is refused.
    pub fn ses(&self) -> Result<aws_sdk_sesv2::Client, AwsError> {
        let timeouts = TimeoutConfig::builder()
            .connect_timeout(CONNECT_TIMEOUT)
            .operation_timeout(MAIL_TIMEOUT)
            .build();
        let config = aws_sdk_sesv2::config::Builder::from(&self.0)
            .http_client(https_client(Builder::new().pool_max_idle_per_host(0))?)
            .retry_config(RetryConfig::disabled())
            .timeout_config(timeouts)
            .build();
        Ok(aws_sdk_sesv2::Client::from_conf(config))
    }
}

fn credentials(settings: &AwsSettings) -> Credentials {
    let mut credentials = Credentials::builder()
        .access_key_id(&settings.access_key_id)
        .secret_access_key(settings.secret_access_key.reveal())
        .provider_name("environment");
    credentials
        .set_session_token(settings.session_token.as_ref().map(|t| Secret::reveal(t).to_owned()));
    credentials.build()
}

fn https_client(builder: Builder) -> Result<SharedHttpClient, AwsError> {
    let roots = TrustStore::empty().with_pem_certificate(AMAZON_ROOTS);
    let context = TlsContext::builder().with_trust_store(roots).build();
    let context = context.map_err(AwsError::TrustStore)?;
    let provider = Provider::rustls(CryptoMode::AwsLc);
    Ok(builder.tls_provider(provider).tls_context(context).build_https())
}

#[cfg(test)]
pub(crate) mod tests {
    use aws_sdk_dynamodb::error::SdkError;
    use axum::Router;
    use axum::http::HeaderMap;
    use base64::Engine;
    use base64::engine::general_purpose::STANDARD;
    use sha2::{Digest, Sha256};
    use tokio::net::TcpListener;

    use super::*;

    /// Serves AWS's part on this machine and gives clients that talk to it.
    pub(crate) async fn aws_at(router: Router) -> Aws {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, router).await });
        Aws::new(&settings(&url)).unwrap()
    }

    pub(crate) fn settings(endpoint_url: &str) -> AwsSettings {
        AwsSettings {
            region: "us-east-1".to_owned(),
            endpoint_url: Some(endpoint_url.to_owned()),
            access_key_id: "AKIDEXAMPLE".to_owned(),
            secret_access_key: Secret::new("secret"),
            session_token: Some(Secret::new("session")),
        }
    }

    async fn list_tables(headers: HeaderMap) -> String {
        let text = |name: &str| headers[name].to_str().unwrap().to_owned();
        assert!(text("authorization").contains("AKIDEXAMPLE"));
        assert!(text("authorization").contains("/us-east-1/dynamodb/"));
        assert_eq!(text("x-amz-security-token"), "session");
        r#"{"TableNames": ["portcullis"]}"#.to_owned()
    }

    #[tokio::test]
    async fn a_client_signs_with_the_given_credentials_and_talks_plain_http_to_a_local_endpoint() {
        let aws = aws_at(Router::new().fallback(list_tables)).await;
        let tables = aws.dynamodb().list_tables().send().await.unwrap();
        assert_eq!(tables.table_names(), ["portcullis"]);
    }

    #[tokio::test(start_paused = true)]
    async fn an_endpoint_that_never_answers_is_given_up() {
        // The listener is never accepted from: connected by the kernel, and silent.
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let aws = Aws::new(&settings(&url)).unwrap();
        let begun = tokio::time::Instant::now();
        let error = aws.dynamodb().list_tables().send().await.unwrap_err();
        assert!(matches!(error, SdkError::TimeoutError(_)), "{error:?}");
        assert!(begun.elapsed() <= OPERATION_TIMEOUT + Duration::from_secs(1));
    }

    /// The fingerprints as published with the roots.
    #[test]
    fn the_roots_are_amazons() {
        let published = [
            "8ecde6884f3d87b1125ba31ac3fcb13d7016de7f57cc904fe1cb97c6ae98196e",
            "1ba5b2aa8c65401a82960118f80bec4f62304d83cec4713a19c39c011ea46db4",
            "18ce6cfe7bf14e60b2e347b8dfe868cb31d02ebb3ada271569f50343b46db3a4",
            "e35d28419ed02025cfa69038cd623962458da5c695fbdea3c22b0bfb25897092",
            "568d6905a2c88708a4b3025190edcfedb1974a606a13c6e5290fcb2ae63edab5",
        ];
        let text = std::str::from_utf8(AMAZON_ROOTS).unwrap();
        let certificates = text.split("-----BEGIN CERTIFICATE-----").skip(1).map(|rest| {
            let base64 = rest.split("-----END CERTIFICATE-----").next().unwrap();
            let base64: String = base64.split_whitespace().collect();
            hex::encode(Sha256::digest(STANDARD.decode(base64).unwrap()))
        });
        assert_eq!(certificates.collect::<Vec<_>>(), published);
    }
}
