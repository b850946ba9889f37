//! Sealing what is secret of a firm at a gateway, so that it can lie in the table (SEC-5).
//!
//! The AWS half asks KMS, under one key of the deployment; the local half uses a key that it is given.
//! Both bind what they seal to the firm and the gateway (KMS's encryption context, AES-GCM's additional
//! data): an item that was copied to another firm is of no use there.

use async_trait::async_trait;
use aws_lc_rs::aead::{AES_256_GCM, Aad, Nonce, RandomizedNonceKey};
use aws_sdk_kms::Client;
use aws_sdk_kms::error::{DisplayErrorContext, SdkError};
use aws_sdk_kms::operation::decrypt::DecryptError;
use aws_sdk_kms::primitives::Blob;

/// The most that is sealed at once: KMS's limit, and more than a gateway's keys need.
pub const MAX_PLAIN_BYTES: usize = 4096;

/// The length of the local half's key: AES-256.
pub const KEY_BYTES: usize = 32;

/// AES-GCM's nonce, which stands before what it sealed.
const NONCE_BYTES: usize = 12;

/// What is sealed can be opened only for the same firm and gateway.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SealContext<'a> {
    /// Whose.
    pub firm: &'a str,
    /// At which gateway.
    pub gateway: &'a str,
}

/// Why nothing was sealed or opened.
#[derive(Debug, thiserror::Error)]
pub enum SealError {
    /// See [`MAX_PLAIN_BYTES`].
    #[error("{bytes} bytes are more than the {MAX_PLAIN_BYTES} that can be sealed")]
    TooLarge {
        /// Its size.
        bytes: usize,
    },
    /// Sealed with another key, for another firm or gateway, or changed since.
    #[error("what is sealed can't be opened with this key for this firm and gateway")]
    NotOurs,
    /// The key can't be used now: try again.
    #[error("the key can't be used: {what}")]
    Unavailable {
        /// What its keeper says.
        what: String,
    },
}

/// Something that seals and opens.
#[async_trait]
pub trait Seal: Send + Sync {
    /// Seals.
    async fn seal(&self, plain: &[u8], context: SealContext<'_>) -> Result<Vec<u8>, SealError>;

    /// Opens what was sealed in the same context.
    async fn unseal(&self, sealed: &[u8], context: SealContext<'_>) -> Result<Vec<u8>, SealError>;
}

fn check(plain: &[u8]) -> Result<(), SealError> {
    let bytes = plain.len();
    if MAX_PLAIN_BYTES < bytes { Err(SealError::TooLarge { bytes }) } else { Ok(()) }
}

/// A key of KMS.
#[derive(Debug, Clone)]
pub struct KmsSeal {
    client: Client,
    key: String,
}

impl KmsSeal {
    /// The key of that id, ARN or alias.
    pub fn new(client: Client, key: impl Into<String>) -> Self {
        Self { client, key: key.into() }
    }
}

#[async_trait]
impl Seal for KmsSeal {
    async fn seal(&self, plain: &[u8], context: SealContext<'_>) -> Result<Vec<u8>, SealError> {
        check(plain)?;
        let request = self.client.encrypt().key_id(&self.key).plaintext(Blob::new(plain));
        let request = request.encryption_context("firm", context.firm);
        let answer = request.encryption_context("gateway", context.gateway).send().await;
        let answer = answer.map_err(|error| unavailable(&error))?;
        let missing = || SealError::Unavailable { what: "no ciphertext came back".to_owned() };
        Ok(answer.ciphertext_blob.ok_or_else(missing)?.into_inner())
    }

    async fn unseal(&self, sealed: &[u8], context: SealContext<'_>) -> Result<Vec<u8>, SealError> {
        let request = self.client.decrypt().key_id(&self.key).ciphertext_blob(Blob::new(sealed));
        let request = request.encryption_context("firm", context.firm);
        let answer = request.encryption_context("gateway", context.gateway).send().await;
        let answer = answer.map_err(|error| match error.as_service_error() {
            Some(
                DecryptError::InvalidCiphertextException(_)
                | DecryptError::IncorrectKeyException(_),
            ) => SealError::NotOurs,
            _ => unavailable(&error),
        })?;
        Ok(answer.plaintext.ok_or(SealError::NotOurs)?.into_inner())
    }
}

fn unavailable<E, R>(error: &SdkError<E, R>) -> SealError
where
    E: std::error::Error + 'static,
    R: std::fmt::Debug,
{
    SealError::Unavailable { what: DisplayErrorContext(error).to_string() }
}

/// A key in this process, for one machine and for tests.
pub struct LocalSeal(RandomizedNonceKey);

impl LocalSeal {
    /// With that key, from wherever it is kept.
    ///
    /// # Errors
    /// When the cipher refuses it, which no key of that length is.
    pub fn new(key: &[u8; KEY_BYTES]) -> Result<Self, SealError> {
        RandomizedNonceKey::new(&AES_256_GCM, key).map(Self).map_err(|_| refused())
    }
}

impl std::fmt::Debug for LocalSeal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("LocalSeal(…)")
    }
}

#[async_trait]
impl Seal for LocalSeal {
    async fn seal(&self, plain: &[u8], context: SealContext<'_>) -> Result<Vec<u8>, SealError> {
        check(plain)?;
        let mut sealed = plain.to_vec();
        let nonce = self.0.seal_in_place_append_tag(bound_to(context), &mut sealed);
        let nonce = nonce.map_err(|_| refused())?;
        Ok([nonce.as_ref().as_slice(), &sealed].concat())
    }

