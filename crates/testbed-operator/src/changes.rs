//! Which changes of what runs made wake a run: those of what is read of it. Who writes an object a hundred times a
//! second without changing any of that, as Argo CD may, wakes nobody.

use crate::clients::Run;
use futures::future::ready;
use futures::{Stream, StreamExt, stream};
use kube::api::Api;
use kube::runtime::WatchStreamExt;
use kube::runtime::reflector::ObjectRef;
use kube::runtime::watcher::{self, Event, watcher};
use kube::{Resource, ResourceExt};
use serde::de::DeserializeOwned;
use std::collections::HashMap;
use std::fmt::Debug;
use testbed_api::labels;

/// Watches objects of one kind that runs made, and names the run of each of which `facts` changed, or that is gone. One
/// that is new without facts wakes nobody.
pub(crate) fn changes<K, F>(
    api: Api<K>,
    facts: impl Fn(K) -> Option<F> + Send + 'static,
) -> impl Stream<Item = Run> + Send + 'static
where
    K: Resource + Clone + DeserializeOwned + Debug + Send + 'static,
    F: PartialEq + Send + 'static,
{
    let mut known = Known::default();
    told(watcher(api, ours()).default_backoff())
        .flat_map(move |event| stream::iter(known.woken_by(event, &facts)))
}

/// Says when a watch ends, and goes on with what it tells. Each watch waits by itself before it begins again: the
/// controller has one pause for all of them, which grows with each that fails, and after a restart of the API server
/// all do.
pub(crate) fn told<T: Send>(
    watch: impl Stream<Item = Result<T, watcher::Error>> + Send,
) -> impl Stream<Item = T> + Send {
    watch.filter_map(|event| ready(event.inspect_err(|error| tell_end(error)).ok()))
}

/// Says that a watch ended: who may not watch, or cannot, sees nothing happen, and that looks like a run that waits.
pub(crate) fn tell_end(error: &dyn std::error::Error) {
    let cause = error.source().map(ToString::to_string);
    tracing::warn!(%error, cause, "a watch ended, and begins again");
}

/// Selects what runs made.
pub(crate) fn ours() -> watcher::Config {
    watcher::Config::default().labels(&format!("{}={}", labels::MANAGED_BY, labels::MANAGED_BY_VALUE))
}

/// Children live in other namespaces than their Experiment, so they name it by labels.
pub(crate) fn owner<K: ResourceExt>(child: &K) -> Option<Run> {
    let name = child.labels().get(labels::EXPERIMENT)?;
    let space = child.labels().get(labels::EXPERIMENT_NAMESPACE)?;
    Some(ObjectRef::new(name).within(space))
}

/// Namespace and name.
type Name = (Option<String>, String);

fn name(object: &impl ResourceExt) -> Name {
    (object.namespace(), object.name_any())
}

/// What is known of each object: whose it is, and what was last seen of it.
struct Known<F> {
    seen: HashMap<Name, (Run, Option<F>)>,
    /// While all objects are listed anew, those that were there before and have not been listed yet.
    unseen: HashMap<Name, (Run, Option<F>)>,
}

impl<F> Default for Known<F> {
    fn default() -> Self {
        Self { seen: HashMap::new(), unseen: HashMap::new() }
    }
}

