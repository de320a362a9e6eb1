//! `pause`, `resume`, `abort` and `delete`: how a run goes on, or does not.

use super::{RunName, RunNameAndCluster, complete_runs, output};
use crate::error::Failure;
use crate::ops::connect::{ClusterArguments, connect, connect_to};
use crate::ops::follow::{self, Change};
use crate::ops::tutorial::Store;
use crate::ops::{explain, runs};
use anyhow::Result;
use clap::Args;
use clap_complete::ArgValueCandidates;
use futures::{Stream, StreamExt};
use kube::ResourceExt;
use std::process::ExitCode;
use std::time::Duration;
use testbed_api::Experiment;
use testbed_core::certificate;
use tokio::time::timeout;

/// What a deletion waits for is said once it has not changed for so long.
const LASTS: Duration = Duration::from_secs(5);

/// Pauses or resumes a run.
pub(crate) async fn pause(arguments: &RunNameAndCluster, paused: bool) -> Result<ExitCode> {
    let (client, run) = with_trials(arguments).await?;
    runs::set(&client, &run, "paused", paused).await?;
    let name = run.name_any();
    if paused {
        anstream::println!("{name} begins no further trial; `testbed resume {name}` lets it go on");
    } else {
        anstream::println!("{name} goes on; `testbed watch {name}` follows it");
    }
    Ok(ExitCode::SUCCESS)
}

/// Ends the trials of a run.
pub(crate) async fn abort(arguments: &RunNameAndCluster) -> Result<ExitCode> {
    let (client, run) = with_trials(arguments).await?;
    runs::set(&client, &run, "aborted", true).await?;
    let name = run.name_any();
    anstream::println!("{name} ends with what is measured; `testbed watch {name}` follows it");
    Ok(ExitCode::SUCCESS)
}

async fn with_trials(arguments: &RunNameAndCluster) -> Result<(kube::Client, Experiment)> {
    let client = connect(&arguments.cluster).await?;
    let run = runs::find(&client, &arguments.cluster.namespace, &arguments.name.run).await?;
    if run.spec.trials.is_none() {
        let name = run.name_any();
        return Err(Failure::usage(format!("{name} has no trials to pause or to end"))
            .hint(format!("`testbed delete {name}` ends it"))
            .into());
    }
    Ok((client, run))
}

#[derive(Args)]
pub(crate) struct DeleteArgs {
    /// Names of runs
    #[command(flatten)]
    first: RunName,
    /// Further names
    #[arg(add = ArgValueCandidates::new(complete_runs))]
    others: Vec<String>,
    /// Keep the stored results
    #[arg(long)]
    keep_results: bool,
    /// Return at once instead of waiting until nothing is left
    #[arg(long)]
    no_wait: bool,
    #[command(flatten)]
    cluster: ClusterArguments,
}

/// Waits until a run is gone; says what it waits for where that lasts, and what it had to leave behind.
async fn gone(changes: &mut (impl Stream<Item = Result<Change>> + Unpin)) -> Result<()> {
    let (mut last, mut said) = (None, String::new());
    loop {
        match timeout(LASTS, changes.next()).await {
            Ok(Some(change)) => {
                if let Change::Written(run) = change? {
                    last = Some(run);
                }
            }
            Ok(None) => break,
            Err(_) => {
                let waits = last.as_deref().and_then(explain::waits_for);
                let message = waits.map(|condition| condition.message.clone()).unwrap_or_default();
                if !message.is_empty() && message != said {
                    anstream::eprintln!("{}", output::plain(&message));
                    said = message;
                }
            }
        }
    }
    let status = last.and_then(|run| run.status);
    if let Some(status) = status.filter(|status| !certificate::left_behind(status).is_empty()) {
        anstream::eprintln!("{}", output::plain(&certificate::remains(&status, "it")));
    }
    Ok(())
}

/// Deletes runs and waits until nothing is left of them.
pub(crate) async fn delete(arguments: &DeleteArgs) -> Result<ExitCode> {
    let cluster = &arguments.cluster;
    let (client, server) = connect_to(cluster).await?;
    for name in std::iter::once(&arguments.first.run).chain(&arguments.others) {
        // Only the exact name: an experiment's name must not delete its newest run by surprise.
        let run = runs::find(&client, &cluster.namespace, name).await?;
        let found = run.name_any();
        if found != *name {
            return Err(Failure::usage(format!("no run is named `{name}`"))
                .hint(format!("did you mean `{found}`?"))
                .into());
        }
        let mut changes = follow::follow_until_gone(&client, &run);
        runs::delete(&client, &run, arguments.keep_results).await?;
        if !arguments.no_wait {
            gone(&mut changes).await?;
        }
        // A way into clusters that are going; a machine without a place for such files has none.
        if let Ok(store) = Store::new(server.clone()) {
            store.forget(&run)?;
        }
        anstream::println!("{found} {}", if arguments.no_wait { "is being deleted" } else { "is deleted" });
    }
    Ok(ExitCode::SUCCESS)
}
