//! A mount namespace of the hub's own.
//!
//! containerd, kubelet and everything below them make hundreds of mounts, and use fixed folders
//! (`/run/containerd`, `/var/lib/cni`, `/var/lib/kubelet`, `/var/log/containers`) that a Docker on the same machine
//! may use too. In a namespace of their own they see their own folders there, the machine's mount table stays
//! clean, and when the namespace ends every mount is gone at once.

use std::{
    fs,
    path::{Path, PathBuf},
};

use crate::{
    command::{self, CommandError},
    files::{self, FileError},
    layout::Layout,
};

/// The mount namespace could not be made or removed.
#[derive(Debug, thiserror::Error)]
pub enum MountsError {
    /// A file could not be read or written.
    #[error(transparent)]
    File(#[from] FileError),
    /// A program failed.
    #[error(transparent)]
    Command(#[from] CommandError),
}

/// Fixed folders of the components, and what they see there instead.
fn private_folders(layout: &Layout) -> [(PathBuf, PathBuf); 4] {
    [
        ("/run/containerd".into(), layout.containerd_run()),
        ("/var/lib/cni".into(), layout.data().join("cni")),
        ("/var/lib/kubelet".into(), layout.data().join("kubelet")),
        // Not below the folder of pod logs: the kubelet removes from there what is no pod.
        ("/var/log/containers".into(), layout.data().join("container-logs")),
    ]
}

/// Whether the namespace is there.
#[must_use]
pub fn exist(layout: &Layout) -> bool {
    // The file is an ordinary one, on the same device as its folder's parent, until a namespace is bound to it.
    let text = fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
    mount_points_below(&text, &layout.mounts()).next().is_some()
}

/// Makes the namespace, unless it is there.
///
/// # Errors
/// If a folder or a mount cannot be made.
pub async fn create(layout: &Layout) -> Result<(), MountsError> {
    if exist(layout) {
        return Ok(());
    }
    let file = layout.mounts();
    let folder = file.parent().unwrap_or(&file);
    files::create_dir(folder)?;
    fs::write(&file, "").map_err(files::at("create", &file))?;
    // A namespace can only be bound below a private mount, else it would have to hold itself.
    command::run("mount", &["--bind", path(folder), path(folder)]).await?;
    command::run("mount", &["--make-private", path(folder)]).await?;
    // Slave: what the machine mounts later is seen inside, and nothing of ours is seen outside.
    let namespace = format!("--mount={}", file.display());
    command::run("unshare", &[&namespace, "--propagation", "slave", "--", "mount", "--make-rshared", "/"])
        .await?;
    for (public, private) in private_folders(layout) {
        files::create_dir(&private)?;
        // An empty folder is left in the machine's tree as a place to mount on; purge removes it.
        fs::create_dir_all(&public).map_err(files::at("create", &public))?;
        command::run("nsenter", &[&namespace, "--", "mount", "--bind", path(&private), path(&public)])
            .await?;
    }
    Ok(())
}

/// Ends the namespace and with it every mount inside, once its last process is gone.
///
/// # Errors
/// If a mount cannot be removed.
pub async fn remove(layout: &Layout) -> Result<(), MountsError> {
    // What is mounted inside is never seen outside: there is only where the namespace hangs. The folders of the hub, or
    // what is in them, may be mounts of the user's own.
    let file = layout.mounts();
    let folder = file.parent().unwrap_or(&file);
    for _ in 0..8 {
        let text = fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
        let mut points: Vec<_> = mount_points_below(&text, folder).collect();
        if points.is_empty() {
            break;
        }
        points.sort();
        for point in points.iter().rev() {
            command::run("umount", &["--lazy", point]).await?;
        }
    }
    files::remove_all(folder)?;
    Ok(())
}

/// Removes the empty folders that were left as places to mount on.
pub fn remove_places(layout: &Layout) {
    for (public, _) in private_folders(layout) {
        // Only an empty folder goes: another program may have put something there since.
        let _ = fs::remove_dir(public);
    }
}

/// Mount points at or below `folder`, in the order of the table.
fn mount_points_below<'a>(mountinfo: &'a str, folder: &'a Path) -> impl Iterator<Item = String> + 'a {
    mountinfo
        .lines()
        .filter_map(|line| line.split(' ').nth(4))
        .map(|point| point.replace("\\040", " "))
        .filter(move |point| Path::new(point).starts_with(folder))
}

fn path(path: &Path) -> &str {
    path.to_str().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mount_points_are_found_by_whole_path_components() {
        let table = "1 0 0:1 / / rw - ext4 /dev/vda rw\n\
                     2 1 0:2 / /run/testbed/mounts rw - tmpfs t rw\n\
                     3 1 0:3 / /run/testbed-other rw - tmpfs t rw\n";
        let found: Vec<_> = mount_points_below(table, Path::new("/run/testbed")).collect();
        assert_eq!(found, ["/run/testbed/mounts"]);
    }
}
