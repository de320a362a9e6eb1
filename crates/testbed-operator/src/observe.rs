//! Reads the world of one Experiment. Everything is asked of the API server afresh; nothing here writes.

use crate::answers::if_defined;
use crate::clients::{Clients, argo, cluster, namespace, reference};
use crate::targets::{PATIENCE, Source, Way, made};
use anyhow::Context;
use futures::future::{join_all, try_join_all};
use k8s_openapi::api::core::v1::{ContainerStatus, Namespace, Node, PersistentVolume, Pod, Secret, Service};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::api::{Api, ApiResource, DynamicObject, GroupVersionKind, ListParams};
use kube::{Client, Error, ResourceExt};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use testbed_api::conditions::ConditionType;
use testbed_api::experiment::{ClusterType, Target};
use testbed_api::record::{self, Fingerprint};
use testbed_api::status::ExperimentStatus;
use testbed_api::{Component, Experiment, labels};
use testbed_core::agent::{self, TAILNET_NAMESPACE, TAILNET_SECRET};
use testbed_core::build::{
    self, ARGOCD_NAMESPACE, CLUSTER_NAMESPACE, SPEC_DIGEST, TOKEN_SECRET, WORKFLOW_NAMESPACE,
};
use testbed_core::observed::{
    ApplicationFacts, CatalogFacts, ClusterFacts, NamespaceFacts, NodeFacts, ObjectFacts, Observed, PodFacts,
    Reach, RemoteFacts, Seen, ServiceFacts, TemplateFacts, WorkflowFacts, failure, load_report, windows,
};
use testbed_core::plan::looks;
use testbed_core::run::{Run, Unidentified};
use testbed_core::status;
use tokio::time::timeout;

/// Returns what is to be seen of an Experiment, or nothing if it is gone.
///
/// # Errors
/// The Experiment itself cannot be read. Whatever else cannot be read is `Unknown`.
pub(crate) async fn observe(clients: &Clients, name: &str, space: &str) -> Result<Option<Observed>, Error> {
    let api: Api<Experiment> = Api::namespaced(clients.kube.clone(), space);
    let Some(experiment) = api.get_opt(name).await? else { return Ok(None) };
    let persisted = experiment.status.clone().unwrap_or_default();
    let mut seen = Observed::of(experiment);
    // Before the finalizer stands nothing was made, and after teardown nothing is left: nothing to look at.
    if !seen.experiment.finalizers().iter().any(|finalizer| finalizer == labels::OPERATOR)
        || persisted.resources_cleaned == Some(true)
    {
        return Ok(Some(seen));
    }
    let looks = looks(&seen.experiment, clients.clock.now());
    let Ok(made) = Made::by(&seen.experiment, looks.left) else { return Ok(Some(seen)) };
    let selector = &made.selector;
    let accepted = status::holds(&persisted, ConditionType::Accepted);
    let provisioned = status::holds(&persisted, ConditionType::ClustersReady);
    let in_trials = seen.experiment.spec.trials.is_some() && accepted && looks.template;
    let elsewhere = seen.experiment.spec.targets.iter().any(|target| target.cluster.kind != ClusterType::Hub);
    let makes = seen.experiment.spec.targets.iter().any(|target| target.cluster.kind.is_made());
    let shown = seen.experiment.spec.tutorial.as_ref().is_some_and(|tutorial| tutorial.expose_kubeconfig);
    let (catalog, template, namespaces, applications, projects, workflows, workflow_pods) = tokio::join!(
        looked(looks.catalog, catalog(clients, &seen.experiment)),
        looked(looks.template, template(clients, &seen.experiment.spec.workflow.template)),
        looked(looks.deployed, namespaces(clients, &made)),
        looked(looks.deployed, applications(clients, &made)),
        looked(looks.deployed, projects(clients, &made)),
        looked(looks.workflows, workflows(clients, &made)),
        looked(looks.left, workflow_pods(clients, selector)),
    );
    if elsewhere {
        let (clusters, warm, registrations, kubeconfigs, leftovers) = tokio::join!(
            async { if makes { known(clusters(clients, selector).await) } else { Seen::default() } },
            looked(makes && accepted && !provisioned && !looks.left, warm(clients)),
            looked(looks.deployed, secrets(clients, ARGOCD_NAMESPACE, selector)),
            async {
                if shown {
                    let listed = looked(looks.deployed, secrets(clients, space, selector)).await;
                    // What lets us read there goes with it, and so does what we would read.
                    let is_doomed = looks.left && listed.known().is_err() && is_leaving(clients, space).await;
                    if is_doomed { Seen::Known(Vec::new()) } else { listed }
                } else {
                    Seen::default()
                }
            },
            async {
                if makes {
                    looked(looks.left, leftovers(clients, &persisted, selector)).await
                } else {
                    Seen::default()
                }
            },
        );
        let known = clusters.known().ok().map(Vec::as_slice);
        seen.remote = remote(clients, &seen.experiment, known, looks.left).await;
        (seen.clusters, seen.warm, seen.leftovers) = (clusters, warm, leftovers);
        (seen.registrations, seen.kubeconfigs) = (registrations, kubeconfigs);
    }
    (seen.catalog, seen.template, seen.namespaces, seen.applications) =
        (catalog, template, namespaces, applications);
    (seen.projects, seen.workflows, seen.workflow_pods) = (projects, workflows, workflow_pods);
    if in_trials {
        // After the ways into targets are made: who was started anew has none before.
        let pods = subject_pods(clients, &seen.experiment).await;
        seen.pods = known(pods.map(|(pods, unseen)| {
            seen.pods_unseen = unseen;
            pods
        }));
    }
    Ok(Some(seen))
}

