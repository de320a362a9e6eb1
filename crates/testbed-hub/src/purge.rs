//! Takes a hub away: on any state, half made or half gone, and as often as one likes.

use std::{path::PathBuf, time::Duration};

use tokio::time::sleep;

use crate::{
    cgroup::Cgroups,
    event::Reporter,
    files::{self, FileError},
    layout::Layout,
    mounts::{self, MountsError},
    net::{self, NetError},
    supervisor,
};

/// How long an orderly stop may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// The hub could not be taken away.
#[derive(Debug, thiserror::Error)]
pub enum PurgeError {
    /// A file could not be removed.
    #[error(transparent)]
    File(#[from] FileError),
    /// A mount could not be removed.
    #[error(transparent)]
    Mounts(#[from] MountsError),
    /// The network could not be removed.
    #[error(transparent)]
    Net(#[from] NetError),
    /// Something does not go away.
    #[error("these control groups cannot be removed: {}\n\nhint: their processes do not end; look at them with `ps`", shown(.0))]
    Cgroups(Vec<PathBuf>),
}

fn shown(paths: &[PathBuf]) -> String {
    paths.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(", ")
}

/// Stops every process of the hub and removes its mounts, network and cgroups. State and cache stay.
///
/// # Errors
/// If something cannot be removed.
pub async fn stop(layout: &Layout, reporter: &Reporter) -> Result<(), PurgeError> {
    let step = reporter.start("stop", "stopping the hub");
    let orderly = supervisor::stop(layout, PATIENCE).await;
    let cgroups = Cgroups::find()?;
    // What an orderly stop left, or all of it if there was no supervisor: in the same order.
    let last = ["containerd", "supervisor"];
    let mut groups: Vec<String> = ["kubelet", "kubepods"].map(Into::into).into();
    groups.extend(cgroups.groups().into_iter().filter(|group| !last.contains(&group.as_str())));
    groups.extend(last.map(Into::into));
    for group in groups {
        supervisor::end_group(&cgroups, &group, Duration::from_secs(5)).await;
    }
    mounts::remove(layout).await?;
    net::remove().await?;
    remove_cgroups(&cgroups).await?;
    files::remove_entries(&layout.run, &Layout::RUNNING)?;
    step.done(if orderly {
        "the hub is stopped"
    } else {
        "the hub is stopped, after it did not stop by itself"
    });
    Ok(())
}

/// Removes what a stopped hub leaves: kernel settings, places to mount on, state. The cache stays.
///
/// # Errors
/// If a file cannot be removed.
pub fn purge(layout: &Layout, reporter: &Reporter) -> Result<(), PurgeError> {
    let step = reporter.start("purge", "removing the hub's state");
    net::restore_settings(layout);
    mounts::remove_places(layout);
    files::remove_entries(&layout.state, &Layout::KEPT)?;
    step.done(format!("nothing is left of the hub but its cache, `{}`", layout.cache.display()));
    Ok(())
}

async fn remove_cgroups(cgroups: &Cgroups) -> Result<(), PurgeError> {
    let mut left = Vec::new();
    // The kernel needs moments to let go of a process that was killed.
    for _ in 0..100 {
        left = cgroups.remove("");
        if left.is_empty() {
            return Ok(());
        }
        sleep(Duration::from_millis(30)).await;
    }
    Err(PurgeError::Cgroups(left))
}
