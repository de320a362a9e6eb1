//! The API of a [`Store`] as it is spoken over HTTP, without a network in between.

use crate::store::{Change, Deletion, Key, Kind, Refusal, Selector, Store, Term, served};
use bytes::Bytes;
use futures::stream::{self, StreamExt};
use http::header::DATE;
use http::{HeaderValue, Method, Request, Response, StatusCode};
use http_body::Frame;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use kube::client::Body;
use serde_json::{Value, json};
use std::collections::VecDeque;
use std::convert::Infallible;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// What is answered.
pub type Answer = Response<UnsyncBoxBody<Bytes, Infallible>>;

/// An API server that others hold on to, too.
pub type Shared = Arc<Mutex<Store>>;

/// Locks an API server.
pub fn lock(store: &Shared) -> MutexGuard<'_, Store> {
    store.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What a request is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    /// The kind.
    pub kind: &'static Kind,
    /// The namespace; absent for all.
    pub namespace: Option<String>,
    /// The name; absent for all.
    pub name: Option<String>,
    /// Part of the object, such as `status`.
    pub part: Option<String>,
    /// Parameters.
    pub query: Vec<(String, String)>,
}

/// The right that a request needs, in the words of RBAC.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Access {
    /// What is done.
    pub verb: &'static str,
    /// Group of the kind, empty for the core's.
    pub group: &'static str,
    /// Name of the kind in paths, with the part of the object after a slash.
    pub resource: String,
    /// Namespace; absent for all.
    pub namespace: Option<String>,
    /// Name; absent for all.
    pub name: Option<String>,
}

impl Asked {
    /// Returns the right that it takes.
    #[must_use]
    pub fn needs(&self, method: &Method) -> Access {
        let verb = match (method, &self.name) {
            (&Method::POST, _) => "create",
            (&Method::PUT, _) => "update",
            (&Method::PATCH, _) => "patch",
            (&Method::DELETE, _) => "delete",
            _ if self.is_watch() => "watch",
            (_, Some(_)) => "get",
            (_, None) => "list",
        };
        let part = self.part.as_ref().map(|part| format!("/{part}")).unwrap_or_default();
        Access {
            verb,
            group: self.kind.api_version.split_once('/').map_or("", |(group, _)| group),
            resource: format!("{}{part}", self.kind.plural),
            namespace: self.namespace.clone(),
            name: self.name.clone(),
        }
    }

    /// Reads path and parameters of a request.
    #[must_use]
    pub fn of(uri: &http::Uri) -> Option<Self> {
        let words: Vec<&str> = uri.path().split('/').filter(|word| !word.is_empty()).collect();
        let (api_version, rest) = match words.as_slice() {
            ["api", version, rest @ ..] => ((*version).to_owned(), rest),
            ["apis", group, version, rest @ ..] => (format!("{group}/{version}"), rest),
            _ => return None,
        };
        let (namespace, rest) = match rest {
            ["namespaces", namespace, rest @ ..] if rest.first().is_some_and(|word| *word != "status") => {
                (Some((*namespace).to_owned()), rest)
            }
            rest => (None, rest),
        };
        let kind = served(&api_version, rest.first()?)?;
        Some(Self {
            kind,
            namespace,
            name: rest.get(1).map(|name| (*name).to_owned()),
            part: rest.get(2).map(|part| (*part).to_owned()),
            query: serde_urlencoded::from_str(uri.query().unwrap_or_default()).ok()?,
        })
    }

