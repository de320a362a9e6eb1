//! The world outside of the operator, in which runs live.

use crate::common::{
    catalog, experiment, experiment_beside_others, experiment_beside_others_in_a_tailnet,
    experiment_in_a_cloud, experiment_twice_in_a_tailnet, experiment_with_clusters,
    experiment_with_clusters_and_trials, experiment_with_trials, latency, shown, start, template,
};
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{MicroTime, Time};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use testbed_api::Experiment;
use testbed_api::component::ComponentObservability;
use testbed_api::conditions::{ConditionType, Reason};
use testbed_api::experiment::ClusterType;
use testbed_api::labels;
use testbed_api::record::{LoadReport, Pod, RecordRef};
use testbed_api::status::{ExperimentStatus, Phase, StoredResults, Window, WindowSource};
use testbed_core::observed::{
    ApplicationFacts, CatalogFacts, ClusterFacts, NamespaceFacts, ObjectFacts, Observed, PodFacts, Reach,
    RemoteFacts, Seen, ServiceFacts, WorkflowFacts,
};
use testbed_core::plan::{ChildKind, Effect, Fact, Looks, Plan, TEARDOWN_ALARM, looks, plan};
use testbed_core::run::Run;
use testbed_core::status;

/// Passes after which a run that is still not over never will be.
pub const PASSES: usize = 600;

/// What there is, as small state machines.
pub struct World {
    pub now: Timestamp,
    pub experiment: Option<Experiment>,
    pub namespaces: BTreeMap<String, NamespaceFacts>,
    pub applications: BTreeMap<String, ApplicationFacts>,
    pub workflows: BTreeMap<String, WorkflowFacts>,
    pub stored: Vec<String>,
    pub submissions: usize,
    /// Names of trials, in the order in which their workflows were submitted.
    pub trials: Vec<String>,
    /// Pods of the subjects, by UID.
    pub pods: BTreeMap<String, PodFacts>,
    pub workflow_fails: bool,
    /// No workflow ends any more.
    pub workflow_hangs: bool,
    /// No pod of a subject ever appears.
    pub subjects_vanish: bool,
    /// Trials that will not count.
    pub void_trials: Vec<String>,
    /// The store of results takes nothing.
    pub store_fails: bool,
    /// It takes no record of a trial.
    pub records_fail: bool,
    /// What components there are.
    pub catalog: CatalogFacts,
    pub next_uid: usize,
    pub history: Vec<(Phase, bool)>,
    /// What was done and said, pass by pass, if anyone wants to hear it.
    pub story: Option<String>,
    /// What was looked at last.
    looks: Option<Looks>,
    /// When the run wants to be looked at again.
    pub wake_at: Option<Timestamp>,
    /// Clusters, by name; those nobody has claimed have no owner.
    pub clusters: BTreeMap<String, ClusterFacts>,
    /// How many steps each cluster has lived, by name.
    pub ages: BTreeMap<String, usize>,
    /// What each cluster answers, by the name of the cluster.
    pub remote: BTreeMap<String, RemoteFacts>,
    /// Clusters whose API server does not answer.
    pub silent: Vec<String>,
    /// Clusters of someone else, by the names of the targets in them.
    pub existing: Vec<String>,
    /// Clusters to which their owners have taken the way away.
    pub closed: Vec<String>,
    /// What clusters were made of, and is not gone yet.
    pub leftovers: Vec<String>,
    pub registrations: BTreeMap<String, ObjectFacts>,
    pub projects: BTreeMap<String, ObjectFacts>,
    pub kubeconfigs: BTreeMap<String, ObjectFacts>,
    /// How many clusters were ever made or claimed for each target.
    pub provided: BTreeMap<String, usize>,
    /// Clusters never become ready.
    pub clusters_hang: bool,
    /// A cloud gives no addresses.
    pub balancers_hang: bool,
    /// Workflows record a window of each target beside that of all.
    pub windows_of_targets: bool,
    /// Crossplane cannot make clusters.
    pub clusters_are_refused: bool,
    /// Steps have a clock that is a year ahead when they say that their window ends.
    pub windows_end_ahead: bool,
    /// Targets that do not tell of their pods.
    pub pods_unseen: BTreeSet<String>,
    /// Applications that are deleted stay for as long as Argo CD knows the cluster they are in, on the hub for ever.
    pub applications_hang: bool,
    /// Nothing has a disk.
    pub without_disks: bool,
    /// Disks stay.
    pub volumes_stay: bool,
    /// Namespaces in clusters stay.
    pub namespaces_stay: bool,
    /// Nobody may read what is beside the Experiment.
    pub kubeconfigs_unread: bool,
    /// UIDs of namespaces in clusters that are going: there is time to see them do so.
    going: BTreeSet<String>,
    /// The target whose components have hooks that are run when they were deleted, in the namespace they were in.
    pub last_hooks: Option<&'static str>,
}

