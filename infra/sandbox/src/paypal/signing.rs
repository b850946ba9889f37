//! The sandbox's own key and certificates: made once, and kept in its book.

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{RSA_PKCS1_SHA256, RsaKeyPair};
use axum::http::{HeaderMap, HeaderName, HeaderValue};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use gateways::paypal::CERTIFICATES_PATH;
use gateways::paypal::signature::{
    ALGORITHM, ALGORITHM_HEADER, CERTIFICATE_HEADER, ID_HEADER, SIGNATURE_HEADER, TIME_HEADER,
    message,
};
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    PKCS_RSA_SHA256, date_time_ymd,
};
use serde::{Deserialize, Serialize};

/// The name that the real sandbox's certificates are made out to.
const NAME: &str = "messageverificationcerts.sandbox.paypal.com";

/// The certificate's name in its address.
pub(super) const CERTIFICATE: &str = "CERT-sandbox";

/// No clock is read for certificates: they were always good.
const FIRST_YEAR: i32 = 2020;
const LAST_YEAR: i32 = 2099;

/// A key pair, its certificate, and who vouches for it.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct Signer {
    /// PKCS #8, in base64. It opens nothing but this sandbox.
    key: String,
    pub certificate_pem: String,
    pub root_pem: String,
}

/// Why there is no key.
#[derive(Debug, thiserror::Error)]
#[error("no key and certificate to sign webhooks with could be made: {0}")]
pub struct SignerError(String);

fn failed(error: impl ToString) -> SignerError {
    SignerError(error.to_string())
}

impl Signer {
    pub fn make() -> Result<Self, SignerError> {
        let root_key = KeyPair::generate().map_err(failed)?;
        let mut root = params("Sandbox", vec![])?;
        root.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        let root_pem = root.self_signed(&root_key).map_err(failed)?.pem();
        let key = KeyPair::generate_for(&PKCS_RSA_SHA256).map_err(failed)?;
        let mut own = params(NAME, vec![NAME.to_owned()])?;
        own.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        let issuer = Issuer::new(root, root_key);
        let certificate_pem = own.signed_by(&key, &issuer).map_err(failed)?.pem();
        Ok(Self { key: STANDARD.encode(key.serialized_der()), certificate_pem, root_pem })
    }

    fn sign(&self, message: &str) -> Option<String> {
        let key = STANDARD.decode(&self.key).ok()?;
        let key = RsaKeyPair::from_pkcs8(&key).ok()?;
        let mut signature = vec![0; key.public_modulus_len()];
        let random = SystemRandom::new();
        key.sign(&RSA_PKCS1_SHA256, &random, message.as_bytes(), &mut signature).ok()?;
        Some(STANDARD.encode(signature))
    }

    /// PayPal's five headers of one delivery.
    pub fn headers(&self, sent: &Sent) -> HeaderMap {
        let Sent { id, time, webhook_id, base_url, body } = sent;
        let signature = self.sign(&message(id, time, webhook_id, body)).unwrap_or_default();
        let certificate = format!("{base_url}{CERTIFICATES_PATH}{CERTIFICATE}");
        let pairs = [
            ("content-type", "application/json"),
            (ID_HEADER, id),
            (TIME_HEADER, time),
            (SIGNATURE_HEADER, &*signature),
            (CERTIFICATE_HEADER, &*certificate),
            (ALGORITHM_HEADER, ALGORITHM),
        ];
        let read = |(name, value)| {
            let value = HeaderValue::from_str(value).ok()?;
            Some((HeaderName::from_static(name), value))
        };
        pairs.into_iter().filter_map(read).collect()
    }
}

/// What is signed of a delivery, and where its certificate is.
pub(super) struct Sent<'a> {
    pub id: &'a str,
    pub time: &'a str,
    pub webhook_id: &'a str,
    pub base_url: &'a str,
    pub body: &'a [u8],
}

fn params(name: &str, names: Vec<String>) -> Result<CertificateParams, SignerError> {
    let mut params = CertificateParams::new(names).map_err(failed)?;
    params.distinguished_name.push(DnType::CommonName, name);
    params.not_before = date_time_ymd(FIRST_YEAR, 1, 1);
    params.not_after = date_time_ymd(LAST_YEAR, 1, 1);
    Ok(params)
}
