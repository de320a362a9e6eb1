//! The little HTTP server behind `exporter` and `serve`.

use anyhow::Context;
use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// How long answers that are being sent may take when the server is told to stop.
const FAREWELL: Duration = Duration::from_secs(1);

pub(crate) type Answer = Response<Full<Bytes>>;

/// Returns an answer.
pub(crate) fn answer(status: StatusCode, kind: &'static str, body: impl Into<Bytes>) -> Answer {
    let mut answer = Response::new(Full::new(body.into()));
    *answer.status_mut() = status;
    answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    answer
}

/// Returns an answer in plain text.
pub(crate) fn text(status: StatusCode, body: impl Into<Bytes>) -> Answer {
    answer(status, "text/plain; charset=utf-8", body)
}

/// Returns an answer in the Prometheus text format.
pub(crate) fn metrics(body: impl Into<Bytes>) -> Answer {
    answer(StatusCode::OK, "text/plain; version=0.0.4; charset=utf-8", body)
}

/// Listens on an address and answers until told to stop.
pub(crate) async fn run(
    address: SocketAddr,
    handler: impl Fn(&str) -> Answer + Send + Sync + 'static,
    stop: CancellationToken,
) -> anyhow::Result<()> {
    let listener =
        TcpListener::bind(address).await.with_context(|| format!("failed to listen on {address}"))?;
    println!("listening on {}", listener.local_addr().unwrap_or(address));
    accept(listener, handler, stop).await;
    Ok(())
}

/// Answers each request by its path until told to stop, then lets what is being sent go out.
async fn accept(
    listener: TcpListener,
    handler: impl Fn(&str) -> Answer + Send + Sync + 'static,
    stop: CancellationToken,
) {
    let handler = Arc::new(handler);
    let connections = TaskTracker::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    connections.spawn(converse(stream, handler.clone(), stop.clone()));
                }
                Err(error) => {
                    eprintln!("warning: failed to accept a connection: {error}");
                    // Out of file descriptors, most likely: give connections time to end.
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
            },
            () = stop.cancelled() => break,
        }
    }
    drop(listener);
    connections.close();
    let _ = tokio::time::timeout(FAREWELL, connections.wait()).await;
}

async fn converse(
    stream: TcpStream,
    handler: Arc<impl Fn(&str) -> Answer + Send + Sync + 'static>,
    stop: CancellationToken,
) {
    let _ = stream.set_nodelay(true);
    let service = service_fn(|request: Request<Incoming>| {
        let answer = handler(request.uri().path());
        async move { Ok::<_, Infallible>(answer) }
    });
    let mut connection = pin!(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
    // An error is a client that went away.
    tokio::select! {
        _ = connection.as_mut() => return,
        () = stop.cancelled() => connection.as_mut().graceful_shutdown(),
    }
    let _ = connection.await;
}

/// Serves in the background on a free port of this machine and returns its address.
#[cfg(test)]
pub(crate) async fn spawn(
    handler: impl Fn(&str) -> Answer + Send + Sync + 'static,
    stop: CancellationToken,
) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(accept(listener, handler, stop));
    address
}
