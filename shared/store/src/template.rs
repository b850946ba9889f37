//! A firm's own words for its letters (LET-3).
//!
//! Each letter in each language, and each text that a step of a policy names, is an item of its own; which there
//! are stands in the firm's settings, which whoever sends a letter has read anyway. So a firm without words of
//! its own costs nothing, and one with them a read a letter. Whatever was saved stands in the firm's chain too:
//! that is their history. A template that was taken back keeps its item, without words, so that its versions go
//! on being counted.

use chrono::{DateTime, Utc};
use domain::id::{StaffId, TemplateName};
use domain::letter::{Language, LetterKind};
use serde::{Deserialize, Serialize};

use crate::Store;
use crate::error::StoreError;
use crate::item::read;
use crate::keys::Key;

/// Which words: of which letter, in which language, and under which name, if a step names them.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct TemplateId {
    /// Of which letter.
    pub kind: LetterKind,
    /// In which language.
    pub language: Language,
    /// The name by which a step of a policy asks for them; `None`: those of every letter of the kind.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<TemplateName>,
}

/// Words that there are, as the settings know them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KnownTemplate {
    /// Which.
    #[serde(flatten)]
    pub of: TemplateId,
    /// In which version.
    pub version: u32,
}

/// What a letter says; what is not there is said in the built-in words.
#[derive(Debug, Default, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TemplateWords {
    /// Its subject.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    /// Its text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// What is inside its HTML, between the firm's head and the closing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub html: Option<String>,
}

impl TemplateWords {
    /// Whether all of it is built in.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// A firm's own words for a letter, as they were saved.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LetterTemplate {
    /// Which.
    #[serde(flatten)]
    pub of: TemplateId,
    /// Counted from 1, also over a time without words.
    pub version: u32,
    /// What they are; none: the built-in ones are back.
    pub words: TemplateWords,
    /// Who saved them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub author: Option<StaffId>,
    /// When.
    pub saved_at: DateTime<Utc>,
}

/// In whose words a letter was written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TemplateUse {
    /// In which language.
    pub language: Language,
    /// Under which name, if a step named the words and they were there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<TemplateName>,
    /// The version of the firm's own; `None`: the built-in ones.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<u32>,
}

impl TemplateUse {
    /// The built-in words.
    pub fn built_in(language: Language) -> Self {
        Self { language, name: None, version: None }
    }
}

impl LetterTemplate {
    /// Notes in the list of known ones that these are the words now.
    pub(crate) fn put_into(&self, known: &mut Vec<KnownTemplate>) {
        known.retain(|other| other.of != self.of);
        if !self.words.is_empty() {
            known.push(KnownTemplate { of: self.of.clone(), version: self.version });
            known.sort_by(|one, other| one.of.cmp(&other.of));
        }
    }
}

impl Store {
    /// The firm's own words for a letter, strongly consistent; without words, if it took them back.
    ///
    /// # Errors
    /// Whatever reading has.
    pub async fn letter_template(
        &self,
        of: &TemplateId,
    ) -> Result<Option<LetterTemplate>, StoreError> {
        let item = self.dynamo.get(&Key::Template(of).place(&self.firm)).await?;
        item.as_ref().map(read).transpose()
    }
}
