//! Bundles: everything that is needed to run an experiment again, read back and put into a hub.

use super::catalog::{CatalogComponent, Disk, check_value, refusal};
use super::overrides::Override;
use super::publish::{MANAGER, RegistryAccess, registry_host, templates};
use super::{results, runs};
use crate::error::Failure;
use anyhow::{Context, Result};
use kube::api::{Api, Patch, PatchParams};
use kube::{Client, ResourceExt};
use oci_client::Reference;
use oci_client::secrets::RegistryAuth;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use testbed_api::bundle::{Bundle, BundledTemplate};
use testbed_api::component::{Component, ComponentSpec, Source};
use testbed_api::{Experiment, labels};
use testbed_core::build::WORKFLOW_NAMESPACE;
use testbed_core::bundle::{self, Checked, Content};
use testbed_core::catalog::Entry;
use testbed_core::problem::Problem;

/// Returns the bundle of a run, as it is stored.
pub(crate) async fn fetch(client: &Client, run: &Experiment) -> Result<Vec<u8>> {
    let name = run.name_any();
    let results = results::of(run)?;
    let stored = results.bundle.as_ref().ok_or_else(|| {
        Failure::failed(format!("run {name} has a result, and no bundle beside it"))
            .hint("it was collected by an older operator, or the store took only the result")
    })?;
    let what = format!("the bundle of {name}");
    results::read(client, &results.bucket, &stored.key, &stored.sha256, &what).await
}

/// Returns the bundle in a file, if every digest in it is right.
pub(crate) fn from_file(file: &Path) -> Result<Checked> {
    let bytes = fs::read(file).with_context(|| format!("failed to read {}", file.display()))?;
    check(&bytes, &file.display().to_string())
}

/// Returns what a bundle holds, if every digest in it is right; `what` names it.
pub(crate) fn check(bytes: &[u8], what: &str) -> Result<Checked> {
    bundle::read(bytes).map_err(|reason| {
        let failure = Failure::usage(format!("{what} {reason}"));
        let hint = if reason.starts_with("was changed") {
            "take it from the store again: `testbed bundle <run>`"
        } else {
            "`testbed bundle <run>` writes one"
        };
        failure.hint(hint).into()
    })
}

/// What a replay submits.
pub(crate) struct Replay {
    /// The experiment.
    pub(crate) experiment: Experiment,
    /// What it may suffer from, and does not keep it from being run.
    pub(crate) warnings: Vec<Problem>,
}

/// Returns the experiment of a bundle, with fields set anew, if nothing refuses it.
pub(crate) async fn replay(client: &Client, bundle: &Bundle, overrides: &[Override]) -> Result<Replay> {
    let mut raw = serde_json::to_value(bundle::experiment(bundle))?;
    for field in overrides {
        field.apply(&mut raw)?;
    }
    let (experiment, problems) = check_value(&catalog(client, bundle).await?, &raw)?;
    let (refused, warnings): (Vec<_>, Vec<_>) = problems.into_iter().partition(Problem::refuses);
    match experiment {
        Some(experiment) if refused.is_empty() => Ok(Replay { experiment, warnings }),
        _ => {
            let what = format!("run {} cannot be repeated", bundle.summary.name);
            Err(refusal(&what, &refused.iter().collect::<Vec<_>>()).into())
        }
    }
}

/// Returns what the experiment of a bundle may refer to: what the bundle holds, and the hub's template if it holds none.
async fn catalog(client: &Client, bundle: &Bundle) -> Result<Disk> {
    let mut disk = Disk {
        components: BTreeMap::new(),
        templates: BTreeMap::new(),
        experiments: BTreeMap::<String, PathBuf>::new(),
    };
    for (name, spec) in &bundle.components {
        let object = Component::new(name, component(name, spec)?);
        disk.components.insert(name.clone(), CatalogComponent { object, folder: PathBuf::new() });
    }
    let name = &bundle.summary.workflow.template;
    let template = match &bundle.template {
        Some(template) => bundle::template(template),
        None => {
            let live = templates(client).get_opt(name).await?;
            let live = live.ok_or_else(|| {
                Failure::failed(format!("WorkflowTemplate {name} is neither in the bundle nor on this hub"))
                    .hint("`testbed catalog push` publishes those of this project")
            })?;
            serde_json::to_value(live)?
        }
    };
    disk.templates.insert(name.clone(), template);
    Ok(disk)
}

