//! A tutorial in a run: what it still waits for, the files by which a person reaches its clusters, and its steps with
//! the run's own places filled in.

use super::catalog;
use super::explain::waits_for;
use super::follow::is_over;
use super::runs;
use crate::error::Failure;
use anyhow::{Context, Result};
use k8s_openapi::api::core::v1::{Secret, Service};
use kube::api::Api;
use kube::{Client, ResourceExt};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::{env, fs};
use testbed_api::Experiment;
use testbed_api::conditions::ConditionType;
use testbed_api::experiment::ClusterType;
use testbed_core::build::CLUSTER_NAMESPACE;
use testbed_core::status::holds;
use testbed_core::tutorial::{self, Places, Step};

/// What the name of an API server that the hub made ends with, behind the name of its Service.
const SERVICE_SUFFIX: &str = "svc.cluster.local";
/// Says whose the files of a folder are.
const OWNER: &str = "run.json";

/// How far a run is on its way to a person who wants to follow along.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Readiness {
    /// Everything is there.
    Ready,
    /// It is not there yet, for this reason.
    Waits(String),
    /// It will never be there, or is there no more.
    Over(String),
}

/// Returns whether a person can begin.
pub(crate) fn readiness(run: &Experiment) -> Readiness {
    let Some(status) = &run.status else {
        return Readiness::Waits("the operator has not seen it yet".into());
    };
    if let Some(failure) = &status.failure {
        return Readiness::Over(format!("it failed at {}: {}", failure.stage, failure.message));
    }
    if run.metadata.deletion_timestamp.is_some() {
        return Readiness::Over("it is being deleted".into());
    }
    if is_over(run) {
        return Readiness::Over("it is over, and nothing is left of its clusters".into());
    }
    if !holds(status, ConditionType::ComponentsReady) {
        let message = waits_for(run).map(|condition| condition.message.clone()).filter(|m| !m.is_empty());
        return Readiness::Waits(message.unwrap_or_else(|| "its components are not ready yet".into()));
    }
    let Some(tutorial) = &run.spec.tutorial else { return Readiness::Ready };
    let known = status.tutorial_status.clone().unwrap_or_default();
    let is_shown = |name: &str| {
        known.services.iter().any(|seen| seen.name == name && seen.ready && seen.endpoint.is_some())
    };
    if let Some(service) = tutorial.services.iter().find(|service| !is_shown(&service.name)) {
        return Readiness::Waits(format!("service `{}` has no address yet", service.name));
    }
    // The hub's own kubeconfig is shown to nobody.
    let mut own = run.spec.targets.iter().filter(|target| target.cluster.kind != ClusterType::Hub);
    match own
        .find(|target| tutorial.expose_kubeconfig && !known.kubeconfig_secrets.contains_key(&target.name))
    {
        Some(target) => Readiness::Waits(format!("target `{}` has no kubeconfig yet", target.name)),
        None => Readiness::Ready,
    }
}

/// Returns the name of the experiment that a run is of, as its folder is called.
pub(crate) fn experiment_of(run: &Experiment) -> String {
    let prefix = run.metadata.generate_name.as_deref();
    prefix.and_then(|prefix| prefix.strip_suffix('-')).map_or_else(|| run.name_any(), str::to_owned)
}

/// A tutorial as a person reads it in one run.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Guide {
    /// Name of the run.
    pub(crate) run: String,
    /// What it teaches.
    pub(crate) title: String,
    /// URLs of its services.
    pub(crate) endpoints: BTreeMap<String, String>,
    /// Paths of the kubeconfigs of its targets.
    pub(crate) kubeconfigs: BTreeMap<String, PathBuf>,
    /// What is done, in this order; none if no file has them.
    pub(crate) steps: Vec<Step>,
    /// What a person should know beforehand.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) notes: Vec<String>,
}

