//! `Published`: the result is public. Best effort: it never changes the outcome of a run nor delays teardown.

use super::{Pass, Step};
use testbed_api::conditions::Reason;
use testbed_api::status::ExperimentStatus;

/// Says that nothing is published: this version stores results and publishes none.
pub(super) fn publish(pass: &Pass<'_>, _: &mut ExperimentStatus) -> Step {
    if pass.run.spec.publish {
        Step::without(Reason::NotSupported, "the result is stored; this version publishes nothing")
    } else {
        Step::without(Reason::NotRequested, "")
    }
}
