//! Writes the status, once a pass and only if it changed, and says each change in one Event.

use crate::clients::Clients;
use kube::api::{Api, Patch, PatchParams};
use kube::runtime::events::{Event, EventType};
use kube::{Error, Resource, ResourceExt};
use serde_json::{Value, json};
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
    // Of one version, so that what is merged is what was read. To apply it as a whole costs the API server more.
    let value = |status: &ExperimentStatus| serde_json::to_value(status).map_err(Error::SerdeError);
    let read = experiment.status.as_ref().map(value).transpose()?.unwrap_or_default();
    let patch = json!({
        "metadata": {"resourceVersion": experiment.resource_version()},
        "status": difference(&read, &value(status)?),
    });
    let parameters = PatchParams { field_manager: Some(labels::OPERATOR.into()), ..PatchParams::default() };
    api.patch_status(&experiment.name_any(), &parameters, &Patch::Merge(&patch)).await?;
    for event in events(&before, status) {
        // An Event is a courtesy: the fact itself is in status.
        if let Err(error) = clients.events.publish(&event, &experiment.object_ref(&())).await {
            tracing::warn!(experiment = experiment.name_any(), %error, "failed to publish an event");
        }
    }
    Ok(true)
}

/// Returns the merge patch (RFC 7386) that makes the one value of the other. Neither may hold a null.
fn difference(before: &Value, after: &Value) -> Value {
    let (Value::Object(old), Value::Object(new)) = (before, after) else { return after.clone() };
    let gone = old.keys().filter(|key| !new.contains_key(*key)).map(|key| (key.clone(), Value::Null));
    let changed = new.iter().filter(|(key, value)| old.get(*key) != Some(value));
    let changed = changed.map(|(key, value)| {
        (key.clone(), old.get(key).map_or_else(|| value.clone(), |before| difference(before, value)))
    });
    gone.chain(changed).collect()
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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that cannot go on panics")]

    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case::nothing_was_there(json!(null), json!({"a": {"b": 1}}), json!({"a": {"b": 1}}))]
    #[case::what_stays_is_not_said(json!({"a": 1, "b": {"c": 2, "d": 3}}), json!({"a": 1, "b": {"c": 2, "d": 4}}), json!({"b": {"d": 4}}))]
    #[case::what_goes_is_null(json!({"a": 1, "b": {"c": 2, "d": 3}}), json!({"b": {"c": 2}}), json!({"a": null, "b": {"d": null}}))]
    #[case::a_list_is_one_value(json!({"a": [1, 2]}), json!({"a": [2]}), json!({"a": [2]}))]
    #[case::a_map_is_emptied(json!({"a": {"b": 1}}), json!({"a": {}}), json!({"a": {"b": null}}))]
    #[case::a_map_becomes_a_word(json!({"a": {"b": 1}}), json!({"a": "b"}), json!({"a": "b"}))]
    #[case::a_word_becomes_a_map(json!({"a": "b"}), json!({"a": {"b": 1}}), json!({"a": {"b": 1}}))]
    fn only_what_changed_is_written(#[case] before: Value, #[case] after: Value, #[case] patch: Value) {
        assert_eq!(difference(&before, &after), patch);
    }
}