/// Returns the tutorial of a run that is ready; `file` is that of its experiment.
pub(crate) async fn guide(client: &Client, run: &Experiment, file: &Path, folder: &Folder) -> Result<Guide> {
    let name = run.name_any();
    let status = run.status.clone().unwrap_or_default();
    let known = status.tutorial_status.unwrap_or_default();
    let mut guide = Guide {
        run: name.clone(),
        title: run.spec.title.clone().unwrap_or_else(|| name.clone()),
        endpoints: known.services.into_iter().filter_map(|seen| Some((seen.name, seen.endpoint?))).collect(),
        kubeconfigs: BTreeMap::new(),
        steps: Vec::new(),
        notes: Vec::new(),
    };
    (guide.kubeconfigs, guide.notes) = write_kubeconfigs(client, run, folder).await?;
    let Some((file, tutorial)) = catalog::tutorial(file, &run.spec)? else {
        guide.notes.push(format!("there are no steps: no `{}` is beside {}", tutorial::FILE, file.display()));
        return Ok(guide);
    };
    let words = |map: &BTreeMap<String, String>| map.iter().map(|(k, v)| (k.clone(), word(v))).collect();
    let paths = guide.kubeconfigs.iter().map(|(k, path)| (k.clone(), path.display().to_string())).collect();
    let namespaces =
        status.targets.into_iter().filter_map(|target| Some((target.name, target.namespace?))).collect();
    let places = Places {
        endpoints: words(&guide.endpoints),
        kubeconfigs: words(&paths),
        namespaces: words(&namespaces),
    };
    let filled = tutorial.fill(&places).map_err(|error| {
        Failure::usage(format!("{file}: {error}")).hint(format!(
            "is it the tutorial of another experiment than that of {name}? Name it with --experiment"
        ))
    })?;
    guide.title = filled.title;
    guide.steps = filled.steps;
    Ok(guide)
}

/// Writes the kubeconfigs of a run as they are now; returns their paths, and what is to be said of them.
pub(crate) async fn write_kubeconfigs(
    client: &Client,
    run: &Experiment,
    folder: &Folder,
) -> Result<(BTreeMap<String, PathBuf>, Vec<String>)> {
    let (mut paths, mut notes) = (BTreeMap::new(), Vec::new());
    let namespace = run.namespace().unwrap_or_default();
    let known = run.status.as_ref().and_then(|status| status.tutorial_status.as_ref());
    for (target, secret) in known.iter().flat_map(|known| &known.kubeconfig_secrets) {
        let (text, note) = kubeconfig(client, &namespace, target, secret).await?;
        paths.insert(target.clone(), folder.write(target, &text)?);
        notes.extend(note);
    }
    Ok((paths, notes))
}

/// Returns a text as one word of a shell: commands are copied as they stand, and what is filled in comes from a cluster.
fn word(text: &str) -> String {
    let is_plain = |letter: char| letter.is_ascii_alphanumeric() || "/._-:@%+=,[]".contains(letter);
    // Brackets are those of an address; around letters a shell would look for files.
    if !text.is_empty() && text.chars().all(|letter| is_plain(letter) && !"[]".contains(letter)) {
        return text.to_owned();
    }
    format!("'{}'", text.replace('\'', r"'\''"))
}

/// Returns the kubeconfig of a target as this machine can use it, and what is to be said of it.
async fn kubeconfig(
    client: &Client,
    namespace: &str,
    target: &str,
    secret: &str,
) -> Result<(String, Option<String>)> {
    let secrets: Api<Secret> = Api::namespaced(client.clone(), namespace);
    let found = secrets
        .get(secret)
        .await
        .with_context(|| format!("failed to read Secret {namespace}/{secret}, the kubeconfig of {target}"))?;
    let data = found.data.and_then(|mut data| data.remove("kubeconfig"));
    let bytes = data.with_context(|| format!("Secret {namespace}/{secret} has no key `kubeconfig`"))?.0;
    let text = String::from_utf8(bytes).context("a kubeconfig is not text")?;
    let mut config: Value = serde_saphyr::from_str(&text).context("a kubeconfig cannot be read")?;
    let Some(service) = server(&mut config).and_then(|server| service_of(server)).map(str::to_owned) else {
        return Ok((text, None));
    };
    match cluster_address(client, &service).await {
        Ok(address) => {
            reach_by(&mut config, &address);
            // What is written as JSON is YAML too.
            Ok((serde_json::to_string_pretty(&config)?, None))
        }
        Err(why) => Ok((
            text,
            Some(format!(
                "the kubeconfig of {target} names {service}.{CLUSTER_NAMESPACE}.{SERVICE_SUFFIX}, which only \
                 the hub's own DNS knows: {why}"
            )),
        )),
    }
}

