//! The rules of variants, trials and budget: what cannot mean anything is refused before anything is made.

use super::{Catalog, parameters, unknown};
use crate::measurement::{self, SCRAPE_INTERVAL};
use crate::problem::{Problem, Severity};
use crate::query;
use crate::schedule::{self, Schedule, Timing};
use crate::selector::Selector;
use std::time::Duration;
use testbed_api::ExperimentSpec;
use testbed_api::experiment::{CompletionMode, Metric};
use testbed_api::trials::{Trials, Variant};

/// Longest time after which a kubelet that is not set up by us looks at its containers again: by default 10 s, and up to
/// half of that later. In between it repeats what it said.
const HOUSEKEEPING: Duration = Duration::from_secs(15);
/// Samples without which a rate over a window means nothing.
const SAMPLES: u32 = 3;
/// Longest warm-up, window or cool-down.
const LONGEST: Duration = Duration::from_secs(6 * 3600);

/// Returns everything wrong with variants, trials and budget.
pub(super) fn trials(spec: &ExperimentSpec, catalog: &Catalog) -> Vec<Problem> {
    let mut problems = variants(spec, catalog);
    problems.extend(budget(spec));
    let Some(trials) = &spec.trials else {
        if !spec.variants.is_empty() {
            problems.push(
                Problem::error("spec.variants", "are given, and spec.trials is not")
                    .hint("add trials: {blocks: 10} to measure each of them"),
            );
        }
        return problems;
    };
    if spec.variants.is_empty() {
        problems.push(
            Problem::error("spec.variants", "is empty, so there is nothing to measure in trials")
                .hint("name one variant for each thing under comparison"),
        );
    }
    if spec.workflow.completion.mode == CompletionMode::Manual {
        problems.push(
            Problem::error("spec.workflow.completion.mode", "is manual, and trials end by themselves")
                .hint("set it to workflow"),
        );
    }
    problems.extend(durations(trials));
    problems.extend(counts(spec, trials));
    problems
}

fn variants(spec: &ExperimentSpec, catalog: &Catalog) -> Vec<Problem> {
    let mut problems = Vec::new();
    let targets = || spec.targets.iter().map(|target| target.name.as_str());
    for (index, variant) in spec.variants.iter().enumerate() {
        let field = format!("spec.variants[{index}]");
        if spec.variants[..index].iter().any(|other| other.name == variant.name) {
            problems.push(
                Problem::error(
                    format!("{field}.name"),
                    format!("`{}` is the name of another variant", variant.name),
                )
                .hint("variant names are unique within an experiment"),
            );
        }
        if !targets().any(|name| name == variant.target()) {
            let at = if variant.target.is_some() { "target" } else { "name" };
            problems.push(unknown(format!("{field}.{at}"), "target", variant.target(), targets()));
        }
        problems.extend(variant_params(variant, spec, catalog, &field));
        if let Some(present) = &variant.present {
            if let Err(reason) = Selector::parse(present.selector.as_deref().unwrap_or_default()) {
                problems.push(
                    Problem::error(format!("{field}.present.selector"), reason)
                        .hint("write labels, such as app=store,role=primary"),
                );
            }
            problems.extend(duration(&format!("{field}.present.within"), &present.within, Duration::ZERO));
        }
    }
    problems
}

fn variant_params(variant: &Variant, spec: &ExperimentSpec, catalog: &Catalog, field: &str) -> Vec<Problem> {
    let mut problems = Vec::new();
    for name in variant.params.keys() {
        let field = format!("{field}.params[{name}]");
        if let Some(parameters) = catalog.templates.get(&spec.workflow.template)
            && !parameters.iter().any(|parameter| parameter.name == *name)
        {
            problems.push(unknown(
                field,
                &format!("parameter of template `{}`", spec.workflow.template),
                name,
                parameters.iter().map(|parameter| parameter.name.as_str()),
            ));
        }
    }
    problems.extend(parameters(&variant.params, spec, catalog, &format!("{field}.params")));
    problems
}

