//! Whose certificate a webhook was signed with.
//!
//! A delivery names the address of its certificate, so the address is checked before anything is fetched from
//! it: else the sender would supply the key, and make us fetch whatever they like. What is fetched has to chain
//! to a trusted root, be in date, and be made out to PayPal's name for signing messages.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use reqwest::header::HeaderMap;
use reqwest::{StatusCode, Url};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, SignatureVerificationAlgorithm, TrustAnchor, UnixTime};
use webpki::{EndEntityCert, KeyUsage, anchor_from_trusted_cert};

use super::signature::SignatureError;
use crate::{GatewayError, Mode, Transport};

/// Below it PayPal keeps its certificates.
pub const PATH: &str = "/v1/notifications/certs/";

/// The name under which a sandbox shows who vouches for its certificate.
pub const SANDBOX_ROOT: &str = "ROOT";

/// PayPal's hosts of certificates, and the names that these are made out to.
const LIVE_HOSTS: [&str; 2] = ["api.paypal.com", "api-m.paypal.com"];
const TEST_HOSTS: [&str; 2] = ["api.sandbox.paypal.com", "api-m.sandbox.paypal.com"];
const LIVE_NAME: &str = "messageverificationcerts.paypal.com";
const TEST_NAME: &str = "messageverificationcerts.sandbox.paypal.com";

/// PayPal's certificates are named like `CERT-360caa42-fca2a594-1d93a270`.
const MAX_CERTIFICATE_NAME: usize = 128;

/// PayPal sends one certificate or a short chain; the signature of each costs time.
const MAX_CHAIN: usize = 5;

/// PayPal signs with one certificate per host at a time; more than a few were never good together.
const MAX_KEPT: usize = 16;

/// Where certificates may come from, and whom they have to come from.
#[derive(Debug, Clone)]
pub struct Certificates {
    /// What a certificate's address begins with, the last slash included; all that may follow is a name.
    pub addresses: Vec<String>,
    /// The names that a certificate may be made out to.
    pub names: Vec<String>,
    /// Who has to have vouched for it.
    pub roots: Roots,
}

/// Who vouches for certificates.
#[derive(Debug, Clone)]
pub enum Roots {
    /// The public authorities that this machine trusts.
    Public,
    /// Only these, in PEM.
    These(String),
    /// Only the one at this address: a sandbox's own. Who can answer there can answer every question anyway.
    Served(String),
}

impl Certificates {
    /// PayPal's own. In test mode its sandbox may sign with either name.
    pub fn of_paypal(mode: Mode) -> Self {
        let (hosts, names): (_, &[&str]) = match mode {
            Mode::Live => (LIVE_HOSTS, &[LIVE_NAME]),
            Mode::Test => (TEST_HOSTS, &[TEST_NAME, LIVE_NAME]),
        };
        Self {
            addresses: hosts.into_iter().map(|host| format!("https://{host}{PATH}")).collect(),
            names: names.iter().map(|name| (*name).to_owned()).collect(),
            roots: Roots::Public,
        }
    }

    /// Those of a sandbox at that address, which vouches for itself.
    pub fn of_sandbox(base_url: &str) -> Self {
        let address = format!("{}{PATH}", base_url.trim_end_matches('/'));
        Self {
            roots: Roots::Served(format!("{address}{SANDBOX_ROOT}")),
            addresses: vec![address],
            names: vec![TEST_NAME.to_owned()],
        }
    }