    async fn unseal(&self, sealed: &[u8], context: SealContext<'_>) -> Result<Vec<u8>, SealError> {
        let (nonce, sealed) = sealed.split_at_checked(NONCE_BYTES).ok_or(SealError::NotOurs)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| SealError::NotOurs)?;
        let mut sealed = sealed.to_vec();
        let plain = self.0.open_in_place(nonce, bound_to(context), &mut sealed);
        plain.map(|plain| plain.to_vec()).map_err(|_| SealError::NotOurs)
    }
}

/// Ids hold no line feed, so no two contexts look the same.
fn bound_to(context: SealContext<'_>) -> Aad<Vec<u8>> {
    Aad::from(format!("{}\n{}", context.firm, context.gateway).into_bytes())
}

fn refused() -> SealError {
    SealError::Unavailable { what: "the cipher refused it".to_owned() }
}

#[cfg(test)]
mod tests {
    use axum::Router;
    use axum::http::{HeaderMap, StatusCode};
    use base64::Engine;
    use base64::engine::general_purpose::STANDARD;
    use serde_json::{Value, json};

    use super::*;
    use crate::aws::tests::aws_at;

    const ACME: SealContext<'_> = SealContext { firm: "acme", gateway: "stripe" };

    /// A KMS that binds to the context as the real one does, and hides nothing.
    async fn kms(headers: HeaderMap, body: String) -> (StatusCode, String) {
        let body: Value = serde_json::from_str(&body).unwrap();
        let context = body["EncryptionContext"].to_string();
        let bytes = |name: &str| STANDARD.decode(body[name].as_str().unwrap()).unwrap();
        assert_eq!(body["KeyId"], "alias/secrets");
        let answer = match headers["x-amz-target"].to_str().unwrap() {
            "TrentService.Encrypt" => {
                let sealed = [context.as_bytes(), &bytes("Plaintext")].concat();
                json!({"CiphertextBlob": STANDARD.encode(sealed)})
            }
            _ => match bytes("CiphertextBlob").strip_prefix(context.as_bytes()) {
                Some(plain) => json!({"Plaintext": STANDARD.encode(plain)}),
                None => {
                    let error = json!({"__type": "InvalidCiphertextException"});
                    return (StatusCode::BAD_REQUEST, error.to_string());
                }
            },
        };
        (StatusCode::OK, answer.to_string())
    }

    async fn seals() -> [Box<dyn Seal>; 2] {
        let aws = aws_at(Router::new().fallback(kms)).await;
        let local = LocalSeal::new(&[7; KEY_BYTES]).unwrap();
        [Box::new(KmsSeal::new(aws.kms(), "alias/secrets")), Box::new(local)]
    }

    #[tokio::test]
    async fn sec_5_what_is_sealed_opens_for_its_firm_and_gateway_only() {
        for seal in seals().await {
            let sealed = seal.seal(b"whsec_1", ACME).await.unwrap();
            assert_ne!(sealed, b"whsec_1");
            assert_eq!(seal.unseal(&sealed, ACME).await.unwrap(), b"whsec_1");
            for other in [
                SealContext { firm: "beta", ..ACME },
                SealContext { gateway: "square", ..ACME },
                SealContext { firm: "acmestripe", gateway: "" },
            ] {
                let error = seal.unseal(&sealed, other).await.unwrap_err();
                assert!(matches!(error, SealError::NotOurs), "{other:?}: {error}");
            }
            let error = seal.seal(&[0; MAX_PLAIN_BYTES + 1], ACME).await.unwrap_err();
            assert!(matches!(error, SealError::TooLarge { .. }), "{error}");
        }
    }

    #[tokio::test]
    async fn sec_5_what_was_changed_or_is_another_keys_does_not_open() {
        let seal = LocalSeal::new(&[7; KEY_BYTES]).unwrap();
        let sealed = seal.seal(b"whsec_1", ACME).await.unwrap();
        assert_ne!(sealed, seal.seal(b"whsec_1", ACME).await.unwrap(), "a nonce of its own");
        for place in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[place] ^= 1;
            assert!(matches!(seal.unseal(&changed, ACME).await, Err(SealError::NotOurs)));
        }
        for short in [&[][..], &sealed[..NONCE_BYTES], &sealed[..sealed.len() - 1]] {
            assert!(matches!(seal.unseal(short, ACME).await, Err(SealError::NotOurs)));
        }
        let other = LocalSeal::new(&[8; KEY_BYTES]).unwrap();
        assert!(matches!(other.unseal(&sealed, ACME).await, Err(SealError::NotOurs)));
    }

    #[tokio::test]
    async fn a_key_that_can_not_be_used_is_no_wrong_secret() {
        let down = async || (StatusCode::BAD_REQUEST, r#"{"__type": "AccessDeniedException"}"#);
        let seal = KmsSeal::new(aws_at(Router::new().fallback(down)).await.kms(), "alias/secrets");
        for result in [seal.seal(b"x", ACME).await, seal.unseal(b"x", ACME).await] {
            assert!(matches!(result, Err(SealError::Unavailable { .. })), "{result:?}");
        }
    }
}
