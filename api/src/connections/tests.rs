//! Over real sockets, with handlers that wait for what the test does.

use super::*;
use axum::routing::get;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::{Barrier, Notify};
use tokio::task::JoinHandle;

/// Nothing here takes longer, even on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);
const LIMITS: Limits = Limits { connections: 100, head: PATIENCE, stall: PATIENCE, drain: PATIENCE };

struct Serving {
    address: SocketAddr,
    stop: CancellationToken,
    task: JoinHandle<Ended>,
}

impl Serving {
    async fn start(router: Router, limits: Limits) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("bound");
        let stop = CancellationToken::new();
        let stopping = stop.clone();
        let task = tokio::spawn(async move { serve(listener, router, limits, &stopping).await });
        Self { address, stop, task }
    }

    /// Connects and sends `text`.
    async fn send(&self, text: &str) -> TcpStream {
        let mut stream = TcpStream::connect(self.address).await.expect("connects");
        stream.write_all(text.as_bytes()).await.expect("sent");
        stream
    }

    async fn end(self) -> Ended {
        self.stop.cancel();
        in_time(self.task).await.expect("no panic")
    }
}

async fn in_time<T>(work: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, work).await.expect("in time")
}

/// All that the service sends until it closes the connection.
async fn rest(mut stream: TcpStream) -> String {
    let mut text = String::new();
    // A connection that is reset is closed too.
    let _ = in_time(stream.read_to_string(&mut text)).await;
    text
}

const ASK: &str = "GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";

#[tokio::test]
async fn half_a_request_line_is_cut_and_others_are_served_meanwhile() {
    let limits = Limits { head: Duration::from_millis(300), ..LIMITS };
    let serving = Serving::start(Router::new().route("/", get(|| async { "hello" })), limits).await;
    let slow = serving.send("GET /a/very/lo").await;
    let idle = serving.send("").await;
    assert!(rest(serving.send(ASK).await).await.ends_with("hello"));
    assert!(!rest(slow).await.contains("200 OK"), "it never said what it wants");
    assert_eq!(rest(idle).await, "");
    assert_eq!(serving.end().await, Ended::Drained);
}

#[tokio::test]
async fn an_answer_may_take_longer_than_the_head_of_its_request() {
    let limits = Limits { head: Duration::from_millis(100), ..LIMITS };
    let slow = || async {
        tokio::time::sleep(Duration::from_millis(500)).await;
        "at last"
    };
    let serving = Serving::start(Router::new().route("/", get(slow)), limits).await;
    assert!(rest(serving.send(ASK).await).await.ends_with("at last"));
}

#[tokio::test]
async fn a_caller_who_takes_nothing_is_cut_and_what_was_held_for_it_is_let_go() {
    let limits = Limits { stall: Duration::from_millis(300), ..LIMITS };
    let held = CancellationToken::new();
    let guard = Arc::new(held.clone().drop_guard());
    // More than the system's buffers of a connection take.
    let endless = move || {
        let guard = guard.clone();
        async move {
            let piece = axum::body::Bytes::from(vec![0; 1 << 16]);
            let pieces = futures::stream::repeat_with(move || {
                let _held = &guard;
                Ok::<_, std::convert::Infallible>(piece.clone())
            });
            axum::body::Body::from_stream(pieces)
        }
    };
    // Serving ends with this block but for the connection itself, which alone holds the guard then.
    let _stuck = {
        let serving = Serving::start(Router::new().route("/", get(endless)), limits).await;
        let mut stuck = serving.send(ASK).await;
        let mut first = [0; 12];
        in_time(stuck.read_exact(&mut first)).await.expect("an answer begins");
        assert_eq!(&first, b"HTTP/1.1 200");
        assert_eq!(serving.end().await, Ended::Drained, "it ends by itself");
        stuck
    };
    in_time(held.cancelled()).await;
}

#[tokio::test]
async fn no_more_connections_than_allowed_are_served_at_once() {
    let (inside, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    // Only ever passed two at a time: both places are used.
    let pairs = Arc::new(Barrier::new(2));
    let (now, peak) = (inside.clone(), most.clone());
    let handler = move || {
        let (now, peak, pairs) = (now.clone(), peak.clone(), pairs.clone());
        async move {
            peak.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
            pairs.wait().await;
            now.fetch_sub(1, Ordering::SeqCst);
            "done"
        }
    };
    let limits = Limits { connections: 2, ..LIMITS };
    let serving = Serving::start(Router::new().route("/", get(handler)), limits).await;
    let asked = futures::future::join_all((0..8).map(|_| serving.send(ASK))).await;
    for answer in futures::future::join_all(asked.into_iter().map(rest)).await {
        assert!(answer.ends_with("done"), "{answer}");
    }
    assert_eq!(most.load(Ordering::SeqCst), 2);
    assert_eq!(serving.end().await, Ended::Drained);
}

#[tokio::test]
async fn an_open_request_is_answered_after_the_stop_and_new_callers_are_not_taken() {
    let (entered, go) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let (arrived, gate) = (entered.clone(), go.clone());
    let handler = move || {
        let (arrived, gate) = (arrived.clone(), gate.clone());
        async move {
            arrived.notify_one();
            gate.notified().await;
            "last words"
        }
    };
    let serving = Serving::start(Router::new().route("/", get(handler)), LIMITS).await;
    let idle = serving.send("").await;
    let open = serving.send(ASK).await;
    in_time(entered.notified()).await;
    serving.stop.cancel();
    assert_eq!(rest(idle).await, "", "a connection without a request is closed");
    let refused = async {
        while TcpStream::connect(serving.address).await.is_ok() {
            tokio::task::yield_now().await;
        }
    };
    in_time(refused).await;
    go.notify_one();
    assert!(rest(open).await.ends_with("last words"));
    assert_eq!(serving.end().await, Ended::Drained);
}

#[tokio::test]
async fn what_does_not_end_in_time_is_cut() {
    let entered = Arc::new(Notify::new());
    let arrived = entered.clone();
    let handler = move || {
        let arrived = arrived.clone();
        async move {
            arrived.notify_one();
            std::future::pending::<()>().await;
        }
    };
    let limits = Limits { drain: Duration::from_millis(100), ..LIMITS };
    let serving = Serving::start(Router::new().route("/", get(handler)), limits).await;
    let open = serving.send(ASK).await;
    in_time(entered.notified()).await;
    assert_eq!(serving.end().await, Ended::Cut);
    assert_eq!(rest(open).await, "");
}
