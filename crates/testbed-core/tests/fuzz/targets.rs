//! What is fuzzed: every parser that meets bytes of others, and what must hold of whatever it makes of them.
//!
//! A target takes bytes, panics if something does not hold, and says in a word what came of them: by that the driver
//! tells inputs apart that lead somewhere new.

use crate::common;
use jiff::Timestamp;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::LazyLock;
use std::time::Duration;
use testbed_api::bundle::{Bundle, SCHEMA_VERSION};
use testbed_api::component::ComponentSpec;
use testbed_api::experiment::{Aggregation, QueryType};
use testbed_api::{Experiment, Summary};
use testbed_core::catalog::Entry;
use testbed_core::observed::{Observed, Seen, failure, load_report, windows};
use testbed_core::plan::{Answer, Effect, plan};
use testbed_core::query::{self, Values};
use testbed_core::tutorial::{Places, Tutorial, plain};
use testbed_core::{
    answer, bundle, ingest, kubeconfig, measurement, names, prometheus, schedule, selector, validate,
};

/// One target.
pub struct Target {
    /// Its name.
    pub name: &'static str,
    /// Inputs to begin with.
    pub seeds: fn() -> Vec<Vec<u8>>,
    /// Takes an input, and says what came of it.
    pub take: fn(&[u8]) -> String,
}

/// All targets.
pub const TARGETS: [Target; 10] = [
    Target { name: "experiment", seeds: experiments, take: experiment },
    Target { name: "component", seeds: components, take: component },
    Target { name: "prometheus", seeds: answers, take: prometheus },
    Target { name: "kubeconfig", seeds: kubeconfigs, take: kubeconfig },
    Target { name: "promql", seeds: queries, take: promql },
    Target { name: "bundle", seeds: bundles, take: bundle },
    Target { name: "manifest", seeds: manifests, take: manifest },
    Target { name: "workflow", seeds: workflows, take: workflow },
    Target { name: "token", seeds: tokens, take: token },
    Target { name: "text", seeds: texts, take: text },
];

/// What stands in for the words of each input: fragments that parsers trip over.
pub const WORDS: [&str; 44] = [
    "",
    "../",
    "..",
    "/",
    "\\",
    "%2e%2e%2f",
    "\0",
    "\u{1b}[2J",
    "\u{202e}",
    "\u{feff}",
    "é",
    "😀",
    "-",
    ".",
    "a.b",
    "A",
    "${",
    "}",
    "${targets.left.namespace}",
    "${targets.left.metrics-app.endpoint}",
    "$EXPERIMENT",
    "$DURATION",
    "{{=sprig.env(\"HOME\")}}",
    "{{workflow.name}}",
    "null",
    "true",
    "-1",
    "0",
    "1e400",
    "NaN",
    "+Inf",
    "18446744073709551615",
    "-9223372036854775808",
    "9999-12-31T23:59:59Z",
    "0000-01-01T00:00:00Z",
    "100y",
    "1ms",
    "ext::sh -c x",
    "file:///etc/passwd",
    "https://127.0.0.1",
    "\"",
    "'",
    "`",
    "kube-system",
];

static SCHEMA: LazyLock<jsonschema::Validator> = LazyLock::new(|| {
    let crd = testbed_api::crds().into_iter().find(|crd| crd.spec.names.kind == "Experiment").unwrap();
    let schema = crd.spec.versions.into_iter().next().unwrap().schema.unwrap().open_api_v3_schema.unwrap();
    jsonschema::validator_for(&serde_json::to_value(schema).unwrap()["properties"]["spec"]).unwrap()
});

fn bytes(value: impl ToString) -> Vec<u8> {
    value.to_string().into_bytes()
}

fn experiments() -> Vec<Vec<u8>> {
    let all = [
        common::experiment(),
        common::experiment_with_trials(),
        common::experiment_with_clusters(),
        common::experiment_with_clusters_and_trials(),
    ];
    let mut found: Vec<Vec<u8>> = all.iter().map(|one| serde_json::to_vec(one).unwrap()).collect();
    // Further on its way.
    for one in &all {
        let mut seen = observed(one.clone());
        for _ in 0..3 {
            seen.experiment.status = Some(plan(&seen, common::start()).status_with(&[]));
        }
        found.push(serde_json::to_vec(&seen.experiment).unwrap());
        let mut status = serde_json::to_value(&seen.experiment.status).unwrap();
        for condition in status["conditions"].as_array_mut().unwrap() {
            if ["ClustersReady", "ComponentsReady"].contains(&condition["type"].as_str().unwrap()) {
                condition["status"] = json!("True");
            }
        }
        seen.experiment.status = serde_json::from_value(status).unwrap();
        found.push(serde_json::to_vec(&seen.experiment).unwrap());
    }
    found
}

