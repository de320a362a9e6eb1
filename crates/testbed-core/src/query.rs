//! PromQL with variables: filling them in, and refusing what does not parse before anything is made.

use crate::measurement;
use promql_parser::parser::{self, Expr};
use std::collections::BTreeSet;
use std::time::Duration;

/// Most expressions within one another: whoever writes a query again descends as far, and has a stack that ends.
const DEEPEST: usize = 200;

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
    /// Name of the variant that a trial measures.
    Variant,
    /// Name of the trial.
    Trial,
}

impl Variable {
    /// All variables.
    pub const ALL: [Self; 6] =
        [Self::Experiment, Self::Namespace, Self::Target, Self::Duration, Self::Variant, Self::Trial];

    /// Returns its name without the dollar sign.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Experiment => "EXPERIMENT",
            Self::Namespace => "NAMESPACE",
            Self::Target => "TARGET",
            Self::Duration => "DURATION",
            Self::Variant => "VARIANT",
            Self::Trial => "TRIAL",
        }
    }

    /// Returns whether its value differs from target to target.
    #[must_use]
    pub const fn is_per_target(self) -> bool {
        matches!(self, Self::Namespace | Self::Target)
    }

    /// Returns whether it has a value only in trials.
    #[must_use]
    pub const fn is_of_trials(self) -> bool {
        matches!(self, Self::Variant | Self::Trial)
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
    /// It names a variable outside of quotes, where its value would be read as PromQL.
    Unquoted(Variable),
    /// It has too many expressions within one another.
    Deep,
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
    /// Name of the variant, if the question is about a trial.
    pub variant: &'a str,
    /// Name of the trial, if the question is about one.
    pub trial: &'a str,
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
            Piece::Variable(Variable::Variant) => filled.push_str(values.variant),
            Piece::Variable(Variable::Trial) => filled.push_str(values.trial),
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

/// Returns the first variable that stands outside of quotes and is no duration.
///
/// The name of a run has dashes: `up_$EXPERIMENT` would be a subtraction once it is filled in.
fn unquoted(query: &str) -> Result<Option<Variable>, QueryError> {
    let (mut quote, mut escaped, mut comment) = (None, false, false);
    for piece in pieces(query)? {
        let text = match piece {
            Piece::Text(text) => text,
            Piece::Variable(variable) => {
                if quote.is_none() && !comment && variable != Variable::Duration {
                    return Ok(Some(variable));
                }
                escaped = false;
                continue;
            }
        };
        for letter in text.chars() {
            match (quote, letter) {
                _ if comment => comment = letter != '\n',
                (Some(_), _) if escaped => escaped = false,
                (Some('"' | '\''), '\\') => escaped = true,
                (Some(open), _) if letter == open => quote = None,
                (None, '"' | '\'' | '`') => quote = Some(letter),
                (None, '#') => comment = true,
                _ => {}
            }
        }
    }
    Ok(None)
}

/// Checks that a query names only known variables, each where its value stays a value, and is PromQL.
///
/// # Errors
/// What is wrong with it.
pub fn check(query: &str) -> Result<(), QueryError> {
    if let Some(variable) = unquoted(query)? {
        return Err(QueryError::Unquoted(variable));
    }
    let parsed = parser::parse(&example(query, Duration::from_secs(60))?).map_err(QueryError::Syntax)?;
    if is_deep(&parsed) { Err(QueryError::Deep) } else { Ok(()) }
}

/// Returns whether an expression has more than [`DEEPEST`] within one another, without descending into it.
fn is_deep(expression: &Expr) -> bool {
    let mut left = vec![(expression, 1)];
    while let Some((expression, depth)) = left.pop() {
        if depth > DEEPEST {
            return true;
        }
        let mut within = |expression| left.push((expression, depth + 1));
        match expression {
            Expr::Aggregate(aggregate) => {
                within(&*aggregate.expr);
                aggregate.param.iter().for_each(|param| within(&**param));
            }
            Expr::Unary(unary) => within(&*unary.expr),
            Expr::Paren(paren) => within(&*paren.expr),
            Expr::Subquery(subquery) => within(&*subquery.expr),
            Expr::Binary(binary) => {
                within(&*binary.lhs);
                within(&*binary.rhs);
            }
            Expr::Call(call) => call.args.args.iter().for_each(|argument| within(&**argument)),
            _ => {}
        }
    }
    false
}

/// Returns the query with its variables filled in by examples, and a window of the length `window`.
///
/// # Errors
/// A variable there is none of.
pub fn example(query: &str, window: Duration) -> Result<String, QueryError> {
    fill(
        query,
        &Values {
            experiment: "run",
            namespace: "namespace",
            target: "target",
            duration: window,
            variant: "variant",
            trial: "trial",
        },
    )
}

/// What a query reads from the store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Selector {
    /// The series, as PromQL.
    pub series: String,
    /// It is read over a range of time, not at an instant.
    pub over_range: bool,
}

