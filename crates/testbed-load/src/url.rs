//! URLs of subjects: plain HTTP, with places for the time at which a request is meant to start.

use jiff::{SignedDuration, Timestamp};
use std::fmt::{self, Write};
use std::str::FromStr;

/// An `http://` URL. `{now}` and `{now-5m}` in its path or query become Unix time in seconds. What may not stand in a
/// URL is percent-encoded; `+`, `&`, `#` and `%` mean what they mean in a URL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Url {
    host: String,
    port: u16,
    authority: String,
    path: Vec<Part>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Text(String),
    Ago(SignedDuration),
}

impl Url {
    /// Returns host and port to connect to.
    pub(crate) fn address(&self) -> (&str, u16) {
        (&self.host, self.port)
    }

    /// Returns what stands in the `Host` header.
    pub(crate) fn authority(&self) -> &str {
        &self.authority
    }

    /// Returns path and query for a request that is meant to start at `now`.
    pub(crate) fn path_at(&self, now: Timestamp) -> String {
        let mut path = String::new();
        for part in &self.path {
            match part {
                Part::Text(text) => path.push_str(text),
                Part::Ago(ago) => {
                    let millis = now.as_millisecond() - ago.as_millis() as i64;
                    let _ = write!(path, "{}.{:03}", millis / 1000, millis % 1000);
                }
            }
        }
        path
    }

    /// Returns the same server with another path. `query` is percent-encoded by the caller.
    pub(crate) fn join(&self, path: &str) -> Self {
        let base = match self.path.first() {
            Some(Part::Text(text)) => text.split('?').next().unwrap_or_default().trim_end_matches('/'),
            _ => "",
        };
        Self { path: vec![Part::Text(format!("{base}{path}"))], ..self.clone() }
    }
}

impl FromStr for Url {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let rest =
            text.strip_prefix("http://").ok_or_else(|| format!("`{text}` does not begin with http://"))?;
        let (authority, path) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
        let path = path.split('#').next().unwrap_or_default();
        let (host, port) = match authority.rsplit_once(':') {
            Some((host, port)) if !port.ends_with(']') => {
                (host, port.parse().map_err(|_| format!("`{text}`: `{port}` is not a port"))?)
            }
            _ => (authority, 80),
        };
        let host = host.trim_start_matches('[').trim_end_matches(']');
        if host.is_empty() || host.contains('@') {
            return Err(format!("`{text}` names no host"));
        }
        let slash = if path.starts_with('/') { "" } else { "/" };
        Ok(Self {
            host: host.to_owned(),
            port,
            authority: authority.to_owned(),
            path: parts(&format!("{slash}{path}"))?,
        })
    }
}

impl fmt::Display for Url {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "http://{}", self.authority)?;
        for part in &self.path {
            match part {
                Part::Text(text) => formatter.write_str(text)?,
                Part::Ago(ago) if ago.is_zero() => formatter.write_str("{now}")?,
                Part::Ago(ago) => write!(formatter, "{{now-{ago:#}}}")?,
            }
        }
        Ok(())
    }
}

fn parts(mut path: &str) -> Result<Vec<Part>, String> {
    let mut parts = Vec::new();
    while let Some(start) = path.find("{now") {
        let Some(length) = path[start..].find('}') else { break };
        let (before, rest) = path.split_at(start);
        parts.push(Part::Text(encode(before)));
        parts.push(Part::Ago(ago(&rest["{now".len()..length])?));
        path = &rest[length + 1..];
    }
    parts.push(Part::Text(encode(path)));
    Ok(parts)
}

fn ago(text: &str) -> Result<SignedDuration, String> {
    match text.strip_prefix('-') {
        Some(ago) => ago.parse().map_err(|_| format!("`{{now{text}}}`: write {{now}} or {{now-5m}}")),
        None if text.is_empty() => Ok(SignedDuration::ZERO),
        None => Err(format!("`{{now{text}}}`: write {{now}} or {{now-5m}}")),
    }
}

/// Returns the text with what may not stand in a URL percent-encoded.
fn encode(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_graphic() && !br#""<>\^`{|}"#.contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            let _ = write!(encoded, "%{byte:02X}");
        }
    }
    encoded
}

/// Returns the text so that it can be one value of a query or a form.
pub(crate) fn encode_value(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            let _ = write!(encoded, "%{byte:02X}");
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> String {
        text.parse::<Url>().unwrap().path_at("2026-01-02T03:04:05.678Z".parse().unwrap())
    }

    #[test]
    fn a_url_names_host_port_and_path() {
        let url: Url = "http://store.left.svc:9090/api/v1/query?query=up".parse().unwrap();
        assert_eq!(url.address(), ("store.left.svc", 9090));
        assert_eq!(url.authority(), "store.left.svc:9090");
        assert_eq!(at("http://store.left.svc:9090/api/v1/query?query=up"), "/api/v1/query?query=up");
        assert_eq!(at("http://store"), "/");
        assert_eq!(at("http://store?query=up"), "/?query=up");
        assert_eq!("http://[::1]:81/".parse::<Url>().unwrap().address(), ("::1", 81));
        assert_eq!("http://store/".parse::<Url>().unwrap().address(), ("store", 80));
    }

    #[test]
    fn promql_is_encoded_and_its_braces_are_not_taken_for_a_time() {
        assert_eq!(
            at(r#"http://s/q?query=sum by (zone) (load_gauge{zone="a"})"#),
            "/q?query=sum%20by%20(zone)%20(load_gauge%7Bzone=%22a%22%7D)"
        );
    }

    #[test]
    fn the_intended_start_is_filled_in() {
        assert_eq!(
            at("http://s/q?start={now-5m}&end={now}&x=1"),
            "/q?start=1767322745.678&end=1767323045.678&x=1"
        );
        assert!("http://s/{now+1m}".parse::<Url>().is_err());
        assert!("http://s/{now-soon}".parse::<Url>().is_err());
    }

    #[test]
    fn other_schemes_and_missing_hosts_are_refused() {
        for wrong in
            ["https://store/", "store:9090", "http://", "http://:80/", "http://s:port/", "http://me@s/"]
        {
            assert!(wrong.parse::<Url>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_joined_path_keeps_the_prefix_of_the_store() {
        let join = |text: &str| text.parse::<Url>().unwrap().join("/api/v1/query").to_string();
        assert_eq!(join("http://s:1"), "http://s:1/api/v1/query");
        assert_eq!(join("http://s:1/prometheus/?x"), "http://s:1/prometheus/api/v1/query");
    }

    #[test]
    fn a_value_of_a_form_has_no_sign_left_that_could_be_misread() {
        assert_eq!(encode_value("a+b=\"c d\"&é"), "a%2Bb%3D%22c%20d%22%26%C3%A9");
    }
}
