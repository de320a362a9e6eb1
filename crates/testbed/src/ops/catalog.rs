//! The catalog on disk: components, workflow templates and experiments, read and checked without a cluster.

use crate::error::Failure;
use anyhow::{Context, Result};
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Component as Part, Path, PathBuf};
use testbed_api::component::{Component, Source};
use testbed_api::{Experiment, ExperimentSpec, crds};
use testbed_core::observed::template_parameters;
use testbed_core::problem::{Problem, did_you_mean};
use testbed_core::tutorial::{self, Tutorial};
use testbed_core::validate::{self, Catalog};

/// Largest file that is read as a manifest.
const MAX_BYTES: u64 = 1 << 20;
/// File of a component in its folder.
const COMPONENT: &str = "component.yaml";

/// A component of the catalog.
#[derive(Clone)]
pub(crate) struct CatalogComponent {
    /// The object, as the file has it.
    pub(crate) object: Component,
    /// Folder of its file.
    pub(crate) folder: PathBuf,
}

impl CatalogComponent {
    /// Returns the folder that is published for it, and whether it is a chart; nothing if the file names its sources.
    pub(crate) fn content(&self) -> Option<(PathBuf, bool)> {
        if !self.object.spec.sources.is_null() {
            return None;
        }
        [("chart", true), ("manifests", false)]
            .into_iter()
            .map(|(name, is_chart)| (self.folder.join(name), is_chart))
            .find(|(folder, _)| folder.is_dir())
    }
}

/// Everything on disk.
pub(crate) struct Disk {
    /// Components by name.
    pub(crate) components: BTreeMap<String, CatalogComponent>,
    /// WorkflowTemplates by name.
    pub(crate) templates: BTreeMap<String, Value>,
    /// Experiments by name of their folder.
    pub(crate) experiments: BTreeMap<String, PathBuf>,
}

impl Disk {
    /// Reads the catalog of the project that `root` names, or that the working folder is in.
    pub(crate) fn read(root: Option<&Path>) -> Result<Self> {
        let root = testbed_hub::Layout::find(root)?.root;
        let mut disk =
            Self { components: BTreeMap::new(), templates: BTreeMap::new(), experiments: BTreeMap::new() };
        for category in folders(&root.join("components"))? {
            for folder in folders(&category)? {
                disk.read_component(&folder)?;
            }
        }
        for folder in folders(&root.join("experiments"))? {
            let file = folder.join("experiment.yaml");
            if file.is_file() {
                disk.experiments.insert(name_of(&folder), file);
            }
            disk.read_templates(&folder.join("workflow.yaml"))?;
        }
        for file in files(&root.join("platform/workflows"))? {
            disk.read_templates(&file)?;
        }
        Ok(disk)
    }

    fn read_component(&mut self, folder: &Path) -> Result<()> {
        let file = folder.join(COMPONENT);
        if !file.is_file() {
            return Ok(());
        }
        let object: Component = read_one(&file)?;
        let name = object.metadata.name.clone().unwrap_or_default();
        if name != name_of(folder) {
            return Err(Failure::usage(format!(
                "{}: metadata.name is `{name}`, and its folder `{}`",
                file.display(),
                name_of(folder)
            ))
            .hint("a component is named as its folder")
            .into());
        }
        self.components.insert(name, CatalogComponent { object, folder: folder.to_owned() });
        Ok(())
    }

    fn read_templates(&mut self, file: &Path) -> Result<()> {
        if !file.is_file() {
            return Ok(());
        }
        for document in read_all(file)? {
            if document["kind"] == "WorkflowTemplate" {
                let name = document["metadata"]["name"].as_str().unwrap_or_default().to_owned();
                self.templates.insert(name, document);
            }
        }
        Ok(())
    }

    /// Returns what an Experiment may refer to, as if it all were published.
    pub(crate) fn catalog(&self) -> Catalog {
        let components = self.components.iter().map(|(name, component)| {
            let mut spec = component.object.spec.clone();
            if component.content().is_some() {
                spec.sources =
                    Value::Array(vec![serde_json::to_value(unpublished(name)).unwrap_or_default()]);
            }
            (name.clone(), spec)
        });
        let templates = self.templates.iter().map(|(name, template)| {
            let arguments = template.pointer("/spec/arguments/parameters").and_then(Value::as_array);
            (name.clone(), template_parameters(arguments.map(Vec::as_slice).unwrap_or_default()))
        });
        Catalog { components: components.collect(), templates: templates.collect(), ..Catalog::default() }
    }