/// Returns what a query reads; nothing of one that does not parse. What is read at another time is left out.
#[must_use]
pub fn selectors(query: &str) -> Vec<Selector> {
    let mut found = Vec::new();
    if let Ok(expression) = parser::parse(query) {
        collect_selectors(&expression, false, &mut found);
    }
    found
}

fn collect_selectors(expression: &Expr, over_range: bool, found: &mut Vec<Selector>) {
    match expression {
        Expr::VectorSelector(selector) if selector.offset.is_none() && selector.at.is_none() => {
            let selector = Selector { series: selector.to_string(), over_range };
            if !found.contains(&selector) {
                found.push(selector);
            }
        }
        Expr::MatrixSelector(matrix) => {
            collect_selectors(&Expr::VectorSelector(matrix.vs.clone()), true, found);
        }
        Expr::Aggregate(aggregate) => collect_selectors(&aggregate.expr, over_range, found),
        Expr::Unary(unary) => collect_selectors(&unary.expr, over_range, found),
        Expr::Paren(paren) => collect_selectors(&paren.expr, over_range, found),
        Expr::Subquery(subquery) => collect_selectors(&subquery.expr, true, found),
        Expr::Binary(binary) => {
            collect_selectors(&binary.lhs, over_range, found);
            collect_selectors(&binary.rhs, over_range, found);
        }
        Expr::Call(call) => {
            for argument in &call.args.args {
                collect_selectors(argument, over_range, found);
            }
        }
        _ => {}
    }
}

/// Function that estimates a quantile from the buckets of a histogram.
const QUANTILE: &str = "histogram_quantile";

/// Functions that estimate something else from buckets, as if it were spread evenly within each.
const ESTIMATES: [&str; 4] =
    ["histogram_fraction", "histogram_quantiles", "histogram_stddev", "histogram_stdvar"];

/// Returns the function by which a query estimates what no bucket can be told of, if it does.
#[must_use]
pub fn estimate(query: &str) -> Option<&'static str> {
    let expression = parser::parse(query).ok()?;
    let called = |name: &&&'static str| {
        let is_call = |node: &Expr| matches!(node, Expr::Call(call) if call.func.name == **name);
        measurement::nodes(&expression).into_iter().any(is_call)
    };
    ESTIMATES.iter().find(called).copied()
}

/// Returns the query of the buckets that a query takes a quantile of, if that is what it does last.
#[must_use]
pub fn buckets(query: &str) -> Option<String> {
    let mut expression = parser::parse(query).ok()?;
    while let Expr::Paren(paren) = expression {
        expression = *paren.expr;
    }
    match expression {
        Expr::Call(call) if call.func.name == QUANTILE => call.args.args.get(1).map(ToString::to_string),
        _ => None,
    }
}

