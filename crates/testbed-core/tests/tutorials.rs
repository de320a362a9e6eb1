//! The tutorials of the project: each is right beside its experiment, and all of it can be filled in.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on panics")]
#![allow(clippy::disallowed_methods, reason = "what is tested are files")]

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use testbed_api::Experiment;
use testbed_core::tutorial::{FILE, Places, Tutorial};

#[test]
fn every_tutorial_of_the_project_can_be_followed() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap();
    let mut found = Vec::new();
    for folder in fs::read_dir(root.join("experiments")).unwrap() {
        let folder = folder.unwrap().path();
        let experiment = fs::read_to_string(folder.join("experiment.yaml")).unwrap();
        let experiment: Experiment = serde_saphyr::from_str(&experiment).unwrap();
        let Some(tutorial) = &experiment.spec.tutorial else { continue };
        let file = folder.join(tutorial.path.as_deref().unwrap_or(FILE));
        let steps: Tutorial = serde_saphyr::from_str(&fs::read_to_string(file).unwrap()).unwrap();
        assert_eq!(steps.check(&experiment.spec), [], "{}", folder.display());
        let of = |names: Vec<&String>| -> BTreeMap<String, String> {
            names.into_iter().map(|name| (name.clone(), format!("<{name}>"))).collect()
        };
        let targets: Vec<&String> = experiment.spec.targets.iter().map(|target| &target.name).collect();
        let places = Places {
            endpoints: of(tutorial.services.iter().map(|service| &service.name).collect()),
            kubeconfigs: of(targets.clone()),
            namespaces: of(targets),
        };
        let filled = steps.fill(&places).unwrap();
        assert_eq!(filled.steps.len(), steps.steps.len());
        found.push(folder.file_name().unwrap().to_string_lossy().into_owned());
    }
    found.sort();
    assert_eq!(found, ["loki-tutorial", "prometheus-tutorial"]);
}
