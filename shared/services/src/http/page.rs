//! Lists in pages: `?cursor=…&limit=…` in, `{"items": […], "next": "…"}` out.

use serde::{Deserialize, Serialize};
use store::{Listed, MAX_PAGE, PageRequest};
use utoipa::{IntoParams, ToSchema};

use super::problem::Problem;

/// How many items a page has unless the caller says otherwise.
const USUAL_LIMIT: u32 = 50;

/// Which page.
#[derive(Debug, Clone, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct PageQuery {
    /// Where it begins: `next` of the page before.
    pub cursor: Option<String>,
    /// How many items at most, 1 to 200.
    pub limit: Option<u32>,
}

impl PageQuery {
    /// As the store takes it.
    ///
    /// # Errors
    /// For a limit out of range.
    pub fn request(&self) -> Result<PageRequest<'_>, Problem> {
        page(self.cursor.as_deref(), self.limit)
    }
}

/// The page with that cursor and limit.
///
/// # Errors
/// For a limit out of range.
pub fn page(cursor: Option<&str>, limit: Option<u32>) -> Result<PageRequest<'_>, Problem> {
    let limit = limit.unwrap_or(USUAL_LIMIT);
    if !(1..=MAX_PAGE).contains(&limit) {
        let detail = format!("a page has 1 to {MAX_PAGE} items, not {limit}");
        return Err(Problem::malformed(detail).of("limit"));
    }
    Ok(PageRequest { cursor, limit })
}

/// A page of a list.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Listing<T> {
    /// What is on it.
    pub items: Vec<T>,
    /// Where the list goes on; `null`, if it ends here.
    pub next: Option<String>,
}

impl<T> Listing<T> {
    /// Each item as it is shown.
    pub fn of<U>(listed: Listed<U>, show: impl FnMut(U) -> T) -> Self {
        Self { items: listed.items.into_iter().map(show).collect(), next: listed.next }
    }

    /// A list of one page.
    pub fn whole(items: Vec<T>) -> Self {
        Self { items, next: None }
    }
}
