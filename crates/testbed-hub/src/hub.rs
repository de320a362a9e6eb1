//! Brings the hub up: builds what is missing, starts each thing as soon as what it needs is there, and waits until
//! all of it works.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    io::Write,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use base64::{Engine, prelude::BASE64_STANDARD as BASE64};
use rustix::fs::{FlockOperation, flock};
use serde::{Deserialize, Serialize};
use serde_json::json;
use tokio::{
    sync::{OnceCell, Semaphore, watch},
    time::sleep,
};

use crate::{
    build::{self, BuildError},
    cgroup::Cgroups,
    check::{self, Problems},
    cluster::{self, Applier, ClusterError, Manifests, Pods},
    config::{self, Machine},
    containerd::{Containerd, ImportError},
    event::{Reporter, Step},
    files::{self, FileError},
    image::{Addon, Image, ImageError, Images, Origins},
    layout::{self, DNS_SERVICE, Layout, NONROOT, REGISTRY, RootNotFound},
    mounts::{self, MountsError},
    net::{self, NetError},
    parts::{Built, Parts, PartsError},
    pki::{self, Pki, PkiError},
    purge::{self, PurgeError},
    registry,
    settings::{self, Settings},
    site::Site,
    supervisor::{self, SupervisorError},
    unit::{State, Unit},
};

/// Parts without which there is no node.
const NODE_PARTS: [&str; 3] = ["etcd", "kubernetes", "containerd"];
/// Time the control plane may take to answer, counted from when its binaries are there.
const CONTROL_PLANE_PATIENCE: Duration = Duration::from_secs(120);
/// Time an add-on may take to be ready, counted from when its manifests are applied.
const ADDON_PATIENCE: Duration = Duration::from_secs(240);
/// Time after which manifests that were applied long ago are applied again, if the add-on is not ready.
const REPAIR: Duration = Duration::from_secs(10);
/// Time the registry may take to take an image.
const PUSH_PATIENCE: Duration = Duration::from_secs(60);
/// How often what is waited for is looked at.
const LOOK: Duration = Duration::from_millis(50);
/// Folders below `volumes/`, one for each add-on that keeps data.
pub(crate) const VOLUMES: [&str; 3] = ["registry", "s3", "victoria-metrics"];
/// Folders inside of volumes: the S3 store takes a folder for a bucket.
pub(crate) const BUCKETS: [&str; 1] = ["s3/experiment-results"];

