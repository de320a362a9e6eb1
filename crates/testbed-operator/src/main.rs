//! The operator's program: settings from flags and environment, and an end when it is asked to end.

use anyhow::{Context, Result};
use clap::Parser;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use testbed_operator::fence::Fence;
use testbed_operator::{
    Addresses, Clients, Settings, admission, control, delivered, ingest, lease, real, results, sweeper,
};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;
use tracing_subscriber::EnvFilter;

/// What else the binary is, said by `--help`.
const OTHERS: &str = "It is more than the operator (each has a --help):
  testbed-operator ingest      the gateway for metrics of runs
  testbed-operator delivered   a probe beside an agent in a target";

/// Drives Experiments from creation to a stored result and an empty hub.
#[derive(Parser)]
#[command(version, after_help = OTHERS)]
struct Arguments {
    /// Address of health checks
    #[arg(long, env = "HEALTH_ADDRESS", default_value = "0.0.0.0:8080")]
    health_address: SocketAddr,
    /// Address of the admission webhook
    #[arg(long, env = "WEBHOOK_ADDRESS", default_value = "0.0.0.0:9443")]
    webhook_address: SocketAddr,
    /// Folder with `tls.crt` and `tls.key` of the webhook; without it admission is not served
    #[arg(long, env = "WEBHOOK_CERT_DIR")]
    webhook_certificates: Option<PathBuf>,
    #[command(flatten)]
    addresses: Addresses,
    #[command(flatten)]
    results: results::Settings,
    #[command(flatten)]
    hub: Settings,
    #[command(flatten)]
    lease: lease::Settings,
    /// What becomes of objects of runs that are no more
    #[arg(long, env = "SWEEP", value_enum, default_value_t = sweeper::Mode::On)]
    sweep: sweeper::Mode,
    /// Experiments worked on at once
    #[arg(long, env = "CONCURRENCY", default_value_t = 16)]
    concurrency: u16,
}

/// What the binary is when its first argument says so. A subcommand of [`Arguments`] would be asked for all that only
/// the operator needs.
#[derive(Parser)]
#[command(version)]
enum Other {
    /// Takes metrics of runs from agents in other clusters, and writes them to the hub's store
    Ingest(ingest::Settings),
    /// Answers whether the agent beside it has delivered
    Delivered(delivered::Settings),
}

#[tokio::main]
async fn main() -> Result<()> {
    tracing_subscriber::fmt()
        .json()
        .with_env_filter(
            EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info,kube_client=warn")),
        )
        .init();
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let (stop, stopped) = watch::channel(false);
    tokio::spawn(async move {
        terminated().await;
        tracing::info!("stopping");
        stop.send_replace(true);
    });
    if std::env::args_os().nth(1).is_some_and(|word| word == "ingest" || word == "delivered") {
        return match Other::parse() {
            Other::Ingest(settings) => ingest::run(settings, stopped).await,
            Other::Delivered(settings) => delivered::run(settings, stopped).await,
        };
    }
    let arguments = Arguments::parse();
    let config = kube::Config::infer().await.context("failed to find the API server")?;
    let election = lease::Election::new(lease::client(config.clone())?, &arguments.lease);
    let outside = real(config, &Fence::new(election.tenure()), &arguments.results)?;
    let bucket = arguments.results.bucket();
    let context = Arc::new(Clients::new(outside, &arguments.addresses, bucket, arguments.hub));
    let admission = admission::serve(
        context.clone(),
        arguments.health_address,
        arguments.webhook_certificates.map(|folder| (arguments.webhook_address, folder)),
        stopped.clone(),
    );
    // Admission is served by every operator, the rest is done by the one that leads.
    let work = control(context, arguments.concurrency, arguments.sweep, stopped.clone());
    let lead = election.lead(stopped, work);
    tokio::try_join!(admission, lead)?;
    Ok(())
}

/// Returns when the process is asked to end.
async fn terminated() {
    let (Ok(mut terminate), Ok(mut interrupt)) =
        (signal(SignalKind::terminate()), signal(SignalKind::interrupt()))
    else {
        return std::future::pending().await;
    };
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
}
