//! Selectors of labels, of the kind `key=value,key=value`.

use std::collections::BTreeMap;

/// A selector: labels that must be there with these values.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Selector(BTreeMap<String, String>);

impl Selector {
    /// Parses `key=value,key=value`; an empty text selects everything.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(text: &str) -> Result<Self, String> {
        let pairs = text.split(',').map(str::trim).filter(|pair| !pair.is_empty());
        let parsed = pairs.map(|pair| {
            let (key, value) = pair.split_once("==").or_else(|| pair.split_once('=')).ok_or(pair)?;
            let (key, value) = (key.trim(), value.trim());
            let is_word = |text: &str| text.chars().all(|c| c.is_ascii_alphanumeric() || "-_./".contains(c));
            let ok = !key.is_empty() && !key.ends_with('!') && is_word(key) && is_word(value);
            ok.then(|| (key.to_owned(), value.to_owned())).ok_or(pair)
        });
        parsed
            .collect::<Result<_, &str>>()
            .map(Self)
            .map_err(|pair| format!("`{pair}` is not of the form key=value"))
    }

    /// Returns whether it selects what has these labels.
    #[must_use]
    pub fn matches(&self, labels: &BTreeMap<String, String>) -> bool {
        self.0.iter().all(|(key, value)| labels.get(key) == Some(value))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case("", true)]
    #[case("app=store", true)]
    #[case("app == store , tier=a", true)]
    #[case("app=other", false)]
    #[case("missing=x", false)]
    fn a_selector_selects_what_has_all_its_labels(#[case] text: &str, #[case] selected: bool) {
        let labels = [("app", "store"), ("tier", "a")].map(|(k, v)| (k.to_owned(), v.to_owned())).into();
        assert_eq!(Selector::parse(text).unwrap().matches(&labels), selected);
    }

    #[rstest]
    #[case("app")]
    #[case("app!=x")]
    #[case("app in (a, b)")]
    #[case("=x")]
    fn what_is_not_key_and_value_is_refused(#[case] text: &str) {
        assert!(Selector::parse(text).is_err());
    }
}
