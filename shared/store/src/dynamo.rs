//! The few calls of DynamoDB that the store makes, and nothing else of it.
//!
//! One place for three things: each call asks for its consumed capacity and counts it, each failure
//! is told apart by whether it may have written, and tests can stand between a call and its answer
//! ([`Faults`]). There is no scan here, so there is none anywhere.

use std::collections::HashMap;
use std::sync::Arc;

use async_trait::async_trait;
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::{DisplayErrorContext, SdkError};
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::types::{
    AttributeValue, CancellationReason, ConditionCheck, Delete, KeysAndAttributes, Put,
    ReturnConsumedCapacity, TransactWriteItem, Update,
};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;

use crate::capacity::{Capacity, Kind};
use crate::error::{Cause, StoreError};
use crate::item::{Item, key_of};
use crate::keys::{Index, PK, Place, SK};
use crate::turns::Turns;

/// The most items of one transaction.
pub const MAX_TRANSACTION: usize = 100;

/// The most keys of one batch.
const MAX_BATCH: usize = 100;

/// The longest names of a partition and of an item in it, in bytes: DynamoDB refuses to look for others.
const MAX_PK: usize = 2048;
const MAX_SK: usize = 1024;

/// How often a batch is asked for the rest that the table left out.
const MAX_BATCH_TRIES: u32 = 8;

/// A kind of call, as [`Faults`] see it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operation {
    /// One item.
    Get,
    /// Several items by key.
    BatchGet,
    /// A page of a partition or index.
    Query,
    /// A transaction, or a conditional write of one item.
    Write,
}

/// What a test lets happen to a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// No answer comes.
    NoAnswer,
    /// Another transaction was on one of the items: nothing is written.
    Conflict,
}

/// Stands between the store and the table, in tests: conflicts and lost answers that an embedded table
/// never has, and the process's end, which is a future that never comes back.
#[async_trait]
pub trait Faults: Send + Sync {
    /// Before the call is sent.
    async fn before(&self, operation: Operation) -> Option<Fault>;

    /// After the table did it and before the answer is here.
    async fn after(&self, operation: Operation) -> Option<Fault>;
}

/// A table, through the SDK's client.
#[derive(Clone)]
pub struct Dynamo {
    client: Client,
    table: Arc<str>,
    capacity: Arc<Capacity>,
    faults: Option<Arc<dyn Faults>>,
    pub(crate) turns: Arc<Turns>,
}

impl std::fmt::Debug for Dynamo {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Dynamo").field("table", &self.table).finish_non_exhaustive()
    }
}

/// When a write goes through.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Condition {
    /// Whatever is there.
    Always,
    /// Nothing is there.
    Absent,
    /// Something is there.
    Present,
    /// That attribute is as read.
    Equals(&'static str, AttributeValue),
    /// Something is there, and it hasn't that attribute.
    Without(&'static str),
}

/// One write of a transaction.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Write {
    /// The whole item.
    Put(Item, Condition),
    /// Its end.
    Delete(Place, Condition),
    /// Some attributes of it: set, removed.
    Update(Place, Vec<(&'static str, AttributeValue)>, Vec<&'static str>, Condition),
    /// Nothing, but on that condition.
    Check(Place, Condition),
}

/// How a transaction ended, where the table answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Transacted {
    /// All of it was written.
    Done,
    /// Nothing was: the conditions of these writes, by their place, were not met.
    Refused(Vec<usize>),
    /// Nothing was: somebody else was writing.
    Conflict,
}

/// Which part of a partition or index, and how.
#[derive(Debug, Clone, Default)]
pub(crate) struct Range {
    pub(crate) index: Option<Index>,
    pub(crate) pk: String,
    /// Beginning of the sort key.
    pub(crate) prefix: Option<String>,
    /// The last sort key, instead.
    pub(crate) at_most: Option<String>,
    /// The first and the last, instead.
    pub(crate) between: Option<(String, String)>,
    pub(crate) is_consistent: bool,
    pub(crate) is_backwards: bool,
    pub(crate) limit: Option<i32>,
    pub(crate) start: Option<Item>,
}

