//! `CleanedUp`: nothing is left of the run but the Experiment and its stored result.

use super::made;
use super::target::{self, Place, place};
use super::{
    CertifyRequest, ChildKind, Effect, LOOK_AGAIN, OUTLIVES, ObjectRef, Pass, SETTLES, Step, TEARDOWN_ALARM,
    balancer, disk,
};
use crate::agent;
use crate::build::{self, ARGOCD_NAMESPACE, CLUSTER_NAMESPACE, WORKFLOW_NAMESPACE};
use crate::certificate;
use crate::observed::{
    ApplicationFacts, ClusterFacts, NamespaceFacts, ObjectFacts, Reach, RemoteFacts, Seen, ServiceFacts,
    WorkflowFacts,
};
use crate::status;
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use std::collections::BTreeSet;
use testbed_api::Experiment;
use testbed_api::conditions::{ConditionType, Reason};
use testbed_api::experiment::{ClusterType, Target};
use testbed_api::status::ExperimentStatus;

/// How long after the begin of teardown a store that cannot be reached may hold up its end.
const PROOF_DEADLINE: SignedDuration = SignedDuration::from_mins(5);

/// How long after the begin of teardown what takes away what others made elsewhere waits for them.
const CLEARS_UP: SignedDuration = SignedDuration::from_mins(5);

/// How long after the begin of teardown the hooks that Argo CD runs last hold up their namespaces in a cluster that goes.
const LAST_HOOKS: SignedDuration = SignedDuration::from_mins(10);

/// Everything that was made for the run and is still there.
pub(super) struct Left<'a> {
    pub(super) workflows: &'a [WorkflowFacts],
    pods: &'a [String],
    pub(super) applications: &'a [ApplicationFacts],
    pub(super) namespaces: &'a [NamespaceFacts],
    pub(super) registrations: &'a [ObjectFacts],
    pub(super) projects: &'a [ObjectFacts],
    pub(super) clusters: &'a [ClusterFacts],
    /// Those that were shown to the user, or why they cannot be read. They lie where the Experiment does: who may read
    /// there is for others to say, and nothing that costs waits for it.
    pub(super) kubeconfigs: Result<&'a [ObjectFacts], &'a str>,
    leftovers: &'a [String],
}

/// Removes what the run made: load first, then what it was driven at, then the places they were in, then their clusters,
/// then the ways to them.
///
/// It is over only when fresh lists by label are empty, and what our own list names is gone; a list that cannot be read is
/// not an empty one. It has no deadline: what exists is removed, however long that takes.
pub(super) fn teardown(pass: &Pass<'_>, status: &mut ExperimentStatus) -> Step {
    let mut step = Step::done("");
    if !may_begin(&pass.seen.experiment, pass.persisted, pass.now) {
        step.wait(Reason::NotReached, "begins once the end of the run is recorded");
        return step;
    }
    let left = match left(pass) {
        Ok(left) => left,
        Err(reason) => {
            step.unreadable(pass, format!("what is left cannot be read: {reason}"));
            return step;
        }
    };
    made::note(pass, status, &left);
    if certificate::made(&pass.run, status) != certificate::made(&pass.run, pass.persisted) {
        // Once it is deleted, nobody could tell any more that it was there.
        step.wait(Reason::TearingDown, "what was made is being recorded");
        return step;
    }
    for workflow in left.workflows {
        let namespace = Some(WORKFLOW_NAMESPACE);
        remove(&mut step, ChildKind::Workflow, namespace, &workflow.name, &workflow.uid, workflow.deleting);
    }
    if let Some(pod) = left.pods.first() {
        step.wait(Reason::TearingDown, format!("pod {pod} is being removed"));
    }
    status.teardown_began_at.get_or_insert(Time(pass.now));
    let busy = deployed(pass, &left, status, &mut step);
    access(pass, &left, &busy, status, &mut step);
    if step.is_done() {
        return certify(pass, status, step);
    }
    alarm(pass, step)
}

