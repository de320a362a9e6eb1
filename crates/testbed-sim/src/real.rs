//! The same worlds around real programs (T1): etcd and kube-apiserver below the operator, and the operator itself as a
//! process that is killed. The players, the faults, the history and what must hold of it are those of the world in
//! memory, whose [`Store`](crate::store::Store) is here the picture of the real API server.

use crate::bucket::Bucket;
use crate::fault::{Faulty, Next};
use crate::players::{CANARY, Clusters};
use crate::runs;
use crate::store::{KINDS, Kind, Refusal, Store, Upstream, Write};
use crate::wire::{Answer, Shared, is_mutating, lock, refuse};
use crate::world::{Metrics, NAMESPACES};
use anyhow::{Context, Result, bail, ensure};
use bytes::Bytes;
use futures::{StreamExt, TryStreamExt, stream};
use http::{Method, Request, Response, StatusCode};
use http_body::Frame;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use kube::client::{Body, ClientBuilder};
use kube::{Client, Config};
use object_store::path::Path as Place;
use object_store::{ObjectStore, ObjectStoreExt};
use rustls::ServerConfig;
use rustls::pki_types::PrivatePkcs8KeyDer;
use serde_json::{Value, json};
use std::fs::{self, File};
use std::future::Future;
use std::net::TcpListener as Unbound;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::time::Duration;
use tempfile::TempDir;
use testbed_hub::{Layout, Parts};
use testbed_operator::connection;
use testbed_operator::outside::{Clock, Http};
use tokio::net::TcpListener;
use tokio::process::{Child, Command};
use tokio::runtime::{Builder, Handle, Runtime};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::Semaphore;
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::{Instant, sleep};
use tokio_rustls::TlsAcceptor;
use tower::BoxError;

/// How long a server may take until it answers.
const STARTING: Duration = Duration::from_mins(1);
/// How often it is started before that is an error.
const TRIES: usize = 3;
/// The administrator's token: these servers listen on this machine alone, and hold nothing.
const TOKEN: &str = "administrator";
/// Where there are a dozen servers for each core, their threads and their collectors of garbage cost a quarter of the time.
const FRUGAL: [(&str, &str); 2] = [("GOMAXPROCS", "1"), ("GOGC", "300")];
/// Largest answer of a store of metrics.
const LIMIT: u64 = 1 << 20;

/// Where the real programs are.
#[derive(Debug, Clone)]
pub struct Programs {
    etcd: PathBuf,
    apiserver: PathBuf,
    operator: PathBuf,
    /// Definitions of our own kinds.
    definitions: Vec<Value>,
    /// What servers are started with besides.
    environment: &'static [(&'static str, &'static str)],
}

impl Programs {
    /// Returns the folder of our own.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.operator.parent().unwrap_or(&self.operator)
    }

    /// Finds those that `make hub` has built.
    ///
    /// # Errors
    /// If one is not there.
    pub fn find() -> Result<Self> {
        let layout = Layout::find(None)?;
        let built = Parts::read(&layout)?.built(&layout)?;
        let part = |part: &str, name: &str| -> Result<PathBuf> {
            let path = built.get(part).map(|built| built.bin(name)).unwrap_or_default();
            ensure!(path.is_file(), "{name} is not built. `make hub` builds it");
            Ok(path)
        };
        let root = layout.hub().join("..");
        let operator = root.join("bin/testbed-operator");
        ensure!(operator.is_file(), "{} is not there. `make build` builds it", operator.display());
        let mut definitions = Vec::new();
        for file in fs::read_dir(root.join("platform/operator/crds"))? {
            definitions.push(serde_saphyr::from_str(&fs::read_to_string(file?.path())?)?);
        }
        let (etcd, apiserver) = (part("etcd", "etcd")?, part("kubernetes", "kube-apiserver")?);
        Ok(Self { etcd, apiserver, operator, definitions, environment: &[] })
    }

    /// Returns them for many worlds at once.
    #[must_use]
    pub fn crowded(self) -> Self {
        Self { environment: &FRUGAL, ..self }
    }
}

/// API servers, each for one world at a time.
pub struct Pool {
    programs: Programs,
    /// How many worlds there may be at once.
    pub(crate) room: usize,
    free: Mutex<Vec<Server>>,
    /// Starting takes a core for seconds: where two dozen do so at once, none is ready in time.
    starting: Arc<Semaphore>,
    /// What all of them write.
    home: TempDir,
    /// Whose thread outlives every world, since a child dies with the thread that made it.
    runtime: Runtime,
}