/// A page.
#[derive(Debug, Default)]
pub(crate) struct Page {
    pub(crate) items: Vec<Item>,
    pub(crate) last: Option<Item>,
}

/// Whether anything can be there: a name in an address may be of any length.
fn can_be(place: &Place) -> bool {
    place.pk.len() <= MAX_PK && place.sk.len() <= MAX_SK
}

impl Dynamo {
    /// The table of that name.
    pub fn new(client: Client, table: impl Into<Arc<str>>) -> Self {
        Self {
            client,
            table: table.into(),
            capacity: Arc::default(),
            faults: None,
            turns: Arc::default(),
        }
    }

    /// As another process has it, with something between it and its callers.
    pub fn with_faults(&self, faults: Arc<dyn Faults>) -> Self {
        Self { faults: Some(faults), ..self.apart() }
    }

    /// As another process has it: with a count and turns of its own.
    pub fn apart(&self) -> Self {
        Self { capacity: Arc::default(), turns: Arc::default(), ..self.clone() }
    }

    /// With a count of its own.
    pub fn counted_apart(&self) -> Self {
        Self { capacity: Arc::default(), ..self.clone() }
    }

    /// What the table charged so far.
    pub fn capacity(&self) -> &Capacity {
        &self.capacity
    }

    /// The SDK's client.
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// The table's name.
    pub fn table(&self) -> &str {
        &self.table
    }

    /// One item, strongly consistent.
    pub(crate) async fn get(&self, place: &Place) -> Result<Option<Item>, StoreError> {
        self.get_as(place, true).await
    }

    /// One item as it was a moment ago, for half the price: where a condition follows.
    pub(crate) async fn glance(&self, place: &Place) -> Result<Option<Item>, StoreError> {
        self.get_as(place, false).await
    }

    async fn get_as(&self, place: &Place, is_consistent: bool) -> Result<Option<Item>, StoreError> {
        if !can_be(place) {
            return Ok(None);
        }
        self.before_read(Operation::Get).await?;
        let request = self.client.get_item().table_name(&*self.table);
        let request = request.consistent_read(is_consistent);
        let request = request.set_key(Some(key_of(place)));
        let request = request.return_consumed_capacity(ReturnConsumedCapacity::Total);
        let answer = request.send().await.map_err(reading)?;
        self.capacity.add(Kind::Read, answer.consumed_capacity());
        self.after_read(Operation::Get).await?;
        Ok(answer.item)
    }

    /// Several items by key, strongly consistent; those that don't exist are left out.
    pub(crate) async fn batch_get(&self, places: &[Place]) -> Result<Vec<Item>, StoreError> {
        let mut items = Vec::new();
        let places: Vec<_> = places.iter().filter(|place| can_be(place)).collect();
        for some in places.chunks(MAX_BATCH) {
            let mut keys: Vec<_> = some.iter().map(|place| key_of(place)).collect();
            for attempt in 0..MAX_BATCH_TRIES {
                self.wait_before(attempt).await;
                let (found, rest) = self.batch(keys).await?;
                items.extend(found);
                keys = rest;
                if keys.is_empty() {
                    break;
                }
            }
            if !keys.is_empty() {
                let text = format!("{} keys were left out {MAX_BATCH_TRIES} times", keys.len());
                return Err(StoreError::Throttled(text.into()));
            }
        }
        Ok(items)
    }

    async fn batch(&self, keys: Vec<Item>) -> Result<(Vec<Item>, Vec<Item>), StoreError> {
        self.before_read(Operation::BatchGet).await?;
        let wanted =
            KeysAndAttributes::builder().consistent_read(true).set_keys(Some(keys)).build();
        let wanted = wanted.map_err(|error| StoreError::Encode(error.into()))?;
        let request = self.client.batch_get_item().request_items(&*self.table, wanted);
        let request = request.return_consumed_capacity(ReturnConsumedCapacity::Total);
        let answer = request.send().await.map_err(reading)?;
        self.capacity.add(Kind::Read, answer.consumed_capacity());
        self.after_read(Operation::BatchGet).await?;
        let found = answer.responses.and_then(|mut tables| tables.remove(&*self.table));
        let rest = answer.unprocessed_keys.and_then(|mut tables| tables.remove(&*self.table));
        Ok((found.unwrap_or_default(), rest.map(|rest| rest.keys).unwrap_or_default()))
    }