impl World {
    pub fn new(workflow_fails: bool) -> Self {
        Self {
            now: start(),
            experiment: Some(experiment()),
            namespaces: BTreeMap::new(),
            applications: BTreeMap::new(),
            workflows: BTreeMap::new(),
            stored: Vec::new(),
            submissions: 0,
            trials: Vec::new(),
            pods: BTreeMap::new(),
            workflow_fails,
            workflow_hangs: false,
            subjects_vanish: false,
            void_trials: Vec::new(),
            store_fails: false,
            records_fail: false,
            catalog: catalog(),
            next_uid: 0,
            history: Vec::new(),
            story: None,
            looks: None,
            wake_at: None,
            clusters: BTreeMap::new(),
            ages: BTreeMap::new(),
            remote: BTreeMap::new(),
            silent: Vec::new(),
            existing: Vec::new(),
            closed: Vec::new(),
            leftovers: Vec::new(),
            registrations: BTreeMap::new(),
            projects: BTreeMap::new(),
            kubeconfigs: BTreeMap::new(),
            provided: BTreeMap::new(),
            clusters_hang: false,
            balancers_hang: false,
            windows_of_targets: false,
            windows_end_ahead: false,
            pods_unseen: BTreeSet::new(),
            clusters_are_refused: false,
            applications_hang: false,
            without_disks: false,
            volumes_stay: false,
            namespaces_stay: false,
            kubeconfigs_unread: false,
            going: BTreeSet::new(),
            last_hooks: None,
        }
    }

    pub fn with_clusters() -> Self {
        Self { experiment: Some(experiment_with_clusters()), ..Self::new(false) }
    }

    pub fn with_clusters_and_trials() -> Self {
        Self { experiment: Some(experiment_with_clusters_and_trials()), ..Self::new(false) }
    }

    /// Two clusters of a cloud, which makes load balancers for them.
    pub fn in_a_cloud() -> Self {
        let mut world = Self { experiment: Some(experiment_in_a_cloud()), ..Self::new(false) };
        world.knows_tailnets();
        world
    }

    fn knows_tailnets(&mut self) {
        let agent = self.catalog.components["metrics-agent"].clone();
        for name in ["tailscale-operator", "metrics-egress"] {
            self.catalog.components.insert(name.into(), agent.clone());
        }
    }

    /// A cluster that was there before, and will be afterwards, and one that is made.
    pub fn beside_others() -> Self {
        let mut world = Self { experiment: Some(experiment_beside_others()), ..Self::new(false) };
        world.existing.push("left".into());
        world.remote.insert("left".into(), remote("left", "of-someone"));
        world
    }

    /// The same, and what is in that cluster writes its metrics through a tailnet.
    pub fn beside_others_in_a_tailnet() -> Self {
        let mut world = Self::beside_others();
        world.experiment = Some(experiment_beside_others_in_a_tailnet());
        world.knows_tailnets();
        world
    }

    /// The same, and its owner has joined that cluster to a tailnet before.
    pub fn beside_others_who_have_a_tailnet() -> Self {
        let mut world = Self::beside_others_in_a_tailnet();
        let facts = world.remote.get_mut("left").unwrap();
        let theirs = NamespaceFacts {
            name: "tailscale".into(),
            uid: "theirs".into(),
            owner: None,
            deleting: false,
            message: None,
        };
        facts.namespaces.push(theirs);
        facts.joins_tailnet = true;
        world
    }

    /// Two ways to one cluster of someone else, which is to join a tailnet for each.
    pub fn twice_in_a_tailnet() -> Self {
        let mut world = Self::beside_others_in_a_tailnet();
        world.experiment = Some(experiment_twice_in_a_tailnet());
        world.existing.push("right".into());
        world.remote.insert("right".into(), remote("right", "of-someone"));
        world
    }

    /// A target whose component keeps its metrics itself.
    pub fn with_a_store_of_its_own(mut world: Self) -> Self {
        let store = world.catalog.components.get_mut("store").unwrap();
        store.observability =
            Some(ComponentObservability { metrics_store: Some(true), ..ComponentObservability::default() });
        world
    }

    /// Trials of which a quantile is asked.
    pub fn with_a_histogram() -> Self {
        let mut world = Self::with_trials();
        world.experiment.as_mut().unwrap().spec.metrics.push(latency());
        world
    }

    /// Two clusters that were made before anyone asked.
    pub fn with_warm_clusters() -> Self {
        let mut world = Self::with_clusters();
        for name in ["warm-a", "warm-b"] {
            let spec = serde_json::json!({"type": "local", "nodeCount": 1, "spot": false});
            let warm = Some(labels::WARM_FREE.to_owned());
            world.new_cluster(ClusterFacts { name: name.into(), spec, warm, ..ClusterFacts::default() });
        }
        world.passes_by();
        world.passes_by();
        world
    }

    pub fn new_cluster(&mut self, facts: ClusterFacts) {
        let uid = self.uid();
        let resources =
            vec![format!("v1/Pod/{}-0", facts.name), format!("v1/Secret/{}-kubeconfig", facts.name)];
        self.leftovers.extend(resources.clone());
        let facts = ClusterFacts {
            uid: uid.clone(),
            resource_version: uid,
            created_at: Some(Time(self.now)),
            synced: !self.clusters_are_refused,
            refused: self.clusters_are_refused,
            message: Some("its nodes start".into()),
            resources,
            ..facts
        };
        self.clusters.insert(facts.name.clone(), facts);
    }

    /// Clusters become ready with time, and go with all they were made of.
    pub fn clusters_live_on(&mut self) {
        let gone: Vec<ClusterFacts> =
            self.clusters.values().filter(|cluster| cluster.deleting).cloned().collect();
        for cluster in gone {
            // The object goes before what it is made of.
            if self.clusters.remove(&cluster.name).is_none() || cluster.warm.is_none() {
                self.remote.remove(&cluster.name);
            }
        }
        let there: Vec<String> =
            self.clusters.values().flat_map(|cluster| cluster.resources.clone()).collect();
        if let Some(place) = self.leftovers.iter().position(|resource| !there.contains(resource)) {
            self.leftovers.remove(place);
        }
        for cluster in self.clusters.values_mut() {
            let age = self.ages.entry(cluster.name.clone()).or_default();
            *age += 1;
            if *age >= 2 && cluster.synced && !self.clusters_hang && !cluster.dead {
                cluster.ready = true;
                cluster.endpoint = Some(format!("https://{}", cluster.name));
                cluster.kubeconfig_secret = Some(format!("{}-kubeconfig", cluster.name));
                let answer = || remote(&cluster.name, &cluster.uid);
                self.remote.entry(cluster.name.clone()).or_insert_with(answer);
            }
        }
    }