/// etcd and kube-apiserver.
struct Server {
    _etcd: Child,
    apiserver: Child,
    folder: TempDir,
    url: String,
}

/// Makes a command that dies with us, however we die.
fn mortal(program: &Path, log: &Path) -> Result<Command> {
    let mut command = Command::new("setpriv");
    let log = File::options().create(true).append(true).open(log)?;
    command.args(["--pdeathsig", "KILL", "--"]).arg(program);
    command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log).kill_on_drop(true);
    Ok(command)
}

/// Returns ports that nobody listens on.
fn ports<const COUNT: usize>() -> Result<[u16; COUNT]> {
    let mut held = Vec::new();
    let mut ports = [0; COUNT];
    for port in &mut ports {
        let socket = Unbound::bind(("127.0.0.1", 0))?;
        *port = socket.local_addr()?.port();
        held.push(socket);
    }
    Ok(ports)
}

impl Server {
    /// Starts one, again if it ends: where many start at once, the API server may find that something of its own is late,
    /// and gives up.
    async fn start(programs: &Programs, home: &Path) -> Result<Self> {
        for _ in 1..TRIES {
            if let Ok(server) = Self::try_start(programs, home).await {
                return Ok(server);
            }
        }
        Self::try_start(programs, home).await
    }

    async fn try_start(programs: &Programs, home: &Path) -> Result<Self> {
        let folder = tempfile::tempdir_in(home)?;
        let at = |name: &str| folder.path().join(name);
        let [client, peer, secure] = ports()?;
        let etcd = mortal(&programs.etcd, &at("etcd.log"))?
            .envs(programs.environment.iter().copied())
            .arg("--data-dir")
            .arg(at("etcd"))
            .arg(format!("--listen-client-urls=http://127.0.0.1:{client}"))
            .arg(format!("--advertise-client-urls=http://127.0.0.1:{client}"))
            .arg(format!("--listen-peer-urls=http://127.0.0.1:{peer}"))
            .arg(format!("--initial-advertise-peer-urls=http://127.0.0.1:{peer}"))
            .arg(format!("--initial-cluster=default=http://127.0.0.1:{peer}"))
            .args([
                "--unsafe-no-fsync",
                "--log-level=warn",
                "--heartbeat-interval=25",
                "--election-timeout=125",
            ])
            .spawn()
            .context("etcd does not start")?;
        let pair = testbed_hub::webhook_pair()?;
        fs::write(at("sa.key"), &pair.key)?;
        fs::write(at("sa.crt"), &pair.certificate)?;
        fs::write(at("tokens.csv"), format!("{TOKEN},admin,admin,system:masters\n"))?;
        let apiserver = mortal(&programs.apiserver, &at("kube-apiserver.log"))?
            .envs(programs.environment.iter().copied())
            .arg(format!("--etcd-servers=http://127.0.0.1:{client}"))
            .arg(format!("--secure-port={secure}"))
            .args(["--bind-address=127.0.0.1", "--service-cluster-ip-range=10.231.0.0/16"])
            .arg(format!("--cert-dir={}", at("pki").display()))
            .arg(format!("--token-auth-file={}", at("tokens.csv").display()))
            .arg(format!("--service-account-key-file={}", at("sa.crt").display()))
            .arg(format!("--service-account-signing-key-file={}", at("sa.key").display()))
            .arg("--service-account-issuer=https://kubernetes.default.svc")
            .args(["--authorization-mode=AlwaysAllow", "--disable-admission-plugins=ServiceAccount"])
            .arg("--profiling=false")
            .spawn()
            .context("kube-apiserver does not start")?;
        let url = format!("https://127.0.0.1:{secure}");
        let mut server = Self { _etcd: etcd, apiserver, folder, url };
        let prepared = server.prepare(programs).await;
        prepared.with_context(|| {
            let log = fs::read_to_string(server.folder.path().join("kube-apiserver.log")).unwrap_or_default();
            let end: Vec<&str> = log.lines().rev().take(5).collect();
            format!("the API server did not get ready; it said, newest first: {}", end.join("\n"))
        })?;
        Ok(server)
    }

