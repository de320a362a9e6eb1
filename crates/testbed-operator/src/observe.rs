//! Reads the world of one Experiment. Everything is asked of the API server afresh; nothing here writes.

use crate::clients::{Clients, argo, namespace};
use futures::future::try_join_all;
use k8s_openapi::api::core::v1::{ContainerStatus, Node, Pod};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::api::{Api, DynamicObject, ListParams};
use kube::{Error, ResourceExt};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use testbed_api::conditions::ConditionType;
use testbed_api::record::{self, Fingerprint};
use testbed_api::{Component, Experiment, labels};
use testbed_core::build::{ARGOCD_NAMESPACE, SPEC_DIGEST, WORKFLOW_NAMESPACE};
use testbed_core::observed::{
    ApplicationFacts, CatalogFacts, NamespaceFacts, NodeFacts, Observed, PodFacts, Seen, TemplateFacts,
    WorkflowFacts, load_report, windows,
};
use testbed_core::run::Run;
use testbed_core::status;

/// Returns what is to be seen of an Experiment, or nothing if it is gone.
///
/// # Errors
/// The Experiment itself cannot be read. Whatever else cannot be read is `Unknown`.
pub(crate) async fn observe(clients: &Clients, name: &str, space: &str) -> Result<Option<Observed>, Error> {
    let api: Api<Experiment> = Api::namespaced(clients.kube.clone(), space);
    let Some(experiment) = api.get_opt(name).await? else { return Ok(None) };
    let persisted = experiment.status.clone().unwrap_or_default();
    let mut seen = Observed {
        catalog: Seen::default(),
        namespaces: Seen::default(),
        applications: Seen::default(),
        workflows: Seen::default(),
        workflow_pods: Seen::default(),
        pods: Seen::default(),
        template: Seen::default(),
        experiment,
    };
    // Before the finalizer stands nothing was made, and after teardown nothing is left: nothing to look at.
    if !seen.experiment.finalizers().iter().any(|finalizer| finalizer == labels::OPERATOR)
        || persisted.resources_cleaned == Some(true)
    {
        return Ok(Some(seen));
    }
    let has_trials = seen.experiment.spec.trials.is_some();
    // Trials submit until the last one is over; a run without them submits once.
    let submitted = if has_trials {
        persisted.trials.as_ref().is_some_and(|trials| trials.stopped.is_some())
    } else {
        persisted.workflow_status.as_ref().is_some_and(|workflow| workflow.uid.is_some())
    };
    let in_trials = has_trials && status::holds(&persisted, ConditionType::ComponentsReady) && !submitted;
    let uid = seen.experiment.uid().unwrap_or_default();
    let selector = ListParams::default().labels(&format!("{}={uid}", labels::EXPERIMENT_UID));
    let accepted = status::holds(&persisted, ConditionType::Accepted);
    let (catalog, template, namespaces, applications, workflows, workflow_pods, pods) = tokio::join!(
        async { if accepted { Seen::default() } else { known(catalog(clients, &seen.experiment).await) } },
        async {
            if submitted {
                Seen::default()
            } else {
                known(template(clients, &seen.experiment.spec.workflow.template).await)
            }
        },
        async { known(namespaces(clients, &seen.experiment, &selector).await) },
        async { known(applications(clients, &selector).await) },
        async { known(workflows(clients, &selector).await) },
        async { known(workflow_pods(clients, &selector).await) },
        async {
            if in_trials { known(subject_pods(clients, &seen.experiment).await) } else { Seen::default() }
        },
    );
    seen.catalog = catalog;
    seen.template = template;
    seen.namespaces = namespaces;
    seen.applications = applications;
    seen.workflows = workflows;
    seen.workflow_pods = workflow_pods;
    seen.pods = pods;
    Ok(Some(seen))
}

fn known<T>(result: Result<T, Error>) -> Seen<T> {
    match result {
        Ok(value) => Seen::Known(value),
        Err(error) => Seen::Unknown(error.to_string()),
    }
}

