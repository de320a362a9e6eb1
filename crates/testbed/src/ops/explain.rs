//! What a run waits for, and why.

use anyhow::Result;
use jiff::Timestamp;
use k8s_openapi::api::core::v1::{ContainerStatus, Pod};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::api::{Api, ListParams};
use kube::{Client, ResourceExt};
use serde::Serialize;
use testbed_api::conditions::{ConditionType, Reason};
use testbed_api::status::Phase;
use testbed_api::{Experiment, labels};
use testbed_core::build::WORKFLOW_NAMESPACE;
use testbed_core::certificate;

/// Why a run is where it is.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Explanation {
    /// Name of the run.
    pub(crate) run: String,
    /// Where it stands.
    pub(crate) phase: &'static str,
    /// What it waits for, in a sentence.
    pub(crate) sentence: String,
    /// The condition it waits for, if it waits.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) condition: Option<Condition>,
    /// Pods of the run that are not well, each with its reason.
    pub(crate) pods: Vec<String>,
}

/// Returns the condition a run waits for: the first, in order, that is neither true nor passed over.
pub(crate) fn waits_for(run: &Experiment) -> Option<&Condition> {
    let over =
        [Reason::NotRequested, Reason::NotSupported, Reason::Skipped, Reason::Deleted, Reason::Expired]
            .map(Reason::as_str);
    let status = run.status.as_ref()?;
    let failed_at = status.failure.as_ref().map(|failure| failure.stage.as_str());
    status
        .conditions
        .iter()
        .filter(|condition| condition.type_ != ConditionType::Succeeded.as_str())
        .filter(|condition| Some(condition.type_.as_str()) != failed_at)
        // A stage that was not reached has nothing to say of itself.
        .filter(|condition| {
            !(condition.reason == Reason::NotReached.as_str() && condition.message.is_empty())
        })
        .find(|condition| condition.status != "True" && !over.contains(&condition.reason.as_str()))
}

/// Returns where a run stands, in a sentence.
pub(crate) fn sentence(run: &Experiment, now: Timestamp) -> String {
    let name = run.name_any();
    let Some(status) = &run.status else {
        return format!("{name} was created and the operator has not seen it yet");
    };
    let waiting = waits_for(run).map(|condition| {
        let what = if condition.message.is_empty() {
            "a stage before it".to_owned()
        } else {
            condition.message.clone()
        };
        let since = crate::cli::output::age(now.duration_since(condition.last_transition_time.0));
        format!("{} is {} for {since} ({}): {what}", condition.type_, condition.status, condition.reason)
    });
    match (&status.failure, status.resources_cleaned == Some(true), waiting) {
        (Some(failure), true, _) => {
            format!("{name} failed at {} ({}): {}", failure.stage, failure.reason, failure.message)
        }
        (Some(failure), false, waiting) => format!(
            "{name} failed at {} ({}): {}; {}",
            failure.stage,
            failure.reason,
            failure.message,
            waiting.unwrap_or_else(|| "it is being torn down".into())
        ),
        (None, true, _) => {
            let remains = certificate::remains(status, "it");
            match &status.hypothesis_result {
                Some(result) => format!("{name} is complete and {remains}; the hypothesis is {result}"),
                None => format!("{name} is complete and {remains}"),
            }
        }
        (None, false, Some(waiting)) => format!("{name} waits: {waiting}"),
        (None, false, None) => format!("{name} goes on with its next stage"),
    }
}

/// Explains where a run stands; looks at its pods too.
pub(crate) async fn explain(client: &Client, run: &Experiment) -> Result<Explanation> {
    let mut pods = Vec::new();
    let uid = run.uid().unwrap_or_default();
    let targets = run.status.iter().flat_map(|status| &status.targets);
    let namespaces = targets.filter_map(|target| target.namespace.clone());
    for namespace in namespaces {
        let api: Api<Pod> = Api::namespaced(client.clone(), &namespace);
        pods.extend(api.list(&ListParams::default()).await?.iter().filter_map(trouble));
    }
    let api: Api<Pod> = Api::namespaced(client.clone(), WORKFLOW_NAMESPACE);
    let own = ListParams::default().labels(&format!("{}={uid}", labels::EXPERIMENT_UID));
    pods.extend(api.list(&own).await?.iter().filter_map(trouble));
    Ok(Explanation {
        run: run.name_any(),
        phase: run.status.as_ref().and_then(|status| status.phase).map_or("Pending", Phase::as_str),
        sentence: sentence(run, Timestamp::now()),
        condition: waits_for(run).cloned(),
        pods,
    })
}

/// Returns what is wrong with a pod, if anything is.
fn trouble(pod: &Pod) -> Option<String> {
    let status = pod.status.as_ref()?;
    if status.phase.as_deref() == Some("Succeeded") {
        return None;
    }
    let name = format!("{}/{}", pod.namespace().unwrap_or_default(), pod.name_any());
    let unscheduled = status
        .conditions
        .iter()
        .flatten()
        .find(|condition| condition.type_ == "PodScheduled" && condition.status == "False");
    if let Some(condition) = unscheduled {
        return Some(format!(
            "{name}: not scheduled: {}",
            condition.message.as_deref().unwrap_or("no reason given")
        ));
    }
    let containers =
        status.init_container_statuses.iter().flatten().chain(status.container_statuses.iter().flatten());
    containers.filter_map(container_trouble).next().map(|said| format!("{name}: {said}"))
}

fn container_trouble(container: &ContainerStatus) -> Option<String> {
    let state = container.state.as_ref()?;
    let name = &container.name;
    if let Some(waiting) =
        state.waiting.as_ref().filter(|waiting| waiting.reason.as_deref() != Some("PodInitializing"))
    {
        let reason = waiting.reason.as_deref().unwrap_or("waiting");
        let message = waiting.message.as_deref().map_or_else(String::new, |message| format!(": {message}"));
        return Some(format!("container {name} is {reason}{message}"));
    }
    if let Some(ended) = state.terminated.as_ref().filter(|ended| ended.exit_code != 0) {
        return Some(format!(
            "container {name} ended with code {} ({})",
            ended.exit_code,
            ended.reason.as_deref().unwrap_or("no reason")
        ));
    }
    (container.restart_count > 0)
        .then(|| format!("container {name} was restarted {} times", container.restart_count))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that cannot go on panics")]

    use super::*;
    use serde_json::json;

    #[test]
    fn a_run_that_is_over_says_what_it_had_to_leave_behind() {
        let run = |left: &[&str]| -> Experiment {
            serde_json::from_value(json!({
                "metadata": {"name": "a"}, "spec": {"targets": [], "workflow": {"template": "t", "completion": {"mode": "workflow"}}},
                "status": {"resourcesCleaned": true, "targets": [{"name": "app", "leftBehind": left}]},
            }))
            .unwrap()
        };
        assert_eq!(sentence(&run(&[]), Timestamp::now()), "a is complete and nothing is left of it");
        assert_eq!(
            sentence(&run(&["Namespace x"]), Timestamp::now()),
            "a is complete and nothing is left of it but what may be there still: Namespace x in target app"
        );
    }
}
