//! A process of its own that keeps the hub's components running.
//!
//! It reads the list of units from a file, and again at SIGHUP: what is new is started, what changed is restarted,
//! what is gone is stopped. It writes what it knows to another file whenever that changes. SIGTERM stops everything
//! in order. If it dies itself, components and pods go on; the next one replaces the components and keeps the pods.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    io::{Read, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    process::{ExitStatus, Stdio},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use rustix::{
    fs::{FlockOperation, flock},
    process::{Pid, Signal, kill_process, setsid},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpStream, UnixStream},
    process::{Child, Command},
    signal::unix::{SignalKind, signal},
    sync::watch,
    task::JoinHandle,
    time::{Instant, sleep, timeout},
};

use crate::{
    cgroup::{self, Cgroups},
    config,
    files::{self, FileError},
    layout::Layout,
    unit::{FORMAT, Ready, State, Status, Unit, UnitStatus},
};

/// First pause before a component is started again; it doubles up to the longest.
const FIRST_PAUSE: Duration = Duration::from_millis(250);
/// Longest pause before a component is started again.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
/// A component that ran this long is healthy: the next pause is the first one again.
const HEALTHY: Duration = Duration::from_secs(60);
/// How often an unready component is asked.
const PROBE: Duration = Duration::from_millis(50);
/// How often a ready component is asked.
const RECHECK: Duration = Duration::from_secs(5);
/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(3);
/// Size of a log that is put aside; one older log is kept.
const LOG_BYTES: u64 = 10 << 20;
/// How long it may take to stop the units that a new list changes.
const READING: Duration = Duration::from_secs(60);
/// How long pods get to stop before they are killed.
const POD_GRACE: Duration = Duration::from_secs(10);
/// Programs that live on when containerd is replaced: with them, pods do.
const SPARED: [&str; 2] = ["containerd-shim-runc-v2", "runc"];

