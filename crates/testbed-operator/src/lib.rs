//! The operator: observes the world of each Experiment, asks `testbed-core` what to do, does it, and records the facts.
//!
//! A library, so that the same code runs in the real world (`main.rs`) and in a simulated one (`testbed-sim`).

pub mod admission;
mod answers;
mod apply;
mod bundle;
mod certify;
mod changes;
mod clients;
pub mod connection;
mod controller;
pub mod delivered;
mod ended;
pub mod fence;
pub mod ingest;
pub mod lease;
mod observe;
pub mod outside;
mod pass;
mod pool;
mod prometheus;
mod report;
pub mod results;
pub mod sweeper;
mod targets;

use anyhow::{Context, Result};
pub use clients::{Addresses, Clients, Settings};
use fence::Fence;
use object_store::ObjectStore;
use outside::{Clock, Http, Network, Outside};
use pass::Driver;
use std::sync::Arc;
use tokio::sync::watch;

/// Returns the real world, in which every write goes through this fence.
///
/// # Errors
/// If a client cannot be made; nothing is contacted.
pub fn real(kube: kube::Config, fence: &Fence, results: &results::Settings) -> Result<Outside> {
    let to_targets = fence.clone();
    let clock = Clock::system();
    Ok(Outside {
        kube: fence.client(kube, &clock)?,
        connect: Arc::new(move |config, clock| Ok(to_targets.guard(targets::client(config)?, Some(clock)))),
        http: Arc::new(Network::new()?) as Arc<dyn Http>,
        store: Arc::new(results.client()?) as Arc<dyn ObjectStore>,
        clock,
    })
}

/// Drives Experiments, keeps the pool of warm clusters and sweeps orphans, until stopped.
///
/// # Errors
/// If a controller ends by itself.
pub async fn control(
    clients: Arc<Clients>,
    concurrency: u16,
    sweep: sweeper::Mode,
    stopped: watch::Receiver<bool>,
) -> Result<()> {
    let woken = clients.woken().context("the controllers run already")?;
    let driver = Arc::new(Driver::new(clients.clone()));
    let control = controller::run(clients.clone(), driver.clone(), woken, concurrency, stopped.clone());
    let ended = ended::run(clients.clone(), driver, concurrency, stopped.clone());
    let pool = pool::run(clients.clone(), stopped.clone());
    let sweeper = sweeper::run(clients, sweep, stopped);
    tokio::try_join!(control, ended, pool, sweeper)?;
    Ok(())
}