    fn config(&self) -> Result<Config> {
        let mut config = Config::new(self.url.parse()?);
        config.accept_invalid_certs = true;
        config.auth_info.token = Some(TOKEN.to_owned().into());
        Ok(config)
    }

    fn client(&self) -> Result<Client> {
        Ok(connection::builder(self.config()?)?.build())
    }

    /// Waits until it answers, and creates what every world finds there.
    async fn prepare(&mut self, programs: &Programs) -> Result<()> {
        let client = self.client()?;
        let begun = Instant::now();
        while ask(&client, Method::GET, "/readyz", "", Bytes::new()).await.is_err() {
            if let Some(status) = self.apiserver.try_wait()? {
                bail!("it ended: {status}");
            }
            ensure!(begun.elapsed() < STARTING, "it was not ready after {} s", STARTING.as_secs());
            sleep(Duration::from_millis(100)).await;
        }
        let ours = |kind: &Kind| {
            programs.definitions.iter().any(|definition| definition["spec"]["names"]["kind"] == kind.kind)
        };
        let foreign = KINDS.iter().filter(|kind| kind.is_custom() && !ours(kind)).map(Kind::definition);
        for definition in programs.definitions.iter().cloned().chain(foreign) {
            create(&client, "/apis/apiextensions.k8s.io/v1/customresourcedefinitions", &definition).await?;
        }
        for kind in KINDS.iter().filter(|kind| kind.is_custom()) {
            while ask(&client, Method::GET, &kind.path("", ""), "", Bytes::new()).await.is_err() {
                ensure!(begun.elapsed() < STARTING, "{} are not served", kind.plural);
                sleep(Duration::from_millis(50)).await;
            }
        }
        for name in NAMESPACES.into_iter().filter(|name| !["kube-system", "default"].contains(name)) {
            let namespace = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}});
            create(&client, "/api/v1/namespaces", &namespace).await?;
        }
        for (kind, namespace, mut object) in runs::catalog() {
            let kind = crate::store::named(kind);
            kind.name(&mut object);
            create(&client, &kind.path(namespace, ""), &object).await?;
        }
        Ok(())
    }
}

/// Sends a request and returns what is answered.
pub(crate) async fn ask(
    client: &Client,
    method: Method,
    path: &str,
    media_type: &str,
    body: Bytes,
) -> Result<Value, Refusal> {
    let gone = |error: &dyn std::fmt::Display| Refusal::new(0, "Gone", format!("{path}: {error}"));
    let mut request = Request::builder().method(method).uri(path);
    if !media_type.is_empty() {
        request = request.header("Content-Type", media_type);
    }
    let request = request.body(Body::from(body.to_vec())).map_err(|error| gone(&error))?;
    let answer = client.send(request).await.map_err(|error| gone(&error))?;
    let code = answer.status();
    let body = answer.into_body().collect().await.map_err(|error| gone(&error))?.to_bytes();
    let value: Value = serde_json::from_slice(&body).unwrap_or_default();
    if code.is_success() {
        return Ok(value);
    }
    let text = |name: &str| value[name].as_str().unwrap_or_default().to_owned();
    Err(Refusal::new(code.as_u16(), text("reason"), format!("{path}: {}", text("message"))))
}

pub(crate) async fn create(client: &Client, path: &str, object: &Value) -> Result<()> {
    ask(client, Method::POST, path, "application/json", object.to_string().into()).await?;
    Ok(())
}

/// Does something on another thread, and waits for it.
fn elsewhere<T: Send + 'static>(
    runtime: &Handle,
    work: impl Future<Output = T> + Send + 'static,
) -> Result<T, mpsc::RecvError> {
    let (tell, told) = mpsc::channel();
    runtime.spawn(async move { tell.send(work.await) });
    told.recv()
}

/// Sends changes of the picture on to the server, from a thread of its own.
struct Sender {
    client: Client,
    runtime: Handle,
}

impl Upstream for Sender {
    fn send(&self, write: Write) -> Result<Value, Refusal> {
        let client = self.client.clone();
        let sent = elsewhere(&self.runtime, async move {
            let Write { method, path, media_type, body } = write;
            ask(&client, method, &path, media_type, body.to_string().into()).await
        });
        sent.unwrap_or_else(|error| Err(Refusal::new(0, "Gone", error.to_string())))
    }
}

