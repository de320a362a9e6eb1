//! Bad input is refused by the API server, with the field and the reason; the seed's own files are accepted.

use crate::lab::{NAMESPACE, client, runs, testbed_ok};
use anyhow::{Context, Result, ensure};
use kube::api::{Api, DeleteParams, DynamicObject, Patch, PatchParams, PostParams};
use kube::{Client, Error};
use serde_json::{Value, json};
use testbed_api::{Component, Experiment};

/// Returns a good experiment, changed as `change` says.
fn experiment(change: impl FnOnce(&mut Value)) -> Value {
    let mut value = json!({
        "apiVersion": "experiments.illm.io/v1alpha1",
        "kind": "Experiment",
        "metadata": {"generateName": "refused-", "namespace": NAMESPACE},
        "spec": {
            "targets": [{"name": "app", "cluster": {"type": "hub"}, "components": [{"app": "hello-app"}]}],
            "workflow": {"template": "experiment-lifecycle", "completion": {"mode": "workflow"}},
        },
    });
    change(&mut value);
    value
}

/// Asks the API server to create an object without keeping it.
async fn dry_run(client: &Client, value: Value) -> Result<(), Error> {
    let api: Api<DynamicObject> =
        Api::namespaced_with(client.clone(), NAMESPACE, &kube::api::ApiResource::erase::<Experiment>(&()));
    let object: DynamicObject = serde_json::from_value(value).map_err(Error::SerdeError)?;
    let parameters = PostParams { dry_run: true, field_manager: None };
    api.create(&parameters, &object).await.map(drop)
}

#[tokio::test]
async fn a_good_experiment_is_accepted() -> Result<()> {
    testbed_ok(&["catalog", "push"]).await?;
    dry_run(&client().await?, experiment(|_| {})).await?;
    Ok(())
}

#[tokio::test]
async fn bad_input_is_refused_with_the_field_and_the_reason() -> Result<()> {
    testbed_ok(&["catalog", "push"]).await?;
    let client = client().await?;
    let target =
        |name: &str, depends: &[&str]| json!({"name": name, "cluster": {"type": "hub"}, "depends": depends});
    let metric = |query: &str| json!([{"name": "m", "query": query}]);
    let cases: Vec<(&str, Value, &[&str])> = vec![
        (
            "two targets of one name",
            experiment(|e| e["spec"]["targets"] = json!([target("a", &[]), target("a", &[])])),
            &["spec.targets[1]", "Duplicate"],
        ),
        (
            "a target without a name",
            experiment(|e| e["spec"]["targets"] = json!([{"cluster": {"type": "hub"}}])),
            &["spec.targets[0].name", "Required"],
        ),
        ("no targets", experiment(|e| e["spec"]["targets"] = json!([])), &["spec.targets", "at least 1"]),
        (
            "a target name that is none",
            experiment(|e| e["spec"]["targets"][0]["name"] = json!("Up_per")),
            &["spec.targets[0].name"],
        ),
        (
            "an unknown component",
            experiment(|e| e["spec"]["targets"][0]["components"] = json!([{"app": "hallo-app"}])),
            &["spec.targets[0].components[0]", "hallo-app", "did you mean `hello-app`?"],
        ),
        (
            "two kinds of component at once",
            experiment(|e| e["spec"]["targets"][0]["components"] = json!([{"app": "a", "config": "b"}])),
            &["spec.targets[0].components[0]", "exactly one"],
        ),
        (
            "an unknown parameter of a component",
            experiment(|e| e["spec"]["targets"][0]["components"][0]["params"] = json!({"no.such": "1"})),
            &["params[no.such]", "no parameter"],
        ),
        (
            "a dependency on itself",
            experiment(|e| e["spec"]["targets"] = json!([target("a", &["a"])])),
            &["depends", "other targets"],
        ),
        (
            "a dependency on nothing",
            experiment(|e| e["spec"]["targets"] = json!([target("a", &["z"])])),
            &["depends"],
        ),
        (
            "a cycle",
            experiment(|e| {
                e["spec"]["targets"] = json!([target("a", &["b"]), target("b", &["c"]), target("c", &["a"])])
            }),
            &["spec.targets[].depends", "cycle", "a → b → c → a"],
        ),
        (
            "a missing template",
            experiment(|e| e["spec"]["workflow"]["template"] = json!("no-such-template")),
            &["spec.workflow.template", "no-such-template"],
        ),
        (
            "an unknown parameter of the workflow",
            experiment(|e| e["spec"]["workflow"]["params"] = json!({"durration": "1s"})),
            &["spec.workflow.params[durration]", "did you mean `duration`?"],
        ),
        (
            "a query that does not parse",
            experiment(|e| e["spec"]["metrics"] = metric("sum(rate(x[5m])")),
            &["spec.metrics[0].query", "does not parse"],
        ),
        (
            "an unknown variable",
            experiment(|e| e["spec"]["metrics"] = metric("x{n=\"$NAMSPACE\"}")),
            &["spec.metrics[0].query", "$NAMSPACE", "did you mean `$NAMESPACE`?"],
        ),
        (
            "a metric name that is none",
            experiment(|e| e["spec"]["metrics"] = json!([{"name": "P99", "query": "x"}])),
            &["spec.metrics[0].name"],
        ),
        (
            "a time to live of 0",
            experiment(|e| e["spec"]["ttlDays"] = json!(0)),
            &["spec.ttlDays", "greater than or equal to 1"],
        ),
        (
            "a time to live beyond a year",
            experiment(|e| e["spec"]["ttlDays"] = json!(366)),
            &["spec.ttlDays", "less than or equal to 365"],
        ),
        ("a time to live in words", experiment(|e| e["spec"]["ttlDays"] = json!("7d")), &["spec.ttlDays"]),
        (
            "a criterion on an unknown metric",
            experiment(
                |e| e["spec"]["hypothesis"] = json!({"claim": "c", "criteria": [{"metric": "nope", "compare": ["app", "app2"], "operator": "lt", "value": 1.0}]}),
            ),
            &["spec.hypothesis.criteria[0].metric", "nope"],
        ),
        (
            "a tutorial of an unknown target",
            experiment(|e| {
                e["spec"]["tutorial"] =
                    json!({"services": [{"name": "g", "target": "z", "service": "s", "namespace": "n"}]})
            }),
            &["tutorial.services", "target"],
        ),
        (
            "a name that is too long",
            experiment(|e| e["metadata"] = json!({"name": "n".repeat(64), "namespace": NAMESPACE})),
            &["metadata.name", "63"],
        ),
    ];
    let mut wrong = Vec::new();
    for (what, value, expected) in cases {
        match dry_run(&client, value).await {
            Ok(()) => wrong.push(format!("{what} was accepted")),
            Err(Error::Api(status)) => {
                for part in expected.iter().filter(|part| !status.message.contains(**part)) {
                    wrong.push(format!("{what}: no `{part}` in: {}", status.message));
                }
            }
            Err(error) => wrong.push(format!("{what}: {error}")),
        }
    }
    ensure!(wrong.is_empty(), "\n{}", wrong.join("\n"));
    Ok(())
}