/// Returns the address of a Service that stands for a cluster, or why there is none.
async fn cluster_address(client: &Client, service: &str) -> Result<String, String> {
    let services: Api<Service> = Api::namespaced(client.clone(), CLUSTER_NAMESPACE);
    let what = format!("Service {CLUSTER_NAMESPACE}/{service}");
    let found = services.get(service).await.map_err(|error| format!("{what} cannot be read: {error}"))?;
    let address = found.spec.and_then(|spec| spec.cluster_ip);
    address.filter(|ip| ip.parse::<std::net::IpAddr>().is_ok()).ok_or(format!("{what} has no address"))
}

/// Returns the cluster of a kubeconfig's current context.
fn cluster(config: &mut Value) -> Option<&mut Value> {
    let named = |list: &Value, name: &Value| {
        list.as_array()?.iter().position(|entry| entry["name"] == *name && name.is_string())
    };
    let context = named(&config["contexts"], &config["current-context"])?;
    let name = config["contexts"][context]["context"]["cluster"].clone();
    let place = named(&config["clusters"], &name)?;
    Some(&mut config["clusters"][place]["cluster"])
}

/// Returns the address of the API server that a kubeconfig's current context names.
fn server(config: &mut Value) -> Option<&str> {
    cluster(config)?["server"].as_str()
}

/// Returns the host of a URL, without its port.
fn host(url: &str) -> &str {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    rest.split(['/', ':']).next().unwrap_or_default()
}

/// Returns the Service by which the hub knows an API server, if that is what its address names.
fn service_of(server: &str) -> Option<&str> {
    let (service, rest) = host(server).split_once('.')?;
    (rest == format!("{CLUSTER_NAMESPACE}.{SERVICE_SUFFIX}")).then_some(service)
}

/// Lets a kubeconfig reach its API server by an address, and still hold it to the name that its certificate bears.
fn reach_by(config: &mut Value, address: &str) {
    let Some(cluster) = cluster(config) else { return };
    let Some(server) = cluster["server"].as_str() else { return };
    let host = host(server).to_owned();
    let address = if address.contains(':') { format!("[{address}]") } else { address.to_owned() };
    let reached = server.replacen(&host, &address, 1);
    cluster["server"] = json!(reached);
    if !cluster["tls-server-name"].is_string() {
        cluster["tls-server-name"] = json!(host);
    }
}

/// Which run files belong to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Owner {
    /// Address of the API server that knows the run.
    server: String,
    namespace: String,
    uid: String,
}

/// Where the kubeconfigs of runs lie: a folder for each run, which nobody but this user can read.
pub(crate) struct Store {
    base: PathBuf,
    server: String,
}

impl Store {
    /// Returns the store for the runs of an API server. Nothing is made before there is something to keep.
    pub(crate) fn new(server: String) -> Result<Self> {
        let variable = |name: &str| env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
        // Of another user if it was inherited over `sudo`: then that one could put a link in our way.
        let runtime = variable("XDG_RUNTIME_DIR").filter(|folder| is_private(folder).unwrap_or(false));
        let state =
            || variable("XDG_STATE_HOME").or_else(|| Some(variable("HOME")?.join(".local").join("state")));
        let parent = runtime.or_else(state).ok_or_else(|| {
            Failure::failed("there is no place for kubeconfigs: neither XDG_RUNTIME_DIR nor HOME is set")
        })?;
        Ok(Self { base: parent.join("testbed"), server })
    }

    fn owner(&self, run: &Experiment) -> Owner {
        Owner {
            server: self.server.clone(),
            namespace: run.namespace().unwrap_or_default(),
            uid: run.uid().unwrap_or_default(),
        }
    }