/// Ends this program at SIGINT and SIGTERM, without what its servers have written: a hundred megabytes each.
async fn clean_up_when_told_to_end(home: PathBuf) -> std::io::Result<()> {
    let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
    // Its servers still write: a second look finds what was written during the first.
    let _ = fs::remove_dir_all(&home).or_else(|_| fs::remove_dir_all(&home));
    std::process::exit(130);
}

impl Pool {
    /// Returns an empty pool for so many worlds at once, or for as many as go well.
    ///
    /// # Errors
    /// If there are no threads.
    pub fn new(programs: Programs, room: Option<usize>) -> Result<Self> {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        // Most of the time they wait: six leave more than half of two cores idle, 18 keep everything else waiting.
        let room = room.unwrap_or(6 * cores);
        let starting = Arc::new(Semaphore::new(2 * cores));
        let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
        let home = tempfile::Builder::new().prefix("testbed-sweep-").tempdir()?;
        runtime.spawn(clean_up_when_told_to_end(home.path().to_owned()));
        Ok(Self { programs, room, free: Mutex::default(), starting, home, runtime })
    }

    /// Takes an API server, or starts one.
    pub(crate) fn site(self: &Arc<Self>) -> Result<Site> {
        let free = self.free.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let server = match free {
            Some(server) => server,
            None => {
                let (programs, home) = (self.programs.clone(), self.home.path().to_owned());
                let starting = self.starting.clone();
                elsewhere(self.runtime.handle(), async move {
                    let _turn = starting.acquire().await?;
                    Server::start(&programs, &home).await
                })??
            }
        };
        let (folder, config) = (tempfile::tempdir_in(self.home.path())?, server.config()?);
        let runtime = self.runtime.handle().clone();
        // A client's worker lives where the client was made.
        let client =
            elsewhere(&runtime, async move { connection::builder(config).map(ClientBuilder::build) })??;
        let upstream = Sender { client, runtime };
        let (upstream, servers) = (Arc::new(upstream), JoinSet::new());
        Ok(Site { pool: self.clone(), server, upstream, folder, servers, words: "debug" })
    }
}

/// What a world with real programs is made of.
pub(crate) struct Site {
    pool: Arc<Pool>,
    server: Server,
    upstream: Arc<dyn Upstream>,
    folder: TempDir,
    servers: JoinSet<()>,
    /// How much operators say.
    pub(crate) words: &'static str,
}

/// An operator that is a process.
pub(crate) struct Process {
    child: Child,
    proxy: JoinHandle<()>,
}

impl Process {
    /// Returns how it ended, once it has.
    pub(crate) async fn ended(&mut self) -> String {
        self.child.wait().await.map_or_else(|error| error.to_string(), |status| status.to_string())
    }

    /// Ends it as SIGKILL does.
    pub(crate) async fn kill(&mut self) {
        let _ = self.child.kill().await;
        self.proxy.abort();
    }
}

impl Site {
    /// Returns the picture of the API server, kept true from now on.
    pub(crate) async fn mirror(&mut self) -> Result<Shared> {
        let store: Shared = Arc::new(Mutex::new(Store::mirror(Clock::system(), self.upstream.clone())));
        let client = self.server.client()?;
        for kind in KINDS
            .iter()
            .filter(|kind| !["Probe", "Event", "Lease", "CustomResourceDefinition"].contains(&kind.kind))
        {
            let list = ask(&client, Method::GET, &kind.path("", ""), "", Bytes::new()).await?;
            for item in list["items"].as_array().into_iter().flatten() {
                observe(&store, kind, false, item.clone());
            }
            let since = list["metadata"]["resourceVersion"].as_str().unwrap_or_default().to_owned();
            self.servers.spawn(follow(client.clone(), kind, since, store.clone()));
        }
        Ok(store)
    }

    /// Serves the store of results and one of metrics, and returns their addresses.
    pub(crate) async fn serve(&mut self, results: Bucket, measured: Metrics) -> Result<[String; 2]> {
        let (s3, s3_address) = bind()?;
        self.servers.spawn(accept(s3, None, move |request| s3_answer(results.now(), request)));
        let (metrics, metrics_address) = bind()?;
        self.servers.spawn(accept(metrics, None, move |request| metrics_answer(measured.clone(), request)));
        Ok([format!("http://{s3_address}"), format!("http://{metrics_address}")])
    }

