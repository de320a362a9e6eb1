//! What is wrong with an input: the field, the reason and the fix.

use serde::Serialize;
use std::fmt;

/// Longest field that is shown, in bytes: a key of a map may be as long as the input.
const LONGEST_FIELD: usize = 512;
/// Longest message and longest hint, in bytes: both repeat what they speak of.
const LONGEST_TEXT: usize = 4096;

/// Returns the text, or its beginning if it has more than `limit` bytes.
#[must_use]
pub fn cut(mut text: String, limit: usize) -> String {
    if text.len() > limit {
        const MARK: &str = " …";
        text.truncate(text.floor_char_boundary(limit.saturating_sub(MARK.len())));
        text.push_str(MARK);
    }
    text
}

/// One thing wrong with an input.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Problem {
    /// Path of the field, such as `spec.targets[1].depends[0]`.
    pub field: String,
    /// What is wrong, without a trailing period.
    pub message: String,
    /// What to do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
    /// Whether it prevents a run.
    pub severity: Severity,
}

/// Whether a problem prevents a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// The input is refused.
    Error,
    /// The input is accepted, and this is said.
    Warning,
}

impl Problem {
    /// Makes a problem that refuses the input.
    pub fn error(field: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            field: cut(field.into(), LONGEST_FIELD),
            message: cut(message.into(), LONGEST_TEXT),
            hint: None,
            severity: Severity::Error,
        }
    }

    /// Makes a problem that is only said.
    pub fn warning(field: impl Into<String>, message: impl Into<String>) -> Self {
        Self { severity: Severity::Warning, ..Self::error(field, message) }
    }

    /// Adds what to do about it.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(cut(hint.into(), LONGEST_TEXT));
        self
    }

    /// Returns whether the input is refused for it.
    #[must_use]
    pub fn refuses(&self) -> bool {
        self.severity == Severity::Error
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.field, self.message)?;
        match &self.hint {
            Some(hint) => write!(f, " ({hint})"),
            None => Ok(()),
        }
    }
}

/// Returns the candidate most like `word`, if one is like it at all.
///
/// Likeness is the Levenshtein distance, which may be at most a third of the word's length.
#[must_use]
pub fn did_you_mean<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    candidates
        .into_iter()
        .map(|candidate| (distance(word, candidate), candidate))
        .filter(|(distance, _)| *distance <= word.chars().count().div_ceil(3))
        .min()
        .map(|(_, candidate)| candidate)
}

/// Levenshtein distance, by rows.
fn distance(left: &str, right: &str) -> usize {
    let right: Vec<char> = right.chars().collect();
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (i, a) in left.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, b) in right.iter().enumerate() {
            let replaced = diagonal + usize::from(a != *b);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[right.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_of_the_pen_finds_its_word() {
        let known = ["tsdb-comparison", "hello-app"];
        assert_eq!(did_you_mean("tsdb-comparision", known), Some("tsdb-comparison"));
        assert_eq!(did_you_mean("gateway", known), None);
    }

    #[test]
    fn a_problem_reads_as_field_reason_and_fix() {
        let problem = Problem::error("spec.ttlDays", "is 0").hint("give a number from 1 to 365");
        assert_eq!(problem.to_string(), "spec.ttlDays: is 0 (give a number from 1 to 365)");
    }
}
