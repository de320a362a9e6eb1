//! Takes away what `install` brought: in the order in which things let go of each other, and seen to be gone.

use super::elsewhere::in_clouds;
use super::foreign::{Found, Kinds, few, list, ours};
use crate::error::Failure;
use anyhow::Result;
use futures::{StreamExt, TryStreamExt, stream};
use kube::Client;
use kube::api::{DeleteParams, Patch, PatchParams};
use serde::Serialize;
use serde_json::json;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};
use testbed_hub::chart::NAME;
use testbed_hub::{Reporter, Step};
use tokio::time::sleep;

/// How long one kind of thing may take to vanish.
const PATIENCE: Duration = Duration::from_secs(120);
/// How long what others made may take: their clusters can be in a cloud.
const OTHERS_PATIENCE: Duration = Duration::from_secs(900);
const LOOK: Duration = Duration::from_millis(200);
/// After how many looks what is still there is deleted again.
const AGAIN: u32 = 5;
const AT_ONCE: usize = 8;

/// What people make on a hub, in the order in which it is taken away if it must be.
const USES: [(&str, &str); 3] =
    [("experiments.illm.io", "Experiment"), ("illm.io", "ExperimentCluster"), ("argoproj.io", "Application")];

/// What was taken away, or would be.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Removed {
    /// Whether nothing was touched.
    pub(crate) dry_run: bool,
    /// Runs, clusters and Applications that would have to go before.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) uses: Vec<String>,
    /// How many objects of each kind.
    pub(crate) objects: BTreeMap<String, usize>,
    /// How many kinds were listed afterwards to see that nothing is left.
    pub(crate) kinds_listed: usize,
    /// How long it took, in seconds.
    pub(crate) seconds: f64,
}

/// Takes a hub away; does nothing to a cluster without one.
pub(crate) async fn uninstall(
    client: &Client,
    force: bool,
    dry_run: bool,
    reporter: &Reporter,
) -> Result<Removed> {
    let begun = Instant::now();
    let step = reporter.start("look", "looking for what a hub brought");
    let kinds = Kinds::discover(client).await?;
    let found = ours(client, &kinds).await?;
    let mut objects = BTreeMap::new();
    for object in &found {
        *objects.entry(object.resource.kind.clone()).or_default() += 1;
    }
    step.done(format!("{} objects are of a hub that was installed", found.len()));
    let mut removed = Removed { dry_run, uses: Vec::new(), objects, kinds_listed: 0, seconds: 0.0 };
    if !found.is_empty() {
        let uses = uses(client, &kinds).await?;
        if dry_run {
            removed.uses = uses.iter().map(Found::words).collect();
        } else if !uses.is_empty() && !force {
            return Err(Failure::failed(format!("the hub is in use: {}", names(&uses)))
                .hint(
                    "delete these first (`testbed delete RUN` for a run, with its stored result), or let \
                     --force do it",
                )
                .into());
        }
        if !dry_run {
            if !uses.is_empty() {
                let step = reporter.start("uses", "deleting runs and clusters");
                remove_uses(client, &kinds, &step).await?;
                step.done("runs and clusters are gone");
            }
            nothing_in_clouds(client, &kinds).await?;
            remove(client, &kinds, &found, reporter).await?;
        }
    }
    if !dry_run {
        let step = reporter.start("prove", "listing every kind");
        removed.kinds_listed = prove(client, &found).await?;
        step.done(format!(
            "listed all {} kinds of the cluster: nothing of a hub is left",
            removed.kinds_listed
        ));
    }
    removed.seconds = begun.elapsed().as_secs_f64();
    Ok(removed)
}

/// What keeps a hub in use.
async fn uses(client: &Client, kinds: &Kinds) -> Result<Vec<Found>> {
    let mut uses = Vec::new();
    for (group, kind) in USES {
        if let Some(resource) = kinds.find(group, kind) {
            let found = list(client, resource, false).await?;
            uses.extend(found.into_iter().filter(|found| !is_root(found)));
        }
    }
    Ok(uses)
}

fn names(found: &[Found]) -> String {
    few(&found.iter().map(Found::words).collect::<Vec<_>>())
}

fn is_root(found: &Found) -> bool {
    found.resource.kind == "Application" && found.name == NAME && found.ours
}

