//! A queue by itself, and what it leaves in the data folder.

use std::sync::Arc;

use platform::batch::{Received, each_message};
use platform::clock::FixedClock;
use platform::queue::MAX_DELAY_SECONDS;

use super::*;

const VISIBILITY: Duration = Duration::from_secs(30);

fn queue() -> Arc<LocalQueue> {
    let settings =
        QueueSettings { visibility: VISIBILITY, max_receives: 3, retry_after: Duration::ZERO };
    Arc::new(LocalQueue::new("letters", settings))
}

fn messages(bodies: &[&str]) -> Vec<QueueMessage> {
    let message = |body: &&str| QueueMessage::json(body).unwrap();
    bodies.iter().map(message).collect()
}

fn bodies(handed: &[Handed]) -> Vec<String> {
    handed.iter().map(|handed| handed.message.body.trim_matches('"').to_owned()).collect()
}

#[tokio::test(start_paused = true)]
async fn a_message_comes_again_unless_it_is_done_with() {
    let queue = queue();
    queue.send(messages(&["a", "b"])).await.unwrap();
    let first = queue.receive(10);
    assert_eq!(bodies(&first), ["a", "b"]);
    assert!(queue.complete(first[0].receipt));
    assert!(queue.receive(10).is_empty());
    tokio::time::advance(VISIBILITY).await;
    let second = queue.receive(10);
    assert_eq!((bodies(&second), second[0].receive_count), (vec!["b".to_owned()], 2));
    assert!(!queue.complete(first[1].receipt), "the first handing out is over");
    assert!(queue.complete(second[0].receipt));
    assert!(!queue.complete(second[0].receipt));
    assert!(queue.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_message_that_failed_waits_a_moment() {
    let queue = LocalQueue::new("letters", QueueSettings::default());
    queue.send(messages(&["a"])).await.unwrap();
    assert!(queue.fail(queue.receive(10)[0].receipt));
    assert!(queue.receive(10).is_empty());
    tokio::time::advance(QueueSettings::default().retry_after).await;
    assert_eq!(queue.receive(10)[0].receive_count, 2);
}

#[tokio::test(start_paused = true)]
async fn a_delayed_message_is_not_in_sight_before_its_time() {
    let queue = queue();
    let late = messages(&["late"]).remove(0).after_seconds(60);
    queue.send(vec![late]).await.unwrap();
    assert!(queue.receive(10).is_empty());
    tokio::time::advance(Duration::from_secs(59)).await;
    assert!(queue.receive(10).is_empty());
    tokio::time::advance(Duration::from_secs(1)).await;
    assert_eq!(queue.receive(10).len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_message_that_nobody_can_handle_is_a_dead_letter_alone_and_can_be_replayed() {
    let queue = queue();
    queue.send(messages(&["poison", "good"])).await.unwrap();
    let handle = async |event: SqsEvent| {
        each_message(event, async |received: Received<String>| match received.message.as_str() {
            "poison" => Err(std::io::Error::other("no")),
            _ => Ok(()),
        })
        .await
    };
    queue.drain(handle).await;
    assert!(queue.is_empty());
    let dead = queue.dead_letters();
    assert_eq!(dead.len(), 1);
    assert_eq!((dead[0].body.as_str(), dead[0].receive_count), ("\"poison\"", 3));

    assert!(!queue.replay("letters-99"));
    assert!(queue.replay(&dead[0].id));
    assert!(queue.dead_letters().is_empty());
    let again = queue.receive(10);
    assert_eq!((bodies(&again), again[0].receive_count), (vec!["poison".to_owned()], 1));
    assert!(queue.complete(again[0].receipt));
    assert_eq!(queue.replay_all(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_handler_that_never_answers_also_ends_with_the_dead_letters() {
    let queue = queue();
    queue.send(messages(&["stuck"])).await.unwrap();
    for count in 1..=3 {
        assert_eq!(queue.receive(10)[0].receive_count, count);
        assert!(queue.dead_letters().is_empty());
        tokio::time::advance(VISIBILITY).await;
    }
    assert!(queue.receive(10).is_empty());
    assert_eq!(queue.dead_letters().len(), 1);
    assert_eq!(queue.replay_all(), 1);
    assert_eq!(queue.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_running_consumer_wakes_for_new_and_for_late_messages_and_stops_when_told() {
    let queue = queue();
    let (handled, mut seen) = tokio::sync::mpsc::unbounded_channel();
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let consumer = queue.clone();
    let running = tokio::spawn(async move {
        let handle = |event: SqsEvent| {
            let handled = handled.clone();
            async move {
                for record in event.records {
                    handled.send(record.body.unwrap()).unwrap();
                }
                SqsBatchResponse::default()
            }
        };
        consumer.run(handle, async move { stopped.await.unwrap_or(()) }).await;
    });
    queue.send(messages(&["now"])).await.unwrap();
    assert_eq!(seen.recv().await.unwrap(), "\"now\"");
    let late = messages(&["late"]).remove(0).after_seconds(MAX_DELAY_SECONDS);
    queue.send(vec![late]).await.unwrap();
    assert_eq!(seen.recv().await.unwrap(), "\"late\"");
    stop.send(()).unwrap();
    running.await.unwrap();
    queue.send(messages(&["afterwards"])).await.unwrap();
    assert_eq!(queue.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_batch_is_at_most_ten_and_a_strange_answer_fails_it_whole() {
    let queue = queue();
    let many: Vec<_> = (0..25).map(|n| n.to_string()).collect();
    let many: Vec<_> = many.iter().map(String::as_str).collect();
    queue.send(messages(&many)).await.unwrap();
    assert_eq!(queue.receive(100).len(), 10);
    assert_eq!(queue.receive(3).len(), 3);
    tokio::time::advance(VISIBILITY).await;
    let handed = queue.receive(2);
    let mut response = SqsBatchResponse::default();
    response.add_failure("nobody");
    queue.settle(&handed, response);
    assert_eq!(queue.len(), 25);
}

#[tokio::test]
async fn what_sqs_would_refuse_is_refused_here_too() {
    let queue = queue();
    let mut late = messages(&["a", "b"]);
    late[1].delay_seconds = MAX_DELAY_SECONDS + 1;
    assert!(matches!(queue.send(late).await, Err(QueueError::DelayTooLong { .. })));
    assert!(queue.is_empty());
}

/// A queue whose dead letters are kept; each call is a restart.
fn opened(data: &Path) -> LocalQueue {
    let settings =
        QueueSettings { visibility: VISIBILITY, max_receives: 2, retry_after: Duration::ZERO };
    let clock = Arc::new(FixedClock::at("2026-07-01T13:30:00Z".parse().unwrap()));
    LocalQueue::open("letters", settings, data, clock).unwrap()
}

fn fail_all(queue: &LocalQueue) {
    for _ in 0..2 {
        queue.receive(10).iter().for_each(|handed| assert!(queue.fail(handed.receipt)));
    }
}

fn ids(queue: &LocalQueue) -> Vec<String> {
    queue.dead_letters().into_iter().map(|letter| letter.id).collect()
}

#[tokio::test(start_paused = true)]
async fn dead_letters_outlive_a_restart_and_the_rest_does_not() {
    let data = tempfile::tempdir().unwrap();
    let queue = opened(data.path());
    queue.send(messages(&["a", "b"])).await.unwrap();
    fail_all(&queue);
    queue.send(messages(&["c"])).await.unwrap();
    assert_eq!(
        (ids(&queue), queue.len()),
        (vec!["letters-1".to_owned(), "letters-2".to_owned()], 1)
    );
    let before = queue.dead_letters();
    assert_eq!(before[0].died_at, Some("2026-07-01T13:30:00Z".parse().unwrap()));

    let queue = opened(data.path());
    assert_eq!((queue.dead_letters(), queue.len()), (before, 0));
    // A new message takes no dead one's name.
    assert_eq!(queue.put(messages(&["d"])).unwrap(), ["letters-3"]);
}

#[tokio::test(start_paused = true)]
async fn a_replayed_letter_is_forgotten_when_it_is_done_with_and_not_before() {
    let data = tempfile::tempdir().unwrap();
    let queue = opened(data.path());
    queue.send(messages(&["a", "b"])).await.unwrap();
    fail_all(&queue);
    assert!(queue.replay("letters-1"));
    assert_eq!(ids(&queue), ["letters-2"]);
    assert_eq!(bodies(&queue.receive(10)), ["a"]);

    // A crash before it is done with: it waits again, as if it had just been sent.
    let queue = opened(data.path());
    assert_eq!(ids(&queue), ["letters-2"]);
    let handed = queue.receive(10);
    assert_eq!((bodies(&handed), handed[0].receive_count), (vec!["a".to_owned()], 1));
    // It dies again, and nobody asked for another replay.
    assert!(queue.fail(handed[0].receipt));
    assert!(queue.fail(queue.receive(10)[0].receipt));
    let queue = opened(data.path());
    assert_eq!(queue.len(), 0);
    assert_eq!(ids(&queue), ["letters-1", "letters-2"]);

    assert!(queue.replay("letters-1"));
    assert!(queue.complete(queue.receive(10)[0].receipt));
    let queue = opened(data.path());
    assert_eq!((ids(&queue), queue.len()), (vec!["letters-2".to_owned()], 0));
}

#[tokio::test(start_paused = true)]
async fn a_running_consumer_takes_up_the_replay_that_another_process_asked_for() {
    let data = tempfile::tempdir().unwrap();
    let queue = Arc::new(opened(data.path()));
    queue.send(messages(&["a"])).await.unwrap();
    fail_all(&queue);
    let (handled, mut seen) = tokio::sync::mpsc::unbounded_channel();
    let consumer = queue.clone();
    let running = tokio::spawn(async move {
        let handle = |event: SqsEvent| {
            let handled = handled.clone();
            async move {
                event.records.into_iter().for_each(|record| handled.send(record.body).unwrap());
                SqsBatchResponse::default()
            }
        };
        consumer.run(handle, std::future::pending()).await;
    });
    DeadLetters::open(data.path(), "letters").unwrap().ask("letters-1").unwrap();
    assert_eq!(seen.recv().await.unwrap().as_deref(), Some("\"a\""));
    running.abort();
}

#[tokio::test]
async fn a_queue_is_counted_as_sqs_counts_it() {
    let queue = queue();
    queue.send(messages(&["a", "b", "c"])).await.unwrap();
    queue.send(vec![messages(&["late"]).remove(0).after_seconds(60)]).await.unwrap();
    queue.receive(1);
    assert_eq!(queue.depth(), Depth { visible: 2, in_flight: 1, delayed: 1, dead: 0 });
}
