//! What was seen of the world, as plain values. *Absent* is something seen; *unknown* is not having been able to look.

use crate::agent::AgentSettings;
use crate::validate::Catalog;
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{MicroTime, Time};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use testbed_api::component::ComponentSpec;
use testbed_api::experiment::Experiment;
use testbed_api::record::{Fingerprint, LoadReport, Pod};
use testbed_api::status::{PinnedTemplate, Window, WindowSource};

/// Something that was looked for: known (which may be: not there), or not readable.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Seen<T> {
    /// What was seen.
    Known(T),
    /// Why it could not be seen.
    Unknown(String),
}

impl<T> Seen<T> {
    /// Returns what was seen.
    ///
    /// # Errors
    /// Why it could not be seen.
    pub fn known(&self) -> Result<&T, &str> {
        match self {
            Self::Known(value) => Ok(value),
            Self::Unknown(reason) => Err(reason),
        }
    }
}

impl<T: Default> Default for Seen<T> {
    fn default() -> Self {
        Self::Known(T::default())
    }
}

/// Everything that was seen of one run.
#[derive(Clone, Debug)]
pub struct Observed {
    /// The Experiment, read afresh.
    pub experiment: Experiment,
    /// What it may refer to; looked for only until it is accepted.
    pub catalog: Seen<CatalogFacts>,
    /// Its namespaces, by label, and those that bear a name it needs.
    pub namespaces: Seen<Vec<NamespaceFacts>>,
    /// Its Applications, by label.
    pub applications: Seen<Vec<ApplicationFacts>>,
    /// Its workflows, by label.
    pub workflows: Seen<Vec<WorkflowFacts>>,
    /// Names of pods of its workflows that are still there, by label.
    pub workflow_pods: Seen<Vec<String>>,
    /// Pods in the namespaces of its targets; looked for only while trials are run.
    pub pods: Seen<Vec<PodFacts>>,
    /// Targets whose own API server did not tell of their pods: of them there are none in `pods`.
    pub pods_unseen: BTreeSet<String>,
    /// Its template now; looked for only until the workflow is submitted.
    pub template: Seen<Option<TemplateFacts>>,
    /// Its clusters, by label.
    pub clusters: Seen<Vec<ClusterFacts>>,
    /// Warm clusters that nobody has claimed; looked for only while a cluster is missing.
    pub warm: Seen<Vec<ClusterFacts>>,
    /// What the API servers of targets with a cluster of their own said, by target; those that can be asked at all.
    pub remote: BTreeMap<String, Reach>,
    /// Its clusters' registrations with Argo CD, by label.
    pub registrations: Seen<Vec<ObjectFacts>>,
    /// Its project of Argo CD, by label.
    pub projects: Seen<Vec<ObjectFacts>>,
    /// Kubeconfigs beside the Experiment that were made for its user, by label.
    pub kubeconfigs: Seen<Vec<ObjectFacts>>,
    /// What of our own list of resources is still there; looked for only at teardown.
    pub leftovers: Seen<Vec<String>>,
}

impl Observed {
    /// Returns an Experiment in an empty world.
    #[must_use]
    pub fn of(experiment: Experiment) -> Self {
        Self {
            experiment,
            catalog: Seen::default(),
            namespaces: Seen::default(),
            applications: Seen::default(),
            workflows: Seen::default(),
            workflow_pods: Seen::default(),
            pods: Seen::default(),
            pods_unseen: BTreeSet::new(),
            template: Seen::default(),
            clusters: Seen::default(),
            warm: Seen::default(),
            remote: BTreeMap::new(),
            registrations: Seen::default(),
            projects: Seen::default(),
            kubeconfigs: Seen::default(),
            leftovers: Seen::default(),
        }
    }
}

