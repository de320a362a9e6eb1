//! Names of the objects a run makes: functions of the Experiment's UID, so that no two runs ever share one.

use serde::Serialize;
use sha2::{Digest, Sha256};

/// Letters of base 32 that cannot be misread and may stand anywhere in a DNS label.
const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";

/// Length of the part that makes a name unique: 40 bits.
const HASH_LENGTH: usize = 8;

/// Longest name: what a DNS label may have.
const MAX_LENGTH: usize = 63;

/// Returns the name of a child of the run `uid`, readable by `words` and unique by a hash of UID, role and words.
///
/// Words are cut, last ones first kept whole where they fit, so that the whole is a DNS label.
#[must_use]
pub fn child(uid: &str, role: &str, words: &[&str]) -> String {
    child_within(MAX_LENGTH, uid, role, words)
}

/// Longest name of a cluster: what it is made of puts something behind it.
const MAX_CLUSTER: usize = 40;

/// Returns the name of the cluster of a target. It begins with a letter, for it is the name of a Service too.
#[must_use]
pub fn cluster(uid: &str, words: &[&str]) -> String {
    let name = child_within(MAX_CLUSTER, uid, "cluster", words);
    if name.starts_with(|first: char| first.is_ascii_digit()) { format!("c-{name}") } else { name }
}

/// Returns the name of the Secret by which Argo CD knows a cluster.
#[must_use]
pub fn registration(cluster: &str) -> String {
    format!("cluster-{cluster}")
}

fn child_within(length: usize, uid: &str, role: &str, words: &[&str]) -> String {
    let mut hasher = Sha256::new();
    for part in [uid, role].iter().chain(words) {
        hasher.update(part.as_bytes());
        hasher.update([0]);
    }
    let hash: String = hasher
        .finalize()
        .iter()
        .take(HASH_LENGTH)
        .map(|byte| char::from(ALPHABET[usize::from(byte & 31)]))
        .collect();
    let room = (length - HASH_LENGTH - 1) / words.len().max(1) - 1;
    // The name of an Experiment may have dots, and that of a namespace none.
    let readable: Vec<String> =
        words.iter().map(|word| cut(word, room).replace('.', "-")).filter(|word| !word.is_empty()).collect();
    format!("{}-{hash}", readable.join("-"))
}

/// Returns the first `room` characters, without the dashes and dots they might end with.
fn cut(word: &str, room: usize) -> &str {
    let end = word.char_indices().nth(room).map_or(word.len(), |(index, _)| index);
    word[..end].trim_end_matches(['-', '.'])
}

/// Returns a document as it is stored, and its SHA-256.
///
/// # Errors
/// A value that JSON cannot hold.
pub fn document<T: Serialize>(content: &T) -> Result<(Vec<u8>, String), serde_json::Error> {
    let mut bytes = serde_json::to_vec_pretty(content)?;
    bytes.push(b'\n');
    let digest = sha256(&bytes);
    Ok((bytes, digest))
}

/// Returns a number that is a function of the seed and the words, and otherwise as good as random.
#[must_use]
pub fn keyed(seed: u64, words: &[&str]) -> u64 {
    let digest = sha256(format!("{seed}\n{}", words.join("\n")).as_bytes());
    u64::from_str_radix(&digest[..16], 16).unwrap_or_default()
}

/// Returns the lower-case hexadecimal SHA-256 of `bytes`.
#[must_use]
pub fn sha256(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

/// Returns what tells one text from another where nobody gains by making two alike: 64 bits of its SHA-256.
#[must_use]
pub fn short_digest(text: &str) -> String {
    sha256(text.as_bytes())[..16].to_owned()
}

/// Returns bytes as lower-case hexadecimal digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_same_words_of_two_runs_make_two_names() {
        assert_ne!(child("u1", "namespace", &["a", "b-c"]), child("u2", "namespace", &["a", "b-c"]));
    }

    #[test]
    fn words_that_join_alike_make_two_names() {
        assert_ne!(child("u", "namespace", &["a", "b-c"]), child("u", "namespace", &["a-b", "c"]));
    }

    #[test]
    fn a_name_can_be_read() {
        let name = child("u1", "namespace", &["tsdb-comparison-x7k2q", "left"]);
        assert!(name.starts_with("tsdb-comparison-x7k2q-left-"), "{name}");
    }

    proptest! {
        #[test]
        fn every_name_is_a_dns_label(
            uid in "[a-f0-9-]{36}",
            words in prop::collection::vec("[a-z0-9]([-.a-z0-9]{0,60}[a-z0-9])?", 1..4),
        ) {
            let words: Vec<&str> = words.iter().map(String::as_str).collect();
            let name = child(&uid, "role", &words);
            prop_assert!(name.len() <= MAX_LENGTH);
            prop_assert!(name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-'));
            prop_assert!(!name.starts_with('-') && !name.ends_with('-'));
        }
    }
}