/// Nothing was seen any more: that is looked at once more, and put on record.
fn certify(pass: &Pass<'_>, status: &ExperimentStatus, mut step: Step) -> Step {
    let until = began(pass).and_then(|began| began.checked_add(PROOF_DEADLINE).ok());
    step.effect(Effect::Certify(Box::new(CertifyRequest {
        made: certificate::made(&pass.run, status),
        left_behind: certificate::left_behind(status),
        asked: certificate::asked(&pass.run, status),
        prefix: (!super::unwanted(pass)).then(|| pass.run.results_prefix()),
        give_up: until.is_some_and(|until| pass.now >= until),
    })));
    // What cannot be had is asked for again anyway.
    let reason = if is_overdue(pass) { Reason::TeardownStuck } else { Reason::TearingDown };
    step.wait(reason, "the proof that nothing is left is being stored");
    step
}

fn left<'a>(pass: &'a Pass<'_>) -> Result<Left<'a>, String> {
    fn known<T>(seen: &Seen<Vec<T>>) -> Result<&[T], String> {
        seen.known().map(Vec::as_slice).map_err(str::to_owned)
    }
    let seen = pass.seen;
    Ok(Left {
        workflows: known(&seen.workflows)?,
        pods: known(&seen.workflow_pods)?,
        applications: known(&seen.applications)?,
        namespaces: known(&seen.namespaces)?,
        registrations: known(&seen.registrations)?,
        projects: known(&seen.projects)?,
        clusters: known(&seen.clusters)?,
        kubeconfigs: seen.kubeconfigs.known().map(Vec::as_slice),
        leftovers: known(&seen.leftovers)?,
    })
}

/// Workloads, what shows them to the outside, and the namespaces they are in. Returns the targets that must stay until
/// something in them is gone.
fn deployed<'a>(
    pass: &'a Pass<'_>,
    left: &Left<'_>,
    status: &mut ExperimentStatus,
    step: &mut Step,
) -> BTreeSet<&'a str> {
    let run = &pass.run;
    let mut busy = BTreeSet::new();
    for target in run.spec.targets.iter().filter(|target| !run.is_on_hub(&target.name)) {
        let is_busy = match answering(pass, target, left) {
            // It costs for as long as it is there, whatever does not go from it.
            Some(facts) if target.cluster.kind.is_made() && is_overdue(pass) => {
                unregister(pass, target, left, step);
                give_up(pass, target, outliving(target, facts), status, step)
            }
            Some(facts) => {
                if let Some(known) = target::recorded(status, &target.name) {
                    known.left_behind.clear();
                }
                renew(pass, target, facts, left, step);
                within(pass, target, facts, left, step)
            }
            None => match lost(pass, target, left) {
                Lost::Perhaps { message, until } => {
                    step.wait(Reason::TearingDown, message);
                    if let Some(until) = until {
                        step.wake(until);
                    }
                    true
                }
                Lost::Nothing => {
                    unregister(pass, target, left, step);
                    false
                }
                Lost::Surely(what) => {
                    unregister(pass, target, left, step);
                    give_up(pass, target, what, status, step)
                }
            },
        };
        if is_busy {
            step.look_again(pass.now);
            busy.insert(target.name.as_str());
        }
    }
    for application in left.applications {
        let (name, uid) = (&application.name, &application.uid);
        if application.operation.as_deref() == Some("Running") {
            // Argo CD ends what it began before it deletes, and one that cannot succeed is tried for ever.
            step.effect(Effect::StopSync(object(ChildKind::Application, Some(ARGOCD_NAMESPACE), name, uid)));
            step.look_again(pass.now);
        }
        if let Some(until) = clears_up_until(pass, left, application).filter(|_| !application.deleting) {
            let message = format!("application {name} stays until the others of its target are gone");
            step.wait(Reason::TearingDown, message);
            step.wake(until);
            continue;
        }
        remove(step, ChildKind::Application, Some(ARGOCD_NAMESPACE), name, uid, application.deleting);
    }
    // After its Applications, which put back what vanishes under them until they are being deleted themselves; but not
    // after their end: Kubernetes lets a deleted namespace rest for five seconds, in which they have time to finish.
    let own = left.namespaces.iter().filter(|namespace| namespace.owner.as_deref() == Some(run.uid));
    for namespace in own.filter(|namespace| namespace.deleting || !is_hooked(pass, left, &namespace.name)) {
        remove(step, ChildKind::Namespace, None, &namespace.name, &namespace.uid, namespace.deleting);
    }
    busy
}