/// Returns whether a namespace is being deleted, with all that is in it.
pub(crate) async fn is_leaving(clients: &Clients, name: &str) -> bool {
    let found = clients.dynamic(&namespace(), None).get_metadata_opt(name).await;
    found.is_ok_and(|found| found.is_some_and(|found| found.metadata.deletion_timestamp.is_some()))
}

fn known<T>(result: Result<T, Error>) -> Seen<T> {
    match result {
        Ok(value) => Seen::Known(value),
        Err(error) => Seen::Unknown(error.to_string()),
    }
}

/// Reads something if a stage asks for it; else it is unknown, whatever it is.
async fn looked<T>(is_asked_for: bool, look: impl Future<Output = Result<T, Error>>) -> Seen<T> {
    if is_asked_for { known(look.await) } else { Seen::Unknown("no stage asks for it now".into()) }
}

async fn catalog(clients: &Clients, experiment: &Experiment) -> Result<CatalogFacts, Error> {
    let api: Api<Component> = Api::all(clients.kube.clone());
    let agent = clients.settings.agent();
    let found =
        try_join_all(agent::needed(&experiment.spec, &agent).into_iter().map(async |name| {
            Ok::<_, Error>(api.get_opt(&name).await?.map(|component| (name, component.spec)))
        }))
        .await?;
    Ok(CatalogFacts { components: found.into_iter().flatten().collect::<BTreeMap<_, _>>(), agent })
}

/// Returns a template as it is now, if it is there.
pub(crate) async fn template(clients: &Clients, name: &str) -> Result<Option<TemplateFacts>, Error> {
    let api = clients.dynamic(&argo("WorkflowTemplate"), Some(WORKFLOW_NAMESPACE));
    Ok(api.get_opt(name).await?.map(|template| TemplateFacts {
        name: template.name_any(),
        uid: template.uid().unwrap_or_default(),
        generation: template.metadata.generation.unwrap_or_default(),
        spec: template.data.get("spec").cloned().unwrap_or_default(),
    }))
}

/// What a run may have made on the hub, and how it is found.
///
/// One object is read by its name: the API server asks the store at once. For a list it waits until its cache is sure to
/// be of now, up to a tenth of a second, so that is for when every object must be found, whatever its name.
struct Made {
    uid: String,
    selector: ListParams,
    is_listed: bool,
    namespaces: Vec<String>,
    applications: Vec<String>,
    project: Vec<String>,
    /// Absent for trials: there is one after the other, and each is removed once its record is stored.
    workflow: Option<Vec<String>>,
}

impl Made {
    fn by(experiment: &Experiment, is_listed: bool) -> Result<Self, Unidentified> {
        let run = Run::of(experiment)?;
        let targets = &run.spec.targets;
        let on_hub = targets.iter().filter(|target| run.is_on_hub(&target.name));
        let components = targets.iter().flat_map(|target| run.components(&target.name));
        Ok(Self {
            uid: run.uid.to_owned(),
            selector: ListParams::default().labels(&format!("{}={}", labels::EXPERIMENT_UID, run.uid)),
            is_listed,
            namespaces: on_hub.map(|target| run.namespace_of(&target.name)).collect(),
            applications: components.filter_map(|component| component.application.clone()).collect(),
            project: vec![run.project()],
            workflow: run.spec.trials.is_none().then(|| vec![run.workflow_name()]),
        })
    }