    /// What the target's own cluster answers, for those that are ready.
    pub fn reach(&self) -> BTreeMap<String, Reach> {
        let owned = self.clusters.values().filter(|cluster| cluster.owner.is_some() && cluster.ready);
        let made = owned.map(|cluster| (cluster.target.clone(), cluster.name.clone()));
        let existing = self.existing.iter().map(|target| (target.clone(), target.clone()));
        made.chain(existing)
            .map(|(target, cluster)| {
                let answer = match self.remote.get(&cluster) {
                    Some(facts) if !self.silent.contains(&cluster) => {
                        let mut facts = facts.clone();
                        self.services_of(&target, &mut facts);
                        Reach::Answers(Box::new(facts))
                    }
                    _ if self.closed.contains(&cluster) => Reach::Closed("Secret mine is not there".into()),
                    _ => Reach::Silent("connection refused".into()),
                };
                (target, answer)
            })
            .collect()
    }

    fn kind_of(&self, target: &str) -> ClusterType {
        let targets = &self.experiment.as_ref().unwrap().spec.targets;
        targets.iter().find(|known| known.name == target).unwrap().cluster.kind
    }

    /// The name of the cluster that a target is in.
    fn place_of(&self, target: &str) -> String {
        let made = self.clusters.values().find(|cluster| cluster.target == target);
        made.map_or_else(|| target.to_owned(), |cluster| cluster.name.clone())
    }

    /// Every component that Argo CD has synced has a Service.
    pub fn services_of(&self, target: &str, facts: &mut RemoteFacts) {
        let synced = self.applications.values().filter(|seen| seen.target == target && seen.sync.is_some());
        facts.services.extend(synced.map(|seen| ServiceFacts {
            name: seen.component.clone(),
            namespace: facts.namespaces.first().map(|namespace| namespace.name.clone()).unwrap_or_default(),
            ports: vec![serde_json::json!({"port": 8080, "targetPort": 8080, "protocol": "TCP"})],
            ..ServiceFacts::default()
        }));
    }

    pub fn cluster_of(&mut self, target: &str) -> Option<&mut RemoteFacts> {
        let name = self.place_of(target);
        self.remote.get_mut(&name)
    }

    /// An object that the operator makes of a target's credentials.
    pub fn made_of_credentials(&mut self, target: &str, name: &str) -> ObjectFacts {
        let digest = self.cluster_of(target).map(|facts| facts.credentials.clone());
        ObjectFacts { name: name.into(), uid: self.uid(), target: target.into(), digest, deleting: false }
    }

    pub fn apply_in(&mut self, target: &str, object: &Value) {
        let name = object["metadata"]["name"].as_str().unwrap().to_owned();
        let label = |key: &str| object["metadata"]["labels"][key].as_str().map(str::to_owned);
        let (owner, exposes) = (label(labels::EXPERIMENT_UID), label(labels::EXPOSES));
        let uid = self.uid();
        let balanced = self.kind_of(target) == ClusterType::Gke;
        let facts = self.cluster_of(target).unwrap();
        match object["kind"].as_str().unwrap() {
            "Namespace" => {
                facts.namespaces.push(NamespaceFacts { name, uid, owner, deleting: false, message: None });
            }
            "Service" => {
                let node_port = if balanced { Value::Null } else { 30080.into() };
                let ports = vec![serde_json::json!({"port": 8080, "nodePort": node_port})];
                facts.services.push(ServiceFacts { name, uid, exposes, ports, ..ServiceFacts::default() });
            }
            other => panic!("nothing is known of {other} in targets"),
        }
    }

    pub fn with_trials() -> Self {
        Self { experiment: Some(experiment_with_trials()), ..Self::new(false) }
    }

    pub fn observed(&self) -> Option<Observed> {
        let owned = |wanted: bool| {
            let clusters = self.clusters.values().filter(move |cluster| cluster.owner.is_some() == wanted);
            Seen::Known(clusters.cloned().collect::<Vec<_>>())
        };
        let kept = self.clusters.values().filter(|cluster| cluster.owner.is_none());
        let kept: Vec<String> = kept.flat_map(|cluster| cluster.resources.clone()).collect();
        Some(Observed {
            catalog: Seen::Known(self.catalog.clone()),
            template: Seen::Known(Some(template())),
            namespaces: Seen::Known(self.namespaces.values().cloned().collect()),
            applications: Seen::Known(self.applications.values().cloned().collect()),
            workflows: Seen::Known(self.workflows.values().cloned().collect()),
            workflow_pods: Seen::Known(Vec::new()),
            pods: Seen::Known(self.pods.values().filter(|facts| !self.is_unseen(facts)).cloned().collect()),
            pods_unseen: self.pods_unseen.clone(),
            clusters: owned(true),
            warm: owned(false),
            remote: self.reach(),
            registrations: Seen::Known(self.registrations.values().cloned().collect()),
            projects: Seen::Known(self.projects.values().cloned().collect()),
            kubeconfigs: match self.kubeconfigs_unread {
                true => Seen::Unknown("secrets is forbidden".into()),
                false => Seen::Known(self.kubeconfigs.values().cloned().collect()),
            },
            leftovers: Seen::Known(
                self.leftovers.iter().filter(|resource| !kept.contains(resource)).cloned().collect(),
            ),
            ..Observed::of(self.experiment.clone()?)
        })
    }