/// A cluster of a run, or one that is kept warm.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ClusterFacts {
    /// Its name.
    pub name: String,
    /// Its UID.
    pub uid: String,
    /// Version of the object that was seen: it is claimed only if nobody changed it since.
    pub resource_version: String,
    /// UID of the Experiment its label names.
    pub owner: Option<String>,
    /// Target its label names.
    pub target: String,
    /// Value of its label [`testbed_api::labels::WARM`].
    pub warm: Option<String>,
    /// When it was created.
    pub created_at: Option<Time>,
    /// What was asked for, without what Crossplane adds.
    pub spec: Value,
    /// Everything it is made of is ready.
    pub ready: bool,
    /// Since when that is or is not so; absent if it was never said.
    pub ready_changed_at: Option<Time>,
    /// Crossplane could apply all it is made of.
    pub synced: bool,
    /// Crossplane says that it could not.
    pub refused: bool,
    /// What it waits for, or what is wrong with it.
    pub message: Option<String>,
    /// It ended, and will not come back.
    pub dead: bool,
    /// Address of its API server.
    pub endpoint: Option<String>,
    /// Secret with its kubeconfig.
    pub kubeconfig_secret: Option<String>,
    /// Machine type in effect.
    pub machine_type: Option<String>,
    /// Number of nodes in effect.
    pub node_count: Option<u32>,
    /// What it is made of, each as `<apiVersion>/<kind>/<name>`.
    pub resources: Vec<String>,
    /// It is being deleted.
    pub deleting: bool,
}

/// What came of asking the API server of a target.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Reach {
    /// It answered.
    Answers(Box<RemoteFacts>),
    /// It did not, or it cannot be asked now: why.
    Silent(String),
    /// Its owner gave no way to it, or took that away: what is missing.
    Closed(String),
}

/// What the API server of a target said.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct RemoteFacts {
    /// Who it is: the UID of its namespace `kube-system`.
    pub cluster_id: String,
    /// Address it was asked at.
    pub server: String,
    /// Digest of the credentials it was asked with.
    pub credentials: String,
    /// By how much its clock is ahead of the hub's, if both told the time.
    pub clock_ahead: Option<SignedDuration>,
    /// Addresses of its nodes, at which node ports can be reached.
    pub addresses: Vec<String>,
    /// The run's namespaces in it, by label, and those that bear a name the run needs.
    pub namespaces: Vec<NamespaceFacts>,
    /// Services in the run's namespace.
    pub services: Vec<ServiceFacts>,
    /// Names of the PersistentVolumes of claims in the run's namespaces; looked for only at teardown, where a cloud made
    /// them, which would keep them.
    pub volumes: Vec<String>,
    /// Digest of the token for remote write that lies in the run's namespace.
    pub token: Option<String>,
    /// It has the credentials by which it joins the tailnet.
    pub joins_tailnet: bool,
}

/// A Service in a target.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ServiceFacts {
    /// Its name.
    pub name: String,
    /// Its namespace.
    pub namespace: String,
    /// Its UID.
    pub uid: String,
    /// Name of the Service that it shows to the outside, if it is there for that.
    pub exposes: Option<String>,
    /// Labels of the pods behind it.
    pub selector: BTreeMap<String, String>,
    /// Its ports, as the API server holds them.
    pub ports: Vec<Value>,
    /// It is of type `LoadBalancer`: a cloud may have made one for it, whether it has an address yet or not.
    pub is_balancer: bool,
    /// Address that a load balancer gave it.
    pub ingress: Option<String>,
    /// It is being deleted.
    pub deleting: bool,
}

/// An object of the run of which only its being there matters.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ObjectFacts {
    /// Its name.
    pub name: String,
    /// Its UID.
    pub uid: String,
    /// Target its label names.
    pub target: String,
    /// Digest of the specification we applied, or of the credentials it was made from.
    pub digest: Option<String>,
    /// It is being deleted.
    pub deleting: bool,
}

/// What an Experiment may refer to, as the API server holds it.
#[derive(Clone, Debug, Default)]
pub struct CatalogFacts {
    /// Components that the Experiment names and that are there, and those the lab brings into targets.
    pub components: BTreeMap<String, ComponentSpec>,
    /// How this hub observes targets.
    pub agent: AgentSettings,
}

impl CatalogFacts {
    /// Returns the catalog with the one template that was looked for.
    #[must_use]
    pub fn with(&self, template: Option<&TemplateFacts>) -> Catalog {
        Catalog {
            components: self.components.clone(),
            templates: template.map(|facts| (facts.name.clone(), facts.parameters())).into_iter().collect(),
            agent: self.agent.clone(),
        }
    }
}

