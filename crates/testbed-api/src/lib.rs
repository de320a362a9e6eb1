//! The vocabulary of testbed: custom resources, conditions, labels and the result schema.
//!
//! Everything that is stored or shown is a type here; nothing here decides or acts.
//! The group is `experiments.illm.io/v1alpha1`; [`Experiment`] is namespaced, [`Component`] is not.

pub mod analysis;
pub mod bundle;
pub mod certificate;
pub mod component;
pub mod conditions;
pub mod experiment;
pub mod labels;
pub mod record;
pub mod status;
pub mod summary;
pub mod trials;

pub use bundle::Bundle;
pub use certificate::Certificate;
pub use component::{Component, ComponentSpec};
pub use conditions::{ConditionType, Reason};
pub use experiment::{Experiment, ExperimentSpec};
pub use status::{ExperimentStatus, Phase};
pub use summary::Summary;

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube_core::CustomResourceExt;

/// API group of both kinds.
pub const GROUP: &str = "experiments.illm.io";
/// The one served and stored version.
pub const VERSION: &str = "v1alpha1";

/// Returns the custom resource definitions as they are installed, in a fixed order.
#[must_use]
pub fn crds() -> Vec<CustomResourceDefinition> {
    [Component::crd(), Experiment::crd()].map(without_unknown_formats).into()
}

/// Takes out the formats of unsigned numbers, which Kubernetes does not know and warns of; their ranges stay.
fn without_unknown_formats(crd: CustomResourceDefinition) -> CustomResourceDefinition {
    fn strip(value: &mut serde_json::Value) {
        match value {
            serde_json::Value::Object(map) => {
                if map
                    .get("format")
                    .and_then(|format| format.as_str())
                    .is_some_and(|format| format.starts_with("uint"))
                {
                    map.remove("format");
                }
                map.values_mut().for_each(strip);
            }
            serde_json::Value::Array(items) => items.iter_mut().for_each(strip),
            _ => {}
        }
    }
    let stripped = serde_json::to_value(&crd).and_then(|mut value| {
        strip(&mut value);
        serde_json::from_value(value)
    });
    stripped.unwrap_or(crd)
}
