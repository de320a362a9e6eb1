//! What the supervisor runs, and what it says about it: plain data, written as JSON below `/run`.

use std::{collections::BTreeMap, path::PathBuf};

use serde::{Deserialize, Serialize};

/// One process that is kept running.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unit {
    /// Name, also of its cgroup and its log.
    pub name: String,
    /// Program and arguments.
    pub command: Vec<String>,
    /// The whole environment.
    pub env: BTreeMap<String, String>,
    /// Units that have to be ready before it starts.
    pub after: Vec<String>,
    /// When it counts as ready.
    pub ready: Ready,
    /// Whether it runs in the hub's mount namespace.
    pub private_mounts: bool,
    /// A cgroup whose empty subgroups are removed before it starts.
    pub prune: Option<String>,
    /// Digest of the files it reads at its start; a change restarts it.
    pub inputs: String,
    /// Seconds it gets to stop before it is killed.
    pub stop_seconds: u64,
}

/// How to see that a unit does its work.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Ready {
    /// `GET` over plain HTTP answers 200.
    Http {
        /// `address:port`.
        address: String,
        /// Path with leading slash.
        path: String,
    },
    /// `GET` over TLS answers 200.
    Https {
        /// `https://address:port`.
        url: String,
        /// Path with leading slash.
        path: String,
        /// Whom to trust and who to be; without it any certificate will do, which is right for a loopback address.
        kubeconfig: Option<PathBuf>,
    },
    /// Something answers on a socket of the file system.
    Socket {
        /// The socket.
        path: PathBuf,
    },
}

/// Where a unit is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    /// Units it needs are not ready.
    Waiting,
    /// It runs and does not answer yet.
    Starting,
    /// It runs and answers.
    Ready,
    /// It ended and will be started again after a pause.
    BackingOff,
    /// It was told to stop.
    Stopped,
}

impl State {
    /// The word people see.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Waiting => "Waiting",
            Self::Starting => "Starting",
            Self::Ready => "Ready",
            Self::BackingOff => "BackingOff",
            Self::Stopped => "Stopped",
        }
    }
}

/// What the supervisor knows about a unit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct UnitStatus {
    /// Where it is in its life.
    pub state: State,
    /// Its process, while it runs.
    pub pid: Option<u32>,
    /// How often it was started again after it ended by itself.
    pub restarts: u32,
    /// How it ended last, in words.
    pub last_exit: Option<String>,
    /// Seconds since 1970 when its process started.
    pub started: Option<i64>,
}

/// Changes when a supervisor of an older program and a newer command line would misunderstand each other; then the
/// supervisor is replaced.
pub const FORMAT: u32 = 1;

/// What the supervisor writes whenever something changes.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Status {
    /// [`FORMAT`] of the program that it runs.
    #[serde(default)]
    pub format: u32,
    /// Its process id.
    pub supervisor: u32,
    /// Folder in which its hub keeps what it must keep.
    #[serde(default)]
    pub state: PathBuf,
    /// Digest of the list of units it last read and acted on.
    #[serde(default)]
    pub list: String,
    /// Each unit.
    pub units: BTreeMap<String, UnitStatus>,
}
