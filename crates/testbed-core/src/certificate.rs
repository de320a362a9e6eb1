//! The certificate of a teardown: what a run has made, and how the proof that it is gone is written.

use crate::agent;
use crate::build::{ARGOCD_NAMESPACE, CLUSTER_NAMESPACE, WORKFLOW_NAMESPACE};
use crate::names;
use crate::plan::ChildKind;
use crate::run::Run;
use std::collections::BTreeSet;
use testbed_api::certificate::{Certificate, LeftBehind, Made};
use testbed_api::conditions::ConditionType;
use testbed_api::status::{ExperimentStatus, TargetStatus};

/// Returns what was made for a run, as far as it is on record: names are functions of the run.
#[must_use]
pub fn made(run: &Run<'_>, status: &ExperimentStatus) -> Vec<Made> {
    let mut made = BTreeSet::new();
    let mut add = |target: Option<&str>, kind: &str, namespace: Option<&str>, name: String| {
        let [target, namespace] = [target, namespace].map(|word| word.map(str::to_owned));
        made.insert(Made { kind: kind.into(), name, namespace, target });
    };
    if let Some(project) = &status.project {
        add(None, &format!("{:?}", ChildKind::Project), Some(ARGOCD_NAMESPACE), project.clone());
    }
    for secret in status.tutorial_status.iter().flat_map(|tutorial| tutorial.kubeconfig_secrets.values()) {
        add(None, "Secret", Some(run.namespace), secret.clone());
    }
    for target in &status.targets {
        // A cluster that the lab made takes along what was in it.
        let within = match &*target.name {
            name if run.is_on_hub(name) => Some(None),
            name if run.is_someone_elses(name) => Some(Some(name)),
            _ => None,
        };
        if let Some(within) = within {
            for namespace in &target.namespaces {
                add(within, "Namespace", None, namespace.clone());
            }
        }
        for component in target.components.iter().filter(|component| component.sync.is_some()) {
            let name = run.application_of(&target.name, &component.name);
            add(None, "Application", Some(ARGOCD_NAMESPACE), name);
        }
        if let Some(registration) = &target.registration {
            add(None, "Secret", Some(ARGOCD_NAMESPACE), registration.clone());
        }
        if let Some(cluster) = target.cluster_name.as_ref().filter(|_| target.cluster_created_at.is_some()) {
            add(None, "ExperimentCluster", Some(CLUSTER_NAMESPACE), cluster.clone());
        }
        for resource in &target.resources {
            add(None, "resource of a cluster", Some(CLUSTER_NAMESPACE), resource.clone());
        }
    }
    if let Some(trials) = &status.trials {
        for trial in trials.begun.iter().filter(|trial| trial.workflow_uid.is_some()) {
            add(None, "Workflow", Some(WORKFLOW_NAMESPACE), run.trial_workflow(&trial.slot.trial));
        }
    } else if let Some(workflow) = status.workflow_status.as_ref().filter(|workflow| workflow.uid.is_some()) {
        add(None, "Workflow", Some(WORKFLOW_NAMESPACE), workflow.name.clone());
    }
    made.into_iter().collect()
}

/// Returns the kind of something on record that is asked for by its name. Absent for what clusters were made of, each of
/// which is asked for in every pass of teardown, and for a namespace whose name is the same in all runs: whose it is says
/// its label alone.
#[must_use]
pub fn kind(made: &Made) -> Option<ChildKind> {
    Some(match made.kind.as_str() {
        "Namespace" if made.name == agent::TAILNET_NAMESPACE => return None,
        "Application" => ChildKind::Application,
        "ExperimentCluster" => ChildKind::Cluster,
        "Namespace" => ChildKind::Namespace,
        "Project" => ChildKind::Project,
        "Secret" => ChildKind::Secret,
        "Workflow" => ChildKind::Workflow,
        _ => return None,
    })
}

/// Returns what may be there still, because it could not be looked for.
#[must_use]
pub fn left_behind(status: &ExperimentStatus) -> Vec<LeftBehind> {
    let left =
        status.targets.iter().flat_map(|target| target.left_behind.iter().map(move |what| (target, what)));
    left.map(|(target, what)| LeftBehind { target: target.name.clone(), what: what.clone() }).collect()
}

/// Returns what is left of a run that is cleaned up, which is called `run`, for people.
#[must_use]
pub fn remains(status: &ExperimentStatus, run: &str) -> String {
    let left: Vec<String> = left_behind(status)
        .into_iter()
        .map(|left| format!("{} in target {}", left.what, left.target))
        .collect();
    if left.is_empty() {
        format!("nothing is left of {run}")
    } else {
        format!("nothing is left of {run} but what may be there still: {}", left.join(", "))
    }
}

/// Returns whether a target is in a cluster that stays, in which something may have been made: before all clusters were
/// ready, nothing was made in any of them.
pub(crate) fn may_stay(run: &Run<'_>, status: &ExperimentStatus, target: &TargetStatus) -> bool {
    crate::status::since(status, ConditionType::ClustersReady).is_some()
        && target.cluster_id.is_some()
        && run.is_someone_elses(&target.name)
}

/// Returns the names of the targets whose clusters, which stay, must be asked whether anything is left in them.
#[must_use]
pub fn asked(run: &Run<'_>, status: &ExperimentStatus) -> Vec<String> {
    let stay = status.targets.iter().filter(|target| may_stay(run, status, target));
    stay.filter(|target| target.left_behind.is_empty()).map(|target| target.name.clone()).collect()
}

/// Returns the bytes that are stored, their SHA-256, and the key under which they are stored.
///
/// # Errors
/// A value that JSON cannot hold.
pub fn encode(
    prefix: &str,
    certificate: &Certificate,
) -> Result<(Vec<u8>, String, String), serde_json::Error> {
    let (bytes, sha256) = names::document(certificate)?;
    let key = format!("{prefix}teardown-{sha256}.json");
    Ok((bytes, sha256, key))
}
