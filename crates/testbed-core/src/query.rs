//! PromQL with variables: filling them in, and refusing what does not parse before anything is made.

use promql_parser::parser;
use std::collections::BTreeSet;
use std::time::Duration;

/// A variable of a query, written `$NAME` or `${NAME}`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Variable {
    /// Name of the Experiment.
    Experiment,
    /// Namespace of the target's components.
    Namespace,
    /// Name of the target.
    Target,
    /// Length of the window, as a PromQL duration.
    Duration,
}

impl Variable {
    /// All variables.
    pub const ALL: [Self; 4] = [Self::Experiment, Self::Namespace, Self::Target, Self::Duration];

    /// Returns its name without the dollar sign.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Experiment => "EXPERIMENT",
            Self::Namespace => "NAMESPACE",
            Self::Target => "TARGET",
            Self::Duration => "DURATION",
        }
    }

    /// Returns whether its value differs from target to target.
    #[must_use]
    pub const fn is_per_target(self) -> bool {
        matches!(self, Self::Namespace | Self::Target)
    }

    fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|variable| variable.name() == name)
    }
}

/// Why a query is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum QueryError {
    /// It names a variable there is none of.
    UnknownVariable(String),
    /// It is not PromQL.
    Syntax(String),
}

/// A piece of a query.
enum Piece<'a> {
    Text(&'a str),
    Variable(Variable),
}

/// Cuts a query into text and variables.
///
/// A dollar sign that no name follows is text: regular expressions end with one.
fn pieces(query: &str) -> Result<Vec<Piece<'_>>, QueryError> {
    let mut pieces = Vec::new();
    let mut rest = query;
    while let Some(at) = rest.find('$') {
        let after = &rest[at + 1..];
        let (name, length) = match after.strip_prefix('{') {
            Some(braced) => match braced.find('}') {
                Some(end) if braced[..end].chars().all(is_word) => (&braced[..end], end + 2),
                _ => ("", 0),
            },
            None => {
                let end = after.find(|letter| !is_word(letter)).unwrap_or(after.len());
                (&after[..end], end)
            }
        };
        pieces.push(Piece::Text(&rest[..at]));
        if name.is_empty() {
            pieces.push(Piece::Text("$"));
            rest = after;
            continue;
        }
        let variable = Variable::named(name).ok_or_else(|| QueryError::UnknownVariable(name.to_owned()))?;
        pieces.push(Piece::Variable(variable));
        rest = &after[length..];
    }
    pieces.push(Piece::Text(rest));
    Ok(pieces)
}

fn is_word(letter: char) -> bool {
    letter.is_ascii_alphanumeric() || letter == '_'
}

/// Returns the variables a query names.
///
/// # Errors
/// A variable there is none of.
pub fn variables(query: &str) -> Result<BTreeSet<Variable>, QueryError> {
    Ok(pieces(query)?
        .into_iter()
        .filter_map(|piece| match piece {
            Piece::Variable(variable) => Some(variable),
            Piece::Text(_) => None,
        })
        .collect())
}

/// Values of the variables of one question.
#[derive(Clone, Debug)]
pub struct Values<'a> {
    /// Name of the Experiment.
    pub experiment: &'a str,
    /// Namespace of the target's components, if the question is about one.
    pub namespace: &'a str,
    /// Name of the target, if the question is about one.
    pub target: &'a str,
    /// Length of the window.
    pub duration: Duration,
}

/// Fills the variables in.
///
/// # Errors
/// A variable there is none of.
pub fn fill(query: &str, values: &Values<'_>) -> Result<String, QueryError> {
    let mut filled = String::with_capacity(query.len());
    for piece in pieces(query)? {
        match piece {
            Piece::Text(text) => filled.push_str(text),
            Piece::Variable(Variable::Experiment) => filled.push_str(values.experiment),
            Piece::Variable(Variable::Namespace) => filled.push_str(values.namespace),
            Piece::Variable(Variable::Target) => filled.push_str(values.target),
            Piece::Variable(Variable::Duration) => filled.push_str(&promql_duration(values.duration)),
        }
    }
    Ok(filled)
}

/// Returns a duration as PromQL writes it: whole seconds where they are whole, else milliseconds. Never zero.
#[must_use]
pub fn promql_duration(duration: Duration) -> String {
    let milliseconds = duration.as_millis().max(1);
    if milliseconds.is_multiple_of(1000) {
        format!("{}s", milliseconds / 1000)
    } else {
        format!("{milliseconds}ms")
    }
}

/// Checks that a query names only known variables and is PromQL.
///
/// # Errors
/// What is wrong with it.
pub fn check(query: &str) -> Result<(), QueryError> {
    let example = Values {
        experiment: "run",
        namespace: "namespace",
        target: "target",
        duration: Duration::from_secs(60),
    };
    parser::parse(&fill(query, &example)?).map(|_| ()).map_err(QueryError::Syntax)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    fn values() -> Values<'static> {
        Values {
            experiment: "tsdb-x7k2q",
            namespace: "ns-1",
            target: "left",
            duration: Duration::from_millis(40_250),
        }
    }

    #[rstest]
    #[case("up", "up")]
    #[case("up{ns=\"$NAMESPACE\"}", "up{ns=\"ns-1\"}")]
    #[case("rate(x{t=\"${TARGET}s\"}[$DURATION])", "rate(x{t=\"lefts\"}[40250ms])")]
    #[case("x{e=~\"^$EXPERIMENT$\"}", "x{e=~\"^tsdb-x7k2q$\"}")]
    #[case("x{p=~\"a$\"}", "x{p=~\"a$\"}")]
    #[case("x{p=~\"a${\"}", "x{p=~\"a${\"}")]
    fn variables_are_filled_in_and_other_dollars_stay(#[case] query: &str, #[case] filled: &str) {
        assert_eq!(fill(query, &values()).unwrap(), filled);
    }

    #[rstest]
    #[case("up{ns=\"$NAMSPACE\"}", "NAMSPACE")]
    #[case("rate(x[${WINDOW}])", "WINDOW")]
    #[case("x{a=\"$NAMESPACES\"}", "NAMESPACES")]
    fn an_unknown_variable_is_refused_by_name(#[case] query: &str, #[case] name: &str) {
        assert_eq!(check(query), Err(QueryError::UnknownVariable(name.into())));
    }

    #[rstest]
    #[case("sum(rate(x[5m])")]
    #[case("")]
    #[case("rate(x)")]
    #[case("histogram_quantile(0.99)")]
    fn what_is_not_promql_is_refused(#[case] query: &str) {
        assert!(matches!(check(query), Err(QueryError::Syntax(_))), "{query}");
    }

    #[rstest]
    #[case("histogram_quantile(0.99, rate(http_duration_seconds_bucket[5m]))")]
    #[case("avg_over_time(sum(container_memory_working_set_bytes{namespace=\"$NAMESPACE\"})[$DURATION:2s])")]
    fn promql_with_variables_is_accepted(#[case] query: &str) {
        assert_eq!(check(query), Ok(()));
    }
}