    /// Returns those that bear the run's label, of these names unless all are asked for.
    async fn find(
        &self,
        api: &Api<DynamicObject>,
        names: Option<&[String]>,
    ) -> Result<Vec<DynamicObject>, Error> {
        let Some(names) = names.filter(|_| !self.is_listed) else {
            return Ok(api.list(&self.selector).await?.items);
        };
        let mut found = try_join_all(names.iter().map(|name| api.get_opt(name))).await?;
        found.retain(|object| {
            object.as_ref().and_then(|object| object.labels().get(labels::EXPERIMENT_UID)) == Some(&self.uid)
        });
        Ok(found.into_iter().flatten().collect())
    }
}

/// Returns the run's namespaces, and any that bears a name the run needs.
async fn namespaces(clients: &Clients, made: &Made) -> Result<Vec<NamespaceFacts>, Error> {
    let api = clients.dynamic(&namespace(), None);
    let mut found = if made.is_listed { api.list_metadata(&made.selector).await?.items } else { Vec::new() };
    let missing: Vec<&String> =
        made.namespaces.iter().filter(|name| !found.iter().any(|seen| seen.name_any() == **name)).collect();
    found.extend(
        try_join_all(missing.into_iter().map(|name| api.get_metadata_opt(name))).await?.into_iter().flatten(),
    );
    Ok(found.iter().map(namespace_facts).collect())
}

fn namespace_facts<K: ResourceExt>(object: &K) -> NamespaceFacts {
    NamespaceFacts {
        name: object.name_any(),
        uid: object.uid().unwrap_or_default(),
        owner: object.labels().get(labels::EXPERIMENT_UID).cloned(),
        deleting: object.meta().deletion_timestamp.is_some(),
        message: None,
    }
}

async fn applications(clients: &Clients, made: &Made) -> Result<Vec<ApplicationFacts>, Error> {
    let api = clients.dynamic(&argo("Application"), Some(ARGOCD_NAMESPACE));
    Ok(made.find(&api, Some(&made.applications)).await?.into_iter().map(application_facts).collect())
}

/// What finalizers hold that Argo CD puts on an Application with hooks of `PreDelete` or `PostDelete`, and takes off once
/// these were run.
const LAST_HOOKS: &str = "-delete-finalizer.argocd.argoproj.io";

pub(crate) fn application_facts(object: DynamicObject) -> ApplicationFacts {
    let text = |path: &str| object.data.pointer(path).and_then(Value::as_str).map(str::to_owned);
    let label = |key: &str| object.labels().get(key).cloned().unwrap_or_default();
    let strings = |path: &str| -> Vec<String> {
        let list = object.data.pointer(path).and_then(Value::as_array).into_iter().flatten();
        list.filter_map(Value::as_str).map(str::to_owned).collect()
    };
    ApplicationFacts {
        name: object.name_any(),
        uid: object.uid().unwrap_or_default(),
        target: label(labels::TARGET),
        component: label(labels::COMPONENT),
        spec_digest: object.annotations().get(SPEC_DIGEST).cloned(),
        health: text("/status/health/status"),
        sync: text("/status/sync/status"),
        revisions: strings("/status/sync/revisions")
            .into_iter()
            .chain(text("/status/sync/revision"))
            .collect(),
        operation: text("/status/operationState/phase"),
        trouble: trouble(&object.data),
        refreshed_at: object.annotations().get(labels::REFRESHED_AT).and_then(|at| at.parse().ok()),
        has_last_hooks: object.finalizers().iter().any(|finalizer| finalizer.contains(LAST_HOOKS)),
        deleting: object.metadata.deletion_timestamp.is_some(),
    }
}

