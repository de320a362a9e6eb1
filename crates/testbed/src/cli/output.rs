//! How things are printed: tables as kubectl's, ages, and text that cannot move the cursor.

use anyhow::Result;
use clap::ValueEnum;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use comfy_table::{Table, presets};
use jiff::SignedDuration;
use serde::Serialize;
use serde_json::{Value, json};

/// Output format.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// What a person wants to read first
    Table,
    /// The same with more columns
    Wide,
    /// The whole, as JSON; a list is a Kubernetes list
    Json,
    /// The whole, as YAML
    Yaml,
    /// Names only, as `kubectl` takes them
    Name,
}

/// Reads the output format of what is about nothing that has a name.
pub(crate) fn nameless() -> impl TypedValueParser<Value = Format> {
    let formats = Format::value_variants().iter().filter(|format| **format != Format::Name);
    PossibleValuesParser::new(formats.filter_map(ValueEnum::to_possible_value))
        .try_map(|word| Format::from_str(&word, false))
}

/// Prints a value as JSON or YAML; returns whether the format is one of these.
pub(crate) fn print_whole(value: &impl Serialize, format: Format) -> Result<bool> {
    match format {
        Format::Json => anstream::println!("{}", serde_json::to_string_pretty(value)?),
        Format::Yaml => anstream::print!("{}", serde_saphyr::to_string(value)?),
        Format::Table | Format::Wide | Format::Name => return Ok(false),
    }
    Ok(true)
}

/// Returns objects as a Kubernetes list.
pub(crate) fn list(items: &impl Serialize) -> Result<Value> {
    Ok(json!({"apiVersion": "v1", "kind": "List", "items": serde_json::to_value(items)?}))
}

/// Returns a table without lines.
pub(crate) fn table(header: &[&str]) -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_header(header);
    table
}

/// Returns a table without trailing blanks, each line ended.
pub(crate) fn rendered(table: &mut Table) -> String {
    for column in table.column_iter_mut() {
        column.set_padding((0, 3));
    }
    table.lines().map(|line| format!("{}\n", line.trim_end())).collect()
}

/// Prints a table without trailing blanks.
pub(crate) fn print_table(table: &mut Table) {
    anstream::print!("{}", plain(&rendered(table)));
}

/// Returns a duration as kubectl writes ages: `45s`, `3m10s`, `4h5m`, `3d4h`.
pub(crate) fn age(duration: SignedDuration) -> String {
    let seconds = duration.as_secs().max(0);
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3600 % 24, seconds / 60 % 60);
    let pair = |big: i64, unit: &str, small: i64, smaller: &str| match small {
        0 => format!("{big}{unit}"),
        _ => format!("{big}{unit}{small}{smaller}"),
    };
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{seconds}s"),
        (0, 0, _) => pair(minutes, "m", seconds % 60, "s"),
        (0, _, _) => pair(hours, "h", minutes, "m"),
        _ => pair(days, "d", hours, "h"),
    }
}

/// Returns text of the cluster so that a terminal only shows it.
pub(crate) use testbed_core::tutorial::plain;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages_read_as_kubectl_writes_them() {
        let ages = [0, 45, 60, 190, 3600, 14_700, 86_400, 273_600]
            .map(|seconds| age(SignedDuration::from_secs(seconds)));
        assert_eq!(ages, ["0s", "45s", "1m", "3m10s", "1h", "4h5m", "1d", "3d4h"]);
    }

    #[test]
    fn what_would_steer_a_terminal_is_taken_out() {
        assert_eq!(plain("a\u{1b}[2Jb\u{9b}31mc\r\n"), "a[2Jb31mc\n");
    }
}
