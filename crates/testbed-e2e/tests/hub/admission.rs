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

/// Hostile inputs of `testbed-core/tests/hostile.rs`, at the API server itself: its schema, its rules, our webhook.
#[tokio::test]
async fn hostile_experiments_are_refused() -> Result<()> {
    testbed_ok(&["catalog", "push"]).await?;
    let client = client().await?;
    let many = |count: usize| -> Value {
        (0..count).map(|number| json!({"name": format!("t{number}"), "cluster": {"type": "hub"}})).collect()
    };
    let query = |query: &str| experiment(|e| e["spec"]["metrics"] = json!([{"name": "m", "query": query}]));
    let of_workflow = |params: Value| experiment(|e| e["spec"]["workflow"]["params"] = params);
    let of_cluster = |key: &str, value: Value| {
        experiment(|e| {
            e["spec"]["targets"][0]["cluster"] = json!({"type": "gke"});
            e["spec"]["targets"][0]["cluster"][key] = value;
        })
    };
    let cases: Vec<(&str, Value, &[&str])> = vec![
        ("H2: 65 targets", experiment(|e| e["spec"]["targets"] = many(65)), &["spec.targets", "at most 16"]),
        (
            "H2: a dot",
            experiment(|e| e["spec"]["targets"][0]["name"] = json!("x.y")),
            &["spec.targets[0].name"],
        ),
        (
            "H2: no name",
            experiment(|e| e["spec"]["targets"][0]["name"] = json!("")),
            &["spec.targets[0].name"],
        ),
        ("H5: less than nothing", experiment(|e| e["spec"]["ttlDays"] = json!(-1)), &["spec.ttlDays"]),
        ("H5: 2^63", experiment(|e| e["spec"]["ttlDays"] = json!(1_u64 << 63)), &["spec.ttlDays"]),
        ("H5: a fraction", experiment(|e| e["spec"]["ttlDays"] = json!(1.5)), &["spec.ttlDays"]),
        ("H6: a million nodes", of_cluster("nodeCount", json!(1_000_000)), &["nodeCount"]),
        ("H6: a machine that is a path", of_cluster("machineType", json!("../x")), &["machineType"]),
        ("H6: a zone that is a command", of_cluster("zone", json!("us-central1-a; rm")), &["zone"]),
        ("H6: a disk of 1 GB", of_cluster("diskSizeGb", json!(1)), &["diskSizeGb"]),
        (
            "H8: what Argo Workflows would evaluate",
            of_workflow(json!({"url": "{{=sprig.env(\"HOME\")}}"})),
            &["spec.workflow.params[url]", "`{{`"],
        ),
        (
            "H8: the name of another run",
            of_workflow(json!({"experiment-name": "another"})),
            &["spec.workflow.params[experiment-name]", "given by the lab"],
        ),
        (
            "H9: a query of 64 KB",
            query(&format!("x{{a=\"{}\"}}", "a".repeat(64 << 10))),
            &["spec.metrics[0].query"],
        ),
        (
            "H9: another question in every run",
            query("up_$EXPERIMENT"),
            &["spec.metrics[0].query", "outside of quotes"],
        ),
        (
            "H9: 500 queries",
            experiment(|e| {
                e["spec"]["metrics"] =
                    (0..500).map(|number| json!({"name": format!("m{number}"), "query": "up"})).collect();
            }),
            &["spec.metrics", "at most 50"],
        ),
        (
            "H12: a component that is a path",
            experiment(|e| {
                e["spec"]["targets"][0]["components"] =
                    json!([{"app": "../../../platform/manifests/openbao"}]);
            }),
            &["spec.targets[0].components[0].app"],
        ),
        (
            "H13: more tags than there is room for",
            experiment(|e| e["spec"]["tags"] = json!(vec!["x"; 10_000])),
            &["spec.tags", "at most 32"],
        ),
        (
            "H14: a line before the first",
            experiment(|e| {
                e["spec"]["codeSnippets"] =
                    json!({"a": {"name": "n", "language": "go", "path": "p", "startLine": -1}});
            }),
            &["startLine"],
        ),
        (
            "H15: a title of 64 KB",
            experiment(|e| e["spec"]["title"] = json!("x".repeat(64 << 10))),
            &["spec.title"],
        ),
        (
            "H15: a Service that is an address",
            experiment(|e| {
                e["spec"]["tutorial"] = json!({"services": [{"name": "g", "target": "app", "service": "a.evil.example/x?", "namespace": "n"}]});
            }),
            &["spec.tutorial.services[0].service", "not the name of a Service"],
        ),
    ];
    let mut wrong = Vec::new();
    for (what, value, expected) in cases {
        match dry_run(&client, value).await {
            Ok(()) => wrong.push(format!("{what} was accepted")),
            Err(Error::Api(status)) => {
                for part in expected.iter().filter(|part| !status.message.contains(**part)) {
                    wrong.push(format!("{what}: no `{part}` in: {:.1000}", status.message));
                }
            }
            Err(error) => wrong.push(format!("{what}: {error}")),
        }
    }
    ensure!(wrong.is_empty(), "\n{}", wrong.join("\n"));
    Ok(())
}

/// A Component may name any repository, and nothing that is none.
#[tokio::test]
async fn hostile_components_are_refused() -> Result<()> {
    let client = client().await?;
    let components: Api<Component> = Api::all(client.clone());
    let parameters = PostParams { dry_run: true, field_manager: None };
    let mut wrong = Vec::new();
    for (change, field) in [
        (json!({"repoURL": "ext::sh -c x"}), "spec.sources[0].repoURL"),
        (json!({"repoURL": "file:///etc"}), "spec.sources[0].repoURL"),
        (json!({"targetRevision": "--upload-pack=x"}), "spec.sources[0].targetRevision"),
        (json!({"path": "../../platform"}), "spec.sources[0].path"),
    ] {
        let mut source = json!({"repoURL": "https://git.example/x", "path": ".", "targetRevision": "v1"});
        for (key, value) in change.as_object().into_iter().flatten() {
            source[key] = value.clone();
        }
        let component: Component = serde_json::from_value(json!({
            "apiVersion": "experiments.illm.io/v1alpha1", "kind": "Component",
            "metadata": {"name": "hostile"}, "spec": {"sources": [source]},
        }))?;
        match components.create(&parameters, &component).await {
            Err(Error::Api(status)) if status.message.contains(field) => {}
            other => wrong.push(format!("{change}: {other:?}")),
        }
    }
    ensure!(wrong.is_empty(), "\n{}", wrong.join("\n"));
    Ok(())
}

/// A status that comes with a creation is nobody's word: the API server drops it.
#[tokio::test]
async fn nobody_creates_an_experiment_that_is_already_over() -> Result<()> {
    testbed_ok(&["catalog", "push"]).await?;
    let client = client().await?;
    let api: Api<DynamicObject> =
        Api::namespaced_with(client.clone(), NAMESPACE, &kube::api::ApiResource::erase::<Experiment>(&()));
    let value = experiment(|e| e["status"] = json!({"phase": "Complete", "resourcesCleaned": true}));
    let object: DynamicObject = serde_json::from_value(value)?;
    let made = api.create(&PostParams { dry_run: true, field_manager: None }, &object).await?;
    ensure!(made.data["status"].is_null(), "{}", made.data["status"]);
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
