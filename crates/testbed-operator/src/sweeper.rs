//! Looks for what was left behind by runs that are over or no more, and deletes it.

use crate::answers::if_defined;
use crate::apply::{delete_in, is_gone, propagation};
use crate::clients::{Clients, LIVE, child};
use crate::observe::cluster_facts;
use crate::targets;
use anyhow::{Context, Result};
use clap::ValueEnum;
use futures::future::try_join_all;
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::{Namespace, ObjectReference, PersistentVolume, Service};
use kube::api::{Api, DeleteParams, ListParams, Preconditions};
use kube::runtime::events::{Event, EventType};
use kube::{Client, Error as KubeError, Resource, ResourceExt};
use serde::Deserialize;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;
use testbed_api::experiment::ClusterType;
use testbed_api::{Experiment, labels};
use testbed_core::build::{ARGOCD_NAMESPACE, CLUSTER_NAMESPACE, WORKFLOW_NAMESPACE};
use testbed_core::plan::{ChildKind, ObjectRef, balancer, disk};
use testbed_core::sweep::{Found, Inside, KINDS, Parting, SUSPICIOUS, Suspects, parting, sweep};
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until, timeout};

/// How long a look may take: one that hangs must not keep the next one.
const PATIENCE: Duration = Duration::from_secs(30);
/// After the end of a run there is a look this soon; the ends of many are looked at together.
const GATHER: Duration = Duration::from_secs(2);
/// The operator's own Deployment, which is told what was deleted: the run that it was of has nothing left to tell.
const DEPLOYMENT: &str = "testbed-operator";

/// What becomes of objects of runs that are no more.
#[derive(ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// They are deleted
    On,
    /// They are only named in the log
    DryRun,
    /// They are not looked for
    Off,
}

/// What is known from earlier looks.
struct Sweeper<'a> {
    clients: &'a Clients,
    begun: Instant,
    suspects: Suspects,
    /// UIDs of objects that were named in the log and not deleted.
    named: BTreeSet<String>,
    is_dry: bool,
}

/// Looks again and again, until stopped.
pub(crate) async fn run(clients: Arc<Clients>, mode: Mode, mut stopped: watch::Receiver<bool>) -> Result<()> {
    if mode == Mode::Off {
        return Ok(());
    }
    let mut sweeper = Sweeper {
        clients: &clients,
        begun: Instant::now(),
        suspects: Suspects::default(),
        named: BTreeSet::new(),
        is_dry: mode == Mode::DryRun,
    };
    // After a look that failed the next one is soon, for what was left may cost money.
    let mut pause = GATHER;
    loop {
        let look = async { timeout(PATIENCE, sweeper.look()).await.context("it takes too long")? };
        let look = tokio::select! {
            look = look => look,
            _ = stopped.wait_for(|stopped| *stopped) => return Ok(()),
        };
        let again = match look {
            Ok(again) => {
                pause = GATHER;
                again
            }
            Err(error) => {
                tracing::warn!(error = format!("{error:#}"), "orphans cannot be looked for");
                let again = pause;
                pause = (2 * pause).min(SUSPICIOUS);
                again
            }
        };
        let mut next = Instant::now() + again;
        loop {
            tokio::select! {
                _ = stopped.wait_for(|stopped| *stopped) => return Ok(()),
                () = sleep_until(next) => break,
                // Most have left nothing; of one whose finalizer was removed by hand this is the only sign.
                () = clients.run_gone.notified() => next = next.min(Instant::now() + GATHER),
            }
        }
    }
}