    fn is_unseen(&self, facts: &PodFacts) -> bool {
        let run = self.experiment.as_ref().and_then(|experiment| Run::of(experiment).ok());
        run.is_some_and(|run| {
            self.pods_unseen.iter().any(|target| run.namespace_of(target) == facts.namespace)
        })
    }

    /// Things that happen on their own: each call moves every machine one step.
    pub fn passes_by(&mut self) {
        self.now = self.now.checked_add(SignedDuration::from_secs(3)).unwrap();
        self.disks_live_on();
        if let Some(hooked) = self.last_hooks {
            let going = self.places_that_go();
            let run = self.experiment.as_ref().and_then(|experiment| Run::of(experiment).ok());
            let is_going =
                |target: &str| run.as_ref().is_some_and(|run| going.contains(&run.namespace_of(target)));
            for application in self.applications.values_mut().filter(|seen| seen.target == hooked) {
                // Argo CD puts it on once it has seen what there is.
                application.has_last_hooks |= application.health.is_some();
                let lost =
                    application.has_last_hooks && application.deleting && is_going(&application.target);
                assert!(!lost, "the last hook of {} has no namespace any more", application.name);
            }
        }
        self.namespaces.retain(|_, namespace| !namespace.deleting);
        // Argo CD ends the sync it began before it deletes; in a namespace that is going, that sync never succeeds.
        // And it waits for ever for a cluster that is registered and does not answer.
        let stuck: Vec<String> = self
            .registrations
            .values()
            .filter(|registration| {
                let place = self.place_of(&registration.target);
                // Nor does it follow credentials that are others now.
                let facts = self.remote.get(&place);
                let is_let_in =
                    facts.is_some_and(|facts| registration.digest.as_ref() == Some(&facts.credentials));
                self.applications_hang || !is_let_in || self.silent.contains(&place)
            })
            .map(|registration| registration.target.clone())
            .collect();
        let hanging: Vec<String> = self
            .applications
            .values()
            .map(|application| application.target.clone())
            .filter(|target| self.applications_hang && self.kind_of(target) == ClusterType::Hub)
            .collect();
        self.applications.retain(|_, application| {
            !application.deleting
                || hanging.contains(&application.target)
                || application.operation.as_deref() == Some("Running")
                || stuck.contains(&application.target)
        });
        self.registrations.retain(|_, registration| !registration.deleting);
        self.projects.retain(|_, project| !project.deleting);
        self.kubeconfigs.retain(|_, kubeconfig| !kubeconfig.deleting);
        self.clusters_live_on();
        self.workflows.retain(|_, workflow| !workflow.deleting);
        for facts in self.remote.values_mut() {
            let (going, stays) = (&mut self.going, self.namespaces_stay);
            facts.namespaces.retain(|seen| !seen.deleting || stays || going.insert(seen.uid.clone()));
            facts.services.retain(|service| !service.deleting);
            // A cloud gives addresses to what has no port on the nodes.
            for service in &mut facts.services {
                if service.ports[0]["nodePort"].is_null() && !self.balancers_hang {
                    service.ingress.get_or_insert_with(|| "203.0.113.7".into());
                }
            }
        }
        for application in self.applications.values_mut().filter(|application| !application.deleting) {
            let healthy = application.sync.is_some();
            application.sync = Some("Synced".into());
            application.revisions = vec!["sha256:abc".into()];
            application.health = Some(if healthy { "Healthy" } else { "Progressing" }.into());
            application.operation = Some(if healthy { "Succeeded" } else { "Running" }.into());
        }
        self.subjects_live_on();
        for workflow in self.workflows.values_mut() {
            let phase = match workflow.phase.as_deref() {
                None => "Running",
                Some("Running") if self.workflow_hangs => "Running",
                Some("Running") if self.workflow_fails => "Failed",
                _ => "Succeeded",
            };
            if phase != "Running" && workflow.finished_at.is_none() {
                workflow.finished_at = Some(Time(self.now));
                let begin = self.now.checked_sub(SignedDuration::from_secs(2)).unwrap();
                workflow.load = Some(LoadReport::default());
                let own = if self.windows_of_targets { &["left", "right"][..] } else { &[] };
                let of = own.iter().map(|target| Some((*target).to_owned())).chain([None]);
                // Each begins a little later than the one before it.
                let ahead = SignedDuration::from_hours(if self.windows_end_ahead { 24 * 365 } else { 0 });
                let end = self.now.checked_add(ahead).unwrap();
                let window = |(place, target): (i64, Option<String>)| Window {
                    target,
                    start: MicroTime(begin.checked_add(SignedDuration::from_millis(100 * place)).unwrap()),
                    end: MicroTime(end),
                    recorded_by: WindowSource::Workload,
                };
                workflow.windows = (0..).zip(of).map(window).collect();
            }
            workflow.started_at.get_or_insert(Time(self.now));
            workflow.phase = Some(phase.into());
        }
        let gone = self.experiment.as_ref().is_some_and(|experiment| {
            experiment.metadata.deletion_timestamp.is_some()
                && experiment.metadata.finalizers.iter().flatten().next().is_none()
        });
        if gone {
            self.experiment = None;
        }
    }

