//! `ComponentsReady`: every component is Healthy and Synced at its pinned revision.

use super::{DEPLOY_DEADLINE, Effect, Pass, Step};
use crate::build;
use crate::observed::{ApplicationFacts, NamespaceFacts};
use crate::status;
use testbed_api::conditions::{ConditionType, Reason};
use testbed_api::experiment::Target;
use testbed_api::status::{ComponentStatus, ExperimentStatus};

/// Deploys every component, targets that others depend on first.
pub(super) fn deploy(pass: &Pass<'_>, status: &mut ExperimentStatus) -> Step {
    let mut step = Step::done("");
    if !status::holds(pass.persisted, ConditionType::Accepted) {
        // What is deployed is what was pinned, and pins are pins once they are persisted.
        step.wait(Reason::NotReached, "starts once the pins are recorded");
        return step;
    }
    let (namespaces, applications) = match (pass.seen.namespaces.known(), pass.seen.applications.known()) {
        (Ok(namespaces), Ok(applications)) => (namespaces, applications),
        (Err(reason), _) | (_, Err(reason)) => {
            step.wait(Reason::NotReadable, format!("what is deployed cannot be read: {reason}"));
            return step;
        }
    };
    for target in pass.run.targets() {
        let blocker = target.depends.iter().find(|name| !is_ready(pass, name, applications));
        if let Some(blocker) = blocker {
            step.wait(Reason::WaitingForDependency, format!("{}: waits for target {blocker}", target.name));
            continue;
        }
        match namespace(pass, target, namespaces, &mut step) {
            Namespace::Ready => {}
            Namespace::Waits => continue,
            Namespace::Taken(message) => return step.fail(Reason::NamespaceTaken, message),
        }
        for component in pass.run.components(&target.name) {
            if let Err(message) = self::component(pass, target, component, applications, &mut step) {
                return step.fail(Reason::InvalidSpec, message);
            }
        }
    }
    mirror(status, applications);
    match status::since(pass.persisted, ConditionType::Accepted)
        .and_then(|at| at.checked_add(DEPLOY_DEADLINE).ok())
    {
        Some(deadline) => step.deadline(deadline, pass.now),
        None => step,
    }
}

enum Namespace {
    Ready,
    Waits,
    Taken(String),
}

fn namespace(pass: &Pass<'_>, target: &Target, namespaces: &[NamespaceFacts], step: &mut Step) -> Namespace {
    let name = pass.run.namespace_of(&target.name);
    match namespaces.iter().find(|namespace| namespace.name == name) {
        Some(namespace) if namespace.owner.as_deref() != Some(pass.run.uid) => {
            Namespace::Taken(format!("{}: namespace {name} exists and is not of this run", target.name))
        }
        Some(namespace) if namespace.deleting => {
            step.wait(
                Reason::NamespaceCreating,
                format!("{}: namespace {name} is being deleted", target.name),
            );
            Namespace::Waits
        }
        Some(_) => Namespace::Ready,
        None => {
            // Applied and used in one pass: effects are carried out in order, and the first failure ends the pass.
            step.effect(Effect::Apply(build::namespace(&pass.run, target)));
            Namespace::Ready
        }
    }
}

fn component(
    pass: &Pass<'_>,
    target: &Target,
    component: &ComponentStatus,
    applications: &[ApplicationFacts],
    step: &mut Step,
) -> Result<(), String> {
    let wanted = build::application(&pass.run, target, component)?;
    let digest = build::spec_digest(&wanted["spec"]);
    let seen = find(applications, &target.name, &component.name);
    if seen.is_none_or(|seen| !seen.deleting && seen.spec_digest.as_deref() != Some(&digest)) {
        step.effect(Effect::Apply(wanted));
    }
    let who = format!("{}/{}", target.name, component.name);
    match seen {
        None => step.wait(Reason::ComponentDeploying, format!("{who}: is being deployed")),
        Some(seen) if !ready(seen, component) => {
            step.wait(Reason::ComponentDeploying, format!("{who}: {}", state(seen)))
        }
        Some(_) => {}
    }
    Ok(())
}

fn find<'a>(
    applications: &'a [ApplicationFacts],
    target: &str,
    component: &str,
) -> Option<&'a ApplicationFacts> {
    applications.iter().find(|application| application.target == target && application.component == component)
}

/// Returns whether an Application is Healthy *and* Synced at every pinned revision. Degraded or Progressing is not ready.
fn ready(seen: &ApplicationFacts, component: &ComponentStatus) -> bool {
    // A digest names its content, so it must come back as it is; a branch or a version comes back resolved.
    let mut digests = component
        .sources
        .iter()
        .filter_map(|source| source.target_revision.as_deref())
        .filter(|r| r.starts_with("sha256:"));
    seen.health.as_deref() == Some("Healthy")
        && seen.sync.as_deref() == Some("Synced")
        && !seen.deleting
        && digests.all(|digest| seen.revisions.iter().any(|revision| revision == digest))
}

/// Returns whether every component of a target is ready.
fn is_ready(pass: &Pass<'_>, target: &str, applications: &[ApplicationFacts]) -> bool {
    pass.run.components(target).iter().all(|component| {
        find(applications, target, &component.name).is_some_and(|seen| ready(seen, component))
    })
}

fn state(seen: &ApplicationFacts) -> String {
    let health = seen.health.as_deref().unwrap_or("not judged yet");
    let sync = seen.sync.as_deref().unwrap_or("not synced yet");
    match &seen.trouble {
        Some(trouble) => format!("{health}, {sync}: {trouble}"),
        None => format!("{health}, {sync}"),
    }
}

/// Copies what Argo CD says of each component into status, for people.
fn mirror(status: &mut ExperimentStatus, applications: &[ApplicationFacts]) {
    for target in &mut status.targets {
        for component in &mut target.components {
            if let Some(seen) = find(applications, &target.name, &component.name) {
                component.health.clone_from(&seen.health);
                component.sync.clone_from(&seen.sync);
            }
        }
    }
}
