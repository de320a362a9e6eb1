//! Tutorials: steps that a person follows in a run that stays until it is deleted.
//!
//! A file beside the Experiment, `tutorial.yaml` unless `spec.tutorial.path` names another:
//!
//! ```yaml
//! title: First steps with a store
//! steps:
//! - title: Ask it something
//!   text: It answers over HTTP.
//!   command: curl -s '${service.store.endpoint}/api/v1/query?query=up'
//!   expect: A list with one entry.
//! ```
//!
//! Texts may name what only a run knows: `${service.<name>.endpoint}` (a URL; names are those of
//! `spec.tutorial.services`), `${target.<name>.kubeconfig}` (path of a file) and `${target.<name>.namespace}`.
//! A `$` that no `{` follows is left alone, so that a command may hold a variable of the shell.

use crate::problem::{Problem, did_you_mean};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;
use testbed_api::ExperimentSpec;

/// Name of the file, beside the Experiment's, unless the Experiment names another.
pub const FILE: &str = "tutorial.yaml";

/// Most steps of a tutorial: what is longer is read by nobody.
const MOST_STEPS: usize = 100;
/// Longest title.
const LONGEST_TITLE: usize = 200;
/// Longest text, command or expectation of a step.
const LONGEST_TEXT: usize = 16_384;

/// A tutorial: what the file holds.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tutorial {
    /// What it teaches.
    pub title: String,
    /// What is done, in this order.
    pub steps: Vec<Step>,
}

/// One step of a tutorial.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Step {
    /// What is done.
    pub title: String,
    /// Why, and what there is to know.
    pub text: String,
    /// What is typed into a shell.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub command: Option<String>,
    /// What is seen then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expect: Option<String>,
}

/// What the placeholders of a tutorial stand for in one run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Places {
    /// URLs of the tutorial's services, by name.
    pub endpoints: BTreeMap<String, String>,
    /// Paths of the targets' kubeconfig files, by name.
    pub kubeconfigs: BTreeMap<String, String>,
    /// The targets' namespaces, by name.
    pub namespaces: BTreeMap<String, String>,
}

/// Why a text cannot be filled in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PlaceError {
    /// It holds something that looks like a placeholder and is none.
    Malformed(String),
    /// The placeholder names something that the run does not have, or does not have yet.
    Unknown(String),
}

impl fmt::Display for PlaceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Malformed(text) => write!(f, "`{text}` is not a placeholder"),
            Self::Unknown(text) => write!(f, "`{text}` names nothing that this run has"),
        }
    }
}

impl std::error::Error for PlaceError {}