    /// In a cloud every component has a disk, which goes some time after its namespace.
    fn disks_live_on(&mut self) {
        let mut with_disks: Vec<(String, String)> = Vec::new();
        for application in self.applications.values().filter(|application| !application.deleting) {
            let place = self.place_of(&application.target);
            let has_disk = self.kind_of(&application.target) == ClusterType::Gke && !self.without_disks;
            if has_disk && application.sync.is_some() {
                with_disks.push((place, format!("pvc-{}", application.uid)));
            }
        }
        for (place, facts) in &mut self.remote {
            if facts.namespaces.is_empty() && !self.volumes_stay {
                facts.volumes.clear();
            }
            let new = with_disks.iter().filter(|(of, disk)| of == place && !facts.volumes.contains(disk));
            let new: Vec<String> = new.map(|(_, disk)| disk.clone()).collect();
            facts.volumes.extend(new);
        }
    }

    /// Namespaces that are being deleted.
    fn places_that_go(&self) -> Vec<String> {
        let all = self.namespaces.values().chain(self.remote.values().flat_map(|facts| &facts.namespaces));
        all.filter(|namespace| namespace.deleting).map(|namespace| namespace.name.clone()).collect()
    }

    /// Every target that is deployed has one pod; one that is deleted is replaced, and becomes ready a step later.
    pub fn subjects_live_on(&mut self) {
        let places = self.places();
        self.pods.retain(|_, facts| !facts.pod.deleting && places.contains(&facts.namespace));
        for facts in self.pods.values_mut() {
            facts.pod.ready = true;
        }
        let missing: Vec<String> = self
            .places()
            .into_iter()
            .filter(|name| !self.subjects_vanish && !self.pods.values().any(|facts| facts.namespace == *name))
            .collect();
        for namespace in missing {
            let uid = self.uid();
            let labels = [("app".to_owned(), "store".to_owned())].into();
            let pod = Pod { name: format!("pod-{uid}"), uid: uid.clone(), labels, ..Pod::default() };
            self.pods.insert(uid, PodFacts { namespace, pod });
        }
    }

    /// Namespaces that subjects live in, here and in clusters that answer.
    pub fn places(&self) -> Vec<String> {
        let there = self.remote.iter().filter(|(name, _)| !self.silent.contains(name));
        let there = there.flat_map(|(_, facts)| &facts.namespaces).map(|namespace| namespace.name.clone());
        self.namespaces.keys().cloned().chain(there).collect()
    }

    /// The first cluster does not answer any more.
    pub fn fall_silent(&mut self) {
        let name = self.clusters.keys().next().unwrap().clone();
        self.silent.push(name);
    }

    /// The first cluster has ended.
    pub fn lose_cluster(&mut self) {
        self.clusters.values_mut().next().unwrap().dead = true;
        self.fall_silent();
    }

    pub fn delete_experiment(&mut self) {
        let now = self.now;
        if let Some(experiment) = &mut self.experiment {
            experiment.metadata.deletion_timestamp.get_or_insert(Time(now));
        }
    }

    pub fn uid(&mut self) -> String {
        self.next_uid += 1;
        format!("uid-{}", self.next_uid)
    }

