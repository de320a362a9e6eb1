//! Components as the catalog holds them, read into one shape: sources, parameters, endpoint.

use crate::problem::{Problem, did_you_mean};
use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeMap;
use testbed_api::component::{ComponentSpec, Endpoint, Helm, Parameter, ParameterKind, Source};

/// Longest dotted path of a value, in bytes.
const LONGEST_PATH: usize = 253;
/// Most steps of a dotted path: a value lies as deep as its path has steps, and whoever writes or drops it descends as far.
const MOST_STEPS: usize = 16;
/// Ways to a source that only fetch. Git knows others: some read files of the machine, and `ext::` runs a program.
const SCHEMES: [&str; 4] = ["https", "http", "oci", "ssh"];

/// A component, read and checked.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Entry {
    /// Where its manifests come from; empty while it is not published.
    pub sources: Vec<Source>,
    /// What may be set on it; `None` when it does not say, so that anything may.
    pub parameters: Option<Vec<Parameter>>,
    /// The Service by which it is reached.
    pub endpoint: Option<Endpoint>,
    /// It answers PromQL for its target.
    pub metrics_store: bool,
}

/// The short form of sources, as the seed's README writes it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ShortSources {
    helm: ShortHelm,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct ShortHelm {
    repo: String,
    chart: String,
    version: Option<String>,
}

impl Entry {
    /// Reads a Component.
    ///
    /// # Errors
    /// Everything wrong with it, each with its field.
    pub fn read(spec: &ComponentSpec) -> Result<Self, Vec<Problem>> {
        let mut problems = Vec::new();
        let sources = sources(&spec.sources).unwrap_or_else(|problem| {
            problems.push(problem);
            Vec::new()
        });
        let parameters = parameters(&spec.parameters).unwrap_or_else(|problem| {
            problems.push(problem);
            None
        });
        for (index, source) in sources.iter().enumerate() {
            let field = format!("spec.sources[{index}]");
            problems.extend(source_problems(source, &field));
            if source.path.is_some() && source.chart.is_some() {
                problems.push(
                    Problem::error(field, "has both path and chart")
                        .hint("give path for a Git or OCI source, chart for a Helm repository"),
                );
            }
        }
        for (index, parameter) in parameters.iter().flatten().enumerate() {
            problems.extend(path_problem(&parameter.name, &format!("spec.parameters[{index}].name")));
        }
        problems.extend(spec.endpoint.iter().flat_map(endpoint_problems));
        if problems.is_empty() {
            Ok(Self {
                sources,
                parameters,
                endpoint: spec.endpoint.clone(),
                metrics_store: spec.observability.as_ref().and_then(|o| o.metrics_store).unwrap_or(false),
            })
        } else {
            Err(problems)
        }
    }

    /// Returns the values to deploy it with: defaults, overlaid with `params`.
    ///
    /// # Errors
    /// A parameter there is none of, of another type, or required and not given; `field` is where the params stand.
    pub fn values(
        &self,
        params: &BTreeMap<String, String>,
        field: &str,
    ) -> Result<BTreeMap<String, Value>, Vec<Problem>> {
        let Some(parameters) = &self.parameters else {
            let problems: Vec<Problem> = params
                .keys()
                .filter_map(|name| {
                    let at = format!("{field}[{name}]");
                    path_problem(name, &at).or_else(|| image_problem(name, &at))
                })
                .collect();
            if !problems.is_empty() {
                return Err(problems);
            }
            return Ok(params.iter().map(|(name, value)| (name.clone(), guess(value))).collect());
        };
        let mut problems = Vec::new();
        let mut values = BTreeMap::new();
        for (name, value) in params {
            let at = format!("{field}[{name}]");
            let Some(parameter) = parameters.iter().find(|parameter| parameter.name == *name) else {
                let known = || parameters.iter().map(|parameter| parameter.name.as_str());
                let hint = match did_you_mean(name, known()) {
                    Some(close) => format!("did you mean `{close}`?"),
                    None => format!("it takes {}", list(known())),
                };
                problems
                    .push(Problem::error(at, format!("the component has no parameter `{name}`")).hint(hint));
                continue;
            };
            match typed(value, parameter.kind) {
                Ok(value) => drop(values.insert(name.clone(), value)),
                Err(wanted) => problems.push(Problem::error(at, format!("`{value}` is not {wanted}"))),
            }
        }
        for parameter in parameters {
            if values.contains_key(&parameter.name) || params.contains_key(&parameter.name) {
                continue;
            }
            match &parameter.default {
                Some(default) => drop(values.insert(parameter.name.clone(), default.clone())),
                None if parameter.required => problems.push(Problem::error(
                    format!("{field}[{}]", parameter.name),
                    "is required by the component and not given",
                )),
                None => {}
            }
        }
        if problems.is_empty() { Ok(values) } else { Err(problems) }
    }

