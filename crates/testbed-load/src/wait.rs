//! Waits until a URL answers.

use crate::url::Url;
use crate::{client, duration};
use anyhow::bail;
use std::time::Duration;
use tokio::time::Instant;

/// Shortest and longest pause between two tries. A try costs the subject next to nothing, a late start costs the user.
const PAUSES: (Duration, Duration) = (Duration::from_millis(20), Duration::from_millis(500));
/// One try may not take all the time there is: a connection into nothing never answers.
const TRY: Duration = Duration::from_secs(2);

/// Characters of an answer that are told when it was not a good one.
const LONGEST_QUOTE: usize = 200;

/// Wait until a URL answers
#[derive(clap::Args)]
pub(crate) struct Args {
    /// URL that should answer 2xx
    #[arg(long)]
    url: Url,
    /// Longest wait
    #[arg(long, default_value = "60s", value_parser = duration)]
    timeout: Duration,
}

pub(crate) async fn main(args: Args) -> anyhow::Result<()> {
    let started = Instant::now();
    until_ready(&args.url, "", args.timeout).await?;
    println!("{} answers after {:.3} s", args.url, started.elapsed().as_secs_f64());
    Ok(())
}

/// Returns when the URL answers 2xx and, unless that is empty, without the text that is unwanted; an error names the
/// last reason why it did not.
pub(crate) async fn until_ready(url: &Url, unwanted: &str, timeout: Duration) -> anyhow::Result<()> {
    let deadline = Instant::now() + timeout;
    let mut pause = PAUSES.0;
    loop {
        let reason = match client::get(url, TRY.min(timeout)).await {
            Ok((status, body)) => {
                let body = String::from_utf8_lossy(&body);
                if status.is_success() && (unwanted.is_empty() || !body.contains(unwanted)) {
                    return Ok(());
                }
                let words: String = body.trim().chars().take(LONGEST_QUOTE).collect();
                format!("it answers {status} {words}")
            }
            Err(error) => format!("{error:#}"),
        };
        if Instant::now() + pause >= deadline {
            bail!("{url} is not ready after {timeout:?}: {reason}");
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(PAUSES.1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::server;
    use bytes::Bytes;
    use hyper::StatusCode;
    use std::sync::atomic::{AtomicU32, Ordering};
    use tokio_util::sync::CancellationToken;

    #[tokio::test]
    async fn waiting_ends_as_soon_as_the_url_answers_well() {
        let asked = AtomicU32::new(0);
        let answer = move |_: &str| {
            let status = if asked.fetch_add(1, Ordering::Relaxed) < 3 {
                StatusCode::SERVICE_UNAVAILABLE
            } else {
                StatusCode::NO_CONTENT
            };
            server::answer(status, "text/plain", Bytes::new())
        };
        let address = server::spawn(answer, CancellationToken::new()).await;
        let url = format!("http://{address}/healthz").parse().unwrap();
        let started = Instant::now();
        until_ready(&url, "", Duration::from_secs(10)).await.unwrap();
        // 20 + 40 + 80 ms of pauses
        assert!(started.elapsed() < Duration::from_secs(2));
    }

    #[tokio::test]
    async fn a_quick_answer_without_data_is_waited_through() {
        let asked = AtomicU32::new(0);
        let answer = move |_: &str| {
            let data = if asked.fetch_add(1, Ordering::Relaxed) < 3 { "[]" } else { "[1]" };
            server::text(StatusCode::OK, data)
        };
        let address = server::spawn(answer, CancellationToken::new()).await;
        let url = format!("http://{address}/").parse().unwrap();
        until_ready(&url, "[]", Duration::from_secs(10)).await.unwrap();
        let (_, body) = client::get(&url, TRY).await.unwrap();
        assert_eq!(&body[..], b"[1]");
    }

    #[tokio::test]
    async fn waiting_is_bounded_and_names_the_reason() {
        let answer = |_: &str| server::text(StatusCode::NOT_FOUND, "no such page\n");
        let address = server::spawn(answer, CancellationToken::new()).await;
        let url = format!("http://{address}/").parse().unwrap();
        let error = until_ready(&url, "", Duration::from_millis(200)).await.unwrap_err();
        assert!(error.to_string().ends_with("it answers 404 Not Found no such page"), "{error}");
    }
}
