//! Turns pinned sources into a running single-node Kubernetes, and takes it away again.
//!
//! [`up`] builds parts from `hub/parts.yaml` into a cache, starts the components under a supervisor of their own,
//! and installs the add-ons of `hub/images.yaml` and `hub/manifests/`. [`down`] takes it all away.
//! The library never prints: it tells a [`Reporter`] what it does.

mod build;
mod cgroup;
pub mod chart;
mod check;
mod cluster;
mod command;
mod config;
mod containerd;
mod event;
mod files;
mod hub;
mod image;
mod launch;
mod layout;
mod listeners;
mod mounts;
mod net;
mod parts;
mod pki;
mod purge;
mod registry;
mod settings;
mod site;
mod status;
mod supervisor;
mod unit;

use std::{collections::BTreeMap, path::PathBuf};

use ::base64::{Engine, prelude::BASE64_STANDARD};

/// What a node inside of a pod is made of: the same as the hub's, put together by `testbed-node`.
pub mod inner {
    pub use crate::{
        cgroup::{Cgroups, Limits},
        cluster::{Applier, ClusterError, Manifests, client, substitute},
        config::{Machine, files, units},
        containerd::{Containerd, ImportError},
        files::FileError,
        net::{NetError, create_inside as create_network, route},
        parts::Built,
        pki::{Pki, PkiError},
        site::{INDEX_LABEL, Inner, Role, Site, node_cidr},
        supervisor::Keeper,
    };
}

pub use crate::{
    cgroup::Cgroups,
    cluster::{Applier, ClusterError},
    event::{Event, Reporter, Step},
    files::FileError,
    hub::{HubError, PartRecord, Record, Up, Wishes, clean, down, up},
    image::{ImageError, Images},
    launch::{LaunchError, launch},
    layout::{Layout, REGISTRY, RootNotFound},
    listeners::{Owned, outside as listeners_outside},
    parts::{Parts, PartsError},
    pki::{PkiError, WebhookPair, webhook_pair},
    registry::path as image_path,
    settings::{Settings, change_settings, settings},
    status::{Component, HubStatus, StatusError, status},
    supervisor::{SupervisorError, supervise},
};

/// The administrator's kubeconfig, if the hub runs.
#[must_use]
pub fn kubeconfig() -> Option<PathBuf> {
    let layout = Layout::without_root();
    let path = layout.kubeconfig();
    (supervisor::running(&layout).is_some() && path.is_file()).then_some(path)
}

/// A secret word nobody can guess: 40 hexadecimal digits.
///
/// # Errors
/// If the machine has no randomness.
pub fn random_word() -> Result<String, FileError> {
    Ok(files::hex(&files::random::<20>()?))
}

/// Text in base64.
#[must_use]
pub fn base64(text: impl AsRef<[u8]>) -> String {
    BASE64_STANDARD.encode(text)
}

/// Text from base64, if that is what it is.
#[must_use]
pub fn from_base64(text: &str) -> Option<String> {
    String::from_utf8(BASE64_STANDARD.decode(text).ok()?).ok()
}

/// References of the images in the hub's containerd, by their names in `hub/images.yaml`; empty before the first
/// `up` is complete.
#[must_use]
pub fn images() -> BTreeMap<String, String> {
    Record::read(&Layout::without_root()).map(|record| record.images).unwrap_or_default()
}