    /// Returns the file of an experiment, named by its folder or by a path.
    pub(crate) fn experiment(&self, name: &str) -> Result<PathBuf> {
        if let Some(file) = self.experiments.get(name) {
            return Ok(file.clone());
        }
        if Path::new(name).is_file() {
            return Ok(name.into());
        }
        let failure = Failure::usage(format!("no experiment is named `{name}` in `experiments/`"));
        let known = || self.experiments.keys().map(String::as_str);
        Err(match did_you_mean(name, known()) {
            Some(close) => failure.hint(format!("did you mean `{close}`?")),
            None => failure.hint(format!("there are: {}", known().collect::<Vec<_>>().join(", "))),
        }
        .into())
    }
}

/// What stands for the source of a component that is not published yet.
fn unpublished(name: &str) -> Source {
    Source { repo_url: format!("oci://unpublished/{name}"), path: Some(".".into()), ..Source::default() }
}

/// Returns the experiment of a file, and everything that is wrong with it and with its tutorial, without a cluster.
pub(crate) fn check(disk: &Disk, file: &Path) -> Result<(Option<Experiment>, Vec<Problem>)> {
    check_beside(disk, file, &read_one(file)?)
}

/// Checks an experiment that was read from a file, and perhaps changed since, with the tutorial beside it.
pub(crate) fn check_beside(
    disk: &Disk,
    file: &Path,
    raw: &Value,
) -> Result<(Option<Experiment>, Vec<Problem>)> {
    let (experiment, mut problems) = check_value(disk, raw)?;
    problems.extend(experiment.as_ref().and_then(|experiment| misnamed(disk, file, experiment)));
    if let Some(spec) =
        experiment.as_ref().map(|experiment| &experiment.spec).filter(|s| s.tutorial.is_some())
    {
        match tutorial(file, spec)? {
            Some((name, tutorial)) => {
                problems.extend(
                    tutorial
                        .check(spec)
                        .into_iter()
                        .map(|problem| Problem { field: format!("{name}: {}", problem.field), ..problem }),
                );
            }
            None => problems.push(
                Problem::warning(
                    "spec.tutorial",
                    format!("there are no steps to follow: no `{}` is beside it", tutorial::FILE),
                )
                .hint("write one, or leave it: addresses are given without"),
            ),
        }
    }
    Ok((experiment, problems))
}

/// Says that the runs of an experiment would pass for those of another, as they do where one is copied.
fn misnamed(disk: &Disk, file: &Path, experiment: &Experiment) -> Option<Problem> {
    let (name, _) = disk.experiments.iter().find(|(_, known)| *known == file)?;
    let wanted = format!("{name}-");
    let prefix = experiment.metadata.generate_name.as_ref().filter(|prefix| **prefix != wanted)?;
    let problem =
        Problem::warning("metadata.generateName", format!("is `{prefix}`, and its folder `{name}`"));
    Some(
        problem.hint(format!(
            "write `{wanted}`, so that `{name}` finds its runs, and nobody takes them for others"
        )),
    )
}

/// Returns the tutorial beside an experiment's file, with the name of its own file. An experiment that names none may
/// have none.
pub(crate) fn tutorial(file: &Path, spec: &ExperimentSpec) -> Result<Option<(String, Tutorial)>> {
    let named = spec.tutorial.as_ref().and_then(|tutorial| tutorial.path.as_deref());
    let name = named.unwrap_or(tutorial::FILE);
    // The file of an experiment may come from anyone, and must not name what lies elsewhere.
    if !Path::new(name).components().all(|part| matches!(part, Part::Normal(_))) {
        return Err(Failure::usage(format!(
            "spec.tutorial.path: `{name}` is not a file beside the experiment"
        ))
        .hint("give a path within its folder")
        .into());
    }
    let path = file.parent().unwrap_or(Path::new("")).join(name);
    if named.is_none() && !path.is_file() {
        return Ok(None);
    }
    Ok(Some((name.to_owned(), read_one(&path)?)))
}

/// Says what refuses an experiment.
pub(crate) fn refusal(what: &str, refused: &[&Problem]) -> Failure {
    let said: Vec<String> = refused.iter().map(|problem| format!("\n  {problem}")).collect();
    Failure::usage(format!("{what}:{}", said.concat()))
}

/// Returns everything that is wrong with the components, by file, without a cluster.
pub(crate) fn check_components(disk: &Disk) -> Result<BTreeMap<PathBuf, Vec<Problem>>> {
    let catalog = disk.catalog();
    let mut found = BTreeMap::new();
    for (name, component) in &disk.components {
        let file = component.folder.join(COMPONENT);
        let (_, mut problems) = parsed::<Component>(&read_one(&file)?, "Component");
        problems.extend(catalog.components.get(name).map(validate::component).unwrap_or_default());
        found.insert(file, problems);
    }
    Ok(found)
}