fn observed(experiment: Experiment) -> Observed {
    let mut experiment = experiment;
    experiment.metadata.finalizers = Some(vec![testbed_api::labels::OPERATOR.into()]);
    Observed {
        catalog: Seen::Known(common::catalog()),
        template: Seen::Known(Some(common::template())),
        ..Observed::of(experiment)
    }
}

/// Whatever is created: no panic, and if the schema lets it through, no name of what is made leads elsewhere.
fn experiment(input: &[u8]) -> String {
    let Ok(value) = serde_json::from_slice::<Value>(input) else { return "no JSON".into() };
    let Ok(mut experiment) = serde_json::from_value::<Experiment>(value.clone()) else {
        return "no Experiment".into();
    };
    // Who it is was checked by the API server, whatever it is about.
    let metadata = &mut experiment.metadata;
    metadata.uid = metadata.uid.take().map(|_| "11111111-2222-3333-4444-555555555555".into());
    metadata.namespace = metadata.namespace.take().map(|_| "experiments".into());
    metadata.name =
        metadata.name.take().map(|name| if is_subdomain(&name) { name } else { "tsdb-x7k2q".into() });
    // Only we write a status: whatever it says nothing may panic, but what is made follows from it.
    let said = run(observed(experiment.clone()), false);
    if !SCHEMA.is_valid(&value["spec"]) {
        return said;
    }
    experiment.status = None;
    format!("{said} {}", run(observed(experiment), true))
}

/// Passes of one world in which nothing answers.
fn run(mut seen: Observed, allowed: bool) -> String {
    let mut said = if allowed { "allowed".to_owned() } else { "refused by the schema".to_owned() };
    let times =
        ["2026-01-01T00:00:00Z", "2026-01-01T00:00:01Z", "2026-01-01T07:00:00Z", "2031-01-01T00:00:00Z"];
    for now in times {
        let now: Timestamp = now.parse().unwrap();
        let made = plan(&seen, now);
        for effect in &made.effects {
            if allowed {
                contained(effect);
            }
            said.push_str(kind(effect));
        }
        let status = made.status_with(&[]);
        if let Some(failure) = &status.failure {
            said.push_str(&failure.message);
        }
        assert!(
            status.conditions.iter().all(|condition| condition.message.len() <= 32_768),
            "a message that cannot be stored"
        );
        let stored = serde_json::to_value(&status).unwrap();
        let status: testbed_api::status::ExperimentStatus = serde_json::from_value(stored).unwrap();
        let again = plan(&seen, now);
        assert_eq!(
            format!("{:?}", again.effects),
            format!("{:?}", made.effects),
            "the same world gives another plan"
        );
        seen.experiment.status = Some(status);
    }
    said
}

fn kind(effect: &Effect) -> &'static str {
    match effect {
        Effect::Apply(_) => " apply",
        Effect::ApplyIn { .. } => " apply-in",
        Effect::Collect(_) => " collect",
        Effect::Measure(_) => " measure",
        Effect::Delete(_) | Effect::DeleteIn { .. } => " delete",
        Effect::DeleteExperiment => " expire",
        _ => " other",
    }
}

/// Namespaces in which things are made that are no run's own.
const OURS: [&str; 3] = ["argocd", "argo-workflows", "testbed-clusters"];

fn contained(effect: &Effect) {
    match effect {
        Effect::Apply(object) | Effect::ApplyIn { object, .. } => {
            let metadata = &object["metadata"];
            let name = metadata["name"].as_str().unwrap();
            assert!(is_label(name), "{name:?} is no name for what is made: {object}");
            let kind = object["kind"].as_str().unwrap();
            match metadata["namespace"].as_str() {
                Some(namespace) => {
                    assert!(OURS.contains(&namespace) || is_of_run(namespace), "{kind} in {namespace}")
                }
                None => assert!(kind == "Namespace" && is_of_run(name), "{kind} {name} lies in no namespace"),
            }
            let labels = metadata["labels"].as_object().unwrap();
            assert_eq!(labels["experiments.illm.io/experiment-uid"], "11111111-2222-3333-4444-555555555555");
            assert!(
                labels.values().all(|value| is_label_value(value.as_str().unwrap())),
                "labels {labels:?}"
            );
            if kind == "Application" {
                deploys_within(object);
            }
        }
        Effect::DeleteResults { prefix } => assert_eq!(prefix, "runs/11111111-2222-3333-4444-555555555555/"),
        Effect::ShowKubeconfig { name, .. } | Effect::Register { name, .. } => {
            assert!(is_label(name), "{name:?}")
        }
        _ => {}
    }
}

