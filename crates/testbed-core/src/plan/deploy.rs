//! `ComponentsReady`: every component is Healthy and Synced at its pinned revision.

use super::made;
use super::target::{self, Place, place};
use super::{DEPLOY_DEADLINE, Effect, Pass, Step};
use crate::agent;
use crate::build;
use crate::observed::{ApplicationFacts, NamespaceFacts, ObjectFacts, RemoteFacts, ServiceFacts};
use crate::status;
use std::collections::BTreeMap;
use testbed_api::conditions::{ConditionType, Reason};
use testbed_api::experiment::{Target, TutorialService};
use testbed_api::status::{ComponentStatus, ExperimentStatus, TutorialServiceStatus};

/// Deploys every component, targets that others depend on first.
pub(super) fn deploy(pass: &Pass<'_>, status: &mut ExperimentStatus) -> Step {
    let mut step = Step::done("");
    if !status::holds(pass.persisted, ConditionType::Accepted)
        || !status::holds(pass.persisted, ConditionType::ClustersReady)
    {
        // What is deployed is what was pinned, into the clusters that were found, and both are so once they are persisted.
        step.wait(Reason::NotReached, "starts once the pins and the clusters are recorded");
        return step;
    }
    if let Some((target, why)) = target::lost(pass, status) {
        return step.fail(Reason::TargetLost, format!("{target}: {why}"));
    }
    let since = status::since(pass.persisted, ConditionType::ClustersReady);
    let in_time = |step: Step| step.within(since, DEPLOY_DEADLINE, pass.now);
    let lists = (
        pass.seen.namespaces.known(),
        pass.seen.applications.known(),
        pass.seen.projects.known(),
        pass.seen.registrations.known(),
        pass.seen.kubeconfigs.known(),
    );
    let (Ok(namespaces), Ok(applications), Ok(projects), Ok(registrations), Ok(kubeconfigs)) = lists else {
        let reasons =
            [lists.0.err(), lists.1.err(), lists.2.err(), lists.3.err(), lists.4.err()].into_iter().flatten();
        let reason = reasons.into_iter().next().unwrap_or_default();
        step.unreadable(pass, format!("what is deployed cannot be read: {reason}"));
        return in_time(step);
    };
    if let Some(message) = target::taken(pass, namespaces) {
        return step.fail(Reason::NamespaceTaken, message);
    }
    let servers = target::servers(pass);
    project(pass, &servers, projects, &mut step);
    for target in pass.run.targets() {
        let blocker = target.depends.iter().find(|name| !is_ready(pass, name, applications));
        if let Some(blocker) = blocker {
            step.wait(Reason::WaitingForDependency, format!("{}: waits for target {blocker}", target.name));
            continue;
        }
        let server = servers.get(target.name.as_str());
        let namespaces = match place(pass, target) {
            Place::Hub => namespaces,
            Place::Remote(facts) => {
                register(pass, target, facts, registrations, &mut step);
                &facts.namespaces
            }
            Place::Silent(reason) => {
                step.wait(Reason::ClusterUnreachable, format!("{}: {reason}", target.name));
                continue;
            }
        };
        if !self::namespaces(pass, target, namespaces, &mut step) {
            continue;
        }
        if let Place::Remote(facts) = place(pass, target) {
            prepare(pass, target, facts, kubeconfigs, &mut step);
        }
        for component in pass.run.components(&target.name) {
            if let Err(message) = self::component(pass, target, server, component, applications, &mut step) {
                return step.fail(Reason::InvalidSpec, message);
            }
        }
        if let Place::Remote(facts) = place(pass, target) {
            show(pass, target, facts, status, &mut step);
        }
    }
    mirror(status, applications);
    tutorial(pass, status);
    if let Some(loss) = target::next_loss(status) {
        step.wake(loss);
    }
    in_time(step)
}

/// The run's own project of Argo CD, which says what it may deploy, and where.
fn project(pass: &Pass<'_>, servers: &BTreeMap<&str, String>, projects: &[ObjectFacts], step: &mut Step) {
    let wanted = build::project(&pass.run, servers);
    let digest = build::spec_digest(&wanted["spec"]);
    if !projects.iter().any(|seen| seen.digest.as_deref() == Some(&digest)) {
        step.effect(Effect::Apply(wanted));
    }
}

/// Argo CD knows the target's cluster, by the credentials of now.
pub(super) fn register(
    pass: &Pass<'_>,
    target: &Target,
    facts: &RemoteFacts,
    registrations: &[ObjectFacts],
    step: &mut Step,
) {
    let cluster = target::known(pass, &target.name).and_then(|known| known.cluster_name.as_ref());
    let Some(name) = cluster.filter(|_| !pass.run.components(&target.name).is_empty()) else { return };
    let seen = registrations.iter().find(|seen| seen.target == target.name);
    if seen.is_none_or(|seen| seen.digest.as_deref() != Some(&facts.credentials)) {
        step.effect(Effect::Register { target: target.name.clone(), name: name.clone() });
    }
}

/// What a target needs beside its components: the token by which its agent writes, and a way in for the user.
fn prepare(
    pass: &Pass<'_>,
    target: &Target,
    facts: &RemoteFacts,
    kubeconfigs: &[ObjectFacts],
    step: &mut Step,
) {
    if agent::is_observed(target) && facts.token.is_none() {
        step.effect(Effect::GrantWrite { target: target.name.clone() });
    }
    if agent::joins_tailnet(target) && !facts.joins_tailnet {
        step.effect(Effect::GrantTailnet { target: target.name.clone() });
    }
    let exposed = pass.run.spec.tutorial.as_ref().is_some_and(|tutorial| tutorial.expose_kubeconfig);
    let known = kubeconfigs.iter().find(|seen| seen.target == target.name);
    if exposed && known.is_none_or(|seen| seen.digest.as_deref() != Some(&facts.credentials)) {
        let name = pass.run.kubeconfig_of(&target.name);
        step.effect(Effect::ShowKubeconfig { target: target.name.clone(), name });
    }
}