/// Returns what is wrong with an Application in its own words: an error condition, a failed sync, an unhealthy resource.
fn trouble(application: &Value) -> Option<String> {
    let list = |path: &str| application.pointer(path).and_then(Value::as_array).into_iter().flatten();
    let text = |value: &Value, path: &str| value.pointer(path).and_then(Value::as_str).map(str::to_owned);
    let condition = list("/status/conditions")
        .find(|condition| condition["type"].as_str().is_some_and(|kind| kind.ends_with("Error")))
        .and_then(|condition| text(condition, "/message"));
    let operation = || {
        let state = application.pointer("/status/operationState")?;
        let failed = matches!(state["phase"].as_str(), Some("Failed" | "Error"));
        if failed { text(state, "/message") } else { None }
    };
    let resource = || {
        list("/status/resources").find_map(|resource| {
            let health = text(resource, "/health/status")?;
            let name = text(resource, "/name").unwrap_or_default();
            let kind = text(resource, "/kind").unwrap_or_default();
            let message = text(resource, "/health/message").unwrap_or_default();
            (health != "Healthy").then(|| format!("{kind} {name} is {health} {message}").trim().to_owned())
        })
    };
    condition.or_else(operation).or_else(resource).map(|said| said.chars().take(512).collect())
}

async fn workflows(clients: &Clients, made: &Made) -> Result<Vec<WorkflowFacts>, Error> {
    let api = clients.dynamic(&argo("Workflow"), Some(WORKFLOW_NAMESPACE));
    Ok(made.find(&api, made.workflow.as_deref()).await?.into_iter().map(workflow_facts).collect())
}

pub(crate) fn workflow_facts(object: DynamicObject) -> WorkflowFacts {
    let text = |path: &str| object.data.pointer(path).and_then(Value::as_str).filter(|text| !text.is_empty());
    let time = |path: &str| text(path)?.parse().ok().map(Time);
    let nodes = object.data.pointer("/status/nodes");
    let phase = text("/status/phase");
    let failed = nodes.filter(|_| matches!(phase, Some("Failed" | "Error"))).and_then(failure);
    WorkflowFacts {
        name: object.name_any(),
        uid: object.uid().unwrap_or_default(),
        phase: phase.map(str::to_owned),
        message: failed.or_else(|| text("/status/message").map(str::to_owned)),
        started_at: time("/status/startedAt"),
        finished_at: time("/status/finishedAt"),
        windows: nodes.map(windows).unwrap_or_default(),
        load: nodes.and_then(load_report),
        deleting: object.metadata.deletion_timestamp.is_some(),
    }
}

async fn workflow_pods(clients: &Clients, selector: &ListParams) -> Result<Vec<String>, Error> {
    let api: Api<Pod> = Api::namespaced(clients.kube.clone(), WORKFLOW_NAMESPACE);
    Ok(api.list_metadata(selector).await?.into_iter().map(|pod| pod.name_any()).collect())
}

/// Returns the pods in the namespaces of the targets that variants are in, but for those that ran to their end, and the
/// targets that did not tell of theirs: whether one is lost is told by its silence.
async fn subject_pods(
    clients: &Clients,
    experiment: &Experiment,
) -> Result<(Vec<PodFacts>, BTreeSet<String>), Error> {
    let Ok(run) = Run::of(experiment) else { return Ok(Default::default()) };
    let targets: BTreeSet<&str> = experiment.spec.variants.iter().map(|variant| variant.target()).collect();
    let lists = try_join_all(targets.into_iter().map(async |target| {
        let namespace = run.namespace_of(target);
        if run.is_on_hub(target) {
            let api: Api<Pod> = Api::namespaced(clients.kube.clone(), &namespace);
            return Ok::<_, Error>((target, namespace, Some(api.list(&ListParams::default()).await?.items)));
        }
        let listed = match clients.targets.known(&(run.uid.to_owned(), target.to_owned())) {
            Some(way) => {
                let api: Api<Pod> = Api::namespaced(way.client, &namespace);
                let listed = timeout(PATIENCE, api.list(&ListParams::default())).await;
                listed.ok().and_then(Result::ok).map(|list| list.items)
            }
            None => None,
        };
        Ok((target, namespace, listed))
    }));
    let succeeded =
        |pod: &Pod| pod.status.as_ref().and_then(|status| status.phase.as_deref()) == Some("Succeeded");
    let (mut found, mut unseen) = (Vec::new(), BTreeSet::new());
    for (target, namespace, listed) in lists.await? {
        if listed.is_none() {
            unseen.insert(target.to_owned());
        }
        let pods = listed.unwrap_or_default().into_iter().filter(|pod| !succeeded(pod));
        found.extend(pods.map(|pod| PodFacts { namespace: namespace.clone(), pod: pod_facts(&pod) }));
    }
    Ok((found, unseen))
}