/// Returns whether Argo CD has hooks to run last in a namespace: without it they could not be.
fn is_hooked(pass: &Pass<'_>, left: &Left<'_>, namespace: &str) -> bool {
    let mut hooked = left.applications.iter().filter(|application| application.has_last_hooks);
    hooked.any(|application| pass.run.namespace_of(&application.target) == namespace)
}

/// Returns until when an Application stays that alone can take away what others of its target made, and they are there still.
/// What does not go holds it up only for a while, so that what is in its own place has time to go as well.
fn clears_up_until(pass: &Pass<'_>, left: &Left<'_>, application: &ApplicationFacts) -> Option<Timestamp> {
    let is_other =
        |other: &ApplicationFacts| other.target == application.target && !agent::clears_up(&other.component);
    let is_awaited = agent::clears_up(&application.component) && left.applications.iter().any(is_other);
    still(pass, CLEARS_UP).filter(|_| is_awaited)
}

/// Argo CD takes away what it deployed by the credentials that it was told, and those of some clouds last for minutes.
fn renew(pass: &Pass<'_>, target: &Target, facts: &RemoteFacts, left: &Left<'_>, step: &mut Step) {
    let is_deployed = left.applications.iter().any(|application| application.target == target.name);
    let is_known = left.registrations.iter().any(|seen| seen.target == target.name && !seen.deleting);
    if is_deployed && is_known {
        super::deploy::register(pass, target, facts, left.registrations, step);
    }
}

/// Returns what a target says that can still be asked, and is the one that it was.
fn answering<'a>(pass: &'a Pass<'_>, target: &Target, left: &Left<'_>) -> Option<&'a RemoteFacts> {
    let cluster = target::cluster(left.clusters, &target.name);
    let doomed =
        target.cluster.kind.is_made() && cluster.is_none_or(|cluster| cluster.deleting || cluster.dead);
    let known = target::known(pass, &target.name).and_then(|known| known.cluster_id.as_ref());
    match place(pass, target) {
        Place::Remote(facts) if !doomed && known == Some(&facts.cluster_id) => Some(facts),
        _ => None,
    }
}

/// What was made in a target by ourselves, and what a cloud made for that: load balancers and disks, which go with the
/// namespaces that they are for, but not with a cluster. One on the hub's own machine takes all along.
fn within(pass: &Pass<'_>, target: &Target, facts: &RemoteFacts, left: &Left<'_>, step: &mut Step) -> bool {
    if target.cluster.kind == ClusterType::Local {
        return false;
    }
    for service in facts.services.iter().filter(|service| service.exposes.is_some()) {
        let what = object(ChildKind::Service, Some(&service.namespace), &service.name, &service.uid);
        remove_in(step, target, what, service.deleting);
    }
    let is_own = |namespace: &&NamespaceFacts| namespace.owner.as_deref() == Some(pass.run.uid);
    let of_target = || left.applications.iter().filter(|seen| seen.target == target.name);
    // A cluster that goes takes hooks along: what is in their namespaces must have gone before.
    let hooks_until = still(pass, LAST_HOOKS).filter(|_| target.cluster.kind.is_made());
    let has_time = hooks_until.is_some() || !target.cluster.kind.is_made();
    let has_last_hooks = has_time && of_target().any(|seen| seen.has_last_hooks);
    // Another target may be in the same cluster, and its namespace is seen here too.
    let is_a_place = |name: &str| {
        let mut targets = pass.run.spec.targets.iter();
        targets.any(|other| pass.run.namespace_of(&other.name) == name)
    };
    if let Some(until) = hooks_until.filter(|_| has_last_hooks) {
        step.wake(until);
    }
    let clears_up = of_target().find(|seen| clears_up_until(pass, left, seen).is_some());
    let is_needed = |namespace: &NamespaceFacts| {
        (has_time && is_hooked(pass, left, &namespace.name))
            || (has_last_hooks && !is_a_place(&namespace.name))
            || clears_up.is_some_and(|seen| agent::namespace(&seen.component) == Some(&namespace.name))
    };
    for namespace in facts.namespaces.iter().filter(is_own).filter(|seen| seen.deleting || !is_needed(seen)) {
        let what = object(ChildKind::Namespace, None, &namespace.name, &namespace.uid);
        remove_in(step, target, what, namespace.deleting);
    }
    if let Some(volume) = facts.volumes.first() {
        let message = format!("PersistentVolume {volume} in target {} is being removed", target.name);
        step.wait(Reason::TearingDown, message);
    }
    let is_exposed = facts.services.iter().any(|service| service.exposes.is_some());
    if is_exposed || facts.namespaces.iter().any(|seen| is_own(&seen)) || !facts.volumes.is_empty() {
        return true;
    }
    if !target.cluster.kind.is_made() {
        return false;
    }
    // A disk that was being made when its claim went is no PersistentVolume yet. Where it is not on record when teardown
    // began, it was a moment ago.
    let Some(until) = still(pass, SETTLES) else { return false };
    let message = format!("target {} stays until {until}, for disks that are being made still", target.name);
    step.wait(Reason::TearingDown, message);
    step.wake(until);
    true
}

