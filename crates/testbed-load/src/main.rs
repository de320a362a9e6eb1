//! Drives known load at the subjects of experiments and reports what really arrived.
//!
//! One static binary with several jobs: `http` drives open-loop load and measures it, `exporter` and `serve` are
//! subjects with known behaviour, `logs` writes known log lines, `arrived` asks a store what reached it, `wait` waits
//! for a URL.

mod arrived;
mod client;
mod exporter;
mod http;
mod logs;
mod machine;
mod push;
mod report;
mod schedule;
mod serve;
mod server;
mod url;
mod wait;

use anyhow::Context;
use clap::{Parser, Subcommand};
use jiff::SignedDuration;
use std::process::ExitCode;
use std::time::Duration;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

#[derive(Parser)]
#[command(version, about)]
struct Cli {
    #[command(subcommand)]
    job: Job,
}

#[derive(Subcommand)]
enum Job {
    /// Drive open-loop HTTP load and measure it over a window
    Http(http::Args),
    /// Expose a known number of series for a store to scrape
    Exporter(exporter::Args),
    /// Serve a page, as the smallest subject there is
    Serve(serve::Args),
    /// Write known log lines into a store that takes Loki's push requests
    Logs(logs::Args),
    /// Ask a store how many series and samples reached it in a window
    Arrived(arrived::Args),
    /// Wait until a URL answers
    Wait(wait::Args),
}

fn main() -> ExitCode {
    match run(Cli::parse().job) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(job: Job) -> anyhow::Result<()> {
    // Two workers: a generator should not have more of the machine than its subject.
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .context("failed to start the runtime")?;
    let outcome = runtime.block_on(async {
        let stop = stop_on_signal()?;
        match job {
            Job::Http(args) => http::main(args, stop).await,
            Job::Exporter(args) => exporter::main(args, stop).await,
            Job::Serve(args) => serve::main(args, stop).await,
            Job::Logs(args) => logs::main(args, stop).await,
            Job::Arrived(args) => stoppable(stop, arrived::main(args)).await,
            Job::Wait(args) => stoppable(stop, wait::main(args)).await,
        }
    });
    // A name being resolved blocks a thread for as long as the resolver likes.
    runtime.shutdown_background();
    outcome
}

/// Returns a token that SIGTERM or SIGINT cancels. As process 1 of a container there is no default action.
fn stop_on_signal() -> anyhow::Result<CancellationToken> {
    let mut terminate = signal(SignalKind::terminate()).context("failed to listen for SIGTERM")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("failed to listen for SIGINT")?;
    let stop = CancellationToken::new();
    let token = stop.clone();
    tokio::spawn(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        token.cancel();
    });
    Ok(stop)
}

async fn stoppable(
    stop: CancellationToken,
    job: impl Future<Output = anyhow::Result<()>>,
) -> anyhow::Result<()> {
    tokio::select! {
        outcome = job => outcome,
        () = stop.cancelled() => anyhow::bail!("stopped by a signal"),
    }
}

/// Parses `40s`, `2m`, `1m30s`, `500ms`.
fn duration(text: &str) -> Result<Duration, String> {
    text.parse::<SignedDuration>()
        .ok()
        .and_then(|duration| Duration::try_from(duration).ok())
        .ok_or_else(|| format!("`{text}` is not a duration such as 500ms, 40s or 2m"))
}

/// Returns the text unless it is empty: workflows pass an unset parameter as an empty text.
fn given(text: Option<&str>) -> Option<&str> {
    text.filter(|text| !text.is_empty())
}
