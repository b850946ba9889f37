//! The embedded table, in memory and over HTTP as everywhere, with a side door for filling it.

use std::net::{Ipv4Addr, TcpListener};

use dynoxide::{AttributeValue, Database, ImportOptions, Item};
use portcullis::embedded::client;
use serde_json::json;
use store::{Dynamo, Place};

/// Its name.
pub const TABLE: &str = "portcullis";

/// A table that nobody else has.
pub struct Table {
    database: Database,
    dynamo: Dynamo,
}

impl Table {
    /// An empty one. It is served by a thread of its own, as the real one is by other machines.
    pub async fn open() -> Self {
        let database = Database::memory().unwrap();
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        listener.set_nonblocking(true).unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let served = database.clone();
        std::thread::spawn(move || serve(listener, served));
        let dynamo = client(&url, TABLE).unwrap();
        dynamo.create_table().await.unwrap();
        Self { database, dynamo }
    }

    /// The table's calls.
    pub fn dynamo(&self) -> &Dynamo {
        &self.dynamo
    }

    /// Puts items in, past HTTP.
    pub fn put(&self, items: Vec<Item>) {
        self.database.import_items(TABLE, items, ImportOptions::default()).unwrap();
    }

    /// Takes an item away, if it is there.
    pub fn delete(&self, place: &Place) {
        let key = json!({"pk": {"S": place.pk}, "sk": {"S": place.sk}});
        let request = json!({"TableName": TABLE, "Key": key});
        self.database.delete_item(serde_json::from_value(request).unwrap()).unwrap();
    }

    /// Where an item is.
    pub fn place(item: &Item) -> Place {
        Place { pk: text(item, "pk").to_owned(), sk: text(item, "sk").to_owned() }
    }

    /// All items of a partition.
    pub fn partition(&self, pk: &str) -> Vec<Item> {
        let request = json!({
            "TableName": TABLE,
            "KeyConditionExpression": "pk = :pk",
            "ExpressionAttributeValues": {":pk": {"S": pk}},
        });
        let answer = self.database.query(serde_json::from_value(request).unwrap()).unwrap();
        assert!(answer.last_evaluated_key.is_none(), "{pk} has more than one page");
        answer.items.unwrap_or_default()
    }
}

fn serve(listener: TcpListener, database: Database) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let listener = tokio::net::TcpListener::from_std(listener).unwrap();
        let forever = std::future::pending();
        dynoxide::server::serve_with_shutdown(listener, database, forever).await.unwrap();
    });
}

fn text<'a>(item: &'a Item, name: &str) -> &'a str {
    match item.get(name) {
        Some(AttributeValue::S(text)) => text,
        other => panic!("{name} is {other:?}"),
    }
}
