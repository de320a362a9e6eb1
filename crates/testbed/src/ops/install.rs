//! A hub on a cluster that someone else made: looked at first, then brought by Argo CD, from a chart in a registry.

use super::foreign::{self, Kinds, label};
use super::publish::{self, RegistryAccess};
use super::pushing::{self, Place};
use crate::error::Failure;
use anyhow::{Context, Result};
use futures::{StreamExt, TryStreamExt, stream};
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::authorization::v1::{
    ResourceAttributes, SelfSubjectAccessReview, SelfSubjectAccessReviewSpec,
};
use k8s_openapi::api::core::v1::{Pod, Secret, Service};
use k8s_openapi::api::storage::v1::StorageClass;
use kube::api::{Api, DynamicObject, ListParams, Patch, PatchParams, PostParams};
use kube::{Client, ResourceExt};
use serde::Serialize;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::path::PathBuf;
use std::time::{Duration, Instant};
use testbed_hub::chart::{self, Chart, NAME, StorageKind, Values};
use testbed_hub::{Applier, Layout, Record, Reporter, Step};
use tokio::time::{sleep, timeout};

/// Namespace of the hub's own objects, and of Argo CD.
const SYSTEM: &str = "testbed-system";
const ARGOCD: &str = "argocd";
/// The Secret that keeps what was generated, so that a second install brings the same.
const GENERATED: &str = "testbed-hub-generated";
/// How long a cluster may take to say which version it is.
const REACH: Duration = Duration::from_secs(10);
/// How long everything may take to be ready, counted from when Argo CD knows of it.
const PATIENCE: Duration = Duration::from_secs(300);
/// How long an image may be out of reach before it is an error.
const PULL_PATIENCE: Duration = Duration::from_secs(25);
const LOOK: Duration = Duration::from_millis(250);
/// How often Argo CD is told to look again. It is installed not to look by itself, and can miss what it waits for.
const NUDGE: Duration = Duration::from_secs(5);
/// Definitions applied at once.
const AT_ONCE: usize = 8;

/// What is to be installed, and how.
#[derive(Debug, Clone, Default)]
pub(crate) struct Options {
    /// Registry for images and the chart; the embedded hub's if not given.
    pub(crate) registry: Option<String>,
    /// Whether that registry speaks HTTP without TLS.
    pub(crate) plain_http: bool,
    /// Values of the chart: `key=value`.
    pub(crate) set: Vec<String>,
    /// Folder that the chart is written to.
    pub(crate) chart: Option<PathBuf>,
    /// Look, and make nothing.
    pub(crate) dry_run: bool,
}

/// What was installed, or would be.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Installed {
    /// Whether nothing was made.
    pub(crate) dry_run: bool,
    /// Version of Kubernetes.
    pub(crate) kubernetes: String,
    /// Whether a hub was there before.
    pub(crate) upgraded: bool,
    /// Where Argo CD finds the chart.
    pub(crate) chart: String,
    /// Digest of the chart, once it is pushed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) revision: Option<String>,
    /// Values in effect. None of them is secret.
    pub(crate) values: Values,
    /// How many objects of each kind are brought.
    pub(crate) objects: BTreeMap<String, usize>,
    /// How long it took, in seconds.
    pub(crate) seconds: f64,
}

