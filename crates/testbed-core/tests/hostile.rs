//! Hostile inputs H1 to H24: one table of what is tried, what is expected, and where it is tested. What is tested
//! nowhere says why, and the test prints it.
//!
//! R: refused with the field named. S: safe. F: fails with a reason.

#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test reads its files, and panics when it cannot go on"
)]

mod common;

use jiff::Timestamp;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fs;
use std::panic::catch_unwind;
use std::path::Path;
use std::sync::LazyLock;
use testbed_api::Experiment;
use testbed_api::component::ComponentSpec;
use testbed_api::labels;
use testbed_core::build;
use testbed_core::catalog::Entry;
use testbed_core::names;
use testbed_core::observed::{NamespaceFacts, Observed, Seen};
use testbed_core::plan::{Effect, plan};
use testbed_core::run::Run;
use testbed_core::validate::{self, Catalog, TemplateParameter};

/// Where an input is tested.
enum Tested {
    /// By this function.
    Here(fn()),
    /// In that file, by a test whose name has these words.
    In(&'static str, &'static str),
    /// Nowhere, because.
    Nowhere(&'static str),
}
use Tested::{Here, In, Nowhere};

const ADMISSION: &str = "crates/testbed-e2e/tests/hub/admission.rs";
const CONVERGES: &str = "crates/testbed-core/tests/converges.rs";
const FUZZ: &str = "crates/testbed-core/tests/fuzz/main.rs";

const TABLE: &[(&str, &str, char, Tested)] = &[
    (
        "H1",
        "names that are long, numeric, or have dots, and those of our own namespaces",
        'S',
        Here(names_of_experiments),
    ),
    ("H1", "names of more than 63 characters", 'R', Here(names_that_are_too_long)),
    ("H1", "the same, at the API server", 'R', In(ADMISSION, "bad_input_is_refused")),
    (
        "H2",
        "names of targets: twice, none, too many, no name, one that is the beginning of another",
        'R',
        Here(names_of_targets),
    ),
    (
        "H2",
        "a target whose parameters would take the place of the run's own name",
        'S',
        Here(a_target_called_experiment),
    ),
    (
        "H3",
        "words that join alike, the same name in two namespaces, the same again",
        'S',
        Here(names_that_join_alike),
    ),
    ("H4", "dependencies on itself, on nothing, in circles; a diamond of 16", 'R', Here(dependencies)),
    ("H5", "times to live beyond all bounds", 'R', Here(times_to_live)),
    ("H5", "trials, budgets and waits that last longer than can be counted", 'R', Here(long_times)),
    (
        "H5",
        "a time to live that is changed while the run goes on",
        'S',
        In(ADMISSION, "but_its_time_to_live_can"),
    ),
    ("H6", "nodes, disks, machines and zones that cannot be", 'R', Here(clusters)),
    (
        "H6",
        "what costs more than is allowed",
        'F',
        In("crates/testbed-core/tests/scenarios.rs", "every_scenario_leads_to_its_plan"),
    ),
    (
        "H7",
        "parameters that would be read as YAML or as a template, or lead deeper than a stack",
        'S',
        Here(parameters_of_components),
    ),
    ("H7", "parameters that choose where an image comes from", 'R', Here(images_of_others)),
    (
        "H8",
        "parameters that Argo Workflows would evaluate, or that are the lab's own",
        'R',
        Here(parameters_of_workflows),
    ),
    (
        "H9",
        "queries that are too long, too many, too deep, or other questions in other runs",
        'R',
        Here(queries),
    ),
    ("H9", "whatever text for a query", 'S', In(FUZZ, "it_is_the_same_question_in_every_run")),
    (
        "H9",
        "answers of more series or bytes than anyone reads",
        'F',
        In("crates/testbed-core/src/prometheus.rs", "more_series_than_anyone_reads"),
    ),
    (
        "H9",
        "that a query which reads too much is ended by the store",
        'S',
        Nowhere("it is a setting of the store, and needs one that runs; we wait 30 s for an answer"),
    ),
    (
        "H10",
        "answers that are no numbers, or hold escapes and marks of direction",
        'S',
        In("crates/testbed-core/src/prometheus.rs", "steer_no_terminal"),
    ),
    ("H10", "whatever bytes for an answer", 'S', In(FUZZ, "a_value_is_a_finite_number")),
    (
        "H10",
        "what is printed of a cluster",
        'S',
        In("crates/testbed/src/cli/output.rs", "what_would_steer_a_terminal_is_taken_out"),
    ),
    ("H10", "scripts in a page", 'S', Nowhere("there is no site yet that would show them")),
    ("H11", "keys of results that lead elsewhere", 'S', Here(keys_of_results)),
    ("H11", "paths in Git", 'S', Nowhere("nothing is published to Git yet")),
    ("H12", "components that are paths or addresses", 'R', Here(components_that_are_paths)),
    ("H12", "sources that run programs, read files, or lead out of where they are", 'R', Here(sources)),
    ("H12", "whatever text for a Component", 'S', In(FUZZ, "it_stays_within_its_source_and_the_run")),
    ("H13", "aliases without end, depth without end, more than a megabyte", 'R', Here(yaml_bombs)),
    ("H13", "aliases without end, in a file", 'R', In("crates/testbed/tests/cli.rs", "bad/bomb.yaml")),
    (
        "H13",
        "more tags than there is room for, and fields that are unknown or of another type",
        'R',
        Here(too_much_of_everything),
    ),
    (
        "H13",
        "a status that comes with a creation",
        'S',
        In(ADMISSION, "nobody_creates_an_experiment_that_is_already_over"),
    ),
    ("H14", "code snippets that are too long or run backwards", 'R', Here(code_snippets)),
    (
        "H14",
        "code snippets of others, files outside of the tree",
        'S',
        Nowhere("nothing fetches code yet: the field is accepted, and said to have no effect"),
    ),
    ("H15", "titles, descriptions and claims that are too long", 'R', Here(long_texts)),
    (
        "H15",
        "marks for terminals in them",
        'S',
        In("crates/testbed-core/src/tutorial.rs", "nothing_that_could_steer_a_terminal_is_left"),
    ),
    (
        "H15",
        "Markdown, scripts, mentions and closing words in them",
        'S',
        Nowhere("nothing renders or publishes them yet"),
    ),
    (
        "H16",
        "a review that approves itself",
        'S',
        Nowhere("there is no review gate yet: no annotation is acted on but that which deletes results"),
    ),
    ("H17", "objects of others that bear our name or our labels", 'S', Here(objects_of_others)),
    (
        "H17",
        "a namespace of that name that is somebody else's",
        'F',
        In("crates/testbed-core/tests/scenarios/10-foreign-namespace.yaml", "shows: "),
    ),
    ("H18", "a phase that is turned back", 'S', Here(a_phase_that_is_edited)),
    ("H18", "a finalizer that is taken off", 'S', Here(a_finalizer_that_is_taken_off)),
    ("H18", "a specification that is changed", 'R', In(ADMISSION, "cannot_change_once_it_is_created")),
    (
        "H19",
        "kubeconfigs that run programs, trust anyone, or lead to the hub",
        'R',
        In(
            "crates/testbed-core/src/kubeconfig.rs",
            "a_cluster_of_someone_else_is_neither_the_hub_nor_its_machine",
        ),
    ),
    (
        "H19",
        "the same as YAML, too large, too deep, with an authority that is none",
        'R',
        In("crates/testbed-operator/src/targets.rs", "what_a_kubeconfig_must_not_do_or_be_is_refused"),
    ),
    ("H19", "whatever text for a kubeconfig", 'S', In(FUZZ, "nothing_is_run_and_nobody_is_trusted")),
    (
        "H20",
        "a target that answers without end",
        'F',
        In("crates/testbed-operator/src/targets.rs", "an_answer_without_end"),
    ),
    (
        "H20",
        "a target that falls silent, or is another one",
        'F',
        In(CONVERGES, "another_cluster_in_the_place_of_its_own_is_not_taken_for_it"),
    ),
    ("H20", "compressed bombs", 'S', Nowhere("no client of ours asks for compression, so none is undone")),
    (
        "H20",
        "redirects of a store",
        'S',
        Nowhere(
            "no client of ours follows any: `Policy::none()` in prometheus.rs, bundle.rs and ingest.rs; kube follows none",
        ),
    ),
    (
        "H21",
        "a registry that answers other content",
        'F',
        In("crates/testbed-operator/src/bundle.rs", "what_cannot_be_taken_along_is_named_with_the_reason"),
    ),
    ("H21", "whatever a registry lists", 'S', In(FUZZ, "each_blob_has_a_digest_and_is_fetched_once")),
    (
        "H21",
        "an object store that answers errors as success",
        'S',
        Nowhere("it needs a store that misbehaves; what is read back is held against its digest"),
    ),
    ("H21", "answers of GitHub", 'S', Nowhere("nothing talks to GitHub yet")),
    (
        "H22",
        "objects without identity, with thousands of managers, conditions nobody knows",
        'S',
        Here(odd_objects),
    ),
    ("H22", "whatever object", 'S', In(FUZZ, "no_plan_panics_and_no_name_leads_elsewhere")),
    (
        "H22",
        "what a watch tells out of order",
        'S',
        In(
            "crates/testbed-operator/src/ingest.rs",
            "while_the_runs_are_listed_anew_those_known_before_count",
        ),
    ),
    (
        "H23",
        "10,000 Experiments at once",
        'S',
        Nowhere("fairness among runs needs a hub under load; there is no quota by namespace yet"),
    ),
    ("H24", "clocks that are ahead, far ahead, or turned back", 'S', Here(clocks)),
];

#[test]
fn every_hostile_input_is_tested_or_says_why_not() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap();
    let mut wrong = Vec::new();
    for (id, what, expected, tested) in TABLE {
        let place = match tested {
            Here(test) => {
                if let Err(reason) = catch_unwind(test) {
                    let said = reason.downcast_ref::<String>().map(String::as_str);
                    wrong.push(format!(
                        "{id}: {what}: {}",
                        said.or(reason.downcast_ref::<&str>().copied()).unwrap_or("?")
                    ));
                }
                "here".to_owned()
            }
            In(file, words) => {
                let text = fs::read_to_string(root.join(file)).unwrap_or_default();
                if !text.contains(words) {
                    wrong.push(format!("{id}: {file} has nothing with `{words}`"));
                }
                (*file).to_owned()
            }
            Nowhere(reason) => format!("NOT TESTED: {reason}"),
        };
        println!("{id:4} {expected}  {what}: {place}");
    }
    for number in 1..=24 {
        let id = format!("H{number}");
        if !TABLE.iter().any(|(known, ..)| *known == id) {
            wrong.push(format!("{id} is in no row"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn catalog() -> Catalog {
    let facts = common::catalog();
    let mut components = facts.components;
    let open = json!({"sources": {"helm": {"repo": "https://charts.example.org", "chart": "x"}}});
    components.insert("open".into(), serde_json::from_value(open).unwrap());
    let parameter = |name: &str, has_default| TemplateParameter { name: name.into(), has_default };
    let parameters =
        vec![parameter("url", true), parameter("duration", true), parameter("experiment-name", true)];
    Catalog { components, templates: [("compare".to_owned(), parameters)].into(), agent: facts.agent }
}

/// The Experiment of the tests, changed.
fn changed(change: impl FnOnce(&mut Value)) -> Value {
    let mut value = serde_json::to_value(common::experiment()).unwrap();
    change(&mut value);
    value
}

static SCHEMA: LazyLock<jsonschema::Validator> = LazyLock::new(|| {
    let crd = testbed_api::crds().into_iter().find(|crd| crd.spec.names.kind == "Experiment").unwrap();
    let schema = crd.spec.versions.into_iter().next().unwrap().schema.unwrap().open_api_v3_schema.unwrap();
    let schema = serde_json::to_value(schema).unwrap();
    jsonschema::validator_for(&schema["properties"]["spec"]).unwrap()
});

/// Everything that refuses an Experiment: what its schema says, then our own rules. Rules in CEL are the API server's.
fn refused(value: &Value) -> Vec<String> {
    let mut said: Vec<String> = SCHEMA
        .iter_errors(&value["spec"])
        .map(|error| format!("spec{}: {error}", error.instance_path().to_string().replace('/', ".")))
        .collect();
    match serde_json::from_value::<Experiment>(value.clone()) {
        Err(error) => said.push(format!("spec: {error}")),
        Ok(experiment) => {
            let name = experiment.metadata.name.as_deref().unwrap_or_default();
            let problems = validate::experiment(name, &experiment.spec, &catalog());
            said.extend(problems.iter().filter(|problem| problem.refuses()).map(ToString::to_string));
        }
    }
    said
}

#[track_caller]
fn is_refused(value: &Value, field: &str, why: &str) {
    let said = refused(value);
    let found = said.iter().any(|said| said.starts_with(field) && said.contains(why));
    assert!(found, "not refused at {field} because {why}: {said:.2000?}");
}

#[track_caller]
fn is_accepted(value: &Value) -> Experiment {
    assert_eq!(refused(value), [""; 0]);
    serde_json::from_value(value.clone()).unwrap()
}

fn is_label(text: &str) -> bool {
    let ends = |letter: char| letter.is_ascii_lowercase() || letter.is_ascii_digit();
    text.len() <= 63
        && text.starts_with(ends)
        && text.ends_with(ends)
        && text.chars().all(|c| ends(c) || c == '-')
}

fn names_of_experiments() {
    let long = "n".repeat(63);
    let dashes = format!("{}-x", "a-".repeat(30));
    for name in [
        "a",
        "0123",
        "xn--nxasmq6b",
        "x.y",
        "default",
        "kube-system",
        "argocd",
        "hub",
        "main",
        "head",
        &"n".repeat(40),
        &"n".repeat(52),
        &long,
        &dashes,
    ] {
        let experiment = is_accepted(&changed(|value| value["metadata"]["name"] = json!(name)));
        let run = Run::of(&experiment).unwrap();
        let made = [
            run.namespace_of("left"),
            run.application_of("left", "metrics-app"),
            run.cluster_of("left"),
            run.project(),
            run.kubeconfig_of("left"),
            run.workflow_name(),
            run.trial_workflow("b01-2-fast"),
        ];
        for child in made {
            assert!(is_label(&child) && child != name, "{name} makes {child}");
        }
        assert!(
            run.cluster_of("left").len() <= 42
                && run.cluster_of("left").starts_with(|c: char| c.is_ascii_lowercase())
        );
    }
}

fn names_that_are_too_long() {
    for length in [64, 253] {
        is_refused(
            &changed(|value| value["metadata"]["name"] = json!("n".repeat(length))),
            "metadata.name",
            "more than 63",
        );
    }
}

fn names_of_targets() {
    let target = |name: &str| json!({"name": name, "cluster": {"type": "hub"}});
    let with = |targets: Vec<Value>| {
        changed(|value| {
            value["spec"]["targets"] = json!(targets);
            drop(value["spec"].as_object_mut().unwrap().remove("hypothesis"));
            value["spec"]["workflow"]["params"] = json!({});
        })
    };
    is_refused(&with(vec![target("a"), target("a")]), "spec.targets[1].name", "name of another target");
    is_refused(&with(Vec::new()), "spec.targets", "is empty");
    is_refused(&with((0..65).map(|n| target(&format!("t{n}"))).collect()), "spec.targets", "more than 16");
    for name in ["", "x.y", "Upper", "a-", "-a", "a/b", "../a", "a b", "ä", "$TARGET", &"a".repeat(41)] {
        is_refused(&with(vec![target(name)]), "spec.targets.0.name", "");
    }
    let experiment =
        is_accepted(&with(vec![target("a"), target("a-infra"), target("a-namespace"), target("0")]));
    let run = Run::of(&experiment).unwrap();
    let parameters = build::parameters(&run).unwrap();
    assert_eq!(parameters["a-infra-namespace"], run.namespace_of("a-infra"));
    assert_eq!(parameters["a-namespace"], run.namespace_of("a"));
}

fn a_target_called_experiment() {
    let experiment = is_accepted(&changed(|value| {
        value["spec"]["targets"] = json!([
            {"name": "experiment", "cluster": {"type": "hub"}}, {"name": "target", "cluster": {"type": "hub"}}]);
        drop(value["spec"].as_object_mut().unwrap().remove("hypothesis"));
        value["spec"]["workflow"]["params"] = json!({});
    }));
    let parameters = build::parameters(&Run::of(&experiment).unwrap()).unwrap();
    assert_eq!(
        (parameters["experiment-name"].as_str(), parameters["target-name"].as_str()),
        ("tsdb-x7k2q", "experiment")
    );
}

fn names_that_join_alike() {
    let of = |name: &str, namespace: &str, uid: &str| -> Experiment {
        serde_json::from_value(changed(|value| {
            value["metadata"]["name"] = json!(name);
            value["metadata"]["namespace"] = json!(namespace);
            value["metadata"]["uid"] = json!(uid);
        }))
        .unwrap()
    };
    let (one, other) = (of("a", "x", "u1"), of("a-b", "x", "u1"));
    assert_ne!(Run::of(&one).unwrap().namespace_of("b-c"), Run::of(&other).unwrap().namespace_of("c"));
    // In two namespaces, or deleted and created again: another object, so another UID.
    let (first, second) = (of("a", "x", "u1"), of("a", "y", "u2"));
    let (first, second) = (Run::of(&first).unwrap(), Run::of(&second).unwrap());
    assert_ne!(first.namespace_of("b"), second.namespace_of("b"));
    assert_ne!(first.results_prefix(), second.results_prefix());
}

fn dependencies() {
    let with = |edges: &[(&str, &[&str])]| {
        changed(|value| {
            let target = |(name, depends): &(&str, &[&str])| json!({"name": name, "cluster": {"type": "hub"}, "depends": depends});
            value["spec"]["targets"] = json!(edges.iter().map(target).collect::<Vec<_>>());
            drop(value["spec"].as_object_mut().unwrap().remove("hypothesis"));
            value["spec"]["workflow"]["params"] = json!({});
        })
    };
    is_refused(&with(&[("a", &["a"])]), "spec.targets[0].depends[0]", "depends on itself");
    is_refused(&with(&[("a", &["z"])]), "spec.targets[0].depends[0]", "no target is named `z`");
    is_refused(&with(&[("a", &["b"]), ("b", &["a"])]), "spec.targets[].depends", "a → b → a");
    let three = with(&[("a", &["b"]), ("b", &["c"]), ("c", &["a"])]);
    is_refused(&three, "spec.targets[].depends", "a → b → c → a");
    // One that came by admission all the same fails in its first pass, before anything is made.
    let seen = observed(serde_json::from_value(three).unwrap());
    let failed = plan(&seen, common::start());
    assert!(failed.effects.is_empty(), "{:?}", failed.effects);
    assert_eq!(failed.status_with(&[]).failure.unwrap().reason, "InvalidSpec");
    // A diamond of 16: each layer depends on all of the layer before.
    let names: Vec<String> = (0..16).map(|number| format!("t{number}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let edges: Vec<(&str, &[&str])> = (0..16)
        .map(|at| (names[at], &names[at - at % 4 - if at < 4 { 0 } else { 4 }..at - at % 4]))
        .collect();
    let experiment = is_accepted(&with(&edges));
    assert_eq!(Run::of(&experiment).unwrap().targets().len(), 16);
}

fn with_trials(change: impl FnOnce(&mut Value)) -> Value {
    let mut value = serde_json::to_value(common::experiment_with_trials()).unwrap();
    change(&mut value);
    value
}

/// As long as can be written: 2^63 seconds and less, which no sum of two can hold.
fn long_times() {
    for text in ["2562047788015215h", "153722867280912930m", "99999999999999999999h"] {
        for path in ["warmup", "window", "cooldown"] {
            let value = with_trials(|value| value["spec"]["trials"][path] = json!(text));
            assert!(
                refused(&value).iter().any(|said| said.starts_with(&format!("spec.trials.{path}"))),
                "{path} {text}: {:?}",
                refused(&value)
            );
        }
        let value = with_trials(|value| value["spec"]["budget"] = json!({"duration": text}));
        assert!(refused(&value).iter().any(|said| said.contains("budget.duration")), "{:?}", refused(&value));
        let value = with_trials(|value| {
            value["spec"]["variants"][0]["present"] = json!({"minReady": 1, "within": text});
        });
        assert!(refused(&value).iter().any(|said| said.contains("within")), "{:?}", refused(&value));
    }
}

fn times_to_live() {
    for days in [
        json!(0),
        json!(-1),
        json!(366),
        json!(1_u64 << 31),
        json!(1_u64 << 63),
        json!("7d"),
        json!(1.5),
        Value::Null,
    ] {
        let value = changed(|value| value["spec"]["ttlDays"] = days);
        assert!(refused(&value).iter().any(|said| said.starts_with("spec.ttlDays")), "{:?}", refused(&value));
    }
    // One that came by the schema all the same ends never, and nothing overflows.
    let mut experiment = common::experiment();
    experiment.spec.ttl_days = u32::MAX;
    let mut seen = observed(experiment);
    for _ in 0..3 {
        let made = plan(&seen, common::start());
        assert!(!made.effects.contains(&Effect::DeleteExperiment), "{:?}", made.effects);
        seen.experiment.status = Some(made.status_with(&[]));
    }
}

fn clusters() {
    let with = |key: &str, to: Value| {
        changed(|value| {
            value["spec"]["targets"][0]["cluster"] = json!({"type": "gke"});
            value["spec"]["targets"][0]["cluster"][key] = to;
        })
    };
    for (key, to) in [
        ("nodeCount", json!(-1)),
        ("nodeCount", json!(0)),
        ("nodeCount", json!(1_000_000)),
        ("diskSizeGb", json!(1)),
        // More than the lab's own kind of clusters takes, which nobody would see before one of them was paid for.
        ("diskSizeGb", json!(2001)),
        ("machineType", json!("../x")),
        ("machineType", json!("x".repeat(4096))),
        ("zone", json!("us-central1-a; rm")),
        ("version", json!("1.33; rm")),
        ("kubeconfigSecret", json!("../x")),
        ("type", json!("minikube")),
    ] {
        is_refused(&with(key, to), &format!("spec.targets.0.cluster.{key}"), "");
    }
    is_refused(
        &with("machineType", json!("no-such-machine")),
        "spec.targets[0].cluster.machineType",
        "no machine type",
    );
    is_refused(&with("zone", json!("nowhere")), "spec.targets[0].cluster.zone", "is not a zone");
    // Eight accelerators in each of ten nodes: without a budget nobody is asked.
    let dear = with("machineType", json!("a3-megagpu-8g"));
    assert!(!refused(&dear).is_empty());
}

fn with_params(component: &str, params: &Value) -> Value {
    changed(|value| {
        value["spec"]["targets"][0]["components"] =
            json!([{"app": "metrics-app"}, {"app": component, "params": params}])
    })
}

fn parameters_of_components() {
    let keys = ["a,b", "a{}", "a[0]", r"a\.b", r"a\b", "a=b", "__proto__", "ä", "a..b", "."];
    let texts = [
        "\n- evil: true",
        "{{ .Files.Get \"x\" }}",
        "null",
        "0123",
        "1e3",
        "!!binary x",
        "&a *a",
        "{a: b}",
        "$(id)",
        "`id`",
    ];
    let text = texts[0].repeat(70_000);
    for key in keys {
        for value in texts.iter().copied().chain([text.as_str()]) {
            let experiment = is_accepted(&with_params("open", &json!({key: value})));
            let deployed = application(&experiment, "open");
            let values = &deployed["spec"]["sources"][0]["helm"];
            assert!(
                values.get("values").is_none() && values.get("parameters").is_none(),
                "values go in as text"
            );
            assert_eq!(leaf(&values["valuesObject"]), &json!(value), "{key}");
        }
    }
    for (text, value) in [("true", json!(true)), ("12", json!(12)), ("12.5", json!("12.5"))] {
        let experiment = is_accepted(&with_params("open", &json!({"a.b": text})));
        assert_eq!(
            application(&experiment, "open")["spec"]["sources"][0]["helm"]["valuesObject"]["a"]["b"],
            value
        );
    }
    let field = "spec.targets[0].components[1].params";
    is_refused(&with_params("open", &json!({"a.".repeat(100_000): "1"})), field, "no path of a value");
    is_refused(&with_params("open", &json!({"a.".repeat(20): "1"})), field, "21 steps");
    is_refused(&with_params("open", &json!({"": "1"})), field, "is empty");
    is_refused(&with_params("open", &json!({"a\u{0}": "1"})), field, "control character");
    is_refused(&with_params("metrics-app2", &json!({})), "spec.targets[0].components[1]", "no component");
    let other =
        changed(|value| value["spec"]["targets"][0]["components"][0]["params"] = json!({"image": "evil/x"}));
    is_refused(&other, "spec.targets[0].components[0].params[image]", "no parameter");
    let said = refused(&with_params("open", &json!({"a".repeat(1 << 20): "1"})));
    assert!(!said.is_empty() && said.iter().all(|said| said.len() < 10_000), "a refusal repeats a megabyte");
}

fn leaf(value: &Value) -> &Value {
    value.as_object().and_then(|object| object.values().next()).map_or(value, leaf)
}

/// The Application of a component in the first target, as the first passes make it.
fn application(experiment: &Experiment, component: &str) -> Value {
    let mut seen = observed(experiment.clone());
    let accepted = plan(&seen, common::start());
    seen.experiment.status = Some(accepted.status_with(&[]));
    for effect in accepted.effects.into_iter().chain(plan(&seen, common::start()).effects) {
        if let Effect::Apply(object) = effect
            && object["kind"] == "Application"
            && object["metadata"]["labels"][labels::COMPONENT] == component
        {
            return object;
        }
    }
    panic!("{component} is not deployed");
}

fn observed(mut experiment: Experiment) -> Observed {
    experiment.metadata.finalizers = Some(vec![labels::OPERATOR.into()]);
    let all = catalog();
    let facts = testbed_core::observed::CatalogFacts { components: all.components, agent: all.agent };
    Observed {
        catalog: Seen::Known(facts),
        template: Seen::Known(Some(common::template())),
        ..Observed::of(experiment)
    }
}

fn images_of_others() {
    for key in [
        "image",
        "image.repository",
        "image.registry",
        "global.imageRegistry",
        "server.Image.Repository",
        "image.imageRepository",
    ] {
        let field = format!("spec.targets[0].components[1].params[{key}]");
        is_refused(
            &with_params("open", &json!({key: "evil.example/x"})),
            &field,
            "where an image comes from",
        );
    }
    is_accepted(&with_params("open", &json!({"image.tag": "2"})));
}

fn parameters_of_workflows() {
    let with = |params: Value| changed(|value| value["spec"]["workflow"]["params"] = params);
    for text in ["{{workflow.parameters.x}}", "{{=sprig.env(\"HOME\")}}", "a{{tasks.x.outputs.result}}"] {
        is_refused(&with(json!({"url": text})), "spec.workflow.params[url]", "`{{`");
        let variant = changed(|value| {
            value["spec"]["variants"] = json!([{"name": "left", "params": {"url": text}}]);
            value["spec"]["trials"] = json!({});
        });
        is_refused(&variant, "spec.variants[0].params[url]", "`{{`");
    }
    let many: BTreeMap<String, &str> = (0..300).map(|number| (format!("p{number}"), "x")).collect();
    is_refused(&with(json!(many)), "spec.workflow.params[p0]", "no parameter");
    is_refused(&with(json!({"url}}": "x"})), "spec.workflow.params[url}}]", "no parameter");
    is_refused(
        &with(json!({"experiment-name": "another-run"})),
        "spec.workflow.params[experiment-name]",
        "given by the lab",
    );
    is_refused(
        &with(json!({"url": "${targets.left.secret}"})),
        "spec.workflow.params[url]",
        "is not a reference",
    );
    is_refused(
        &with(json!({"url": "${targets.elsewhere.namespace}"})),
        "spec.workflow.params[url]",
        "no target",
    );
    // What is no expression stays as it is.
    let experiment = is_accepted(&with(json!({"url": "a} $(id) `id` }} \n --flag"})));
    assert_eq!(
        build::parameters(&Run::of(&experiment).unwrap()).unwrap()["url"],
        "a} $(id) `id` }} \n --flag"
    );
}

fn queries() {
    let with =
        |query: &str| changed(|value| value["spec"]["metrics"] = json!([{"name": "m", "query": query}]));
    for (query, why) in [
        ("up_$EXPERIMENT", "outside of quotes"),
        ("$TARGET", "outside of quotes"),
        ("sum by ($VARIANT) (up)", "outside of quotes"),
        ("x{a=\"$SECRET\"}", "unknown variable"),
        ("sum(", "does not parse"),
        ("", "does not parse"),
        ("x{a=\"\u{0}", "does not parse"),
        ("rate(x)", "does not parse"),
        ("x[100y:1ms", "does not parse"),
    ] {
        is_refused(&with(query), "spec.metrics[0].query", why);
    }
    is_refused(&with(&format!("x{{a=\"{}\"}}", "a".repeat(64 << 10))), "spec.metrics.0.query", "");
    let many: Vec<Value> =
        (0..500).map(|number| json!({"name": format!("m{number}"), "query": "up"})).collect();
    is_refused(&changed(|value| value["spec"]["metrics"] = json!(many)), "spec.metrics", "more than 50");
    // As deep as a query may be long, on the stack of a worker.
    let deep = [
        format!("{}x{}", "(".repeat(8000), ")".repeat(8000)),
        format!("{}x", "-".repeat(16_000)),
        format!("x{}", "[1m:1s]".repeat(2000)),
        format!("{}x{}", "abs(".repeat(3000), ")".repeat(3000)),
        format!("x{}", "+x".repeat(8000)),
    ];
    let look = move || deep.iter().for_each(|query| is_refused(&with(query), "spec.metrics", ""));
    std::thread::Builder::new().stack_size(2 << 20).spawn(look).unwrap().join().unwrap();
}

fn keys_of_results() {
    for word in ["../../main", "%2e%2e%2f", "\\", "//", ".git/hooks/x", "\0", "CON", "ä"] {
        let mut experiment = common::experiment();
        // Whatever it is called: nothing of it is in a key.
        experiment.metadata.name = Some(word.into());
        experiment.spec.title = Some(word.into());
        assert_eq!(
            Run::of(&experiment).unwrap().results_prefix(),
            "runs/11111111-2222-3333-4444-555555555555/"
        );
    }
}

fn components_that_are_paths() {
    for name in [
        "../../../platform/manifests/openbao",
        "components/apps/../../",
        "/etc",
        "https://evil.example/x",
        "oci://evil",
        "a/b",
        "A",
        "",
    ] {
        let value = changed(|value| value["spec"]["targets"][0]["components"][0]["app"] = json!(name));
        is_refused(&value, "spec.targets.0.components.0", "");
        is_refused(&value, "spec.targets[0].components[0]", "no component is named");
    }
}

fn sources() {
    let read = |source: Value| {
        let spec: ComponentSpec = serde_json::from_value(json!({"sources": [source]})).unwrap();
        validate::component(&spec).iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
    };
    let good =
        json!({"repoURL": "https://git.example/x.git", "targetRevision": "v1", "path": "deploy", "helm": {}});
    assert_eq!(read(good.clone()), "");
    for url in [
        "oci://registry:5000/components/x",
        "ssh://git@git.example/x",
        "git@git.example:x/y.git",
        "registry-1.docker.io/charts",
        "https://[fd00::1]/x",
    ] {
        let mut source = good.clone();
        source["repoURL"] = json!(url);
        assert_eq!(read(source), "", "{url}");
    }
    for (place, value, field) in [
        ("/repoURL", "ext::sh -c x", "spec.sources[0].repoURL"),
        ("/repoURL", "ext::sh", "spec.sources[0].repoURL"),
        ("/repoURL", "file:///etc", "spec.sources[0].repoURL"),
        ("/repoURL", "/etc", "spec.sources[0].repoURL"),
        ("/repoURL", "../x", "spec.sources[0].repoURL"),
        ("/repoURL", "--upload-pack=x", "spec.sources[0].repoURL"),
        ("/repoURL", "ssh://-oProxyCommand=x/y", "spec.sources[0].repoURL"),
        ("/repoURL", "https://git.example/../x", "spec.sources[0].repoURL"),
        ("/repoURL", "https://git.example/x\nevil: true", "spec.sources[0].repoURL"),
        ("/repoURL", "", "spec.sources[0].repoURL"),
        ("/targetRevision", "--upload-pack=x", "spec.sources[0].targetRevision"),
        ("/targetRevision", "a b", "spec.sources[0].targetRevision"),
        ("/path", "../../../platform/manifests/openbao", "spec.sources[0].path"),
        ("/path", "a/../../b", "spec.sources[0].path"),
        ("/path", "/etc", "spec.sources[0].path"),
        ("/path", "a\\..\\b", "spec.sources[0].path"),
        ("/chart", "../x", "spec.sources[0].chart"),
        ("/chart", "-x", "spec.sources[0].chart"),
        ("/helm/releaseName", "--set", "spec.sources[0].helm.releaseName"),
    ] {
        let mut source = good.clone();
        let (parent, key) = place.rsplit_once('/').unwrap();
        source.pointer_mut(parent).unwrap()[key] = json!(value);
        assert!(read(source.clone()).contains(&format!("{field}: ")), "{value:?} is taken: {}", read(source));
    }
    for file in ["../../secret.yaml", "/etc/passwd", "https://evil.example/values.yaml", "file:///etc/passwd"]
    {
        for key in ["valueFiles", "valuesFiles"] {
            let mut source = good.clone();
            source["helm"][key] = json!([file]);
            assert!(read(source).contains(&format!("spec.sources[0].helm.{key}: ")), "{file}");
        }
    }
    for endpoint in [
        json!({"service": "169.254.169.254/x?", "port": 80}),
        json!({"service": "x", "port": 80, "scheme": "javascript:"}),
    ] {
        let spec: ComponentSpec =
            serde_json::from_value(json!({"sources": [good], "endpoint": endpoint})).unwrap();
        assert!(Entry::read(&spec).unwrap_err()[0].field.starts_with("spec.endpoint."));
    }
}

fn yaml_bombs() {
    let bomb = include_str!("../../testbed/tests/bad/bomb.yaml");
    let deep = format!("a: {}{}", "[".repeat(10_000), "]".repeat(10_000));
    let keys = "a: 1\na: 2\n";
    for text in [bomb, &deep, keys] {
        assert!(serde_saphyr::from_str::<Value>(text).is_err(), "{text:.60}");
    }
    assert!(
        serde_json::from_str::<Value>(&format!("{}1{}", "[".repeat(10_000), "]".repeat(10_000))).is_err()
    );
}

fn too_much_of_everything() {
    is_refused(
        &changed(|value| value["spec"]["tags"] = json!(vec!["x"; 100_000])),
        "spec.tags",
        "more than 32",
    );
    is_refused(&changed(|value| value["spec"]["tags"] = json!(["x".repeat(64)])), "spec.tags.0", "");
    for (key, to) in [
        ("targets", json!({})),
        ("workflow", json!([])),
        ("metrics", json!("x")),
        ("publish", json!("yes")),
        ("paused", json!(1)),
    ] {
        is_refused(&changed(|value| value["spec"][key] = to), "spec", "");
    }
}

fn code_snippets() {
    let with = |key: &str, to: Value| {
        changed(|value| {
            value["spec"]["codeSnippets"] = json!({"a": {"name": "n", "language": "go", "path": "main.go"}});
            value["spec"]["codeSnippets"]["a"][key] = to;
        })
    };
    for (key, to) in [
        ("startLine", json!(-1)),
        ("startLine", json!(0)),
        ("endLine", json!(0)),
        ("path", json!("x".repeat(1025))),
        ("repo", json!("x".repeat(254))),
    ] {
        is_refused(&with(key, to), &format!("spec.codeSnippets.a.{key}"), "");
    }
    // Nothing reads them, and whoever gives them is told.
    let taken = with("path", json!("/etc/passwd"));
    let experiment = is_accepted(&taken);
    let said = validate::experiment("x", &experiment.spec, &catalog());
    assert!(
        said.iter()
            .any(|problem| problem.field == "spec.codeSnippets" && problem.message.contains("no effect"))
    );
}

fn long_texts() {
    let long = "x".repeat(64 << 10);
    for (key, to) in [
        ("title", json!(long)),
        ("description", json!(long)),
        ("series", json!(long)),
        ("hypothesis", json!({"claim": long})),
        ("hypothesis", json!({"claim": "c", "questions": [long]})),
    ] {
        is_refused(&changed(|value| value["spec"][key] = to), &format!("spec.{key}"), "");
    }
    let service = json!({"services": [{"name": "a", "target": "left", "service": "a.evil.example/x?#", "namespace": "n"}]});
    is_refused(
        &changed(|value| value["spec"]["tutorial"] = service),
        "spec.tutorial.services[0].service",
        "not the name of a Service",
    );
}

fn objects_of_others() {
    // Deleted, with namespaces around that bear its names and labels of another, of nobody, and of a UID that is empty.
    let mut experiment = common::experiment();
    experiment.metadata.deletion_timestamp =
        Some(k8s_openapi::apimachinery::pkg::apis::meta::v1::Time(common::start()));
    let name = Run::of(&experiment).unwrap().namespace_of("left");
    for owner in [None, Some(String::new()), Some("99999999-2222-3333-4444-555555555555".into())] {
        let mut seen = observed(experiment.clone());
        let foreign = NamespaceFacts {
            name: name.clone(),
            uid: "theirs".into(),
            owner,
            deleting: false,
            message: None,
        };
        seen.namespaces = Seen::Known(vec![foreign]);
        for _ in 0..3 {
            let made = plan(&seen, common::start());
            for effect in &made.effects {
                let taken = matches!(effect, Effect::Delete(object) | Effect::DeleteIn { object, .. } if object.uid == "theirs");
                assert!(!taken, "{effect:?}");
            }
            seen.experiment.status = Some(made.status_with(&[]));
        }
    }
}

fn a_phase_that_is_edited() {
    let mut seen = observed(common::experiment());
    seen.experiment.status = Some(plan(&seen, common::start()).status_with(&[]));
    let wanted = format!("{:?}", plan(&seen, common::start()).effects);
    for phase in ["Pending", "Running", "Complete", "Failed"] {
        let mut status = serde_json::to_value(&seen.experiment.status).unwrap();
        status["phase"] = json!(phase);
        seen.experiment.status = serde_json::from_value(status).unwrap();
        assert_eq!(
            format!("{:?}", plan(&seen, common::start()).effects),
            wanted,
            "{phase} decides something"
        );
    }
}

fn a_finalizer_that_is_taken_off() {
    let mut seen = observed(common::experiment());
    seen.experiment.status = Some(plan(&seen, common::start()).status_with(&[]));
    seen.experiment.metadata.finalizers = None;
    assert_eq!(
        plan(&seen, common::start()).effects,
        [Effect::AddFinalizer],
        "it comes back before anything else is done"
    );
}

fn odd_objects() {
    for key in ["uid", "name", "namespace", "creationTimestamp", "generation"] {
        let value = changed(|value| drop(value["metadata"].as_object_mut().unwrap().remove(key)));
        let seen = observed(serde_json::from_value(value).unwrap());
        let made = plan(&seen, common::start());
        assert!(
            !["uid", "name", "namespace"].contains(&key) || made.effects.is_empty(),
            "something is done of nobody's"
        );
    }
    let value = changed(|value| {
        value["metadata"]["resourceVersion"] = json!("0");
        value["metadata"]["managedFields"] =
            json!(vec![json!({"manager": "m", "operation": "Apply", "fieldsV1": {}}); 4000]);
        value["status"] = json!({"conditions": [{"type": "NoSuch", "status": "Maybe", "reason": "", "message": "",
            "lastTransitionTime": "2026-01-01T00:00:00Z"}]});
    });
    let seen = observed(serde_json::from_value(value).unwrap());
    assert!(!plan(&seen, common::start()).status_with(&[]).conditions.is_empty());
}

fn clocks() {
    let times = [
        "0001-01-01T00:00:00Z",
        "1969-12-31T23:59:59Z",
        "2026-06-30T23:59:60Z",
        "2038-01-19T03:14:08Z",
        "2106-02-07T06:28:16Z",
        "9999-12-30T22:00:00Z",
    ];
    for created in times {
        for now in times {
            let now: Timestamp = now.parse().unwrap();
            for experiment in [common::experiment(), common::experiment_with_clusters_and_trials()] {
                let mut seen = observed(experiment);
                seen.experiment.metadata.creation_timestamp =
                    Some(k8s_openapi::apimachinery::pkg::apis::meta::v1::Time(created.parse().unwrap()));
                for _ in 0..4 {
                    seen.experiment.status = Some(plan(&seen, now).status_with(&[]));
                }
            }
        }
    }
    for text in ["-1s", "1y", "9223372036854775807h", "", "1", "1e9s", "NaNs"] {
        let value = changed(|value| {
            value["spec"]["variants"] = json!([{"name": "left"}]);
            value["spec"]["trials"] = json!({"window": text});
        });
        assert!(
            refused(&value).iter().any(|said| said.starts_with("spec.trials.window")),
            "{text}: {:?}",
            refused(&value)
        );
    }
    assert_ne!(names::short_digest("a"), names::short_digest("b"));
}