    fn parameter(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// Returns whether a stream of changes is asked for.
    #[must_use]
    pub fn is_watch(&self) -> bool {
        self.parameter("watch").is_some_and(|value| value == "true" || value == "1")
    }

    fn key(&self) -> Option<Key> {
        Some(Key::new(self.kind.kind, self.namespace.as_deref().unwrap_or_default(), self.name.as_ref()?))
    }

    fn selector(&self) -> Selector {
        let terms = |name| self.parameter(name).unwrap_or_default().split(',').filter_map(Term::of).collect();
        Selector {
            namespace: self.namespace.clone(),
            labels: terms("labelSelector"),
            fields: terms("fieldSelector"),
        }
    }
}

/// Returns whether a request changes something.
#[must_use]
pub fn is_mutating(method: &Method) -> bool {
    *method != Method::GET && *method != Method::HEAD
}

/// Returns a client of an API server in memory.
#[must_use]
pub fn client(store: &Shared) -> kube::Client {
    let store = store.clone();
    let service = tower::service_fn(move |request| {
        let store = store.clone();
        async move { Ok::<_, Infallible>(answer(store, request).await) }
    });
    kube::Client::new(service, "default")
}

/// Answers a request, and says what time it is.
pub async fn answer(store: Shared, request: Request<Body>) -> Answer {
    let now = lock(&store).now().strftime("%a, %d %b %Y %H:%M:%S GMT").to_string();
    let mut answer = said(store, request).await;
    if let Ok(now) = HeaderValue::from_str(&now) {
        answer.headers_mut().insert(DATE, now);
    }
    answer
}

async fn said(store: Shared, request: Request<Body>) -> Answer {
    let (parts, body) = request.into_parts();
    let Ok(body) = body.collect().await else { return refuse(&bad("the body ended early")) };
    let body = body.to_bytes();
    if parts.uri.path() == "/version" {
        let version = json!({"major": "1", "minor": "34", "gitVersion": "v1.34.0", "gitCommit": "", "gitTreeState": "",
            "buildDate": "", "goVersion": "", "compiler": "", "platform": "linux/amd64"});
        return object(StatusCode::OK, &version);
    }
    let Some(asked) = Asked::of(&parts.uri) else {
        let nothing = format!("the server could not find the requested resource {}", parts.uri.path());
        return refuse(&Refusal::new(404, "NotFound", nothing));
    };
    if parts.method == Method::GET && asked.is_watch() {
        return watch(store, &asked);
    }
    match act(&store, &parts.method, &parts.headers, &asked, &body) {
        Ok((code, text)) => said_in(code, text),
        Err(refusal) => refuse(&refusal),
    }
}

fn act(
    store: &Shared,
    method: &Method,
    headers: &http::HeaderMap,
    asked: &Asked,
    body: &[u8],
) -> Result<(StatusCode, Bytes), Refusal> {
    let mut store = lock(store);
    let said = || -> Result<Value, Refusal> {
        serde_json::from_slice(body).map_err(|error| bad(&format!("the body is not JSON: {error}")))
    };
    match (method, asked.key()) {
        (&Method::GET, Some(key)) => {
            store.shown(&key).map(|object| (StatusCode::OK, object)).ok_or_else(|| Refusal::missing(&key))
        }
        (&Method::GET, None) => {
            let (kind, selector) = (asked.kind.kind, asked.selector());
            let keys: Vec<Key> = store.found(kind, &selector).map(|(key, _)| key.clone()).collect();
            let items: Vec<Bytes> = keys.iter().filter_map(|key| store.shown(key)).collect();
            let (api_version, version) = (asked.kind.api_version, store.version());
            let head = format!(
                r#"{{"apiVersion":"{api_version}","kind":"{kind}List","metadata":{{"resourceVersion":"{version}"}},"items":["#
            );
            let list = [head.as_bytes(), &items.join(&b','), b"]}"].concat();
            Ok((StatusCode::OK, list.into()))
        }
        (&Method::POST, None) => {
            let made =
                store.create(asked.kind.kind, asked.namespace.as_deref().unwrap_or_default(), said()?)?;
            Ok((StatusCode::CREATED, text(&made)))
        }
        (&Method::PATCH, Some(key)) => {
            let status = asked.part.as_deref() == Some("status");
            let kind = headers.get("content-type").and_then(|kind| kind.to_str().ok()).unwrap_or_default();
            let existed = store.get(&key).is_some();
            let after = if kind.starts_with("application/apply-patch") {
                store.apply(&key, status, asked.parameter("fieldManager").unwrap_or_default(), &said()?)?
            } else {
                store.patch(&key, status, &said()?)?
            };
            let code = if existed { StatusCode::OK } else { StatusCode::CREATED };
            Ok((code, text(&after)))
        }
        (&Method::DELETE, Some(key)) => {
            let options = if body.is_empty() { Value::Null } else { said()? };
            let word = |path: &str| options.pointer(path).and_then(Value::as_str).map(str::to_owned);
            let how = Deletion {
                uid: word("/preconditions/uid"),
                resource_version: word("/preconditions/resourceVersion"),
                foreground: options["propagationPolicy"] == "Foreground",
                now: options["gracePeriodSeconds"] == 0,
            };
            let object = store.delete(&key, &how)?;
            let gone = json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success"});
            let answer = if store.get(&key).is_some() { text(&object) } else { text(&gone) };
            Ok((StatusCode::OK, answer))
        }
        _ => Err(Refusal::new(405, "MethodNotAllowed", format!("{method} is not allowed"))),
    }
}

fn bad(message: &str) -> Refusal {
    Refusal::new(400, "BadRequest", message)
}

/// Returns an answer that says no.
#[must_use]
pub fn refuse(refusal: &Refusal) -> Answer {
    object(StatusCode::from_u16(refusal.code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR), &refusal.status())
}

/// Returns the line by which a watch tells of something.
fn event(word: &str, object: &[u8]) -> Bytes {
    let head = format!(r#"{{"type":"{word}","object":"#);
    [head.as_bytes(), object, b"}\n"].concat().into()
}

/// Returns a watch that ends at once, with why.
#[must_use]
pub fn ended(refusal: &Refusal) -> Answer {
    said_in(StatusCode::OK, event("ERROR", &text(&refusal.status())))
}

/// Returns a value as JSON, without the detour of `Display`: most of what a world does is to write it.
pub(crate) fn text(value: &Value) -> Bytes {
    let mut text = Vec::new();
    // A vector takes everything, and the keys of a value are words.
    let _ = serde_json::to_writer(&mut text, value);
    text.into()
}

fn object(code: StatusCode, value: &Value) -> Answer {
    said_in(code, text(value))
}

fn said_in(code: StatusCode, text: Bytes) -> Answer {
    let mut answer = Response::new(Full::new(text).boxed_unsync());
    *answer.status_mut() = code;
    answer
}

/// Where a watch is in the history.
struct Watch {
    store: Shared,
    kind: &'static str,
    selector: Selector,
    next: usize,
    cut: u64,
    ready: VecDeque<Bytes>,
}

fn watch(store: Shared, asked: &Asked) -> Answer {
    let since: u64 = asked.parameter("resourceVersion").and_then(|version| version.parse().ok()).unwrap_or(0);
    let (next, cut) = {
        let store = lock(&store);
        (store.log.partition_point(|entry| entry.version <= since), store.cut)
    };
    let watch =
        Watch { store, kind: asked.kind.kind, selector: asked.selector(), next, cut, ready: VecDeque::new() };
    let lines = stream::unfold(watch, |mut watch| async move {
        loop {
            if let Some(line) = watch.ready.pop_front() {
                return Some((Ok::<_, Infallible>(Frame::data(line)), watch));
            }
            let changed = {
                let shared = watch.store.clone();
                let mut store = lock(&shared);
                if store.cut != watch.cut {
                    return None;
                }
                watch.read(&mut store);
                store.changed.clone()
            };
            if watch.ready.is_empty() {
                // Nobody else runs between the look and the wait: the world has one thread.
                changed.notified().await;
            }
        }
    });
    Response::new(StreamBody::new(lines.boxed()).boxed_unsync())
}

impl Watch {
    fn read(&mut self, store: &mut Store) {
        while let Some(entry) = store.log.get(self.next) {
            self.next += 1;
            if entry.key.kind != self.kind {
                continue;
            }
            let is = entry.change != Change::Deleted && self.selector.matches(&entry.key, &entry.object);
            let was = entry.before.as_ref().is_some_and(|before| self.selector.matches(&entry.key, before));
            // What is no longer looked for has gone, for who looks.
            let change = match (was, is) {
                (false, false) => continue,
                (false, true) => Change::Added,
                (true, true) => Change::Modified,
                (true, false) => Change::Deleted,
            };
            // The real one tells of what goes as it was before, with the version that this made.
            let line = match entry.before.as_deref().filter(|_| change == Change::Deleted) {
                Some(before) => {
                    let mut before = before.clone();
                    before["metadata"]["resourceVersion"] = json!(entry.version.to_string());
                    event(change.word(), &text(&before))
                }
                None => event(change.word(), &store.told(self.next - 1)),
            };
            self.ready.push_back(line);
        }
    }
}
