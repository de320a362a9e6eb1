//! What was made for a run, put on record: the list by which its end is proven.

use super::target;
use super::teardown::Left;
use super::{Effect, Pass};
use crate::names;
use crate::observed::{ApplicationFacts, NamespaceFacts, Reach, WorkflowFacts};
use serde_json::Value;
use testbed_api::labels;
use testbed_api::status::{ComponentStatus, ExperimentStatus, TargetStatus, WorkflowStatus};

/// What is said of an Application that Argo CD has not judged yet, as Argo CD says it itself.
pub(super) const UNJUDGED: &str = "Unknown";

/// Notes what an effect that was carried out has made.
pub(super) fn note_effect(status: &mut ExperimentStatus, effect: &Effect) {
    let named = |object: &Value, kind: &str| {
        object["metadata"]["name"].as_str().filter(|_| object["kind"] == kind).map(str::to_owned)
    };
    match effect {
        Effect::Apply(object) => {
            if let Some(project) = named(object, "AppProject") {
                status.project.get_or_insert(project);
            }
            if let Some(namespace) = named(object, "Namespace") {
                let mut targets = status.targets.iter_mut();
                if let Some(known) = targets.find(|known| known.namespace.as_ref() == Some(&namespace)) {
                    note_namespace(known, namespace);
                }
            }
            if let Some(cluster) = named(object, "ExperimentCluster") {
                note_cluster(status, &object["metadata"]["labels"], cluster);
            }
        }
        Effect::Claim { name, labels, .. } => note_cluster(status, labels, name.clone()),
        Effect::ApplyIn { target, object } => {
            if let (Some(known), Some(namespace)) =
                (target::recorded(status, target), named(object, "Namespace"))
            {
                note_namespace(known, namespace);
            }
        }
        Effect::Register { target, name } => {
            if let Some(known) = target::recorded(status, target) {
                known.registration.get_or_insert_with(|| names::registration(name));
            }
        }
        Effect::ShowKubeconfig { target, name } => {
            let tutorial = status.tutorial_status.get_or_insert_default();
            tutorial.kubeconfig_secrets.insert(target.clone(), name.clone());
        }
        _ => {}
    }
}

/// When it was asked for was noted before it was.
fn note_cluster(status: &mut ExperimentStatus, labels: &Value, name: String) {
    let target = labels[labels::TARGET].as_str().unwrap_or_default();
    if let Some(known) = target::recorded(status, target) {
        known.cluster_name.get_or_insert(name);
    }
}

fn note_namespace(known: &mut TargetStatus, namespace: String) {
    if !known.namespaces.contains(&namespace) {
        known.namespaces.push(namespace);
    }
}

/// Notes what is there, also what nobody could say when it was made: whoever made it may have died.
pub(super) fn note(pass: &Pass<'_>, status: &mut ExperimentStatus, left: &Left<'_>) {
    let run = &pass.run;
    if let Some(project) = left.projects.first() {
        status.project.get_or_insert_with(|| project.name.clone());
    }
    for registration in left.registrations {
        if let Some(known) = target::recorded(status, &registration.target) {
            known.registration.get_or_insert_with(|| registration.name.clone());
        }
    }
    for kubeconfig in left.kubeconfigs.unwrap_or_default() {
        let tutorial = status.tutorial_status.get_or_insert_default();
        tutorial.kubeconfig_secrets.insert(kubeconfig.target.clone(), kubeconfig.name.clone());
    }
    for cluster in left.clusters {
        if let Some(known) = target::recorded(status, &cluster.target) {
            target::latch(known, cluster, pass.now);
        }
    }
    let own = |seen: &&NamespaceFacts| seen.owner.as_deref() == Some(run.uid);
    for known in &mut status.targets {
        let planned = known.namespace.clone();
        for namespace in
            left.namespaces.iter().filter(own).filter(|seen| Some(&seen.name) == planned.as_ref())
        {
            note_namespace(known, namespace.name.clone());
        }
        if let Some(Reach::Answers(facts)) = pass.seen.remote.get(&known.name)
            && Some(&facts.cluster_id) == known.cluster_id.as_ref()
        {
            for namespace in facts.namespaces.iter().filter(own) {
                note_namespace(known, namespace.name.clone());
            }
        }
    }
    for (component, _) in seen(status, left.applications) {
        component.sync.get_or_insert_with(|| UNJUDGED.into());
    }
    for workflow in left.workflows {
        note_workflow(pass, status, workflow);
    }
}

fn note_workflow(pass: &Pass<'_>, status: &mut ExperimentStatus, seen: &WorkflowFacts) {
    let uid = || seen.uid.clone();
    if seen.name == pass.run.workflow_name() {
        let known = status
            .workflow_status
            .get_or_insert_with(|| WorkflowStatus { name: seen.name.clone(), ..WorkflowStatus::default() });
        known.uid.get_or_insert_with(uid);
    }
    let trials = status.trials.iter_mut().flat_map(|trials| &mut trials.begun);
    for trial in trials.filter(|trial| pass.run.trial_workflow(&trial.slot.trial) == seen.name) {
        trial.workflow_uid.get_or_insert_with(uid);
    }
}

/// Returns the Application of a component.
pub(super) fn find<'a>(
    applications: &'a [ApplicationFacts],
    target: &str,
    component: &str,
) -> Option<&'a ApplicationFacts> {
    applications.iter().find(|application| application.target == target && application.component == component)
}

/// Returns the components that there are Applications of, each with its own.
pub(super) fn seen<'a>(
    status: &'a mut ExperimentStatus,
    applications: &'a [ApplicationFacts],
) -> impl Iterator<Item = (&'a mut ComponentStatus, &'a ApplicationFacts)> {
    status.targets.iter_mut().flat_map(move |target| {
        let name = &target.name;
        let components = target.components.iter_mut();
        components.filter_map(move |component| {
            let seen = find(applications, name, &component.name)?;
            Some((component, seen))
        })
    })
}