/// A placeholder, parsed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Placeholder<'a> {
    Endpoint { service: &'a str },
    Kubeconfig { target: &'a str },
    Namespace { target: &'a str },
}

impl<'a> Placeholder<'a> {
    /// Parses what stands between `${` and `}`.
    fn parse(inner: &'a str) -> Option<Self> {
        // No name has a dot.
        match inner.split('.').collect::<Vec<_>>()[..] {
            ["service", service, "endpoint"] if !service.is_empty() => Some(Self::Endpoint { service }),
            ["target", target, "kubeconfig"] if !target.is_empty() => Some(Self::Kubeconfig { target }),
            ["target", target, "namespace"] if !target.is_empty() => Some(Self::Namespace { target }),
            _ => None,
        }
    }
}

impl Tutorial {
    /// Returns everything wrong with it by itself and beside its Experiment.
    #[must_use]
    pub fn check(&self, spec: &ExperimentSpec) -> Vec<Problem> {
        let mut problems = Vec::new();
        problems.extend(text("title", &self.title, LONGEST_TITLE));
        if self.steps.is_empty() {
            problems.push(Problem::error("steps", "is empty").hint("a tutorial has at least one step"));
        }
        if self.steps.len() > MOST_STEPS {
            problems.push(Problem::error("steps", format!("has more than {MOST_STEPS} entries")));
        }
        for (index, step) in self.steps.iter().enumerate() {
            let field = |name: &str| format!("steps[{index}].{name}");
            problems.extend(text(&field("title"), &step.title, LONGEST_TITLE));
            let all = [
                ("text", Some(&step.text)),
                ("command", step.command.as_ref()),
                ("expect", step.expect.as_ref()),
            ];
            for (name, value) in all.into_iter().filter_map(|(name, value)| Some((name, value?))) {
                problems.extend(text(&field(name), value, LONGEST_TEXT));
                problems.extend(placeholders(&field(name), value, spec));
            }
        }
        problems
    }

    /// Returns it with its placeholders filled in, and with nothing left that could steer a terminal.
    ///
    /// # Errors
    /// The first placeholder that the run has nothing for.
    pub fn fill(&self, places: &Places) -> Result<Self, PlaceError> {
        let filled = |value: &String| places.fill(value);
        let steps = self.steps.iter().map(|step| {
            Ok(Step {
                title: plain(&step.title),
                text: filled(&step.text)?,
                command: step.command.as_ref().map(filled).transpose()?,
                expect: step.expect.as_ref().map(filled).transpose()?,
            })
        });
        Ok(Self { title: plain(&self.title), steps: steps.collect::<Result<_, _>>()? })
    }
}

impl Places {
    /// Returns a text with its placeholders filled in, without control characters but line ends and tabs. What is
    /// filled in is stripped too: it comes from a cluster.
    ///
    /// # Errors
    /// The first placeholder that there is nothing for.
    pub fn fill(&self, text: &str) -> Result<String, PlaceError> {
        replace(text, |placeholder| match placeholder {
            Placeholder::Endpoint { service } => self.endpoints.get(service).cloned(),
            Placeholder::Kubeconfig { target } => self.kubeconfigs.get(target).cloned(),
            Placeholder::Namespace { target } => self.namespaces.get(target).cloned(),
        })
        .map(|text| plain(&text))
    }
}

/// Returns the text without what could steer a terminal or make it show something else: control characters but line ends
/// and tabs, marks that turn the direction of writing, and signs that take no room.
#[must_use]
pub fn plain(text: &str) -> String {
    let turns = |letter: char| matches!(letter, '\u{61c}' | '\u{200e}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    let hides = |letter: char| matches!(letter, '\u{200b}' | '\u{2060}' | '\u{feff}');
    let steers = |letter: char| letter.is_control() && !matches!(letter, '\n' | '\t');
    text.chars().filter(|letter| !(steers(*letter) || turns(*letter) || hides(*letter))).collect()
}

/// Replaces every placeholder by what there is for it.
fn replace(
    text: &str,
    mut value: impl FnMut(Placeholder<'_>) -> Option<String>,
) -> Result<String, PlaceError> {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("${") {
        let Some(length) = rest[at..].find('}') else {
            return Err(PlaceError::Malformed(rest[at..].to_owned()));
        };
        let whole = &rest[at..=at + length];
        let placeholder = Placeholder::parse(&whole[2..whole.len() - 1])
            .ok_or_else(|| PlaceError::Malformed(whole.to_owned()))?;
        out.push_str(&rest[..at]);
        out.push_str(&value(placeholder).ok_or_else(|| PlaceError::Unknown(whole.to_owned()))?);
        rest = &rest[at + length + 1..];
    }
    out.push_str(rest);
    Ok(out)
}

fn text(field: &str, value: &str, longest: usize) -> Option<Problem> {
    if value.trim().is_empty() {
        return Some(Problem::error(field, "is empty"));
    }
    (value.chars().count() > longest)
        .then(|| Problem::error(field, format!("has more than {longest} characters")))
}

/// Returns the first thing wrong with the placeholders of a text.
fn placeholders(field: &str, text: &str, spec: &ExperimentSpec) -> Option<Problem> {
    let services: Vec<&str> =
        spec.tutorial.iter().flat_map(|tutorial| &tutorial.services).map(|s| s.name.as_str()).collect();
    let targets: Vec<&str> = spec.targets.iter().map(|target| target.name.as_str()).collect();
    let exposed = spec.tutorial.as_ref().is_some_and(|tutorial| tutorial.expose_kubeconfig);
    let mut found = None;
    let known = |what: &str, name: &str, names: &[&str], where_: &str| {
        if names.contains(&name) {
            return None;
        }
        let hint = match did_you_mean(name, names.iter().copied()) {
            Some(close) => format!("did you mean `{close}`?"),
            None => format!("add it to {where_}"),
        };
        Some(Problem::error(field, format!("no {what} is named `{name}`")).hint(hint))
    };
    let outcome = replace(text, |placeholder| {
        let problem = match placeholder {
            Placeholder::Endpoint { service } => {
                known("service of the tutorial", service, &services, "spec.tutorial.services")
            }
            Placeholder::Kubeconfig { target } => {
                known("target", target, &targets, "spec.targets").or_else(|| {
                    (!exposed).then(|| {
                        Problem::error(field, format!("needs the kubeconfig of target `{target}`"))
                            .hint("set spec.tutorial.exposeKubeconfig to true")
                    })
                })
            }
            Placeholder::Namespace { target } => known("target", target, &targets, "spec.targets"),
        };
        match problem {
            Some(problem) => {
                found = Some(problem);
                None
            }
            None => Some(String::new()),
        }
    });
    match outcome {
        Ok(_) => None,
        Err(PlaceError::Malformed(text)) => {
            Some(Problem::error(field, format!("`{text}` is not a placeholder")).hint(
                "write ${service.<name>.endpoint}, ${target.<name>.kubeconfig} or ${target.<name>.namespace}",
            ))
        }
        Err(PlaceError::Unknown(_)) => found,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    fn spec() -> ExperimentSpec {
        serde_saphyr::from_str(
            "
            targets:
            - {name: left, cluster: {type: local}}
            workflow: {template: experiment-lifecycle, completion: {mode: manual}}
            tutorial:
              exposeKubeconfig: true
              services:
              - {name: store, target: left, service: loki, namespace: logs}
            ",
        )
        .unwrap()
    }

    fn places() -> Places {
        let of = |name: &str, value: &str| BTreeMap::from([(name.to_owned(), value.to_owned())]);
        Places {
            endpoints: of("store", "http://10.88.0.7:30100"),
            kubeconfigs: of("left", "/run/left.kubeconfig"),
            namespaces: of("left", "logs-left-x7k2q"),
        }
    }

    fn tutorial(command: &str) -> Tutorial {
        Tutorial {
            title: "Logs".into(),
            steps: vec![Step {
                title: "Look".into(),
                text: "Pods are in ${target.left.namespace}.".into(),
                command: Some(command.into()),
                expect: None,
            }],
        }
    }

    #[test]
    fn a_file_is_read_and_what_it_does_not_know_is_refused() {
        let text = "title: Logs\nsteps:\n- title: Look\n  text: There.\n  command: kubectl get pods\n";
        let read: Tutorial = serde_saphyr::from_str(text).unwrap();
        assert_eq!(read.steps[0].command.as_deref(), Some("kubectl get pods"));
        assert_eq!(read.check(&spec()), []);
        assert!(serde_saphyr::from_str::<Tutorial>(&format!("{text}  run: rm\n")).is_err());
    }

    #[test]
    fn placeholders_are_filled_in_where_they_stand() {
        let filled = tutorial(
            "kubectl --kubeconfig ${target.left.kubeconfig} -n ${target.left.namespace} get pods && \
             curl ${service.store.endpoint}/ready $HOME",
        )
        .fill(&places())
        .unwrap();
        assert_eq!(filled.steps[0].text, "Pods are in logs-left-x7k2q.");
        assert_eq!(
            filled.steps[0].command.as_deref(),
            Some(
                "kubectl --kubeconfig /run/left.kubeconfig -n logs-left-x7k2q get pods && \
                 curl http://10.88.0.7:30100/ready $HOME"
            )
        );
    }

    #[rstest]
    #[case("${service.grafana.endpoint}", PlaceError::Unknown("${service.grafana.endpoint}".into()))]
    #[case("${target.right.kubeconfig}", PlaceError::Unknown("${target.right.kubeconfig}".into()))]
    #[case("${target.left.endpoint}", PlaceError::Malformed("${target.left.endpoint}".into()))]
    #[case("${HOME}", PlaceError::Malformed("${HOME}".into()))]
    #[case("x ${service.store", PlaceError::Malformed("${service.store".into()))]
    fn a_placeholder_that_cannot_be_filled_in_is_named(#[case] command: &str, #[case] expected: PlaceError) {
        assert_eq!(tutorial(command).fill(&places()), Err(expected));
    }

    #[test]
    fn nothing_that_could_steer_a_terminal_is_left() {
        let mut hostile = places();
        hostile.endpoints.insert("store".into(), "http://x\u{1b}]0;owned\u{7}/".into());
        let mut tutorial = tutorial("curl ${service.store.endpoint}\n\u{1b}[2Jdone\u{9b}2J\r");
        tutorial.title = "Logs\u{8}".into();
        let filled = tutorial.fill(&hostile).unwrap();
        assert_eq!(filled.title, "Logs");
        assert_eq!(filled.steps[0].command.as_deref(), Some("curl http://x]0;owned/\n[2Jdone2J"));
    }

    #[rstest]
    #[case(
        "${service.stor.endpoint}",
        "steps[0].command: no service of the tutorial is named `stor` (did you mean `store`?)"
    )]
    #[case(
        "${service.grafana.endpoint}",
        "steps[0].command: no service of the tutorial is named `grafana` (add it to spec.tutorial.services)"
    )]
    #[case("${target.lift.namespace}", "steps[0].command: no target is named `lift` (did you mean `left`?)")]
    #[case(
        "${target.left}",
        "steps[0].command: `${target.left}` is not a placeholder (write ${service.<name>.endpoint}, \
         ${target.<name>.kubeconfig} or ${target.<name>.namespace})"
    )]
    #[case(" ", "steps[0].command: is empty")]
    fn what_is_wrong_is_said_before_there_is_a_run(#[case] command: &str, #[case] expected: &str) {
        let said: Vec<String> = tutorial(command).check(&spec()).iter().map(ToString::to_string).collect();
        assert_eq!(said, [expected]);
    }

    #[test]
    fn a_kubeconfig_that_is_not_exposed_cannot_be_named() {
        let mut spec = spec();
        spec.tutorial.as_mut().unwrap().expose_kubeconfig = false;
        let problems = tutorial("kubectl --kubeconfig ${target.left.kubeconfig} get pods").check(&spec);
        assert_eq!(
            problems[0].to_string(),
            "steps[0].command: needs the kubeconfig of target `left` (set spec.tutorial.exposeKubeconfig to true)"
        );
    }

    #[test]
    fn a_tutorial_without_steps_is_refused() {
        let empty = Tutorial { title: "Logs".into(), steps: Vec::new() };
        assert_eq!(empty.check(&spec())[0].field, "steps");
    }
}
