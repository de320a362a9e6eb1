//! `pause`, `resume`, `abort` and `delete`: how a run goes on, or does not.

use super::{RunName, RunNameAndCluster};
use crate::error::Failure;
use crate::ops::connect::{ClusterArguments, connect, connect_to};
use crate::ops::tutorial::Store;
use crate::ops::{follow, runs};
use anyhow::Result;
use clap::Args;
use futures::StreamExt;
use kube::ResourceExt;
use std::process::ExitCode;
use testbed_api::Experiment;

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
            while changes.next().await.transpose()?.is_some() {}
        }
        // A way into clusters that are going; a machine without a place for such files has none.
        if let Ok(store) = Store::new(server.clone()) {
            store.forget(&run)?;
        }
        anstream::println!("{found} {}", if arguments.no_wait { "is being deleted" } else { "is deleted" });
    }
    Ok(ExitCode::SUCCESS)
}