/// Returns whether a query takes a quantile of a histogram, and does something else with it.
#[must_use]
pub fn is_quantile_within(query: &str) -> bool {
    let quantiles = parser::parse(query).map_or(0, |expression| {
        let is_quantile = |node: &&Expr| matches!(node, Expr::Call(call) if call.func.name == QUANTILE);
        measurement::nodes(&expression).into_iter().filter(is_quantile).count()
    });
    quantiles > usize::from(buckets(query).is_some())
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
            variant: "fast",
            trial: "b01-2-fast",
        }
    }

    #[rstest]
    #[case("up", "up")]
    #[case("up{ns=\"$NAMESPACE\"}", "up{ns=\"ns-1\"}")]
    #[case("rate(x{t=\"${TARGET}s\"}[$DURATION])", "rate(x{t=\"lefts\"}[40250ms])")]
    #[case("x{e=~\"^$EXPERIMENT$\"}", "x{e=~\"^tsdb-x7k2q$\"}")]
    #[case("x{v=\"$VARIANT\",t=\"$TRIAL\"}", "x{v=\"fast\",t=\"b01-2-fast\"}")]
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
    #[case::signs(format!("{}x", "-".repeat(5000)))]
    #[case::a_sum("x".to_owned() + &"+x".repeat(5000))]
    #[case::parentheses(format!("{}x{}", "(".repeat(5000), ")".repeat(5000)))]
    fn what_is_too_deep_to_be_written_again_is_refused(#[case] query: String) {
        assert_eq!(check(&query), Err(QueryError::Deep));
    }

    #[rstest]
    #[case("up_$EXPERIMENT", Variable::Experiment)]
    #[case("$TARGET", Variable::Target)]
    #[case("sum by (${VARIANT}) (up)", Variable::Variant)]
    #[case("up{n=\"a\\\"\"} + $NAMESPACE", Variable::Namespace)]
    #[case("up # \"\n + $TRIAL", Variable::Trial)]
    #[case("up{n=`a\\`} + $TRIAL", Variable::Trial)]
    fn a_variable_that_would_be_read_as_promql_is_refused(#[case] query: &str, #[case] variable: Variable) {
        assert_eq!(check(query), Err(QueryError::Unquoted(variable)));
    }

    #[rstest]
    #[case("rate(x{a='$TARGET',b=`$TRIAL`,c=\"\\\"$VARIANT\"}[$DURATION])")]
    #[case("up # of $TARGET")]
    fn a_variable_within_quotes_is_a_value(#[case] query: &str) {
        assert_eq!(check(query), Ok(()));
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

    #[test]
    fn what_a_query_reads_is_told_with_how_it_reads_it() {
        let found = selectors("sum(rate(a_total{x=\"1\"}[40s])) / avg(b) + max_over_time(sum(c)[1m:5s])");
        let shown: Vec<(&str, bool)> =
            found.iter().map(|selector| (selector.series.as_str(), selector.over_range)).collect();
        assert_eq!(shown, [("a_total{x=\"1\"}", true), ("b", false), ("c", true)]);
    }

    #[test]
    fn the_buckets_of_a_quantile_can_be_asked_for() {
        let query = "histogram_quantile(0.99, sum by (le) (rate(x_seconds_bucket[1m])))";
        assert_eq!(buckets(query).as_deref(), Some("sum by (le) (rate(x_seconds_bucket[1m]))"));
        assert_eq!(buckets(&format!("(({query}))")), buckets(query));
        assert_eq!(buckets("rate(x[1m])"), None);
    }

    #[rstest]
    #[case("histogram_quantile(0.9, rate(x_bucket[1m]))", false)]
    #[case("(histogram_quantile(0.9, rate(x_bucket[1m])))", false)]
    #[case("rate(x[1m])", false)]
    #[case("1000 * histogram_quantile(0.9, rate(x_bucket[1m]))", true)]
    #[case("max(histogram_quantile(0.9, rate(x_bucket[1m])))", true)]
    #[case("histogram_quantile(0.9, rate(x_bucket[1m])) / histogram_quantile(0.5, rate(x_bucket[1m]))", true)]
    fn what_else_is_done_with_a_quantile_is_seen(#[case] query: &str, #[case] within: bool) {
        assert_eq!(is_quantile_within(query), within);
    }
}
