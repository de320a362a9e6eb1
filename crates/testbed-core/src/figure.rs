//! Figures as people read them: each with its unit.

/// Returns a number as people read it: four significant digits, no exponent between a thousandth and a billion.
#[must_use]
pub fn number(value: f64) -> String {
    if value == 0.0 {
        return "0".into();
    }
    let magnitude = value.abs().log10().floor();
    if !(-4.0..9.0).contains(&magnitude) {
        return format!("{value:.3e}");
    }
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "between 0 and 7 by the range above"
    )]
    let decimals = (3.0 - magnitude).max(0.0) as usize;
    let text = format!("{value:.decimals$}");
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
}

/// Returns a value with its unit, scaled where people are used to it.
#[must_use]
pub fn with_unit(value: f64, unit: &str) -> String {
    match unit {
        "bytes" => scaled(
            value,
            &[(1024.0 * 1024.0 * 1024.0, "GiB"), (1024.0 * 1024.0, "MiB"), (1024.0, "KiB"), (1.0, "B")],
        ),
        "seconds" => scaled(value, &[(1.0, "s"), (1e-3, "ms"), (1e-6, "µs")]),
        "ratio" => format!("{} ×", number(value)),
        "1" | "" => number(value),
        unit => format!("{} {unit}", number(value)),
    }
}

fn scaled(value: f64, scales: &[(f64, &str)]) -> String {
    let (scale, unit) = scales
        .iter()
        .find(|(scale, _)| value.abs() >= *scale)
        .or(scales.last())
        .copied()
        .unwrap_or((1.0, ""));
    format!("{} {unit}", number(value / scale))
}

/// Returns a share as percent, with as many digits as mean something.
#[must_use]
pub fn percent(share: f64) -> String {
    format!("{} %", number((share * 1e6).round() / 1e4))
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case(0.0, "bytes", "0 B")]
    #[case(52_428_800.0, "bytes", "50 MiB")]
    #[case(0.012_34, "seconds", "12.34 ms")]
    #[case(12.5, "seconds", "12.5 s")]
    #[case(0.4321, "ratio", "0.4321 ×")]
    #[case(2000.0, "samples/s", "2000 samples/s")]
    #[case(0.05, "cores", "0.05 cores")]
    fn a_value_is_shown_with_its_unit(#[case] value: f64, #[case] unit: &str, #[case] shown: &str) {
        assert_eq!(with_unit(value, unit), shown);
    }
}
