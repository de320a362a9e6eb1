//! What a query measures: whether it reads its series as their kind allows, and which unit comes out.
//!
//! The conventions of Prometheus put kind and unit into a name: `_total`, `_bytes`, `_seconds_bucket`.
//! From there both are followed through the query. What no name tells is unknown, and nothing is said about it:
//! a finding that is not certain is a warning, or none.

use crate::problem::Severity;
use promql_parser::label::MatchOp;
use promql_parser::parser::token::{
    T_ADD, T_AVG, T_BOTTOMK, T_COUNT, T_COUNT_VALUES, T_DIV, T_GROUP, T_LAND, T_LIMIT_RATIO, T_LIMITK, T_LOR,
    T_LUNLESS, T_MUL, T_QUANTILE, T_STDVAR, T_SUB, T_SUM, T_TOPK, TokenType,
};
use promql_parser::parser::value::ValueType;
use promql_parser::parser::{
    self, AggregateExpr, BinaryExpr, Call, Expr, LabelModifier, SubqueryExpr, VectorSelector,
};
use std::collections::BTreeSet;
use std::fmt;
use std::time::Duration;
use testbed_api::experiment::{MetricKind, QueryType};

/// One thing said about a query.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// Whether the query is refused for it.
    pub severity: Severity,
    /// What is wrong, without a trailing period.
    pub message: String,
    /// What to do about it.
    pub hint: Option<String>,
}

/// Nesting below which a query is left unchecked: nobody writes it by hand, and each level costs stack.
const DEEPEST: usize = 128;

/// Time between two samples of the same series in the hub's store.
pub const SCRAPE_INTERVAL: Duration = Duration::from_secs(2);
/// How far back a store looks for the sample of an instant if it is not told otherwise.
const LOOKBACK: Duration = Duration::from_mins(5);

/// Returns what is wrong with what a query measures.
///
/// `query` has its variables filled in, `kind` and `unit` are what the Experiment declares of the metric.
/// The kind speaks of the series that the query reads, the unit of the values that come out.
/// A query that does not parse has no findings here: [`crate::query::check`] refuses it.
#[must_use]
pub fn check(query: &str, kind: Option<MetricKind>, unit: Option<&str>) -> Vec<Finding> {
    let Ok(expr) = parser::parse(query) else { return Vec::new() };
    // Of a query over several metrics a declared kind does not say which one it means: their names decide.
    let kind = kind.filter(|_| families(&expr).len() == 1);
    let mut reader = Reader { kind, depth: 0, findings: Vec::new() };
    let quantity = reader.read(&expr);
    match expr.value_type() {
        ValueType::Matrix => reader.error(
            "the query gives samples over a range, not one value for each series".into(),
            "write `avg_over_time(...)`, `max_over_time(...)` or another function of a range around it"
                .into(),
        ),
        ValueType::String => {
            reader.error("the query gives text, not a number".into(), "write a query for a value".into());
        }
        ValueType::Vector | ValueType::Scalar => {
            reader.refuse_total(&quantity, "its plain value");
            if let Some(declared) = unit.map(str::trim).filter(|unit| !unit.is_empty()) {
                reader.findings.extend(contradiction(&quantity.unit, &Declared::parse(declared)));
            }
        }
    }
    let mut said: Vec<Finding> = Vec::new();
    for finding in reader.findings {
        if !said.contains(&finding) {
            said.push(finding);
        }
    }
    said
}

/// Returns the shortest window that a query reads over, if it reads over one.
#[must_use]
pub fn shortest_range(query: &str) -> Option<Duration> {
    ranges(query).into_iter().min()
}

/// Returns how far a query looks back from the time that it is asked for: its longest window, windows within windows added
/// up. Zero if it reads over none.
#[must_use]
pub fn reach(query: &str) -> Duration {
    let Ok(expr) = parser::parse(query) else { return Duration::ZERO };
    let back = placed(&expr).into_iter().map(|(node, around)| match node {
        Expr::MatrixSelector(matrix) => around.saturating_add(matrix.range),
        _ => around,
    });
    back.max().unwrap_or_default()
}

/// Returns how far back a store may look for the sample that stands for a series at an instant, so that what was before
/// the window stands for nothing in it. None for a query that reads over ranges alone, whose samples are those of the range.
///
/// A store looks back five minutes if it is not told otherwise, and a series that ended in these, such as that of a
/// container that was replaced, would count beside its successor. Where a query is read often, two samples' distance of the
/// hub's store are enough there, one of them late; how far those of another store lie apart is not known, and a quarter of
/// the window must be enough. Where it is read at the end of the window alone, any time of the window is.
#[must_use]
pub fn lookback(query: &str, kind: QueryType, window: Duration, of_hub: bool) -> Option<Duration> {
    let instants = instants(query);
    let is_at_the_end = kind == QueryType::Instant && instants.iter().any(Duration::is_zero);
    let least = SCRAPE_INTERVAL * 2;
    let far = match (is_at_the_end, of_hub) {
        (true, _) => window.clamp(least, LOOKBACK),
        (false, true) => least,
        (false, false) => least.max(window / 4),
    };
    (!instants.is_empty()).then_some(far)
}

/// Returns how long after the start of a window the first point of a range query is: it says nothing of what was before,
/// which is warm-up, or another trial.
#[must_use]
pub fn first_point(query: &str, window: Duration, of_hub: bool) -> Duration {
    let instant = instants(query).into_iter().max();
    let looked = lookback(query, QueryType::Range, window, of_hub).zip(instant);
    let looked = looked.map(|(lookback, around)| around.saturating_add(lookback));
    reach(query).max(looked.unwrap_or_default()).min(window)
}

/// Returns the selectors that are read at an instant, each by how far back the subqueries around it have it read.
fn instants(query: &str) -> Vec<Duration> {
    let Ok(expr) = parser::parse(query) else { return Vec::new() };
    let is_instant = |(node, _): &(&Expr, Duration)| matches!(node, Expr::VectorSelector(_));
    placed(&expr).into_iter().filter(is_instant).map(|(_, around)| around).collect()
}

/// Returns whether a query reads over a window within a window.
#[must_use]
pub fn is_nested(query: &str) -> bool {
    let Ok(expr) = parser::parse(query) else { return false };
    placed(&expr).into_iter().any(|(node, around)| {
        !around.is_zero() && matches!(node, Expr::MatrixSelector(_) | Expr::Subquery(_))
    })
}

/// Returns whether a query reads at another time than it is asked for: by `offset` or `@`.
#[must_use]
pub fn is_moved(query: &str) -> bool {
    let Ok(expr) = parser::parse(query) else { return false };
    nodes(&expr).into_iter().any(|node| match node {
        Expr::VectorSelector(selector) => selector.offset.is_some() || selector.at.is_some(),
        Expr::MatrixSelector(matrix) => matrix.vs.offset.is_some() || matrix.vs.at.is_some(),
        Expr::Subquery(subquery) => subquery.offset.is_some() || subquery.at.is_some(),
        _ => false,
    })
}