    /// One page.
    pub(crate) async fn page(&self, range: &Range) -> Result<Page, StoreError> {
        self.before_read(Operation::Query).await?;
        let (pk, sk) = range.index.map_or((PK, SK), Index::attributes);
        let mut request = self.client.query().table_name(&*self.table);
        request = request.expression_attribute_names("#pk", pk);
        request = request.expression_attribute_values(":pk", AttributeValue::S(range.pk.clone()));
        let (condition, sort_keys) = match range {
            Range { prefix: Some(prefix), .. } => {
                ("#pk = :pk AND begins_with(#sk, :sk)", vec![(":sk", prefix)])
            }
            Range { between: Some((first, last)), .. } => (
                "#pk = :pk AND #sk BETWEEN :first AND :last",
                vec![(":first", first), (":last", last)],
            ),
            Range { at_most: Some(last), .. } => ("#pk = :pk AND #sk <= :sk", vec![(":sk", last)]),
            Range { .. } => ("#pk = :pk", Vec::new()),
        };
        if !sort_keys.is_empty() {
            request = request.expression_attribute_names("#sk", sk);
        }
        for (name, key) in sort_keys {
            request = request.expression_attribute_values(name, AttributeValue::S(key.clone()));
        }
        let request = request
            .key_condition_expression(condition)
            .set_index_name(range.index.map(|index| index.name().to_owned()))
            .consistent_read(range.is_consistent && range.index.is_none())
            .scan_index_forward(!range.is_backwards)
            .set_limit(range.limit)
            .set_exclusive_start_key(range.start.clone())
            .return_consumed_capacity(ReturnConsumedCapacity::Total);
        let answer = request.send().await.map_err(reading)?;
        self.capacity.add(Kind::Read, answer.consumed_capacity());
        self.after_read(Operation::Query).await?;
        let last = answer.last_evaluated_key.filter(|key| !key.is_empty());
        Ok(Page { items: answer.items.unwrap_or_default(), last })
    }

    /// All pages, and how many there were.
    pub(crate) async fn query(&self, mut range: Range) -> Result<(Vec<Item>, usize), StoreError> {
        let mut items = Vec::new();
        let mut pages = 0;
        loop {
            let page = self.page(&range).await?;
            items.extend(page.items);
            pages += 1;
            match page.last {
                Some(last) => range.start = Some(last),
                None => return Ok((items, pages)),
            }
        }
    }

    /// All of it or nothing; the same `token` is carried out once, however often it is sent.
    pub(crate) async fn transact(
        &self,
        writes: &[Write],
        token: &str,
    ) -> Result<Transacted, StoreError> {
        if MAX_TRANSACTION < writes.len() {
            let what = "the items of one transaction".to_owned();
            return Err(StoreError::TooLarge { what, size: writes.len(), limit: MAX_TRANSACTION });
        }
        let items =
            writes.iter().map(|write| self.transact_item(write)).collect::<Result<Vec<_>, _>>()?;
        if let Some(fault) = self.before_write().await? {
            return Ok(fault);
        }
        let request = self.client.transact_write_items().set_transact_items(Some(items));
        let request = request.client_request_token(token);
        let request = request.return_consumed_capacity(ReturnConsumedCapacity::Total);
        let answer = request.send().await;
        if let Ok(answer) = &answer {
            self.capacity.add(Kind::Write, answer.consumed_capacity());
        }
        self.after_write().await?;
        match answer {
            Ok(_) => Ok(Transacted::Done),
            Err(SdkError::ServiceError(error)) => transaction_refused(error.into_err()),
            Err(error) => Err(writing(error)),
        }
    }

