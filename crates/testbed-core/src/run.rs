//! A run as the stages see it: the specification, resolved and pinned.

use crate::names;
use crate::query::{self, Variable};
use crate::reference::{Reference, ReferenceError, interpolate};
use std::collections::{BTreeMap, BTreeSet};
use testbed_api::component::Endpoint;
use testbed_api::experiment::{ClusterType, Experiment, ExperimentSpec, Metric, QueryType, Target};
use testbed_api::status::{ComponentStatus, ExperimentStatus};

/// A run: who it is, what it asks for, and what was pinned for it.
#[derive(Clone, Debug)]
pub struct Run<'a> {
    /// Name of the Experiment.
    pub name: &'a str,
    /// Namespace of the Experiment.
    pub namespace: &'a str,
    /// UID of the Experiment.
    pub uid: &'a str,
    /// What it asks for.
    pub spec: &'a ExperimentSpec,
    /// What was pinned when it was accepted; empty before.
    pinned: BTreeMap<&'a str, &'a [ComponentStatus]>,
}

/// Why an object the API server sent cannot be a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unidentified;

impl<'a> Run<'a> {
    /// Reads an Experiment as the API server sent it.
    ///
    /// # Errors
    /// It has no name, namespace or UID.
    pub fn of(experiment: &'a Experiment) -> Result<Self, Unidentified> {
        let metadata = &experiment.metadata;
        let pinned = experiment.status.iter().flat_map(|status| &status.targets);
        Ok(Self {
            name: metadata.name.as_deref().ok_or(Unidentified)?,
            namespace: metadata.namespace.as_deref().ok_or(Unidentified)?,
            uid: metadata.uid.as_deref().ok_or(Unidentified)?,
            spec: &experiment.spec,
            pinned: pinned.map(|target| (target.name.as_str(), &target.components[..])).collect(),
        })
    }

    /// Returns the targets, those that others depend on first.
    ///
    /// A dependency that is missing or part of a cycle is passed over: the first stage refuses such a run.
    #[must_use]
    pub fn targets(&self) -> Vec<&'a Target> {
        let mut ordered: Vec<&Target> = Vec::new();
        let mut left: Vec<&Target> = self.spec.targets.iter().collect();
        while !left.is_empty() {
            let (ready, waiting): (Vec<_>, Vec<_>) = left.iter().copied().partition(|target| {
                target
                    .depends
                    .iter()
                    .all(|name| *name == target.name || !left.iter().any(|other| other.name == *name))
            });
            if ready.is_empty() {
                ordered.extend(waiting);
                break;
            }
            ordered.extend(ready);
            left = waiting;
        }
        ordered
    }

    /// Returns the pinned components of a target.
    #[must_use]
    pub fn components(&self, target: &str) -> &'a [ComponentStatus] {
        self.pinned.get(target).copied().unwrap_or_default()
    }

    /// Returns the namespace a target's components are deployed into.
    #[must_use]
    pub fn namespace_of(&self, target: &str) -> String {
        namespace(self.uid, self.name, target)
    }

    /// Returns the name of the Application of a component.
    #[must_use]
    pub fn application_of(&self, target: &str, component: &str) -> String {
        names::child(self.uid, "application", &[self.name, target, component])
    }

    /// Returns the name that a cluster which is made for a target is given; a warm one that is claimed has another.
    #[must_use]
    pub fn cluster_of(&self, target: &str) -> String {
        names::cluster(self.uid, &[self.name, target])
    }

    /// Returns the name of the run's project of Argo CD.
    #[must_use]
    pub fn project(&self) -> String {
        names::child(self.uid, "project", &[self.name])
    }

    /// Returns the name of the Secret beside the Experiment by which its user reaches a target.
    #[must_use]
    pub fn kubeconfig_of(&self, target: &str) -> String {
        names::child(self.uid, "kubeconfig", &[self.name, target])
    }

    /// Returns the Services of a target with a cluster of its own that someone outside of it wants to reach: those of
    /// components that others refer to or that answer PromQL, and those of a tutorial. Each with its port, if one is named.
    #[must_use]
    pub fn exposed(&self, target: &Target) -> BTreeMap<String, Option<u16>> {
        let mut exposed = BTreeMap::new();
        if target.cluster.kind == ClusterType::Hub {
            return exposed;
        }
        let wanted = reached_from_outside(self.spec, &target.name);
        for component in self.components(&target.name) {
            let Some(endpoint) = &component.endpoint else { continue };
            if wanted.contains(component.name.as_str()) || component.metrics_store == Some(true) {
                exposed.insert(endpoint.service.clone(), Some(endpoint.port));
            }
        }
        let services = self.spec.tutorial.iter().flat_map(|tutorial| &tutorial.services);
        for service in services.filter(|service| service.target == target.name) {
            exposed.entry(service.service.clone()).or_insert(service.port);
        }
        exposed
    }

    /// Returns the name of the workflow.
    #[must_use]
    pub fn workflow_name(&self) -> String {
        names::child(self.uid, "workflow", &[self.name])
    }

    /// Returns the name of the workflow of a trial.
    #[must_use]
    pub fn trial_workflow(&self, trial: &str) -> String {
        names::child(self.uid, "workflow", &[self.name, trial])
    }

    /// Returns where the results of this run lie in the store: everything under it is this run's.
    #[must_use]
    pub fn results_prefix(&self) -> String {
        format!("runs/{}/", self.uid)
    }

    /// Replaces the references of a parameter. What stands within target `inside` reaches its neighbours by the names of
    /// their own cluster, everyone else by the addresses that are shown to the outside.
    ///
    /// # Errors
    /// The reference that cannot be resolved, as the message of a problem; the first stage refuses such a run.
    pub fn interpolate(&self, text: &str, inside: Option<&str>) -> Result<String, String> {
        let resolved = interpolate(text, |reference| match reference {
            Reference::Namespace { target } => Ok(self.namespace_of(target)),
            Reference::Endpoint { target, component } => self
                .endpoint(target, component, inside)
                .map(|(endpoint, host)| format!("{}://{host}", endpoint.scheme)),
            Reference::Address { target, component } => {
                self.endpoint(target, component, inside).map(|(_, host)| host)
            }
        });
        resolved.map_err(|error| match error {
            ReferenceError::Malformed(text) => format!("`{text}` is not a reference"),
            ReferenceError::Unresolved(message) => message,
        })
    }

    fn endpoint(
        &self,
        target: &str,
        component: &str,
        inside: Option<&str>,
    ) -> Result<(&'a Endpoint, String), String> {
        let pinned = self.components(target).iter().find(|pinned| pinned.name == component);
        let endpoint = pinned
            .and_then(|pinned| pinned.endpoint.as_ref())
            .ok_or_else(|| format!("component `{component}` of target `{target}` has no endpoint"))?;
        let far = inside != Some(target) && !self.is_on_hub(target);
        let host = if far {
            let shown = pinned.and_then(|pinned| pinned.address.clone());
            shown.ok_or_else(|| {
                format!("component `{component}` of target `{target}` has no address outside its cluster yet")
            })?
        } else {
            format!("{}.{}.svc:{}", endpoint.service, self.namespace_of(target), endpoint.port)
        };
        Ok((endpoint, host))
    }

    /// Returns whether a target is the hub itself.
    #[must_use]
    pub fn is_on_hub(&self, target: &str) -> bool {
        let found = self.spec.targets.iter().find(|candidate| candidate.name == target);
        found.is_none_or(|target| target.cluster.kind == ClusterType::Hub)
    }

    /// Returns whether a target is in a cluster of someone else, which stays, and what is in it too unless it is removed.
    #[must_use]
    pub fn is_someone_elses(&self, target: &str) -> bool {
        let found = self.spec.targets.iter().find(|candidate| candidate.name == target);
        found.is_some_and(|target| target.cluster.kind == ClusterType::Existing)
    }
}