fn pod_facts(pod: &Pod) -> record::Pod {
    let status = pod.status.clone().unwrap_or_default();
    let ready = status.conditions.iter().flatten().find(|condition| condition.type_ == "Ready");
    let containers: Vec<&ContainerStatus> = status.container_statuses.iter().flatten().collect();
    let last_end = containers.iter().find_map(|container| {
        let state = container.last_state.as_ref()?.terminated.as_ref()?;
        state.reason.clone()
    });
    record::Pod {
        name: pod.name_any(),
        uid: pod.uid().unwrap_or_default(),
        labels: pod.labels().clone(),
        node: pod.spec.as_ref().and_then(|spec| spec.node_name.clone()),
        ready: ready.is_some_and(|condition| condition.status == "True"),
        since: ready.and_then(|condition| condition.last_transition_time.clone()),
        restarts: containers.iter().map(|container| container.restart_count).sum(),
        last_end,
        reason: status.reason,
        deleting: pod.metadata.deletion_timestamp.is_some(),
        images: containers
            .iter()
            .map(|container| (container.name.clone(), container.image_id.clone()))
            .collect(),
    }
}

/// Returns the nodes of these names that can be read, in the cluster of that client.
pub(crate) async fn nodes(kube: Client, names: &BTreeSet<String>) -> Result<Vec<NodeFacts>, Error> {
    let api: Api<Node> = Api::all(kube);
    let found = try_join_all(names.iter().map(|name| api.get_opt(name))).await?;
    Ok(found.into_iter().flatten().map(|node| node_facts(&node)).collect())
}

fn node_facts(node: &Node) -> NodeFacts {
    let status = node.status.clone().unwrap_or_default();
    let info = status.node_info;
    let capacity = |name: &str| status.capacity.as_ref()?.get(name).map(|quantity| quantity.0.clone());
    NodeFacts {
        name: node.name_any(),
        machine: Fingerprint {
            cpu_count: capacity("cpu").and_then(|cpu| cpu.parse().ok()),
            memory_kib: capacity("memory").and_then(|memory| memory.strip_suffix("Ki")?.parse().ok()),
            kernel: info.as_ref().map(|info| info.kernel_version.clone()),
            architecture: info.as_ref().map(|info| info.architecture.clone()),
            node_type: node.labels().get("node.kubernetes.io/instance-type").cloned(),
            kubelet: info.as_ref().map(|info| info.kubelet_version.clone()),
            runtime: info.as_ref().map(|info| info.container_runtime_version.clone()),
            ..Fingerprint::default()
        },
    }
}

async fn projects(clients: &Clients, made: &Made) -> Result<Vec<ObjectFacts>, Error> {
    let api = clients.dynamic(&argo("AppProject"), Some(ARGOCD_NAMESPACE));
    let found = made.find(&api, Some(&made.project)).await?;
    Ok(found.into_iter().map(|object| object_facts(&object, SPEC_DIGEST)).collect())
}

/// Returns Secrets of the run without their content, which is not looked at.
async fn secrets(
    clients: &Clients,
    namespace: &str,
    selector: &ListParams,
) -> Result<Vec<ObjectFacts>, Error> {
    let api: Api<Secret> = Api::namespaced(clients.kube.clone(), namespace);
    let listed = api.list_metadata(selector).await?;
    Ok(listed.into_iter().map(|object| object_facts(&object, labels::CREDENTIALS)).collect())
}

fn object_facts<K: ResourceExt>(object: &K, digest: &str) -> ObjectFacts {
    ObjectFacts {
        name: object.name_any(),
        uid: object.uid().unwrap_or_default(),
        target: object.labels().get(labels::TARGET).cloned().unwrap_or_default(),
        digest: object.annotations().get(digest).cloned(),
        deleting: object.meta().deletion_timestamp.is_some(),
    }
}

async fn clusters(clients: &Clients, selector: &ListParams) -> Result<Vec<ClusterFacts>, Error> {
    let api = clients.dynamic(&cluster(), Some(CLUSTER_NAMESPACE));
    Ok(api.list(selector).await?.into_iter().map(cluster_facts).collect())
}

/// Returns the warm clusters that nobody has claimed.
pub(crate) async fn warm(clients: &Clients) -> Result<Vec<ClusterFacts>, Error> {
    let free = format!("{}={}", labels::WARM, labels::WARM_FREE);
    clusters(clients, &ListParams::default().labels(&free)).await
}