/// Returns when so much time has passed since teardown began, if that is yet to come. Where the begin is not on record, it
/// is now.
fn still(pass: &Pass<'_>, patience: SignedDuration) -> Option<Timestamp> {
    let until = began(pass).unwrap_or(pass.now).checked_add(patience).ok()?;
    (pass.now < until).then_some(until)
}

/// Returns what a cloud made for a cluster that is there still, and would stay without it.
fn outliving(target: &Target, facts: &RemoteFacts) -> Vec<String> {
    if target.cluster.kind == ClusterType::Local {
        return Vec::new();
    }
    let is_balanced = |service: &&ServiceFacts| {
        service.exposes.is_some() || service.is_balancer || service.ingress.is_some()
    };
    let services = facts.services.iter().filter(is_balanced);
    let balancers = services.map(|service| balancer(&service.name));
    let disks = facts.volumes.iter().map(|volume| disk(volume));
    balancers.chain(disks).collect()
}

/// Goes on without what may outlive a cluster. That is put on record before the cluster goes: nobody could tell afterwards.
/// Returns whether it is not yet.
fn give_up(
    pass: &Pass<'_>,
    target: &Target,
    what: Vec<String>,
    status: &mut ExperimentStatus,
    step: &mut Step,
) -> bool {
    let is_on_record =
        target::known(pass, &target.name).is_some_and(|persisted| persisted.left_behind == what);
    if let Some(known) = target::recorded(status, &target.name) {
        known.left_behind = what;
    }
    if !is_on_record {
        step.wait(Reason::TearingDown, format!("what may outlive target {} is being recorded", target.name));
    }
    !is_on_record
}

/// What becomes of what was made in the cluster of a target that does not answer.
enum Lost {
    /// There is nothing that would outlive the cluster.
    Nothing,
    /// It may answer yet: what to say, and until when it is waited for if there is an end.
    Perhaps { message: String, until: Option<Timestamp> },
    /// It is not waited for any longer, and this may be there still.
    Surely(Vec<String>),
}