fn duration(field: &str, text: &str, least: Duration) -> Option<Problem> {
    match schedule::duration(text) {
        Err(reason) => Some(Problem::error(field, reason)),
        Ok(duration) if duration < least => {
            let least = least.as_secs_f64();
            Some(Problem::error(field, format!("is {text}, and at least {least} s are needed")))
        }
        Ok(duration) if duration > LONGEST => Some(Problem::error(field, "is longer than 6 hours")),
        Ok(_) => None,
    }
}

fn durations(trials: &Trials) -> Vec<Problem> {
    let mut problems: Vec<Problem> = [
        duration("spec.trials.warmup", &trials.warmup, Duration::ZERO),
        duration("spec.trials.window", &trials.window, Duration::from_secs(1)),
        duration("spec.trials.cooldown", &trials.cooldown, Duration::ZERO),
    ]
    .into_iter()
    .flatten()
    .collect();
    if problems.is_empty() && Timing::of(trials).cooldown < SCRAPE_INTERVAL {
        problems.push(
            Problem::warning(
                "spec.trials.cooldown",
                "is shorter than the time between two samples: the last ones of the window may be lost",
            )
            .hint("set it to 2s or more"),
        );
    }
    problems
}

/// What the number of blocks allows, and what it costs.
fn counts(spec: &ExperimentSpec, trials: &Trials) -> Vec<Problem> {
    let mut problems = Vec::new();
    let Some(schedule) = Schedule::of(spec, 0) else { return problems };
    if let Some(until) = &trials.until
        && until.every > until.max_blocks
    {
        problems.push(Problem::error(
            "spec.trials.until.every",
            format!("is {}, more than maxBlocks, {}", until.every, until.max_blocks),
        ));
    }
    if !trials.aa && trials.aa_blocks.is_some() {
        problems.push(
            Problem::error("spec.trials.aaBlocks", "is given, and spec.trials.aa is not true")
                .hint("set aa: true"),
        );
    }
    let criteria = spec
        .hypothesis
        .as_ref()
        .map_or(0, |hypothesis| hypothesis.criteria.len() + hypothesis.success_criteria.len());
    let least = least_blocks(trials, criteria);
    if criteria > 0 && schedule.planned_blocks() < least {
        problems.push(
            Problem::warning(
                "spec.trials.blocks",
                format!(
                    "is {}: {least} is the least with which {criteria} {} can be decided at {} confidence",
                    schedule.planned_blocks(),
                    if criteria == 1 { "criterion" } else { "criteria" },
                    crate::figure::percent(trials.confidence)
                ),
            )
            .hint("the verdict will be insufficient"),
        );
    }
    let limit = spec.budget.as_ref().and_then(|budget| schedule::duration(budget.duration.as_deref()?).ok());
    if let Some(limit) = limit.filter(|limit| schedule.time() > *limit) {
        let whole = schedule.time().as_secs();
        problems.push(
            Problem::error(
                "spec.budget.duration",
                format!("is {} s, and the blocks take about {whole} s", limit.as_secs()),
            )
            .hint("allow more time, or ask for fewer or shorter blocks"),
        );
    }
    problems
}

/// Returns the fewest blocks whose signed-rank test can reach the level that Holm's first step asks for:
/// the smallest two-sided p-value of `n` blocks is `2 / 2^n`.
#[must_use]
pub fn least_blocks(trials: &Trials, criteria: usize) -> u32 {
    #[expect(clippy::cast_precision_loss, reason = "at most forty criteria")]
    let level = (1.0 - trials.confidence) / criteria.max(1) as f64;
    let smallest = u32::try_from(testbed_stats::MIN_RATIOS).unwrap_or(u32::MAX);
    (smallest..100)
        .find(|blocks| 2.0_f64.powi(1 - i32::try_from(*blocks).unwrap_or(0)) <= level)
        .unwrap_or(100)
}

fn budget(spec: &ExperimentSpec) -> Vec<Problem> {
    let mut problems = Vec::new();
    let Some(budget) = &spec.budget else { return problems };
    if let Some(text) = &budget.duration {
        problems.extend(duration("spec.budget.duration", text, Duration::from_secs(1)));
    }
    problems
}