    /// Returns what answers requests that no fault keeps from it: the API server.
    pub(crate) fn next(&self, hub: &Shared) -> Result<Next> {
        let (client, hub) = (self.server.client()?, hub.clone());
        Ok(Arc::new(move |request| Box::pin(pass_on(client.clone(), hub.clone(), request))))
    }

    /// Returns no clusters yet; the API server of each will be behind these faults, at a port of its own.
    pub(crate) fn clusters(&self, faulty: Faulty) -> Result<Clusters> {
        let rcgen::CertifiedKey { cert, signing_key } =
            rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()])?;
        let key = PrivatePkcs8KeyDer::from(signing_key.serialize_der()).into();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_single_cert(vec![cert.der().clone()], key)?;
        let tls = TlsAcceptor::from(Arc::new(config));
        let door = move |name: &str, store: &Shared| {
            let (listener, address) = bind().unwrap_or_else(|error| panic!("no port is free: {error}"));
            let faulty = faulty.before(name, store);
            tokio::spawn(accept(listener, Some(tls.clone()), move |request| through(faulty.now(), request)));
            address.to_string()
        };
        Ok(Clusters::new(cert.pem(), Box::new(door)))
    }

    /// Starts an operator whose API server is behind faults.
    pub(crate) async fn start(&self, faulty: Faulty, [results, metrics]: &[String; 2]) -> Result<Process> {
        let (listener, address) = bind()?;
        let proxy = tokio::spawn(accept(listener, None, move |request| through(faulty.clone(), request)));
        let child =
            self.launch(&json!({"server": format!("http://{address}")}), &json!({}), results, metrics)?;
        Ok(Process { child, proxy })
    }

    /// Starts an operator that nothing stands in the way of.
    pub(crate) fn start_directly(&self, [results, metrics]: &[String; 2]) -> Result<Child> {
        let cluster = json!({"server": self.server.url, "insecure-skip-tls-verify": true});
        self.launch(&cluster, &json!({"token": TOKEN}), results, metrics)
    }

    fn launch(&self, cluster: &Value, user: &Value, results: &str, metrics: &str) -> Result<Child> {
        let kubeconfig = self.folder.path().join("kubeconfig");
        let config = json!({"apiVersion": "v1", "kind": "Config", "current-context": "c",
            "clusters": [{"name": "c", "cluster": cluster}],
            "users": [{"name": "c", "user": user}],
            "contexts": [{"name": "c", "context": {"cluster": "c", "user": "c"}}]});
        fs::write(&kubeconfig, config.to_string())?;
        let mut command = mortal(&self.pool.programs.operator, &self.log())?;
        command.env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default());
        for (name, value) in [
            ("KUBECONFIG", kubeconfig.display().to_string().as_str()),
            ("HEALTH_ADDRESS", "127.0.0.1:0"),
            ("METRICS_URL", metrics),
            ("REGISTRY", metrics.trim_start_matches("http://")),
            ("S3_ENDPOINT", results),
            ("S3_BUCKET", "results"),
            ("S3_ACCESS_KEY", "lab"),
            ("S3_SECRET_KEY", CANARY),
            ("INGEST_KEY", CANARY),
            // One pod whose container is started again.
            ("POD_UID", "6f9b2f6e-8c43-4b0e-9d0a-2d3f1c5a7e10"),
            ("RUST_LOG", self.words),
        ] {
            command.env(name, value);
        }
        command.spawn().context("the operator does not start")
    }

    /// Returns a client of the API server.
    pub(crate) fn client(&self) -> Result<Client> {
        self.server.client()
    }

    fn log(&self) -> PathBuf {
        self.folder.path().join("operator.log")
    }

    /// Ends, and returns what the operators said. A server of which all is known is used again.
    pub(crate) async fn end(mut self, is_clean: bool) -> String {
        self.servers.shutdown().await;
        let said = fs::read_to_string(self.log()).unwrap_or_default();
        if is_clean {
            self.pool.free.lock().unwrap_or_else(PoisonError::into_inner).push(self.server);
        }
        said
    }
}

fn observe(store: &Shared, kind: &Kind, gone: bool, mut object: Value) {
    // In lists they have none.
    kind.name(&mut object);
    if let Some(metadata) = object["metadata"].as_object_mut() {
        metadata.remove("managedFields");
    }
    lock(store).observe(kind.kind, gone, object);
}