    pub fn carry_out(&mut self, effect: &Effect) -> Fact {
        let results_owed = self.results_owed();
        match effect {
            Effect::AddFinalizer => self.finalizers(vec![labels::OPERATOR.to_owned()]),
            Effect::RemoveFinalizer => {
                assert!(self.is_empty(), "the finalizer goes while something is left");
                self.finalizers(Vec::new());
            }
            Effect::Apply(object) => {
                self.apply(object);
                let name = object["metadata"]["name"].as_str().unwrap_or_default();
                if let Some(workflow) = self.workflows.get(name).filter(|_| object["kind"] == "Workflow") {
                    return Fact::Submitted { uid: workflow.uid.clone() };
                }
            }
            Effect::StopSync(object) => {
                if let Some(application) = self.applications.get_mut(&object.name) {
                    application.operation = Some("Terminating".into());
                }
            }
            Effect::ApplyIn { target, object } => self.apply_in(target, object),
            Effect::Claim { name, resource_version, labels: given } => {
                let cluster = self.clusters.get_mut(name).unwrap();
                if cluster.resource_version == *resource_version {
                    let text = |key: &str| given[key].as_str().unwrap().to_owned();
                    cluster.owner = Some(text(labels::EXPERIMENT_UID));
                    cluster.target = text(labels::TARGET);
                    cluster.warm = Some(text(labels::WARM));
                    cluster.resource_version = format!("{resource_version}-claimed");
                    *self.provided.entry(cluster.target.clone()).or_default() += 1;
                } else {
                    return Fact::Missed;
                }
            }
            Effect::Register { target, name } => {
                let facts = self.made_of_credentials(target, name);
                self.registrations.insert(name.clone(), facts);
            }
            Effect::GrantWrite { target } => self.cluster_of(target).unwrap().token = Some("token".into()),
            Effect::ShowKubeconfig { target, name } => {
                let facts = self.made_of_credentials(target, name);
                self.kubeconfigs.insert(name.clone(), facts);
            }
            Effect::GrantTailnet { target } => self.cluster_of(target).unwrap().joins_tailnet = true,
            Effect::Refresh(object) => {
                let mut applications = self.applications.values_mut();
                if let Some(seen) = applications.find(|seen| seen.uid == object.uid) {
                    seen.refreshed_at = Some(self.now);
                }
            }
            Effect::DeleteIn { object, .. } if object.kind == ChildKind::Pod => {
                if let Some(facts) = self.pods.get_mut(&object.uid) {
                    facts.pod.deleting = true;
                }
            }
            Effect::DeleteIn { target, object } => {
                let kind = self.kind_of(target);
                let facts = self.cluster_of(target).unwrap();
                let deleting = match (kind, object.kind) {
                    (ClusterType::Gke | ClusterType::Existing, ChildKind::Service) => facts
                        .services
                        .iter_mut()
                        .find(|seen| seen.uid == object.uid)
                        .map(|seen| &mut seen.deleting),
                    (ClusterType::Gke | ClusterType::Existing, ChildKind::Namespace) => facts
                        .namespaces
                        .iter_mut()
                        .find(|seen| seen.uid == object.uid)
                        .map(|seen| &mut seen.deleting),
                    _ => panic!("{object:?} is deleted in a cluster that goes as a whole"),
                };
                *deleting.unwrap() = true;
            }
            Effect::Delete(object) if object.kind == ChildKind::Pod => {
                if let Some(facts) = self.pods.get_mut(&object.uid) {
                    facts.pod.deleting = true;
                }
            }
            Effect::Delete(object) => {
                assert!(!results_owed, "{object:?} is torn down before the result is stored");
                let deleting = match object.kind {
                    ChildKind::Namespace => {
                        self.namespaces.get_mut(&object.name).map(|child| (&child.uid, &mut child.deleting))
                    }
                    ChildKind::Application => {
                        self.applications.get_mut(&object.name).map(|child| (&child.uid, &mut child.deleting))
                    }
                    ChildKind::Cluster => {
                        let target = &self.clusters[&object.name].target;
                        let bare =
                            self.applications.values().all(|application| application.target != *target);
                        assert!(bare || self.is_overdue(), "a cluster goes before what is deployed into it");
                        let answers = self.remote.get(&object.name);
                        let answers = answers.filter(|_| !self.silent.contains(&object.name));
                        let disks = answers.map(|facts| facts.volumes.clone()).unwrap_or_default();
                        let is_cloud = self.kind_of(target) == ClusterType::Gke;
                        let is_bare = answers.is_none_or(|facts| facts.namespaces.is_empty());
                        let bare_in_time = is_bare || !is_cloud || self.is_overdue();
                        assert!(bare_in_time, "a cluster goes before the namespaces in it");
                        let known = self.experiment.iter().filter_map(|run| run.status.as_ref());
                        let known =
                            known.flat_map(|status| &status.targets).find(|known| known.name == *target);
                        let said = known.map(|known| known.left_behind.clone()).unwrap_or_default();
                        for disk in disks {
                            let is_said = said.iter().any(|said| said.contains(&disk));
                            assert!(is_said, "a cluster goes before {disk}, which nobody will know of");
                        }
                        self.clusters.get_mut(&object.name).map(|child| (&child.uid, &mut child.deleting))
                    }
                    ChildKind::Project => {
                        assert!(self.applications.is_empty(), "a project goes before its Applications");
                        self.projects.get_mut(&object.name).map(|child| (&child.uid, &mut child.deleting))
                    }
                    ChildKind::Secret => self
                        .registrations
                        .get_mut(&object.name)
                        .or_else(|| self.kubeconfigs.get_mut(&object.name))
                        .map(|child| (&child.uid, &mut child.deleting)),
                    ChildKind::Pod | ChildKind::Service => None,
                    ChildKind::Workflow => {
                        self.workflows.get_mut(&object.name).map(|child| (&child.uid, &mut child.deleting))
                    }
                };
                if let Some((uid, deleting)) = deleting.filter(|(uid, _)| **uid == object.uid) {
                    assert!(!uid.is_empty());
                    *deleting = true;
                }
            }
            Effect::Measure(_) if self.records_fail => return Fact::Missed,
            Effect::Measure(request) => {
                let key = format!("{}trials/{}.json", request.prefix, request.trial);
                let status = self.experiment.as_ref().and_then(|run| run.status.as_ref());
                let begun = status.and_then(|status| status.trials.as_ref()).map(|trials| &trials.begun);
                let trial =
                    begun.and_then(|begun| begun.iter().find(|trial| trial.slot.trial == request.trial));
                let failed = trial.and_then(|trial| trial.end.as_ref()?.failed.clone());
                let disturbed = self.void_trials.contains(&request.trial);
                let void = failed.or_else(|| disturbed.then(|| "it was disturbed".to_owned()));
                return Fact::Measured {
                    trial: request.trial.clone(),
                    record: RecordRef { key, sha256: "00".into() },
                    void,
                    disturbed: false,
                    values: BTreeMap::new(),
                    buckets: BTreeMap::new(),
                };
            }
            Effect::Collect(_) if self.store_fails => return Fact::Done,
            Effect::Collect(request) => {
                let key = format!("{}summary.json", request.prefix);
                self.stored.push(key.clone());
                return Fact::Stored {
                    results: StoredResults {
                        bucket: "results".into(),
                        key,
                        sha256: "00".into(),
                        size: 1,
                        bundle: None,
                    },
                    url: "s3://results".into(),
                    decision: None,
                    reason: "stored".into(),
                };
            }
            Effect::Certify(request) => {
                for target in &request.asked {
                    let place = self.place_of(target);
                    assert!(!self.silent.contains(&place), "{target} is asked, and does not answer");
                }
                let certificate = request
                    .prefix
                    .as_ref()
                    .map(|prefix| RecordRef { key: format!("{prefix}teardown.json"), sha256: "00".into() });
                return Fact::Certified { certificate };
            }
            Effect::DeleteResults { prefix } => self.stored.retain(|key| !key.starts_with(prefix)),
            Effect::DeleteExperiment => self.delete_experiment(),
        }
        Fact::Done
    }