/// Returns the namespace that the components of a target of a run are deployed into.
#[must_use]
pub fn namespace(uid: &str, name: &str, target: &str) -> String {
    names::child(uid, "namespace", &[name, target])
}

/// Returns the metrics of an Experiment: its own, or CPU and memory per pod if it names none.
#[must_use]
pub fn metrics(spec: &ExperimentSpec) -> Vec<Metric> {
    if !spec.metrics.is_empty() {
        return spec.metrics.clone();
    }
    let default = |name: &str, unit: &str, description: &str, query: &str| Metric {
        name: name.into(),
        query: query.into(),
        kind: QueryType::Instant,
        unit: Some(unit.into()),
        description: Some(description.into()),
        ..Metric::default()
    };
    vec![
        default(
            "cpu_by_pod",
            "cores",
            "CPU used by each pod, mean over the window",
            r#"sum by (pod) (rate(container_cpu_usage_seconds_total{namespace="$NAMESPACE",container!="",container!="POD"}[$DURATION]))"#,
        ),
        default(
            "memory_by_pod",
            "bytes",
            "Working set of each pod, mean over the window",
            r#"sum by (pod) (avg_over_time(container_memory_working_set_bytes{namespace="$NAMESPACE",container!="",container!="POD"}[$DURATION]))"#,
        ),
    ]
}

/// Returns whom a metric is asked for: targets by name, or the whole run (`None`).
#[must_use]
pub fn targets_of<'a>(spec: &'a ExperimentSpec, metric: &Metric) -> Vec<Option<&'a str>> {
    let per_target =
        query::variables(&metric.query).is_ok_and(|names| names.into_iter().any(Variable::is_per_target));
    if !per_target && metric.targets.is_empty() {
        return vec![None];
    }
    spec.targets
        .iter()
        .map(|target| target.name.as_str())
        .filter(|name| metric.is_of(name))
        .map(Some)
        .collect()
}

/// Returns the status of an Experiment, empty if it has none yet.
#[must_use]
pub fn status(experiment: &Experiment) -> ExperimentStatus {
    experiment.status.clone().unwrap_or_default()
}

/// Returns the components of a target that something outside of it refers to.
pub(crate) fn reached_from_outside(spec: &ExperimentSpec, target: &str) -> BTreeSet<String> {
    let of_workflow = spec.workflow.params.values();
    let of_variants = spec.variants.iter().flat_map(|variant| variant.params.values());
    let others = spec.targets.iter().filter(|other| other.name != target);
    let of_others =
        others.flat_map(|other| &other.components).flat_map(|reference| reference.params.values());
    let mut reached = BTreeSet::new();
    for text in of_workflow.chain(of_variants).chain(of_others) {
        // What cannot be read was refused by the first stage.
        let _ = interpolate(text, |reference| {
            if let Reference::Endpoint { target: of, component }
            | Reference::Address { target: of, component } = reference
                && of == target
            {
                reached.insert(component.to_owned());
            }
            Ok::<_, String>(String::new())
        });
    }
    reached
}