    /// Returns the folder of a run, made if it is not there.
    pub(crate) fn folder(&self, run: &Experiment) -> Result<Folder> {
        let (path, owner) = (self.base.join(runs::file_name(run)?), self.owner(run));
        let failed = || format!("failed to make folder {}", path.display());
        match owner_of(&path) {
            Some(other) if other.server != owner.server || other.namespace != owner.namespace => {
                return Err(Failure::failed(format!(
                    "{} holds kubeconfigs of a run of the same name in another cluster or namespace",
                    path.display()
                ))
                .hint("remove it if that run is over")
                .into());
            }
            // An earlier run of this name, which is gone.
            Some(other) if other != owner => remove(&path).with_context(failed)?,
            _ => {}
        }
        for folder in [&self.base, &path] {
            private_folder(folder).with_context(failed)?;
        }
        write_private(&path.join(OWNER), &serde_json::to_vec(&owner)?).with_context(failed)?;
        Ok(Folder { path })
    }

    /// Removes the files of a run.
    pub(crate) fn forget(&self, run: &Experiment) -> Result<()> {
        let path = self.base.join(runs::file_name(run)?);
        if owner_of(&path) == Some(self.owner(run)) {
            remove(&path).with_context(|| format!("failed to remove folder {}", path.display()))?;
        }
        Ok(())
    }

    /// Removes the files of every run of a namespace that is over or gone.
    pub(crate) async fn sweep(&self, client: &Client, namespace: &str) -> Result<()> {
        let runs = runs::list(client, namespace).await?;
        let alive: Vec<String> =
            runs.iter().filter(|run| !is_over(run)).filter_map(ResourceExt::uid).collect();
        self.sweep_but(namespace, &alive)
    }

    fn sweep_but(&self, namespace: &str, alive: &[String]) -> Result<()> {
        let Ok(entries) = fs::read_dir(&self.base) else { return Ok(()) };
        for path in entries.flatten().map(|entry| entry.path()) {
            // What has no owner is not ours, and of other clusters we know nothing.
            let gone = owner_of(&path).is_some_and(|owner| {
                owner.server == self.server && owner.namespace == namespace && !alive.contains(&owner.uid)
            });
            if gone {
                remove(&path).with_context(|| format!("failed to remove folder {}", path.display()))?;
            }
        }
        Ok(())
    }
}

/// The folder of one run.
pub(crate) struct Folder {
    path: PathBuf,
}

impl Folder {
    /// Writes the kubeconfig of a target; returns its path.
    fn write(&self, target: &str, text: &str) -> Result<PathBuf> {
        // The API server checks names, and whose API server it is we do not know.
        let file = format!("{target}.kubeconfig");
        if file.contains('/') {
            return Err(Failure::failed(format!("target `{target}` cannot name a file")).into());
        }
        let path = self.path.join(file);
        write_private(&path, text.as_bytes())
            .with_context(|| format!("failed to write {}", path.display()))?;
        Ok(path)
    }
}

fn owner_of(folder: &Path) -> Option<Owner> {
    serde_json::from_slice(&fs::read(folder.join(OWNER)).ok()?).ok()
}

/// Whether it is a folder, not a link to one, and this user's alone.
fn is_private(folder: &Path) -> io::Result<bool> {
    let found = fs::symlink_metadata(folder)?;
    Ok(found.is_dir() && found.uid() == rustix::process::geteuid().as_raw() && found.mode() & 0o077 == 0)
}

/// Makes a folder that only this user can look into, unless it is there.
fn private_folder(folder: &Path) -> io::Result<()> {
    if let Some(parent) = folder.parent() {
        DirBuilder::new().recursive(true).mode(0o700).create(parent)?;
    }
    match DirBuilder::new().mode(0o700).create(folder) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
        _ => {}
    }
    if is_private(folder)? {
        return Ok(());
    }
    Err(io::Error::new(
        io::ErrorKind::PermissionDenied,
        format!("{} can be read by others, and is to hold credentials", folder.display()),
    ))
}

/// Writes a file that only this user can read. It appears with all that is in it.
fn write_private(path: &Path, content: &[u8]) -> io::Result<()> {
    let half = path.with_extension("half");
    match fs::remove_file(&half) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file: File = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&half)?;
    file.write_all(content)?;
    fs::rename(&half, path)
}