/// Returns the windows of range selectors and subqueries.
fn ranges(query: &str) -> Vec<Duration> {
    let Ok(expr) = parser::parse(query) else { return Vec::new() };
    nodes(&expr)
        .into_iter()
        .filter_map(|node| match node {
            Expr::MatrixSelector(matrix) => Some(matrix.range),
            Expr::Subquery(subquery) => Some(subquery.range),
            _ => None,
        })
        .collect()
}

/// Returns the names of the metrics a query reads, those of one histogram or summary as one.
fn families(expr: &Expr) -> BTreeSet<String> {
    nodes(expr)
        .into_iter()
        .filter_map(|node| match node {
            Expr::VectorSelector(selector) => Some(selector),
            Expr::MatrixSelector(matrix) => Some(&matrix.vs),
            _ => None,
        })
        .map(|selector| {
            let name = name_of(selector).unwrap_or_default();
            ["_sum", "_count", "_bucket"]
                .into_iter()
                .find_map(|suffix| name.strip_suffix(suffix))
                .unwrap_or(name)
                .to_owned()
        })
        .collect()
}

/// Returns an expression and all below it.
pub(crate) fn nodes(expr: &Expr) -> Vec<&Expr> {
    placed(expr).into_iter().map(|(node, _)| node).collect()
}

/// Returns an expression and all below it, each with how far back the subqueries around it have it read.
fn placed(expr: &Expr) -> Vec<(&Expr, Duration)> {
    let mut found = Vec::new();
    let mut todo = vec![(expr, Duration::ZERO)];
    while let Some((expr, around)) = todo.pop() {
        found.push((expr, around));
        let mut push = |expr| todo.push((expr, around));
        match expr {
            Expr::Aggregate(aggregate) => {
                push(&aggregate.expr);
                aggregate.param.iter().for_each(|param| push(param));
            }
            Expr::Unary(unary) => push(&unary.expr),
            Expr::Binary(binary) => [&binary.lhs, &binary.rhs].into_iter().for_each(|side| push(side)),
            Expr::Paren(paren) => push(&paren.expr),
            Expr::Subquery(subquery) => todo.push((&subquery.expr, around.saturating_add(subquery.range))),
            Expr::Call(call) => call.args.args.iter().for_each(|argument| push(argument)),
            Expr::NumberLiteral(_)
            | Expr::StringLiteral(_)
            | Expr::VectorSelector(_)
            | Expr::MatrixSelector(_)
            | Expr::Extension(_) => {}
        }
    }
    found
}

/// Returns the name of a selector's metric, however it is written, unless only a pattern is given.
fn name_of(selector: &VectorSelector) -> Option<&str> {
    selector.name.as_deref().or_else(|| {
        let matchers = &selector.matchers.matchers;
        let exact = |op: &MatchOp| matches!(op, MatchOp::Equal);
        matchers
            .iter()
            .find(|matcher| matcher.name == "__name__" && exact(&matcher.op))
            .map(|m| m.value.as_str())
    })
}

/// What an expression gives.
#[derive(Clone, Debug, Default, PartialEq)]
struct Quantity {
    source: Source,
    unit: Unit,
    /// What its `le` labels tell, if it is the buckets of a histogram.
    buckets: Option<Buckets>,
}

/// How near an expression still is to the series it reads.
#[derive(Clone, Debug, Default, PartialEq)]
enum Source {
    /// The running total of a counter, of which only the growth means anything. Holds how the series is written.
    Total(String),
    /// The values of a gauge, which may fall. Holds how the series is written.
    Gauge(String),
    /// Derived, or unknown.
    #[default]
    Derived,
}

/// The buckets of a histogram.
#[derive(Clone, Debug, PartialEq)]
struct Buckets {
    /// Unit of the bounds, and so of a quantile.
    unit: Unit,
    /// Whether every bucket is still apart from the others.
    apart: bool,
}

/// A unit, as far as it is known.
#[derive(Clone, Debug, Default, PartialEq)]
enum Unit {
    /// No name tells it.
    #[default]
    Unknown,
    /// A number that stands in the query: added to something it has its unit, multiplied with it it converts it.
    Literal,
    /// Known from a name.
    Known { base: Base, per_second: bool },
}

/// What a unit counts.
#[derive(Clone, Debug, PartialEq)]
enum Base {
    /// One of [`UNITS`].
    Named(&'static str),
    /// Seconds of CPU time: one for each second is a core.
    CpuSeconds,
    /// A share of a whole, from 0 to 1.
    Ratio,
    /// A number of series or samples.
    Number,
    /// Things that a counter counts and does not call by a unit. Only things of one name are surely the same.
    Things(String),
}

impl Unit {
    fn plain(base: Base) -> Self {
        Self::Known { base, per_second: false }
    }

    fn number() -> Self {
        Self::plain(Base::Number)
    }

    fn seconds() -> Self {
        Self::plain(Base::Named("seconds"))
    }

    /// Returns the unit of the growth per second.
    fn per_second(self) -> Self {
        match self {
            Self::Known { base, per_second: false } => Self::Known { base, per_second: true },
            Self::Known { per_second: true, .. } | Self::Unknown | Self::Literal => Self::Unknown,
        }
    }

    /// Returns the unit of a sum: a literal has that of the other side, and what differs is unknown.
    fn or(self, other: Self) -> Self {
        match (self, other) {
            (Self::Literal, unit) | (unit, Self::Literal) => unit,
            (left, right) if left == right => left,
            _ => Self::Unknown,
        }
    }

    fn times(self, other: Self) -> Self {
        match (self, other) {
            (Self::Literal, Self::Literal) => Self::Literal,
            (Self::Known { base: Base::Number | Base::Ratio, per_second: false }, unit)
            | (unit, Self::Known { base: Base::Number | Base::Ratio, per_second: false }) => match unit {
                Self::Literal => Self::Unknown,
                unit => unit,
            },
            (
                Self::Known { base, per_second: true },
                Self::Known { base: Base::Named("seconds"), per_second: false },
            )
            | (
                Self::Known { base: Base::Named("seconds"), per_second: false },
                Self::Known { base, per_second: true },
            ) => Self::plain(base),
            _ => Self::Unknown,
        }
    }

    fn over(self, other: Self) -> Self {
        let (left, left_rate, right, right_rate) = match (self, other) {
            (Self::Literal, Self::Literal) => return Self::Literal,
            (left, right) if left.is_same(&right) => return Self::plain(Base::Ratio),
            (Self::Known { base: left, per_second: a }, Self::Known { base: right, per_second: b }) => {
                (left, a, right, b)
            }
            _ => return Self::Unknown,
        };
        match (&right, left_rate, right_rate) {
            // A mean: what there is over how many there are.
            (Base::Number | Base::Ratio, _, false) => Self::Known { base: left, per_second: left_rate },
            (Base::Things(_), _, _) if left_rate == right_rate => Self::plain(left),
            (Base::Named("seconds"), false, false) => Self::Known { base: left, per_second: true },
            (Base::Named("seconds") | Base::CpuSeconds, true, true) => {
                Self::Known { base: left, per_second: true }
            }
            _ => Self::Unknown,
        }
    }

