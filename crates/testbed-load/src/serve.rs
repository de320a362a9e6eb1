//! The smallest subject there is: a page, a health check and a counter.

use crate::server::{self, Answer};
use hyper::StatusCode;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use tokio_util::sync::CancellationToken;

/// Serve a page, as the smallest subject there is
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Address to listen on
    #[arg(long, default_value = "0.0.0.0:8080")]
    listen: SocketAddr,
    /// Text of the page
    #[arg(long, default_value = "Hello from testbed")]
    text: String,
}

pub(crate) async fn main(args: Args, stop: CancellationToken) -> anyhow::Result<()> {
    server::run(args.listen, pages(args.text), stop).await
}

/// Returns what answers: `/metrics` and `/healthz` are not counted, they are not load.
fn pages(text: String) -> impl Fn(&str) -> Answer {
    let page = format!("{text}\n");
    let pages_served = AtomicU64::new(0);
    let not_found = AtomicU64::new(0);
    move |path| match path {
        "/" => {
            pages_served.fetch_add(1, Ordering::Relaxed);
            server::text(StatusCode::OK, page.clone())
        }
        "/healthz" => server::text(StatusCode::OK, "ok\n"),
        "/metrics" => server::metrics(format!(
            "# HELP hello_requests_total Requests answered, by status.\n\
             # TYPE hello_requests_total counter\n\
             hello_requests_total{{status=\"200\"}} {}\n\
             hello_requests_total{{status=\"404\"}} {}\n",
            pages_served.load(Ordering::Relaxed),
            not_found.load(Ordering::Relaxed),
        )),
        _ => {
            not_found.fetch_add(1, Ordering::Relaxed);
            server::text(StatusCode::NOT_FOUND, "not found\n")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client;
    use std::time::Duration;

    #[tokio::test]
    async fn the_page_is_served_and_counted() {
        let stop = CancellationToken::new();
        let address = server::spawn(pages("hello".into()), stop.clone()).await;
        let get = async |path: &str| {
            let url = format!("http://{address}{path}").parse().unwrap();
            let (status, body) = client::get(&url, Duration::from_secs(5)).await.unwrap();
            (status.as_u16(), String::from_utf8(body.to_vec()).unwrap())
        };
        assert_eq!(get("/").await, (200, "hello\n".into()));
        assert_eq!(get("/healthz").await, (200, "ok\n".into()));
        assert_eq!(get("/absent").await.0, 404);
        let (_, metrics) = get("/metrics").await;
        assert!(metrics.contains("hello_requests_total{status=\"200\"} 1\n"), "{metrics}");
        assert!(metrics.contains("hello_requests_total{status=\"404\"} 1\n"), "{metrics}");
        stop.cancel();
    }
}
