//! Any bytes as a gateway's answer: nothing panics, whatever was asked for.

#![no_main]

mod common;

use std::sync::{Arc, LazyLock, Mutex};

use gateways::{Gateway, Hint, ObjectId, Span};
use libfuzzer_sys::fuzz_target;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Runtime;

type Answer = Arc<Mutex<Vec<u8>>>;

struct World {
    runtime: Runtime,
    answer: Answer,
    gateways: Vec<Box<dyn Gateway>>,
}

static WORLD: LazyLock<World> = LazyLock::new(|| {
    let runtime = Runtime::new().expect("a runtime");
    let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    let answer = Answer::default();
    let served = answer.clone();
    runtime.spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(serve(stream, served.clone()));
        }
    });
    World { runtime, answer, gateways: common::all(&url) }
});

/// Whatever is asked for, that is the answer; the question is read to its end by what a client sends at once.
async fn serve(mut stream: TcpStream, answer: Answer) {
    let mut question = vec![0; 16 * 1024];
    while let Ok(read) = stream.read(&mut question).await {
        if read == 0 {
            return;
        }
        let body = answer.lock().expect("nobody panicked").clone();
        let head = format!(
            "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
            body.len()
        );
        if stream.write_all(&[head.as_bytes(), &body].concat()).await.is_err() {
            return;
        }
    }
}

fuzz_target!(|bytes: &[u8]| {
    let Some((first, rest)) = bytes.split_first() else { return };
    let world = &*WORLD;
    *world.answer.lock().expect("nobody panicked") = rest.to_vec();
    let gateway = &world.gateways[usize::from(*first) % world.gateways.len()];
    let id: ObjectId = "id_1".parse().expect("an id");
    let hints = [
        Hint::Checkout(id.clone()),
        Hint::Payment(id.clone()),
        Hint::Charge(id.clone()),
        Hint::Refund(id.clone()),
        Hint::Dispute(id.clone()),
    ];
    let span = Span { from_unix: 1_700_000_000, to_unix: 1_800_000_000 };
    world.runtime.block_on(async {
        // Which hint it answers is said by the first byte too: one question for each input.
        let which = usize::from(*first) / world.gateways.len();
        match which % 8 {
            5 => drop(gateway.events(span, None).await),
            6 => drop(gateway.payments(span, None).await),
            7 => drop(gateway.saved_methods(&id).await),
            which => drop(gateway.read_back(&hints[which]).await),
        }
    });
});
