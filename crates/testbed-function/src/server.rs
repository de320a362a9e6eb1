//! Carries Crossplane's requests to the pure function, and its answers back.

use std::{
    convert::Infallible,
    future::{Future, ready},
    io,
    path::Path,
};

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tonic::{
    body::Body,
    server::Grpc,
    transport::{Certificate, Identity, Server, ServerTlsConfig, server::TcpIncoming},
};
use tonic_prost::ProstCodec;
use tower::service_fn;

use crate::{
    compose::{ComposeError, Composed, Observed, Settings, Tools, compose},
    keys::Generated,
    protocol::{
        Condition, Outcome, RUN_FUNCTION, Ready, Resource, ResponseMeta, RunFunctionRequest,
        RunFunctionResponse, Severity, State, Status, from_json, to_json,
    },
};

/// Crossplane asks again after this if it saw no change before: a certificate may have to be renewed.
const TTL: prost_types::Duration = prost_types::Duration { seconds: 60, nanos: 0 };
/// Condition that says that a cluster is lost for good.
const ALIVE: &str = "Alive";

/// The server failed.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// A certificate or key could not be read.
    #[error("cannot read `{path}`")]
    Read {
        /// The file.
        path: String,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// Certificates were refused, or the listener failed.
    #[error(transparent)]
    Transport(#[from] tonic::transport::Error),
}

/// Reads the folder Crossplane mounts: our certificate, and the authority of those who may call.
///
/// # Errors
/// If a file cannot be read.
pub fn mutual_tls(folder: &Path) -> Result<ServerTlsConfig, ServeError> {
    let read = |name: &str| {
        let path = folder.join(name);
        std::fs::read(&path).map_err(|source| ServeError::Read { path: path.display().to_string(), source })
    };
    let identity = Identity::from_pem(read("tls.crt")?, read("tls.key")?);
    Ok(ServerTlsConfig::new().identity(identity).client_ca_root(Certificate::from_pem(read("ca.crt")?)))
}

/// Serves until `shutdown` is done.
///
/// # Errors
/// If certificates are refused or the listener fails.
pub async fn serve(
    listener: TcpListener,
    tls: Option<ServerTlsConfig>,
    shutdown: impl Future<Output = ()>,
) -> Result<(), ServeError> {
    let service = service_fn(async |request: http::Request<Body>| Ok::<_, Infallible>(call(request).await));
    let mut server = Server::builder();
    if let Some(tls) = tls {
        server = server.tls_config(tls)?;
    }
    let incoming = TcpIncoming::from(listener).with_nodelay(Some(true));
    Ok(server.serve_with_incoming_shutdown(service, incoming, shutdown).await?)
}

/// One call: the service has one method.
async fn call(request: http::Request<Body>) -> http::Response<Body> {
    if request.uri().path() != RUN_FUNCTION {
        return tonic::Status::unimplemented("this function knows only RunFunction").into_http();
    }
    let codec = ProstCodec::<RunFunctionResponse, RunFunctionRequest>::default();
    let run = service_fn(|request: tonic::Request<RunFunctionRequest>| {
        let tools = Tools { now: Timestamp::now(), keys: &Generated };
        ready(Ok::<_, tonic::Status>(tonic::Response::new(answer(request.into_inner(), tools))))
    });
    Grpc::new(codec).unary(run, request).await
}

/// The answer to a request.
#[must_use]
pub fn answer(request: RunFunctionRequest, tools: Tools<'_>) -> RunFunctionResponse {
    let tag = request.meta.map(|meta| meta.tag).unwrap_or_default();
    let mut response = RunFunctionResponse {
        meta: Some(ResponseMeta { tag, ttl: Some(TTL) }),
        desired: request.desired,
        context: request.context,
        ..RunFunctionResponse::default()
    };
    let observed = request.observed.unwrap_or_default();
    let object = |resource: Resource| resource.resource.map(to_json).unwrap_or_default();
    let composite = observed.composite.map(object).unwrap_or_default();
    let there: Observed =
        observed.resources.into_iter().map(|(name, resource)| (name, object(resource))).collect();
    let input = request.input.map(to_json).unwrap_or_default();
    let composed = Settings::deserialize(input)
        .map_err(|error| ComposeError::Unreadable {
            what: "input of the Composition",
            why: error.to_string(),
        })
        .and_then(|settings| compose(&composite, &there, &settings, tools));
    match composed {
        Ok(composed) => fill(&mut response, composed, &composite),
        Err(error) => {
            tracing::warn!(name = %composite["metadata"]["name"], %error, "refused");
            response.results.push(outcome(Severity::Fatal, "Refused", error.to_string()));
        }
    }
    response
}

fn fill(response: &mut RunFunctionResponse, composed: Composed, composite: &Value) {
    let desired = response.desired.get_or_insert_with(State::default);
    for (name, wanted) in composed.resources {
        let resource = Resource { resource: Some(from_json(wanted.object)), ready: is(wanted.ready) };
        desired.resources.insert(name, resource);
    }
    let status = json!({"status": composed.status});
    desired.composite = Some(Resource { resource: Some(from_json(status)), ready: is(composed.ready) });
    for warning in composed.warnings {
        response.results.push(outcome(Severity::Warning, "Ignored", warning));
    }
    if let Some(why) = composed.dead {
        // Told once; the condition stays.
        if composite["status"]["message"] != why.as_str() {
            tracing::warn!(name = %composite["metadata"]["name"], why, "dead");
            response.results.push(outcome(Severity::Warning, "Dead", why.clone()));
        }
        response.conditions.push(Condition {
            r#type: ALIVE.into(),
            status: Status::False.into(),
            reason: "Dead".into(),
            message: Some(why),
        });
    }
}

fn is(ready: bool) -> i32 {
    if ready { Ready::True.into() } else { Ready::False.into() }
}

fn outcome(severity: Severity, reason: &str, message: String) -> Outcome {
    Outcome { severity: severity.into(), message, reason: Some(reason.into()) }
}
