//! Tells a cluster whether the agent beside it has delivered: vmagent counts what it did, but answers no probe by it.

use anyhow::{Context, Result};
use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::get;
use clap::Args;
use reqwest::Client;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::watch;

/// How long the agent may take to answer; a probe waits two seconds.
const TIMEOUT: Duration = Duration::from_millis(1500);

/// Settings of the probe.
#[derive(Args)]
pub struct Settings {
    /// Address to answer the probe at
    #[arg(long, default_value = "0.0.0.0:8430")]
    address: SocketAddr,
    /// Metrics of the agent about itself
    #[arg(long, default_value = "http://127.0.0.1:8429/metrics")]
    agent: String,
}

/// Serves until stopped.
pub async fn run(settings: Settings, mut stopped: watch::Receiver<bool>) -> Result<()> {
    let client = Client::builder().timeout(TIMEOUT).build().context("failed to make an HTTP client")?;
    let listener = TcpListener::bind(settings.address)
        .await
        .with_context(|| format!("failed to listen on {}", settings.address))?;
    let router = Router::new().route("/readyz", get(ready)).with_state((client, settings.agent));
    let server = axum::serve(listener, router).with_graceful_shutdown(async move {
        let _ = stopped.wait_for(|stopped| *stopped).await;
    });
    server.await.context("failed to serve")
}

async fn ready(State((client, agent)): State<(Client, String)>) -> (StatusCode, String) {
    let answer = async { client.get(&agent).send().await?.error_for_status()?.text().await };
    let verdict = match answer.await {
        Ok(metrics) => judge(&metrics),
        Err(error) => Err(format!("the agent does not answer: {error}")),
    };
    match verdict {
        Ok(()) => (StatusCode::OK, "ok\n".into()),
        Err(reason) => (StatusCode::SERVICE_UNAVAILABLE, reason + "\n"),
    }
}

/// Returns why the agent has not delivered, by what vmagent counts.
///
/// Every kubelet it knows of must answer, and the hub must have taken a block at some time: that the hub is away now is
/// no fault of the agent, which keeps what it cannot deliver.
fn judge(metrics: &str) -> Result<(), String> {
    let kubelets = |status: &str| {
        let labels = [r#"scrape_job="cadvisor""#.to_owned(), format!(r#"status="{status}""#)];
        sum(metrics, "vm_promscrape_scrape_pool_targets", &labels)
    };
    if kubelets("up") < 1.0 {
        return Err("no kubelet answers".into());
    }
    if kubelets("down") > 0.0 {
        return Err("not every kubelet answers".into());
    }
    if sum(metrics, "vmagent_remotewrite_requests_total", &[r#"status_code="2XX""#.to_owned()]) < 1.0 {
        return Err("nothing is written to the hub yet".into());
    }
    Ok(())
}

/// Returns the sum of the series of a name that bear all the labels.
fn sum(metrics: &str, name: &str, labels: &[String]) -> f64 {
    let values = metrics.lines().filter_map(|line| {
        let (series, value) = line.rsplit_once(' ')?;
        let own = series.strip_prefix(name)?.strip_prefix('{')?;
        labels.iter().all(|label| own.contains(label.as_str())).then(|| value.parse::<f64>().ok())?
    });
    values.sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    fn metrics(up: u32, down: u32, written: u32) -> String {
        format!(
            "vm_promscrape_scrape_pool_targets{{scrape_job=\"cadvisor\", status=\"down\"}} {down}\n\
             vm_promscrape_scrape_pool_targets{{scrape_job=\"cadvisor\", status=\"up\"}} {up}\n\
             vm_promscrape_scrape_pool_targets{{scrape_job=\"pods\", status=\"down\"}} 3\n\
             vmagent_remotewrite_requests_total{{url=\"1:secret-url\", status_code=\"2XX\"}} {written}\n\
             vmagent_remotewrite_requests_total{{url=\"1:secret-url\", status_code=\"409\"}} 7\n"
        )
    }

    #[rstest]
    #[case::nothing_is_known_yet(0, 0, 0, "no kubelet answers")]
    #[case::a_kubelet_refuses(0, 1, 5, "no kubelet answers")]
    #[case::one_of_two_refuses(1, 1, 5, "not every kubelet answers")]
    #[case::the_hub_takes_nothing(2, 0, 0, "nothing is written to the hub yet")]
    fn an_agent_that_has_not_delivered_says_why(
        #[case] up: u32,
        #[case] down: u32,
        #[case] written: u32,
        #[case] why: &str,
    ) {
        assert_eq!(judge(&metrics(up, down, written)), Err(why.to_owned()));
    }

    #[test]
    fn an_agent_that_has_delivered_is_ready_whatever_pods_say() {
        assert_eq!(judge(&metrics(2, 0, 1)), Ok(()));
    }
}
