//! The composition function, as Crossplane runs it: one gRPC service over mutual TLS.

use std::{net::SocketAddr, path::PathBuf};

use anyhow::{Context, Result, bail};
use clap::Parser;
use testbed_function::server;
use tokio::{
    net::TcpListener,
    signal::unix::{SignalKind, signal},
};
use tracing_subscriber::EnvFilter;

/// Says what an ExperimentCluster is made of.
#[derive(Parser)]
#[command(version)]
struct Arguments {
    /// Address it listens on
    #[arg(long, env = "ADDRESS", default_value = "0.0.0.0:9443")]
    address: SocketAddr,
    /// Folder with `tls.crt`, `tls.key` and `ca.crt`; Crossplane mounts it
    #[arg(long, env = "TLS_SERVER_CERTS_DIR")]
    certificates: Option<PathBuf>,
    /// Serve whoever asks, without TLS; for tests
    #[arg(long, conflicts_with = "certificates")]
    insecure: bool,
}

#[tokio::main]
async fn main() -> Result<()> {
    tracing_subscriber::fmt()
        .json()
        .with_env_filter(EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info")))
        .init();
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let arguments = Arguments::parse();
    let tls = match (&arguments.certificates, arguments.insecure) {
        (Some(folder), _) => Some(server::mutual_tls(folder)?),
        (None, true) => None,
        // Whoever may call it gets keys: never by accident.
        (None, false) => bail!("no certificates: set TLS_SERVER_CERTS_DIR, or --insecure for a test"),
    };
    let listener = TcpListener::bind(arguments.address)
        .await
        .with_context(|| format!("failed to listen on {}", arguments.address))?;
    let mut terminate = signal(SignalKind::terminate()).context("failed to wait for signals")?;
    tracing::info!(address = %arguments.address, "serving");
    server::serve(listener, tls, async move {
        terminate.recv().await;
    })
    .await?;
    Ok(())
}