    /// Returns whether both surely are the same, so that their quotient is a ratio.
    fn is_same(&self, other: &Self) -> bool {
        let is_known = matches!(self, Self::Known { .. });
        is_known && (self == other || (self.is_core() && other.is_core()))
    }

    /// Returns whether both surely differ, so that their sum means nothing. Only units that names spell out do.
    fn is_at_odds(&self, other: &Self) -> bool {
        let is_named =
            |unit: &Self| matches!(unit, Self::Known { base: Base::Named(_) | Base::CpuSeconds, .. });
        // Seconds of CPU are seconds, and per second either is a ratio.
        is_named(self) && is_named(other) && !self.is_same(other) && self.to_string() != other.to_string()
    }

    fn is_core(&self) -> bool {
        matches!(
            self,
            Self::Known { base: Base::CpuSeconds, per_second: true }
                | Self::Known { base: Base::Named("cores"), per_second: false }
        )
    }
}

/// Writes a unit as an Experiment declares it.
impl fmt::Display for Unit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self::Known { base, per_second } = self else { return f.write_str("unknown") };
        match (base, per_second) {
            (Base::CpuSeconds, true) => f.write_str("cores"),
            (Base::Named("seconds"), true) | (Base::Ratio, false) => f.write_str("ratio"),
            (Base::Named("joules"), true) => f.write_str("watts"),
            (Base::CpuSeconds, false) => f.write_str("seconds"),
            (Base::Named(name), false) => f.write_str(name),
            (Base::Named(name), true) => write!(f, "{name}/s"),
            (Base::Number | Base::Things(_), false) => f.write_str("1"),
            (Base::Number | Base::Things(_) | Base::Ratio, true) => f.write_str("1/s"),
        }
    }
}

/// Units by the word that ends a metric's name, with what else people declare for them.
const UNITS: &[(&str, &[&str])] = &[
    ("seconds", &["s", "sec", "secs", "second"]),
    ("milliseconds", &["ms", "millisecond", "millis"]),
    ("microseconds", &["us", "µs", "μs", "microsecond", "micros"]),
    ("nanoseconds", &["ns", "nanosecond", "nanos"]),
    ("minutes", &["min", "mins", "minute"]),
    ("hours", &["h", "hour"]),
    ("days", &["d", "day"]),
    ("bytes", &["B", "byte"]),
    ("kilobytes", &["kB", "KB", "kilobyte"]),
    ("kibibytes", &["KiB", "Ki", "kibibyte"]),
    ("megabytes", &["MB", "megabyte"]),
    ("mebibytes", &["MiB", "Mi", "mebibyte"]),
    ("gigabytes", &["GB", "gigabyte"]),
    ("gibibytes", &["GiB", "Gi", "gibibyte"]),
    ("bits", &["b", "bit"]),
    ("cores", &["core", "cpu", "cpus", "vcpu", "vcpus"]),
    ("millicores", &["mcores", "millicore", "millicpu"]),
    ("celsius", &["°C", "C"]),
    ("fahrenheit", &["°F", "F"]),
    ("kelvin", &["K"]),
    ("joules", &["J", "joule"]),
    ("watts", &["W", "watt"]),
    ("volts", &["V", "volt"]),
    ("amperes", &["A", "ampere", "amps"]),
    ("meters", &["m", "meter"]),
    ("grams", &["g", "gram"]),
];

/// Words of a name after which what is counted may have a unit, though the name does not end with it.
const HINTS_OF_UNITS: &[&str] = &[
    "time", "duration", "latency", "cpu", "energy", "size", "traffic", "nanos", "millis", "micros", "ms",
    "cost",
];

/// What a metric's name tells of its kind and unit.
struct Name<'a> {
    /// `total`, `sum`, `count` or `bucket`.
    counter: Option<&'static str>,
    /// Unit of the values, for buckets that of their bounds.
    unit: Unit,
    full: &'a str,
}

impl<'a> Name<'a> {
    fn parse(full: &'a str) -> Self {
        // A recording rule names what it computed in its own way.
        if full.contains(':') {
            return Self { counter: None, unit: Unit::Unknown, full };
        }
        let suffixes = [("_total", "total"), ("_sum", "sum"), ("_count", "count"), ("_bucket", "bucket")];
        let (stem, counter) = suffixes
            .into_iter()
            .find_map(|(suffix, counter)| Some((full.strip_suffix(suffix)?, Some(counter))))
            .unwrap_or((full, None));
        let unit = match counter {
            Some("count") => Unit::plain(Base::Things(full.to_owned())),
            Some("total") => base_of(stem).unwrap_or_else(|| things(stem, full)),
            _ => base_of(stem).unwrap_or_default(),
        };
        Self { counter, unit, full }
    }

    /// Returns whether it surely is a gauge: a unit, and no suffix of a counter.
    fn is_gauge(&self) -> bool {
        self.counter.is_none() && self.unit != Unit::Unknown
    }
}

/// Returns the unit that ends a name.
fn base_of(stem: &str) -> Option<Unit> {
    if let Some(stem) = stem.strip_suffix("_per_second") {
        let per_second = base_of(stem).map(Unit::per_second);
        return Some(per_second.unwrap_or_else(|| Unit::plain(Base::Things(stem.to_owned())).per_second()));
    }
    let last = stem.rsplit('_').next().filter(|last| last.len() < stem.len())?;
    let is_cpu = stem.split('_').any(|word| word.contains("cpu"));
    match last {
        "ratio" => Some(Unit::plain(Base::Ratio)),
        "percent" | "percentage" => Some(Unit::plain(Base::Named("percent"))),
        "info" => Some(Unit::number()),
        "hertz" => Some(Unit::number().per_second()),
        "seconds" if is_cpu => Some(Unit::plain(Base::CpuSeconds)),
        "ms" => Some(Unit::plain(Base::Named("milliseconds"))),
        last => UNITS.iter().find(|(name, _)| *name == last).map(|(name, _)| Unit::plain(Base::Named(name))),
    }
}

/// Returns the unit of a counter whose name ends with none.
fn things(stem: &str, full: &str) -> Unit {
    let hints = |word: &str| HINTS_OF_UNITS.contains(&word) || UNITS.iter().any(|(name, _)| *name == word);
    if stem.split('_').any(hints) { Unit::Unknown } else { Unit::plain(Base::Things(full.to_owned())) }
}

/// The unit that an Experiment declares.
struct Declared<'a> {
    text: &'a str,
    /// Canonical word of the unit without its divisor, if it is a word known here.
    base: Option<&'static str>,
    per_second: bool,
    /// Whether it is per something else, such as `bytes/sample`: then only a contradicted base is certain.
    per_thing: bool,
}

