//! Whatever is changed, deleted, swapped or cut off, in the table or in the archive, is found and named (AUD-1).

use std::fs;
use std::path::PathBuf;

use aws_sdk_dynamodb::types::AttributeValue;
use domain::audit::ChainHash;
use services::archive::check::{Check, Compared};
use store::{Chain, Image};

use crate::desk::{Desk, acme, at};

/// Where acme's chain is.
const ACME: &str = "F#f-1#C#acme";

/// How many records acme has: opened, invoiced, and held and released three times.
const LAST: u64 = 8;

/// A firm of which all is archived, with two days that are over and one that isn't.
struct Scene {
    desk: Desk,
}

/// What both ways to look at acme's chain say.
#[derive(Debug, PartialEq, Eq)]
struct Said {
    by_itself: String,
    beside_the_archive: String,
    days: Vec<String>,
}

impl Scene {
    async fn new() -> Self {
        let desk = Desk::new().await;
        let firm = desk.open().await;
        for day in ["2026-03-04T17:00:00Z", "2026-03-05T17:00:00Z", "2026-03-06T17:00:00Z"] {
            desk.clock.set(at(day));
            desk.hold_and_release(&firm, 1).await;
            assert_eq!(desk.archive(&desk.table.records()).await, None);
            desk.archivist().close_days(chrono::DateTime::<chrono::Utc>::MAX_UTC).await.unwrap();
        }
        let scene = Self { desk };
        assert_eq!(
            scene.said().await,
            Said {
                by_itself: "8 records, all as they were written".to_owned(),
                beside_the_archive: "8 records, as archived".to_owned(),
                days: Vec::new(),
            }
        );
        scene
    }

    async fn said(&self) -> Said {
        let store = self.desk.store();
        let check = Check::open(&store, &*self.desk.shelf).await.unwrap();
        let compared: Compared = check.compare(&Chain::Client(acme())).await.unwrap();
        Said {
            by_itself: store.verify(&acme()).await.unwrap().to_string(),
            beside_the_archive: compared.to_string(),
            days: check.day_problems().iter().map(ToString::to_string).collect(),
        }
    }

    async fn item(&self, sk: &str) -> Image {
        let dynamo = &self.desk.table.dynamo;
        let get = dynamo.client().get_item().table_name(dynamo.table());
        let get = get.key("pk", text(ACME)).key("sk", text(sk));
        get.send().await.unwrap().item.unwrap()
    }

    async fn put(&self, item: Image) {
        let dynamo = &self.desk.table.dynamo;
        let put = dynamo.client().put_item().table_name(dynamo.table());
        put.set_item(Some(item)).send().await.unwrap();
    }

    async fn delete(&self, sk: &str) {
        let dynamo = &self.desk.table.dynamo;
        let delete = dynamo.client().delete_item().table_name(dynamo.table());
        delete.key("pk", text(ACME)).key("sk", text(sk)).send().await.unwrap();
    }