/// The supervisor could not do its work.
#[derive(Debug, thiserror::Error)]
pub enum SupervisorError {
    /// A file could not be read or written.
    #[error(transparent)]
    File(#[from] FileError),
    /// Another one runs.
    #[error("a supervisor is running already, process {0}")]
    Running(u32),
    /// Signals cannot be received.
    #[error("cannot listen for signals")]
    Signals(#[source] std::io::Error),
    /// It could not be started or does not answer.
    #[error("the supervisor does not answer\n\nhint: `testbed hub logs supervisor` may say why")]
    NotStarted,
}

/// Process id of the running supervisor, if one runs.
#[must_use]
pub fn running(layout: &Layout) -> Option<u32> {
    let mut file = fs::File::open(layout.supervisor_lock()).ok()?;
    if flock(&file, FlockOperation::NonBlockingLockShared).is_ok() {
        return None;
    }
    let mut text = String::new();
    file.read_to_string(&mut text).ok()?;
    text.trim().parse().ok()
}

/// Returns the folder in which the hub that runs keeps what it must keep, if that is another one than ours.
pub(crate) fn other_state(layout: &Layout) -> Option<PathBuf> {
    let pid = running(layout)?;
    let status = read_status(layout).filter(|status| status.supervisor == pid)?;
    Some(status.state).filter(|state| !state.as_os_str().is_empty() && *state != layout.state)
}

/// Hands a list of units to the supervisor, starting one if none runs, and waits until it has stopped what is not in
/// the list any more: from then on its word about a unit is about that very unit.
///
/// # Errors
/// If files cannot be written or the supervisor does not answer.
pub async fn submit(layout: &Layout, units: &[Unit]) -> Result<(), SupervisorError> {
    let text = serde_json::to_vec_pretty(units).unwrap_or_default();
    let list = digest(&text);
    files::write(&layout.units(), text)?;
    if let Some(pid) = running(layout)
        && read_status(layout).is_some_and(|status| status.supervisor == pid && status.format != FORMAT)
    {
        // Components and pods go on without it, and the next one takes over.
        send(pid, Signal::KILL);
        while running(layout).is_some() {
            sleep(Duration::from_millis(10)).await;
        }
    }
    match running(layout) {
        // Asked of the supervisor itself: whoever wrote this very list before may have died before it could tell.
        Some(pid) if read_status(layout).is_none_or(|status| status.list != list) => send(pid, Signal::HUP),
        Some(_) => {}
        None => start(layout)?,
    }
    let deadline = Instant::now() + READING;
    while Instant::now() < deadline {
        let status = read_status(layout).unwrap_or_default();
        if running(layout).is_some_and(|pid| status.supervisor == pid && status.list == list) {
            return Ok(());
        }
        sleep(Duration::from_millis(10)).await;
    }
    Err(SupervisorError::NotStarted)
}

fn digest(units: &[u8]) -> String {
    files::sha256(|hash| files::feed(hash, units))
}

fn start(layout: &Layout) -> Result<(), SupervisorError> {
    let log = open_log(layout, "supervisor")?;
    let exe = PathBuf::from("/proc/self/exe");
    let mut command = std::process::Command::new(&exe);
    command.args(["hub", "supervise"]).current_dir("/");
    command
        .env_clear()
        .env("PATH", config::PATH)
        .env("TESTBED_STATE", &layout.state)
        .env("TESTBED_RUN", &layout.run)
        .env("TESTBED_CACHE", &layout.cache);
    // That a component does not answer yet is no error to write down every moment.
    command.env("TESTBED_LOG", "error,kube_client=off").stdin(Stdio::null());
    command.stdout(log.try_clone().map_err(files::at("open", &layout.logs()))?).stderr(log);
    command.spawn().map_err(files::at("run", &exe))?;
    Ok(())
}

/// Tells the running supervisor to stop everything and waits until it has. Returns whether it did in time; if not, it
/// was killed, and what it left is for the caller to end.
pub async fn stop(layout: &Layout, patience: Duration) -> bool {
    let Some(pid) = running(layout) else { return true };
    send(pid, Signal::TERM);
    let deadline = Instant::now() + patience;
    while Instant::now() < deadline {
        if running(layout).is_none() {
            return true;
        }
        sleep(Duration::from_millis(20)).await;
    }
    send(pid, Signal::KILL);
    false
}

/// What the supervisor last wrote.
#[must_use]
pub fn read_status(layout: &Layout) -> Option<Status> {
    serde_json::from_slice(&fs::read(layout.status()).ok()?).ok()
}

fn send(pid: u32, signal: Signal) {
    if let Some(pid) = i32::try_from(pid).ok().and_then(Pid::from_raw) {
        // A process that is gone already is what was wanted, or will be noticed by who waits for it.
        let _ = kill_process(pid, signal);
    }
}

/// Runs until SIGTERM. This is the whole life of `testbed hub supervise`.
///
/// # Errors
/// If another supervisor runs, or files cannot be used.
pub async fn supervise(layout: &Layout) -> Result<(), SupervisorError> {
    // Fails if it leads a session already, which is just as good.
    let _ = setsid();
    files::create_dir(&layout.run)?;
    // Before the lock: who finds the process id in there may send a signal at once.
    let mut hangup = signal(SignalKind::hangup()).map_err(SupervisorError::Signals)?;
    let mut terminate = signal(SignalKind::terminate()).map_err(SupervisorError::Signals)?;
    let lock = lock(layout)?;
    let cgroups = Cgroups::find()?;
    cgroups.create("supervisor")?;
    cgroups.enter("supervisor", std::process::id())?;

    let mut rotation = tokio::time::interval(Duration::from_secs(10));

    let board = Board::new(layout);
    let mut running: BTreeMap<String, Running> = BTreeMap::new();
    let (mut units, mut list) = read_units(layout);
    // Who waits for this process to start sees that it did.
    board.change(|_| ());
    end_leftovers(&cgroups, &units).await;
    loop {
        reload(layout, &board, &mut running, &units, &list).await;
        loop {
            tokio::select! {
                _ = hangup.recv() => break,
                _ = rotation.tick() => rotate_logs(layout),
                _ = terminate.recv() => {
                    stop_all(&cgroups, &board, running).await;
                    let _ = fs::remove_file(layout.status());
                    drop(lock);
                    return Ok(());
                }
            }
        }
        (units, list) = read_units(layout);
    }
}

fn lock(layout: &Layout) -> Result<fs::File, SupervisorError> {
    let path = layout.supervisor_lock();
    let mut file = fs::OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(&path)
        .map_err(files::at("open", &path))?;
    if flock(&file, FlockOperation::NonBlockingLockExclusive).is_err() {
        let mut pid = String::new();
        let _ = file.read_to_string(&mut pid);
        return Err(SupervisorError::Running(pid.trim().parse().unwrap_or(0)));
    }
    file.set_len(0).map_err(files::at("write", &path))?;
    file.write_all(std::process::id().to_string().as_bytes()).map_err(files::at("write", &path))?;
    Ok(file)
}

/// The list of units and its digest.
fn read_units(layout: &Layout) -> (Vec<Unit>, String) {
    let text = fs::read(layout.units()).unwrap_or_default();
    let units = serde_json::from_slice(&text).unwrap_or_else(|error| {
        eprintln!("cannot read the list of units: {error}");
        Vec::new()
    });
    (units, digest(&text))
}

/// A unit that is being kept running.
struct Running {
    unit: Unit,
    cancel: watch::Sender<bool>,
    task: JoinHandle<()>,
}

impl Running {
    async fn stop(self) {
        let _ = self.cancel.send(true);
        let _ = self.task.await;
    }
}

async fn reload(
    layout: &Layout,
    board: &Board,
    running: &mut BTreeMap<String, Running>,
    units: &[Unit],
    list: &str,
) {
    let stale: Vec<_> =
        running.iter().filter(|(_, old)| !units.contains(&old.unit)).map(|(name, _)| name.clone()).collect();
    for name in stale {
        if let Some(old) = running.remove(&name) {
            old.stop().await;
            board.forget(&name);
        }
    }
    for unit in units {
        if running.contains_key(&unit.name) {
            continue;
        }
        let (cancel, cancelled) = watch::channel(false);
        let host = Host { layout: layout.clone(), inside: false };
        let task = tokio::spawn(keep_running(host, unit.clone(), board.clone(), cancelled));
        running.insert(unit.name.clone(), Running { unit: unit.clone(), cancel, task });
    }
    board.change(|status| status.list = list.into());
}

/// The state of all units: written to a file for others, and watched by units that wait for each other.
#[derive(Clone)]
struct Board {
    path: PathBuf,
    status: watch::Sender<Status>,
    /// Held while the file is written, so that it never goes back to an older state.
    writing: Arc<Mutex<()>>,
}

impl Board {
    fn new(layout: &Layout) -> Self {
        let state = layout.state.clone();
        let status = Status { format: FORMAT, supervisor: std::process::id(), state, ..Status::default() };
        Self { path: layout.status(), status: watch::Sender::new(status), writing: Arc::default() }
    }

    fn change(&self, change: impl FnOnce(&mut Status)) {
        // A thread that panicked while it wrote left nothing half done: the file appears by renaming.
        let _writing = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        self.status.send_modify(change);
        let text = serde_json::to_vec_pretty(&*self.status.borrow()).unwrap_or_default();
        if let Err(error) = files::write(&self.path, text) {
            eprintln!("{error}");
        }
    }

    fn set(&self, unit: &str, update: impl FnOnce(&mut UnitStatus)) {
        self.change(|status| {
            let fresh =
                UnitStatus { state: State::Waiting, pid: None, restarts: 0, last_exit: None, started: None };
            update(status.units.entry(unit.into()).or_insert(fresh));
        });
    }

    fn forget(&self, unit: &str) {
        self.change(|status| {
            status.units.remove(unit);
        });
    }

    async fn wait_for(&self, units: &[String]) {
        let all_ready = |status: &Status| {
            units.iter().all(|unit| status.units.get(unit).is_some_and(|known| known.state == State::Ready))
        };
        let _ = self.status.subscribe().wait_for(all_ready).await;
    }
}

/// Where units run.
#[derive(Clone)]
struct Host {
    layout: Layout,
    /// In a pod of their own: they need neither a cgroup each nor another mount namespace.
    inside: bool,
}

impl Host {
    fn cgroups(&self) -> Result<Cgroups, FileError> {
        if self.inside { Cgroups::inside() } else { Cgroups::find() }
    }

    fn spawn(&self, unit: &Unit) -> Result<Child, FileError> {
        if self.inside { spawn_here(&self.layout, unit) } else { spawn(&self.layout, unit) }
    }
}

/// Keeps units running from inside of a pod, where they live and die with this process.
pub struct Keeper {
    host: Host,
    board: Board,
    running: Vec<Running>,
}

impl Keeper {
    /// One that runs nothing yet.
    #[must_use]
    pub fn new(layout: &Layout) -> Self {
        let host = Host { layout: layout.clone(), inside: true };
        Self { host, board: Board::new(layout), running: Vec::new() }
    }

    /// Keeps a unit running from now on.
    pub fn keep(&mut self, unit: Unit) {
        let (cancel, cancelled) = watch::channel(false);
        let task = tokio::spawn(keep_running(self.host.clone(), unit.clone(), self.board.clone(), cancelled));
        self.running.push(Running { unit, cancel, task });
    }

    /// Says that something is ready that units may wait for and that does not run here.
    pub fn is_ready(&self, name: &str) {
        self.board.set(name, |status| status.state = State::Ready);
    }

    /// Waits until a unit is ready.
    pub async fn ready(&self, name: &str) {
        self.board.wait_for(&[name.to_owned()]).await;
    }
}

async fn keep_running(host: Host, unit: Unit, board: Board, mut cancelled: watch::Receiver<bool>) {
    let mut pause = FIRST_PAUSE;
    let name = unit.name.as_str();
    loop {
        board.set(name, |status| status.state = State::Waiting);
        tokio::select! {
            () = board.wait_for(&unit.after) => {}
            () = cancellation(&mut cancelled) => return,
        }
        if let (Some(prune), Ok(cgroups)) = (&unit.prune, host.cgroups()) {
            // What holds a process cannot be removed, and should not be.
            let _ = cgroups.remove(prune);
        }
        let began = Instant::now();
        let ended = match host.spawn(&unit) {
            Ok(mut child) => {
                board.set(name, |status| {
                    status.state = State::Starting;
                    status.pid = child.id();
                    status.started = Some(jiff::Timestamp::now().as_second());
                });
                tokio::select! {
                    ended = child.wait() => ended.map_or_else(|error| error.to_string(), describe),
                    () = watch_readiness(&unit, &board) => String::new(),
                    () = cancellation(&mut cancelled) => {
                        stop_child(&mut child, name, unit.stop_seconds).await;
                        board.set(name, |status| {
                            status.state = State::Stopped;
                            status.pid = None;
                        });
                        return;
                    }
                }
            }
            Err(error) => error.to_string(),
        };
        if began.elapsed() > HEALTHY {
            pause = FIRST_PAUSE;
        }
        eprintln!("{} {name} {ended}; next start in {pause:?}", jiff::Timestamp::now());
        board.set(name, |status| {
            status.state = State::BackingOff;
            status.pid = None;
            status.restarts += 1;
            status.last_exit = Some(ended);
        });
        tokio::select! {
            () = sleep(pause) => {}
            () = cancellation(&mut cancelled) => return,
        }
        pause = next_pause(pause);
    }
}

/// Waits until the unit is to stop.
async fn cancellation(cancelled: &mut watch::Receiver<bool>) {
    // A sender that is gone means the same: nobody wants the unit any more.
    let _ = cancelled.wait_for(|&cancelled| cancelled).await;
}

fn next_pause(pause: Duration) -> Duration {
    (pause * 2).min(LONGEST_PAUSE)
}

fn describe(status: ExitStatus) -> String {
    use std::os::unix::process::ExitStatusExt;
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("exited with code {code}"),
        (_, Some(signal)) => format!("was killed by signal {signal}"),
        _ => "ended".into(),
    }
}

fn spawn(layout: &Layout, unit: &Unit) -> Result<Child, FileError> {
    let log = open_log(layout, &unit.name)?;
    let second = log.try_clone().map_err(files::at("open", &layout.logs()))?;
    // This very program, even if its file was replaced by a newer one meanwhile.
    let exe = Path::new("/proc/self/exe");
    let mut command = Command::new(exe);
    command.args(["hub", "launch", "--cgroup", &unit.name]);
    if unit.private_mounts {
        command.arg("--mounts").arg(layout.mounts());
    }
    command.arg("--").args(&unit.command).env_clear().envs(&unit.env);
    command.stdin(Stdio::null()).stdout(log).stderr(second).process_group(0);
    command.spawn().map_err(files::at("run", exe))
}

/// Starts a unit beside this process; with its own environment, which says nothing of the cluster around.
fn spawn_here(layout: &Layout, unit: &Unit) -> Result<Child, FileError> {
    let log = open_log(layout, &unit.name)?;
    let second = log.try_clone().map_err(files::at("open", &layout.logs()))?;
    let (program, args) =
        unit.command.split_first().map_or(("", &[][..]), |(first, rest)| (first.as_str(), rest));
    let mut command = Command::new(program);
    command.args(args).env_clear().envs(&unit.env).current_dir("/");
    command.stdin(Stdio::null()).stdout(log).stderr(second).process_group(0);
    command.spawn().map_err(files::at("run", Path::new(program)))
}

/// The component writes to the file itself, so its words survive the supervisor.
fn open_log(layout: &Layout, name: &str) -> Result<fs::File, FileError> {
    files::create_dir(&layout.logs())?;
    let path = layout.logs().join(format!("{name}.log"));
    fs::OpenOptions::new().append(true).create(true).mode(0o600).open(&path).map_err(files::at("open", &path))
}

/// Copies a long log aside and empties it in place: the component keeps its open file.
fn rotate_logs(layout: &Layout) {
    for entry in fs::read_dir(layout.logs()).into_iter().flatten().flatten() {
        let path = entry.path();
        let long = entry.metadata().is_ok_and(|data| data.len() > LOG_BYTES);
        // The API server rotates its audit log by itself.
        let ours = path.extension().is_some_and(|ext| ext == "log") && !path.ends_with("audit.log");
        if long && ours && fs::copy(&path, path.with_extension("log.1")).is_ok() {
            let _ = fs::OpenOptions::new().write(true).open(&path).and_then(|file| file.set_len(0));
        }
    }
}

/// Reports when the unit becomes ready and when it stops being so; never returns.
async fn watch_readiness(unit: &Unit, board: &Board) {
    let mut ready = false;
    let mut misses = 0;
    loop {
        let answered = timeout(PATIENCE, answers(&unit.ready)).await.unwrap_or(false);
        misses = if answered { 0 } else { misses + 1 };
        // One missed answer of a busy machine is no news; three in a row are.
        let now_ready = answered || (ready && misses < 3);
        if now_ready != ready {
            ready = now_ready;
            board.set(&unit.name, |status| status.state = if ready { State::Ready } else { State::Starting });
        }
        sleep(if ready { RECHECK } else { PROBE }).await;
    }
}

async fn answers(ready: &Ready) -> bool {
    match ready {
        Ready::Http { address, path } => plain_get(address, path).await.unwrap_or(false),
        Ready::Https { url, path, kubeconfig } => tls_get(url, path, kubeconfig.as_deref()).await.is_some(),
        Ready::Socket { path } => UnixStream::connect(path).await.is_ok(),
    }
}

async fn plain_get(address: &str, path: &str) -> std::io::Result<bool> {
    let mut stream = TcpStream::connect(address).await?;
    stream.write_all(format!("GET {path} HTTP/1.0\r\nHost: {address}\r\n\r\n").as_bytes()).await?;
    let mut answer = [0; 12];
    stream.read_exact(&mut answer).await?;
    Ok(answer.ends_with(b" 200"))
}

async fn tls_get(url: &str, path: &str, kubeconfig: Option<&Path>) -> Option<()> {
    let config = match kubeconfig {
        Some(kubeconfig) => crate::cluster::client_config(kubeconfig).await.ok()?,
        None => {
            let mut config = kube::Config::new(url.parse().ok()?);
            config.accept_invalid_certs = true;
            config
        }
    };
    let client = kube::Client::try_from(config).ok()?;
    let request = kube::client::Body::empty();
    let request = http_request(path, request)?;
    let response = client.send(request).await.ok()?;
    (response.status().as_u16() == 200).then_some(())
}

fn http_request(path: &str, body: kube::client::Body) -> Option<http::Request<kube::client::Body>> {
    http::Request::get(path).body(body).ok()
}

async fn stop_child(child: &mut Child, name: &str, seconds: u64) {
    if let Some(pid) = child.id() {
        send(pid, Signal::TERM);
    }
    if timeout(Duration::from_secs(seconds), child.wait()).await.is_err() {
        eprintln!("{} {name} did not stop in {seconds} s and is killed", jiff::Timestamp::now());
        let _ = child.kill().await;
    }
}

/// First the kubelet, so that nothing is started again; then pods, and what serves nobody but them; last what all
/// others need.
async fn stop_all(cgroups: &Cgroups, board: &Board, mut running: BTreeMap<String, Running>) {
    let mut take =
        |names: &[&str]| -> Vec<Running> { names.iter().filter_map(|name| running.remove(*name)).collect() };
    let kubelet = take(&["kubelet"]);
    let database = take(&["etcd"]);
    let apiserver = take(&["kube-apiserver"]);
    let containerd = take(&["containerd"]);
    let others: Vec<_> = running.into_values().collect();
    let stop = |units: Vec<Running>| futures::future::join_all(units.into_iter().map(Running::stop));

    stop(kubelet).await;
    let (_, killed) = tokio::join!(stop(others), end_group(cgroups, "kubepods", POD_GRACE));
    if !killed.is_empty() {
        eprintln!(
            "{} these did not stop in {POD_GRACE:?} and were killed: {killed:?}",
            jiff::Timestamp::now()
        );
    }
    stop(apiserver).await;
    tokio::join!(stop(database), stop(containerd));
    end_group(cgroups, "containerd", Duration::from_secs(1)).await;
    board.change(|status| status.units.clear());
}

/// Ends every process of `/testbed/<group>`: politely, and after `grace` not so. Returns the programs that had to be
/// killed.
pub(crate) async fn end_group(cgroups: &Cgroups, group: &str, grace: Duration) -> BTreeSet<String> {
    let began = Instant::now();
    let mut asked = None;
    while began.elapsed() < grace {
        let left = cgroups.processes(group);
        if left.is_empty() {
            return BTreeSet::new();
        }
        // Again and again: the first process of a container misses a signal that comes before it has a handler.
        if asked.is_none_or(|asked: Instant| asked.elapsed() > Duration::from_secs(1)) {
            left.into_iter().for_each(|pid| send(pid, Signal::TERM));
            asked = Some(Instant::now());
        }
        sleep(Duration::from_millis(20)).await;
    }
    let mut killed = BTreeSet::new();
    // A process may be started while others are being killed.
    for _ in 0..500 {
        let left = cgroups.processes(group);
        if left.is_empty() {
            break;
        }
        for pid in left {
            killed.extend(cgroup::executable(pid).map(|exe| exe.display().to_string()));
            send(pid, Signal::KILL);
        }
        sleep(Duration::from_millis(10)).await;
    }
    killed
}

/// Ends components that a predecessor left: found by cgroup *and* program, so that pods' shims live on and nothing
/// that is not ours is touched.
async fn end_leftovers(cgroups: &Cgroups, units: &[Unit]) {
    let mut groups = cgroups.groups();
    groups.remove("kubepods");
    groups.remove("supervisor");
    groups.extend(units.iter().map(|unit| unit.name.clone()));
    let find = || -> BTreeSet<u32> {
        groups
            .iter()
            .flat_map(|group| cgroups.processes(group).into_iter().map(move |pid| (group, pid)))
            .filter(|(group, pid)| cgroup::executable(*pid).is_some_and(|exe| is_leftover(group, &exe)))
            .map(|(_, pid)| pid)
            .collect()
    };
    let first = find();
    if first.is_empty() {
        return;
    }
    eprintln!("{} ending what a predecessor left: {first:?}", jiff::Timestamp::now());
    first.into_iter().for_each(|pid| send(pid, Signal::TERM));
    // Briefly: in a hub that fell apart each waits for another, and all of them are made to survive worse.
    let deadline = Instant::now() + Duration::from_secs(2);
    while !find().is_empty() {
        if Instant::now() > deadline {
            find().into_iter().for_each(|pid| send(pid, Signal::KILL));
        }
        sleep(Duration::from_millis(20)).await;
    }
}

/// Whether a process in the group `/testbed/<group>` is a component itself, to be replaced, rather than a shim that
/// carries a pod.
fn is_leftover(group: &str, exe: &Path) -> bool {
    let name = exe.file_name().unwrap_or_default();
    name == group && !SPARED.iter().any(|spared| name == *spared)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_component_itself_is_a_leftover_and_the_shims_of_its_pods_are_not() {
        assert!(is_leftover("containerd", Path::new("/cache/parts/containerd-1/bin/containerd")));
        assert!(!is_leftover(
            "containerd",
            Path::new("/cache/parts/containerd-1/bin/containerd-shim-runc-v2")
        ));
        assert!(!is_leftover("containerd", Path::new("/usr/sbin/runc")));
        assert!(!is_leftover("etcd", Path::new("/usr/bin/vim")));
    }

    #[test]
    fn the_pause_before_a_restart_doubles_up_to_half_a_minute() {
        let pauses: Vec<_> =
            std::iter::successors(Some(FIRST_PAUSE), |&pause| Some(next_pause(pause))).take(9).collect();
        assert_eq!(pauses[1], Duration::from_millis(500));
        assert_eq!(pauses[8], LONGEST_PAUSE);
    }

    #[tokio::test]
    async fn a_plain_answer_of_200_is_ready_and_500_is_not() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let server = tokio::spawn(async move {
            for status in ["200 OK", "500 Oh No"] {
                let (mut stream, _) = listener.accept().await.unwrap();
                stream.write_all(format!("HTTP/1.0 {status}\r\n\r\n").as_bytes()).await.unwrap();
            }
        });
        assert!(plain_get(&address, "/").await.unwrap());
        assert!(!plain_get(&address, "/").await.unwrap());
        server.await.unwrap();
    }

    #[test]
    fn a_long_log_is_put_aside_and_emptied_in_place() {
        let folder = tempfile::tempdir().unwrap();
        let layout = Layout { state: folder.path().into(), ..Layout::without_root() };
        let mut log = open_log(&layout, "etcd").unwrap();
        log.write_all(&vec![b'x'; usize::try_from(LOG_BYTES).unwrap() + 1]).unwrap();
        rotate_logs(&layout);
        log.write_all(b"next").unwrap();
        assert_eq!(fs::read(layout.logs().join("etcd.log")).unwrap(), b"next");
        assert!(layout.logs().join("etcd.log.1").exists());
    }
}
