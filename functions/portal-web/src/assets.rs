//! What pages load beside themselves: one style sheet, one small script, an icon; and what is a firm's own
//! ([`brand`]). Their address holds
//! their hash, so that browsers keep them for good and never use an old one.

use std::sync::LazyLock;

use axum::body::Bytes;
use axum::extract::State as Shared;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use sha2::{Digest, Sha256};

use crate::extract::Path;
use crate::page::Failure;
use crate::{State, brand};

/// Kept for a year: what changes has another address.
const FOR_GOOD: &str = "public, max-age=31536000, immutable";

/// A file that pages load.
struct Asset {
    stem: &'static str,
    extension: &'static str,
    media_type: &'static str,
    bytes: &'static [u8],
    hash: String,
}

impl Asset {
    fn new(
        stem: &'static str,
        extension: &'static str,
        media_type: &'static str,
        bytes: &'static [u8],
    ) -> Self {
        Self { stem, extension, media_type, bytes, hash: hash(bytes) }
    }

    fn name(&self) -> String {
        format!("{}-{}.{}", self.stem, self.hash, self.extension)
    }
}

/// By which a file is another one: enough of its hash for an address.
pub(crate) fn hash(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().take(6).map(|byte| format!("{byte:02x}")).collect()
}

static ASSETS: LazyLock<[Asset; 3]> = LazyLock::new(|| {
    [
        Asset::new("app", "css", "text/css; charset=utf-8", include_bytes!("../assets/app.css")),
        Asset::new(
            "app",
            "js",
            "text/javascript; charset=utf-8",
            include_bytes!("../assets/app.js"),
        ),
        Asset::new("icon", "svg", "image/svg+xml", include_bytes!("../assets/icon.svg")),
    ]
});

/// The address of the file of that name, such as `app.css`.
pub(crate) fn url(file: &str) -> String {
    let found =
        ASSETS.iter().find(|asset| file.split_once('.') == Some((asset.stem, asset.extension)));
    found.map_or_else(String::new, |asset| format!("/assets/{}", asset.name()))
}

pub(crate) async fn serve(
    Shared(state): Shared<State>,
    Path(name): Path<String>,
) -> Result<Response, Failure> {
    let found = ASSETS.iter().find(|asset| asset.name() == name);
    let (media_type, bytes) = match found {
        Some(asset) => (asset.media_type, Bytes::from_static(asset.bytes)),
        None => brand::file(&state, &name).await?,
    };
    Ok(([(CONTENT_TYPE, media_type), (CACHE_CONTROL, FOR_GOOD)], bytes).into_response())
}