    /// What the run, which is there, says of itself: nothing before it was seen.
    pub fn status(&self) -> ExperimentStatus {
        self.experiment.as_ref().unwrap().status.clone().unwrap_or_default()
    }

    /// Whether teardown takes for so long that what costs goes first.
    fn is_overdue(&self) -> bool {
        let status = self.experiment.as_ref().and_then(|run| run.status.as_ref());
        let began = status.and_then(|status| status.teardown_began_at.as_ref());
        began.is_some_and(|began| self.now.duration_since(began.0) >= TEARDOWN_ALARM)
    }

    /// A run that went to its end owes its result before anything of it is removed.
    pub fn results_owed(&self) -> bool {
        let Some(experiment) = &self.experiment else { return false };
        let status = experiment.status.clone().unwrap_or_default();
        let succeeded = status::holds(&status, ConditionType::WorkflowSucceeded);
        let given_up = status::get(&status, ConditionType::ResultsStored)
            .is_some_and(|condition| condition.reason == Reason::ResultsLost.as_str());
        succeeded && self.stored.is_empty() && !given_up
    }

    pub fn finalizers(&mut self, finalizers: Vec<String>) {
        if let Some(experiment) = &mut self.experiment {
            experiment.metadata.finalizers = Some(finalizers);
        }
    }

    pub fn apply(&mut self, object: &Value) {
        let experiment = self.experiment.as_ref().unwrap();
        assert!(
            experiment.metadata.finalizers.iter().flatten().any(|f| f == labels::OPERATOR),
            "a child before the finalizer"
        );
        let name = object["metadata"]["name"].as_str().unwrap().to_owned();
        let label = |key: &str| object["metadata"]["labels"][key].as_str().unwrap_or_default().to_owned();
        let uid = self.uid();
        match object["kind"].as_str().unwrap() {
            "Namespace" => {
                let owner = Some(label(labels::EXPERIMENT_UID));
                self.namespaces.entry(name.clone()).or_insert(NamespaceFacts {
                    name,
                    uid,
                    owner,
                    deleting: false,
                    message: None,
                });
            }
            "ExperimentCluster" => {
                if !self.clusters.contains_key(&name) {
                    let (target, owner) = (label(labels::TARGET), Some(label(labels::EXPERIMENT_UID)));
                    *self.provided.entry(target.clone()).or_default() += 1;
                    let spec = object["spec"].clone();
                    self.new_cluster(ClusterFacts { name, target, owner, spec, ..ClusterFacts::default() });
                }
            }
            "AppProject" => {
                let digest = object["metadata"]["annotations"]["experiments.illm.io/spec-digest"].as_str();
                let digest = digest.map(str::to_owned);
                self.projects
                    .insert(name.clone(), ObjectFacts { name, uid, digest, ..ObjectFacts::default() });
            }
            "Application" => {
                assert!(!self.projects.is_empty(), "an Application before its project");
                let digest = object["metadata"]["annotations"]["experiments.illm.io/spec-digest"]
                    .as_str()
                    .map(str::to_owned);
                self.applications.entry(name.clone()).or_insert(ApplicationFacts {
                    name,
                    uid,
                    target: label(labels::TARGET),
                    component: label(labels::COMPONENT),
                    spec_digest: digest,
                    ..ApplicationFacts::default()
                });
            }
            "Workflow" => {
                let ready = self
                    .applications
                    .values()
                    .all(|application| application.health.as_deref() == Some("Healthy"));
                let targets = self.experiment.iter().filter_map(|run| run.status.as_ref());
                let wanted: usize =
                    targets.flat_map(|status| &status.targets).map(|target| target.components.len()).sum();
                assert!(ready && self.applications.len() == wanted, "load before everything is ready");
                if !self.workflows.contains_key(&name) {
                    let busy = self.workflows.values().any(|workflow| workflow.finished_at.is_none());
                    assert!(!busy, "two workflows drive load at once");
                    self.trials.push(label(labels::TRIAL));
                    self.submissions += 1;
                    self.workflows
                        .insert(name.clone(), WorkflowFacts { name, uid, ..WorkflowFacts::default() });
                }
            }
            other => panic!("nothing is known of {other}"),
        }
    }

    pub fn is_empty(&self) -> bool {
        let kept = self.clusters.values().filter(|cluster| cluster.owner.is_none());
        let kept: usize = kept.map(|cluster| cluster.resources.len()).sum();
        self.namespaces.is_empty()
            && self.applications.is_empty()
            && self.workflows.is_empty()
            && self.clusters.values().all(|cluster| cluster.owner.is_none())
            && self.leftovers.len() == kept
            && self
                .existing
                .iter()
                .all(|name| self.closed.contains(name) || self.remote[name].namespaces.is_empty())
            && self.registrations.is_empty()
            && self.projects.is_empty()
            && self.kubeconfigs.is_empty()
    }