    /// With roots that can be checked against: a sandbox's is fetched, once.
    async fn with_roots(
        &self,
        kept: &Kept,
        transport: &Transport,
    ) -> Result<Cow<'_, Self>, CertificateError> {
        let Roots::Served(url) = &self.roots else { return Ok(Cow::Borrowed(self)) };
        let pem = match kept.root(url) {
            Some(pem) => pem,
            None => {
                let pem = fetch(self.address(url)?, transport).await?;
                let pem = String::from_utf8_lossy(&pem).into_owned();
                kept.put_root(url, &pem);
                pem
            }
        };
        Ok(Cow::Owned(Self { roots: Roots::These(pem), ..self.clone() }))
    }

    /// The address to fetch from, if it is one of these and nothing else: compared as text, so that no trick
    /// with user names, ports, dots or escapes is ever read by anybody.
    pub fn address(&self, url: &str) -> Result<Url, SignatureError> {
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
        let is_ours = self.addresses.iter().any(|address| {
            url.strip_prefix(address.as_str()).is_some_and(|name| {
                (1..=MAX_CERTIFICATE_NAME).contains(&name.len()) && name.bytes().all(is_plain)
            })
        });
        let parsed = is_ours.then(|| Url::parse(url).ok()).flatten();
        parsed.ok_or_else(|| SignatureError::Address(url.chars().take(200).collect()))
    }
}

/// A certificate with those that vouch for it.
pub(super) type Chain = Vec<CertificateDer<'static>>;

/// Certificates that were good once, by address: they are checked again each time, for they expire.
#[derive(Debug, Default)]
pub(crate) struct Kept {
    chains: Mutex<HashMap<String, Arc<Chain>>>,
    roots: Mutex<HashMap<String, String>>,
}

/// Those of a map, which starts over when it is full.
fn put<T>(map: &Mutex<HashMap<String, T>>, url: &str, value: T) {
    let mut kept = map.lock().unwrap_or_else(PoisonError::into_inner);
    if MAX_KEPT <= kept.len() {
        kept.clear();
    }
    kept.insert(url.to_owned(), value);
}

fn get<T: Clone>(map: &Mutex<HashMap<String, T>>, url: &str) -> Option<T> {
    map.lock().unwrap_or_else(PoisonError::into_inner).get(url).cloned()
}

async fn fetch(address: Url, transport: &Transport) -> Result<Bytes, CertificateError> {
    let answer = transport.get(address, &HeaderMap::new()).await?;
    match answer.status {
        StatusCode::OK => Ok(answer.body),
        StatusCode::TOO_MANY_REQUESTS => {
            Err(GatewayError::down("status 429 for its certificate").into())
        }
        status => {
            let what = format!("status {} in its place", status.as_u16());
            Err(SignatureError::Certificate(what).into())
        }
    }
}

impl Kept {
    fn root(&self, url: &str) -> Option<String> {
        get(&self.roots, url)
    }

    fn put_root(&self, url: &str, pem: &str) {
        put(&self.roots, url, pem.to_owned());
    }

    /// The good certificate of that address.
    pub async fn good(
        &self,
        url: &str,
        certificates: &Certificates,
        transport: &Transport,
        now_unix: i64,
    ) -> Result<Arc<Chain>, CertificateError> {
        let address = certificates.address(url)?;
        let certificates = certificates.with_roots(self, transport).await?;
        if let Some(chain) = get(&self.chains, url) {
            check(&chain, &certificates, now_unix)?;
            return Ok(chain);
        }
        let chain = Arc::new(read(&fetch(address, transport).await?)?);
        check(&chain, &certificates, now_unix)?;
        put(&self.chains, url, Arc::clone(&chain));
        Ok(chain)
    }
}