/// A WorkflowTemplate.
#[derive(Clone, Debug, PartialEq)]
pub struct TemplateFacts {
    /// Its name.
    pub name: String,
    /// Its UID.
    pub uid: String,
    /// Its generation.
    pub generation: i64,
    /// Its specification.
    pub spec: Value,
}

impl TemplateFacts {
    /// Returns whether it is the one that was pinned, unchanged.
    #[must_use]
    pub fn is(&self, pinned: &PinnedTemplate) -> bool {
        self.uid == pinned.uid && self.generation == pinned.generation
    }

    /// Returns the parameters it declares.
    #[must_use]
    pub fn parameters(&self) -> Vec<crate::validate::TemplateParameter> {
        let arguments = self.spec.pointer("/arguments/parameters").and_then(Value::as_array);
        template_parameters(arguments.map(Vec::as_slice).unwrap_or_default())
    }
}

/// Returns the parameters that `spec.arguments.parameters` of a WorkflowTemplate declares.
#[must_use]
pub fn template_parameters(arguments: &[Value]) -> Vec<crate::validate::TemplateParameter> {
    arguments
        .iter()
        .filter_map(|argument| {
            Some(crate::validate::TemplateParameter {
                name: argument.get("name")?.as_str()?.to_owned(),
                has_default: argument.get("value").is_some() || argument.get("valueFrom").is_some(),
            })
        })
        .collect()
}

/// A namespace.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct NamespaceFacts {
    /// Its name.
    pub name: String,
    /// Its UID.
    pub uid: String,
    /// UID of the Experiment its label names.
    #[serde(default)]
    pub owner: Option<String>,
    /// It is being deleted.
    #[serde(default)]
    pub deleting: bool,
    /// What its deletion waits for.
    #[serde(default)]
    pub message: Option<String>,
}

/// An Application of Argo CD.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ApplicationFacts {
    /// Its name.
    pub name: String,
    /// Its UID.
    pub uid: String,
    /// Target its label names.
    pub target: String,
    /// Component its label names.
    pub component: String,
    /// Digest of the specification we applied, from its annotation.
    pub spec_digest: Option<String>,
    /// Health: `Healthy`, `Progressing`, `Degraded`, `Suspended`, `Missing`, `Unknown`.
    pub health: Option<String>,
    /// Sync state: `Synced`, `OutOfSync`, `Unknown`.
    pub sync: Option<String>,
    /// Revisions it is synced to.
    pub revisions: Vec<String>,
    /// Phase of its sync operation: `Running`, `Terminating`, `Succeeded`, `Failed`, `Error`.
    pub operation: Option<String>,
    /// What is wrong, in its own words.
    pub trouble: Option<String>,
    /// When Argo CD was last asked to look at it again.
    pub refreshed_at: Option<Timestamp>,
    /// Argo CD will run hooks once it was deleted, in the namespace that it was in.
    pub has_last_hooks: bool,
    /// It is being deleted.
    pub deleting: bool,
}

/// A node that pods of a subject were on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NodeFacts {
    /// Its name.
    pub name: String,
    /// What it says of itself.
    pub machine: Fingerprint,
}

/// A pod in the namespace of a target.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PodFacts {
    /// Its namespace.
    pub namespace: String,
    /// What was seen of it.
    #[serde(flatten)]
    pub pod: Pod,
}

/// A Workflow of Argo Workflows.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct WorkflowFacts {
    /// Its name.
    pub name: String,
    /// Its UID.
    pub uid: String,
    /// `Pending`, `Running`, `Succeeded`, `Failed` or `Error`; absent until the controller saw it.
    pub phase: Option<String>,
    /// What it says of itself; once it failed, what the step that failed said, if that said anything.
    pub message: Option<String>,
    /// When it started.
    pub started_at: Option<Time>,
    /// When it finished.
    pub finished_at: Option<Time>,
    /// The windows it recorded.
    pub windows: Vec<Window>,
    /// What its load generator said of itself, in the output parameter `load-report`.
    pub load: Option<LoadReport>,
    /// It is being deleted.
    pub deleting: bool,
}