/// What is deployed stays in the run's namespace, and comes from a repository.
fn deploys_within(application: &Value) {
    let destination = application["spec"]["destination"]["namespace"].as_str().unwrap();
    assert!(is_of_run(destination) || destination == "tailscale", "deploys into {destination}");
    for source in application["spec"]["sources"].as_array().unwrap() {
        let url = source["repoURL"].as_str().unwrap();
        for word in ["::", "file:", "..", " ", "\n", "\\"] {
            assert!(!url.contains(word), "fetches {url:?}");
        }
        for key in ["targetRevision", "path", "chart"] {
            let text = source[key].as_str().unwrap_or_default();
            assert!(
                !text.starts_with(['-', '/']) && !text.split('/').any(|step| step == ".."),
                "{key} is {text:?}"
            );
        }
    }
}

/// Names of a run end in the hash of its UID.
fn is_of_run(name: &str) -> bool {
    is_label(name) && name.rsplit('-').next().is_some_and(|hash| hash.len() == 8) && !OURS.contains(&name)
}

fn is_label(text: &str) -> bool {
    let ends = |letter: char| letter.is_ascii_lowercase() || letter.is_ascii_digit();
    text.len() <= 63
        && text.starts_with(ends)
        && text.ends_with(ends)
        && text.chars().all(|letter| ends(letter) || letter == '-')
}

fn is_subdomain(text: &str) -> bool {
    text.len() <= 253 && text.split('.').all(is_label)
}

fn is_label_value(text: &str) -> bool {
    let ends = |letter: char| letter.is_ascii_alphanumeric();
    text.is_empty()
        || text.len() <= 63
            && text.starts_with(ends)
            && text.ends_with(ends)
            && text.chars().all(|letter| ends(letter) || "-_.".contains(letter))
}

fn components() -> Vec<Vec<u8>> {
    [
        json!({"type": "app", "sources": {"helm": {"repo": "https://charts.example.org", "chart": "x", "version": "1"}}, "parameters": {"a": "b"}}),
        json!({"sources": [{"repoURL": "oci://registry/components/x", "targetRevision": "sha256:abc", "path": ".", "helm":
            {"releaseName": "x", "valueFiles": ["values.yaml"], "parameters": [{"name": "a.b", "value": "1"}]}}],
            "parameters": [{"name": "series", "type": "int", "default": 1}, {"name": r"a\.b.c", "type": "bool", "required": true}],
            "endpoint": {"service": "x", "port": 80, "scheme": "http"}, "observability": {"metricsStore": true}}),
    ]
    .iter()
    .map(|spec| serde_saphyr::to_string(spec).unwrap().into_bytes())
    .collect()
}

/// Whatever a component says: it is refused, or what Argo CD is told of it stays within its source and the run.
fn component(input: &[u8]) -> String {
    let Ok(text) = std::str::from_utf8(input) else { return "no text".into() };
    let Ok(value) = serde_saphyr::from_str::<Value>(text) else { return "no YAML".into() };
    let Ok(spec) = serde_json::from_value::<ComponentSpec>(value) else { return "no Component".into() };
    let refused: Vec<String> = validate::component(&spec).iter().map(ToString::to_string).collect();
    let Ok(entry) = Entry::read(&spec) else { return refused.join("; ") };
    // Every word of the input is a parameter, too.
    let words = text.split(|letter: char| letter.is_whitespace() || ":,{}[]\"'".contains(letter));
    let params: BTreeMap<String, String> =
        words.take(20).map(|word| (word.to_owned(), word.to_owned())).collect();
    let _ = entry.values(&params, "params");
    let mut catalog = common::catalog();
    catalog.components.insert("metrics-app".into(), spec);
    let mut seen = observed(common::experiment());
    seen.experiment.spec.targets[0].components[0].params = params
        .into_iter()
        .filter(|(name, _)| {
            name.len() < 40 && name.chars().all(|letter| letter.is_alphanumeric() || letter == '.')
        })
        .collect();
    seen.catalog = Seen::Known(catalog);
    run(seen, true)
}

