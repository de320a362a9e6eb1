//! The little HTTP client behind `push`, `arrived` and `wait`: one connection for one exchange.

use crate::url::Url;
use anyhow::Context;
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1;
use hyper::header::{CONTENT_TYPE, HOST};
use hyper::{Method, Request, StatusCode};
use hyper_util::rt::TokioIo;
use jiff::Timestamp;
use std::time::Duration;
use tokio::net::TcpStream;

/// What is sent with a POST.
pub(crate) struct Content {
    pub(crate) kind: &'static str,
    pub(crate) body: String,
}

/// Returns status and body of a GET.
pub(crate) async fn get(url: &Url, limit: Duration) -> anyhow::Result<(StatusCode, Bytes)> {
    exchange(Method::GET, url, None, limit).await
}

/// Returns status and body of a POST.
pub(crate) async fn post(
    url: &Url,
    content: Content,
    limit: Duration,
) -> anyhow::Result<(StatusCode, Bytes)> {
    exchange(Method::POST, url, Some(content), limit).await
}

async fn exchange(
    method: Method,
    url: &Url,
    content: Option<Content>,
    limit: Duration,
) -> anyhow::Result<(StatusCode, Bytes)> {
    let mut request =
        Request::builder().method(method).uri(url.path_at(Timestamp::now())).header(HOST, url.authority());
    if let Some(content) = &content {
        request = request.header(CONTENT_TYPE, content.kind);
    }
    let body = content.map(|content| Bytes::from(content.body)).unwrap_or_default();
    let request = request.body(Full::new(body)).context("failed to write the request")?;
    let answer = async {
        let stream = TcpStream::connect(url.address()).await.context("failed to connect")?;
        let (mut sender, connection) =
            http1::handshake(TokioIo::new(stream)).await.context("failed to open HTTP")?;
        let connection = tokio::spawn(connection);
        let response = sender.send_request(request).await.context("failed to send the request")?;
        let status = response.status();
        let body = response.into_body().collect().await.context("failed to read the answer")?.to_bytes();
        connection.abort();
        Ok((status, body))
    };
    match tokio::time::timeout(limit, answer).await {
        Ok(answer) => answer,
        Err(_) => anyhow::bail!("no answer within {limit:?}"),
    }
}