/// Lets the operator, Argo CD and Crossplane remove what they made, while they are there to do it.
async fn remove_uses(client: &Client, kinds: &Kinds, step: &Step) -> Result<()> {
    for (group, kind) in USES {
        let Some(resource) = kinds.find(group, kind) else { continue };
        let deadline = Instant::now() + OTHERS_PATIENCE;
        loop {
            let left: Vec<Found> =
                list(client, resource, false).await?.into_iter().filter(|found| !is_root(found)).collect();
            if left.is_empty() {
                break;
            }
            if Instant::now() > deadline {
                return Err(Failure::failed(format!("these do not go: {}", names(&left)))
                    .hint(
                        "the hub stays, for it alone can remove what they stand for; see what they wait for",
                    )
                    .into());
            }
            step.progress(format!("{} to go", left.len()));
            // A composite goes once its parts are gone, which only Crossplane can take away: not before them.
            let is_composite = kind == "ExperimentCluster";
            let how = if is_composite { DeleteParams::foreground() } else { DeleteParams::background() };
            delete(client, &left, &how).await?;
            sleep(LOOK).await;
        }
    }
    Ok(())
}

/// Fails while Crossplane holds something in a cloud, which would stay there, and cost, without it.
async fn nothing_in_clouds(client: &Client, kinds: &Kinds) -> Result<()> {
    let left = in_clouds(client, kinds).await?;
    if left.is_empty() {
        return Ok(());
    }
    Err(Failure::failed(format!("these are still in a cloud: {}", names(&left)))
        .hint("the hub stays, for it alone can remove them; uninstall again once they are gone")
        .into())
}

async fn remove(client: &Client, kinds: &Kinds, found: &[Found], reporter: &Reporter) -> Result<()> {
    let of = |wanted: &dyn Fn(&Found) -> bool| -> Vec<Found> {
        found.iter().filter(|found| wanted(found)).cloned().collect()
    };
    let foreground = DeleteParams::foreground();
    let background = DeleteParams::background();

    // First what would put everything back, and what nobody will answer for.
    let step = reporter.start("argo cd", "ending what keeps the hub installed");
    let keepers = of(&|found| is_root(found) || found.resource.kind == "ValidatingWebhookConfiguration");
    until_gone(client, &keepers, &background, &step).await?;
    step.done("Argo CD keeps the hub installed no more");

    // What Crossplane holds is let go while it is there: of a definition, the kind that it made.
    let step = reporter.start("crossplane", "removing what Crossplane holds");
    let held = of(&|found| is_crossplanes(&found.resource.group));
    until_gone(client, &held, &background, &step).await?;
    step.done("Crossplane holds nothing more");

    let step = reporter.start("pods", "stopping everything that runs");
    let workloads = of(&|found| found.resource.group == "apps");
    until_gone(client, &workloads, &foreground, &step).await?;
    step.done("nothing of the hub runs any more");

    let step = reporter.start("namespaces", "removing namespaces and rights");
    let namespaces = of(&|found| found.resource.kind == "Namespace");
    let definitions = of(&|found| found.resource.kind == "CustomResourceDefinition");
    // Who would have let go of these is gone, and what they stood for is gone as well.
    release(client, kinds, &definitions).await?;
    delete(client, &namespaces, &background).await?;
    let wide =
        of(&|found| found.namespace.is_none() && !namespaces.contains(found) && !definitions.contains(found));
    until_gone(client, &wide, &background, &step).await?;
    until_gone(client, &namespaces, &background, &step).await?;
    step.done(format!("{} namespaces are gone with all in them", namespaces.len()));

    let step = reporter.start("definitions", "removing definitions");
    until_gone(client, &definitions, &background, &step).await?;
    step.done(format!("{} definitions are gone with their objects", definitions.len()));

    // Whatever was brought into a namespace that is not ours.
    let step = reporter.start("rest", "removing the rest");
    until_gone(client, found, &background, &step).await?;
    step.done("the rest is gone");
    Ok(())
}

fn is_crossplanes(group: &str) -> bool {
    group == "crossplane.io" || group.ends_with(".crossplane.io")
}