/// Why there is no good certificate.
#[derive(Debug, thiserror::Error)]
pub(super) enum CertificateError {
    /// It is none.
    #[error(transparent)]
    Bad(#[from] SignatureError),
    /// It can't be had now.
    #[error(transparent)]
    Gateway(#[from] GatewayError),
}

/// The certificates of a PEM file, the signer's first.
pub fn read(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, SignatureError> {
    let bad = |what: String| SignatureError::Certificate(what);
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).take(MAX_CHAIN).collect();
    let chain = chain.map_err(|error| bad(format!("no PEM: {error}")))?;
    if chain.is_empty() { Err(bad("no certificate in the answer".to_owned())) } else { Ok(chain) }
}

/// Whether a chain is good: it ends at a trusted root, is in date, and is made out to PayPal.
pub fn check(
    chain: &[CertificateDer<'static>],
    certificates: &Certificates,
    now_unix: i64,
) -> Result<(), SignatureError> {
    let bad = |what: String| SignatureError::Certificate(what);
    let (first, others) = chain.split_first().ok_or_else(|| bad("no certificate".to_owned()))?;
    let signer = EndEntityCert::try_from(first).map_err(|error| bad(error.to_string()))?;
    let seconds = u64::try_from(now_unix).map_err(|_| bad("a time before 1970".to_owned()))?;
    let time = UnixTime::since_unix_epoch(Duration::from_secs(seconds));
    let own;
    let anchors = match &certificates.roots {
        Roots::Public => public_anchors(),
        Roots::These(pem) => {
            own = read(pem.as_bytes())?.iter().filter_map(anchor).collect::<Vec<_>>();
            &own
        }
        Roots::Served(_) => return Err(bad("whoever vouches for it was not asked for".to_owned())),
    };
    let usage = KeyUsage::server_auth();
    let algorithms = webpki::ALL_VERIFICATION_ALGS;
    signer
        .verify_for_usage(algorithms, anchors, others, time, usage, None, None)
        .map_err(|error| bad(error.to_string()))?;
    let name = common_name(signer.subject());
    match name {
        Some(name) if certificates.names.iter().any(|ours| ours == name) => Ok(()),
        other => Err(bad(format!("made out to {:?}", other.unwrap_or_default()))),
    }
}

/// Whether the first certificate's key signed that.
pub fn has_signed(chain: &[CertificateDer<'static>], message: &[u8], signature: &[u8]) -> bool {
    let rsa: &dyn SignatureVerificationAlgorithm = webpki::aws_lc_rs::RSA_PKCS1_2048_8192_SHA256;
    let signer = chain.first().and_then(|first| EndEntityCert::try_from(first).ok());
    signer.is_some_and(|signer| signer.verify_signature(rsa, message, signature).is_ok())
}

fn anchor(certificate: &CertificateDer<'_>) -> Option<TrustAnchor<'static>> {
    anchor_from_trusted_cert(certificate).ok().map(|anchor| anchor.to_owned())
}

/// Read from the machine for the first webhook that needs them: it takes longer than all else of a start.
fn public_anchors() -> &'static [TrustAnchor<'static>] {
    static ANCHORS: OnceLock<Vec<TrustAnchor<'static>>> = OnceLock::new();
    ANCHORS.get_or_init(|| {
        let found = rustls_native_certs::load_native_certs();
        for error in &found.errors {
            tracing::warn!("A root certificate of this machine can't be read: {error}");
        }
        found.certs.iter().filter_map(anchor).collect()
    })
}

/// Object identifier 2.5.4.3, and the two kinds of text that it comes in.
const COMMON_NAME: [u8; 3] = [0x55, 0x04, 0x03];
const UTF8_TEXT: u8 = 0x0c;
const PRINTABLE_TEXT: u8 = 0x13;
const SET: u8 = 0x31;
const SEQUENCE: u8 = 0x30;
const IDENTIFIER: u8 = 0x06;

/// The one common name of a subject (RFC 5280 §4.1.2.4: sets of pairs of identifier and text); none if there
/// are several, or something can't be read.
fn common_name(mut subject: &[u8]) -> Option<&str> {
    let mut name = None;
    while !subject.is_empty() {
        let (mut set, rest) = element(SET, subject)?;
        subject = rest;
        while !set.is_empty() {
            let (pair, rest) = element(SEQUENCE, set)?;
            set = rest;
            let (identifier, value) = element(IDENTIFIER, pair)?;
            if identifier != COMMON_NAME {
                continue;
            }
            let text = element(UTF8_TEXT, value).or_else(|| element(PRINTABLE_TEXT, value));
            let text = std::str::from_utf8(text?.0).ok()?;
            if name.replace(text).is_some() {
                return None;
            }
        }
    }
    name
}

/// An element of DER with that tag, and what follows it. Names are shorter than 64 KiB.
fn element(tag: u8, bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (&[found, length], rest) = bytes.split_first_chunk::<2>()?;
    if found != tag {
        return None;
    }
    let (length, rest) = match length {
        0..=0x7f => (usize::from(length), rest),
        0x81 => rest.split_first().map(|(length, rest)| (usize::from(*length), rest))?,
        0x82 => {
            let (length, rest) = rest.split_first_chunk::<2>()?;
            (usize::from(u16::from_be_bytes(*length)), rest)
        }
        _ => return None,
    };
    rest.split_at_checked(length)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pay_2_a_certificate_is_fetched_from_paypal_alone() {
        let live = Certificates::of_paypal(Mode::Live);
        for (url, is_fetched) in [
            ("https://api.paypal.com/v1/notifications/certs/CERT-360caa42-fca2a594", true),
            ("https://api-m.paypal.com/v1/notifications/certs/CERT-1", true),
            ("https://api.sandbox.paypal.com/v1/notifications/certs/CERT-1", false),
            ("http://api.paypal.com/v1/notifications/certs/CERT-1", false),
            ("HTTPS://api.paypal.com/v1/notifications/certs/CERT-1", false),
            ("https://api.paypal.com:443/v1/notifications/certs/CERT-1", false),
            ("https://x@api.paypal.com/v1/notifications/certs/CERT-1", false),
            ("https://api.paypal.com@evil.example/v1/notifications/certs/CERT-1", false),
            ("https://api.paypal.com.evil.example/v1/notifications/certs/CERT-1", false),
            ("https://api.paypal.com/v1/notifications/certs/", false),
            ("https://api.paypal.com/v1/notifications/certs/../../../x", false),
            ("https://api.paypal.com/v1/notifications/certs/%2e%2e", false),
            ("https://api.paypal.com/v1/notifications/certs/CERT-1?x=1", false),
            ("https://api.paypal.com/v1/notifications/certs/CERT-1#x", false),
            ("https://api.paypal.com/v1/other/CERT-1", false),
            ("", false),
        ] {
            assert_eq!(live.address(url).is_ok(), is_fetched, "for {url:?}");
        }
        let sandbox = Certificates::of_sandbox("http://127.0.0.1:8080/paypal/");
        let ours = "http://127.0.0.1:8080/paypal/v1/notifications/certs/CERT-1";
        assert!(sandbox.address(ours).is_ok() && live.address(ours).is_err());
    }

    #[test]
    fn a_common_name_is_read_only_where_it_stands() {
        let pair = |identifier: &[u8], tag: u8, text: &str| {
            let wrap = |tag: u8, content: Vec<u8>| {
                let mut bytes = vec![tag, u8::try_from(content.len()).unwrap()];
                bytes.extend(content);
                bytes
            };
            let mut content = wrap(IDENTIFIER, identifier.to_vec());
            content.extend(wrap(tag, text.as_bytes().to_vec()));
            wrap(SET, wrap(SEQUENCE, content))
        };
        let organisation = pair(&[0x55, 0x04, 0x0a], UTF8_TEXT, "a.example");
        let utf8 = pair(&COMMON_NAME, UTF8_TEXT, "b.example");
        let printable = pair(&COMMON_NAME, PRINTABLE_TEXT, "c.example");
        let name = |parts: &[&[u8]]| common_name(&parts.concat()).map(str::to_owned);
        assert_eq!(name(&[&organisation, &utf8]).as_deref(), Some("b.example"));
        assert_eq!(name(&[&printable]).as_deref(), Some("c.example"));
        assert_eq!(name(&[&organisation]), None);
        assert_eq!(name(&[&utf8, &printable]), None);
        assert_eq!(name(&[&utf8[..utf8.len() - 1]]), None);
        assert_eq!(name(&[&pair(&COMMON_NAME, 0x16, "d.example")]), None);
        assert_eq!(name(&[&[0x31, 0x84, 0, 0, 0, 0]]), None);
    }
}