impl<F: PartialEq> Known<F> {
    fn woken_by<K: ResourceExt>(&mut self, event: Event<K>, facts: impl Fn(K) -> Option<F>) -> Vec<Run> {
        match event {
            Event::Init => {
                // A list that was not finished has not said what is gone.
                self.unseen.extend(self.seen.drain());
                Vec::new()
            }
            Event::InitApply(object) | Event::Apply(object) => {
                let name = name(&object);
                let before = self.unseen.remove(&name).or_else(|| self.seen.remove(&name));
                let Some(run) = owner(&object) else {
                    return before.map(|(run, _)| run).into_iter().collect();
                };
                let facts = facts(object);
                let woken = match before {
                    Some((same, before)) if same == run => {
                        Vec::from_iter((before != facts).then(|| run.clone()))
                    }
                    Some((other, _)) => vec![other, run.clone()],
                    None => Vec::from_iter(facts.is_some().then(|| run.clone())),
                };
                self.seen.insert(name, (run, facts));
                woken
            }
            Event::InitDone => self.unseen.drain().map(|(_, (run, _))| run).collect(),
            Event::Delete(object) => {
                let before = self.seen.remove(&name(&object)).map(|(run, _)| run);
                before.or_else(|| owner(&object)).into_iter().collect()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use kube::api::{ApiResource, DynamicObject, ObjectMeta};
    use serde_json::{Value, json};
    use std::collections::BTreeMap;

    fn named(name: &str) -> ObjectMeta {
        ObjectMeta { name: Some(name.into()), ..ObjectMeta::default() }
    }

    fn object(name: &str, run: &str, said: &str) -> DynamicObject {
        let labels = BTreeMap::from([
            (labels::EXPERIMENT.to_owned(), run.to_owned()),
            (labels::EXPERIMENT_NAMESPACE.to_owned(), "lab".to_owned()),
        ]);
        let resource = ApiResource::erase::<testbed_api::Experiment>(&());
        let mut object = DynamicObject::new(name, &resource).data(json!({"said": said}));
        object.metadata.labels = Some(labels);
        object
    }

    /// Returns the names of the runs that each of these events wakes, where what was said is read.
    fn woken(events: impl IntoIterator<Item = Event<DynamicObject>>) -> Vec<Vec<String>> {
        let mut known = Known::<Value>::default();
        let said = |object: DynamicObject| Some(object.data["said"].clone()).filter(|said| said != "nothing");
        let woken = |event| known.woken_by(event, said);
        events.into_iter().map(woken).map(|runs| runs.into_iter().map(|run| run.name).collect()).collect()
    }

    fn none() -> Vec<String> {
        Vec::new()
    }

    #[test]
    fn what_is_new_without_anything_to_tell_wakes_nobody_until_it_has_or_is_gone() {
        let mut elsewhere = object("a", "one", "x");
        elsewhere.metadata.namespace = Some("elsewhere".into());
        let seen = woken([
            Event::Apply(object("a", "one", "nothing")),
            Event::Apply(object("b", "two", "nothing")),
            Event::Apply(elsewhere),
            Event::Apply(object("a", "one", "x")),
            Event::Init,
            Event::InitDone,
        ]);
        assert_eq!(seen[..5], [none(), none(), vec!["one".into()], vec!["one".into()], none()]);
        let mut gone = seen[5].clone();
        gone.sort();
        assert_eq!(gone, ["one", "one", "two"]);
    }

    #[test]
    fn a_run_is_woken_by_what_is_new_what_changed_and_what_is_gone() {
        let seen = woken([
            Event::Apply(object("a", "one", "x")),
            Event::Apply(object("a", "one", "x")),
            Event::Apply(object("a", "one", "y")),
            Event::Delete(object("a", "one", "y")),
            Event::Apply(object("a", "one", "y")),
        ]);
        assert_eq!(seen, [vec!["one"], vec![], vec!["one"], vec!["one"], vec!["one"]]);
    }

    #[test]
    fn what_went_while_nobody_watched_wakes_its_run_once_all_is_listed() {
        let seen = woken([
            Event::Init,
            Event::InitApply(object("a", "one", "x")),
            Event::InitApply(object("b", "two", "x")),
            Event::InitDone,
            // This list breaks off, the next one does not.
            Event::Init,
            Event::InitApply(object("b", "two", "x")),
            Event::Init,
            Event::InitApply(object("b", "two", "x")),
            Event::InitDone,
        ]);
        assert_eq!(seen[1..4], [vec!["one".to_owned()], vec!["two".to_owned()], none()]);
        assert_eq!(seen[4..8], [none(), none(), none(), none()]);
        assert_eq!(seen[8], ["one"]);
    }

    #[test]
    fn an_object_that_changes_hands_wakes_both_runs() {
        let seen = woken([
            Event::Apply(object("a", "one", "x")),
            Event::Apply(object("a", "two", "x")),
            Event::Apply(DynamicObject { metadata: named("a"), ..object("a", "two", "x") }),
        ]);
        assert_eq!(seen[1..], [vec!["one", "two"], vec!["two"]]);
    }
}