/// Installs a hub, or brings one that was installed up to date.
pub(crate) async fn install(
    client: &Client,
    layout: &Layout,
    options: &Options,
    reporter: &Reporter,
) -> Result<Installed> {
    let begun = Instant::now();
    let record = Record::read(layout).filter(|_| testbed_hub::kubeconfig().is_some()).ok_or_else(|| {
        Failure::failed("there is no embedded hub, whose images and definitions are installed")
            .hint("start it with `testbed hub up`")
    })?;
    let chart = chart::derive(&chart::sources(layout, &record)?)?;
    let place = Place::new(options.registry.as_deref(), options.plain_http)?;

    let step = reporter.start("check", "looking at the cluster");
    let kubernetes = reachable(client).await?;
    allowed(client).await?;
    let kinds = Kinds::discover(client).await?;
    let before = installed_values(client, &kinds).await?;
    let images = place.images(&record.images);
    let mut values = choose(client, images, &place, before.as_ref(), &options.set).await?;
    let everything = chart.render(&values)?;
    let secrets = chart.secrets(|_| Some(String::new()))?;
    let mut objects = BTreeMap::new();
    for object in everything.iter().chain(&secrets) {
        *objects.entry(object["kind"].as_str().unwrap_or_default().to_owned()).or_default() += 1;
    }
    foreign::refuse_what_is_there(client, &kinds, everything.iter().chain(&secrets)).await?;
    let upgraded = before.is_some();
    let count: usize = objects.values().sum();
    step.done(format!("Kubernetes {kubernetes} takes the {count} objects of a hub"));

    // The chart's own defaults are complete, so that Helm alone can render it.
    let defaults =
        Values { images: values.images.clone(), registry: values.registry.clone(), ..Values::default() };
    let files = chart.files(env!("CARGO_PKG_VERSION"), &defaults)?;
    if let Some(folder) = &options.chart {
        chart::write(folder, &files)?;
    }
    let mut installed = Installed {
        dry_run: options.dry_run,
        kubernetes,
        upgraded,
        chart: place.chart(),
        revision: None,
        values: values.clone(),
        objects,
        seconds: 0.0,
    };
    if options.dry_run {
        return Ok(installed);
    }

    pushing::images(&place, &record.images, reporter).await?;
    let step = reporter.start("chart", "pushing the chart");
    let revision = push_chart(&place, &files).await?;
    step.done(format!("pushed the chart as {}@{revision}", place.chart()));

    let step = reporter.start("bootstrap", "applying namespaces, definitions, secrets and Argo CD");
    let applier = Applier::new(client.clone());
    bootstrap(&applier, &chart, &mut values, &place).await?;
    step.done("applied namespaces, definitions, secrets and Argo CD");

    let step = reporter.start("hub", "Argo CD brings the rest");
    applier.apply_object(&application(&place, &revision, &values)).await?;
    wait(client, &revision, &step).await?;
    step.done("everything is Synced and Healthy, and the operator is ready");
    installed.revision = Some(revision);
    installed.values = values;
    installed.seconds = begun.elapsed().as_secs_f64();
    Ok(installed)
}

async fn reachable(client: &Client) -> Result<String> {
    let hint =
        "is the kubeconfig right, and the cluster up? `kubectl --kubeconfig FILE version` asks the same";
    match timeout(REACH, client.apiserver_version()).await {
        Ok(Ok(version)) => Ok(version.git_version),
        Ok(Err(kube::Error::Api(status))) if status.code == 401 => {
            Err(Failure::unreachable("the cluster does not know this kubeconfig's user").hint(hint).into())
        }
        Ok(Err(error)) => {
            Err(Failure::unreachable(format!("the cluster cannot be reached: {error}")).hint(hint).into())
        }
        Err(_) => {
            let message = format!("the cluster did not answer within {} s", REACH.as_secs());
            Err(Failure::unreachable(message).hint(hint).into())
        }
    }
}

/// A hub hands on rights (Argo CD may do everything), which only those may do who have them.
async fn allowed(client: &Client) -> Result<()> {
    let all = Some("*".to_owned());
    let attributes = ResourceAttributes {
        group: all.clone(),
        resource: all.clone(),
        verb: all,
        ..ResourceAttributes::default()
    };
    let review = SelfSubjectAccessReview {
        spec: SelfSubjectAccessReviewSpec { resource_attributes: Some(attributes), ..Default::default() },
        ..SelfSubjectAccessReview::default()
    };
    let api: Api<SelfSubjectAccessReview> = Api::all(client.clone());
    let answer = api.create(&PostParams::default(), &review).await.context("failed to ask for rights")?;
    if answer.status.is_some_and(|status| status.allowed) {
        return Ok(());
    }
    let hint = "use the kubeconfig of someone bound to the ClusterRole cluster-admin";
    Err(Failure::failed("this kubeconfig's user may not do everything in the cluster, and Argo CD has to")
        .hint(hint)
        .into())
}

/// Values of the hub that was installed before, if one was.
async fn installed_values(client: &Client, kinds: &Kinds) -> Result<Option<Values>> {
    let Some(resource) = kinds.find("argoproj.io", "Application") else { return Ok(None) };
    let api: Api<DynamicObject> = Api::namespaced_with(client.clone(), ARGOCD, resource);
    let Some(application) = api.get_opt(NAME).await? else { return Ok(None) };
    if !foreign::is_ours(&application.metadata) {
        return Ok(None);
    }
    let values = application.data.pointer("/spec/source/helm/valuesObject").cloned().unwrap_or_default();
    // Of an older chart, what is known no more is chosen anew.
    Ok(Some(serde_json::from_value(values).unwrap_or_default()))
}