impl<'a> Declared<'a> {
    fn parse(text: &'a str) -> Self {
        let is_second = |word: &str| matches!(word.trim(), "s" | "sec" | "second" | "seconds");
        let mut words = text.split('/');
        let numerator = words.next().unwrap_or_default().trim();
        let (seconds, others): (Vec<&str>, Vec<&str>) = words.partition(|word| is_second(word));
        let lower = text.to_lowercase();
        let spelled =
            ["per second", "per_second", "per sec"].iter().find_map(|suffix| lower.strip_suffix(suffix));
        let rate_words = ["rps", "qps", "ops", "iops", "tps", "hz", "hertz", "bps"];
        let per_second = !seconds.is_empty() || spelled.is_some() || rate_words.contains(&lower.as_str());
        let numerator = match spelled {
            // Lowercasing may change lengths, so the text is cut by its first word.
            Some(_) => numerator.split([' ', '_']).next().unwrap_or_default(),
            None => numerator,
        };
        let base = match numerator {
            "ratio" | "1" => Some("ratio"),
            "percent" | "%" | "percentage" => Some("percent"),
            "number" | "count" | "none" => Some("number"),
            _ if rate_words.contains(&lower.as_str()) => None,
            word => UNITS
                .iter()
                .find(|(name, others)| *name == word.to_lowercase() || others.contains(&word))
                .map(|(name, _)| *name),
        };
        Self { text, base, per_second, per_thing: !others.is_empty() }
    }

    /// Returns whether it measures something physical, which a number of things is not.
    fn is_physical(&self) -> bool {
        !matches!(self.base, None | Some("ratio" | "percent" | "number"))
    }
}

/// Returns what is wrong with a declared unit, given the one that comes out.
fn contradiction(unit: &Unit, declared: &Declared<'_>) -> Option<Finding> {
    let Unit::Known { base, per_second } = unit else { return None };
    let same_time = *per_second == declared.per_second;
    let agrees = match (base, per_second, declared.base) {
        // Things are of any unit, so only the time is certain. Watts are joules, and cores seconds, per second.
        (Base::Things(_), true, Some("watts")) => true,
        (Base::Things(_), ..) => same_time,
        // Counting what stands for a core gives cores.
        (Base::Number, false, Some("cores")) => true,
        (Base::Number, ..) => same_time && !declared.is_physical(),
        (Base::Ratio, false, Some("seconds")) => declared.per_second,
        (Base::Ratio, ..) => same_time && !declared.is_physical() && declared.base != Some("percent"),
        (Base::CpuSeconds, true, Some("cores" | "ratio" | "number")) => !declared.per_second,
        (Base::CpuSeconds, _, Some("seconds")) => same_time,
        (Base::Named("seconds"), true, Some("ratio" | "number")) => !declared.per_second,
        (Base::Named("cores"), false, Some("seconds")) => declared.per_second,
        (Base::Named("joules"), true, Some("watts")) => !declared.per_second,
        (Base::Named(name), _, Some(word)) => *name == word && same_time,
        (Base::Named(_) | Base::CpuSeconds, _, _) => false,
    };
    if agrees || (declared.per_thing && (!declared.is_physical() || is_word_of(base, declared.base))) {
        return None;
    }
    let message = format!("the unit is declared `{}`, but the query gives `{unit}`", declared.text);
    // Time spent in something else than the CPU is a share of it, and there are things that one could call cores.
    let is_share_as_cores =
        matches!((base, per_second), (Base::Named("seconds"), true)) && declared.base == Some("cores");
    let is_strange_word =
        declared.base.is_none() && same_time && matches!(base, Base::Named(_) | Base::CpuSeconds);
    let severity = if is_share_as_cores || is_strange_word { Severity::Warning } else { Severity::Error };
    let wants_rate = declared.per_second || matches!(declared.base, Some("cores" | "watts"));
    let hint = match (base, per_second) {
        (Base::Named("seconds") | Base::CpuSeconds, false) if declared.base == Some("cores") => {
            "only `rate()` makes cores of seconds of CPU time".into()
        }
        (Base::Ratio, false) if declared.base == Some("percent") => {
            "multiply by 100, or declare `ratio`".into()
        }
        (_, false) if wants_rate && declared.base.is_none_or(|word| is_word_of(base, Some(word))) => {
            format!("only `rate()` divides by time: take it, or declare `{unit}`")
        }
        (Base::Things(_), true) => {
            format!("declare `{}/s`, or take `increase()` for the total over the window", declared.text)
        }
        (_, true) if is_word_of(base, declared.base) => {
            format!("declare `{unit}`, or take `increase()` for the total over the window")
        }
        _ => format!("declare `{unit}`, or convert it in the query"),
    };
    Some(Finding { severity, message, hint: Some(hint) })
}

/// Returns whether a declared word is that of a base, whatever the time.
fn is_word_of(base: &Base, word: Option<&str>) -> bool {
    match base {
        Base::Named(name) => word == Some(name),
        Base::CpuSeconds => word == Some("seconds"),
        Base::Ratio => word == Some("ratio"),
        Base::Number | Base::Things(_) => !matches!(word, Some("ratio" | "percent")),
    }
}

/// Walks a query from its series to its result.
struct Reader {
    kind: Option<MetricKind>,
    depth: usize,
    findings: Vec<Finding>,
}

impl Reader {
    fn error(&mut self, message: String, hint: String) {
        self.findings.push(Finding { severity: Severity::Error, message, hint: Some(hint) });
    }

    fn warning(&mut self, message: String, hint: String) {
        self.findings.push(Finding { severity: Severity::Warning, message, hint: Some(hint) });
    }

    /// Says that the running total of a counter is read where a value is wanted.
    fn refuse_total(&mut self, quantity: &Quantity, what: &str) {
        let Source::Total(series) = &quantity.source else { return };
        self.error(
            format!("`{series}` is a counter, and {what} depends on when its process started"),
            format!("write `rate({series}[$DURATION])` in its place, or `kind: gauge` if it is none"),
        );
    }

    fn read(&mut self, expr: &Expr) -> Quantity {
        if self.depth >= DEEPEST {
            return Quantity::default();
        }
        self.depth += 1;
        let quantity = match expr {
            Expr::VectorSelector(selector) => self.selector(selector),
            Expr::MatrixSelector(matrix) => self.selector(&matrix.vs),
            Expr::Paren(paren) => self.read(&paren.expr),
            Expr::Subquery(SubqueryExpr { expr, .. }) => self.read(expr),
            Expr::Unary(unary) => {
                let quantity = self.read(&unary.expr);
                self.refuse_total(&quantity, "its negative value");
                Quantity { source: Source::Derived, ..quantity }
            }
            Expr::NumberLiteral(_) => Quantity { unit: Unit::Literal, ..Quantity::default() },
            Expr::Aggregate(aggregate) => self.aggregate(aggregate),
            Expr::Binary(binary) => self.binary(binary),
            Expr::Call(call) => self.call(call),
            Expr::StringLiteral(_) | Expr::Extension(_) => Quantity::default(),
        };
        self.depth -= 1;
        quantity
    }