impl Sweeper<'_> {
    /// Looks at the hub, deletes what is due, and returns when to look again. Whatever cannot be read ends the look: of
    /// the rest nothing follows.
    async fn look(&mut self) -> Result<Duration> {
        let began = self.begun.elapsed();
        let found: Vec<Found> =
            try_join_all(KINDS.map(|kind| list(self.clients, kind))).await?.into_iter().flatten().collect();
        let live = live(self.clients).await?;
        let look = sweep(&found, &live, &self.suspects, began, self.begun.elapsed());
        self.suspects = look.suspects;
        if self.is_dry {
            for orphan in look.delete.iter().filter(|orphan| self.named.insert(orphan.object.uid.clone())) {
                let (what, run) = (described(orphan), &orphan.run);
                tracing::info!(what, run, "would be deleted: its run is over");
            }
            return Ok(look.again.max(SUSPICIOUS));
        }
        // All at once: one that does not answer must not hold up the rest.
        let insides = try_join_all(look.delete.iter().map(|orphan| inside(self.clients, orphan))).await?;
        let (mut all_stay, mut failed) = (!look.delete.is_empty(), None);
        for (orphan, inside) in look.delete.iter().zip(&insides) {
            let left = match parting(inside, self.suspects.age(orphan, began).unwrap_or_default()) {
                Parting::Goes => None,
                Parting::GoesWithout(what) => Some(what),
                Parting::Stays(why) => {
                    let (what, run) = (described(orphan), &orphan.run);
                    tracing::info!(what, run, why, "stays for now, though its run is over");
                    continue;
                }
            };
            all_stay = false;
            // One that cannot be deleted keeps no other, such as a cluster that costs.
            if let Err(error) = delete(self.clients, orphan, left.as_deref()).await {
                failed.get_or_insert(error);
            }
        }
        if let Some(error) = failed {
            return Err(error);
        }
        Ok(if all_stay { SUSPICIOUS } else { look.again })
    }
}

/// Has a cluster of a cloud let go of what that would keep without it, and returns what it holds still.
async fn inside(clients: &Clients, orphan: &Found) -> Result<Inside> {
    if orphan.object.kind != ChildKind::Cluster {
        return Ok(Inside::Nothing);
    }
    let api = clients.dynamic(&child(orphan.object.kind), orphan.object.namespace.as_deref());
    let seen = api.get_opt(&orphan.object.name).await;
    let seen = seen.with_context(|| format!("{} cannot be read", described(orphan)))?.map(cluster_facts);
    let Some(seen) = seen else { return Ok(Inside::Nothing) };
    if !ClusterType::deserialize(&seen.spec["type"]).is_ok_and(ClusterType::is_of_a_cloud) {
        return Ok(Inside::Nothing);
    }
    let Some(secret) = seen.kubeconfig_secret else {
        return Ok(if seen.ready { Inside::Silent } else { Inside::Nothing });
    };
    let source = targets::made(&secret, seen.endpoint.as_deref());
    let emptied = async {
        match clients.targets.open(clients, &source).await? {
            Some(way) => empty(&way.client, &orphan.run).await,
            // It was never ready.
            None if !seen.ready => Ok(Inside::Nothing),
            None => Ok(Inside::Silent),
        }
    };
    let emptied = timeout(targets::PATIENCE, emptied).await.context("it does not answer in time");
    Ok(emptied.and_then(|emptied| emptied).unwrap_or_else(|error| {
        tracing::warn!(what = described(orphan), error = format!("{error:#}"), "a cluster cannot be emptied");
        Inside::Silent
    }))
}

/// Deletes the namespaces of a run in a cluster that was made for it, and returns what is there still. The cluster is the
/// lab's own, so whatever disk or load balancer is in it was made for the lab.
async fn empty(kube: &Client, run: &str) -> Result<Inside> {
    let namespaces: Api<Namespace> = Api::all(kube.clone());
    let services: Api<Service> = Api::all(kube.clone());
    let volumes: Api<PersistentVolume> = Api::all(kube.clone());
    let ours = ListParams::default().labels(&format!("{}={run}", labels::EXPERIMENT_UID));
    let everything = ListParams::default();
    let (left, services, volumes) = tokio::try_join!(
        namespaces.list_metadata(&ours),
        services.list(&everything),
        volumes.list_metadata(&everything)
    )?;
    for namespace in left.iter().filter(|namespace| namespace.metadata.deletion_timestamp.is_none()) {
        let (name, uid) = (namespace.name_any(), namespace.uid().unwrap_or_default());
        delete_in(kube.clone(), &ObjectRef { kind: ChildKind::Namespace, namespace: None, name, uid })
            .await?;
    }
    let is_balanced = |service: &&Service| {
        service.spec.as_ref().is_some_and(|spec| spec.type_.as_deref() == Some("LoadBalancer"))
    };
    let balancers = services.iter().filter(is_balanced);
    let balancers = balancers.map(|service| balancer(&service.name_any()));
    let disks = volumes.iter().map(|volume| disk(&volume.name_any()));
    let held: Vec<String> = balancers.chain(disks).collect();
    Ok(if left.items.is_empty() && held.is_empty() { Inside::Empty } else { Inside::Holds(held) })
}