/// The hub could not be brought up, taken down or asked.
#[derive(Debug, thiserror::Error)]
pub enum HubError {
    /// The machine lacks something.
    #[error(transparent)]
    Problems(#[from] Problems),
    /// The project was not found.
    #[error(transparent)]
    Root(#[from] RootNotFound),
    /// The list of parts cannot be used.
    #[error(transparent)]
    Parts(#[from] PartsError),
    /// A part cannot be built.
    #[error(transparent)]
    Build(#[from] BuildError),
    /// An image cannot be made.
    #[error(transparent)]
    Image(#[from] ImageError),
    /// An image cannot be imported.
    #[error(transparent)]
    Import(#[from] ImportError),
    /// Certificates cannot be made.
    #[error(transparent)]
    Pki(#[from] PkiError),
    /// A file cannot be used.
    #[error(transparent)]
    File(#[from] FileError),
    /// The network cannot be made.
    #[error(transparent)]
    Net(#[from] NetError),
    /// The mount namespace cannot be made.
    #[error(transparent)]
    Mounts(#[from] MountsError),
    /// The supervisor cannot be used.
    #[error(transparent)]
    Supervisor(#[from] SupervisorError),
    /// The API server does not do what it should.
    #[error(transparent)]
    Cluster(#[from] ClusterError),
    /// The hub cannot be taken away.
    #[error(transparent)]
    Purge(#[from] PurgeError),
    /// A manifest names something unknown.
    #[error("`hub/manifests/{name}.yaml`: {message}")]
    Manifest {
        /// The add-on.
        name: String,
        /// What is wrong.
        message: String,
    },
    /// Something did not become ready in time.
    #[error("{what} is not ready after {} s{detail}\n\nhint: {hint}", after.as_secs())]
    NotReady {
        /// What.
        what: String,
        /// How long it was waited for.
        after: Duration,
        /// What is known about it.
        detail: String,
        /// Where to look.
        hint: String,
    },
    /// An image is asked for, and the binary in it is not built.
    #[error("image `{0}` cannot be made: there is no static binary for it\n\nhint: `make build` makes it")]
    NotStatic(String),
    /// The hub that runs keeps its data elsewhere.
    #[error(
        "a hub runs whose data is in `{}`, not in `{}`\n\nhint: set TESTBED_STATE={}", there.display(), here.display(), there.display()
    )]
    OtherState {
        /// Where its data is.
        there: PathBuf,
        /// Where it was looked for.
        here: PathBuf,
    },
    /// Processes of a hub run, and its supervisor is not found where it should be.
    #[error(
        "a hub runs whose supervisor, process {0}, was started with another TESTBED_RUN\n\nhint: set it as it was then"
    )]
    OtherRun(u32),
    /// The hub is in use.
    #[error("the hub is running and uses its cache\n\nhint: stop it first with `testbed hub down`")]
    Running,
}

/// What a hub is made of; `hub.json` in the state folder.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Record {
    /// Version of `testbed` that brought it up last.
    pub testbed: String,
    /// Base URL of the API server.
    pub api_server: String,
    /// The administrator's kubeconfig.
    pub kubeconfig: PathBuf,
    /// Parts in use.
    pub parts: BTreeMap<String, PartRecord>,
    /// References of the images in containerd, by name.
    pub images: BTreeMap<String, String>,
    /// Images that are made on demand, and were not.
    #[serde(default)]
    pub left_out: Vec<String>,
}

/// A part in use.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PartRecord {
    /// Version shown to people.
    pub version: String,
    /// Key of recipe and sources.
    pub key: String,
    /// Where it lies.
    pub folder: PathBuf,
}

impl Record {
    /// Reads the record of the hub that was brought up last.
    #[must_use]
    pub fn read(layout: &Layout) -> Option<Self> {
        serde_json::from_slice(&fs::read(layout.record()).ok()?).ok()
    }
}

/// What a hub is to be like, besides what it is made of.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Wishes {
    /// Images to make of those that are made on demand.
    pub with: Vec<String>,
    /// Settings to change.
    pub settings: Settings,
}

/// How `up` went.
#[derive(Debug, Clone)]
pub struct Up {
    /// The administrator's kubeconfig.
    pub kubeconfig: PathBuf,
    /// Time until everything was ready.
    pub took: Duration,
}

/// Brings the hub up; does nothing to one that is up already.
///
/// # Errors
/// What is missing, could not be built, or did not become ready. What was started goes on running.
pub async fn up(layout: &Layout, wishes: &Wishes, reporter: &Reporter) -> Result<Up, HubError> {
    let began = Instant::now();
    check::privileges()?;
    let _lock = lock(layout, reporter).await?;
    own(layout)?;
    let mut parts = Parts::read(layout)?;
    let mut recipes = Images::read(layout)?;
    let mut built = parts.built(layout)?;
    let left_out = recipes.leave_out(&wishes.with, &built)?;
    parts.parts.retain(|part| !left_out.parts.contains(&part.name));
    built.retain(|name, _| !left_out.parts.contains(name));
    let step = reporter.start("check", "looking at the machine");
    check::machine(layout, &parts, &built).await?;
    step.done("the machine has what the hub needs");

    // Beside this executable, or where the Makefile puts them.
    let mut own = vec![layout.root.join("bin")];
    own.splice(0..0, std::env::current_exe().ok().and_then(|exe| Some(exe.parent()?.to_owned())));
    let mut images = BTreeMap::new();
    // Those that hold others come last.
    for outer in [false, true] {
        for (name, recipe) in recipes.images.iter().filter(|(_, recipe)| recipe.is_outer() == outer) {
            let origins = Origins { root: &layout.root, own: &own, images: &images };
            if let Some(image) = Image::new(name, recipe, &built, origins)? {
                images.insert(name.clone(), image);
            }
        }
    }
    if let Some(name) = wishes.with.iter().find(|name| !images.contains_key(*name)) {
        return Err(HubError::NotStatic(name.clone()));
    }
    prepare(layout, &images).await?;

    let there = built.values().filter(|part| part.exists()).map(|part| part.name.clone()).collect();
    let up = Work {
        layout: layout.clone(),
        reporter: reporter.clone(),
        built,
        images,
        left_out: left_out.images,
        there: watch::Sender::new(there),
        stage: watch::Sender::new(Stage::default()),
        // Two at a time keep both a disk and a processor busy.
        turns: Semaphore::new(2),
        pushes: Semaphore::new(2),
        imports: recipes.images.keys().map(|name| (name.clone(), OnceCell::new())).collect(),
        since: jiff::Timestamp::now().as_second(),
    };
    // Early, for `testbed hub kubectl` is of most use when something does not come up.
    record(layout, &up)?;
    let addons = recipes.addons.iter().enumerate().map(|(place, addon)| up.addon(place, addon));
    let addons = async { futures::future::try_join_all(addons).await.map(|_| ()) };
    for name in &up.left_out {
        let note = format!("image {name} is left out, few need it: `testbed hub up --with {name}` makes it");
        reporter.skip(format!("image {name}"), note);
    }
    tokio::try_join!(
        up.build(&parts),
        up.node(),
        up.other_images(&recipes),
        up.push(&recipes),
        up.settings(&wishes.settings),
        addons
    )?;
    Ok(Up { kubeconfig: layout.kubeconfig(), took: began.elapsed() })
}

/// Stops the hub; with `purge` removes its state too. A hub that is not there is fine.
///
/// # Errors
/// If something cannot be removed.
pub async fn down(layout: &Layout, purge: bool, reporter: &Reporter) -> Result<(), HubError> {
    check::privileges()?;
    let lock = lock(layout, reporter).await?;
    own(layout)?;
    purge::stop(layout, reporter).await?;
    if purge {
        purge::purge(layout, reporter)?;
        // The last trace. Whoever waits for the lock notices.
        let _ = fs::remove_file(lock_path(layout));
    }
    drop(lock);
    Ok(())
}

/// Refuses to take over, stop or empty a hub that was started with other folders: half of it would be mistaken for none.
fn own(layout: &Layout) -> Result<(), HubError> {
    if let Some(there) = supervisor::other_state(layout) {
        return Err(HubError::OtherState { there, here: layout.state.clone() });
    }
    let supervisor = Cgroups::find()?.processes("supervisor").first().copied();
    match supervisor.filter(|_| supervisor::running(layout).is_none()) {
        Some(pid) => Err(HubError::OtherRun(pid)),
        None => Ok(()),
    }
}

/// Empties the cache: built parts and everything of Go.
///
/// # Errors
/// If the hub runs, or files cannot be removed.
pub async fn clean(layout: &Layout, reporter: &Reporter) -> Result<(), HubError> {
    check::privileges()?;
    let _lock = lock(layout, reporter).await?;
    // Components and pods go on where their supervisor was killed.
    if supervisor::running(layout).is_some() || !Cgroups::find()?.processes("").is_empty() {
        return Err(HubError::Running);
    }
    let step = reporter.start("clean", format!("emptying `{}`", layout.cache.display()));
    files::remove_entries(&layout.cache, &Layout::CACHED)?;
    step.done(format!("`{}` is empty", layout.cache.display()));
    Ok(())
}

/// Only one command changes the hub at a time; others wait for it.
async fn lock(layout: &Layout, reporter: &Reporter) -> Result<fs::File, HubError> {
    let path = lock_path(layout);
    let mut step = None;
    loop {
        let mut file = fs::OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(&path)
            .map_err(files::at("open", &path))?;
        let locked = flock(&file, FlockOperation::NonBlockingLockExclusive).is_ok();
        // Who held it before may have removed it: then another one may hold the file that is there now.
        let inode = |data: std::io::Result<fs::Metadata>| data.map(|data| data.ino()).ok();
        if locked && inode(file.metadata()) == inode(fs::metadata(&path)) {
            if let Some(step) = step.take() {
                Step::done(step, "the other `testbed hub` command is done");
            }
            file.set_len(0).map_err(files::at("write", &path))?;
            file.write_all(std::process::id().to_string().as_bytes()).map_err(files::at("write", &path))?;
            return Ok(file);
        }
        if step.is_none() {
            let holder = fs::read_to_string(&path).unwrap_or_default();
            let note = format!("waiting for another `testbed hub` command, process {}", holder.trim());
            step = Some(reporter.start("wait", note));
        }
        sleep(LOOK).await;
    }
}

/// Beside the folder rather than in it, for `down` removes the folder.
fn lock_path(layout: &Layout) -> PathBuf {
    layout.run.with_extension("lock")
}

/// Makes folders, certificates, configuration, network, cgroups and mounts: all that is quick.
async fn prepare(layout: &Layout, images: &BTreeMap<String, Image>) -> Result<(), HubError> {
    for folder in
        [&layout.cache, &layout.parts(), &layout.state, &layout.run, &layout.logs(), &layout.pod_logs()]
    {
        files::create_dir(folder)?;
    }
    for name in VOLUMES.iter().chain(&BUCKETS) {
        let folder = layout.volumes().join(name);
        files::create_dir(&folder)?;
        let id = Some(NONROOT);
        std::os::unix::fs::chown(&folder, id, id).map_err(files::at("change the owner of", &folder))?;
    }
    let (pki, site) = (Pki::new(layout), Site::hub());
    pki.ensure(&site)?;
    let key = pki.encryption_key()?;
    let pause = images.get("pause").map(|image| image.reference.clone()).unwrap_or_default();
    for (path, content) in config::files(layout, &site, &Machine::look(), &pause, Some(&key)) {
        files::write(&path, content)?;
    }
    let cgroups = Cgroups::find()?;
    cgroups.create("")?;
    if cgroups.processes("").is_empty() {
        // Every process died, or the machine was off: what they mounted is of no use to new ones, nor are their
        // addresses. `/run` is not everywhere empty after a start. And a pod's network may outlive the pod by minutes,
        // for as long as the kernel tries to say goodbye to a peer of an open connection: left on the bridge, it would
        // answer for an address that is given to another pod.
        mounts::remove(layout).await?;
        net::remove().await?;
        files::remove_all(&layout.containerd_run())?;
        files::remove_all(&layout.run.join("cni-addresses"))?;
    }
    mounts::create(layout).await?;
    net::create(layout).await?;
    Ok(())
}

/// How far the node is.
#[derive(Clone, Default)]
struct Stage {
    containerd: Option<Containerd>,
    imported: BTreeSet<String>,
    applier: Option<Applier>,
    applied: BTreeMap<String, String>,
    pods: Option<Pods>,
    node: bool,
    /// Whether the registry takes images.
    registry: bool,
    /// How many add-ons are applied, or left out; they are in the order of `hub/images.yaml`.
    addons: usize,
}

/// One run of `up`: several tasks that wait for each other's results.
struct Work {
    layout: Layout,
    reporter: Reporter,
    built: BTreeMap<String, Built>,
    images: BTreeMap<String, Image>,
    left_out: Vec<String>,
    there: watch::Sender<BTreeSet<String>>,
    stage: watch::Sender<Stage>,
    turns: Semaphore,
    pushes: Semaphore,
    /// Several add-ons may want the same image: it is imported once.
    imports: BTreeMap<String, OnceCell<()>>,
    since: i64,
}

impl Work {
    /// Builds what is missing, one part at a time: each build uses every processor. What only builds need goes then.
    async fn build(&self, parts: &Parts) -> Result<(), HubError> {
        for part in &parts.parts {
            let Some(built) = self.built.get(&part.name) else { continue };
            build::build(&self.layout, &parts.defaults, part, built, &self.reporter).await?;
            self.there.send_modify(|there| {
                there.insert(part.name.clone());
            });
        }
        Ok(build::tidy(&self.layout, &self.reporter).await?)
    }

    async fn wait_parts(&self, parts: &[&str]) {
        let _ = self.there.subscribe().wait_for(|there| parts.iter().all(|part| there.contains(*part))).await;
    }

    async fn wait_stage<T>(&self, mut what: impl FnMut(&Stage) -> Option<T>) -> Option<T> {
        let mut stage = self.stage.subscribe();
        let reached = stage.wait_for(|stage| what(stage).is_some()).await.ok()?.clone();
        what(&reached)
    }

    /// Starts the components as their parts appear, until the node is ready.
    async fn node(&self) -> Result<(), HubError> {
        let mut there = self.there.subscribe();
        // The kubelet has to wait for the image every pod begins with, unless it runs already.
        let mut kubelet = runs_kubelet(&self.layout);
        loop {
            let complete = {
                let there = there.borrow_and_update();
                NODE_PARTS.iter().all(|part| there.contains(*part))
            };
            self.submit(kubelet).await?;
            if complete {
                break;
            }
            let _ = there.changed().await;
        }
        let step = self.reporter.start("control plane", "starting etcd, kube-apiserver and containerd");
        let began = Instant::now();
        let control_plane = async {
            self.wait_unit("kube-apiserver", began).await?;
            let client = cluster::client(&self.layout.kubeconfig()).await?;
            let applier = Applier::new(client);
            let applied = applier.applied().await?;
            self.stage.send_modify(|stage| {
                stage.pods = Some(Pods::watch(applier.client()));
                stage.applier = Some(applier);
                stage.applied = applied;
            });
            step.done("the control plane answers");
            Ok::<_, HubError>(())
        };
        let runtime = async {
            self.wait_unit("containerd", began).await?;
            let ctr = self.built.get("containerd").map(|part| part.bin("ctr")).unwrap_or_default();
            let containerd = Containerd { ctr, socket: self.layout.containerd_socket() };
            let imported = containerd.images().await?;
            self.stage.send_modify(|stage| {
                stage.containerd = Some(containerd);
                stage.imported = imported;
            });
            self.import("pause").await?;
            kubelet = true;
            self.submit(kubelet).await
        };
        tokio::try_join!(control_plane, runtime)?;
        self.wait_node().await
    }

    /// Hands the supervisor every unit whose parts are there.
    async fn submit(&self, kubelet: bool) -> Result<(), HubError> {
        let parts: BTreeMap<_, _> = {
            let there = self.there.borrow();
            self.built
                .iter()
                .filter(|(name, _)| there.contains(*name))
                .map(|(k, v)| (k.clone(), v.clone()))
                .collect()
        };
        let digest = |files: &[PathBuf]| {
            let files: Vec<&Path> = files.iter().map(PathBuf::as_path).collect();
            pki::digest(&files).unwrap_or_default()
        };
        let mut units = config::units(&self.layout, &Site::hub(), &parts, digest);
        units.retain(|unit| kubelet || unit.name != "kubelet");
        Ok(supervisor::submit(&self.layout, &units).await?)
    }

    async fn wait_unit(&self, name: &str, began: Instant) -> Result<(), HubError> {
        loop {
            let status = supervisor::read_status(&self.layout).unwrap_or_default();
            let unit = status.units.get(name);
            if unit.is_some_and(|unit| unit.state == State::Ready) {
                return Ok(());
            }
            if began.elapsed() > CONTROL_PLANE_PATIENCE {
                let detail = unit
                    .map(|unit| {
                        let exit =
                            unit.last_exit.as_deref().map(|exit| format!("; it {exit}")).unwrap_or_default();
                        format!(": {}{exit}", unit.state.word())
                    })
                    .unwrap_or_default();
                return Err(HubError::NotReady {
                    what: name.into(),
                    after: began.elapsed(),
                    detail: detail + &last_words(&self.layout, name),
                    hint: format!("`testbed hub logs {name}` says more"),
                });
            }
            sleep(Duration::from_millis(10)).await;
        }
    }

    async fn wait_node(&self) -> Result<(), HubError> {
        let step = self.reporter.start("node", "starting the kubelet");
        let began = Instant::now();
        let Some(applier) = self.wait_stage(|stage| stage.applier.clone()).await else { return Ok(()) };
        // A hub that was up before this call heard from its node before, too.
        let since = supervisor::read_status(&self.layout)
            .and_then(|status| status.units.get("kubelet")?.started)
            .unwrap_or(self.since)
            .min(self.since);
        loop {
            if cluster::node_ready(applier.client(), since).await? {
                break;
            }
            if began.elapsed() > CONTROL_PLANE_PATIENCE {
                return Err(HubError::NotReady {
                    what: "the node".into(),
                    after: began.elapsed(),
                    detail: last_words(&self.layout, "kubelet"),
                    hint: "`testbed hub logs kubelet` says more".into(),
                });
            }
            sleep(LOOK).await;
        }
        self.stage.send_modify(|stage| stage.node = true);
        step.done("the node is ready");
        Ok(())
    }

    /// Imports an image as soon as its parts and containerd are there, unless containerd has it.
    async fn import(&self, name: &str) -> Result<(), HubError> {
        match (self.images.get(name), self.imports.get(name)) {
            (Some(image), Some(once)) => once.get_or_try_init(|| self.import_now(image)).await.copied(),
            _ => Ok(()),
        }
    }

    async fn import_now(&self, image: &Image) -> Result<(), HubError> {
        let parts: Vec<_> = image.parts.iter().map(String::as_str).collect();
        self.wait_parts(&parts).await;
        let reference = &image.reference;
        let Some(containerd) = self.wait_stage(|stage| stage.containerd.clone()).await else { return Ok(()) };
        if self.stage.borrow().imported.contains(reference) {
            return Ok(());
        }
        let name = &image.name;
        let _turn = self.turns.acquire().await;
        let step = self.reporter.start(format!("import {name}"), format!("importing image {name}"));
        containerd.import(image).await?;
        step.done(format!("imported image {name}"));
        Ok(())
    }

    /// Images that no add-on names: subjects of experiments use them.
    async fn other_images(&self, recipes: &Images) -> Result<(), HubError> {
        for name in recipes.images.keys() {
            self.import(name).await?;
        }
        let Some(applier) = self.wait_stage(|stage| (stage.addons > 0).then(|| stage.applier.clone())?).await
        else {
            return Ok(());
        };
        let references: BTreeMap<_, _> =
            self.images.values().map(|image| (image.name.clone(), image.reference.clone())).collect();
        let map = json!({
            "apiVersion": "v1", "kind": "ConfigMap",
            "metadata": {"name": "testbed-images", "namespace": cluster::NAMESPACE},
            "data": references,
        });
        Ok(applier.apply_object(&map).await?)
    }

    /// Changes the settings that are to be changed.
    async fn settings(&self, wanted: &Settings) -> Result<(), HubError> {
        if *wanted == Settings::default() {
            return Ok(());
        }
        // Once the namespace they lie in is there.
        let reached = self.wait_stage(|stage| (stage.addons > 0).then(|| stage.applier.clone())?).await;
        match reached {
            Some(applier) => Ok(settings::change(&applier, wanted).await?),
            None => Ok(()),
        }
    }

    /// Installs an add-on and waits until it works.
    async fn addon(&self, place: usize, addon: &Addon) -> Result<(), HubError> {
        let path = self.layout.hub().join("manifests").join(format!("{}.yaml", addon.name));
        let text = fs::read_to_string(&path).map_err(files::at("read", &path))?;
        let images = cluster::names(&text, "image:");
        let missing = images.iter().find(|name| !self.images.contains_key(*name));
        if missing.is_none() {
            for name in &images {
                self.import(name).await?;
            }
            let parts: Vec<_> = addon.files.iter().filter_map(|file| file.split('/').next()).collect();
            self.wait_parts(&parts).await;
        }
        // In order: an add-on may use what an earlier one defines.
        let Some(applier) =
            self.wait_stage(|stage| (stage.addons == place).then(|| stage.applier.clone())?).await
        else {
            return Ok(());
        };
        if let Some(name) = missing {
            self.stage.send_modify(|stage| stage.addons += 1);
            let note =
                format!("{} is left out: there is no static binary `{name}`, see `make build`", addon.name);
            self.reporter.skip(&addon.name, note);
            return Ok(());
        }
        let manifests = self.manifests(addon, &text)?;
        let known = self.stage.borrow().applied.get(&addon.name) == Some(&manifests.digest);
        if !known {
            let step =
                self.reporter.start(format!("apply {}", addon.name), format!("applying {}", addon.name));
            applier.apply(&manifests).await?;
            step.done(format!("applied {}", addon.name));
        }
        self.stage.send_modify(|stage| stage.addons += 1);
        self.wait_stage(|stage| stage.node.then_some(())).await;
        self.wait_addon(addon, &manifests, known).await
    }

    /// `known` says that the manifests were applied by an earlier call.
    async fn wait_addon(
        &self,
        addon: &Addon,
        manifests: &Manifests,
        mut known: bool,
    ) -> Result<(), HubError> {
        let step = self.reporter.start(&addon.name, format!("waiting for {}", addon.name));
        let reached = self.wait_stage(|stage| Some((stage.applier.clone()?, stage.pods.clone()?))).await;
        let Some((applier, pods)) = reached else { return Ok(()) };
        let cgroups = Cgroups::find()?;
        let began = Instant::now();
        let mut current = known;
        loop {
            if known && began.elapsed() > REPAIR {
                // Someone may have changed or deleted what was applied.
                applier.apply(manifests).await?;
                (known, current) = (false, false);
            }
            let mut complaints = Vec::new();
            if !current {
                complaints = cluster::being_rolled_out(applier.client(), manifests).await?;
                current = complaints.is_empty();
            }
            complaints.extend(cluster::not_ready(&pods, manifests, || cgroups.running_containers()));
            if complaints.is_empty() {
                break;
            }
            step.progress(complaints.join(", "));
            if began.elapsed() > ADDON_PATIENCE {
                return Err(HubError::NotReady {
                    what: addon.name.clone(),
                    after: began.elapsed(),
                    detail: format!(": {}", complaints.join(", ")),
                    hint: "`testbed hub kubectl get pods -A` and `testbed hub kubectl describe pod ...` say more"
                        .into(),
                });
            }
            sleep(LOOK).await;
        }
        step.done(format!("{} is ready", addon.name));
        if addon.name == "registry" {
            self.stage.send_modify(|stage| stage.registry = true);
        }
        Ok(())
    }

    /// Puts images into the registry, for the clusters inside of the hub, each with a container runtime of its own.
    async fn push(&self, recipes: &Images) -> Result<(), HubError> {
        let has_registry = recipes.addons.iter().any(|addon| addon.name == "registry");
        if !has_registry || self.wait_stage(|stage| stage.registry.then_some(())).await.is_none() {
            return Ok(());
        }
        let wanted = self.images.values().filter(|image| image.is_for_clusters());
        futures::future::try_join_all(wanted.map(|image| self.push_image(image))).await?;
        Ok(())
    }

    async fn push_image(&self, image: &Image) -> Result<(), HubError> {
        self.import(&image.name).await?;
        let _turn = self.pushes.acquire().await;
        if registry::has(REGISTRY, &image.reference).await {
            return Ok(());
        }
        let Some(containerd) = self.wait_stage(|stage| stage.containerd.clone()).await else { return Ok(()) };
        let name = &image.name;
        let step = self.reporter.start(format!("push {name}"), format!("pushing image {name}"));
        let began = Instant::now();
        while let Err(error) = containerd.push(&image.reference, REGISTRY).await {
            // A registry that was ready a moment ago may just be replaced by one with newer settings.
            if began.elapsed() > PUSH_PATIENCE {
                return Err(error.into());
            }
            sleep(LOOK * 10).await;
        }
        step.done(format!("pushed image {name}"));
        Ok(())
    }

    fn manifests(&self, addon: &Addon, text: &str) -> Result<Manifests, HubError> {
        let mut texts = Vec::new();
        for file in &addon.files {
            let (part, path) = file.split_once('/').unwrap_or((file, ""));
            let folder =
                self.built.get(part).map(|built| built.folder.join("files").join(path)).unwrap_or_default();
            texts.extend(read_manifests(&folder)?);
        }
        for folder in &addon.project_files {
            let folder = self.layout.root.join(folder);
            if folder.is_dir() {
                texts.extend(read_manifests(&folder)?);
            }
        }
        let digest = files::sha256(|hash| files::feed(hash, text));
        let value =
            |name: &str| if name == "digest" { Some(digest[..12].to_owned()) } else { self.value(name) };
        let own = cluster::substitute(text, value)
            .map_err(|message| HubError::Manifest { name: addon.name.clone(), message })?;
        texts.push((format!("{}.yaml", addon.name), own));
        Ok(Manifests::parse(&addon.name, addon.namespace.as_deref(), &texts)?)
    }

    /// What `${name}` stands for in our manifests.
    fn value(&self, name: &str) -> Option<String> {
        let pki = Pki::new(&self.layout);
        match name.split_once(':') {
            Some(("image", image)) => self.images.get(image).map(|image| image.reference.clone()),
            Some(("secret", secret)) => pki.secret(secret).ok(),
            Some(("base64", file)) => {
                let path = if let Some(key) = file.strip_suffix(".key") {
                    pki.key(key)
                } else {
                    pki.cert(file.strip_suffix(".crt")?)
                };
                Some(BASE64.encode(fs::read(path).ok()?))
            }
            Some(("volume", volume)) if VOLUMES.contains(&volume) => {
                Some(self.layout.volumes().join(volume).display().to_string())
            }
            Some(("address", service)) => layout::service_address(service).map(Into::into),
            None if name == "registry" => Some(REGISTRY.into()),
            None if name == "remote-write" => {
                Some(format!("http://{}:8080/api/v1/write", layout::service_address("testbed-ingest")?))
            }
            // The hub's own authority signs the certificate of its kubelet.
            None if name == "kubelet-insecure" => Some("false".into()),
            None if name == "dns" => Some(DNS_SERVICE.into()),
            None if name == "priority" => Some("testbed-hub".into()),
            _ => None,
        }
    }
}

/// Whether a kubelet is among the units of a running supervisor.
fn runs_kubelet(layout: &Layout) -> bool {
    let units: Vec<Unit> =
        fs::read(layout.units()).ok().and_then(|text| serde_json::from_slice(&text).ok()).unwrap_or_default();
    supervisor::running(layout).is_some() && units.iter().any(|unit| unit.name == "kubelet")
}

pub(crate) fn read_manifests(path: &Path) -> Result<Vec<(String, String)>, FileError> {
    let read = |path: &Path| -> Result<(String, String), FileError> {
        Ok((path.display().to_string(), fs::read_to_string(path).map_err(files::at("read", path))?))
    };
    if path.is_file() {
        return Ok(vec![read(path)?]);
    }
    let list = files::list(path)?;
    let yaml = list.iter().filter(|name| name.extension().is_some_and(|ext| ext == "yaml"));
    yaml.map(|name| read(&path.join(name))).collect()
}

/// The end of a component's log, for an error message.
fn last_words(layout: &Layout, unit: &str) -> String {
    let log = fs::read(layout.logs().join(format!("{unit}.log"))).unwrap_or_default();
    let tail = crate::command::tail(&log, 5);
    if tail.is_empty() { tail } else { format!("\n\nits last words:\n{tail}") }
}

fn record(layout: &Layout, work: &Work) -> Result<(), FileError> {
    let part = |built: &Built| PartRecord {
        version: built.version.clone(),
        key: built.key.clone(),
        folder: built.folder.clone(),
    };
    let record = Record {
        testbed: env!("CARGO_PKG_VERSION").into(),
        api_server: config::API_SERVER.into(),
        kubeconfig: layout.kubeconfig(),
        parts: work.built.iter().map(|(name, built)| (name.clone(), part(built))).collect(),
        images: work.images.values().map(|image| (image.name.clone(), image.reference.clone())).collect(),
        left_out: work.left_out.clone(),
    };
    files::write(&layout.record(), serde_json::to_vec_pretty(&record).unwrap_or_default())?;
    Ok(())
}