    fn selector(&mut self, selector: &VectorSelector) -> Quantity {
        let Some(full) = name_of(selector) else { return Quantity::default() };
        let name = Name::parse(full);
        let braces =
            if selector.matchers.matchers.iter().any(|m| m.name != "__name__") { "{...}" } else { "" };
        let series = format!("{}{braces}", name.full);
        let is_plain = name.counter.is_none();
        let source = match self.kind {
            Some(MetricKind::Gauge) => {
                if name.counter == Some("total") {
                    self.warning(
                        format!("`{full}` is declared a gauge, and its name is that of a counter"),
                        "write `kind: counter`, unless its values do fall".into(),
                    );
                }
                Source::Gauge(series)
            }
            // A recording rule has its own name for the growth that it computed.
            Some(MetricKind::Counter) if is_plain && !full.contains(':') => Source::Total(series),
            // Without a suffix it is a native histogram, which the functions of histograms read.
            Some(MetricKind::Histogram) if is_plain => Source::Derived,
            _ if !is_plain => Source::Total(series),
            _ if name.is_gauge() => Source::Gauge(series),
            _ => Source::Derived,
        };
        if name.counter == Some("bucket") {
            let unit = Unit::plain(Base::Things(full.to_owned()));
            return Quantity { source, unit, buckets: Some(Buckets { unit: name.unit, apart: true }) };
        }
        Quantity { source, unit: name.unit, buckets: None }
    }

    fn aggregate(&mut self, aggregate: &AggregateExpr) -> Quantity {
        let quantity = self.read(&aggregate.expr);
        if let Some(parameter) = &aggregate.param {
            let parameter_quantity = self.read(parameter);
            self.refuse_total(&parameter_quantity, "its plain value");
            if aggregate.op.id() == T_QUANTILE {
                self.quantile(parameter);
            }
        }
        match aggregate.op.id() {
            // Counts series, whatever their values.
            T_COUNT | T_GROUP | T_COUNT_VALUES => {
                return Quantity { unit: Unit::number(), ..Quantity::default() };
            }
            // Pick series, and leave their values and labels.
            T_LIMITK | T_LIMIT_RATIO => return quantity,
            _ => {}
        }
        let what = match aggregate.op.id() {
            T_SUM => "a sum of its plain values",
            T_AVG => "a mean of its plain values",
            _ => "an aggregate of its plain values",
        };
        self.refuse_total(&quantity, what);
        let source = match quantity.source {
            Source::Total(_) => Source::Derived,
            source => source,
        };
        let unit = if aggregate.op.id() == T_STDVAR { Unit::Unknown } else { quantity.unit };
        let keeps = matches!(aggregate.op.id(), T_TOPK | T_BOTTOMK) || keeps_le(aggregate.modifier.as_ref());
        let buckets = quantity.buckets.map(|buckets| Buckets { apart: buckets.apart && keeps, ..buckets });
        Quantity { source, unit, buckets }
    }

    fn binary(&mut self, binary: &BinaryExpr) -> Quantity {
        let (left, right) = (self.read(&binary.lhs), self.read(&binary.rhs));
        match binary.op.id() {
            // Only the presence of the right side is read.
            T_LAND | T_LUNLESS => return left,
            T_LOR => {
                let source = if matches!(left.source, Source::Total(_)) { left.source } else { right.source };
                return Quantity {
                    source,
                    unit: left.unit.or(right.unit),
                    buckets: left.buckets.or(right.buckets),
                };
            }
            _ => {}
        }
        self.refuse_total(&right, "its plain value");
        if TokenType::new(binary.op.id()).is_comparison_operator() {
            let is_bool = binary.modifier.as_ref().is_some_and(|modifier| modifier.return_bool);
            if !is_bool {
                // A filter: the left values come out, if they do.
                return left;
            }
            self.refuse_total(&left, "its plain value");
            return Quantity { unit: Unit::number(), ..Quantity::default() };
        }
        self.refuse_total(&left, "its plain value");
        let unit = match binary.op.id() {
            T_ADD | T_SUB => {
                if left.unit.is_at_odds(&right.unit) {
                    let verb = if binary.op.id() == T_ADD { "adds" } else { "subtracts" };
                    let message = format!("the query {verb} `{}` and `{}`", left.unit, right.unit);
                    self.error(message, "bring both to one unit first".into());
                }
                left.unit.or(right.unit)
            }
            T_MUL => left.unit.times(right.unit),
            T_DIV => left.unit.over(right.unit),
            _ => Unit::Unknown,
        };
        Quantity { source: Source::Derived, unit, buckets: left.buckets.or(right.buckets) }
    }

    fn call(&mut self, call: &Call) -> Quantity {
        let function = call.func.name;
        let quantities: Vec<Quantity> = call.args.args.iter().map(|argument| self.read(argument)).collect();
        let first = match function {
            "quantile_over_time" | "histogram_quantile" => quantities.get(1),
            "histogram_fraction" => quantities.get(2),
            _ => quantities.first(),
        };
        let first = first.cloned().unwrap_or_default();
        match function {
            "quantile_over_time" | "histogram_quantile" => {
                call.args.args.first().into_iter().for_each(|quantile| self.quantile(quantile));
            }
            "histogram_quantiles" => {
                call.args.args.iter().skip(2).for_each(|quantile| self.quantile(quantile))
            }
            _ => {}
        }
        let gives = |unit: Unit| Quantity { unit, ..Quantity::default() };
        match function {
            "rate" | "irate" | "increase" => self.growth(function, first),
            "count_over_time" | "present_over_time" | "resets" | "changes" | "absent"
            | "absent_over_time" => gives(Unit::number()),
            "time" | "timestamp" | "start_timestamp" | "ts_of_first_over_time" | "ts_of_last_over_time" => {
                gives(Unit::seconds())
            }
            "histogram_quantile" | "histogram_quantiles" | "histogram_fraction" => {
                self.buckets(function, &first);
                let unit = first.buckets.map(|buckets| buckets.unit).unwrap_or_default();
                gives(if function == "histogram_fraction" { Unit::plain(Base::Ratio) } else { unit })
            }
            // These leave the values of a series, or cut them, so whoever reads them reads the series.
            "last_over_time" | "first_over_time" | "label_replace" | "label_join" | "sort" | "sort_desc"
            | "sort_by_label" | "sort_by_label_desc" | "info" | "scalar" | "vector" | "abs" | "ceil"
            | "floor" | "round" | "clamp" | "clamp_max" | "clamp_min" => first,
            _ => {
                self.refuse_total(&first, &format!("what `{function}` makes of it"));
                let unit = match function {
                    "deriv" => first.unit.per_second(),
                    "sgn" => Unit::number(),
                    "delta" | "idelta" | "predict_linear" | "double_exponential_smoothing" => first.unit,
                    "stdvar_over_time" => Unit::Unknown,
                    function if function.ends_with("_over_time") => first.unit,
                    _ => Unit::Unknown,
                };
                let buckets = first.buckets.filter(|_| function.ends_with("_over_time"));
                Quantity { source: Source::Derived, unit, buckets }
            }
        }
    }