    /// Returns a warning for each of `params` that sets what the component accepts and does not act on.
    #[must_use]
    pub fn without_effect(&self, params: &BTreeMap<String, String>, field: &str) -> Vec<Problem> {
        let parameters = self.parameters.iter().flatten();
        parameters
            .filter_map(|parameter| {
                let reason = parameter.without_effect.as_ref()?;
                let value = typed(params.get(&parameter.name)?, parameter.kind).ok()?;
                // Who asks for what is there anyway is not to be told that it is not.
                (Some(&value) != parameter.default.as_ref()).then(|| {
                    Problem::warning(
                        format!("{field}[{}]", parameter.name),
                        format!("has no effect: {reason}"),
                    )
                })
            })
            .collect()
    }
}

fn sources(value: &Value) -> Result<Vec<Source>, Problem> {
    let problem = |error: serde_json::Error| {
        Problem::error("spec.sources", format!("cannot be read: {error}")).hint(
            "give a list of {repoURL, targetRevision, path | chart, helm}, or {helm: {repo, chart, version}}",
        )
    };
    match value {
        Value::Null => Ok(Vec::new()),
        Value::Object(_) => {
            let short: ShortSources = serde_json::from_value(value.clone()).map_err(problem)?;
            Ok(vec![Source {
                repo_url: short.helm.repo,
                target_revision: short.helm.version,
                chart: Some(short.helm.chart),
                helm: Some(Helm::default()),
                ..Source::default()
            }])
        }
        _ => serde_json::from_value(value.clone()).map_err(problem),
    }
}

/// Returns what is wrong with a source: what is not fetched from where it says, or leads out of it.
fn source_problems(source: &Source, field: &str) -> Vec<Problem> {
    let mut problems = Vec::new();
    let url = &source.repo_url;
    if url.is_empty() {
        problems.push(Problem::error(format!("{field}.repoURL"), "is empty"));
    } else if !is_repository(url) {
        problems.push(
            Problem::error(format!("{field}.repoURL"), format!("`{url}` is not the address of a repository"))
                .hint("write https://, oci:// or ssh:// and where it is, or git@host:path"),
        );
    }
    if let Some(revision) = source.target_revision.as_ref().filter(|revision| !is_word(revision)) {
        problems.push(
            Problem::error(format!("{field}.targetRevision"), format!("`{revision}` is not a revision"))
                .hint("give a branch, a tag, a version or a digest"),
        );
    }
    if let Some(chart) = source.chart.as_ref().filter(|chart| !is_word(chart) || !is_within(chart)) {
        problems
            .push(Problem::error(format!("{field}.chart"), format!("`{chart}` is not the name of a chart")));
    }
    let files = source.helm.iter().flat_map(|helm| {
        let files = helm.value_files.iter().map(|file| ("helm.valueFiles", file));
        files.chain(helm.values_files.iter().map(|file| ("helm.valuesFiles", file)))
    });
    for (at, path) in source.path.iter().map(|path| ("path", path)).chain(files) {
        if !is_within(path) {
            problems.push(
                Problem::error(format!("{field}.{at}"), format!("`{path}` does not lie within the source"))
                    .hint("give a path from its top, without `..`"),
            );
        }
    }
    if let Some(helm) = &source.helm {
        if let Some(name) = helm.release_name.as_ref().filter(|name| !is_label(name)) {
            problems.push(Problem::error(
                format!("{field}.helm.releaseName"),
                format!("`{name}` is not a name: small letters, digits and dashes"),
            ));
        }
        for (index, parameter) in helm.parameters.iter().enumerate() {
            problems.extend(path_problem(&parameter.name, &format!("{field}.helm.parameters[{index}].name")));
        }
    }
    problems
}