fn component(name: &str, spec: &Value) -> Result<ComponentSpec> {
    serde_json::from_value(spec.clone())
        .map_err(|error| Failure::usage(format!("Component {name} of the bundle: {error}")).into())
}

/// What became of an object that a replay needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// It was there, as it is to be.
    Same,
    /// It was not there.
    Created,
    /// Another was there.
    Replaced,
    /// The bundle does not hold it; the one that is there is used.
    NotBundled,
}

/// What a hub needed for a replay.
pub(crate) struct Restored {
    /// Artifacts by reference and digest.
    pub(crate) artifacts: Vec<(String, Outcome)>,
    /// Components.
    pub(crate) components: Vec<(String, Outcome)>,
    /// The template.
    pub(crate) template: (String, Outcome),
}

/// Puts into a hub whatever of a bundle is not there. What is looked at first is what could stop it.
pub(crate) async fn restore(client: &Client, checked: &Checked) -> Result<Restored> {
    let bundle = &checked.bundle;
    let template = match &bundle.template {
        Some(template) => template_now(client, template).await?,
        None => Outcome::NotBundled,
    };
    let artifacts = restore_artifacts(client, checked).await?;
    let mut components = Vec::new();
    for (name, spec) in &bundle.components {
        let outcome = restore_component(client, name, &component(name, spec)?)
            .await
            .with_context(|| format!("failed to apply Component {name}"))?;
        components.push((name.clone(), outcome));
    }
    if let (Some(wanted), Outcome::Created | Outcome::Replaced) = (&bundle.template, template) {
        restore_template(client, wanted).await?;
    }
    Ok(Restored { artifacts, components, template: (bundle.summary.workflow.template.clone(), template) })
}

/// Returns the pinned sources of a bundle that are in the registry of its hub: repository, digest.
fn in_registry(bundle: &Bundle, host: &str) -> BTreeSet<(String, String)> {
    let pinned = bundle.summary.targets.iter().flat_map(|target| &target.components);
    let sources = pinned.flat_map(|component| &component.sources);
    let name = |source: &Source| {
        let repository = bundle::repository(&source.repo_url, host)?;
        let digest = source.target_revision.clone().filter(|revision| bundle::is_digest(revision))?;
        Some((repository.to_owned(), digest))
    };
    sources.filter_map(name).collect()
}

async fn restore_artifacts(client: &Client, checked: &Checked) -> Result<Vec<(String, Outcome)>> {
    let host = registry_host();
    let needed = in_registry(&checked.bundle, &host);
    if needed.is_empty() {
        return Ok(Vec::new());
    }
    let registry = RegistryAccess::open(client).await?;
    let mut restored = Vec::new();
    for (repository, digest) in needed {
        let name = format!("{repository}@{digest}");
        let reference: Reference =
            format!("{}/{name}", registry.host).parse().with_context(|| format!("failed to name {name}"))?;
        let there = registry.client.fetch_manifest_digest(&reference, &RegistryAuth::Anonymous).await;
        let content = checked.contents.iter().find(|content| {
            content.digest == digest && bundle::repository(&content.reference, &host) == Some(&repository)
        });
        let outcome = match (there, content) {
            (Ok(_), _) => Outcome::Same,
            (Err(_), Some(content)) => {
                push(&registry, &repository, content)
                    .await
                    .with_context(|| format!("failed to push {name}"))?;
                Outcome::Created
            }
            (Err(reason), None) => {
                return Err(Failure::failed(format!(
                    "{name} is neither in the bundle nor in the registry of this hub ({reason})"
                ))
                .hint("the bundle says under `leftOut` why it is not in it")
                .into());
            }
        };
        restored.push((name, outcome));
    }
    Ok(restored)
}

