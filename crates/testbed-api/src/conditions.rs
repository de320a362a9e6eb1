//! Types and reasons of the conditions of an Experiment: the words in which it says what it waits for.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::fmt;

/// Type of a condition, in the order in which a run makes them true.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
pub enum ConditionType {
    /// References are resolved and pinned in status.
    Accepted,
    /// Every target has a reachable cluster.
    ClustersReady,
    /// Every component is Healthy and Synced at its pinned revision.
    ComponentsReady,
    /// The workflow ran to its end.
    WorkflowSucceeded,
    /// The result is stored, under the digest that status names.
    ResultsStored,
    /// The result is published.
    Published,
    /// Nothing of the run is left but the Experiment and its stored result.
    CleanedUp,
    /// Summary of all: True when the run succeeded, False when it failed, Unknown until then.
    Succeeded,
}

impl ConditionType {
    /// All types, in order.
    pub const ALL: [Self; 8] = [
        Self::Accepted,
        Self::ClustersReady,
        Self::ComponentsReady,
        Self::WorkflowSucceeded,
        Self::ResultsStored,
        Self::Published,
        Self::CleanedUp,
        Self::Succeeded,
    ];

    /// Returns the name as it stands in status.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Accepted => "Accepted",
            Self::ClustersReady => "ClustersReady",
            Self::ComponentsReady => "ComponentsReady",
            Self::WorkflowSucceeded => "WorkflowSucceeded",
            Self::ResultsStored => "ResultsStored",
            Self::Published => "Published",
            Self::CleanedUp => "CleanedUp",
            Self::Succeeded => "Succeeded",
        }
    }
}

impl fmt::Display for ConditionType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

macro_rules! reasons {
    ($($(#[doc = $doc:literal])+ $name:ident,)+) => {
        /// Reason of a condition: one CamelCase word for machines, explained here for people.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
        pub enum Reason { $($(#[doc = $doc])+ $name,)+ }

        impl Reason {
            /// All reasons with their explanation, in order of declaration.
            pub const ALL: &[(Self, &'static str)] = &[$((Self::$name, concat!($($doc,)+))),+];

            /// Returns the word as it stands in status.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => stringify!($name),)+ }
            }
        }
    };
}

reasons! {
    /// A stage before this one is not finished.
    NotReached,
    /// The stage made its condition true.
    Done,
    /// The stage was left out because the run failed, expired or was deleted.
    Skipped,
    /// All references are resolved and pinned.
    SourcesPinned,
    /// The specification cannot be run as it is; the message names field and fix.
    InvalidSpec,
    /// The run would cost more than its budget, or nobody knows what it costs; the message names field and fix.
    OverBudget,
    /// Something that must be read before a decision cannot be read now.
    NotReadable,
    /// The target's cluster is there.
    ClusterReady,
    /// A cluster is being made, or claimed from those that are kept warm.
    ClusterCreating,
    /// A cluster is there, and its API server does not answer.
    ClusterUnreachable,
    /// A cluster cannot be made, or cannot be used.
    ClusterFailed,
    /// A cluster that was ready is gone, or another one has taken its place.
    TargetLost,
    /// The target waits for the targets it depends on.
    WaitingForDependency,
    /// The namespace of a target is being made.
    NamespaceCreating,
    /// A namespace of that name exists and is not ours, or is that of another target in the same cluster.
    NamespaceTaken,
    /// A component is being deployed.
    ComponentDeploying,
    /// A component is ready, and its address outside its cluster is not known yet.
    EndpointPending,
    /// The workflow is submitted and has not started.
    WorkflowPending,
    /// The workflow is running.
    WorkflowRunning,
    /// The workflow failed.
    WorkflowFailed,
    /// The workflow was deleted while the run waited for it.
    WorkflowLost,
    /// A trial is being prepared: its subject is reset, or waited for.
    TrialPreparing,
    /// A trial is running.
    TrialRunning,
    /// The last trial is over, and its samples are being read.
    TrialMeasuring,
    /// The user paused the run between two trials.
    Paused,
    /// What is left of the budget is not enough for another block; it goes on if the budget is raised in time.
    BudgetReached,
    /// No further trial is begun, and every record is stored.
    TrialsDone,
    /// The workflow template is not the one that was pinned.
    TemplateChanged,
    /// The run stays until it is deleted or its time to live ends.
    WaitingForUser,
    /// The samples of the window are still arriving in the store.
    SamplesSettling,
    /// Metrics are being read and the result written.
    Collecting,
    /// The deadline has passed, and one last attempt to store the result is made.
    LastAttempt,
    /// The result could not be stored within the deadline.
    ResultsLost,
    /// A stage did not end within its deadline.
    DeadlineExceeded,
    /// Objects of the run are being removed.
    TearingDown,
    /// Objects of the run do not go away; it is tried for ever, and someone should look.
    TeardownStuck,
    /// Nothing is left of the run.
    NothingLeft,
    /// Nothing is left of the run but what a cluster held that could not be asked any more, or what did not go from it.
    LeftBehind,
    /// It was not asked for.
    NotRequested,
    /// It was asked for, and this version cannot do it.
    NotSupported,
    /// The run was deleted before it finished.
    Deleted,
    /// The time to live ended.
    Expired,
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
