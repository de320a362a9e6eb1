//! Several criteria at once: the step-down procedure of Holm (1979), Scand. J. Statist. 6, 65-70.

/// Returns Holm's adjusted p-values, in the order of `p`.
///
/// With `p(1) <= ... <= p(m)` the adjusted value of `p(j)` is `max over i <= j of min(1, (m - i + 1) p(i))`.
/// A p-value that is not a number counts as 1: no evidence.
#[must_use]
pub fn holm(p: &[f64]) -> Vec<f64> {
    let mut adjusted = vec![1.0; p.len()];
    let mut least = 0.0_f64;
    for (step, index) in ascending(p).into_iter().enumerate() {
        least = least.max((p.len() - step) as f64 * evidence(p[index])).min(1.0);
        adjusted[index] = least;
    }
    adjusted
}

/// Returns for each p-value the level it is compared with at its step: `alpha / (m - i + 1)` for the `i`-th smallest.
///
/// The procedure rejects from the smallest on and stops at the first p-value above its level.
#[must_use]
pub fn holm_levels(p: &[f64], alpha: f64) -> Vec<f64> {
    let mut levels = vec![alpha; p.len()];
    for (step, index) in ascending(p).into_iter().enumerate() {
        levels[index] = alpha / (p.len() - step) as f64;
    }
    levels
}

/// Returns the positions of `p` from the smallest value on, equal ones in their order.
fn ascending(p: &[f64]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..p.len()).collect();
    order.sort_by(|a, b| evidence(p[*a]).total_cmp(&evidence(p[*b])));
    order
}

/// A p-value as it counts: within 0 and 1.
fn evidence(p: f64) -> f64 {
    if p.is_nan() { 1.0 } else { p.clamp(0.0, 1.0) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The example of Wikipedia, "Holm-Bonferroni method"; R's `p.adjust(p, "holm")` gives the same.
    #[test]
    fn adjusted_values_are_those_of_the_example() {
        let adjusted = holm(&[0.01, 0.04, 0.03, 0.005]);
        for (adjusted, expected) in adjusted.iter().zip([0.03, 0.06, 0.06, 0.02]) {
            assert!((adjusted - expected).abs() < 1e-15);
        }
        let levels = holm_levels(&[0.01, 0.04, 0.03, 0.005], 0.05);
        assert_eq!(levels, [0.05 / 3.0, 0.05, 0.05 / 2.0, 0.05 / 4.0]);
    }

    #[test]
    fn what_is_not_a_number_is_no_evidence() {
        assert_eq!(holm(&[f64::NAN, 0.01]), [1.0, 0.02]);
        assert!(holm(&[]).is_empty());
    }

    proptest! {
        #[test]
        fn adjusted_values_keep_the_order_and_are_never_below(p in prop::collection::vec(0.0..=1.0, 0..20)) {
            let adjusted = holm(&p);
            for (i, value) in adjusted.iter().enumerate() {
                prop_assert!((p[i]..=1.0).contains(value));
                for (j, other) in adjusted.iter().enumerate() {
                    prop_assert!(p[i] > p[j] || value <= other);
                }
            }
        }

        #[test]
        fn rejecting_by_levels_is_rejecting_by_adjusted_values(p in prop::collection::vec(0.0..0.2, 1..10)) {
            let (adjusted, levels) = (holm(&p), holm_levels(&p, 0.05));
            let mut order: Vec<usize> = (0..p.len()).collect();
            order.sort_by(|a, b| p[*a].total_cmp(&p[*b]));
            let rejected = order.iter().take_while(|index| p[**index] <= levels[**index]).count();
            prop_assert_eq!(rejected, adjusted.iter().filter(|value| **value <= 0.05).count());
        }
    }
}