/// Returns what is wrong with what a metric measures. In a run without trials it is only said: its values are
/// observations, and experiments of the original must go on to work.
pub(super) fn measured(spec: &ExperimentSpec, metric: &Metric, field: &str) -> Vec<Problem> {
    let window = spec.trials.as_ref().map_or(Duration::from_secs(60), |trials| Timing::of(trials).window);
    let Ok(example) = query::example(&metric.query, window) else { return Vec::new() };
    let mut problems: Vec<Problem> = measurement::check(&example, metric.nature, metric.unit.as_deref())
        .into_iter()
        .map(|finding| Problem {
            field: format!("{field}.query"),
            message: finding.message,
            hint: finding.hint,
            severity: if spec.trials.is_some() { finding.severity } else { Severity::Warning },
        })
        .collect();
    let names = query::variables(&metric.query).unwrap_or_default();
    match &spec.trials {
        None => {
            if let Some(variable) = names.into_iter().find(|variable| variable.is_of_trials()) {
                problems.push(
                    Problem::error(
                        format!("{field}.query"),
                        format!("names ${}, and there are no trials", variable.name()),
                    )
                    .hint("add spec.variants and spec.trials"),
                );
            }
        }
        Some(_) => problems.extend(ranges(spec, metric, &example, window, field)),
    }
    problems
}

/// Returns what is wrong with a query of containers' figures that a kubelet of someone else repeats over what is read: what
/// stands still would be taken for none, and what was before the window for what is in it.
fn repeated(
    spec: &ExperimentSpec,
    metric: &Metric,
    example: &str,
    window: Duration,
    field: &str,
) -> Option<Problem> {
    let mut targets = spec.targets.iter().filter(|target| metric.is_of(&target.name));
    let target = targets.find(|target| target.cluster.kind.is_elsewhere())?;
    query::selectors(example).iter().find(|selector| selector.series.starts_with("container_"))?;
    let read = measurement::shortest_range(example).unwrap_or(window).min(window);
    let needed = HOUSEKEEPING * SAMPLES;
    (read < needed).then(|| {
        Problem::error(
            field,
            format!(
                "reads {} s of what containers use, which in the cluster of `{}` is renewed every {} s or so",
                read.as_secs_f64(),
                target.name,
                HOUSEKEEPING.as_secs()
            ),
        )
        .hint(format!("at least {} s are needed: make the window longer", needed.as_secs()))
    })
}