/// Keeps a picture true of one kind of objects.
async fn follow(client: Client, kind: &'static Kind, since: String, store: Shared) {
    told(client, kind, since, |gone, object| observe(&store, kind, gone, object)).await;
}

/// Passes on whatever an API server tells of one kind of objects: whether it is gone, and the object.
pub(crate) async fn told(client: Client, kind: &'static Kind, mut since: String, tell: impl Fn(bool, Value)) {
    loop {
        let uri = format!("{}?watch=true&resourceVersion={since}", kind.path("", ""));
        let answer = match Request::get(uri).body(Body::empty()) {
            Ok(request) => client.send(request).await,
            Err(_) => return,
        };
        if let Ok(answer) = answer {
            let mut body = answer.into_body();
            let mut rest = Vec::new();
            while let Some(Ok(frame)) = body.frame().await {
                rest.extend_from_slice(&frame.into_data().unwrap_or_default());
                while let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
                    let line: Vec<u8> = rest.drain(..=end).collect();
                    let mut event: Value = serde_json::from_slice(&line).unwrap_or_default();
                    let object = event["object"].take();
                    if let Some(version) = object["metadata"]["resourceVersion"].as_str() {
                        version.clone_into(&mut since);
                        tell(event["type"] == "DELETED", object);
                    }
                }
            }
        }
        sleep(Duration::from_millis(100)).await;
    }
}

/// Sends a request on to the API server; a watch ends when all watches are cut.
async fn pass_on(client: Client, hub: Shared, mut request: Request<Body>) -> Answer {
    request.headers_mut().remove("host");
    let is_watch = !is_mutating(request.method());
    let answer = match client.send(request).await {
        Ok(answer) => answer,
        Err(error) => return refuse(&Refusal::new(502, "BadGateway", error.to_string())),
    };
    let (mut parts, body) = answer.into_parts();
    for hop in ["connection", "transfer-encoding"] {
        parts.headers.remove(hop);
    }
    let cut = lock(&hub).cut;
    let frames = stream::unfold((body, hub), move |(mut body, hub)| async move {
        loop {
            let changed = lock(&hub).changed.clone();
            let told = changed.notified();
            if is_watch && lock(&hub).cut != cut {
                return None;
            }
            tokio::select! {
                frame = body.frame() => {
                    let data = frame?.ok()?.into_data().ok()?;
                    return Some((Ok(Frame::data(data)), (body, hub)));
                }
                () = told, if is_watch => {}
            }
        }
    });
    Response::from_parts(parts, StreamBody::new(frames.boxed()).boxed_unsync())
}

/// Listens at a port that is free.
fn bind() -> std::io::Result<(TcpListener, std::net::SocketAddr)> {
    let listener = Unbound::bind(("127.0.0.1", 0))?;
    listener.set_nonblocking(true)?;
    let address = listener.local_addr()?;
    Ok((TcpListener::from_std(listener)?, address))
}

/// Has faults happen to a request, or lets it through.
async fn through(faulty: Faulty, request: Request<Incoming>) -> Result<Answer, BoxError> {
    let (parts, body) = request.into_parts();
    let body = body.collect().await?.to_bytes();
    faulty.pass(Request::from_parts(parts, Body::from(body.to_vec()))).await
}

/// Serves until it is dropped, and its connections with it.
async fn accept<F, A>(listener: TcpListener, tls: Option<TlsAcceptor>, answer: F)
where
    F: Fn(Request<Incoming>) -> A + Clone + Send + 'static,
    A: Future<Output = Result<Answer, BoxError>> + Send + 'static,
{
    let mut connections = JoinSet::new();
    while let Ok((connection, _)) = listener.accept().await {
        let _ = connection.set_nodelay(true);
        let (tls, service) = (tls.clone(), service_fn(answer.clone()));
        connections.spawn(async move {
            let server = http1::Builder::new();
            match tls {
                None => server.serve_connection(TokioIo::new(connection), service).await,
                // Who does not speak TLS is not heard.
                Some(tls) => match tls.accept(connection).await {
                    Ok(connection) => server.serve_connection(TokioIo::new(connection), service).await,
                    Err(_) => Ok(()),
                },
            }
        });
        while connections.try_join_next().is_some() {}
    }
}