async fn choose(
    client: &Client,
    images: BTreeMap<String, String>,
    place: &Place,
    before: Option<&Values>,
    set: &[String],
) -> Result<Values> {
    let mut values = Values { images, registry: place.host().to_owned(), ..Values::default() };
    match before {
        // Another kind of storage would leave behind what is in the first.
        Some(before) => values.storage = before.storage.clone(),
        None => {
            let classes: Api<StorageClass> = Api::all(client.clone());
            let classes = classes.list(&ListParams::default()).await?;
            let default = |class: &StorageClass| {
                let key = "storageclass.kubernetes.io/is-default-class";
                class.annotations().get(key).is_some_and(|value| value == "true")
            };
            if !classes.iter().any(default) {
                values.storage.kind = StorageKind::EmptyDir;
            }
        }
    }
    with_settings(values, set)
}

/// Sets values by the names they have in the chart.
fn with_settings(values: Values, set: &[String]) -> Result<Values> {
    let mut tree = serde_json::to_value(values)?;
    for setting in set {
        let (key, value) = setting
            .split_once('=')
            .ok_or_else(|| Failure::usage(format!("--set {setting}: expected key=value")))?;
        let value = match value {
            "true" => true.into(),
            "false" => false.into(),
            text => Value::from(text),
        };
        let mut place = &mut tree;
        for part in key.split('.') {
            if !place.is_object() {
                return Err(Failure::usage(format!("--set {key}: there is no such value")).into());
            }
            place = &mut place[part];
        }
        *place = value;
    }
    serde_json::from_value(tree).map_err(|error| {
        Failure::usage(format!("--set: {error}"))
            .hint("values are those of `testbed hub install --dry-run -o yaml`")
            .into()
    })
}

async fn push_chart(place: &Place, files: &BTreeMap<PathBuf, String>) -> Result<String> {
    let content = files.iter().map(|(name, text)| (name.clone(), text.clone().into_bytes())).collect();
    let (client, auth) = place.client()?;
    let access = RegistryAccess { client, host: String::new() };
    access
        .push_to(&place.repository("chart"), publish::pack(&content)?, &auth)
        .await
        .with_context(|| format!("failed to push the chart to {}", place.chart()))
}

/// What the rest needs to be there. Server-side apply of the same objects as the chart's, so that Argo CD finds
/// nothing to change when it takes them over.
async fn bootstrap(applier: &Applier, chart: &Chart, values: &mut Values, place: &Place) -> Result<()> {
    let client = applier.client();
    let (namespaces, rest): (Vec<_>, Vec<_>) =
        chart.bootstrap(values)?.into_iter().partition(|object| object["kind"] == "Namespace");
    for namespace in &namespaces {
        applier.apply_object(namespace).await?;
    }
    let generated = generated(client, chart).await?;
    values.webhook.ca_bundle = generated.get("base64:ca.crt").cloned().unwrap_or_default();
    let secret = json!({
        "apiVersion": "v1", "kind": "Secret",
        "metadata": {"name": GENERATED, "namespace": SYSTEM, "labels": label()},
        "stringData": generated.iter().map(|(key, value)| (key.replace(':', "_"), value)).collect::<BTreeMap<_, _>>(),
    });
    applier.apply_object(&secret).await?;
    for secret in chart.secrets(|token| generated.get(token).cloned())? {
        applier.apply_object(&secret).await?;
    }
    applier.apply_object(&place.credentials(ARGOCD)).await?;
    // Definitions come first, and wait for nothing but themselves.
    let definitions = rest.iter().filter(|object| is_definition(object));
    stream::iter(definitions)
        .map(|object| applier.apply_object(object))
        .buffer_unordered(AT_ONCE)
        .try_collect::<()>()
        .await?;
    for object in rest.iter().filter(|object| !is_definition(object)) {
        applier.apply_object(object).await?;
    }
    if values.remote_write.is_empty() {
        // Chosen by the cluster: there is no other way to know it than to look.
        let api: Api<Service> = Api::namespaced(client.clone(), SYSTEM);
        let address =
            api.get("testbed-ingest").await?.spec.and_then(|spec| spec.cluster_ip).unwrap_or_default();
        values.remote_write = format!("http://{address}:8080/api/v1/write");
    }
    Ok(())
}