/// What a query reads must lie within the window, and be enough.
fn ranges(
    spec: &ExperimentSpec,
    metric: &Metric,
    example: &str,
    window: Duration,
    field: &str,
) -> Vec<Problem> {
    let mut problems = Vec::new();
    let field = format!("{field}.query");
    let back = measurement::reach(example);
    if back > window {
        problems.push(
            Problem::error(
                &field,
                format!("reads {} s, and the window has {} s", back.as_secs_f64(), window.as_secs_f64()),
            )
            .hint(if measurement::is_nested(example) {
                "windows within windows add up, and what lies before the window is warm-up, or another trial: make it \
                 `type: range` with an `aggregation`"
            } else {
                "write [$DURATION]: what lies before the window is warm-up, or another trial"
            }),
        );
    }
    if measurement::is_moved(example) {
        problems.push(
            Problem::error(&field, "reads at another time than that of its trial")
                .hint("write it without `offset` and `@`: it is asked for at the end of the window"),
        );
    }
    if query::is_quantile_within(example) {
        problems.push(
            Problem::error(&field, "makes something else of a quantile, whose bucket cannot be told then")
                .hint("have histogram_quantile(...) be what the query does last; a unit belongs into `unit`"),
        );
    }
    if let Some(function) = query::estimate(example) {
        problems.push(
            Problem::error(&field, format!("calls {function}, which guesses what lies within a bucket"))
                .hint("a share at a bucket's end is exact: `..._bucket{le=\"...\"}` over `..._count`"),
        );
    }
    let needed = SCRAPE_INTERVAL * SAMPLES;
    if let Some(shortest) = measurement::shortest_range(example).filter(|shortest| *shortest < needed) {
        problems.push(
            Problem::error(
                &field,
                format!(
                    "reads {} s of `{}`, in which there are fewer than {SAMPLES} samples",
                    shortest.as_secs_f64(),
                    metric.name
                ),
            )
            .hint(format!("the store has one every {} s: make the window longer", SCRAPE_INTERVAL.as_secs())),
        );
    }
    problems.extend(repeated(spec, metric, example, window, &field));
    let is_of_a_trial = ["testbed_load_", "testbed_arrived_"].iter().any(|name| metric.query.contains(name));
    if is_of_a_trial && !metric.query.contains("$TRIAL") {
        problems.push(
            Problem::error(field, "reads what a load generator reports, of whichever trial")
                .hint("add the label trial=\"$TRIAL\""),
        );
    }
    problems
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;
    use serde_json::json;

    /// Returns what is wrong with a query, in a window of so many seconds in a cluster of this type.
    fn said(query: &str, cluster: &str, window: u64) -> Vec<String> {
        let spec: ExperimentSpec = serde_json::from_value(json!({
            "targets": [{"name": "a", "cluster": {"type": "hub"}}, {"name": "b", "cluster": {"type": cluster}}],
            "variants": [{"name": "a"}, {"name": "b"}],
            "trials": {"window": format!("{window}s")},
            "workflow": {"template": "t", "completion": {"mode": "workflow"}},
            "metrics": [{"name": "m", "query": query, "unit": "cores"}],
        }))
        .unwrap();
        measured(&spec, &spec.metrics[0], "m").into_iter().map(|problem| problem.message).collect()
    }

    #[rstest]
    #[case::before("rate(x_cpu_seconds_total[2m])", "reads 120 s, and the window has 60 s")]
    #[case::nested(
        "max_over_time(sum(rate(x_cpu_seconds_total[40s]))[40s:5s])",
        "reads 80 s, and the window has 60 s"
    )]
    #[case::few("rate(x_cpu_seconds_total[5s])", "reads 5 s of `m`, in which there are fewer than 3 samples")]
    #[case::moved(
        "rate(x_cpu_seconds_total[30s] offset 10s)",
        "reads at another time than that of its trial"
    )]
    fn what_a_query_reads_lies_within_the_window_and_is_enough(#[case] query: &str, #[case] words: &str) {
        let said = said(query, "hub", 60);
        assert!(said.len() == 1 && said[0].contains(words), "{said:?}");
    }

    #[test]
    fn what_guesses_within_a_bucket_is_refused_unless_its_bucket_can_be_told() {
        let guesses = |query: &str| {
            let said = said(query, "hub", 60);
            said.iter().any(|message| message.contains("guesses what lies within a bucket"))
        };
        assert!(guesses("histogram_fraction(0, 0.3, sum by (le) (rate(x_seconds_bucket[30s])))"));
        assert!(guesses("1 - histogram_fraction(0, 0.3, rate(x_seconds_bucket[30s]))"));
        assert!(!guesses("histogram_quantile(0.5, sum by (le) (rate(x_seconds_bucket[30s])))"));
    }

    const CPU: &str = "sum(rate(container_cpu_usage_seconds_total{namespace=\"$NAMESPACE\"}[$DURATION]))";
    const MEMORY: &str = "sum(container_memory_working_set_bytes{namespace=\"$NAMESPACE\"})";

    #[rstest]
    #[case::of_ours(CPU, "local", 8, false)]
    #[case::short(CPU, "gke", 8, true)]
    #[case::of_someone_else(CPU, "existing", 30, true)]
    #[case::long(CPU, "gke", 45, false)]
    #[case::gauge(MEMORY, "aks", 30, true)]
    #[case::of_the_subject("sum(rate(x_total{namespace=\"$NAMESPACE\"}[$DURATION]))", "eks", 8, false)]
    fn what_a_kubelet_of_someone_else_repeats_needs_a_longer_window(
        #[case] query: &str,
        #[case] cluster: &str,
        #[case] window: u64,
        #[case] refused: bool,
    ) {
        let said = said(query, cluster, window);
        let repeated =
            said.iter().any(|message| message.contains("in the cluster of `b` is renewed every 15 s"));
        assert_eq!(repeated, refused, "{said:?}");
    }
}
