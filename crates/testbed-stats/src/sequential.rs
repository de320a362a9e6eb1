//! Stopping early by a rule fixed beforehand.
//!
//! Lan & DeMets (1983), Biometrika 70, 659-663, with a spending function of the type of O'Brien & Fleming (1979).

use crate::distribution::{normal_cdf, normal_quantile};

/// Returns how much of `alpha` may be spent when the fraction `information` of the largest run is there.
///
/// `alpha(t) = 2 - 2 Phi(z / sqrt t)` with `z` the `1 - alpha / 2` quantile: next to nothing early, all of it at the end.
/// Nothing is spent on a fraction or an `alpha` that makes no sense.
#[must_use]
pub fn spent(alpha: f64, information: f64) -> f64 {
    let sensible = alpha > 0.0 && alpha < 1.0 && information > 0.0;
    if !sensible {
        0.0
    } else if information >= 1.0 {
        alpha
    } else {
        2.0 * normal_cdf(normal_quantile(0.5 * alpha) / information.sqrt())
    }
}

/// Returns the error rate that each look may use up, when it happens after that many blocks of at most `max`.
///
/// A look at error rate `e` takes an interval at level `1 - e`.
/// The rates sum to at most `alpha`, so that by the union bound the whole procedure errs at most that often,
/// whatever the dependence between the looks; a look that does not go beyond an earlier one gets nothing.
/// A look at so small a rate `e` needs at least `2 / e` resamples, and one that got nothing is not to be taken.
#[must_use]
pub fn looks(alpha: f64, looks: &[u32], max: u32) -> Vec<f64> {
    let mut before = 0.0_f64;
    looks
        .iter()
        .map(|blocks| {
            let now = spent(alpha, f64::from(*blocks) / f64::from(max)).max(before);
            let share = now - before;
            before = now;
            share
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn nothing_is_spent_on_nonsense() {
        assert_eq!(spent(0.05, f64::NAN), 0.0);
        assert_eq!(spent(f64::NAN, 0.5), 0.0);
        assert_eq!(spent(0.05, -1.0), 0.0);
        assert_eq!(looks(0.05, &[0], 0), [0.0]);
        assert_eq!(looks(0.05, &[20, 20, 10], 20), [0.05, 0.0, 0.0]);
    }

    proptest! {
        #[test]
        fn looks_never_spend_more_than_there_is(
            alpha in 0.001..0.2, at in prop::collection::vec(0_u32..100, 0..10), max in 1_u32..80,
        ) {
            let shares = looks(alpha, &at, max);
            prop_assert!(shares.iter().all(|share| *share >= 0.0));
            prop_assert!(shares.iter().sum::<f64>() <= alpha * (1.0 + 1e-12));
        }
    }
}