fn is_definition(object: &Value) -> bool {
    object["kind"] == "CustomResourceDefinition"
}

/// Secrets by placeholder: those that were generated before, and new ones for the rest.
async fn generated(client: &Client, chart: &Chart) -> Result<BTreeMap<String, String>> {
    let api: Api<Secret> = Api::namespaced(client.clone(), SYSTEM);
    let known = api.get_opt(GENERATED).await?.and_then(|secret| secret.data).unwrap_or_default();
    let mut secrets: BTreeMap<String, String> = known
        .into_iter()
        .filter_map(|(key, value)| Some((key.replacen('_', ":", 1), String::from_utf8(value.0).ok()?)))
        .collect();
    for name in chart.secret_names() {
        if let Entry::Vacant(missing) = secrets.entry(format!("secret:{name}")) {
            missing.insert(testbed_hub::random_word()?);
        }
    }
    if !secrets.contains_key("base64:webhook.key") {
        let pair = testbed_hub::webhook_pair()?;
        let parts = [("ca.crt", pair.ca), ("webhook.crt", pair.certificate), ("webhook.key", pair.key)];
        secrets.extend(parts.map(|(name, text)| (format!("base64:{name}"), testbed_hub::base64(text))));
    }
    Ok(secrets)
}

/// The Application that brings everything and keeps it as it was brought. It has no finalizer: Argo CD, which it
/// brings as well, could not remove itself and then say so.
fn application(place: &Place, revision: &str, values: &Values) -> Value {
    json!({
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Application",
        "metadata": {
            "name": NAME,
            "namespace": ARGOCD,
            "labels": label(),
            // What the API server completes is no difference.
            "annotations": {"argocd.argoproj.io/compare-options": "ServerSideDiff=true"},
        },
        "spec": {
            "project": "default",
            "source": {
                "repoURL": place.chart(),
                "targetRevision": revision,
                "path": ".",
                "helm": {"releaseName": NAME, "valuesObject": values},
            },
            "destination": {"server": "https://kubernetes.default.svc", "namespace": SYSTEM},
            "syncPolicy": {
                "automated": {"prune": true, "selfHeal": true},
                "syncOptions": ["ServerSideApply=true", "ApplyOutOfSyncOnly=true", "SkipDryRunOnMissingResource=true"],
                "retry": {"limit": 20, "backoff": {"duration": "1s", "factor": 1, "maxDuration": "5s"}},
            },
        },
    })
}

/// Waits until Argo CD has brought everything and the operator works.
async fn wait(client: &Client, revision: &str, step: &Step) -> Result<()> {
    let kinds = Kinds::discover(client).await?;
    let resource = kinds.find("argoproj.io", "Application").context("there is no kind Application")?;
    let applications: Api<DynamicObject> = Api::namespaced_with(client.clone(), ARGOCD, resource);
    let deployments: Api<Deployment> = Api::namespaced(client.clone(), SYSTEM);
    let begun = Instant::now();
    let mut out_of_reach: Option<Instant> = None;
    let mut nudged = Instant::now();
    loop {
        let status = applications.get(NAME).await?.data["status"].take();
        let complaint = complaint(&status, revision);
        let operator = deployments.get_opt("testbed-operator").await?;
        let ready = operator.is_some_and(|operator| {
            let status = operator.status.unwrap_or_default();
            status.observed_generation >= operator.metadata.generation
                && status.available_replicas.unwrap_or(0) > 0
        });
        let complaint = complaint.or_else(|| (!ready).then(|| "the operator is not ready".into()));
        let Some(complaint) = complaint else { return Ok(()) };
        step.progress(complaint.clone());
        match image_out_of_reach(client).await? {
            None => out_of_reach = None,
            Some(image) => {
                if out_of_reach.get_or_insert_with(Instant::now).elapsed() > PULL_PATIENCE {
                    return Err(Failure::failed(format!("the cluster cannot pull {image}"))
                        .hint(
                            "name a registry that its nodes can pull from with --registry, and install again",
                        )
                        .into());
                }
            }
        }
        if nudged.elapsed() > NUDGE {
            let look = json!({"metadata": {"annotations": {"argocd.argoproj.io/refresh": "normal"}}});
            applications.patch_metadata(NAME, &PatchParams::default(), &Patch::Merge(look)).await?;
            nudged = Instant::now();
        }
        if begun.elapsed() > PATIENCE {
            return Err(Failure::failed(format!("not ready after {} s: {complaint}", PATIENCE.as_secs()))
                .hint(format!(
                    "`kubectl -n {ARGOCD} describe application {NAME}` says more; install again to go on, or \
                     take it away with `testbed hub uninstall`"
                ))
                .into());
        }
        sleep(LOOK).await;
    }
}

