//! Tokens by which the agent of a run writes metrics to the hub: the UID of the run, and a signature of it.
//!
//! A token says nothing but whose series these are. It is never stored on the hub: who has the key can make it again.

use crate::names::hex;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

/// Shortest key, in bytes: a shorter one would be easier to find than the signature.
pub const SHORTEST_KEY: usize = 32;

/// Returns the token of the Experiment with that UID: `<uid>.<hex HMAC-SHA256(key, uid)>`.
#[must_use]
pub fn token(key: &[u8], uid: &str) -> String {
    format!("{uid}.{}", hex(&mac(key, uid).finalize().into_bytes()))
}

/// Returns the UID a token was made for, if it was made with this key.
///
/// The signature is compared in constant time. A signature in capitals is no signature: one run has one token.
#[must_use]
pub fn verify<'a>(key: &[u8], token: &'a str) -> Option<&'a str> {
    let (uid, signature) = token.rsplit_once('.')?;
    let signature = bytes(signature)?;
    mac(key, uid).verify_slice(&signature).ok().map(|()| uid)
}

#[expect(clippy::expect_used, reason = "HMAC takes a key of any length: a longer one than a block is hashed")]
fn mac(key: &[u8], uid: &str) -> Hmac<Sha256> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("a key of any length");
    mac.update(uid.as_bytes());
    mac
}

/// Reads what [`hex`] writes.
fn bytes(text: &str) -> Option<Vec<u8>> {
    let digit = |letter: u8| match letter {
        b'0'..=b'9' => Some(letter - b'0'),
        b'a'..=b'f' => Some(letter - b'a' + 10),
        _ => None,
    };
    let pairs = text.as_bytes().chunks(2);
    pairs
        .map(|pair| match *pair {
            [high, low] => Some(digit(high)? << 4 | digit(low)?),
            _ => None,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use rstest::rstest;

    const KEY: &[u8] = b"0123456789abcdef0123456789abcdef01234567";
    const UID: &str = "6f1c2e0a-6f0f-4a53-8f4e-0c8f5d1f2b3a";

    #[test]
    fn a_signature_is_the_published_one() {
        // Test case 2 of RFC 4231.
        assert_eq!(
            token(b"Jefe", "what do ya want for nothing?"),
            "what do ya want for nothing?.\
             5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
        );
    }

    #[test]
    fn a_token_tells_whose_it_is() {
        assert_eq!(verify(KEY, &token(KEY, UID)), Some(UID));
    }

    #[test]
    fn another_key_and_another_run_make_another_token() {
        let other = "6f1c2e0a-6f0f-4a53-8f4e-0c8f5d1f2b3b";
        assert_eq!(verify(b"another key of the same length, or so it is", &token(KEY, UID)), None);
        assert_eq!(verify(KEY, &token(KEY, UID).replace(UID, other)), None);
    }

    #[rstest]
    #[case::nothing("")]
    #[case::no_signature(UID)]
    #[case::an_empty_signature("6f1c2e0a-6f0f-4a53-8f4e-0c8f5d1f2b3a.")]
    #[case::half_a_digit("6f1c2e0a-6f0f-4a53-8f4e-0c8f5d1f2b3a.abc")]
    #[case::no_digits("6f1c2e0a-6f0f-4a53-8f4e-0c8f5d1f2b3a.xx")]
    #[case::not_ascii("6f1c2e0a-6f0f-4a53-8f4e-0c8f5d1f2b3a.ää")]
    fn what_is_no_token_is_refused(#[case] token: &str) {
        assert_eq!(verify(KEY, token), None);
    }

    #[test]
    fn capitals_and_a_shorter_signature_are_refused() {
        let token = token(KEY, UID);
        assert_eq!(verify(KEY, &token.to_uppercase()), None);
        let (uid, signature) = token.rsplit_once('.').unwrap();
        assert_eq!(verify(KEY, &format!("{uid}.{}", signature.to_uppercase())), None);
        assert_eq!(verify(KEY, &format!("{uid}.{}", &signature[..32])), None);
    }

    proptest! {
        #[test]
        fn a_token_with_one_letter_changed_is_refused(at in 0_usize..101, letter in any::<char>()) {
            let token = token(KEY, UID);
            let mut letters: Vec<char> = token.chars().collect();
            prop_assume!(letters[at] != letter);
            letters[at] = letter;
            let changed: String = letters.into_iter().collect();
            prop_assert_eq!(verify(KEY, &changed), None);
        }
    }
}