/// Prefix of the name of a step that is a window.
const WINDOW_STEP: &str = "window";

/// Longest quote of what a failed step said, in characters.
const LONGEST_FAILURE: usize = 512;

/// Returns the windows that the nodes of a workflow recorded, in order of their start.
///
/// A step records a window by its output parameters `window-start`, `window-end` and, for one target, `window-target`;
/// or by its name, `window` or `window-<target>`: then the pod's own start and end bound it. A pod that failed records
/// none, whatever it wrote: its step may be tried again, and what counts is the try that ran to its end.
#[must_use]
pub fn windows(nodes: &Value) -> Vec<Window> {
    let mut windows: Vec<Window> = pods(nodes, &["Succeeded"]).filter_map(window).collect();
    windows.sort_by(|a, b| (a.start.0, &a.target).cmp(&(b.start.0, &b.target)));
    windows
}

/// Returns what the load generator of a workflow said of itself, if it said it in an output parameter.
#[must_use]
pub fn load_report(nodes: &Value) -> Option<LoadReport> {
    pods(nodes, &["Succeeded"]).find_map(|node| serde_json::from_str(output(node, "load-report")?).ok())
}

/// Returns why a workflow failed, in the words of the pod that failed last, if that left any: the workflow's own message
/// names no more than a step.
#[must_use]
pub fn failure(nodes: &Value) -> Option<String> {
    let said = pods(nodes, &["Failed", "Error"]).filter_map(|node| {
        let message = node.get("message")?.as_str()?.trim();
        let ended = node.get("finishedAt").and_then(Value::as_str);
        (!message.is_empty())
            .then(|| (ended.and_then(|at| at.trim().parse::<Timestamp>().ok()), node, message))
    });
    let (_, last, message) = said.max_by_key(|(ended, ..)| *ended)?;
    // Of a log, the end says why.
    let skipped = message.chars().count().saturating_sub(LONGEST_FAILURE);
    let cut = if skipped > 0 { "…" } else { "" };
    let end: String = message.chars().skip(skipped).collect();
    let name = last.get("displayName").and_then(Value::as_str).unwrap_or_default();
    Some(format!("{}: {cut}{end}", name.trim()))
}

/// Returns the pods among the nodes of a workflow that are in one of these phases.
fn pods<'a>(nodes: &'a Value, phases: &'a [&str]) -> impl Iterator<Item = &'a Value> {
    let nodes = nodes.as_object().into_iter().flat_map(|nodes| nodes.values());
    nodes.filter(|node| node["type"] == "Pod" && phases.iter().any(|phase| node["phase"] == *phase))
}

/// Returns an output parameter of a node.
fn output<'a>(node: &'a Value, name: &str) -> Option<&'a str> {
    let parameters = node.pointer("/outputs/parameters")?.as_array()?;
    parameters.iter().find(|parameter| parameter["name"] == name)?.get("value")?.as_str()
}