pub(crate) fn cluster_facts(object: DynamicObject) -> ClusterFacts {
    let text = |path: &str| object.data.pointer(path).and_then(Value::as_str).map(str::to_owned);
    let conditions = object.data.pointer("/status/conditions").and_then(Value::as_array);
    let condition = |kind: &str| conditions.into_iter().flatten().find(|condition| condition["type"] == kind);
    let holds = |kind: &str| condition(kind).is_some_and(|condition| condition["status"] == "True");
    // What Crossplane could not do comes before what the cluster says of itself.
    let refused = condition("Synced")
        .filter(|condition| condition["status"] == "False")
        .and_then(|condition| condition["message"].as_str().map(str::to_owned));
    let mut spec = object.data.get("spec").cloned().unwrap_or_default();
    let references = spec.as_object_mut().and_then(|spec| spec.remove("crossplane")).unwrap_or_default();
    let resources = references.pointer("/resourceRefs").and_then(Value::as_array).into_iter().flatten();
    let part = |reference: &Value, key: &str| reference[key].as_str().unwrap_or_default().to_owned();
    ClusterFacts {
        name: object.name_any(),
        uid: object.uid().unwrap_or_default(),
        resource_version: object.resource_version().unwrap_or_default(),
        owner: object.labels().get(labels::EXPERIMENT_UID).cloned(),
        target: object.labels().get(labels::TARGET).cloned().unwrap_or_default(),
        warm: object.labels().get(labels::WARM).cloned(),
        created_at: object.creation_timestamp(),
        ready: holds("Ready"),
        ready_changed_at: condition("Ready")
            .and_then(|condition| condition["lastTransitionTime"].as_str()?.parse().ok())
            .map(Time),
        synced: holds("Synced"),
        refused: condition("Synced").is_some_and(|condition| condition["status"] == "False"),
        message: refused.or_else(|| text("/status/message")).map(|said| said.chars().take(512).collect()),
        // Said only of one that will not come back.
        dead: condition("Alive").is_some_and(|condition| condition["status"] == "False"),
        endpoint: text("/status/endpoint"),
        kubeconfig_secret: text("/status/kubeconfigSecret"),
        machine_type: text("/status/machineType"),
        node_count: object
            .data
            .pointer("/status/nodeCount")
            .and_then(Value::as_u64)
            .and_then(|count| u32::try_from(count).ok()),
        resources: resources
            .filter(|reference| reference["name"].is_string())
            .map(|reference| {
                format!(
                    "{}/{}/{}",
                    part(reference, "apiVersion"),
                    part(reference, "kind"),
                    part(reference, "name")
                )
            })
            .collect(),
        deleting: object.metadata.deletion_timestamp.is_some(),
        spec,
    }
}

/// Returns what is still there of what clusters were made of: what our own list names, and what bears the run's label.
async fn leftovers(
    clients: &Clients,
    persisted: &ExperimentStatus,
    selector: &ListParams,
) -> Result<Vec<String>, Error> {
    let listed: BTreeSet<&String> = persisted.targets.iter().flat_map(|target| &target.resources).collect();
    let own = try_join_all(listed.into_iter().map(async |resource| {
        let Some((api_version, kind, name)) = parts(resource) else { return Ok(None) };
        let (group, version) = api_version.split_once('/').unwrap_or(("", api_version));
        let kind = ApiResource::from_gvk(&GroupVersionKind::gvk(group, version, kind));
        let api = clients.dynamic(&kind, Some(CLUSTER_NAMESPACE));
        // Of a kind that has no definition, as without the provider of a cloud, there is nothing.
        let found = if_defined(&clients.kube, &kind, api.get_metadata_opt(name).await).await?;
        Ok::<_, Error>(found.flatten().map(|_| resource.clone()))
    }));
    let pods: Api<Pod> = Api::namespaced(clients.kube.clone(), CLUSTER_NAMESPACE);
    let services: Api<Service> = Api::namespaced(clients.kube.clone(), CLUSTER_NAMESPACE);
    let secrets: Api<Secret> = Api::namespaced(clients.kube.clone(), CLUSTER_NAMESPACE);
    let (own, pods, services, secrets) = tokio::try_join!(
        own,
        pods.list_metadata(selector),
        services.list_metadata(selector),
        secrets.list_metadata(selector),
    )?;
    let mut left: BTreeSet<String> = own.into_iter().flatten().collect();
    left.extend(pods.iter().map(|pod| format!("v1/Pod/{}", pod.name_any())));
    left.extend(services.iter().map(|service| format!("v1/Service/{}", service.name_any())));
    left.extend(secrets.iter().map(|secret| format!("v1/Secret/{}", secret.name_any())));
    Ok(left.into_iter().collect())
}