    /// Another actor in a record: what a forger would want.
    async fn change_table(&self, sequence: u64) {
        let mut item = self.item(&sk(sequence)).await;
        let body = item["body"].as_s().unwrap().replace(r#":"bea""#, r#":"pat""#);
        item.insert("body".to_owned(), text(&body));
        self.put(item).await;
    }

    /// Makes the hashes of all records fit again, and the head's.
    async fn make_fit(&self, last: u64) {
        let mut hash = ChainHash::genesis(&"f-1".parse().unwrap(), &acme());
        for sequence in 1..=last {
            let mut item = self.item(&sk(sequence)).await;
            item.insert("previous".to_owned(), text(&hash.to_string()));
            hash = hash.next(sequence, item["body"].as_s().unwrap().as_bytes());
            item.insert("hash".to_owned(), text(&hash.to_string()));
            self.put(item).await;
        }
        let mut head = self.item("A").await;
        head.insert("records".to_owned(), AttributeValue::N(last.to_string()));
        head.insert("chain".to_owned(), text(&hash.to_string()));
        self.put(head).await;
    }

    /// Takes the end away, so that nothing in the table shows it.
    async fn cut_table(&self, last: u64) {
        for sequence in last + 1..=LAST {
            self.delete(&sk(sequence)).await;
        }
        self.make_fit(last).await;
    }

    fn path(&self, key: &str) -> PathBuf {
        self.desk.folder.path().join("f-1").join(key)
    }

    fn object(&self, sequence: u64) -> PathBuf {
        self.path(&format!("clients/acme/{sequence:010}.json"))
    }

    fn change_archive(&self, path: PathBuf, from: &str, to: &str) {
        let object = fs::read_to_string(&path).unwrap();
        assert!(object.contains(from), "{object}");
        fs::write(&path, object.replacen(from, to, 1)).unwrap();
    }
}

fn sk(sequence: u64) -> String {
    format!("E#{sequence:010}")
}

fn text(text: &str) -> AttributeValue {
    AttributeValue::S(text.to_owned())
}

const WHOLE: &str = "8 records, all as they were written";
const SAME: &str = "8 records, as archived";

#[tokio::test]
async fn aud_1_one_byte_of_the_table() {
    let scene = Scene::new().await;
    scene.change_table(3).await;
    let said = scene.said().await;
    assert_eq!(said.by_itself, "record 3 was changed");
    assert_eq!(said.beside_the_archive, "record 3 of the table is not the one that was archived");
    // All hashes made anew: the table alone shows nothing any more.
    scene.make_fit(LAST).await;
    let said = scene.said().await;
    assert_eq!(said.by_itself, WHOLE);
    assert_eq!(said.beside_the_archive, "record 3 of the table is not the one that was archived");
}

#[tokio::test]
async fn aud_1_a_record_that_is_gone_from_the_table() {
    let scene = Scene::new().await;
    scene.delete(&sk(4)).await;
    let said = scene.said().await;
    assert_eq!(said.by_itself, "record 4 is missing: record 5 follows instead");
    assert_eq!(said.beside_the_archive, "record 4 is in the archive and not in the table");
}

#[tokio::test]
async fn aud_1_two_records_of_the_table_swapped() {
    let scene = Scene::new().await;
    let (mut one, mut two) = (scene.item(&sk(3)).await, scene.item(&sk(4)).await);
    let bodies = (one["body"].clone(), two["body"].clone());
    one.insert("body".to_owned(), bodies.1);
    two.insert("body".to_owned(), bodies.0);
    scene.put(one).await;
    scene.put(two).await;
    let other = "record 3 of the table is not the one that was archived";
    let said = scene.said().await;
    assert_eq!((&*said.by_itself, &*said.beside_the_archive), ("record 3 was changed", other));
    scene.make_fit(LAST).await;
    let said = scene.said().await;
    assert_eq!(said.beside_the_archive, other);
}

#[tokio::test]
async fn aud_1_a_tail_that_was_cut_from_the_table_with_its_head() {
    let scene = Scene::new().await;
    scene.cut_table(6).await;
    let said = scene.said().await;
    assert_eq!(said.by_itself, "6 records, all as they were written");
    let expected = "the table ends at record 6, the archive at record 8: its end was cut off, or the \
                    table was restored to an earlier moment (`portcullis restore check` says what it lacks)";
    assert_eq!(said.beside_the_archive, expected);
}

#[tokio::test]
async fn aud_1_a_client_that_is_gone_from_the_table_whole() {
    let scene = Scene::new().await;
    for sequence in 1..=LAST {
        scene.delete(&sk(sequence)).await;
    }
    scene.delete("A").await;
    let said = scene.said().await;
    assert_eq!(said.by_itself, "0 records, all as they were written");
    let expected = "the table ends at record 0, the archive at record 8: its end was cut off, or the \
                    table was restored to an earlier moment (`portcullis restore check` says what it lacks)";
    assert_eq!(said.beside_the_archive, expected);
}

#[tokio::test]
async fn aud_1_one_byte_of_the_archive() {
    let scene = Scene::new().await;
    scene.change_archive(scene.object(3), r#":\"bea\""#, r#":\"pat\""#);
    let said = scene.said().await;
    assert_eq!(said.by_itself, WHOLE);
    assert_eq!(said.beside_the_archive, "in the archive, record 3 was changed");
}

#[tokio::test]
async fn aud_1_a_record_that_is_gone_from_the_archive() {
    let scene = Scene::new().await;
    fs::remove_file(scene.object(3)).unwrap();
    let said = scene.said().await;
    let expected = "in the archive, record 3 is missing: record 4 follows instead";
    assert_eq!(said.beside_the_archive, expected);
}

#[tokio::test]
async fn aud_1_two_records_of_the_archive_swapped() {
    let scene = Scene::new().await;
    let (one, two) = (fs::read(scene.object(3)).unwrap(), fs::read(scene.object(4)).unwrap());
    fs::write(scene.object(3), two).unwrap();
    fs::write(scene.object(4), one).unwrap();
    let said = scene.said().await.beside_the_archive;
    let expected = "in the archive, f-1/clients/acme/0000000003.json can't be read: it is of \
                    another chain or number";
    assert_eq!(said, expected);
}

#[tokio::test]
async fn aud_1_a_tail_that_was_cut_from_table_and_archive_stands_in_a_digest() {
    let scene = Scene::new().await;
    scene.cut_table(5).await;
    for sequence in 6..=LAST {
        fs::remove_file(scene.object(sequence)).unwrap();
    }
    let said = scene.said().await;
    assert_eq!(said.by_itself, "5 records, all as they were written");
    assert_eq!(
        said.beside_the_archive,
        "the archive's end was cut off: on 2026-03-05 it had record 6"
    );
}

#[tokio::test]
async fn aud_1_an_open_day_names_what_is_gone_as_well() {
    let scene = Scene::new().await;
    fs::remove_file(scene.object(LAST)).unwrap();
    let said = scene.said().await.beside_the_archive;
    assert_eq!(said, "the archive's end was cut off: on 2026-03-06 it had record 8");
}

#[tokio::test]
async fn aud_1_a_digest_that_is_changed_or_gone() {
    let scene = Scene::new().await;
    let digest = || scene.path("digests/2026-03-04.json");
    let whole = fs::read(digest()).unwrap();
    scene.change_archive(digest(), "\"sequence\":4", "\"sequence\":3");
    let said = scene.said().await;
    assert_eq!(said.days, ["the digest of 2026-03-05 doesn't follow the one before it"]);
    let expected = "record 3 of the archive is not the one that it had on 2026-03-04";
    assert_eq!(said.beside_the_archive, expected);
    fs::write(digest(), "{").unwrap();
    let said = scene.said().await.days;
    assert!(said[0].starts_with("f-1/digests/2026-03-04.json can't be read: EOF"), "{said:?}");
    assert_eq!(said[1], "the digest of 2026-03-05 doesn't follow the one before it");
    fs::remove_file(digest()).unwrap();
    let said = scene.said().await;
    assert_eq!(said.days, ["the digest of 2026-03-05 doesn't follow the one before it"]);
    assert_eq!(said.beside_the_archive, SAME);
    fs::write(digest(), whole).unwrap();
    assert_eq!(scene.said().await.days, [""; 0]);
}

#[tokio::test]
async fn aud_1_what_was_noted_of_an_open_day_is_read_as_strictly() {
    let scene = Scene::new().await;
    let folder = scene.path("heads/2026-03-06");
    let noted = fs::read_dir(&folder).unwrap().next().unwrap().unwrap().path();
    fs::write(&noted, "[]").unwrap();
    let said = scene.said().await.days;
    assert!(said[0].starts_with("f-1/heads/2026-03-06/"), "{said:?}");
}