    /// What `rate`, `irate` and `increase` make of a counter.
    fn growth(&mut self, function: &str, of: Quantity) -> Quantity {
        if let Source::Gauge(series) = &of.source {
            let other = if function == "increase" { "delta" } else { "deriv" };
            if self.kind == Some(MetricKind::Gauge) {
                self.error(
                    format!("`{series}` is declared a gauge, and `{function}` takes every fall of it for a restart"),
                    format!("write `{other}({series}[$DURATION])`, or `kind: counter` if it is one"),
                );
            } else {
                self.warning(
                    format!("`{series}` is a gauge by its name, and `{function}` takes every fall of it for a restart"),
                    format!("write `{other}({series}[$DURATION])`, or `kind: counter` if it is one"),
                );
            }
        }
        let unit = if function == "increase" { of.unit } else { of.unit.per_second() };
        Quantity { source: Source::Derived, unit, buckets: of.buckets }
    }

    /// Checks that a function of histograms reads buckets, all of them, and what was added to them.
    fn buckets(&mut self, function: &str, of: &Quantity) {
        match (&of.buckets, &of.source) {
            (Some(buckets), _) if !buckets.apart => self.error(
                format!("`{function}` needs the label `le`, and the aggregation inside it drops that"),
                "write `sum by (le) (...)`".into(),
            ),
            (Some(_), Source::Total(series)) => self.error(
                format!("`{function}` reads all that `{series}` counted since its process started"),
                format!("write `rate({series}[$DURATION])` inside it"),
            ),
            (None, _) if self.kind != Some(MetricKind::Histogram) && of.unit != Unit::Unknown => self.error(
                format!("`{function}` needs the buckets of a histogram, and its argument is none"),
                "read a metric that ends in `_bucket`, or write `kind: histogram` if it is a native one"
                    .into(),
            ),
            _ => {}
        }
    }

    fn quantile(&mut self, expr: &Expr) {
        let Some(quantile) = literal(expr) else { return };
        if !(0.0..=1.0).contains(&quantile) {
            let hint = if (1.0..=100.0).contains(&quantile) {
                format!("write `{}` for the {quantile}th percentile", quantile / 100.0)
            } else {
                "write a number from 0 to 1".into()
            };
            self.error(format!("the quantile {quantile} is not between 0 and 1"), hint);
        }
    }
}

/// Returns whether an aggregation leaves the label `le`.
fn keeps_le(modifier: Option<&LabelModifier>) -> bool {
    let is_le = |label: &String| label == "le";
    match modifier {
        Some(LabelModifier::Include(labels)) => labels.labels.iter().any(is_le),
        Some(LabelModifier::Exclude(labels)) => !labels.labels.iter().any(is_le),
        None => false,
    }
}