/// A cluster that the lab made takes along what is in it, but for what its cloud made for it, which goes only if the
/// cluster is asked: so it is given time. A cluster of someone else stays, and what is in it too until it is asked: so it
/// is waited for without end, unless its owner took the way to it away.
fn lost(pass: &Pass<'_>, target: &Target, left: &Left<'_>) -> Lost {
    let Some(known) = target::known(pass, &target.name).filter(|known| known.cluster_id.is_some()) else {
        return Lost::Nothing;
    };
    let (until, waits) = (alarm_at(pass), !is_overdue(pass));
    let name = &target.name;
    match target.cluster.kind {
        ClusterType::Hub | ClusterType::Local => Lost::Nothing,
        ClusterType::Existing if !certificate::may_stay(&pass.run, pass.persisted, known) => Lost::Nothing,
        ClusterType::Existing => {
            let needed = build::namespaces(&pass.run, target);
            let names = needed.iter().filter_map(|namespace| namespace["metadata"]["name"].as_str());
            let left: Vec<String> = names.map(|name| format!("Namespace {name}")).collect();
            let (what, are) = (left.join(", "), if left.len() == 1 { "is" } else { "are" });
            let secret = target.cluster.kubeconfig_secret.as_deref().unwrap_or_default();
            let (reason, is_open) = match pass.seen.remote.get(name) {
                Some(Reach::Silent(reason)) => (reason.as_str(), true),
                Some(Reach::Closed(reason)) => (reason.as_str(), false),
                Some(Reach::Answers(_)) => ("another cluster has taken the place of its own", false),
                None => ("there is no way to it", false),
            };
            let message = if is_open {
                format!(
                    "target {name} does not answer, and {what} {are} in it still ({reason}); if that cluster is no \
                     more, delete Secret {secret}"
                )
            } else {
                format!(
                    "target {name} cannot be asked any more, and {what} {are} left in it unless a way to it is given \
                     soon ({reason})"
                )
            };
            match (is_open, waits) {
                (true, _) => Lost::Perhaps { message, until: None },
                (false, true) => Lost::Perhaps { message, until },
                (false, false) => Lost::Surely(left),
            }
        }
        ClusterType::Gke | ClusterType::Eks | ClusterType::Aks => {
            let cluster = target::cluster(left.clusters, name);
            match cluster.filter(|cluster| !cluster.deleting) {
                // It was asked before we deleted it, or given up.
                None if known.cluster_released_at.is_some() => Lost::Nothing,
                // Others deleted it, and what its cloud made for it stays.
                None => Lost::Surely(vec![OUTLIVES.into()]),
                Some(cluster) if waits && !cluster.dead => Lost::Perhaps {
                    message: format!("target {name} does not answer; what it made itself is not removed yet"),
                    until,
                },
                Some(_) => Lost::Surely(vec![OUTLIVES.into()]),
            }
        }
    }
}

/// A target that is not asked any more is forgotten by Argo CD, which would wait for it for ever.
fn unregister(pass: &Pass<'_>, target: &Target, left: &Left<'_>, step: &mut Step) {
    let stuck = left.applications.iter().filter(|application| application.target == target.name);
    for registration in left.registrations.iter().filter(|seen| seen.target == target.name && !seen.deleting)
    {
        let (name, uid) = (&registration.name, &registration.uid);
        step.effect(Effect::Delete(object(ChildKind::Secret, Some(ARGOCD_NAMESPACE), name, uid)));
    }
    for application in stuck.filter(|application| application.deleting) {
        // Argo CD takes a moment, and what happens meanwhile is no reason to ask it again.
        let asked = application.refreshed_at.filter(|at| *at <= pass.now);
        let again = asked.and_then(|at| at.checked_add(LOOK_AGAIN).ok()).filter(|again| pass.now < *again);
        if let Some(again) = again {
            step.wake(again);
            continue;
        }
        let what =
            object(ChildKind::Application, Some(ARGOCD_NAMESPACE), &application.name, &application.uid);
        step.effect(Effect::Refresh(what));
        step.look_again(pass.now);
    }
}