/// The YAML of the seed's README, as it stands there.
const SEED_COMPONENT: &str = r#"
apiVersion: experiments.illm.io/v1alpha1
kind: Component
metadata:
  name: kube-prometheus-stack
spec:
  sources:
    helm:
      repo: https://prometheus-community.github.io/helm-charts
      chart: kube-prometheus-stack
  parameters: { retention: 24h }
  observability: { serviceMonitor: true }
"#;

const SEED_EXPERIMENT: &str = r#"
apiVersion: experiments.illm.io/v1alpha1
kind: Experiment
metadata:
  generateName: tsdb-comparison-
  namespace: experiments
spec:
  description: "Prometheus vs VictoriaMetrics"
  tags: ["comparison", "observability", "metrics"]
  publish: true
  ttlDays: 7
  targets:
    - name: prometheus
      cluster:
        type: gke
        preemptible: true
      components:
        - app: kube-prometheus-stack
          params:
            grafana.enabled: "true"
        - app: metrics-app
      observability:
        enabled: true
        transport: tailscale
  workflow:
    template: experiment-lifecycle
    completion:
      mode: workflow
  metrics:
    - name: p99_latency
      query: histogram_quantile(0.99, rate(http_duration_seconds_bucket[5m]))
      type: range
      unit: seconds
      description: "P99 request latency"
"#;

#[tokio::test]
async fn the_yaml_of_the_seed_is_accepted_unchanged() -> Result<()> {
    testbed_ok(&["catalog", "push"]).await?;
    let client = client().await?;
    let components: Api<Component> = Api::all(client.clone());
    let component: Component = serde_saphyr::from_str(SEED_COMPONENT)?;
    // The catalog has one of that name, in our own form.
    components.delete("kube-prometheus-stack", &DeleteParams::default()).await?;
    components.create(&PostParams::default(), &component).await.context("the Component is refused")?;
    let accepted = dry_run(&client, serde_saphyr::from_str(SEED_EXPERIMENT)?).await;
    components.delete("kube-prometheus-stack", &DeleteParams::default()).await?;
    testbed_ok(&["catalog", "push"]).await?;
    accepted.context("the Experiment is refused")
}

#[tokio::test]
async fn a_specification_cannot_change_once_it_is_created_but_its_time_to_live_can() -> Result<()> {
    testbed_ok(&["catalog", "push"]).await?;
    let client = client().await?;
    let api = runs(&client);
    let value = experiment(|e| e["spec"]["targets"][0]["cluster"]["type"] = json!("gke"));
    let run = api.create(&PostParams::default(), &serde_json::from_value(value)?).await?;
    let name = run.metadata.name.context("no name")?;
    let patch = |value: Value| {
        let (api, name) = (api.clone(), name.clone());
        async move { api.patch(&name, &PatchParams::default(), &Patch::Merge(value)).await }
    };
    let changed = patch(json!({"spec": {"targets": [{"name": "other", "cluster": {"type": "hub"}}]}})).await;
    let longer = patch(json!({"spec": {"ttlDays": 2}})).await;
    testbed_ok(&["delete", &name]).await?;
    ensure!(
        matches!(&changed, Err(Error::Api(status)) if status.message.contains("cannot change after creation")),
        "{changed:?}"
    );
    ensure!(longer?.spec.ttl_days == 2);
    Ok(())
}