/// Returns what is wrong with an endpoint: it becomes an address that stores are asked at.
fn endpoint_problems(endpoint: &Endpoint) -> Vec<Problem> {
    let mut problems = Vec::new();
    if !is_label(&endpoint.service) {
        problems.push(Problem::error(
            "spec.endpoint.service",
            format!("`{}` is not the name of a Service", endpoint.service),
        ));
    }
    let scheme = &endpoint.scheme;
    if !(scheme.starts_with(|first: char| first.is_ascii_lowercase())
        && scheme
            .chars()
            .all(|letter| letter.is_ascii_lowercase() || letter.is_ascii_digit() || "+.-".contains(letter)))
    {
        problems.push(
            Problem::error("spec.endpoint.scheme", format!("`{scheme}` is not the scheme of a URL"))
                .hint("write http, https, grpc or the like"),
        );
    }
    problems
}

/// Returns what is wrong with the dotted path of a value.
fn path_problem(path: &str, field: &str) -> Option<Problem> {
    let steps = path.split('.').count();
    let reason = if path.is_empty() {
        "is empty".to_owned()
    } else if path.chars().any(char::is_control) {
        "has a control character".to_owned()
    } else if path.len() > LONGEST_PATH {
        format!("has {} characters, more than {LONGEST_PATH}", path.len())
    } else if steps > MOST_STEPS {
        format!("has {steps} steps, more than {MOST_STEPS}")
    } else {
        return None;
    };
    Some(
        Problem::error(field, format!("is no path of a value: it {reason}"))
            .hint("write it as Helm's --set does, such as server.replicas"),
    )
}

/// Returns what is wrong with a value that chooses where an image comes from: a component that does not say what may be
/// set on it must not be made to run another program.
fn image_problem(path: &str, field: &str) -> Option<Problem> {
    let last = path.rsplit('.').next().unwrap_or_default().to_ascii_lowercase();
    let chooses = last == "image" || last.ends_with("registry") || last.ends_with("repository");
    chooses.then(|| {
        Problem::error(
            field,
            "chooses where an image comes from, which the component leaves to no experiment",
        )
        .hint("have the Component declare it under spec.parameters")
    })
}

/// Returns whether Argo CD may be sent to an address.
fn is_repository(url: &str) -> bool {
    if !is_word(url) || url.split(['/', ':']).any(|step| step == "..") || url.contains('\\') {
        return false;
    }
    let starts = |rest: &str| rest.starts_with(|first: char| first.is_ascii_alphanumeric() || first == '[');
    match url.split_once("://") {
        Some((scheme, rest)) => SCHEMES.contains(&scheme) && starts(rest),
        None => match url.strip_prefix("git@") {
            Some(rest) => starts(rest) && rest.contains(':') && !rest.contains("::"),
            // A registry of charts is named without a scheme.
            None => starts(url) && !url.contains("::") && !url.contains('@'),
        },
    }
}

/// Returns whether a text is one word that no program takes for a flag.
fn is_word(text: &str) -> bool {
    !text.is_empty()
        && text.len() <= 1024
        && !text.starts_with('-')
        && text.chars().all(|letter| letter.is_ascii_graphic())
}

/// Returns whether a path leads to something within the folder it starts from.
fn is_within(path: &str) -> bool {
    !path.is_empty()
        && !path.starts_with('/')
        && !path.contains("://")
        && !path.chars().any(|letter| letter.is_control() || letter == '\\')
        && !path.split('/').any(|step| step == "..")
}

/// Returns whether a text can be the name of a Service: a label of DNS.
#[must_use]
pub fn is_label(text: &str) -> bool {
    let ends = |letter: char| letter.is_ascii_lowercase() || letter.is_ascii_digit();
    text.len() <= 63
        && text.starts_with(ends)
        && text.ends_with(ends)
        && text.chars().all(|letter| ends(letter) || letter == '-')
}

fn parameters(value: &Value) -> Result<Option<Vec<Parameter>>, Problem> {
    match value {
        Value::Null => Ok(None),
        // The map of the seed's README gives defaults; it does not say that there is nothing else to set.
        Value::Object(_) => Ok(None),
        _ => serde_json::from_value(value.clone()).map(Some).map_err(|error| {
            Problem::error("spec.parameters", format!("cannot be read: {error}"))
                .hint("give a list of {name, type, default, required}, or a map from name to default")
        }),
    }
}

