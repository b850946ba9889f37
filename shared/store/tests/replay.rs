//! A record is put back as it was, with what follows from it; what it never held is named and not made up (AUD-1).

#![allow(clippy::unwrap_used, reason = "a test that can't go on fails")]

mod common;

use common::{at, embedded, firm, meta, open_firm};
use domain::id::ContactId;
use domain::text::Personal;
use store::{
    Chain, ChainRecord, ContactChange, ContactExtras, ContactState, FirmChange, FirmSettings,
    Grant, Lost, ReplayError, Replayed, SealedSecret, Store, StoredPassword, Verdict,
};

/// The name of a gateway's secrets.
const SECRET: &str = "stripe-0123";

async fn table() -> Store {
    Store::new(embedded().await, firm())
}

async fn change(store: &Store, change: FirmChange) {
    let loaded = store.load_firm().await.unwrap().unwrap();
    store.change_firm(&loaded, &change, &meta("change")).await.unwrap();
}

/// A firm with a person and a secret.
async fn former() -> Store {
    let store = table().await;
    let zone = "America/New_York".parse().unwrap();
    open_firm(&store, &FirmSettings::new("Bea & Partners", zone), &[], &meta("open")).await;
    let grant = Grant {
        subject: "sub-1".to_owned(),
        staff: "bea".parse().unwrap(),
        name: Personal::new("Bea"),
        roles: Default::default(),
        mail: Some(Personal::new("bea@oak.example")),
    };
    change(&store, FirmChange::GrantGiven(grant)).await;
    let secret =
        SealedSecret { name: SECRET.to_owned(), parts: Default::default(), sealed: vec![1, 2, 3] };
    change(&store, FirmChange::SecretKept(secret)).await;
    store
}

async fn records(store: &Store, chain: &Chain) -> Vec<ChainRecord> {
    let (last, _) = store.chain_end(chain).await.unwrap().unwrap();
    store.chain_records(chain, 1, last).await.unwrap().into_iter().map(Result::unwrap).collect()
}

/// All of a chain into another table; what was lost on the way.
async fn put_back(to: &Store, from: &Store, chain: &Chain, words: Option<&Store>) -> Vec<Lost> {
    let mut all = Vec::new();
    for record in records(from, chain).await {
        match to.replay(&record, words, 4, at("2026-03-05T12:00:00Z")).await.unwrap() {
            Replayed::Done(lost) => all.extend(lost),
            Replayed::Stale => panic!("nobody else is there"),
        }
    }
    assert_eq!(records(to, chain).await, records(from, chain).await);
    all
}

#[tokio::test]
async fn aud_1_sec_5_a_secret_comes_from_the_former_table_or_is_named() {
    let former = former().await;
    let (with, without) = (table().await, table().await);
    assert_eq!(put_back(&with, &former, &Chain::Firm, Some(&former)).await, []);
    assert_eq!(with.secret(SECRET).await.unwrap(), former.secret(SECRET).await.unwrap());
    assert_eq!(with.grant("sub-1").await.unwrap(), former.grant("sub-1").await.unwrap());

    let lost = put_back(&without, &former, &Chain::Firm, None).await;
    assert_eq!(lost, [Lost::Texts(2), Lost::Secret(SECRET.to_owned())]);
    assert_eq!(without.secret(SECRET).await.unwrap(), None, "an empty one would be believed");
    let grant = without.grant("sub-1").await.unwrap().unwrap();
    assert_eq!((grant.name.as_str(), grant.mail), ("bea", None));
    assert_eq!(without.verify_firm().await.unwrap(), Verdict::Whole { records: 3 });
}

#[tokio::test]
async fn aud_1_sec_3_a_password_is_forgotten_and_an_address_that_nobody_knows_lets_nobody_in() {
    let former = former().await;
    let id: ContactId = "k-1".parse().unwrap();
    let chain = Chain::Contact(id.clone());
    let steps = [
        vec![ContactChange::Invited {
            address: Personal::new("ann@acme.example"),
            called: Personal::new("Ann"),
        }],
        vec![
            ContactChange::Registered,
            ContactChange::PasswordSet { password: StoredPassword("hash".to_owned()) },
        ],
    ];
    for changes in steps {
        let loaded = former.load_contact(&id).await.unwrap();
        let loaded = loaded.unwrap_or_else(|| former.new_contact(id.clone()));
        let beside = ContactExtras::default();
        former.commit_contact(&loaded, &changes, &beside, &meta("contact")).await.unwrap();
    }
    for (words, called, lost) in [
        (Some(&former), "Ann", vec![Lost::Password(id.clone())]),
        (None, "k-1", vec![Lost::Texts(2), Lost::Password(id.clone())]),
    ] {
        let restored = table().await;
        assert_eq!(put_back(&restored, &former, &chain, words).await, lost);
        let facts = restored.load_contact(&id).await.unwrap().unwrap().contact.facts;
        assert_eq!((facts.called.as_str(), facts.password), (called, None));
        assert_eq!(facts.state, ContactState::Active);
        let whole = Verdict::Whole { records: 2 };
        assert_eq!(restored.verify_contact(&id).await.unwrap(), whole);
    }
}

#[tokio::test]
async fn aud_1_only_the_next_record_of_the_same_chain_is_put_back() {
    let former = former().await;
    let all = records(&former, &Chain::Firm).await;
    let restored = table().await;
    let now = at("2026-03-05T12:00:00Z");
    let refused = async |record: &ChainRecord| {
        let ended = restored.replay(record, None, 4, now).await;
        matches!(ended, Err(ReplayError::NotNext { .. }))
    };
    assert!(refused(&all[1]).await, "there is no first one");
    restored.replay(&all[0], None, 4, now).await.unwrap();
    assert!(refused(&all[0]).await, "twice");
    assert!(refused(&all[2]).await, "one is left out");
    let body = all[1].body.replace("bea", "eve");
    assert!(refused(&ChainRecord { body, ..all[1].clone() }).await, "it is not what was hashed");
    restored.replay(&all[1], None, 4, now).await.unwrap();
    assert_eq!(restored.verify_firm().await.unwrap(), Verdict::Whole { records: 2 });
}
