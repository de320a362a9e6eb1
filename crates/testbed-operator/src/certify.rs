//! The last look at a run: every list in which something of it could be left is read from the store itself, and that all
//! were empty is put on record.

use crate::answers::if_defined;
use crate::apply::{Error, in_time};
use crate::clients::{Clients, child, dynamic};
use crate::observe::is_leaving;
use crate::targets::Way;
use futures::stream::{self, StreamExt, TryStreamExt};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime;
use kube::api::ListParams;
use kube::{Client, ResourceExt};
use testbed_api::certificate::{Certificate, Look, Made, SCHEMA_VERSION};
use testbed_api::experiment::ExperimentSpec;
use testbed_api::labels;
use testbed_api::record::RecordRef;
use testbed_core::build::{ARGOCD_NAMESPACE, CLUSTER_NAMESPACE, WORKFLOW_NAMESPACE};
use testbed_core::certificate;
use testbed_core::observed::Observed;
use testbed_core::plan::{CertifyRequest, ChildKind, Fact};

/// Objects asked for at once.
const AT_ONCE: usize = 16;

/// Looks once more, and stores the proof.
pub(crate) async fn certify(
    clients: &Clients,
    seen: &Observed,
    request: &CertifyRequest,
) -> Result<Fact, Error> {
    let experiment = &seen.experiment;
    let (name, namespace) = (experiment.name_any(), experiment.namespace().unwrap_or_default());
    let uid = experiment.uid().unwrap_or_default();
    let mut looks = Vec::new();
    for (kind, space) in places(&experiment.spec, &namespace) {
        match look(&clients.kube, kind, space, &uid).await {
            // What is beside the Experiment goes with it.
            Err(Error::Kube(_)) if space == Some(&namespace) && is_leaving(clients, &namespace).await => {}
            found => looks.extend(found?),
        }
    }
    for target in &request.asked {
        let way = reached(clients, &uid, target)?;
        let found = in_time(target, look(&way.client, ChildKind::Namespace, None, &uid)).await?;
        looks.extend(found.map(|look| Look { target: Some(target.clone()), ..look }));
    }
    let named = stream::iter(request.made.clone()).map(async |made| {
        let is_beside = made.target.is_none() && made.namespace.as_ref() == Some(&namespace);
        match absent(clients, &uid, request, made).await {
            Err(Error::Kube(_)) if is_beside && is_leaving(clients, &namespace).await => Ok(()),
            asked => asked,
        }
    });
    named.buffer_unordered(AT_ONCE).try_collect::<()>().await?;
    let Some(prefix) = &request.prefix else { return Ok(Fact::Certified { certificate: None }) };
    let certificate = Certificate {
        schema: SCHEMA_VERSION.into(),
        testbed_version: env!("CARGO_PKG_VERSION").into(),
        name,
        namespace,
        uid,
        created_at: experiment.metadata.creation_timestamp.clone(),
        at: MicroTime(clients.clock.now()),
        made: request.made.clone(),
        looks,
        left_behind: request.left_behind.clone(),
    };
    let (bytes, sha256, key) =
        certificate::encode(prefix, &certificate).map_err(|error| Error::Object(error.to_string()))?;
    match clients.results.store(&key, bytes, sha256.clone()).await {
        Ok(_) => Ok(Fact::Certified { certificate: Some(RecordRef { key, sha256 }) }),
        Err(error) if request.give_up => {
            let experiment = certificate.name;
            tracing::warn!(experiment, error = format!("{error:#}"), "the teardown has no certificate");
            Ok(Fact::Certified { certificate: None })
        }
        Err(error) => Err(Error::Results(error)),
    }
}

/// Asks for an object on record by its name, for one that lost its label is in no list.
async fn absent(clients: &Clients, uid: &str, request: &CertifyRequest, made: Made) -> Result<(), Error> {
    let Some(kind) = certificate::kind(&made) else { return Ok(()) };
    let kube = match &made.target {
        None => clients.kube.clone(),
        Some(target) if request.asked.contains(target) => reached(clients, uid, target)?.client,
        Some(_) => return Ok(()),
    };
    let resource = child(kind);
    let api = dynamic(kube.clone(), &resource, made.namespace.as_deref());
    let found = async { if_defined(&kube, &resource, api.get_metadata_opt(&made.name).await).await };
    let found = match &made.target {
        None => found.await?,
        Some(target) => in_time(target, found).await?,
    };
    if found.flatten().is_none() {
        return Ok(());
    }
    let place = made.target.map(|target| format!(" in target {target}")).unwrap_or_default();
    let (kind, name) = (made.kind, made.name);
    Err(Error::Object(format!(
        "{kind} {name}{place} is still there, and no label says whose it is: delete it"
    )))
}

/// Returns the way to a target that was found in this pass.
fn reached(clients: &Clients, uid: &str, target: &str) -> Result<Way, Error> {
    let way = clients.targets.known(&(uid.to_owned(), target.to_owned()));
    way.ok_or_else(|| Error::Object(format!("target {target} cannot be asked")))
}

/// Returns where objects of a run may be on the hub: kinds, and their namespace if it is one.
fn places<'a>(spec: &ExperimentSpec, namespace: &'a str) -> Vec<(ChildKind, Option<&'a str>)> {
    let mut places = vec![
        (ChildKind::Workflow, Some(WORKFLOW_NAMESPACE)),
        (ChildKind::Pod, Some(WORKFLOW_NAMESPACE)),
        (ChildKind::Application, Some(ARGOCD_NAMESPACE)),
        (ChildKind::Project, Some(ARGOCD_NAMESPACE)),
        (ChildKind::Namespace, None),
    ];
    if spec.targets.iter().any(|target| target.cluster.kind.is_made()) {
        places.push((ChildKind::Cluster, Some(CLUSTER_NAMESPACE)));
        for kind in [ChildKind::Pod, ChildKind::Service, ChildKind::Secret] {
            places.push((kind, Some(CLUSTER_NAMESPACE)));
        }
    }
    places.push((ChildKind::Secret, Some(ARGOCD_NAMESPACE)));
    if spec.tutorial.as_ref().is_some_and(|tutorial| tutorial.expose_kubeconfig) {
        places.push((ChildKind::Secret, Some(namespace)));
    }
    places
}

/// Reads one list, which must be empty. Without a `resourceVersion` a quorum of the store is asked.
async fn look(
    kube: &Client,
    kind: ChildKind,
    namespace: Option<&str>,
    uid: &str,
) -> Result<Option<Look>, Error> {
    let labels = format!("{}={uid}", labels::EXPERIMENT_UID);
    let resource = child(kind);
    let api = dynamic(kube.clone(), &resource, namespace);
    let listed = api.list_metadata(&ListParams::default().labels(&labels)).await;
    // Of a kind that has no definition, as clusters without Crossplane, there is nothing.
    let Some(listed) = if_defined(kube, &resource, listed).await? else { return Ok(None) };
    if let Some(left) = listed.items.first() {
        return Err(Error::Object(format!("{} {} is still there", resource.kind, left.name_any())));
    }
    Ok(Some(Look {
        kind: resource.kind,
        namespace: namespace.map(str::to_owned),
        target: None,
        labels,
        resource_version: listed.metadata.resource_version.unwrap_or_default(),
    }))
}