fn window(node: &Value) -> Option<Window> {
    let parameter = |name: &str| output(node, name);
    let time = |text: &str| text.trim().parse::<Timestamp>().ok().map(MicroTime);
    let name = node.get("displayName").and_then(Value::as_str).unwrap_or_default();
    // A step that may be retried numbers its pods: `window(1)`.
    let name = name.split('(').next().unwrap_or_default();
    let named = name.strip_prefix(WINDOW_STEP).filter(|rest| rest.is_empty() || rest.starts_with('-'));
    let target = parameter("window-target")
        .map(str::trim)
        .or_else(|| named.and_then(|rest| rest.strip_prefix('-')))
        .filter(|target| !target.is_empty())
        .map(str::to_owned);
    if let (Some(start), Some(end)) =
        (parameter("window-start").and_then(time), parameter("window-end").and_then(time))
    {
        return Some(Window { target, start, end, recorded_by: WindowSource::Workload });
    }
    named?;
    let bound = |field: &str| node.get(field)?.as_str().and_then(time);
    Some(Window {
        target,
        start: bound("startedAt")?,
        end: bound("finishedAt")?,
        recorded_by: WindowSource::Step,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_window_is_what_the_workload_recorded_before_what_argo_saw() {
        let nodes = json!({
            "a": {"type": "Pod", "phase": "Succeeded", "displayName": "window-left", "startedAt": "2026-01-01T00:00:00Z", "finishedAt": "2026-01-01T00:01:00Z",
                  "outputs": {"parameters": [
                      {"name": "window-start", "value": "2026-01-01T00:00:10.5Z\n"}, {"name": "window-end", "value": "2026-01-01T00:00:50Z"}]}},
            "b": {"type": "Pod", "phase": "Succeeded", "displayName": "window(1)", "startedAt": "2026-01-01T00:02:00Z", "finishedAt": "2026-01-01T00:03:00Z"},
            "c": {"type": "Pod", "phase": "Succeeded", "displayName": "warmup", "startedAt": "2026-01-01T00:00:00Z", "finishedAt": "2026-01-01T00:00:05Z"},
            "d": {"type": "Steps", "displayName": "window"},
            "e": {"type": "Pod", "phase": "Succeeded", "displayName": "windowed", "startedAt": "2026-01-01T00:00:00Z", "finishedAt": "2026-01-01T00:00:05Z"},
        });
        let windows = windows(&nodes);
        assert_eq!(windows.len(), 2);
        assert_eq!(windows[0].target.as_deref(), Some("left"));
        assert_eq!(windows[0].recorded_by, WindowSource::Workload);
        assert_eq!(windows[0].start.0.to_string(), "2026-01-01T00:00:10.5Z");
        assert_eq!(windows[1].target, None);
        assert_eq!(windows[1].recorded_by, WindowSource::Step);
    }

    #[test]
    fn a_window_that_never_ended_is_none() {
        let nodes = json!({"a": {"type": "Pod", "phase": "Succeeded", "displayName": "window", "startedAt": "2026-01-01T00:00:00Z", "finishedAt": null}});
        assert_eq!(windows(&nodes), []);
    }

    /// A step of two tries: the first failed, `second` came of the next.
    fn tried_twice(second: &str) -> Value {
        let node = |phase: &str, minute: u32, message: &str| {
            json!({"type": "Pod", "phase": phase, "displayName": format!("window({minute})"), "message": message,
                   "startedAt": format!("2026-01-01T00:0{minute}:00Z"), "finishedAt": format!("2026-01-01T00:0{minute}:30Z"),
                   "outputs": {"parameters": [{"name": "load-report", "value": format!(r#"{{"rate": {minute}}}"#)}]}})
        };
        json!({"a": node("Failed", 0, "main: Error (exit code 1): connection refused"),
               "b": node(second, 1, "main: Error (exit code 1): no route to host"),
               "c": {"type": "Retry", "phase": second, "message": "No more retries left", "finishedAt": "2026-01-01T00:01:31Z"}})
    }

    #[test]
    fn a_try_that_failed_records_neither_a_window_nor_a_load() {
        let nodes = tried_twice("Succeeded");
        let starts: Vec<String> =
            windows(&nodes).into_iter().map(|window| window.start.0.to_string()).collect();
        assert_eq!(starts, ["2026-01-01T00:01:00Z"]);
        let nodes = tried_twice("Failed");
        assert_eq!((windows(&nodes), load_report(&nodes)), (vec![], None));
    }

    #[test]
    fn a_workflow_that_failed_says_what_its_last_try_said() {
        let nodes = tried_twice("Error");
        assert_eq!(
            failure(&nodes).as_deref(),
            Some("window(1): main: Error (exit code 1): no route to host")
        );
        assert_eq!(failure(&json!({"a": {"type": "Pod", "phase": "Failed", "message": ""}})), None);
        let long = format!("{}the end", "é".repeat(1000));
        let nodes =
            json!({"a": {"type": "Pod", "phase": "Failed", "displayName": "window", "message": long}});
        let said = failure(&nodes).unwrap();
        assert!(said.starts_with("window: …é") && said.ends_with("éthe end"), "{said}");
        assert_eq!(said.chars().count(), "window: …".chars().count() + LONGEST_FAILURE);
    }
}