    /// One pass; with `crash`, the process dies after that many effects, before it writes status.
    pub fn pass(&mut self, crash: Option<usize>) -> usize {
        let Some(seen) = self.observed() else { return 0 };
        let plan = plan(&seen, self.now);
        let less = testbed_core::plan::plan(&unasked(&seen, self.now), self.now);
        assert_eq!(
            (&less.effects, &less.status),
            (&plan.effects, &plan.status),
            "something decides that is not looked at"
        );
        let mut facts = Vec::new();
        for (index, effect) in plan.effects.iter().enumerate() {
            let fails = self.store_fails && matches!(effect, Effect::Collect(request) if !request.give_up);
            if fails || crash == Some(index) {
                return plan.effects.len();
            }
            facts.push(self.carry_out(effect));
        }
        if crash.is_some() {
            return plan.effects.len();
        }
        let status = plan.status_with(&facts);
        self.history.push((status.phase.unwrap(), status.failure.is_some()));
        if let Some(mut story) = self.story.take() {
            self.tell(&mut story, &plan, &status);
            self.story = Some(story);
        }
        self.wake_at = plan.wake_at;
        if let Some(experiment) = &mut self.experiment {
            experiment.status = Some(status);
        }
        plan.effects.len()
    }

    /// Returns how long the story is.
    pub fn told(&self) -> usize {
        self.story.as_ref().map_or(0, String::len)
    }

    /// Writes down what a pass did, what it said that was not said before, and when it wants to look again.
    fn tell(&mut self, story: &mut String, plan: &Plan, status: &ExperimentStatus) {
        let before = self.experiment.as_ref().and_then(|run| run.status.clone()).unwrap_or_default();
        let mut told = String::new();
        for effect in &plan.effects {
            writeln!(told, "    {}", shown(effect)).unwrap();
        }
        for condition in &status.conditions {
            let known = before.conditions.iter().find(|known| known.type_ == condition.type_);
            let is_new = known.is_none_or(|known| {
                (&known.status, &known.reason, &known.message)
                    != (&condition.status, &condition.reason, &condition.message)
            });
            if is_new {
                let (kind, reason, message) = (&condition.type_, &condition.reason, &condition.message);
                writeln!(told, "    {kind}={} {reason} {message}", condition.status).unwrap();
            }
        }
        for target in &status.targets {
            let known = before.targets.iter().find(|known| known.name == target.name);
            if known.is_some_and(|known| known.phase != target.phase) {
                writeln!(told, "    {} is {}", target.name, target.phase.as_deref().unwrap_or_default())
                    .unwrap();
            }
        }
        let usd = |status: &ExperimentStatus| status.cost.as_ref().and_then(|cost| cost.running_usd);
        if usd(&before) != usd(status) {
            writeln!(told, "    it has cost {} USD", usd(status).unwrap_or_default()).unwrap();
        }
        if told.is_empty() && before.phase == status.phase {
            return;
        }
        let seconds = |at: Timestamp| at.duration_since(start()).as_secs();
        let again = plan.wake_at.map(|at| format!(", looks again at {} s", seconds(at))).unwrap_or_default();
        let phase = status.phase.map(Phase::as_str).unwrap_or_default();
        if let Some(experiment) = &self.experiment {
            let looks = looks(experiment, self.now);
            if self.looks.as_ref() != Some(&looks) {
                let Looks { catalog, template, deployed, workflows, left } = looks;
                let asked = [
                    ("catalog", catalog),
                    ("template", template),
                    ("deployed", deployed),
                    ("workflows", workflows),
                    ("left", left),
                ];
                let asked: Vec<&str> =
                    asked.iter().filter(|(_, asked)| *asked).map(|(name, _)| *name).collect();
                told = format!("    looks at [{}]\n{told}", asked.join(", "));
                self.looks = Some(looks);
            }
        }
        write!(story, "{} s {phase}{again}\n{told}", seconds(self.now)).unwrap();
    }

    pub fn run(&mut self, mut crash: impl FnMut(usize) -> Option<usize>, until: impl Fn(&Self) -> bool) {
        for index in 0..PASSES {
            if until(self) {
                return;
            }
            self.pass(crash(index));
            self.passes_by();
        }
        let status = self.experiment.as_ref().and_then(|experiment| experiment.status.clone());
        panic!("not over after {PASSES} passes: {status:#?}");
    }

    pub fn cleaned(&self) -> bool {
        self.experiment.as_ref().is_some_and(|run| {
            run.status.as_ref().is_some_and(|status| status.resources_cleaned == Some(true))
        })
    }
}

/// What a cluster answers that holds nothing of the run yet.
fn remote(name: &str, uid: &str) -> RemoteFacts {
    RemoteFacts {
        cluster_id: format!("id-of-{uid}"),
        server: format!("https://{name}"),
        credentials: "first".into(),
        addresses: vec!["10.88.0.9".into()],
        ..RemoteFacts::default()
    }
}

/// Returns what is seen where only that is looked at which a stage asks for.
fn unasked(seen: &Observed, now: Timestamp) -> Observed {
    fn only<T: Clone>(looked: bool, seen: &Seen<T>) -> Seen<T> {
        if looked { seen.clone() } else { Seen::Unknown("nobody looks".into()) }
    }
    let looks = looks(&seen.experiment, now);
    Observed {
        catalog: only(looks.catalog, &seen.catalog),
        template: only(looks.template, &seen.template),
        namespaces: only(looks.deployed, &seen.namespaces),
        applications: only(looks.deployed, &seen.applications),
        projects: only(looks.deployed, &seen.projects),
        registrations: only(looks.deployed, &seen.registrations),
        kubeconfigs: only(looks.deployed, &seen.kubeconfigs),
        workflows: only(looks.workflows, &seen.workflows),
        workflow_pods: only(looks.left, &seen.workflow_pods),
        leftovers: only(looks.left, &seen.leftovers),
        ..seen.clone()
    }
}