/// What an Application lacks; nothing if it is as it should be.
fn complaint(status: &Value, revision: &str) -> Option<String> {
    let text = |path: &str| status.pointer(path).and_then(Value::as_str).unwrap_or_default();
    let resources = status["resources"].as_array().map(Vec::as_slice).unwrap_or_default();
    let waits_for = resources.iter().find(|resource| {
        resource["status"] != "Synced" || resource.pointer("/health/status").is_some_and(|is| is != "Healthy")
    });
    let of = waits_for.map(|resource| {
        let word = |path: &str| resource.pointer(path).and_then(Value::as_str).unwrap_or_default();
        format!("; {} {} is {} {}", word("/kind"), word("/name"), word("/status"), word("/health/status"))
    });
    let of = of.unwrap_or_default();
    if let Some(condition) = status["conditions"].as_array().and_then(|all| all.first()) {
        return Some(condition["message"].as_str().unwrap_or_default().to_owned());
    }
    if text("/sync/revision") != revision {
        return Some("Argo CD has not read the chart yet".into());
    }
    if text("/operationState/phase") != "Succeeded" || text("/sync/status") != "Synced" {
        let message = text("/operationState/message");
        return Some(format!("{}{of} {message}", text("/sync/status")));
    }
    (text("/health/status") != "Healthy").then(|| format!("{}{of}", text("/health/status")))
}

/// An image of the hub that a node tried to pull and could not.
async fn image_out_of_reach(client: &Client) -> Result<Option<String>> {
    let pods: Api<Pod> = Api::all(client.clone());
    let pods = pods.list(&ListParams::default().labels("app.kubernetes.io/part-of=testbed-hub")).await?;
    Ok(pods.into_iter().filter_map(|pod| pod.status).find_map(|status| {
        let containers = status.container_statuses.into_iter().chain(status.init_container_statuses);
        containers.flatten().find_map(|container| {
            let reason = container.state?.waiting?.reason?;
            matches!(reason.as_str(), "ErrImagePull" | "ImagePullBackOff").then_some(container.image)
        })
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_set_by_their_names_and_unknown_ones_are_refused() {
        let set = |setting: &str| with_settings(Values::default(), &[setting.to_owned()]);
        assert_eq!(set("storage.kind=emptyDir").unwrap().storage.kind, StorageKind::EmptyDir);
        assert!(set("kubelet.insecure=true").unwrap().kubelet.insecure);
        assert_eq!(set("addresses.s3=10.0.0.9").unwrap().addresses["s3"], "10.0.0.9");
        for wrong in ["storage", "storage.kind=tape", "storag.kind=claim", "registry.host=a"] {
            assert!(set(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn an_application_is_ready_at_the_wanted_revision_only() {
        let mut status = json!({
            "sync": {"status": "Synced", "revision": "sha256:a"},
            "health": {"status": "Healthy"},
            "operationState": {"phase": "Succeeded"},
            "resources": [{"kind": "Deployment", "name": "s3", "status": "Synced", "health": {"status": "Healthy"}}],
        });
        assert_eq!(complaint(&status, "sha256:a"), None);
        assert!(complaint(&status, "sha256:b").is_some());
        status["health"]["status"] = "Progressing".into();
        status["resources"][0]["health"]["status"] = "Progressing".into();
        assert_eq!(
            complaint(&status, "sha256:a").unwrap(),
            "Progressing; Deployment s3 is Synced Progressing"
        );
    }

    #[test]
    fn no_value_of_the_application_is_secret() {
        let place = Place::new(None, false).unwrap();
        let text = application(&place, "sha256:a", &Values::default()).to_string();
        assert!(!text.contains("secret") && !text.contains("finalizers"), "{text}");
    }
}