fn answers() -> Vec<Vec<u8>> {
    vec![
        bytes(
            r#"{"status":"success","data":{"resultType":"vector","result":[{"metric":{"pod":"a"},"value":[1700000000.5,"4"]}]}}"#,
        ),
        bytes(
            r#"{"status":"success","data":{"resultType":"matrix","result":[{"metric":{},"values":[[1,"NaN"],[2,"+Inf"]]}]}}"#,
        ),
        bytes(r#"{"status":"success","data":{"resultType":"scalar","result":[1,"-1e308"]}}"#),
        bytes(r#"{"status":"success","data":{"result":"text","resultType":"string"}}"#),
        bytes(r#"{"status":"error","errorType":"bad_data","error":"no \u001b[2J"}"#),
    ]
}

/// Whatever a store answers: a value is a finite number, and words are few and steer no terminal.
fn prometheus(input: &[u8]) -> String {
    let mut said = String::new();
    for status in [200, 400, 413, 503] {
        let read = prometheus::read(status, input);
        if let Answer::Refused(text) | Answer::Unreachable(text) = &read {
            assert!(text.len() <= 1024 && plain(text) == *text, "{text:?}");
        }
        for kind in [QueryType::Instant, QueryType::Range] {
            for aggregation in [Aggregation::Mean, Aggregation::Median, Aggregation::Max, Aggregation::Last] {
                match answer::value(kind, aggregation, &read) {
                    Ok(value) => assert!(value.is_finite(), "{value}"),
                    Err(reason) => said = reason,
                }
            }
        }
    }
    said
}

fn kubeconfigs() -> Vec<Vec<u8>> {
    let config = json!({
        "apiVersion": "v1", "kind": "Config", "current-context": "c",
        "clusters": [{"name": "k", "cluster": {"server": "https://a.example:6443", "certificate-authority-data": "QQ=="}}],
        "users": [{"name": "u", "user": {"token": "t", "client-certificate-data": "QQ==", "client-key-data": "QQ=="}}],
        "contexts": [{"name": "c", "context": {"cluster": "k", "user": "u"}}],
    });
    let mut exec = config.clone();
    exec["users"][0]["user"] = json!({"exec": {"command": "sh"}});
    vec![bytes(&config), bytes(&exec), serde_saphyr::to_string(&config).unwrap().into_bytes()]
}

/// Whatever a kubeconfig says: what is taken is https, checked, and a token or a certificate; the same read again.
fn kubeconfig(input: &[u8]) -> String {
    let Ok(text) = std::str::from_utf8(input) else { return "no text".into() };
    let Ok(config) = serde_saphyr::from_str::<Value>(text) else { return "no YAML".into() };
    let endpoint = "https://a.example:6443";
    if let Ok(read) = kubeconfig::read(&config, Some(endpoint)) {
        let rest = read.server.strip_prefix(endpoint).unwrap();
        assert!(rest.is_empty() || rest.starts_with(['/', '?', '#']), "{}", read.server);
    }
    match kubeconfig::read(&config, None) {
        Err(reason) => reason,
        Ok(read) => {
            assert!(read.server.starts_with("https://") && !read.server.contains('@'), "{}", read.server);
            assert!(read.token.is_some() || read.certificate.is_some());
            assert_eq!(kubeconfig::read(&read.kubeconfig(), None).as_ref(), Ok(&read));
            let told = read.argo();
            assert_eq!(told["tlsClientConfig"]["insecure"], false);
            assert!(!told.to_string().contains("execProviderConfig"));
            "taken".into()
        }
    }
}

fn queries() -> Vec<Vec<u8>> {
    [
        r#"sum by (pod) (rate(cpu_seconds_total{namespace="$NAMESPACE",container!=""}[$DURATION]))"#,
        r#"histogram_quantile(0.99, sum by (le) (rate(x_seconds_bucket{t='${TARGET}',e=~"^$EXPERIMENT$"}[5m])))"#,
        "max_over_time(sum(x{trial=`$TRIAL`,v=\"$VARIANT\"})[$DURATION:2s]) @ end() offset 5m # $TARGET",
        r#"label_replace(up, "a", "$1", "b", "(.*)\"") unless on(pod) group_left() y > bool 1"#,
        "((((-x))))[100y:1ms]",
    ]
    .iter()
    .map(bytes)
    .collect()
}

/// Whatever is asked: what is accepted says the same of every run, and values stay values.
fn promql(input: &[u8]) -> String {
    let Ok(text) = std::str::from_utf8(input) else { return "no text".into() };
    if text.len() > 16_384 {
        return "refused by the schema".into();
    }
    if let Err(reason) = query::check(text) {
        return format!("{reason:?}");
    }
    let shown = |experiment: &str, namespace: &str, target: &str, variant: &str, trial: &str| {
        let duration = Duration::from_secs(60);
        let filled =
            query::fill(text, &Values { experiment, namespace, target, duration, variant, trial }).unwrap();
        let parsed = promql_parser::parser::parse(&filled)
            .unwrap_or_else(|error| panic!("{text:?} became {filled:?}: {error}"));
        let mut shown = format!("{parsed:?}");
        for value in [experiment, namespace, target, variant, trial] {
            shown = shown.replace(value, "@");
        }
        shown
    };
    assert_eq!(
        shown("zqexperiment", "zqnamespace", "zqtarget", "zqvariant", "zqtrial"),
        shown("0zq-e.x-1", "9zq-n-2", "8zq-t-3", "7zq-v-4", "6zq-b01-2-5"),
        "{text:?} is another query in another run"
    );
    let example = query::example(text, Duration::from_secs(30)).unwrap();
    let found = measurement::check(&example, None, Some("seconds")).len();
    let (least, most) = (measurement::shortest_range(&example), measurement::reach(&example));
    assert!(least.is_none_or(|least| least <= most));
    format!("{found} {} {}", query::selectors(&example).len(), query::buckets(&example).is_some())
}

fn bundles() -> Vec<Vec<u8>> {
    let summary = json!({"schema": "x", "experiment": {}});
    let mut found = vec![bytes(
        json!({"schema": SCHEMA_VERSION, "summary": summary, "summarySha256": "", "components": {}, "artifacts": [
        {"reference": "oci://r/x", "digest": format!("sha256:{}", "0".repeat(64)), "mediaType": "m", "manifest": "e30=", "blobs": []}],
        "manifests": [], "leftOut": [], "testbedVersion": "0"}),
    )];
    let stored = include_bytes!("../../../testbed/tests/fixtures/noise-floor.json");
    let summary: Summary = serde_json::from_slice(stored).unwrap();
    let whole = Bundle {
        schema: SCHEMA_VERSION.into(),
        testbed_version: "0".into(),
        summary,
        summary_sha256: names::sha256(stored),
        components: BTreeMap::new(),
        template: None,
        artifacts: Vec::new(),
        manifests: Vec::new(),
        left_out: Vec::new(),
    };
    found.push(bundle::encode(&whole, stored).unwrap().0);
    found
}

/// Whatever a bundle holds: it is believed only as far as its digests go.
fn bundle(input: &[u8]) -> String {
    match bundle::read(input) {
        Err(reason) => reason,
        Ok(checked) => {
            for content in &checked.contents {
                assert_eq!(format!("sha256:{}", names::sha256(&content.manifest)), content.digest);
                for (digest, data) in &content.blobs {
                    assert_eq!(format!("sha256:{}", names::sha256(data)), *digest);
                }
            }
            "believed".into()
        }
    }
}

fn manifests() -> Vec<Vec<u8>> {
    let blob = |letter: &str| json!({"digest": format!("sha256:{}", letter.repeat(64)), "mediaType": "m", "size": 3});
    vec![bytes(json!({"schemaVersion": 2, "config": blob("a"), "layers": [blob("b"), blob("b"), blob("c")]}))]
}

/// Whatever a registry answers: each blob has a digest, and is fetched once.
fn manifest(input: &[u8]) -> String {
    match bundle::descriptors(input) {
        Err(reason) => reason,
        Ok(found) => {
            assert!(found.iter().all(|blob| bundle::is_digest(&blob.digest)));
            let mut digests: Vec<&str> = found.iter().map(|blob| blob.digest.as_str()).collect();
            digests.sort_unstable();
            digests.dedup();
            assert_eq!(digests.len(), found.len());
            format!("{} blobs", found.len())
        }
    }
}

fn workflows() -> Vec<Vec<u8>> {
    let report =
        json!({"rateIntendedPerSecond": 20.0, "requests": {"intended": 5}, "latencySeconds": {"0.5": 0.1}})
            .to_string();
    vec![bytes(json!({
        "a": {"type": "Pod", "phase": "Succeeded", "displayName": "window-left(1)", "startedAt": "2026-01-01T00:00:00Z", "finishedAt": "2026-01-01T00:01:00Z",
              "outputs": {"parameters": [{"name": "window-start", "value": "2026-01-01T00:00:10.5Z\n"},
                  {"name": "window-end", "value": "2026-01-01T00:00:50Z"}, {"name": "window-target", "value": "left"},
                  {"name": "load-report", "value": report}]}},
        "b": {"type": "Pod", "phase": "Succeeded", "displayName": "window",
              "startedAt": "2026-01-01T00:00:00Z", "finishedAt": "2026-01-01T00:01:00Z"},
        "c": {"type": "Pod", "phase": "Failed", "displayName": "window-left(0)", "message": "main: Error (exit code 1): no route",
              "startedAt": "2026-01-01T00:00:00Z", "finishedAt": "2026-01-01T00:00:01Z"},
    }))]
}

/// Whatever the steps of a workflow report: windows come in order, and what is quoted is short.
fn workflow(input: &[u8]) -> String {
    let Ok(nodes) = serde_json::from_slice::<Value>(input) else { return "no JSON".into() };
    let found = windows(&nodes);
    assert!(found.is_sorted_by_key(|window| window.start.0));
    let said = failure(&nodes);
    let name = nodes
        .as_object()
        .into_iter()
        .flat_map(|nodes| nodes.values())
        .map(|node| node["displayName"].as_str());
    let longest = name.flatten().map(|name| name.chars().count()).max().unwrap_or_default();
    assert!(said.as_ref().is_none_or(|said| said.chars().count() <= longest + 520));
    format!("{} {} {}", found.len(), load_report(&nodes).is_some(), said.is_some())
}

const KEY: &[u8] = b"0123456789abcdef0123456789abcdef01234567";
const UID: &str = "6f1c2e0a-6f0f-4a53-8f4e-0c8f5d1f2b3a";

fn tokens() -> Vec<Vec<u8>> {
    vec![bytes(ingest::token(KEY, UID)), bytes("oci://registry:5000/components/x"), bytes(UID)]
}

/// Whatever a caller shows: the one token is taken, and no reference leads out of the registry.
fn token(input: &[u8]) -> String {
    let Ok(text) = std::str::from_utf8(input) else { return "no text".into() };
    if let Some(uid) = ingest::verify(KEY, text) {
        assert_eq!(text, ingest::token(KEY, uid), "two tokens of one run");
        return "taken".into();
    }
    match bundle::repository(text, "registry:5000") {
        Some(path) => {
            assert!(path.split('/').all(|part| !part.is_empty() && !part.starts_with('.')), "{path:?}");
            "repository".into()
        }
        None => "refused".into(),
    }
}

fn texts() -> Vec<Vec<u8>> {
    vec![
        bytes(
            "title: First\nsteps:\n- title: Ask\n  text: It ${service.store.endpoint}\n  command: curl '${target.left.namespace}'\n  expect: A list\n",
        ),
        bytes("app=store,role==primary"),
        bytes("1h2m3.5s"),
        bytes("a\u{1b}[2J\u{202e}b"),
    ]
}

/// Whatever is written for people: what is shown steers no terminal.
fn text(input: &[u8]) -> String {
    let Ok(text) = std::str::from_utf8(input) else { return "no text".into() };
    let shown = plain(text);
    assert!(!shown.chars().any(|letter| letter == '\u{1b}' || letter == '\u{202e}' || letter == '\u{9b}'));
    assert_eq!(plain(&shown), shown);
    let selector = selector::Selector::parse(text).is_ok();
    let duration = schedule::duration(text).is_ok();
    let Ok(tutorial) = serde_saphyr::from_str::<Tutorial>(text) else {
        return format!("{selector} {duration}");
    };
    let places =
        Places { namespaces: [("left".to_owned(), "\u{1b}ns".to_owned())].into(), ..Places::default() };
    match tutorial.fill(&places) {
        Err(reason) => format!("{reason:.20}"),
        Ok(filled) => {
            assert!(filled.steps.iter().all(|step| plain(&step.text) == step.text));
            "filled in".into()
        }
    }
}