/// Returns the objects of a kind that we made for runs. Asked of the store itself: no `resourceVersion` is given.
async fn list(clients: &Clients, kind: ChildKind) -> Result<Vec<Found>> {
    let namespace = match kind {
        ChildKind::Workflow => Some(WORKFLOW_NAMESPACE),
        ChildKind::Application | ChildKind::Project | ChildKind::Secret => Some(ARGOCD_NAMESPACE),
        ChildKind::Cluster => Some(CLUSTER_NAMESPACE),
        ChildKind::Namespace | ChildKind::Pod | ChildKind::Service => None,
    };
    let ours = format!("{}={},{}", labels::MANAGED_BY, labels::MANAGED_BY_VALUE, labels::EXPERIMENT_UID);
    let resource = child(kind);
    let api = clients.dynamic(&resource, namespace);
    let listed = api.list_metadata(&ListParams::default().labels(&ours)).await;
    // A hub without Crossplane has no clusters.
    let listed = if_defined(&clients.kube, &resource, listed).await;
    let listed = listed.with_context(|| format!("{kind:?}s cannot be listed"))?;
    let objects = listed.iter().flat_map(|listed| &listed.items);
    Ok(objects.filter_map(|object| Found::of(kind, object.meta())).collect())
}

/// Returns the UIDs of all Experiments that are not over, asked of the store itself.
async fn live(clients: &Clients) -> Result<BTreeSet<String>> {
    let api: Api<Experiment> = Api::all(clients.kube.clone());
    let listed = api.list_metadata(&ListParams::default().fields(LIVE)).await;
    Ok(listed.context("the runs cannot be listed")?.iter().filter_map(ResourceExt::uid).collect())
}

/// Deletes an object, if it is still as it was seen, and says so, with what may be left without it.
async fn delete(clients: &Clients, orphan: &Found, left: Option<&str>) -> Result<()> {
    let object = &orphan.object;
    let api = clients.dynamic(&child(object.kind), object.namespace.as_deref());
    let parameters = DeleteParams {
        preconditions: Some(Preconditions {
            uid: Some(object.uid.clone()),
            resource_version: Some(orphan.resource_version.clone()),
        }),
        propagation_policy: Some(propagation(object.kind)),
        ..DeleteParams::default()
    };
    let (what, run) = (described(orphan), &orphan.run);
    match api.delete(&object.name, &parameters).await {
        Ok(_) => {}
        Err(error) if is_gone(&error) => return Ok(()),
        // It is no longer as it was seen: the next look decides anew.
        Err(KubeError::Api(status)) if status.code == 409 => return Ok(()),
        Err(error) => return Err(error).with_context(|| format!("{what} cannot be deleted")),
    }
    tracing::info!(what, run, left, "deleted: its run is over");
    let resource = child(object.kind);
    let event = Event {
        type_: EventType::Warning,
        reason: "OrphanDeleted".into(),
        note: Some(match left {
            None => format!("{what} was left by run {run}, which is over"),
            Some(left) => format!("{what} was left by run {run}, which is over; there may be still: {left}"),
        }),
        action: "Sweep".into(),
        secondary: Some(ObjectReference {
            api_version: Some(resource.api_version),
            kind: Some(resource.kind),
            namespace: object.namespace.clone(),
            name: Some(object.name.clone()),
            uid: Some(object.uid.clone()),
            ..ObjectReference::default()
        }),
    };
    // An Event is a courtesy: the fact itself is in the log.
    if let Err(error) = clients.events.publish(&event, &own(clients).await).await {
        tracing::warn!(what, %error, "failed to publish an event");
    }
    Ok(())
}

/// Returns what Events are shown at. `kubectl describe` asks for those of a UID.
async fn own(clients: &Clients) -> ObjectReference {
    let api: Api<Deployment> = Api::default_namespaced(clients.kube.clone());
    let uid = api.get_metadata_opt(DEPLOYMENT).await.ok().flatten().and_then(|own| own.uid());
    ObjectReference {
        api_version: Some(Deployment::api_version(&()).into()),
        kind: Some(Deployment::kind(&()).into()),
        namespace: Some(clients.kube.default_namespace().to_owned()),
        name: Some(DEPLOYMENT.into()),
        uid,
        ..ObjectReference::default()
    }
}

fn described(orphan: &Found) -> String {
    let object = &orphan.object;
    let namespace = object.namespace.as_ref().map(|namespace| format!("{namespace}/")).unwrap_or_default();
    format!("{:?} {namespace}{}", object.kind, object.name)
}
