//! Keys of labels and annotations, the field manager and the finalizer.

/// Name of the Experiment an object belongs to.
pub const EXPERIMENT: &str = "experiments.illm.io/experiment";
/// Namespace of the Experiment an object belongs to.
pub const EXPERIMENT_NAMESPACE: &str = "experiments.illm.io/experiment-namespace";
/// UID of the Experiment an object belongs to; the only label that decides ownership.
pub const EXPERIMENT_UID: &str = "experiments.illm.io/experiment-uid";
/// Name of the target an object belongs to.
pub const TARGET: &str = "experiments.illm.io/target";
/// Name of the component an object belongs to.
pub const COMPONENT: &str = "experiments.illm.io/component";
/// Name of the trial an object belongs to.
pub const TRIAL: &str = "experiments.illm.io/trial";
/// Says that testbed made the object.
pub const MANAGED_BY: &str = "app.kubernetes.io/managed-by";
/// Value of [`MANAGED_BY`].
pub const MANAGED_BY_VALUE: &str = "testbed";
/// Field manager of server-side apply, and the finalizer on an Experiment.
pub const OPERATOR: &str = "experiments.illm.io/operator";
/// Annotation on an Experiment: `true` makes its deletion take the stored result with it.
pub const DELETE_RESULTS: &str = "experiments.illm.io/delete-results";
/// Annotation on a Component: digest of the catalog content it was published from.
pub const CATALOG_DIGEST: &str = "experiments.illm.io/catalog-digest";
/// Annotation on an Experiment: the run that it repeats, as `<name>/<SHA-256 of its summary>`.
pub const REPLAY_OF: &str = "experiments.illm.io/replay-of";
/// Label on a cluster that was made before anyone asked: [`WARM_FREE`] until a run claims it, then [`WARM_CLAIMED`].
pub const WARM: &str = "experiments.illm.io/warm";
/// Value of [`WARM`]: nobody has claimed it.
pub const WARM_FREE: &str = "free";
/// Value of [`WARM`]: a run has claimed it, and no other ever will.
pub const WARM_CLAIMED: &str = "claimed";
/// Label on a Service that shows a Service of a target to the outside: the name of the Service that it shows.
pub const EXPOSES: &str = "experiments.illm.io/exposes";
/// Annotation on an Application that Argo CD was asked to look at again: when it was asked last.
pub const REFRESHED_AT: &str = "experiments.illm.io/refreshed-at";
/// Annotation on the registration of a cluster: which credentials it was made from.
pub const CREDENTIALS: &str = "experiments.illm.io/credentials";
