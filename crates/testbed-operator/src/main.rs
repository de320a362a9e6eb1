//! The operator: observes the world of each Experiment, asks `testbed-core` what to do, does it, and records the facts.

mod admission;
mod apply;
mod bundle;
mod clients;
mod controller;
mod observe;
mod pool;
mod prometheus;
mod report;
mod results;
mod targets;

use anyhow::{Context, Result};
use clap::Parser;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;
use tracing_subscriber::EnvFilter;

/// Drives Experiments from creation to a stored result and an empty hub.
#[derive(Parser)]
#[command(version)]
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
    /// Metrics store of the hub
    #[arg(long, env = "METRICS_URL", default_value = "http://victoria-metrics.observability.svc:8428")]
    metrics_url: String,
    /// Registry of the hub, whose artifacts are taken into bundles
    #[arg(long, env = "REGISTRY", default_value = "registry.registry.svc.cluster.local:5000")]
    registry: String,
    #[command(flatten)]
    results: results::Settings,
    #[command(flatten)]
    hub: clients::Settings,
    /// Experiments worked on at once
    #[arg(long, env = "CONCURRENCY", default_value_t = 16)]
    concurrency: u16,
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
    let arguments = Arguments::parse();
    let client = kube::Client::try_default().await.context("failed to find the API server")?;
    let (targets, woken) = targets::Targets::new();
    let context = Arc::new(clients::Clients::new(
        client,
        &arguments.metrics_url,
        &arguments.registry,
        &arguments.results,
        targets,
        arguments.hub,
    )?);

    let (stop, stopped) = watch::channel(false);
    tokio::spawn(async move {
        terminated().await;
        tracing::info!("stopping");
        stop.send_replace(true);
    });
    let admission = admission::serve(
        context.clone(),
        arguments.health_address,
        arguments.webhook_certificates.map(|folder| (arguments.webhook_address, folder)),
        stopped.clone(),
    );
    let control = controller::run(context.clone(), woken, arguments.concurrency, stopped.clone());
    let pool = pool::run(context.clone(), stopped.clone());
    tokio::try_join!(admission, control, pool)?;
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
