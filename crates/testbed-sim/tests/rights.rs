//! I18: what the operator asks for in all simulated runs is what its Role allows, and what it allows is asked for.
#![allow(missing_docs, clippy::unwrap_used, reason = "a test that cannot go on panics")]

use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use testbed_sim::fault::{Fault, Mode};
use testbed_sim::runs;
use testbed_sim::wire::Access;
use testbed_sim::world::{Ground, live};

/// One rule, for one verb at one resource.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Right {
    /// Absent if it holds in all namespaces.
    namespace: Option<String>,
    group: String,
    resource: String,
    verb: String,
    /// Only these objects, if it says so.
    names: Vec<String>,
}

impl Right {
    fn allows(&self, access: &Access) -> bool {
        let is = |allowed: &str, asked: &str| allowed == "*" || allowed == asked;
        self.namespace.as_ref().is_none_or(|namespace| access.namespace.as_ref() == Some(namespace))
            && is(&self.group, access.group)
            && is(&self.resource, &access.resource)
            && is(&self.verb, access.verb)
            && (self.names.is_empty() || access.name.as_ref().is_some_and(|name| self.names.contains(name)))
    }
}

fn rights() -> BTreeSet<Right> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../hub/manifests/testbed-operator.yaml");
    let text = fs::read_to_string(path).unwrap();
    let documents: Vec<Value> = text
        .split("\n---\n")
        .filter(|document| document.contains("rbac.authorization.k8s.io"))
        .map(|document| serde_saphyr::from_str(document).unwrap())
        .collect();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let words = |value: &Value| value.as_array().into_iter().flatten().map(text).collect::<Vec<_>>();
    let mut rights = BTreeSet::new();
    for binding in &documents {
        let spaces = match binding["kind"].as_str().unwrap() {
            "ClusterRoleBinding" => None,
            "RoleBinding" => Some(text(&binding["metadata"]["namespace"])),
            _ => continue,
        };
        let role = documents
            .iter()
            .find(|role| {
                role["kind"] == binding["roleRef"]["kind"]
                    && role["metadata"]["name"] == binding["roleRef"]["name"]
                    && (role["kind"] == "ClusterRole"
                        || role["metadata"]["namespace"] == binding["metadata"]["namespace"])
            })
            .unwrap();
        for rule in role["rules"].as_array().unwrap() {
            for group in words(&rule["apiGroups"]) {
                for resource in words(&rule["resources"]) {
                    for verb in words(&rule["verbs"]) {
                        rights.insert(Right {
                            namespace: spaces.clone(),
                            group: group.clone(),
                            resource: resource.clone(),
                            verb,
                            names: words(&rule["resourceNames"]),
                        });
                    }
                }
            }
        }
    }
    rights
}

/// Rights that no simulated run asks for, and who does.
fn reason(right: &Right) -> Option<&'static str> {
    let Right { group, resource, verb, .. } = right;
    Some(match (group.as_str(), resource.as_str(), verb.as_str()) {
        ("coordination.k8s.io", ..) => "the lease is not simulated; `lease.rs` and `leader` on the hub",
        (group, "*", "get") if group.ends_with(".m.upbound.io") => "clusters in clouds are not simulated",
        ("argoproj.io", _, "create") | (_, "namespaces" | "experimentclusters" | "secrets", "create") => {
            "server-side apply of what is not there needs it"
        }
        ("argoproj.io", "workflowtemplates", _) => "of templates only `get` is asked for; they share a rule",
        ("argoproj.io", _, "update") => "they share a rule",
        ("", "namespaces" | "pods" | "services", "get" | "watch" | "list") => {
            "names that a run needs, targets of type hub, bundles"
        }
        ("apps", ..) | ("", "configmaps", "get") => "bundles: there is no registry here",
        ("", "configmaps", _) => "the pool's settings are watched in its namespace",
        ("", "nodes", _) => "fingerprints of nodes that subjects ran on",
        ("", "secrets", "get") => "credentials of targets `existing`, and of a tailnet",
        ("illm.io", _, "patch" | "get") => "warm clusters are claimed; none are kept here",
        ("" | "events.k8s.io", "events", _) => "both groups are in use, by versions of the API server",
        _ => return None,
    })
}

#[test]
fn the_role_allows_what_is_asked_for_and_what_it_allows_is_asked_for() {
    let rights = rights();
    let mut asked: BTreeMap<Access, &str> = BTreeMap::new();
    for scenario in runs::all() {
        let mut outcome = live(&Ground::Memory, &scenario, &[]);
        if scenario.name == "orphaned-on-hub" {
            // Where nobody serves what is looked at, it is asked whether that is defined.
            for point in 1..=outcome.writes {
                let unserved = Fault { point, mode: Mode::Unserved };
                outcome.sent.extend(live(&Ground::Memory, &scenario, &[unserved]).sent);
            }
        }
        asked
            .extend(outcome.sent.into_iter().filter_map(|sent| sent.needs).map(|need| (need, scenario.name)));
    }
    let refused = |rights: &BTreeSet<Right>| -> Vec<_> {
        let allowed = |need: &Access| rights.iter().any(|right| right.allows(need));
        asked
            .iter()
            .filter(|(need, _)| !allowed(need))
            .map(|(need, run)| format!("{need:?} of {run}"))
            .collect()
    };
    assert_eq!(refused(&rights), Vec::<String>::new());
    let mut fewer = rights.clone();
    fewer.retain(|right| right.namespace.as_deref() != Some("argocd") || right.verb != "delete");
    assert_ne!(refused(&fewer), Vec::<String>::new(), "a right that is missing is not noticed");
    let unused: Vec<&Right> = rights
        .iter()
        .filter(|right| !asked.keys().any(|need| right.allows(need)) && reason(right).is_none())
        .collect();
    assert!(unused.is_empty(), "nobody asks for {unused:#?}");
}

#[test]
fn no_right_to_secrets_holds_in_all_namespaces() {
    let wide = |right: &&Right| {
        right.namespace.is_none()
            && ["", "*"].contains(&right.group.as_str())
            && ["secrets", "*"].contains(&right.resource.as_str())
    };
    assert_eq!(rights().iter().find(wide), None);
}
