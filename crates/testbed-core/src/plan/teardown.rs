//! `CleanedUp`: nothing is left of the run but the Experiment and its stored result.

use super::{ChildKind, Effect, ObjectRef, Pass, Step};
use crate::build::{ARGOCD_NAMESPACE, WORKFLOW_NAMESPACE};
use crate::status;
use testbed_api::conditions::{ConditionType, Reason};
use testbed_api::status::ExperimentStatus;

/// Removes what the run made: load first, then what it was driven at, then the places they were in.
///
/// It is over only when fresh lists by label are empty; a list that cannot be read is not an empty one.
/// It has no deadline: what exists is removed, however long that takes.
pub(super) fn teardown(pass: &Pass<'_>, _: &mut ExperimentStatus) -> Step {
    let mut step = Step::done("nothing is left of the run").because(Reason::NothingLeft);
    if !may_begin(pass) {
        step.wait(Reason::NotReached, "begins once the end of the run is recorded");
        return step;
    }
    let seen = pass.seen;
    let lists = (
        seen.workflows.known(),
        seen.workflow_pods.known(),
        seen.applications.known(),
        seen.namespaces.known(),
    );
    let (Ok(workflows), Ok(pods), Ok(applications), Ok(namespaces)) = lists else {
        let reason = [lists.0.err(), lists.1.err(), lists.2.err(), lists.3.err()]
            .into_iter()
            .flatten()
            .next()
            .unwrap_or_default();
        step.wait(Reason::NotReadable, format!("what is left cannot be read: {reason}"));
        return step;
    };
    for workflow in workflows {
        remove(
            &mut step,
            ChildKind::Workflow,
            Some(WORKFLOW_NAMESPACE),
            &workflow.name,
            &workflow.uid,
            workflow.deleting,
        );
    }
    for application in applications {
        let (name, uid) = (&application.name, &application.uid);
        if application.operation.as_deref() == Some("Running") {
            // Argo CD ends what it began before it deletes, and one that cannot succeed is tried for ever.
            step.effect(Effect::StopSync(object(ChildKind::Application, Some(ARGOCD_NAMESPACE), name, uid)));
        }
        remove(&mut step, ChildKind::Application, Some(ARGOCD_NAMESPACE), name, uid, application.deleting);
    }
    if let Some(pod) = pods.first() {
        step.wait(Reason::TearingDown, format!("pod {pod} is being removed"));
    }
    // After its Applications, which put back what vanishes under them until they are being deleted themselves; but not
    // after their end: Kubernetes lets a deleted namespace rest for five seconds, in which they have time to finish.
    for namespace in namespaces.iter().filter(|namespace| namespace.owner.as_deref() == Some(pass.run.uid)) {
        remove(&mut step, ChildKind::Namespace, None, &namespace.name, &namespace.uid, namespace.deleting);
    }
    step
}

/// Teardown cannot be undone, so it begins only on a persisted word.
fn may_begin(pass: &Pass<'_>) -> bool {
    status::holds(pass.persisted, ConditionType::ResultsStored)
        || pass.persisted.failure.is_some()
        || pass.seen.experiment.metadata.deletion_timestamp.is_some()
        // The time to live is a function of two immutable fields and the clock: it cannot become untrue.
        || super::expiry(&pass.seen.experiment).is_some_and(|expiry| pass.now >= expiry)
}

fn remove(step: &mut Step, kind: ChildKind, namespace: Option<&str>, name: &str, uid: &str, deleting: bool) {
    if !deleting {
        step.effect(Effect::Delete(object(kind, namespace, name, uid)));
    }
    let what = format!("{kind:?}").to_lowercase();
    step.wait(Reason::TearingDown, format!("{what} {name} is being removed"));
}

fn object(kind: ChildKind, namespace: Option<&str>, name: &str, uid: &str) -> ObjectRef {
    ObjectRef { kind, namespace: namespace.map(str::to_owned), name: name.to_owned(), uid: uid.to_owned() }
}
