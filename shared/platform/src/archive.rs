//! The archive's port: objects under keys, each written once and never changed.
//!
//! The AWS half is an S3 bucket, which may lock what it holds; the local half a folder whose files have the
//! keys as their paths, so that a copy of the bucket (`aws s3 sync`) is one. A key is made of parts that
//! [`part`] has escaped, so that no id can leave its place. [`Archive::put`] writes only where nothing is:
//! doing it twice is doing it once.

use async_trait::async_trait;

mod folder;
mod s3;

pub use folder::FolderArchive;
pub use s3::S3Archive;

/// Why the archive gave no answer; the same may work later.
#[derive(Debug, thiserror::Error)]
#[error("the archive can't {act} {key}")]
pub struct ArchiveError {
    /// What was tried: `read`, `write`, `list`.
    pub act: &'static str,
    /// With which object, or those under which beginning.
    pub key: String,
    /// Why not.
    #[source]
    pub cause: Box<dyn std::error::Error + Send + Sync>,
}

/// Somewhere to keep what is never changed.
#[async_trait]
pub trait Archive: Send + Sync {
    /// Writes an object where none is. `false`: one was there, and stays.
    async fn put(&self, key: &str, bytes: Vec<u8>) -> Result<bool, ArchiveError>;

    /// Whether there is one.
    async fn has(&self, key: &str) -> Result<bool, ArchiveError>;

    /// What is in it; `None`: there is none.
    async fn get(&self, key: &str) -> Result<Option<Vec<u8>>, ArchiveError>;

    /// The keys that begin so, in order.
    async fn list(&self, prefix: &str) -> Result<Vec<String>, ArchiveError>;

    /// What follows `prefix` up to the next `/`, in order: the folders in it.
    async fn folders(&self, prefix: &str) -> Result<Vec<String>, ArchiveError>;
}

/// An id as a part of a key: what is no letter, digit, `-`, `_`, or `.` after the first place is written as
/// `%` and two hexadecimal digits, so that no id holds a `/` or is `..`.
pub fn part(id: &str) -> String {
    let mut part = String::with_capacity(id.len());
    for (place, byte) in id.bytes().enumerate() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' => part.push(char::from(byte)),
            b'.' if 0 < place => part.push('.'),
            _ => part.push_str(&format!("%{byte:02X}")),
        }
    }
    part
}

