//! Says to the hub's kubelet whether this node, or on node 0 the whole cluster, is ready.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use anyhow::{Context, Result};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    time::timeout,
};

use crate::settings::Settings;

/// Where the kubelet of the hub asks.
const ADDRESS: (&str, u16) = ("0.0.0.0", 8080);
/// How long a question may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// What is known of the cluster, and what is to be waited for.
pub(crate) struct Readiness {
    wanted: BTreeSet<String>,
    known: Mutex<Known>,
}

#[derive(Debug, Clone, Default)]
struct Known {
    /// Whether nodes are ready, by name.
    nodes: BTreeMap<String, bool>,
    /// Whether all that the cluster begins with is applied.
    applied: bool,
}

impl Readiness {
    /// Nothing is ready yet.
    pub(crate) fn new(settings: &Settings) -> Self {
        let wanted = if settings.is_control_plane() {
            (0..settings.count).map(|index| Settings { index, ..settings.clone() }.node()).collect()
        } else {
            [settings.node()].into()
        };
        let known = Known { applied: !settings.is_control_plane(), ..Known::default() };
        Self { wanted, known: Mutex::new(known) }
    }

    /// Takes note of a node.
    pub(crate) fn node(&self, name: &str, ready: bool) {
        self.change(|known| {
            known.nodes.insert(name.to_owned(), ready);
        });
    }

    /// Takes note that the first objects are applied.
    pub(crate) fn applied(&self) {
        self.change(|known| known.applied = true);
    }

    /// Prints what it waits for when that changes: a person reads the log of a pod that does not become ready.
    fn change(&self, change: impl FnOnce(&mut Known)) {
        // A change is one assignment: a thread that panicked left nothing half done.
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let before = missing(&self.wanted, &known);
        change(&mut known);
        let after = missing(&self.wanted, &known);
        if before != after {
            eprintln!("{}", after.as_deref().unwrap_or("ready"));
        }
    }

    /// What it waits for; nothing if it is ready.
    fn missing(&self) -> Option<String> {
        missing(&self.wanted, &self.known.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

fn missing(wanted: &BTreeSet<String>, known: &Known) -> Option<String> {
    let mut missing: Vec<_> = wanted
        .iter()
        .filter(|name| known.nodes.get(*name) != Some(&true))
        .map(|name| format!("node {name}"))
        .collect();
    if !known.applied {
        missing.push("DNS".into());
    }
    (!missing.is_empty()).then(|| format!("waiting for {}", missing.join(", ")))
}

/// Answers for ever.
pub(crate) async fn serve(readiness: Arc<Readiness>) -> Result<()> {
    let listener = TcpListener::bind(ADDRESS).await.context("cannot listen for the readiness probe")?;
    loop {
        let (stream, _) = listener.accept().await?;
        let readiness = readiness.clone();
        // Who does not ask in time, or goes away, gets no answer.
        tokio::spawn(async move { timeout(PATIENCE, answer(stream, &readiness)).await });
    }
}

async fn answer(mut stream: TcpStream, readiness: &Readiness) -> std::io::Result<()> {
    let mut question = Vec::new();
    while !question.ends_with(b"\r\n\r\n") && question.len() < 8192 {
        if stream.read_buf(&mut question).await? == 0 {
            break;
        }
    }
    let missing = readiness.missing();
    let status = match &missing {
        _ if !question.starts_with(b"GET /readyz ") => "404 Not Found",
        Some(_) => "503 Service Unavailable",
        None => "200 OK",
    };
    let body = missing.unwrap_or_else(|| "ready".into());
    let length = body.len();
    let head = format!("HTTP/1.1 {status}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n");
    stream.write_all((head + &body).as_bytes()).await
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::tests::settings;

    #[test]
    fn the_control_plane_waits_for_every_node_and_a_worker_only_for_itself() {
        let first = Readiness::new(&settings("0", "2").unwrap());
        assert_eq!(first.missing().unwrap(), "waiting for node left-0, node left-1, DNS");
        first.node("left-0", true);
        first.node("left-1", true);
        first.applied();
        assert_eq!(first.missing(), None);
        first.node("left-1", false);
        assert_eq!(first.missing().unwrap(), "waiting for node left-1");

        let second = Readiness::new(&settings("1", "2").unwrap());
        second.node("left-1", true);
        assert_eq!(second.missing(), None);
    }
}