/// Pushes an artifact, so that it bears the digest it had.
async fn push(registry: &RegistryAccess, repository: &str, content: &Content) -> Result<()> {
    let digest = &content.digest;
    // Pushed under a tag, or a registry that collects garbage would take it for garbage.
    let tag = digest.trim_start_matches("sha256:").chars().take(20).collect::<String>();
    let tagged: Reference = format!("{}/{repository}:{tag}", registry.host).parse()?;
    for (blob, data) in &content.blobs {
        if !registry.client.blob_exists(&tagged, blob).await? {
            registry.client.push_blob(&tagged, data.clone(), blob).await?;
        }
    }
    let media_type = content.media_type.parse().context("the media type of its manifest is none")?;
    registry.client.push_manifest_raw(&tagged, content.manifest.clone(), media_type).await?;
    let exact: Reference = format!("{}/{repository}@{digest}", registry.host).parse()?;
    registry.client.fetch_manifest_digest(&exact, &RegistryAuth::Anonymous).await?;
    Ok(())
}

async fn restore_component(client: &Client, name: &str, wanted: &ComponentSpec) -> Result<Outcome> {
    let api: Api<Component> = Api::all(client.clone());
    let outcome = match api.get_opt(name).await? {
        Some(live) if is_same(&live.spec, wanted) => return Ok(Outcome::Same),
        Some(_) => Outcome::Replaced,
        None => Outcome::Created,
    };
    let mut object = serde_json::to_value(Component::new(name, wanted.clone()))?;
    let sources = Entry::read(wanted).map(|entry| entry.sources).unwrap_or_default();
    let mut revisions = sources.into_iter().filter_map(|source| source.target_revision);
    let digest = revisions.find(|revision| bundle::is_digest(revision));
    if let Some(digest) = digest {
        object["metadata"]["annotations"] = json!({labels::CATALOG_DIGEST: digest});
    }
    // As when the catalog is published: we own what we apply.
    let applied = api.patch(name, &PatchParams::apply(MANAGER).force(), &Patch::Apply(&object)).await?;
    if is_same(&applied.spec, wanted) { Ok(outcome) } else { Err(mixed("component", name, None).into()) }
}

/// Returns whether two Components say the same, however their sources are written.
fn is_same(live: &ComponentSpec, wanted: &ComponentSpec) -> bool {
    let sources = |spec: &ComponentSpec| Entry::read(spec).map(|entry| entry.sources).ok();
    let rest = |spec: &ComponentSpec| ComponentSpec { sources: Value::Null, ..spec.clone() };
    sources(live) == sources(wanted) && rest(live) == rest(wanted)
}

/// Returns what is to be done for the template, and refuses to take it from under a run that is under way.
async fn template_now(client: &Client, wanted: &BundledTemplate) -> Result<Outcome> {
    let name = &wanted.name;
    match templates(client).get_opt(name).await? {
        None => Ok(Outcome::Created),
        Some(live) if live.data.get("spec") == Some(&wanted.spec) => Ok(Outcome::Same),
        Some(_) => match runs::user_of(client, name).await? {
            None => Ok(Outcome::Replaced),
            Some(user) => Err(runs::in_use(name, &user).into()),
        },
    }
}

async fn restore_template(client: &Client, wanted: &BundledTemplate) -> Result<()> {
    let name = &wanted.name;
    let object = bundle::template(wanted);
    let applied = templates(client)
        .patch(name, &PatchParams::apply(MANAGER).force(), &Patch::Apply(&object))
        .await
        .with_context(|| format!("failed to apply WorkflowTemplate {name}"))?;
    if applied.data.get("spec") == Some(&wanted.spec) {
        Ok(())
    } else {
        Err(mixed("workflowtemplate", name, Some(WORKFLOW_NAMESPACE)).into())
    }
}

