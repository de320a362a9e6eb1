//! The function over the wire, and its real keys.
#![allow(missing_docs)]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on panics")]

use std::collections::BTreeMap;

use serde_json::{Value, json};
use testbed_function::{
    protocol::{
        RUN_FUNCTION, Ready, RequestMeta, Resource, RunFunctionRequest, RunFunctionResponse, Severity, State,
        from_json, to_json,
    },
    server,
};
use tokio::net::TcpListener;
use tonic::{client::Grpc, transport::Channel};
use tonic_prost::ProstCodec;

async fn client() -> Grpc<Channel> {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(server::serve(listener, None, std::future::pending()));
    let channel = Channel::from_shared(format!("http://{address}")).unwrap().connect().await.unwrap();
    Grpc::new(channel)
}

async fn ask(
    client: &mut Grpc<Channel>,
    path: &'static str,
    request: RunFunctionRequest,
) -> Result<RunFunctionResponse, tonic::Status> {
    client.ready().await.unwrap();
    let codec = ProstCodec::<RunFunctionRequest, RunFunctionResponse>::default();
    let path = http::uri::PathAndQuery::from_static(path);
    client.unary(tonic::Request::new(request), path, codec).await.map(tonic::Response::into_inner)
}

fn resource(object: Value) -> Resource {
    Resource { resource: Some(from_json(object)), ready: 0 }
}

fn request(spec: Value, there: BTreeMap<String, Resource>) -> RunFunctionRequest {
    let composite = json!({"metadata": {"name": "alpha", "namespace": "testbed-clusters"}, "spec": spec});
    RunFunctionRequest {
        meta: Some(RequestMeta { tag: "42".into() }),
        observed: Some(State { composite: Some(resource(composite)), resources: there }),
        input: Some(from_json(json!({"clusterImage": "testbed.local/cluster:1", "registry": "http://r"}))),
        ..RunFunctionRequest::default()
    }
}

#[tokio::test]
async fn it_answers_over_the_wire_and_makes_keys_only_once() {
    let mut client = client().await;
    let spec = json!({"type": "local", "nodeCount": 1});
    let first = ask(&mut client, RUN_FUNCTION, request(spec.clone(), BTreeMap::new())).await.unwrap();
    assert_eq!(first.meta.unwrap().tag, "42");
    assert!(first.results.is_empty(), "{:?}", first.results);
    let desired = first.desired.unwrap();
    assert_eq!(desired.composite.unwrap().ready, i32::from(Ready::False));
    let names: Vec<_> = desired.resources.keys().cloned().collect();
    assert_eq!(names, ["ca", "kubeconfig", "node-0", "service"]);

    let second = ask(&mut client, RUN_FUNCTION, request(spec, desired.resources.clone())).await.unwrap();
    for name in ["ca", "kubeconfig"] {
        let data = |resource: &Resource| to_json(resource.resource.clone().unwrap())["data"].clone();
        let again = &second.desired.as_ref().unwrap().resources[name];
        assert_eq!(data(again), data(&desired.resources[name]), "{name}");
        assert_eq!(again.ready, i32::from(Ready::True));
    }
}

#[tokio::test]
async fn what_makes_no_sense_is_fatal_and_changes_nothing() {
    let mut client = client().await;
    for spec in [json!({"type": "moon"}), json!({}), json!({"type": "local", "machineType": "huge"})] {
        let answer = ask(&mut client, RUN_FUNCTION, request(spec, BTreeMap::new())).await.unwrap();
        assert_eq!(answer.results[0].severity, i32::from(Severity::Fatal));
        assert!(answer.desired.is_none());
    }
    let unknown = ask(&mut client, "/other.Service/Call", RunFunctionRequest::default()).await;
    assert_eq!(unknown.unwrap_err().code(), tonic::Code::Unimplemented);
}
