//! The messages by which Crossplane asks a composition function, as far as this one needs them.
//!
//! Written down from the published definition of `apiextensions.fn.proto.v1` (Crossplane 2.3). What is left out here is
//! skipped when read: a field that a later Crossplane adds does no harm.

use std::collections::BTreeMap;

use prost_types::{Duration, ListValue, Struct, Value as Any, value::Kind};
use serde_json::{Map, Number, Value};

/// Full name of the service.
pub const SERVICE: &str = "apiextensions.fn.proto.v1.FunctionRunnerService";
/// Path of its one call.
pub const RUN_FUNCTION: &str = "/apiextensions.fn.proto.v1.FunctionRunnerService/RunFunction";

/// Asks for the objects of a composite.
#[derive(Clone, PartialEq, prost::Message)]
pub struct RunFunctionRequest {
    /// Identity of the request.
    #[prost(message, optional, tag = "1")]
    pub meta: Option<RequestMeta>,
    /// The composite and its objects as they are.
    #[prost(message, optional, tag = "2")]
    pub observed: Option<State>,
    /// What functions before this one want.
    #[prost(message, optional, tag = "3")]
    pub desired: Option<State>,
    /// `input` of the pipeline's step.
    #[prost(message, optional, tag = "4")]
    pub input: Option<Struct>,
    /// What functions hand on to each other.
    #[prost(message, optional, tag = "5")]
    pub context: Option<Struct>,
}

/// Identity of a request.
#[derive(Clone, PartialEq, prost::Message)]
pub struct RequestMeta {
    /// Equal for equal requests.
    #[prost(string, tag = "1")]
    pub tag: String,
}

/// Says what is wanted.
#[derive(Clone, PartialEq, prost::Message)]
pub struct RunFunctionResponse {
    /// Which request it answers.
    #[prost(message, optional, tag = "1")]
    pub meta: Option<ResponseMeta>,
    /// What is wanted.
    #[prost(message, optional, tag = "2")]
    pub desired: Option<State>,
    /// What people should be told.
    #[prost(message, repeated, tag = "3")]
    pub results: Vec<Outcome>,
    /// What functions hand on to each other.
    #[prost(message, optional, tag = "4")]
    pub context: Option<Struct>,
    /// Conditions of the composite.
    #[prost(message, repeated, tag = "6")]
    pub conditions: Vec<Condition>,
}

/// Which request is answered, and for how long.
#[derive(Clone, PartialEq, prost::Message)]
pub struct ResponseMeta {
    /// The request's.
    #[prost(string, tag = "1")]
    pub tag: String,
    /// When Crossplane asks again if nothing happens before.
    #[prost(message, optional, tag = "2")]
    pub ttl: Option<Duration>,
}

/// A composite and its objects.
#[derive(Clone, PartialEq, prost::Message)]
pub struct State {
    /// The composite.
    #[prost(message, optional, tag = "1")]
    pub composite: Option<Resource>,
    /// Its objects by the name the function gave them.
    #[prost(btree_map = "string, message", tag = "2")]
    pub resources: BTreeMap<String, Resource>,
}

/// One object.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Resource {
    /// The object itself.
    #[prost(message, optional, tag = "1")]
    pub resource: Option<Struct>,
    /// Whether it is ready; only in answers.
    #[prost(enumeration = "Ready", tag = "3")]
    pub ready: i32,
}

/// Whether an object is ready.
#[derive(Clone, Copy, Debug, PartialEq, Eq, prost::Enumeration)]
#[repr(i32)]
pub enum Ready {
    /// Nothing is said.
    Unspecified = 0,
    /// It is.
    True = 1,
    /// It is not.
    False = 2,
}

/// Something people should be told.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Outcome {
    /// How bad it is.
    #[prost(enumeration = "Severity", tag = "1")]
    pub severity: i32,
    /// What it is.
    #[prost(string, tag = "2")]
    pub message: String,
    /// A word for programs.
    #[prost(string, optional, tag = "3")]
    pub reason: Option<String>,
}

/// How bad an outcome is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, prost::Enumeration)]
#[repr(i32)]
pub enum Severity {
    /// Nothing is said.
    Unspecified = 0,
    /// Nothing that is wanted is applied.
    Fatal = 1,
    /// A Warning Event.
    Warning = 2,
    /// A Normal Event.
    Normal = 3,
}

/// A condition of the composite.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Condition {
    /// Its type.
    #[prost(string, tag = "1")]
    pub r#type: String,
    /// Whether it holds.
    #[prost(enumeration = "Status", tag = "2")]
    pub status: i32,
    /// A word for programs.
    #[prost(string, tag = "3")]
    pub reason: String,
    /// For people.
    #[prost(string, optional, tag = "4")]
    pub message: Option<String>,
}

/// Whether a condition holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, prost::Enumeration)]
#[repr(i32)]
pub enum Status {
    /// Nothing is said.
    Unspecified = 0,
    /// Nobody knows.
    Unknown = 1,
    /// It does.
    True = 2,
    /// It does not.
    False = 3,
}

/// JSON out of a message.
#[must_use]
pub fn to_json(from: Struct) -> Value {
    Value::Object(from.fields.into_iter().map(|(key, value)| (key, any_to_json(value))).collect())
}

fn any_to_json(from: Any) -> Value {
    match from.kind {
        None | Some(Kind::NullValue(_)) => Value::Null,
        Some(Kind::BoolValue(value)) => value.into(),
        Some(Kind::NumberValue(value)) => number(value),
        Some(Kind::StringValue(value)) => value.into(),
        Some(Kind::ListValue(list)) => list.values.into_iter().map(any_to_json).collect(),
        Some(Kind::StructValue(value)) => to_json(value),
    }
}

/// Messages know only floats. What was an integer becomes one again.
fn number(value: f64) -> Value {
    const EXACT: f64 = 9_007_199_254_740_992.0;
    if value.fract() == 0.0 && value.abs() <= EXACT {
        // Within these limits the cast loses nothing.
        #[allow(clippy::cast_possible_truncation)]
        return Value::from(value as i64);
    }
    Number::from_f64(value).map_or(Value::Null, Value::Number)
}

/// A message out of JSON; what is no object becomes an empty one.
#[must_use]
pub fn from_json(from: Value) -> Struct {
    let fields = match from {
        Value::Object(fields) => fields,
        _ => Map::new(),
    };
    Struct { fields: fields.into_iter().map(|(key, value)| (key, any_from_json(value))).collect() }
}

fn any_from_json(from: Value) -> Any {
    let kind = match from {
        Value::Null => Kind::NullValue(0),
        Value::Bool(value) => Kind::BoolValue(value),
        Value::Number(value) => Kind::NumberValue(value.as_f64().unwrap_or_default()),
        Value::String(value) => Kind::StringValue(value),
        Value::Array(values) => {
            Kind::ListValue(ListValue { values: values.into_iter().map(any_from_json).collect() })
        }
        Value::Object(_) => Kind::StructValue(from_json(from)),
    };
    Any { kind: Some(kind) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn json_survives_the_way_there_and_back() {
        let value = json!({
            "text": "a", "whole": 6443, "part": 0.5, "negative": -1, "yes": true, "nothing": null,
            "list": [1, "b", {"c": []}], "object": {"deep": {"er": 1}},
        });
        assert_eq!(to_json(from_json(value.clone())), value);
    }
}