/// Shows the Services of a target that others want to reach to the outside, and notes their addresses.
fn show(
    pass: &Pass<'_>,
    target: &Target,
    facts: &RemoteFacts,
    status: &mut ExperimentStatus,
    step: &mut Step,
) {
    let components = target::recorded(status, &target.name).map(|known| &mut known.components);
    let mut components = components;
    for (name, port) in pass.run.exposed(target) {
        let shown = facts.services.iter().find(|service| service.exposes.as_deref() == Some(&name));
        let Some(shown) = shown else {
            let service =
                facts.services.iter().find(|service| service.name == name && service.exposes.is_none());
            match service.and_then(|service| build::exposure(&pass.run, target, service, port)) {
                Some(object) => {
                    step.effect(Effect::ApplyIn { target: target.name.clone(), object });
                    step.wait(
                        Reason::EndpointPending,
                        format!("{}: Service {name} is being shown to the outside", target.name),
                    );
                }
                None => step.wait(
                    Reason::EndpointPending,
                    format!(
                        "{}: Service {name}, which is to be reached from outside, is not there",
                        target.name
                    ),
                ),
            }
            continue;
        };
        let Some(address) = address(shown, facts) else {
            step.wait(
                Reason::EndpointPending,
                format!("{}: Service {name} has no address outside its cluster yet", target.name),
            );
            continue;
        };
        for component in components.iter_mut().flat_map(|components| components.iter_mut()) {
            if component.endpoint.as_ref().is_some_and(|endpoint| endpoint.service == name) {
                component.address = Some(address.clone());
            }
        }
    }
}

/// Returns the address of a Service that is shown to the outside, `host:port`.
pub(super) fn address(shown: &ServiceFacts, facts: &RemoteFacts) -> Option<String> {
    let port = shown.ports.first()?;
    if let Some(ingress) = &shown.ingress {
        return Some(format!("{ingress}:{}", port["port"].as_u64()?));
    }
    Some(format!("{}:{}", facts.addresses.first()?, port["nodePort"].as_u64()?))
}

/// Says where a person who follows along finds things.
fn tutorial(pass: &Pass<'_>, status: &mut ExperimentStatus) {
    let Some(tutorial) = &pass.run.spec.tutorial else { return };
    let endpoint = |service: &TutorialService| -> Option<String> {
        let target = pass.run.spec.targets.iter().find(|target| target.name == service.target)?;
        match place(pass, target) {
            Place::Remote(facts) => {
                let shown =
                    facts.services.iter().find(|seen| seen.exposes.as_deref() == Some(&service.service))?;
                Some(format!("http://{}", address(shown, facts)?))
            }
            Place::Hub => {
                let port = service.port.map(|port| format!(":{port}")).unwrap_or_default();
                Some(format!("http://{}.{}.svc{port}", service.service, pass.run.namespace_of(&target.name)))
            }
            Place::Silent(_) => None,
        }
    };
    let services = tutorial.services.iter().map(|service| {
        let endpoint = endpoint(service);
        TutorialServiceStatus { name: service.name.clone(), ready: endpoint.is_some(), endpoint }
    });
    let services = services.collect();
    status.tutorial_status.get_or_insert_default().services = services;
}

/// Sees to the namespaces of a target; returns whether they can be used.
fn namespaces(pass: &Pass<'_>, target: &Target, seen: &[NamespaceFacts], step: &mut Step) -> bool {
    let needed = build::namespaces(&pass.run, target);
    if let Some(ending) = target::among(&needed, seen).find(|seen| seen.deleting) {
        step.wait(
            Reason::NamespaceCreating,
            format!("{}: namespace {} is being deleted", target.name, ending.name),
        );
        return false;
    }
    // Applied and used in one pass: effects are carried out in order, and the first failure ends the pass.
    for object in
        needed.into_iter().filter(|needed| !seen.iter().any(|seen| target::is_named(needed, &seen.name)))
    {
        step.effect(if pass.run.is_on_hub(&target.name) {
            Effect::Apply(object)
        } else {
            Effect::ApplyIn { target: target.name.clone(), object }
        });
    }
    true
}

fn component(
    pass: &Pass<'_>,
    target: &Target,
    server: Option<&String>,
    component: &ComponentStatus,
    applications: &[ApplicationFacts],
    step: &mut Step,
) -> Result<(), String> {
    let wanted = build::application(&pass.run, target, server, component)?;
    let digest = build::spec_digest(&wanted["spec"]);
    let seen = made::find(applications, &target.name, &component.name);
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

/// Returns whether every component of a target is ready, and can be reached by those who refer to it.
fn is_ready(pass: &Pass<'_>, target: &str, applications: &[ApplicationFacts]) -> bool {
    let components = pass.run.components(target);
    let spec = pass.run.spec.targets.iter().find(|candidate| candidate.name == target);
    let exposed = spec.map(|spec| pass.run.exposed(spec)).unwrap_or_default();
    components.iter().all(|component| {
        let wanted =
            component.endpoint.as_ref().is_some_and(|endpoint| exposed.contains_key(&endpoint.service));
        made::find(applications, target, &component.name).is_some_and(|seen| ready(seen, component))
            && (!wanted || component.address.is_some())
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
    for (component, seen) in made::seen(status, applications) {
        component.health.clone_from(&seen.health);
        component.sync = Some(seen.sync.clone().unwrap_or_else(|| made::UNJUDGED.into()));
    }
}
