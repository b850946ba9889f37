//! KMS with one key: that of the data folder, under which gateways' secrets are sealed.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use platform::seal::{Seal, SealContext, SealError};
use serde::Deserialize;
use serde_json::{Value, json};

use super::answer::{AwsError, parsed};

/// The key's name.
pub const KEY: &str = "alias/portcullis-local";

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Encrypt {
    key_id: String,
    plaintext: String,
    encryption_context: Context,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Decrypt {
    key_id: Option<String>,
    ciphertext_blob: String,
    encryption_context: Context,
}

/// What our own requests bind a secret to; the local seal knows no other.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Context {
    firm: String,
    gateway: String,
}

impl Context {
    fn seal(&self) -> SealContext<'_> {
        SealContext { firm: &self.firm, gateway: &self.gateway }
    }
}

/// Answers an operation.
pub async fn answer(seal: &dyn Seal, operation: &str, body: &[u8]) -> Result<Value, AwsError> {
    match operation {
        "Encrypt" => {
            let request: Encrypt = parsed(operation, body)?;
            known(&request.key_id)?;
            let plain = blob(operation, &request.plaintext)?;
            let sealed = seal.seal(&plain, request.encryption_context.seal()).await;
            let sealed = STANDARD.encode(sealed.map_err(|error| refused(&error))?);
            Ok(json!({ "CiphertextBlob": sealed, "KeyId": KEY, "EncryptionAlgorithm": ALGORITHM }))
        }
        "Decrypt" => {
            let request: Decrypt = parsed(operation, body)?;
            request.key_id.as_deref().map_or(Ok(()), known)?;
            let sealed = blob(operation, &request.ciphertext_blob)?;
            let plain = seal.unseal(&sealed, request.encryption_context.seal()).await;
            let plain = STANDARD.encode(plain.map_err(|error| refused(&error))?);
            Ok(json!({ "Plaintext": plain, "KeyId": KEY, "EncryptionAlgorithm": ALGORITHM }))
        }
        other => Err(AwsError::unknown(&format!("TrentService.{other}"))),
    }
}

/// KMS's word for a symmetric key's only one.
const ALGORITHM: &str = "SYMMETRIC_DEFAULT";

fn known(key: &str) -> Result<(), AwsError> {
    if key == KEY {
        return Ok(());
    }
    let message = format!("there is no key {key:?} on this machine, only {KEY}");
    Err(AwsError::new("NotFoundException", message))
}

fn blob(operation: &str, text: &str) -> Result<Vec<u8>, AwsError> {
    let decoded = STANDARD.decode(text);
    decoded.map_err(|_| AwsError::invalid(format!("{operation}: a blob is not base64")))
}

fn refused(error: &SealError) -> AwsError {
    let message = error.to_string();
    match error {
        SealError::NotOurs => AwsError::new("InvalidCiphertextException", message),
        SealError::TooLarge { .. } => AwsError::invalid(message),
        SealError::Unavailable { .. } => AwsError::new("KMSInternalException", message)
            .with(axum::http::StatusCode::INTERNAL_SERVER_ERROR),
    }
}
