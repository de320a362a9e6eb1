//! Writes the status, once a pass and only if it changed, and says each change in one Event.

use crate::clients::Clients;
use kube::api::{Api, Patch, PatchParams};
use kube::runtime::events::{Event, EventType};
use kube::{Error, Resource, ResourceExt};
use serde_json::json;
use testbed_api::conditions::{ConditionType, Reason};
use testbed_api::status::ExperimentStatus;
use testbed_api::{Experiment, labels};

/// Writes the status, if it changed; returns whether it did. Refused if the Experiment changed since it was read: then the pass is run again on what it is now.
///
/// # Errors
/// The API server refused, or could not be reached.
pub(crate) async fn report(
    clients: &Clients,
    experiment: &Experiment,
    status: &ExperimentStatus,
) -> Result<bool, Error> {
    let before = experiment.status.clone().unwrap_or_default();
    if before == *status {
        return Ok(false);
    }
    let api: Api<Experiment> =
        Api::namespaced(clients.kube.clone(), &experiment.namespace().unwrap_or_default());
    let patch = json!({
        "apiVersion": Experiment::api_version(&()),
        "kind": Experiment::kind(&()),
        "metadata": {"resourceVersion": experiment.resource_version()},
        "status": status,
    });
    let parameters = PatchParams::apply(labels::OPERATOR).force();
    api.patch_status(&experiment.name_any(), &parameters, &Patch::Apply(&patch)).await?;
    for event in events(&before, status) {
        // An Event is a courtesy: the fact itself is in status.
        if let Err(error) = clients.events.publish(&event, &experiment.object_ref(&())).await {
            tracing::warn!(experiment = experiment.name_any(), %error, "failed to publish an event");
        }
    }
    Ok(true)
}

/// Returns one Event for each condition whose value or reason changed.
fn events(before: &ExperimentStatus, after: &ExperimentStatus) -> Vec<Event> {
    after
        .conditions
        .iter()
        .filter(|condition| {
            ![Reason::NotReached, Reason::NotRequested, Reason::Skipped]
                .map(Reason::as_str)
                .contains(&&*condition.reason)
        })
        .filter(|condition| {
            let old = before.conditions.iter().find(|old| old.type_ == condition.type_);
            old.is_none_or(|old| (&old.status, &old.reason) != (&condition.status, &condition.reason))
        })
        .map(|condition| {
            let failed = after.failure.as_ref().is_some_and(|failure| failure.reason == condition.reason)
                || (condition.type_ == ConditionType::Succeeded.as_str() && condition.status == "False");
            Event {
                type_: if failed { EventType::Warning } else { EventType::Normal },
                reason: condition.reason.clone(),
                note: Some(if condition.message.is_empty() {
                    format!("{} is {}", condition.type_, condition.status)
                } else {
                    condition.message.chars().take(1000).collect()
                }),
                action: condition.type_.clone(),
                secondary: None,
            }
        })
        .collect()
}