/// Returns the number that an expression is, if it is written as one.
fn literal(mut expr: &Expr) -> Option<f64> {
    let mut sign = 1.0;
    loop {
        match expr {
            Expr::NumberLiteral(number) => return Some(sign * number.val),
            Expr::Paren(paren) => expr = &paren.expr,
            Expr::Unary(unary) => {
                sign = -sign;
                expr = &unary.expr;
            }
            _ => return None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    /// Returns findings as text. A variable within a string is text as good as any.
    fn said(query: &str, kind: Option<MetricKind>, unit: &str) -> Vec<String> {
        let query = query.replace("$DURATION", "60s");
        parser::parse(&query).expect("a query of a test is PromQL");
        check(&query, kind, Some(unit))
            .into_iter()
            .map(|finding| {
                let severity = if finding.severity == Severity::Error { "error" } else { "warning" };
                format!("{severity}: {} ({})", finding.message, finding.hint.unwrap_or_default())
            })
            .collect()
    }

    // Of `experiments/*/experiment.yaml`, and the metrics that an Experiment without any has.
    #[rstest]
    #[case(
        r#"testbed_load_latency_seconds{experiment="$EXPERIMENT",target="$TARGET",quantile="0.5"}"#,
        "seconds"
    )]
    #[case(r#"testbed_load_start_delay_seconds{experiment="$EXPERIMENT",quantile="0.99"}"#, "seconds")]
    #[case(r#"testbed_load_rate_achieved{experiment="$EXPERIMENT",target="$TARGET"}"#, "queries/s")]
    #[case(r#"testbed_arrived_series{experiment="$EXPERIMENT",target="$TARGET"}"#, "series")]
    #[case(r#"testbed_arrived_samples_per_second{experiment="$EXPERIMENT"}"#, "samples/s")]
    #[case(
        r#"avg_over_time(container_memory_working_set_bytes{namespace="$NAMESPACE",image!=""}[$DURATION])"#,
        "bytes"
    )]
    #[case(
        r#"rate(container_cpu_usage_seconds_total{namespace="$NAMESPACE",image!=""}[$DURATION])"#,
        "cores"
    )]
    #[case(
        r#"sum by (pod) (rate(container_cpu_usage_seconds_total{namespace="$NAMESPACE"}[$DURATION]))"#,
        "cores"
    )]
    #[case(
        r#"sum by (pod) (avg_over_time(container_memory_working_set_bytes{container!=""}[$DURATION]))"#,
        "bytes"
    )]
    fn the_queries_of_this_repository_are_clean(#[case] query: &str, #[case] unit: &str) {
        assert_eq!(said(query, None, unit), [""; 0]);
    }

    #[rstest]
    #[case("rate(http_requests_total[5m])", "requests/s")]
    #[case("sum(irate(http_requests_total[5m])) by (code)", "rps")]
    #[case("increase(http_requests_total[$DURATION])", "requests")]
    #[case("rate(node_network_receive_bytes_total[5m]) * 8", "bits/s")]
    #[case("rate(node_network_receive_bytes_total[5m])", "B/s")]
    #[case("rate(node_network_receive_bytes_total[5m])", "bytes per second")]
    #[case("rate(haproxy_bytes_in_total[5m])", "bytes/s")]
    #[case("increase(haproxy_bytes_in_total[5m])", "bytes")]
    #[case("rate(windows_cpu_time_total[5m])", "cores")]
    #[case("100 * rate(process_cpu_seconds_total[5m])", "percent")]
    #[case("1 - avg(rate(node_cpu_seconds_total{mode=\"idle\"}[5m]))", "ratio")]
    #[case("rate(process_cpu_seconds_total[5m])", "seconds/s")]
    #[case("rate(go_gc_pause_seconds_total[5m])", "ratio")]
    #[case("rate(rapl_package_joules_total[5m])", "watts")]
    #[case("rate(x_errors_total[5m]) / rate(x_requests_total[5m])", "ratio")]
    #[case(
        "rate(http_request_duration_seconds_sum[5m]) / rate(http_request_duration_seconds_count[5m])",
        "s"
    )]
    #[case("rate(x_bytes_total[5m]) / rate(x_requests_total[5m])", "bytes/request")]
    #[case("rate(container_cpu_usage_seconds_total[5m]) / on() machine_cpu_cores", "ratio")]
    #[case("histogram_quantile(0.99, rate(http_duration_seconds_bucket[5m]))", "seconds")]
    #[case(
        "histogram_quantile(0.99, sum by (le, route) (rate(http_duration_seconds_bucket[5m])))",
        "seconds"
    )]
    #[case("histogram_quantile(0.9, sum without (pod) (increase(reply_size_bytes_bucket[5m])))", "bytes")]
    #[case("histogram_quantile(0.9, job:http_duration_bucket:rate5m)", "seconds")]
    #[case("histogram_fraction(0, 0.1, rate(http_duration_seconds_bucket[5m]))", "ratio")]
    #[case("count(http_requests_total)", "series")]
    #[case("count(node_cpu_seconds_total{mode=\"idle\"})", "cores")]
    #[case("count_over_time(http_requests_total[5m])", "samples")]
    #[case("resets(http_requests_total[5m])", "1")]
    #[case("absent(http_requests_total)", "1")]
    #[case("time() - process_start_time_seconds", "seconds")]
    #[case("time() - timestamp(http_requests_total)", "seconds")]
    #[case("up and http_requests_total > 100", "1")]
    #[case("rate(x_bytes_total[5m]) or vector(0)", "bytes/s")]
    #[case("rate(http_requests_total[5m]) * on(pod) group_left(node) kube_pod_info", "requests/s")]
    #[case("max_over_time(rate(x_bytes_total[1m])[$DURATION:5s])", "bytes/s")]
    #[case("rate(last_over_time(x_requests_total[1m])[5m:1m])", "requests/s")]
    #[case("deriv(process_resident_memory_bytes[5m])", "bytes/s")]
    #[case("quantile_over_time(0.5, x_bytes[5m])", "bytes")]
    #[case("x_bytes / 1048576", "MiB")]
    #[case("-(-x_celsius)", "°C")]
    #[case("node_cpu_frequency_hertz", "Hz")]
    #[case("{__name__=~\"x_.+\"}", "anything")]
    fn what_is_right_or_unknown_is_not_complained_of(#[case] query: &str, #[case] unit: &str) {
        let errors: Vec<String> =
            said(query, None, unit).into_iter().filter(|text| text.starts_with("error")).collect();
        assert_eq!(errors, [""; 0]);
    }

    #[rstest]
    #[case("http_requests_total")]
    #[case("sum(http_requests_total)")]
    #[case("-http_requests_total")]
    #[case("http_requests_total > 5")]
    #[case("http_requests_total - http_requests_total offset 5m")]
    #[case("rate(sum(http_requests_total)[5m:])")]
    #[case("avg_over_time(http_requests_total[5m])")]
    #[case("delta(http_requests_total[5m])")]
    #[case("last_over_time(http_requests_total[5m])")]
    #[case("max_over_time((topk(3, http_requests_total))[5m:1m])")]
    #[case("round(http_requests_total)")]
    #[case("up or http_requests_total")]
    #[case("{__name__=\"http_requests_total\"}")]
    #[case("http_duration_seconds_count")]
    #[case("http_duration_seconds_sum / http_duration_seconds_count")]
    #[case("http_duration_seconds_bucket")]
    fn the_running_total_of_a_counter_is_refused(#[case] query: &str) {
        let said = said(query, None, "");
        assert!(!said.is_empty() && said.iter().all(|text| text.starts_with("error: `http_")), "{said:?}");
        assert!(said.iter().all(|text| text.contains("is a counter")), "{said:?}");
    }

    #[test]
    fn seconds_of_cpu_are_not_cores() {
        assert_eq!(
            said("sum by (pod) (container_cpu_usage_seconds_total{pod!=\"\"})", None, "cores"),
            [
                "error: `container_cpu_usage_seconds_total{...}` is a counter, and a sum of its plain values depends on \
                 when its process started (write `rate(container_cpu_usage_seconds_total{...}[$DURATION])` in its \
                 place, or `kind: gauge` if it is none)",
                "error: the unit is declared `cores`, but the query gives `seconds` (only `rate()` makes cores of \
                 seconds of CPU time)",
            ]
        );
    }

    #[rstest]
    #[case(Some(MetricKind::Counter), "node_cpu", 1)]
    #[case(Some(MetricKind::Counter), "rate(node_cpu_seconds[5m])", 0)]
    #[case(Some(MetricKind::Counter), "rate(a_bytes[5m]) / b_bytes", 1)]
    #[case(Some(MetricKind::Counter), "job:node_cpu:rate5m", 0)]
    #[case(Some(MetricKind::Gauge), "pg_stat_activity_count", 0)]
    #[case(Some(MetricKind::Gauge), "open_handles_total", 1)]
    #[case(Some(MetricKind::Gauge), "rate(open_handles[5m])", 1)]
    #[case(Some(MetricKind::Histogram), "histogram_quantile(0.9, rate(http_duration_seconds[5m]))", 0)]
    #[case(
        Some(MetricKind::Histogram),
        "sum(http_duration_seconds_sum) / sum(http_duration_seconds_count)",
        2
    )]
    #[case(Some(MetricKind::Summary), "http_duration_seconds{quantile=\"0.9\"}", 0)]
    #[case(None, "rate(node_memory_free_bytes[5m])", 1)]
    #[case(None, "increase(sum(kube_pod_info)[5m:])", 1)]
    #[case(None, "rate(node_cpu[5m])", 0)]
    fn a_declared_kind_decides_where_the_name_does_not(
        #[case] kind: Option<MetricKind>,
        #[case] query: &str,
        #[case] findings: usize,
    ) {
        let said = said(query, kind, "");
        assert_eq!(said.len(), findings, "{said:?}");
    }

    #[test]
    fn growth_of_a_gauge_is_refused_if_it_is_declared_one() {
        let query = "rate(node_memory_free_bytes[5m])";
        assert_eq!(
            said(query, None, ""),
            [
                "warning: `node_memory_free_bytes` is a gauge by its name, and `rate` takes every fall of it for a restart \
              (write `deriv(node_memory_free_bytes[$DURATION])`, or `kind: counter` if it is one)"
            ]
        );
        assert_eq!(
            said(query, Some(MetricKind::Gauge), ""),
            [
                "error: `node_memory_free_bytes` is declared a gauge, and `rate` takes every fall of it for a restart \
              (write `deriv(node_memory_free_bytes[$DURATION])`, or `kind: counter` if it is one)"
            ]
        );
    }

    #[rstest]
    #[case("x_bytes", "seconds", "bytes")]
    #[case("x_bytes", "1", "bytes")]
    #[case("x_seconds", "ms", "seconds")]
    #[case("x_bytes", "MiB", "bytes")]
    #[case("x_bytes", "bytes/s", "bytes")]
    #[case("avg(x_ratio)", "percent", "ratio")]
    #[case("x_bytes / y_bytes", "percent", "ratio")]
    #[case("rate(e_total[5m]) / rate(e_total[5m])", "%", "ratio")]
    #[case("rate(x_bytes_total[5m])", "bytes", "bytes/s")]
    #[case("increase(x_bytes_total[5m])", "bytes/s", "bytes")]
    #[case("increase(process_cpu_seconds_total[5m])", "cores", "seconds")]
    #[case("rate(x_requests_total[5m])", "requests", "1/s")]
    #[case("increase(x_requests_total[5m])", "requests/s", "1")]
    #[case("count(x_bytes)", "bytes", "1")]
    #[case("rate(x_seconds_sum[5m]) / rate(x_seconds_count[5m])", "ms", "seconds")]
    #[case("histogram_quantile(0.9, rate(x_seconds_bucket[5m]))", "bytes", "seconds")]
    #[case("sum(x_bytes) / count(x_bytes)", "ratio", "bytes")]
    #[case("x_bytes / y_seconds", "bytes", "bytes/s")]
    #[case("rate(x_bytes_total[5m]) * y_seconds", "bytes/s", "bytes")]
    #[case("max_over_time(sum(x_bytes)[5m:])", "cores", "bytes")]
    #[case("x_bytes", "seconds/request", "bytes")]
    fn a_declared_unit_that_contradicts_the_query_is_refused_by_both_names(
        #[case] query: &str,
        #[case] declared: &str,
        #[case] given: &str,
    ) {
        let said = said(query, None, declared);
        let start = format!("error: the unit is declared `{declared}`, but the query gives `{given}` (");
        assert!(said.len() == 1 && said[0].starts_with(&start), "{said:?}");
    }

    #[rstest]
    #[case("x_bytes", "octets")]
    #[case("rate(go_gc_pause_seconds_total[5m])", "cores")]
    fn a_unit_that_may_be_meant_well_is_a_warning(#[case] query: &str, #[case] declared: &str) {
        let said = said(query, None, declared);
        assert!(said.len() == 1 && said[0].starts_with("warning: the unit is declared"), "{said:?}");
    }

    #[test]
    fn what_has_two_units_is_not_added() {
        assert_eq!(
            said("x_bytes + y_seconds", None, ""),
            ["error: the query adds `bytes` and `seconds` (bring both to one unit first)"]
        );
        assert_eq!(said("x_cpu_seconds - y_seconds", None, "s"), [""; 0]);
    }

    #[rstest]
    #[case("histogram_quantile(0.9, sum(rate(x_seconds_bucket[5m])))", "needs the label `le`")]
    #[case("histogram_quantile(0.9, sum by (pod) (rate(x_seconds_bucket[5m])))", "needs the label `le`")]
    #[case("histogram_quantile(0.9, sum without (le) (rate(x_seconds_bucket[5m])))", "needs the label `le`")]
    #[case("histogram_quantile(0.9, x_seconds_bucket)", "reads all that `x_seconds_bucket` counted")]
    #[case("histogram_quantile(0.9, sum by (le) (x_seconds_bucket))", "`x_seconds_bucket` is a counter")]
    #[case("histogram_quantile(0.9, rate(x_seconds_count[5m]))", "needs the buckets of a histogram")]
    #[case("histogram_quantile(99, rate(x_seconds_bucket[5m]))", "write `0.99` for the 99th percentile")]
    #[case("histogram_quantile((-0.1), rate(x_seconds_bucket[5m]))", "-0.1 is not between 0 and 1")]
    #[case("quantile(95, x_seconds)", "not between 0 and 1")]
    #[case("quantile_over_time(NaN, x_seconds[5m])", "NaN is not between 0 and 1")]
    #[case("x_seconds[5m]", "samples over a range")]
    #[case("\"text\"", "text, not a number")]
    fn a_query_that_gives_no_such_value_is_refused_once(#[case] query: &str, #[case] part: &str) {
        let said = said(query, None, "seconds");
        assert!(said.len() == 1 && said[0].starts_with("error: ") && said[0].contains(part), "{said:?}");
    }

    #[rstest]
    #[case("up", None, 0)]
    #[case("not promql (", None, 0)]
    #[case("rate(x_total[2m]) / rate(y_total[30s])", Some(30), 120)]
    #[case("max_over_time(sum(rate(x_total[1m]))[1h:5s])", Some(60), 3660)]
    #[case("max_over_time(up[1h:5s])", Some(3600), 3600)]
    #[case("quantile(scalar(rate(x_total[3s])), -y)", Some(3), 3)]
    fn the_windows_of_a_query_are_found_wherever_they_stand(
        #[case] query: &str,
        #[case] shortest: Option<u64>,
        #[case] back: u64,
    ) {
        assert_eq!(shortest_range(query), shortest.map(Duration::from_secs));
        assert_eq!(reach(query), Duration::from_secs(back));
        assert_eq!(is_nested(query), back == 3660);
    }

    #[rstest]
    #[case::gauge("sum(x)", Some(4), Some(15), 4, 15)]
    #[case::rate("rate(x_total[20s])", None, None, 20, 20)]
    #[case::both("rate(x_total[2s]) / y", Some(4), Some(15), 4, 15)]
    #[case::within("max_over_time(sum(x)[10s:2s])", Some(4), Some(15), 14, 25)]
    #[case::longer("rate(x_total[2m]) / y", Some(4), Some(15), 60, 60)]
    fn no_point_of_a_range_says_anything_of_what_was_before_the_window(
        #[case] query: &str,
        #[case] hub: Option<u64>,
        #[case] other: Option<u64>,
        #[case] first_of_hub: u64,
        #[case] first_of_other: u64,
    ) {
        let minute = Duration::from_mins(1);
        for (of_hub, back, first) in [(true, hub, first_of_hub), (false, other, first_of_other)] {
            assert_eq!(lookback(query, QueryType::Range, minute, of_hub), back.map(Duration::from_secs));
            assert_eq!(first_point(query, minute, of_hub), Duration::from_secs(first));
        }
    }

    #[test]
    fn what_is_read_at_the_end_alone_may_have_been_told_at_any_time_of_the_window() {
        let minute = Duration::from_mins(1);
        let back = |query| lookback(query, QueryType::Instant, minute, true);
        assert_eq!(
            (back("x"), back("max_over_time(x[30s:2s]) / y"), back("rate(x_total[1m])")),
            (Some(minute), Some(minute), None)
        );
        let of_window = |seconds| lookback("x", QueryType::Instant, Duration::from_secs(seconds), false);
        assert_eq!((of_window(1), of_window(3600)), (Some(SCRAPE_INTERVAL * 2), Some(LOOKBACK)));
        assert_eq!(back("max_over_time(sum(x)[30s:2s])"), Some(Duration::from_secs(4)));
    }

    #[rstest]
    #[case("rate(x_total[2m])", false)]
    #[case("sum(rate(x_total[2m] offset 1h))", true)]
    #[case("x offset -5s + y", true)]
    #[case("max_over_time(x[1m:5s] @ 1000)", true)]
    #[case("x @ end()", true)]
    fn a_query_says_whether_it_reads_at_another_time(#[case] query: &str, #[case] moved: bool) {
        assert_eq!(is_moved(query), moved);
    }

    #[test]
    fn a_query_is_never_too_deep_to_check() {
        let deep = format!("{}x_total{}", "(".repeat(1000), ")".repeat(1000));
        assert_eq!(check(&deep, None, Some("bytes")), []);
        assert_eq!(check("sum(", None, Some("bytes")), []);
    }
}