/// Returns API version, kind and name of a resource in our own list.
fn parts(resource: &str) -> Option<(&str, &str, &str)> {
    let (rest, name) = resource.rsplit_once('/')?;
    let (api_version, kind) = rest.rsplit_once('/')?;
    Some((api_version, kind, name))
}

/// Asks the API server of each target that has a cluster of its own; of clusters that are not ready yet nothing is asked.
async fn remote(
    clients: &Clients,
    experiment: &Experiment,
    clusters: Option<&[ClusterFacts]>,
    leaves: bool,
) -> BTreeMap<String, Reach> {
    let Ok(run) = Run::of(experiment) else { return BTreeMap::new() };
    let own = experiment.spec.targets.iter().filter(|target| !run.is_on_hub(&target.name));
    let asked = own.map(async |target| {
        let cluster = clusters.into_iter().flatten().find(|cluster| cluster.target == target.name);
        let reach = reach(clients, experiment, &run, target, cluster, leaves).await?;
        Some((target.name.clone(), reach))
    });
    join_all(asked).await.into_iter().flatten().collect()
}

async fn reach(
    clients: &Clients,
    experiment: &Experiment,
    run: &Run<'_>,
    target: &Target,
    cluster: Option<&ClusterFacts>,
    leaves: bool,
) -> Option<Reach> {
    let source = match target.cluster.kind {
        ClusterType::Hub => return None,
        ClusterType::Existing => Source {
            namespace: run.namespace,
            name: target.cluster.kubeconfig_secret.as_deref()?,
            endpoint: None,
        },
        _ => {
            // One that answered once is asked, whatever Crossplane says of it and whoever we are since: what its cloud made
            // for it goes only from within.
            let mut said = experiment.status.iter().flat_map(|status| &status.targets);
            let answered =
                leaves && said.any(|known| known.name == target.name && known.cluster_id.is_some());
            let is_asked = |cluster: &&ClusterFacts| {
                cluster.ready || answered || clients.targets.known(&key(run, target)).is_some()
            };
            let cluster = cluster.filter(is_asked)?;
            made(cluster.kubeconfig_secret.as_deref()?, cluster.endpoint.as_deref())
        }
    };
    let namespace = run.namespace_of(&target.name);
    let owner = reference(experiment);
    let way = clients.targets.way(clients, owner, key(run, target), namespace.clone(), &source);
    let said = async {
        let given = match way.await {
            Err(_) if leaves && is_leaving(clients, source.namespace).await => None,
            given => given?,
        };
        // A namespace that is deleted takes this Secret before the Experiment, and what lets us read it: what was made is
        // removed by the way known.
        let is_closed = given.is_none();
        let known = || clients.targets.known(&key(run, target)).filter(|_| leaves);
        let closed = || Reach::Closed(format!("Secret {}/{} is not there", source.namespace, source.name));
        let Some(way) = given.or_else(known) else { return Ok(closed()) };
        let facts = timeout(PATIENCE, ask(clients, &way, run, target, leaves)).await;
        let facts = facts
            .with_context(|| format!("its API server did not answer within {} s", PATIENCE.as_secs()))
            .and_then(|facts| facts);
        match facts {
            Err(_) if is_closed => Ok(closed()),
            facts => anyhow::Ok(Reach::Answers(Box::new(facts?))),
        }
    };
    Some(match said.await {
        Ok(reach) => reach,
        Err(error) => Reach::Silent(format!("{error:#}").chars().take(512).collect()),
    })
}

fn key(run: &Run<'_>, target: &Target) -> (String, String) {
    (run.uid.to_owned(), target.name.clone())
}