    /// One item, on its condition: whether that was met.
    pub(crate) async fn write(&self, write: Write) -> Result<bool, StoreError> {
        if let Some(Transacted::Conflict) = self.before_write().await? {
            return Err(StoreError::Throttled("a conflict".into()));
        }
        let done = match write {
            Write::Put(item, condition) => self.put(item, &condition).await,
            Write::Delete(place, condition) => self.delete(&place, &condition).await,
            Write::Update(place, set, remove, condition) => {
                self.update(&place, set, &remove, &condition).await
            }
            Write::Check(..) => Ok(true),
        };
        self.after_write().await?;
        done
    }

    async fn put(&self, item: Item, condition: &Condition) -> Result<bool, StoreError> {
        let parts = Parts::new(condition);
        let request = self
            .client
            .put_item()
            .table_name(&*self.table)
            .set_item(Some(item))
            .set_condition_expression(parts.condition)
            .set_expression_attribute_names(parts.names)
            .set_expression_attribute_values(parts.values)
            .return_consumed_capacity(ReturnConsumedCapacity::Total);
        let answer =
            met(request.send().await, |error| error.is_conditional_check_failed_exception())?;
        self.capacity.add(Kind::Write, answer.iter().filter_map(|a| a.consumed_capacity()));
        Ok(answer.is_some())
    }

    async fn delete(&self, place: &Place, condition: &Condition) -> Result<bool, StoreError> {
        let parts = Parts::new(condition);
        let request = self
            .client
            .delete_item()
            .table_name(&*self.table)
            .set_key(Some(key_of(place)))
            .set_condition_expression(parts.condition)
            .set_expression_attribute_names(parts.names)
            .set_expression_attribute_values(parts.values)
            .return_consumed_capacity(ReturnConsumedCapacity::Total);
        let answer =
            met(request.send().await, |error| error.is_conditional_check_failed_exception())?;
        self.capacity.add(Kind::Write, answer.iter().filter_map(|a| a.consumed_capacity()));
        Ok(answer.is_some())
    }

