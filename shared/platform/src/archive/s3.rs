//! The archive in a bucket of S3.
//!
//! Each object is put on the condition that none is there (`If-None-Match: *`). Whether the bucket locks its
//! objects, and for how long, is the bucket's own default (Object Lock), not something a writer could leave out.
//! The client sends a checksum with every object, which a locking bucket asks for.

use async_trait::async_trait;
use aws_sdk_s3::Client;
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_s3::primitives::ByteStream;

use super::{Archive, ArchiveError};

/// A bucket.
#[derive(Debug, Clone)]
pub struct S3Archive {
    client: Client,
    bucket: String,
    page: Option<i32>,
}

impl S3Archive {
    /// The bucket of that name.
    pub fn new(client: Client, bucket: impl Into<String>) -> Self {
        Self { client, bucket: bucket.into(), page: None }
    }

    #[cfg(test)]
    pub(crate) fn with_page(self, keys: i32) -> Self {
        Self { page: Some(keys), ..self }
    }

    /// All keys that begin so; with a delimiter, what they have in common up to it.
    async fn pages(
        &self,
        prefix: &str,
        delimiter: Option<&str>,
    ) -> Result<Vec<String>, ArchiveError> {
        let request = self.client.list_objects_v2().bucket(&self.bucket).prefix(prefix);
        let request = request.set_delimiter(delimiter.map(str::to_owned)).set_max_keys(self.page);
        let mut found = Vec::new();
        let mut token = None;
        loop {
            let answer = request.clone().set_continuation_token(token).send().await;
            let answer = answer.map_err(|error| failed("list", prefix, error))?;
            match delimiter {
                None => found
                    .extend(answer.contents().iter().filter_map(|o| o.key().map(str::to_owned))),
                Some(_) => {
                    let common = answer.common_prefixes().iter();
                    found.extend(common.filter_map(|common| common.prefix().map(str::to_owned)));
                }
            }
            token = answer.next_continuation_token;
            if token.is_none() {
                return Ok(found);
            }
        }
    }
}

#[async_trait]
impl Archive for S3Archive {
    async fn put(&self, key: &str, bytes: Vec<u8>) -> Result<bool, ArchiveError> {
        let request = self.client.put_object().bucket(&self.bucket).key(key).if_none_match("*");
        let request = request.content_type("application/json").body(ByteStream::from(bytes));
        match request.send().await {
            Ok(_) => Ok(true),
            Err(error) if error.code() == Some("PreconditionFailed") => Ok(false),
            Err(error) => Err(failed("write", key, error)),
        }
    }

    async fn has(&self, key: &str) -> Result<bool, ArchiveError> {
        match self.client.head_object().bucket(&self.bucket).key(key).send().await {
            Ok(_) => Ok(true),
            Err(error) if error.as_service_error().is_some_and(|e| e.is_not_found()) => Ok(false),
            Err(error) => Err(failed("read", key, error)),
        }
    }

    async fn get(&self, key: &str) -> Result<Option<Vec<u8>>, ArchiveError> {
        match self.client.get_object().bucket(&self.bucket).key(key).send().await {
            Ok(answer) => {
                let bytes = answer.body.collect().await;
                let bytes = bytes.map_err(|error| ArchiveError {
                    act: "read",
                    key: key.to_owned(),
                    cause: Box::new(error),
                })?;
                Ok(Some(bytes.into_bytes().into()))
            }
            Err(error) if error.as_service_error().is_some_and(|e| e.is_no_such_key()) => Ok(None),
            Err(error) => Err(failed("read", key, error)),
        }
    }

    async fn list(&self, prefix: &str) -> Result<Vec<String>, ArchiveError> {
        self.pages(prefix, None).await
    }

    async fn folders(&self, prefix: &str) -> Result<Vec<String>, ArchiveError> {
        let common = self.pages(prefix, Some("/")).await?;
        let name = |common: String| {
            let rest = common.strip_prefix(prefix).unwrap_or(&common);
            rest.trim_end_matches('/').to_owned()
        };
        Ok(common.into_iter().map(name).collect())
    }
}

fn failed<E, R>(act: &'static str, key: &str, error: SdkError<E, R>) -> ArchiveError
where
    E: std::error::Error + Send + Sync + 'static,
    R: std::fmt::Debug + Send + Sync + 'static,
{
    ArchiveError { act, key: key.to_owned(), cause: Box::new(error) }
}