async fn ask(
    clients: &Clients,
    way: &Way,
    run: &Run<'_>,
    target: &Target,
    leaves: bool,
) -> anyhow::Result<RemoteFacts> {
    let namespace = &run.namespace_of(&target.name);
    let namespaces: Api<Namespace> = Api::all(way.client.clone());
    let nodes: Api<Node> = Api::all(way.client.clone());
    let services: Api<Service> = Api::namespaced(way.client.clone(), namespace);
    let secrets: Api<Secret> = Api::namespaced(way.client.clone(), namespace);
    let everything = ListParams::default();
    let ours = ListParams::default().labels(&format!("{}={}", labels::EXPERIMENT_UID, run.uid));
    let tailnet: Api<Secret> = Api::namespaced(way.client.clone(), TAILNET_NAMESPACE);
    let outside = async {
        // Only for those that join one: others need no right to look there.
        if !agent::joins_tailnet(target) {
            return Ok((None, None));
        }
        tokio::try_join!(
            namespaces.get_metadata_opt(TAILNET_NAMESPACE),
            tailnet.get_metadata_opt(TAILNET_SECRET)
        )
    };
    let volumes = async {
        // What a cloud made would stay without its cluster. That of someone else stays, and it is for that to say.
        let is_looked_for = leaves && target.cluster.kind.is_of_a_cloud();
        if is_looked_for { volumes(&way.client, run, target).await } else { Ok(Vec::new()) }
    };
    let (system, own, named, nodes, services, token, (outside, joins), volumes) = tokio::try_join!(
        namespaces.get_metadata("kube-system"),
        namespaces.list_metadata(&ours),
        namespaces.get_metadata_opt(namespace),
        nodes.list(&everything),
        services.list(&everything),
        secrets.get_metadata_opt(TOKEN_SECRET),
        outside,
        volumes,
    )
    .context("its API server cannot be asked")?;
    let mut found: Vec<NamespaceFacts> = own.iter().map(namespace_facts).collect();
    for named in [named, outside].into_iter().flatten() {
        if !found.iter().any(|known| known.name == named.name_any()) {
            found.push(namespace_facts(&named));
        }
    }
    Ok(RemoteFacts {
        cluster_id: system.uid().unwrap_or_default(),
        server: way.server.clone(),
        credentials: way.credentials.clone(),
        clock_ahead: way.clock.ahead_of(&clients.clock),
        addresses: nodes.iter().filter_map(node_address).collect(),
        namespaces: found,
        services: services.into_iter().map(service_facts).collect(),
        volumes,
        joins_tailnet: joins.is_some(),
        token: token.map(|token| token.annotations().get(labels::CREDENTIALS).cloned().unwrap_or_default()),
    })
}

/// Returns the PersistentVolumes of claims in the namespaces that a run has in a target.
async fn volumes(kube: &Client, run: &Run<'_>, target: &Target) -> Result<Vec<String>, Error> {
    let api: Api<PersistentVolume> = Api::all(kube.clone());
    let own = build::namespaces(run, target);
    let is_own = |volume: &PersistentVolume| {
        let claim = volume.spec.as_ref().and_then(|spec| spec.claim_ref.as_ref());
        let space = claim.and_then(|claim| claim.namespace.as_deref());
        space.is_some_and(|space| own.iter().any(|own| own["metadata"]["name"] == space))
    };
    let listed = api.list(&ListParams::default()).await?;
    Ok(listed.into_iter().filter(is_own).map(|volume| volume.name_any()).collect())
}

/// Returns the address at which others reach a node: the one that it shows to the world, else its own.
fn node_address(node: &Node) -> Option<String> {
    let addresses = node.status.as_ref()?.addresses.as_ref()?;
    let of = |kind: &str| addresses.iter().find(|address| address.type_ == kind);
    of("ExternalIP").or_else(|| of("InternalIP")).map(|address| address.address.clone())
}

fn service_facts(service: Service) -> ServiceFacts {
    let status = service.status.clone().unwrap_or_default();
    let ingress = status.load_balancer.and_then(|balancer| balancer.ingress?.into_iter().next());
    let deleting = service.metadata.deletion_timestamp.is_some();
    let spec = service.spec.clone().unwrap_or_default();
    let ports = spec.ports.unwrap_or_default();
    ServiceFacts {
        name: service.name_any(),
        namespace: service.namespace().unwrap_or_default(),
        uid: service.uid().unwrap_or_default(),
        exposes: service.labels().get(labels::EXPOSES).cloned(),
        is_balancer: spec.type_.as_deref() == Some("LoadBalancer"),
        selector: spec.selector.unwrap_or_default(),
        ports: ports.iter().filter_map(|port| serde_json::to_value(port).ok()).collect(),
        ingress: ingress.and_then(|ingress| ingress.ip.or(ingress.hostname)),
        deleting,
    }
}