    async fn update(
        &self,
        place: &Place,
        set: Vec<(&'static str, AttributeValue)>,
        remove: &[&'static str],
        condition: &Condition,
    ) -> Result<bool, StoreError> {
        let mut parts = Parts::new(condition);
        let update = parts.update(set, remove);
        let request = self
            .client
            .update_item()
            .table_name(&*self.table)
            .set_key(Some(key_of(place)))
            .update_expression(update)
            .set_condition_expression(parts.condition)
            .set_expression_attribute_names(parts.names)
            .set_expression_attribute_values(parts.values)
            .return_consumed_capacity(ReturnConsumedCapacity::Total);
        let answer =
            met(request.send().await, |error| error.is_conditional_check_failed_exception())?;
        self.capacity.add(Kind::Write, answer.iter().filter_map(|a| a.consumed_capacity()));
        Ok(answer.is_some())
    }

    fn transact_item(&self, write: &Write) -> Result<TransactWriteItem, StoreError> {
        let table = &*self.table;
        let item = TransactWriteItem::builder();
        let item = match write {
            Write::Put(values, condition) => {
                let parts = Parts::new(condition);
                let put = Put::builder()
                    .table_name(table)
                    .set_item(Some(values.clone()))
                    .set_condition_expression(parts.condition)
                    .set_expression_attribute_names(parts.names)
                    .set_expression_attribute_values(parts.values);
                item.put(put.build().map_err(|error| StoreError::Encode(error.into()))?)
            }
            Write::Delete(place, condition) => {
                let parts = Parts::new(condition);
                let delete = Delete::builder()
                    .table_name(table)
                    .set_key(Some(key_of(place)))
                    .set_condition_expression(parts.condition)
                    .set_expression_attribute_names(parts.names)
                    .set_expression_attribute_values(parts.values);
                item.delete(delete.build().map_err(|error| StoreError::Encode(error.into()))?)
            }
            Write::Update(place, set, remove, condition) => {
                let mut parts = Parts::new(condition);
                let expression = parts.update(set.clone(), remove);
                let update = Update::builder()
                    .table_name(table)
                    .set_key(Some(key_of(place)))
                    .update_expression(expression)
                    .set_condition_expression(parts.condition)
                    .set_expression_attribute_names(parts.names)
                    .set_expression_attribute_values(parts.values);
                item.update(update.build().map_err(|error| StoreError::Encode(error.into()))?)
            }
            Write::Check(place, condition) => {
                let parts = Parts::new(condition);
                let check = ConditionCheck::builder()
                    .table_name(table)
                    .set_key(Some(key_of(place)))
                    .set_condition_expression(parts.condition)
                    .set_expression_attribute_names(parts.names)
                    .set_expression_attribute_values(parts.values);
                item.condition_check(
                    check.build().map_err(|error| StoreError::Encode(error.into()))?,
                )
            }
        };
        Ok(item.build())
    }

    async fn wait_before(&self, attempt: u32) {
        if 0 < attempt {
            let millis = 10_u64.saturating_mul(1 << attempt.min(6));
            tokio::time::sleep(std::time::Duration::from_millis(millis)).await;
        }
    }

    async fn before_read(&self, operation: Operation) -> Result<(), StoreError> {
        self.capacity.called();
        let Some(faults) = &self.faults else { return Ok(()) };
        unanswered_read(faults.before(operation).await)
    }

    async fn after_read(&self, operation: Operation) -> Result<(), StoreError> {
        let Some(faults) = &self.faults else { return Ok(()) };
        unanswered_read(faults.after(operation).await)
    }

    async fn before_write(&self) -> Result<Option<Transacted>, StoreError> {
        self.capacity.called();
        let Some(faults) = &self.faults else { return Ok(None) };
        match faults.before(Operation::Write).await {
            None => Ok(None),
            Some(Fault::NoAnswer) => Err(StoreError::Unclear("no answer".into())),
            Some(Fault::Conflict) => Ok(Some(Transacted::Conflict)),
        }
    }

    async fn after_write(&self) -> Result<(), StoreError> {
        let Some(faults) = &self.faults else { return Ok(()) };
        match faults.after(Operation::Write).await {
            None => Ok(()),
            Some(Fault::NoAnswer | Fault::Conflict) => Err(StoreError::Unclear("no answer".into())),
        }
    }
}

fn unanswered_read(fault: Option<Fault>) -> Result<(), StoreError> {
    match fault {
        None => Ok(()),
        Some(Fault::NoAnswer | Fault::Conflict) => Err(StoreError::Unavailable("no answer".into())),
    }
}

/// The expressions of one write.
#[derive(Default)]
struct Parts {
    condition: Option<String>,
    names: Option<HashMap<String, String>>,
    values: Option<HashMap<String, AttributeValue>>,
}

impl Parts {
    fn new(condition: &Condition) -> Self {
        let mut parts = Self::default();
        let (text, attribute) = match condition {
            Condition::Always => return parts,
            Condition::Absent => ("attribute_not_exists(#c)", PK),
            Condition::Present => ("attribute_exists(#c)", PK),
            Condition::Equals(attribute, value) => {
                parts.values.get_or_insert_default().insert(":c".to_owned(), value.clone());
                ("#c = :c", *attribute)
            }
            Condition::Without(attribute) => {
                parts.names.get_or_insert_default().insert("#pk".to_owned(), PK.to_owned());
                ("attribute_exists(#pk) AND attribute_not_exists(#c)", *attribute)
            }
        };
        parts.condition = Some(text.to_owned());
        parts.names.get_or_insert_default().insert("#c".to_owned(), attribute.to_owned());
        parts
    }

    fn update(
        &mut self,
        set: Vec<(&'static str, AttributeValue)>,
        remove: &[&'static str],
    ) -> String {
        let mut text = String::new();
        for (index, (attribute, value)) in set.into_iter().enumerate() {
            text.push_str(if index == 0 { "SET " } else { ", " });
            text.push_str(&format!("#s{index} = :s{index}"));
            self.names.get_or_insert_default().insert(format!("#s{index}"), attribute.to_owned());
            self.values.get_or_insert_default().insert(format!(":s{index}"), value);
        }
        for (index, attribute) in remove.iter().enumerate() {
            text.push_str(if index == 0 { " REMOVE " } else { ", " });
            text.push_str(&format!("#r{index}"));
            self.names
                .get_or_insert_default()
                .insert(format!("#r{index}"), (*attribute).to_owned());
        }
        text
    }
}

/// The answer, or none where the condition was not met.
fn met<T, E>(
    answer: Result<T, SdkError<E, HttpResponse>>,
    is_unmet: impl Fn(&E) -> bool,
) -> Result<Option<T>, StoreError>
where
    E: std::error::Error + Send + Sync + 'static,
{
    match answer {
        Ok(answer) => Ok(Some(answer)),
        Err(SdkError::ServiceError(error)) if is_unmet(error.err()) => Ok(None),
        Err(error) => Err(writing(error)),
    }
}

fn transaction_refused(error: TransactWriteItemsError) -> Result<Transacted, StoreError> {
    match error {
        TransactWriteItemsError::TransactionCanceledException(canceled) => {
            reasons(canceled.cancellation_reasons(), canceled.to_string())
        }
        TransactWriteItemsError::TransactionInProgressException(error) => {
            Err(StoreError::Unclear(error.into()))
        }
        TransactWriteItemsError::InternalServerError(error) => {
            Err(StoreError::Unclear(error.into()))
        }
        TransactWriteItemsError::ProvisionedThroughputExceededException(error) => {
            Err(StoreError::Throttled(error.into()))
        }
        TransactWriteItemsError::RequestLimitExceeded(error) => {
            Err(StoreError::Throttled(error.into()))
        }
        TransactWriteItemsError::ThrottlingException(error) => {
            Err(StoreError::Throttled(error.into()))
        }
        error => Err(StoreError::Unavailable(text(&error))),
    }
}

fn reasons(reasons: &[CancellationReason], message: String) -> Result<Transacted, StoreError> {
    let codes = || reasons.iter().map(|reason| reason.code().unwrap_or("None"));
    let unmet: Vec<_> = codes()
        .enumerate()
        .filter(|(_, code)| *code == "ConditionalCheckFailed")
        .map(|(index, _)| index)
        .collect();
    if !unmet.is_empty() {
        return Ok(Transacted::Refused(unmet));
    }
    match codes().find(|code| *code != "None") {
        Some("TransactionConflict") => Ok(Transacted::Conflict),
        Some("ThrottlingError" | "ProvisionedThroughputExceeded") => {
            Err(StoreError::Throttled(message.into()))
        }
        _ => {
            let reason = reasons.iter().find_map(|reason| reason.message()).unwrap_or_default();
            Err(StoreError::Unavailable(format!("{message}: {reason}").into()))
        }
    }
}

/// The whole chain of causes, since the SDK's outermost says only "service error".
fn text<E: std::error::Error>(error: &E) -> Cause {
    DisplayErrorContext(error).to_string().into()
}

fn is_throttled<E: std::error::Error>(error: &SdkError<E, HttpResponse>) -> bool {
    matches!(error, SdkError::ServiceError(error) if {
        let text = format!("{:?}", error.err());
        ["Throttl", "ThroughputExceeded", "RequestLimitExceeded"].iter().any(|part| text.contains(part))
    })
}

fn reading<E: std::error::Error + 'static>(error: SdkError<E, HttpResponse>) -> StoreError {
    let is_throttled = is_throttled(&error);
    let cause = text(&error);
    if is_throttled { StoreError::Throttled(cause) } else { StoreError::Unavailable(cause) }
}

fn writing<E: std::error::Error + 'static>(error: SdkError<E, HttpResponse>) -> StoreError {
    let is_throttled = is_throttled(&error);
    let cause = text(&error);
    match error {
        _ if is_throttled => StoreError::Throttled(cause),
        SdkError::TimeoutError(_) | SdkError::DispatchFailure(_) | SdkError::ResponseError(_) => {
            StoreError::Unclear(cause)
        }
        SdkError::ServiceError(error) if error.raw().status().is_server_error() => {
            StoreError::Unclear(cause)
        }
        _ => StoreError::Unavailable(cause),
    }
}
