//! References to parts of a run in parameters: `${targets.<target>.namespace}`,
//! `${targets.<target>.<component>.endpoint}` and `${targets.<target>.<component>.address}`.

/// A reference, parsed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reference<'a> {
    /// Namespace of a target.
    Namespace {
        /// Name of the target.
        target: &'a str,
    },
    /// URL of a component's Service.
    Endpoint {
        /// Name of the target.
        target: &'a str,
        /// Name of the component.
        component: &'a str,
    },
    /// `host:port` of a component's Service.
    Address {
        /// Name of the target.
        target: &'a str,
        /// Name of the component.
        component: &'a str,
    },
}

/// Why a text with references is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ReferenceError<E> {
    /// It holds something that looks like a reference and is none.
    Malformed(String),
    /// The reference names something that is not there.
    Unresolved(E),
}

/// Replaces every reference of `text` by what `resolve` says of it.
///
/// # Errors
/// A malformed reference, or what `resolve` refuses.
pub fn interpolate<E>(
    text: &str,
    mut resolve: impl FnMut(Reference<'_>) -> Result<String, E>,
) -> Result<String, ReferenceError<E>> {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("${") {
        let Some(length) = rest[at..].find('}') else {
            return Err(ReferenceError::Malformed(rest[at..].to_owned()));
        };
        let whole = &rest[at..=at + length];
        let reference =
            parse(&whole[2..whole.len() - 1]).ok_or_else(|| ReferenceError::Malformed(whole.to_owned()))?;
        out.push_str(&rest[..at]);
        out.push_str(&resolve(reference).map_err(ReferenceError::Unresolved)?);
        rest = &rest[at + length + 1..];
    }
    out.push_str(rest);
    Ok(out)
}

fn parse(inner: &str) -> Option<Reference<'_>> {
    match inner.split('.').collect::<Vec<_>>()[..] {
        ["targets", target, "namespace"] => Some(Reference::Namespace { target }),
        ["targets", target, component, "endpoint"] => Some(Reference::Endpoint { target, component }),
        ["targets", target, component, "address"] => Some(Reference::Address { target, component }),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolve(reference: Reference<'_>) -> Result<String, String> {
        match reference {
            Reference::Namespace { target } => Ok(format!("ns-of-{target}")),
            Reference::Endpoint { target, component } => Ok(format!("http://{component}.{target}")),
            Reference::Address { component, .. } => Err(format!("no {component}")),
        }
    }

    #[test]
    fn references_are_replaced_where_they_stand() {
        let text = "a ${targets.left.namespace} b ${targets.left.web.endpoint}/x";
        assert_eq!(interpolate(text, resolve).unwrap(), "a ns-of-left b http://web.left/x");
    }

    #[test]
    fn text_without_references_stays_as_it_is() {
        assert_eq!(
            interpolate("{{workflow.parameters.x}} $5", resolve).unwrap(),
            "{{workflow.parameters.x}} $5"
        );
    }

    #[test]
    fn what_looks_like_a_reference_and_is_none_is_refused() {
        assert_eq!(
            interpolate("${target.left}", resolve),
            Err(ReferenceError::Malformed("${target.left}".into()))
        );
        assert_eq!(interpolate("x${oops", resolve), Err(ReferenceError::Malformed("${oops".into())));
    }

    #[test]
    fn a_reference_to_nothing_is_refused_with_its_reason() {
        let text = "${targets.left.web.address}";
        assert_eq!(interpolate(text, resolve), Err(ReferenceError::Unresolved("no web".into())));
    }
}
