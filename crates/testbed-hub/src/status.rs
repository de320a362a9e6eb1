//! What a running hub looks like.

use serde::Serialize;

use crate::{
    cgroup::Cgroups,
    check::{self, Problems},
    cluster::{self, ClusterError},
    files::FileError,
    hub::Record,
    layout::Layout,
    settings::{self, Settings},
    supervisor,
    unit::State,
};

/// The hub could not be looked at.
#[derive(Debug, thiserror::Error)]
pub enum StatusError {
    /// We may not look.
    #[error(transparent)]
    Problems(#[from] Problems),
    /// Cgroups cannot be read.
    #[error(transparent)]
    File(#[from] FileError),
}

/// The whole hub.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct HubStatus {
    /// `Ready`, `Degraded` or `Stopped`.
    pub state: &'static str,
    /// Base URL of the API server, while it runs.
    pub api_server: Option<String>,
    /// The administrator's kubeconfig.
    pub kubeconfig: std::path::PathBuf,
    /// Memory of everything in the hub's cgroup, experiments included, in bytes.
    pub memory_bytes: Option<u64>,
    /// Settings, while it runs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub settings: Option<Settings>,
    /// Images that are made on demand, and were not.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub left_out: Vec<String>,
    /// Processes and add-ons.
    pub components: Vec<Component>,
}

/// A process the supervisor runs, or a pod of an add-on.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Component {
    /// `process`, or the namespace of the pod.
    pub kind: String,
    /// Name.
    pub name: String,
    /// Version of the part it comes from, if known.
    pub version: Option<String>,
    /// State in one word.
    pub state: String,
    /// How often it was started again.
    pub restarts: i64,
    /// Memory it needs, in bytes.
    pub memory_bytes: Option<u64>,
}

/// Looks at the hub. A stopped hub is no error.
///
/// # Errors
/// If this is not root, or cgroups cannot be read.
pub async fn status(layout: &Layout) -> Result<HubStatus, StatusError> {
    check::privileges()?;
    let cgroups = Cgroups::find()?;
    let record = Record::read(layout);
    let mut hub = HubStatus {
        state: "Stopped",
        api_server: None,
        kubeconfig: layout.kubeconfig(),
        memory_bytes: cgroups.memory(""),
        settings: None,
        left_out: Vec::new(),
        components: Vec::new(),
    };
    let Some(pid) = supervisor::running(layout) else {
        if !cgroups.processes("").is_empty() {
            hub.state = "Degraded";
            hub.components.push(component("supervisor", "Killed", &cgroups, None));
        }
        return Ok(hub);
    };
    hub.left_out = record.as_ref().map(|record| record.left_out.clone()).unwrap_or_default();
    let known = supervisor::read_status(layout).filter(|status| status.supervisor == pid).unwrap_or_default();
    hub.components.push(component("supervisor", "Ready", &cgroups, Some(env!("CARGO_PKG_VERSION").into())));
    for (name, unit) in &known.units {
        let part = crate::config::needs(name).first().copied().unwrap_or_default();
        let version = record.as_ref().and_then(|record| Some(record.parts.get(part)?.version.clone()));
        let mut process = component(name, unit.state.word(), &cgroups, version);
        process.restarts = unit.restarts.into();
        hub.components.push(process);
    }
    if known.units.get("kube-apiserver").is_some_and(|unit| unit.state == State::Ready) {
        hub.api_server = Some(crate::config::API_SERVER.into());
        match pods(layout, &cgroups).await {
            Ok((pods, settings)) => {
                hub.components.extend(pods);
                hub.settings = Some(settings);
            }
            Err(error) => {
                hub.components.push(component("add-ons", &format!("Unknown: {error}"), &cgroups, None))
            }
        }
    }
    let all_ready = hub.components.iter().all(|component| component.state == "Ready");
    hub.state = if all_ready { "Ready" } else { "Degraded" };
    Ok(hub)
}

fn component(name: &str, state: &str, cgroups: &Cgroups, version: Option<String>) -> Component {
    Component {
        kind: "process".into(),
        name: name.into(),
        version,
        state: state.into(),
        restarts: 0,
        memory_bytes: cgroups.memory(name),
    }
}

/// Pods of the add-ons, and the settings: what only the API server knows.
async fn pods(layout: &Layout, cgroups: &Cgroups) -> Result<(Vec<Component>, Settings), ClusterError> {
    let client = cluster::client(&layout.kubeconfig()).await?;
    let pods = cluster::addon_pods(&client, &cgroups.running_containers()).await?;
    let settings = settings::read(&client).await?;
    let pods = pods
        .into_iter()
        .map(|pod| {
            // Pods of the class `guaranteed` are directly below, the others in a group per class.
            let class = if pod.class == "guaranteed" { String::new() } else { format!("{}/", pod.class) };
            Component {
                kind: pod.namespace,
                version: None,
                name: pod.name,
                state: if pod.ready { "Ready" } else { "NotReady" }.into(),
                restarts: pod.restarts.into(),
                memory_bytes: cgroups.memory(&format!("kubepods/{class}pod{}", pod.uid)),
            }
        })
        .collect();
    Ok((pods, settings))
}
