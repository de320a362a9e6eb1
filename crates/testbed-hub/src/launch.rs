//! The last step before a component: a process that puts itself in place and then becomes the component.

use std::{
    ffi::OsString,
    os::unix::process::CommandExt,
    path::{Path, PathBuf},
    process::Command,
};

use crate::{cgroup::Cgroups, files::FileError};

/// A component could not be started.
#[derive(Debug, thiserror::Error)]
pub enum LaunchError {
    /// Its cgroup cannot be entered.
    #[error(transparent)]
    Cgroup(#[from] FileError),
    /// It cannot be executed.
    #[error("cannot execute `{}`", program.display())]
    Exec {
        /// The program.
        program: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
}

/// Enters the cgroup `/testbed/<name>` and, if asked, the mount namespace, and becomes `command`.
/// Being in the group before the first instruction of the component, nothing it starts can be outside.
///
/// # Errors
/// Returns only if it fails.
pub fn launch(cgroup: &str, namespace: Option<&Path>, command: &[OsString]) -> Result<(), LaunchError> {
    let cgroups = Cgroups::find()?;
    cgroups.create(cgroup)?;
    cgroups.enter(cgroup, std::process::id())?;
    let (program, args) =
        command.split_first().map_or((OsString::new(), &[][..]), |(first, rest)| (first.clone(), rest));
    let mut next = match namespace {
        Some(namespace) => {
            let mut enter = Command::new("nsenter");
            let mut mount = OsString::from("--mount=");
            mount.push(namespace);
            enter.arg(mount).arg("--").arg(&program);
            enter
        }
        None => Command::new(&program),
    };
    let source = next.args(args).current_dir("/").exec();
    Err(LaunchError::Exec { program: program.into(), source })
}