/// Says that server-side apply left fields that others set.
fn mixed(kind: &str, name: &str, namespace: Option<&str>) -> Failure {
    let within = namespace.map(|namespace| format!(" -n {namespace}")).unwrap_or_default();
    Failure::failed(format!(
        "{kind} {name} on this hub has fields of somebody else beside those of the bundle"
    ))
    .hint(format!("`kubectl delete{within} {kind} {name}` takes it away; then try again"))
}

#[cfg(test)]
mod tests {
    use super::super::catalog::read_one;
    use super::*;
    use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
    use testbed_api::bundle::SCHEMA_VERSION;
    use testbed_api::component::Helm;
    use testbed_api::status::ExperimentStatus;
    use testbed_core::summary;

    fn spec(sources: Value) -> ComponentSpec {
        ComponentSpec { sources, ..ComponentSpec::default() }
    }

    #[test]
    fn a_component_whose_sources_are_written_in_the_short_form_is_the_same() {
        let short = json!({"helm": {"repo": "https://charts", "chart": "web", "version": "1"}});
        let long = json!([Source {
            repo_url: "https://charts".into(),
            chart: Some("web".into()),
            target_revision: Some("1".into()),
            helm: Some(Helm::default()),
            ..Source::default()
        }]);
        assert!(is_same(&spec(short.clone()), &spec(long)));
        let other = json!({"helm": {"repo": "https://charts", "chart": "web", "version": "2"}});
        assert!(!is_same(&spec(short.clone()), &spec(other)));
        let described = ComponentSpec { description: Some("a web".into()), ..spec(short.clone()) };
        assert!(!is_same(&spec(short), &described));
    }

    #[test]
    fn every_experiment_of_the_project_can_be_repeated_from_its_bundle() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap();
        let disk = Disk::read(Some(root)).unwrap();
        for file in disk.experiments.values() {
            let (experiment, _) = check_value(&disk, &read_one(file).unwrap()).unwrap();
            let mut experiment = experiment.unwrap();
            experiment.metadata.name = Some("left-x7k2q".into());
            experiment.metadata.uid = Some("7".into());
            experiment.metadata.creation_timestamp = Some("2026-11-01T10:00:00Z".parse().map(Time).unwrap());
            let summary =
                summary::summary(&experiment, &ExperimentStatus::default(), &[], Vec::new(), "0").unwrap();
            let (bytes, summary_sha256) = summary::encode(&summary).unwrap();
            let bundle = Bundle {
                schema: SCHEMA_VERSION.into(),
                testbed_version: "0".into(),
                summary,
                summary_sha256,
                components: BTreeMap::new(),
                template: None,
                artifacts: Vec::new(),
                manifests: Vec::new(),
                left_out: Vec::new(),
            };
            let (bytes, _) = bundle::encode(&bundle, &bytes).unwrap();
            let again = bundle::experiment(&check(&bytes, "the bundle").unwrap().bundle);
            let (again, problems) = check_value(&disk, &serde_json::to_value(again).unwrap()).unwrap();
            let refused: Vec<_> = problems.iter().filter(|problem| problem.refuses()).collect();
            assert!(refused.is_empty(), "{}: {refused:?}", file.display());
            let mut asked = experiment.spec;
            if let Some(trials) = &mut asked.trials {
                trials.seed = again.as_ref().unwrap().spec.trials.as_ref().unwrap().seed;
                assert!(trials.seed.is_some());
            }
            assert_eq!(again.unwrap().spec, asked);
        }
    }

    #[test]
    fn a_file_that_is_no_bundle_is_refused_with_the_way_to_one() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("summary.json");
        fs::write(&file, r#"{"schema": "testbed/v2", "name": "hello-app-x7k2q"}"#).unwrap();
        let error = from_file(&file).unwrap_err();
        let failure = error.downcast_ref::<Failure>().unwrap();
        assert!(failure.message.ends_with("is not a bundle: it has no schema, or no summary within"));
        assert_eq!(failure.hint.as_deref(), Some("`testbed bundle <run>` writes one"));
    }
}