/// Removes a folder with all that is in it; one that is not there is fine.
fn remove(folder: &Path) -> io::Result<()> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(server: &str) -> Value {
        json!({
            "apiVersion": "v1", "kind": "Config", "current-context": "there",
            "clusters": [{"name": "other", "cluster": {"server": "https://other:6443"}},
                         {"name": "made", "cluster": {"server": server, "certificate-authority-data": "QQ=="}}],
            "users": [{"name": "me", "user": {"token": "t"}}],
            "contexts": [{"name": "there", "context": {"cluster": "made", "user": "me"}}],
        })
    }

    const MADE: &str = "https://app-x7k2q.testbed-clusters.svc.cluster.local:6443";

    #[test]
    fn a_cluster_of_the_hub_is_reached_by_its_address_and_held_to_its_name() {
        let mut config = config(MADE);
        assert_eq!(server(&mut config).and_then(service_of), Some("app-x7k2q"));
        reach_by(&mut config, "10.96.7.1");
        assert_eq!(
            config["clusters"][1]["cluster"],
            json!({"server": "https://10.96.7.1:6443", "certificate-authority-data": "QQ==",
                   "tls-server-name": "app-x7k2q.testbed-clusters.svc.cluster.local"})
        );
        assert_eq!(config["clusters"][0]["cluster"]["server"], "https://other:6443");
        reach_by(&mut config, "fd00::1");
        assert_eq!(config["clusters"][1]["cluster"]["server"], "https://[fd00::1]:6443");
        assert_eq!(
            config["clusters"][1]["cluster"]["tls-server-name"],
            "app-x7k2q.testbed-clusters.svc.cluster.local"
        );
    }

    #[test]
    fn other_clusters_are_left_as_they_are() {
        for url in
            ["https://a.example:6443", "https://10.0.0.1", "https://a.b.testbed-clusters.svc.cluster.local"]
        {
            assert_eq!(service_of(url), None, "{url}");
        }
        assert_eq!(server(&mut json!({})), None);
    }

    #[test]
    fn what_is_filled_into_a_command_stays_one_word() {
        assert_eq!(word("http://10.88.0.7:30100"), "http://10.88.0.7:30100");
        assert_eq!(word("http://x;rm -rf ~"), "'http://x;rm -rf ~'");
        assert_eq!(word("a'b"), r"'a'\''b'");
        assert_eq!(word("http://[fd00::1]:80"), "'http://[fd00::1]:80'");
    }

    fn run(status: Value) -> Experiment {
        serde_json::from_value(json!({
            "apiVersion": "experiments.illm.io/v1alpha1", "kind": "Experiment",
            "metadata": {"name": "store-x7k2q", "generateName": "store-", "namespace": "experiments", "uid": "u1"},
            "spec": {
                "targets": [{"name": "app", "cluster": {"type": "local"}}],
                "workflow": {"template": "experiment-lifecycle", "completion": {"mode": "manual"}},
                "tutorial": {"exposeKubeconfig": true, "services":
                    [{"name": "store", "target": "app", "service": "store", "namespace": "n"}]},
            },
            "status": status,
        }))
        .unwrap()
    }

    #[test]
    fn what_a_tutorial_waits_for_is_said_in_order() {
        let waits = |status: Value| match readiness(&run(status)) {
            Readiness::Waits(what) => what,
            other => format!("{other:?}"),
        };
        let condition = |status: &str, message: &str| {
            json!([{"type": "ComponentsReady", "status": status, "reason": "R", "message": message,
                    "lastTransitionTime": "2026-01-01T00:00:00Z"}])
        };
        let ready = condition("True", "");
        assert_eq!(
            waits(json!({"conditions": condition("False", "app/store: Progressing")})),
            "app/store: Progressing"
        );
        assert_eq!(waits(json!({"conditions": ready})), "service `store` has no address yet");
        let services = json!([{"name": "store", "ready": true, "endpoint": "http://10.88.0.7:30100"}]);
        let shown = json!({"services": services});
        assert_eq!(
            waits(json!({"conditions": ready, "tutorialStatus": shown})),
            "target `app` has no kubeconfig yet"
        );
        let all = json!({"services": services, "kubeconfigSecrets": {"app": "store-app"}});
        assert_eq!(readiness(&run(json!({"conditions": ready, "tutorialStatus": all}))), Readiness::Ready);
        let over = json!({"conditions": ready, "tutorialStatus": all, "resourcesCleaned": true});
        assert!(matches!(readiness(&run(over)), Readiness::Over(_)));
    }

    #[test]
    fn an_experiment_is_known_by_what_its_runs_are_named_after() {
        let mut run = run(json!({}));
        assert_eq!(experiment_of(&run), "store");
        run.metadata.generate_name = None;
        assert_eq!(experiment_of(&run), "store-x7k2q");
    }

    fn store(base: &Path) -> Store {
        Store { base: base.join("testbed"), server: "https://10.88.0.1:6443".into() }
    }

    #[test]
    fn kubeconfigs_are_for_their_user_alone_and_go_with_their_run() {
        let base = tempfile::tempdir().unwrap();
        let (store, run) = (store(base.path()), run(json!({})));
        let file = store.folder(&run).unwrap().write("app", "secret").unwrap();
        assert_eq!(file, base.path().join("testbed/store-x7k2q/app.kubeconfig"));
        let mode = |path: &Path| fs::metadata(path).unwrap().mode() & 0o777;
        assert_eq!((mode(&file), mode(file.parent().unwrap()), mode(&store.base)), (0o600, 0o700, 0o700));
        // Written again, it is replaced.
        store.folder(&run).unwrap().write("app", "newer").unwrap();
        assert_eq!(fs::read_to_string(&file).unwrap(), "newer");

        store.sweep_but("experiments", &["u1".into()]).unwrap();
        store.sweep_but("elsewhere", &[]).unwrap();
        assert!(file.exists());
        store.sweep_but("experiments", &["u2".into()]).unwrap();
        assert!(!file.parent().unwrap().exists());

        store.folder(&run).unwrap().write("app", "secret").unwrap();
        store.forget(&run).unwrap();
        assert!(!file.exists() && store.base.exists());
    }

    #[test]
    fn a_folder_of_another_cluster_is_not_written_into() {
        let base = tempfile::tempdir().unwrap();
        let run = run(json!({}));
        store(base.path()).folder(&run).unwrap();
        let other = Store { server: "https://elsewhere:6443".into(), ..store(base.path()) };
        assert!(other.folder(&run).is_err());
        other.forget(&run).unwrap();
        other.sweep_but("experiments", &[]).unwrap();
        assert!(base.path().join("testbed/store-x7k2q").exists());
    }

    #[test]
    fn a_folder_that_others_can_read_is_refused() {
        use std::os::unix::fs::PermissionsExt;
        let base = tempfile::tempdir().unwrap();
        fs::create_dir(base.path().join("testbed")).unwrap();
        fs::set_permissions(base.path().join("testbed"), fs::Permissions::from_mode(0o755)).unwrap();
        assert!(store(base.path()).folder(&run(json!({}))).is_err());
    }

    #[test]
    fn a_run_cannot_name_a_folder_elsewhere() {
        let base = tempfile::tempdir().unwrap();
        let store = store(base.path());
        let theirs = base.path().join("theirs");
        private_folder(&theirs).unwrap();
        for name in ["../theirs", theirs.to_str().unwrap(), "..", ".", "a/b", "a/", ""] {
            let mut run = run(json!({}));
            run.metadata.name = Some(name.into());
            assert!(store.folder(&run).is_err() && store.forget(&run).is_err(), "{name}");
        }
        assert_eq!(fs::read_dir(&theirs).unwrap().count(), 0);
    }

    #[test]
    fn a_target_cannot_name_a_file_elsewhere() {
        let base = tempfile::tempdir().unwrap();
        let folder = store(base.path()).folder(&run(json!({}))).unwrap();
        assert!(folder.write("../../app", "secret").is_err());
    }
}