/// Once nothing is deployed any more: what Argo CD knows, the clusters, and at last the ways to them.
///
/// Each cluster goes as soon as it can: it costs, and another that does not answer may take its time.
fn access(
    pass: &Pass<'_>,
    left: &Left<'_>,
    busy: &BTreeSet<&str>,
    status: &mut ExperimentStatus,
    step: &mut Step,
) {
    let is_bare = |target: &str| !left.applications.iter().any(|application| application.target == target);
    if left.applications.is_empty() {
        for project in left.projects {
            let namespace = Some(ARGOCD_NAMESPACE);
            remove(step, ChildKind::Project, namespace, &project.name, &project.uid, project.deleting);
            step.look_again(pass.now);
        }
    }
    for registration in left.registrations.iter().filter(|registration| is_bare(&registration.target)) {
        let (namespace, name) = (Some(ARGOCD_NAMESPACE), &registration.name);
        remove(step, ChildKind::Secret, namespace, name, &registration.uid, registration.deleting);
        step.look_again(pass.now);
    }
    let is_idle = |target: &str| (is_bare(target) || is_overdue(pass)) && !busy.contains(target);
    for cluster in left.clusters.iter().filter(|cluster| is_idle(&cluster.target)) {
        if let Some(known) = target::recorded(status, &cluster.target) {
            known.phase = Some("Deleting".into());
            if !cluster.deleting {
                known.cluster_released_at.get_or_insert(Time(pass.now));
            }
        }
        let spec = pass.run.spec.targets.iter().find(|target| target.name == cluster.target);
        let is_said = target::known(pass, &cluster.target)
            .is_some_and(|persisted| persisted.cluster_released_at.is_some());
        if spec.is_some_and(|target| target.cluster.kind.is_of_a_cloud()) && !is_said && !cluster.deleting {
            // That it was us stands on record before: what others delete leaves behind what its cloud made for it.
            step.wait(Reason::TearingDown, format!("that cluster {} goes is being recorded", cluster.name));
            continue;
        }
        let namespace = Some(CLUSTER_NAMESPACE);
        remove(step, ChildKind::Cluster, namespace, &cluster.name, &cluster.uid, cluster.deleting);
    }
    if let Some(first) = left.leftovers.first() {
        let count = left.leftovers.len();
        step.wait(
            Reason::TearingDown,
            match count {
                1 => format!("{first}, of which a cluster was made, is being removed"),
                _ => format!("{count} resources of clusters are being removed, such as {first}"),
            },
        );
        step.look_again(pass.now);
    }
    let are_gone = left.clusters.is_empty() && left.leftovers.is_empty();
    if are_gone {
        for known in status.targets.iter_mut().filter(|known| known.cluster_created_at.is_some()) {
            known.cluster_gone_at.get_or_insert(Time(pass.now));
        }
    }
    if are_gone && left.applications.is_empty() && busy.is_empty() {
        let kubeconfigs = left.kubeconfigs.unwrap_or_else(|reason| {
            step.unreadable(pass, format!("kubeconfigs that were shown cannot be read: {reason}"));
            &[]
        });
        for kubeconfig in kubeconfigs {
            let (namespace, name) = (Some(pass.run.namespace), &kubeconfig.name);
            remove(step, ChildKind::Secret, namespace, name, &kubeconfig.uid, kubeconfig.deleting);
            step.look_again(pass.now);
        }
    }
}

/// What does not go away is said aloud, and tried for ever.
fn alarm(pass: &Pass<'_>, mut step: Step) -> Step {
    let at = alarm_at(pass);
    if is_overdue(pass) {
        step.reword(Reason::TearingDown, Reason::TeardownStuck);
    } else if let Some(at) = at.filter(|_| !step.is_done()) {
        step.wake(at);
    }
    step
}

/// Returns when teardown will have taken for so long that someone should look.
fn alarm_at(pass: &Pass<'_>) -> Option<Timestamp> {
    began(pass)?.checked_add(TEARDOWN_ALARM).ok()
}

fn is_overdue(pass: &Pass<'_>) -> bool {
    alarm_at(pass).is_some_and(|at| pass.now >= at)
}

/// Teardown cannot be undone, so it begins only on a persisted word.
pub(super) fn may_begin(experiment: &Experiment, persisted: &ExperimentStatus, now: Timestamp) -> bool {
    status::holds(persisted, ConditionType::ResultsStored)
        || persisted.failure.is_some()
        || experiment.metadata.deletion_timestamp.is_some()
        // That its time to live is over becomes untrue if somebody makes it longer: what was begun is ended all the same.
        || persisted.teardown_began_at.is_some()
        || super::expiry(experiment).is_some_and(|expiry| now >= expiry)
}

/// Returns when teardown began, if that is on record.
fn began(pass: &Pass<'_>) -> Option<Timestamp> {
    pass.persisted.teardown_began_at.as_ref().map(|at| at.0)
}

fn remove(step: &mut Step, kind: ChildKind, namespace: Option<&str>, name: &str, uid: &str, deleting: bool) {
    if !deleting {
        step.effect(Effect::Delete(object(kind, namespace, name, uid)));
    }
    let what = format!("{kind:?}").to_lowercase();
    step.wait(Reason::TearingDown, format!("{what} {name} is being removed"));
}

fn remove_in(step: &mut Step, target: &Target, what: ObjectRef, deleting: bool) {
    let message = format!("{:?} {} in target {} is being removed", what.kind, what.name, target.name);
    if !deleting {
        step.effect(Effect::DeleteIn { target: target.name.clone(), object: what });
    }
    step.wait(Reason::TearingDown, message);
}

fn object(kind: ChildKind, namespace: Option<&str>, name: &str, uid: &str) -> ObjectRef {
    ObjectRef { kind, namespace: namespace.map(str::to_owned), name: name.to_owned(), uid: uid.to_owned() }
}
