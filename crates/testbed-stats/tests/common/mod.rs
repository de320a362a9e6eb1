//! Seeded data of known distributions, for simulation.
#![allow(dead_code, reason = "each test and example takes a part")]

use rand_pcg::Pcg64;
use rand_pcg::rand_core::Rng;
use std::f64::consts::PI;

/// Draws from the distributions that benchmark data resemble.
pub struct Source(Pcg64);

impl Source {
    /// Starts at a seed.
    pub fn new(seed: u64) -> Self {
        Self(Pcg64::new(u128::from(seed), 1))
    }

    /// A seed for something else.
    pub fn seed(&mut self) -> u64 {
        self.0.next_u64()
    }

    /// Uniform in (0, 1).
    fn uniform(&mut self) -> f64 {
        ((self.0.next_u64() >> 11) as f64 + 0.5) / (1_u64 << 53) as f64
    }

    /// Standard normal, by Box & Muller.
    pub fn normal(&mut self) -> f64 {
        (-2.0 * self.uniform().ln()).sqrt() * (2.0 * PI * self.uniform()).cos()
    }
}

/// How the logarithm of the ratio of one block is distributed, always with mean 0 and, but for `Trials`, sd 1.
#[derive(Clone, Copy, Debug)]
pub enum Data {
    /// Normal log ratios, that is, log-normal ratios.
    Normal,
    /// Log-normal log ratios, which are skewed (skewness 1.75, of sigma 0.5).
    LogNormal,
    /// One mode or another four of their standard deviations apart, equally often.
    Bimodal,
    /// The same two modes, but the upper one only in three of ten blocks (skewness 0.64).
    BimodalUneven,
    /// The ratio of two trials, whose noise above 1 is log-normal: sigma 1 and a tenth of the value for one variant,
    /// half as much noise for the other.
    Trials,
}

pub const ALL: [Data; 5] = [Data::Normal, Data::LogNormal, Data::Bimodal, Data::BimodalUneven, Data::Trials];

impl Data {
    /// The log ratio of one block.
    pub fn draw(self, source: &mut Source) -> f64 {
        match self {
            Self::Normal => source.normal(),
            Self::LogNormal => {
                let sigma: f64 = 0.5;
                let mean = (0.5 * sigma * sigma).exp();
                let sd = mean * ((sigma * sigma).exp() - 1.0).sqrt();
                ((sigma * source.normal()).exp() - mean) / sd
            }
            Self::Bimodal => bimodal(source, 0.5),
            Self::BimodalUneven => bimodal(source, 0.3),
            Self::Trials => {
                let mut noise = |share: f64| (share * source.normal().exp()).ln_1p();
                noise(0.1) - noise(0.05) - TRIALS_MEAN
            }
        }
    }
}

/// The mean of `ln(1 + 0.1 e^z) - ln(1 + 0.05 e^z)` over standard normal `z`, by quadrature in SciPy.
const TRIALS_MEAN: f64 = 0.0653800240144501;

fn bimodal(source: &mut Source, upper: f64) -> f64 {
    let distance = 4.0;
    let mode = if source.uniform() < upper { distance } else { 0.0 };
    let sd = (1.0 + upper * (1.0 - upper) * distance * distance).sqrt();
    (mode - upper * distance + source.normal()) / sd
}