/// Deletes objects; those that are gone are fine.
async fn delete(client: &Client, objects: &[Found], params: &DeleteParams) -> Result<()> {
    stream::iter(objects)
        .map(|object| async move {
            match object.api(client).delete(&object.name, params).await {
                Ok(_) => Ok(()),
                Err(kube::Error::Api(status)) if status.code == 404 => Ok(()),
                // A namespace that is going refuses what is in it.
                Err(kube::Error::Api(status)) if status.code == 409 => Ok(()),
                Err(error) => Err(error.into()),
            }
        })
        .buffer_unordered(AT_ONCE)
        .try_collect()
        .await
}

/// Deletes objects until none of them is there. Once is not always enough: what puts together a role from others may
/// write it again, because one of the others went.
async fn until_gone(client: &Client, objects: &[Found], params: &DeleteParams, step: &Step) -> Result<()> {
    let deadline = Instant::now() + PATIENCE;
    let mut left = objects.to_vec();
    for look in 0_u32.. {
        if look % AGAIN == 0 {
            delete(client, &left, params).await?;
        }
        left = stream::iter(left)
            .map(|object| async move {
                Ok::<_, anyhow::Error>(is_there(client, &object).await?.then_some(object))
            })
            .buffer_unordered(AT_ONCE)
            .try_filter_map(|object| async move { Ok(object) })
            .try_collect()
            .await?;
        if left.is_empty() {
            break;
        }
        if Instant::now() > deadline {
            return Err(Failure::failed(format!(
                "not gone after {} s: {}",
                PATIENCE.as_secs(),
                names(&left)
            ))
            .hint("see what holds it with `kubectl get ... -o yaml`, and uninstall again to go on")
            .into());
        }
        step.progress(names(&left));
        sleep(LOOK).await;
    }
    Ok(())
}

async fn is_there(client: &Client, object: &Found) -> Result<bool> {
    match object.api(client).get_metadata(&object.name).await {
        Ok(_) => Ok(true),
        Err(kube::Error::Api(status)) if status.code == 404 => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// Takes finalizers off the objects of our definitions.
async fn release(client: &Client, kinds: &Kinds, definitions: &[Found]) -> Result<()> {
    for (resource, _) in &kinds.all {
        let name = format!("{}.{}", resource.plural, resource.group);
        if !definitions.iter().any(|definition| definition.name == name) {
            continue;
        }
        for object in list(client, resource, false).await?.into_iter().filter(|object| object.held) {
            let patch = Patch::Merge(json!({"metadata": {"finalizers": null}}));
            match object.api(client).patch_metadata(&object.name, &PatchParams::default(), &patch).await {
                Ok(_) => {}
                Err(kube::Error::Api(status)) if status.code == 404 => {}
                Err(error) => return Err(error.into()),
            }
        }
    }
    Ok(())
}

/// Lists every kind the cluster knows now; an error names what is left. Returns how many kinds were listed.
async fn prove(client: &Client, found: &[Found]) -> Result<usize> {
    let kinds = Kinds::discover(client).await?;
    let namespaces: Vec<&str> = found
        .iter()
        .filter(|found| found.resource.kind == "Namespace")
        .map(|found| found.name.as_str())
        .collect();
    let lists = stream::iter(&kinds.all).map(|(resource, _)| list(client, resource, false));
    let lists: Vec<Vec<Found>> = lists.buffered(AT_ONCE).try_collect().await?;
    let left: Vec<String> = lists
        .into_iter()
        .flatten()
        .filter(|object| {
            let inside = object.namespace.as_deref().is_some_and(|namespace| namespaces.contains(&namespace));
            object.ours || inside || found.iter().any(|found| found.words() == object.words())
        })
        // Said of what went, and forgotten after an hour by itself.
        .filter(|object| object.resource.kind != "Event")
        .map(|object| object.words())
        .collect();
    if left.is_empty() {
        return Ok(kinds.all.len());
    }
    Err(Failure::failed(format!("left over: {}", few(&left))).hint("uninstall again to go on").into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_of_crossplane_are_told_from_those_of_clouds() {
        assert!(is_crossplanes("pkg.crossplane.io"));
        assert!(!is_crossplanes("illm.io") && !is_crossplanes("notcrossplane.io"));
    }
}