async fn catalog(clients: &Clients, experiment: &Experiment) -> Result<CatalogFacts, Error> {
    let api: Api<Component> = Api::all(clients.kube.clone());
    let references = experiment.spec.targets.iter().flat_map(|target| &target.components);
    let found = try_join_all(references.map(async |reference| {
        let name = reference.name();
        Ok::<_, Error>(api.get_opt(name).await?.map(|component| (name.to_owned(), component.spec)))
    }))
    .await?;
    Ok(CatalogFacts { components: found.into_iter().flatten().collect::<BTreeMap<_, _>>() })
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

/// Returns the run's namespaces by label, and any that bears a name the run needs.
async fn namespaces(
    clients: &Clients,
    experiment: &Experiment,
    selector: &ListParams,
) -> Result<Vec<NamespaceFacts>, Error> {
    let api = clients.dynamic(&namespace(), None);
    let mut found: Vec<NamespaceFacts> = api.list(selector).await?.into_iter().map(namespace_facts).collect();
    if let Ok(run) = Run::of(experiment) {
        for target in &experiment.spec.targets {
            let name = run.namespace_of(&target.name);
            if !found.iter().any(|namespace| namespace.name == name) {
                found.extend(api.get_opt(&name).await?.map(namespace_facts));
            }
        }
    }
    Ok(found)
}

fn namespace_facts(object: DynamicObject) -> NamespaceFacts {
    NamespaceFacts {
        name: object.name_any(),
        uid: object.uid().unwrap_or_default(),
        owner: object.labels().get(labels::EXPERIMENT_UID).cloned(),
        deleting: object.metadata.deletion_timestamp.is_some(),
        message: None,
    }
}

async fn applications(clients: &Clients, selector: &ListParams) -> Result<Vec<ApplicationFacts>, Error> {
    let api = clients.dynamic(&argo("Application"), Some(ARGOCD_NAMESPACE));
    Ok(api.list(selector).await?.into_iter().map(application_facts).collect())
}

fn application_facts(object: DynamicObject) -> ApplicationFacts {
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

async fn workflows(clients: &Clients, selector: &ListParams) -> Result<Vec<WorkflowFacts>, Error> {
    let api = clients.dynamic(&argo("Workflow"), Some(WORKFLOW_NAMESPACE));
    Ok(api.list(selector).await?.into_iter().map(workflow_facts).collect())
}

fn workflow_facts(object: DynamicObject) -> WorkflowFacts {
    let text = |path: &str| object.data.pointer(path).and_then(Value::as_str).filter(|text| !text.is_empty());
    let time = |path: &str| text(path)?.parse().ok().map(Time);
    WorkflowFacts {
        name: object.name_any(),
        uid: object.uid().unwrap_or_default(),
        phase: text("/status/phase").map(str::to_owned),
        message: text("/status/message").map(str::to_owned),
        started_at: time("/status/startedAt"),
        finished_at: time("/status/finishedAt"),
        windows: object.data.pointer("/status/nodes").map(windows).unwrap_or_default(),
        load: object.data.pointer("/status/nodes").and_then(load_report),
        deleting: object.metadata.deletion_timestamp.is_some(),
    }
}

async fn workflow_pods(clients: &Clients, selector: &ListParams) -> Result<Vec<String>, Error> {
    let api: Api<Pod> = Api::namespaced(clients.kube.clone(), WORKFLOW_NAMESPACE);
    Ok(api.list_metadata(selector).await?.into_iter().map(|pod| pod.name_any()).collect())
}

/// Returns the pods in the namespaces of the targets that variants are in, but for those that ran to their end.
async fn subject_pods(clients: &Clients, experiment: &Experiment) -> Result<Vec<PodFacts>, Error> {
    let Ok(run) = Run::of(experiment) else { return Ok(Vec::new()) };
    let targets: BTreeSet<&str> = experiment.spec.variants.iter().map(|variant| variant.target()).collect();
    let lists = try_join_all(targets.into_iter().map(async |target| {
        let namespace = run.namespace_of(target);
        let api: Api<Pod> = Api::namespaced(clients.kube.clone(), &namespace);
        let listed = api.list(&ListParams::default()).await?;
        let succeeded =
            |pod: &Pod| pod.status.as_ref().and_then(|status| status.phase.as_deref()) == Some("Succeeded");
        let facts = listed.into_iter().filter(|pod| !succeeded(pod));
        Ok::<_, Error>(
            facts
                .map(|pod| PodFacts { namespace: namespace.clone(), pod: pod_facts(&pod) })
                .collect::<Vec<_>>(),
        )
    }))
    .await?;
    Ok(lists.into_iter().flatten().collect())
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

/// Returns the nodes of these names that can be read.
pub(crate) async fn nodes(clients: &Clients, names: &BTreeSet<String>) -> Result<Vec<NodeFacts>, Error> {
    let api: Api<Node> = Api::all(clients.kube.clone());
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
