//! Fields of an experiment set on the command line: the same file with other parameters.

use crate::error::Failure;
use anyhow::Result;
use serde_json::{Map, Value};
use testbed_api::experiment::ClusterType;

/// One field to set: a path within `spec`, and a value as YAML writes it.
#[derive(Clone, Debug)]
pub(crate) struct Override {
    path: Vec<String>,
    value: Value,
}

impl Override {
    /// Parses `path=value`, such as `trials.blocks=6`, `variants.*.reset=none` or `variants.left.params.rate=5/s`.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let (path, value) = text.split_once('=').ok_or("write PATH=VALUE, such as trials.blocks=6")?;
        let path: Vec<String> =
            path.strip_prefix("spec.").unwrap_or(path).split('.').map(str::to_owned).collect();
        if path.iter().any(String::is_empty) {
            return Err("the path has an empty part".into());
        }
        let value: Value = serde_saphyr::from_str(value).map_err(|error| error.to_string())?;
        Ok(Self { path, value })
    }

    /// Sets the field in an experiment as it was read.
    pub(crate) fn apply(&self, experiment: &mut Value) -> Result<()> {
        let spec = experiment
            .as_object_mut()
            .map(|object| object.entry("spec").or_insert_with(|| Value::Object(Map::new())))
            .ok_or_else(|| Failure::usage("the experiment is not an object"))?;
        set(spec, &self.path, &self.value).map_err(|part| {
            Failure::usage(format!("--set {}: there is no `{part}`", self.path.join("."))).hint(
                "a list is entered by the name of an entry, by its number from 0, or by * for all of them",
            )
        })?;
        Ok(())
    }
}

/// Parses a kind of cluster that can take the place of another.
pub(crate) fn cluster_type(text: &str) -> Result<ClusterType, String> {
    let known = [ClusterType::Local, ClusterType::Gke, ClusterType::Eks, ClusterType::Aks, ClusterType::Hub];
    known
        .into_iter()
        .find(|kind| kind.as_str() == text)
        .ok_or_else(|| format!("there are {}", known.map(ClusterType::as_str).join(", ")))
}

/// Makes every cluster one of another type, but those that are the hub; says what that changed.
///
/// Machine type, nodes and disk stay: a local cluster takes the types of every cloud as sizes. A cluster on this machine
/// reaches the hub without a tailnet.
pub(crate) fn set_target_type(experiment: &mut Value, kind: ClusterType) -> Vec<String> {
    let mut said = Vec::new();
    let targets = experiment.pointer_mut("/spec/targets").and_then(Value::as_array_mut);
    for target in targets.into_iter().flatten() {
        let name = target.get("name").and_then(Value::as_str).unwrap_or_default().to_owned();
        let Some(before) = target.pointer_mut("/cluster/type") else { continue };
        if *before == ClusterType::Hub.as_str() || *before == kind.as_str() {
            continue;
        }
        let was = std::mem::replace(before, Value::from(kind.as_str()));
        said.push(format!(
            "{name}: cluster of type {} instead of {}",
            kind.as_str(),
            was.as_str().unwrap_or("?")
        ));
        if matches!(kind, ClusterType::Local | ClusterType::Hub)
            && let Some(transport) = target.pointer_mut("/observability/transport")
            && *transport == "tailscale"
        {
            *transport = Value::from("direct");
            said.push(format!(
                "{name}: transport direct instead of tailscale, as a cluster here needs no tailnet"
            ));
        }
    }
    said
}

/// Sets a value at a path; says the part of the path that leads nowhere.
fn set(at: &mut Value, path: &[String], value: &Value) -> Result<(), String> {
    let Some((first, rest)) = path.split_first() else {
        *at = value.clone();
        return Ok(());
    };
    match at {
        Value::Array(items) => {
            let is_named = |item: &Value| item.get("name").and_then(Value::as_str) == Some(first);
            let chosen: Vec<usize> = items
                .iter()
                .enumerate()
                .filter(|(index, item)| first == "*" || is_named(item) || *first == index.to_string())
                .map(|(index, _)| index)
                .collect();
            if chosen.is_empty() {
                return Err(first.clone());
            }
            chosen.into_iter().try_for_each(|index| set(&mut items[index], rest, value))
        }
        Value::Null => {
            *at = Value::Object(Map::new());
            set(at, path, value)
        }
        // What is null is not there: the default applies.
        Value::Object(map) if rest.is_empty() && value.is_null() => {
            map.remove(first);
            Ok(())
        }
        Value::Object(map) => set(map.entry(first.clone()).or_insert(Value::Null), rest, value),
        _ => Err(first.clone()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn with(sets: &[&str]) -> Result<Value> {
        let mut experiment = json!({"spec": {"trials": {"blocks": 12}, "variants": [
            {"name": "left", "reset": "restart"}, {"name": "right", "reset": "restart"}]}});
        for text in sets {
            Override::parse(text).unwrap().apply(&mut experiment)?;
        }
        Ok(experiment["spec"].clone())
    }

    #[test]
    fn a_field_is_set_whether_or_not_it_was_there() {
        let spec = with(&["trials.blocks=6", "spec.trials.window=8s", "budget.usd=0"]).unwrap();
        assert_eq!(spec["trials"], json!({"blocks": 6, "window": "8s"}));
        assert_eq!(spec["budget"], json!({"usd": 0}));
    }

    #[test]
    fn entries_of_a_list_are_found_by_name_number_or_all_at_once() {
        let spec =
            with(&["variants.*.reset=none", "variants.left.params.rate=5/s", "variants.1.target=x"]).unwrap();
        assert_eq!(
            spec["variants"],
            json!([{"name": "left", "reset": "none", "params": {"rate": "5/s"}},
                   {"name": "right", "reset": "none", "target": "x"}])
        );
    }

    #[test]
    fn every_cluster_but_the_hub_can_be_made_one_of_another_type() {
        let mut experiment = json!({"spec": {"targets": [
            {"name": "app", "cluster": {"type": "gke", "machineType": "e2-medium"},
             "observability": {"enabled": true, "transport": "tailscale"}},
            {"name": "load", "cluster": {"type": "hub"}}]}});
        let said = set_target_type(&mut experiment, ClusterType::Local);
        assert_eq!(
            said,
            [
                "app: cluster of type local instead of gke",
                "app: transport direct instead of tailscale, as a cluster here needs no tailnet"
            ]
        );
        assert_eq!(
            experiment["spec"]["targets"],
            json!([
                {"name": "app", "cluster": {"type": "local", "machineType": "e2-medium"},
                 "observability": {"enabled": true, "transport": "direct"}},
                {"name": "load", "cluster": {"type": "hub"}}])
        );
        assert!(cluster_type("gkee").is_err());
    }

    #[test]
    fn null_takes_a_field_out() {
        assert_eq!(with(&["trials.blocks=null"]).unwrap()["trials"], json!({}));
    }

    #[test]
    fn a_path_that_leads_nowhere_is_refused_by_the_part_that_does() {
        let error = with(&["variants.middle.reset=none"]).unwrap_err();
        assert!(error.to_string().contains("no `middle`"), "{error}");
        assert!(Override::parse("trials.blocks").is_err());
    }
}