/// Returns an object as it was read, and what its schema says against it.
fn parsed<K: DeserializeOwned>(raw: &Value, kind: &str) -> (Result<K, serde_json::Error>, Vec<Problem>) {
    let mut problems = schema_problems(raw, kind);
    let mut unknown = Vec::new();
    let parsed = serde_ignored::deserialize(raw, |path| unknown.push(path.to_string()));
    // Metadata is not ours to know, and what serde passes over in it the API server knows.
    for path in unknown.iter().filter(|path| path.starts_with("spec")) {
        problems.push(Problem::error(path.as_str(), "there is no such field"));
    }
    (parsed, problems)
}

/// Returns an experiment as it was read, and everything that is wrong with it, without a cluster.
pub(crate) fn check_value(disk: &Disk, raw: &Value) -> Result<(Option<Experiment>, Vec<Problem>)> {
    let (parsed, mut problems) = parsed::<Experiment>(raw, "Experiment");
    match parsed {
        Ok(experiment) => {
            let name = experiment.metadata.name.clone().or_else(|| {
                // Five characters are added to it.
                experiment.metadata.generate_name.as_ref().map(|prefix| format!("{prefix}xxxxx"))
            });
            if name.is_none() {
                problems.push(Problem::error("metadata", "has neither name nor generateName"));
            }
            problems.extend(validate::experiment(
                &name.unwrap_or_default(),
                &experiment.spec,
                &disk.catalog(),
            ));
            Ok((Some(experiment), problems))
        }
        // The schema says the same in more words, if it said anything.
        Err(error) if problems.is_empty() => Ok((None, vec![Problem::error("spec", error.to_string())])),
        Err(_) => Ok((None, problems)),
    }
}

/// Checks against the schema that the API server enforces.
fn schema_problems(raw: &Value, kind: &str) -> Vec<Problem> {
    let mut problems = Vec::new();
    if raw["apiVersion"] != "experiments.illm.io/v1alpha1" || raw["kind"] != kind {
        problems.push(
            Problem::error("kind", format!("is {} of {}", raw["kind"], raw["apiVersion"]))
                .hint(format!("write kind {kind}, apiVersion experiments.illm.io/v1alpha1")),
        );
        return problems;
    }
    let crd = crds().into_iter().find(|crd| crd.spec.names.kind == kind);
    let schema = crd
        .and_then(|crd| crd.spec.versions.into_iter().next()?.schema?.open_api_v3_schema)
        .and_then(|schema| serde_json::to_value(schema).ok())
        .unwrap_or_default();
    let Ok(validator) = jsonschema::validator_for(&schema["properties"]["spec"]) else { return problems };
    problems.extend(validator.iter_errors(&raw["spec"]).map(|error| {
        let path = error.instance_path().to_string();
        let field =
            path.split('/').skip(1).fold("spec".to_owned(), |field, step| match step.parse::<usize>() {
                Ok(index) => format!("{field}[{index}]"),
                Err(_) => format!("{field}.{step}"),
            });
        Problem::error(field, error.to_string())
    }));
    problems
}

fn name_of(folder: &Path) -> String {
    folder.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
}

fn entries(folder: &Path) -> Result<Vec<PathBuf>> {
    if !folder.is_dir() {
        return Ok(Vec::new());
    }
    let entries =
        fs::read_dir(folder).with_context(|| format!("failed to read folder {}", folder.display()))?;
    let mut paths = entries.map(|entry| Ok(entry?.path())).collect::<std::io::Result<Vec<_>>>()?;
    paths.sort();
    Ok(paths)
}

fn folders(folder: &Path) -> Result<Vec<PathBuf>> {
    Ok(entries(folder)?.into_iter().filter(|path| path.is_dir()).collect())
}

fn files(folder: &Path) -> Result<Vec<PathBuf>> {
    Ok(entries(folder)?
        .into_iter()
        .filter(|path| path.extension().is_some_and(|extension| extension == "yaml"))
        .collect())
}

fn read_text(file: &Path) -> Result<String> {
    let size = fs::metadata(file).map(|metadata| metadata.len());
    if size.as_ref().is_ok_and(|size| *size > MAX_BYTES) {
        return Err(
            Failure::usage(format!("{} is larger than {} KiB", file.display(), MAX_BYTES >> 10)).into()
        );
    }
    fs::read_to_string(file)
        .map_err(|error| Failure::usage(format!("failed to read {}: {error}", file.display())).into())
}

/// Reads a file of one document.
pub(crate) fn read_one<T: DeserializeOwned>(file: &Path) -> Result<T> {
    let text = read_text(file)?;
    serde_saphyr::from_str(&text)
        .map_err(|error| Failure::usage(format!("{}: {error}", file.display())).into())
}

/// Reads a file of any number of documents.
fn read_all(file: &Path) -> Result<Vec<Value>> {
    let text = read_text(file)?;
    serde_saphyr::from_multiple(&text)
        .map_err(|error| Failure::usage(format!("{}: {error}", file.display())).into())
}