fn plain(code: StatusCode, body: impl Into<Bytes>) -> Answer {
    let mut answer = Response::new(Full::new(body.into()).boxed_unsync());
    *answer.status_mut() = code;
    answer
}

async fn metrics_answer(metrics: Metrics, request: Request<Incoming>) -> Result<Answer, BoxError> {
    let (parts, body) = request.into_parts();
    let request = Request::from_parts(parts, body.collect().await?.to_bytes());
    Ok(match metrics.send(request, LIMIT).await {
        Ok(reply) => plain(reply.status, reply.body),
        Err(error) => plain(StatusCode::NOT_FOUND, error.to_string()),
    })
}

/// As much of S3 as a store of results needs.
async fn s3_answer(store: Bucket, request: Request<Incoming>) -> Result<Answer, BoxError> {
    let answer = s3_said(&store, request).await;
    // What a store refuses, or does not say, is tried again.
    Ok(answer.unwrap_or_else(|error| plain(StatusCode::SERVICE_UNAVAILABLE, error.to_string())))
}

async fn s3_said(store: &Bucket, request: Request<Incoming>) -> Result<Answer, BoxError> {
    let (parts, body) = request.into_parts();
    let body = body.collect().await?.to_bytes();
    let query: Vec<(String, String)> = serde_urlencoded::from_str(parts.uri.query().unwrap_or_default())?;
    let parameter = |name: &str| query.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str());
    let key =
        parts.uri.path().trim_start_matches('/').split_once('/').map(|(_, key)| key).unwrap_or_default();
    let place = Place::from_url_path(key)?;
    let tag = |bytes: &[u8]| format!("\"{}\"", &testbed_core::names::sha256(bytes)[..32]);
    match parts.method {
        Method::PUT => {
            let tag = tag(&body);
            store.put(&place, body.into()).await?;
            let mut answer = plain(StatusCode::OK, "");
            answer.headers_mut().insert("ETag", tag.parse()?);
            Ok(answer)
        }
        Method::GET if key.is_empty() => {
            let prefix = Place::parse(parameter("prefix").unwrap_or_default().trim_end_matches('/'))?;
            let found: Vec<_> = store.list(Some(&prefix)).try_collect().await?;
            let items: String = found
                .iter()
                .map(|object| {
                    format!(
                        "<Contents><Key>{}</Key><LastModified>{}</LastModified><ETag>e</ETag><Size>{}</Size></Contents>",
                        object.location,
                        object.last_modified.to_rfc3339(),
                        object.size
                    )
                })
                .collect();
            let body = format!(
                "<ListBucketResult><IsTruncated>false</IsTruncated><KeyCount>{}</KeyCount>{items}</ListBucketResult>",
                found.len()
            );
            Ok(plain(StatusCode::OK, body))
        }
        Method::GET | Method::HEAD => match store.get(&place).await {
            Ok(object) => {
                let modified = object.meta.last_modified.to_rfc2822().replace("+0000", "GMT");
                let bytes = object.bytes().await?;
                let (tag, length) = (tag(&bytes), bytes.len());
                let head = parts.method == Method::HEAD;
                let mut answer = plain(StatusCode::OK, if head { Bytes::new() } else { bytes });
                answer.headers_mut().insert("ETag", tag.parse()?);
                answer.headers_mut().insert("Last-Modified", modified.parse()?);
                answer.headers_mut().insert("Content-Length", length.into());
                Ok(answer)
            }
            Err(object_store::Error::Generic { source, .. }) => Err(source),
            Err(_) => Ok(plain(StatusCode::NOT_FOUND, "<Error><Code>NoSuchKey</Code></Error>")),
        },
        Method::POST if parameter("delete").is_some() => {
            let text = String::from_utf8_lossy(&body);
            let keys = text.split("<Key>").skip(1).filter_map(|rest| rest.split("</Key>").next());
            let mut done = String::new();
            for key in keys {
                store.delete(&Place::parse(key)?).await?;
                done.push_str(&format!("<Deleted><Key>{key}</Key></Deleted>"));
            }
            Ok(plain(StatusCode::OK, format!("<DeleteResult>{done}</DeleteResult>")))
        }
        Method::DELETE => {
            store.delete(&place).await?;
            Ok(plain(StatusCode::NO_CONTENT, ""))
        }
        _ => Ok(plain(StatusCode::METHOD_NOT_ALLOWED, "")),
    }
}