/// Reads a value as the type its text suggests, as Helm's `--set` does.
fn guess(text: &str) -> Value {
    match text {
        "true" => Value::Bool(true),
        "false" => Value::Bool(false),
        // A leading zero marks an identifier, not a number.
        _ if text.len() > 1 && text.starts_with('0') => Value::String(text.into()),
        _ => text.parse::<i64>().map_or_else(|_| Value::String(text.into()), Value::from),
    }
}

/// Reads a value as the type that is asked for; a reference is resolved later and is taken as it is.
fn typed(text: &str, kind: ParameterKind) -> Result<Value, &'static str> {
    if text.contains("${") {
        return Ok(Value::String(text.into()));
    }
    match kind {
        ParameterKind::String => Ok(Value::String(text.into())),
        ParameterKind::Int => text.parse::<i64>().map(Value::from).map_err(|_| "a whole number"),
        ParameterKind::Bool => text.parse::<bool>().map(Value::from).map_err(|_| "true or false"),
    }
}

fn list<'a>(names: impl Iterator<Item = &'a str>) -> String {
    let names: Vec<&str> = names.collect();
    if names.is_empty() { "none".into() } else { names.join(", ") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn spec(value: Value) -> ComponentSpec {
        serde_json::from_value(value).unwrap()
    }

    #[test]
    fn the_short_form_of_the_seed_is_a_helm_source_that_takes_any_parameter() {
        let entry = Entry::read(&spec(json!({
            "sources": {"helm": {"repo": "https://charts.example.org", "chart": "kube-prometheus-stack"}},
            "parameters": {"retention": "24h"},
            "observability": {"serviceMonitor": true},
        })))
        .unwrap();
        assert_eq!(entry.sources[0].chart.as_deref(), Some("kube-prometheus-stack"));
        let params = BTreeMap::from([("grafana.enabled".to_owned(), "true".to_owned())]);
        assert_eq!(entry.values(&params, "params").unwrap()["grafana.enabled"], json!(true));
    }

    fn declared() -> Entry {
        Entry::read(&spec(json!({
            "type": "app",
            "sources": [{"repoURL": "oci://registry/components/metrics-app", "targetRevision": "sha256:00", "path": "."}],
            "parameters": [
                {"name": "series", "type": "int", "default": 1000},
                {"name": "target", "required": true},
            ],
        })))
        .unwrap()
    }

    #[test]
    fn defaults_are_overlaid_with_what_the_experiment_sets() {
        let params = BTreeMap::from([("target".to_owned(), "${targets.a.b.address}".to_owned())]);
        let values = declared().values(&params, "params").unwrap();
        assert_eq!(values["series"], json!(1000));
        assert_eq!(values["target"], json!("${targets.a.b.address}"));
    }

    #[test]
    fn an_unknown_an_ill_typed_and_a_missing_parameter_are_all_said() {
        let params =
            BTreeMap::from([("serie".to_owned(), "1".to_owned()), ("series".to_owned(), "many".to_owned())]);
        let problems = declared().values(&params, "spec.targets[0].components[0].params").unwrap_err();
        let said: Vec<String> = problems.iter().map(ToString::to_string).collect();
        assert_eq!(
            said,
            [
                "spec.targets[0].components[0].params[serie]: the component has no parameter `serie` (did you mean `series`?)",
                "spec.targets[0].components[0].params[series]: `many` is not a whole number",
                "spec.targets[0].components[0].params[target]: is required by the component and not given",
            ]
        );
    }

    #[test]
    fn a_parameter_that_is_only_accepted_is_said_to_be() {
        let entry = Entry::read(&spec(json!({
            "parameters": [
                {"name": "grafana.enabled", "type": "bool", "default": false, "withoutEffect": "there is none"},
            ],
        })))
        .unwrap();
        let said = |value: &str| -> Vec<String> {
            let params = BTreeMap::from([("grafana.enabled".to_owned(), value.to_owned())]);
            assert!(entry.values(&params, "params").is_ok());
            entry.without_effect(&params, "params").iter().map(ToString::to_string).collect()
        };
        assert_eq!(said("true"), ["params[grafana.enabled]: has no effect: there is none"]);
        assert_eq!(said("false"), [""; 0]);
    }

    #[test]
    fn a_source_that_cannot_be_read_names_its_field() {
        let problems = Entry::read(&spec(json!({"sources": [{"chart": "x"}]}))).unwrap_err();
        assert_eq!(problems[0].field, "spec.sources");
    }
}