/// The id that a part of a key stands for; `None`: it stands for none.
pub fn id_of(part: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(part.len());
    let mut rest = part.bytes();
    while let Some(byte) = rest.next() {
        match byte {
            b'%' => {
                let digits = [rest.next()?, rest.next()?];
                let digits = std::str::from_utf8(&digits).ok()?;
                bytes.push(u8::from_str_radix(digits, 16).ok()?);
            }
            _ => bytes.push(byte),
        }
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use s3s::auth::SimpleAuth;
    use s3s::service::{S3Service, S3ServiceBuilder};

    use super::*;
    use crate::aws::Aws;
    use crate::aws::tests::{aws_at, settings};

    /// An S3 on this machine.
    async fn s3(folder: &std::path::Path) -> Aws {
        std::fs::create_dir(folder.join("archive")).unwrap();
        let mut builder = S3ServiceBuilder::new(s3s_fs::FileSystem::new(folder).unwrap());
        builder.set_auth(SimpleAuth::from_single("AKIDEXAMPLE", "secret"));
        let service: S3Service = builder.build();
        let router = axum::Router::new().fallback_service(tower::service_fn(
            move |request: http::Request<axum::body::Body>| {
                let service = service.clone();
                async move {
                    let answer = tower::ServiceExt::oneshot(service, request).await;
                    let answer = answer.unwrap_or_else(|error| panic!("{error:?}"));
                    Ok::<_, std::convert::Infallible>(answer.map(axum::body::Body::new))
                }
            },
        ));
        aws_at(router).await
    }

    type Archives = Vec<(&'static str, Arc<dyn Archive>)>;

    async fn archives(folder: &std::path::Path) -> Archives {
        let aws = s3(folder).await;
        vec![
            ("s3", Arc::new(S3Archive::new(aws.s3(), "archive"))),
            ("folder", Arc::new(FolderArchive::new(folder.join("folder")))),
        ]
    }

    /// A bucket of its own on the second AWS, where the environment names one.
    async fn second(name: &str) -> Archives {
        let Ok(url) = std::env::var("PORTCULLIS_TEST_DYNAMODB") else { return Vec::new() };
        let client = Aws::new(&settings(&url)).unwrap().s3();
        let bucket = format!("portcullis-{name}-{}", std::process::id());
        client.create_bucket().bucket(&bucket).send().await.unwrap();
        vec![("ministack", Arc::new(S3Archive::new(client, bucket)))]
    }

    #[tokio::test]
    async fn aud_1_an_object_is_written_once() {
        let folder = tempfile::tempdir().unwrap();
        writes_once(archives(folder.path()).await).await;
    }

    #[tokio::test]
    async fn aud_1_an_object_is_written_once_on_ministack() {
        writes_once(second("once").await).await;
    }

    async fn writes_once(archives: Archives) {
        for (name, archive) in archives {
            let key = "f-1/clients/acme/0000000001.json";
            assert!(!archive.has(key).await.unwrap(), "{name}");
            assert_eq!(archive.get(key).await.unwrap(), None, "{name}");
            assert!(archive.put(key, b"one".to_vec()).await.unwrap(), "{name}");
            assert!(!archive.put(key, b"two".to_vec()).await.unwrap(), "{name}");
            assert!(archive.has(key).await.unwrap(), "{name}");
            assert_eq!(archive.get(key).await.unwrap().as_deref(), Some(&b"one"[..]), "{name}");
        }
    }

    #[tokio::test]
    async fn sec_1_a_firm_is_listed_by_itself() {
        let folder = tempfile::tempdir().unwrap();
        lists_firms_apart(archives(folder.path()).await).await;
    }

    #[tokio::test]
    async fn sec_1_a_firm_is_listed_by_itself_on_ministack() {
        lists_firms_apart(second("lists").await).await;
    }

    async fn lists_firms_apart(archives: Archives) {
        for (name, archive) in archives {
            let odd = format!("f-1/clients/{}/0000000002.json", part("Zoë/../17 %"));
            let acme = "f-1/clients/acme/0000000002.json";
            let keys = [acme, "f-1/clients/acme/0000000001.json", &odd, "f-1/firm/1.json"];
            for key in keys.into_iter().chain(["f-10/clients/acme/0000000001.json"]) {
                assert!(archive.put(key, key.into()).await.unwrap(), "{name}");
            }
            let mut expected: Vec<_> = keys.map(str::to_owned).into();
            expected.sort();
            assert_eq!(archive.list("f-1/").await.unwrap(), expected, "{name}");
            assert_eq!(archive.list("f-1/clients/acme/").await.unwrap().len(), 2, "{name}");
            assert_eq!(archive.list("f-2/").await.unwrap(), [""; 0], "{name}");
            assert_eq!(archive.folders("").await.unwrap(), ["f-1", "f-10"], "{name}");
            assert_eq!(archive.folders("f-1/").await.unwrap(), ["clients", "firm"], "{name}");
            let clients = archive.folders("f-1/clients/").await.unwrap();
            assert_eq!(clients, [part("Zoë/../17 %"), "acme".to_owned()], "{name}");
            assert_eq!(archive.get(&odd).await.unwrap(), Some(odd.into_bytes()), "{name}");
        }
    }

    #[tokio::test]
    async fn more_than_a_page_is_listed_whole() {
        let folder = tempfile::tempdir().unwrap();
        let archive = S3Archive::new(s3(folder.path()).await.s3(), "archive").with_page(3);
        for number in 0..8 {
            archive.put(&format!("f-1/{number}/x.json"), b"x".to_vec()).await.unwrap();
        }
        assert_eq!(archive.list("f-1/").await.unwrap().len(), 8);
        assert_eq!(archive.folders("f-1/").await.unwrap().len(), 8);
    }

    #[tokio::test]
    async fn an_archive_out_of_reach_is_an_error_that_names_the_object() {
        let aws = aws_at(axum::Router::new().fallback(async || http::StatusCode::FORBIDDEN)).await;
        let file = tempfile::NamedTempFile::new().unwrap();
        let archives: [Arc<dyn Archive>; 2] = [
            Arc::new(S3Archive::new(aws.s3(), "archive")),
            Arc::new(FolderArchive::new(file.path())),
        ];
        for archive in archives {
            let error = archive.put("f-1/x", b"x".to_vec()).await.unwrap_err();
            assert_eq!(error.to_string(), "the archive can't write f-1/x");
            archive.list("f-1/").await.unwrap_err();
            archive.folders("f-1/").await.unwrap_err();
            archive.get("f-1/x").await.unwrap_err();
            archive.has("f-1/x").await.unwrap_err();
        }
    }

    #[test]
    fn sec_1_no_id_leaves_its_place() {
        for (id, expected) in [
            ("acme", "acme"),
            ("INV-00042.v2_a", "INV-00042.v2_a"),
            ("..", "%2E."),
            (".", "%2E"),
            ("a/b", "a%2Fb"),
            ("Zoë 17%", "Zo%C3%AB%2017%25"),
        ] {
            assert_eq!(part(id), expected);
            assert_eq!(id_of(&part(id)).as_deref(), Some(id));
        }
        for part in ["%", "%2", "%zz", "%FF"] {
            assert_eq!(id_of(part), None, "{part}");
        }
    }
}
