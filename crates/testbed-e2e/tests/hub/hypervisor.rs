//! What the hypervisor took from this machine while a test ran.
//!
//! Trials are void where it gives the processors to others, and with too few of them nothing may be decided. How much it
//! took is read here from the kernel, by a thread of the test and not by what is tested: only so is less than a verdict
//! let pass.

use anyhow::{Context, Result, ensure};
use jiff::Timestamp;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;
use testbed_api::Summary;
use testbed_api::record::TrialRecord;

/// Between two readings: short beside any window.
const PERIOD: Duration = Duration::from_millis(100);
/// Share of the CPU time of a window that explains why its trial is void. Less than what makes it void by itself: the
/// generator too is late where its processor is taken.
const EXPLAINS: f64 = 0.02;

/// CPU time of all processors since the kernel's start, in ticks.
#[derive(Clone, Copy, Debug)]
struct CpuTime {
    all: f64,
    stolen: f64,
}

impl CpuTime {
    fn now() -> Option<Self> {
        let text = std::fs::read_to_string("/proc/stat").ok()?;
        let ticks: Vec<f64> = text.lines().next()?.split_whitespace().flat_map(str::parse).collect();
        // user, nice, system, idle, iowait, irq, softirq, steal; guests are within user.
        Some(Self { all: ticks.iter().take(8).sum(), stolen: *ticks.get(7)? })
    }
}

/// Notes what the hypervisor takes, from its making until it is dropped.
pub struct Hypervisor {
    readings: Arc<Mutex<Vec<(Timestamp, CpuTime)>>>,
}

impl Hypervisor {
    /// Begins to note.
    pub fn watch() -> Result<Self> {
        CpuTime::now().context("the kernel does not say what was stolen")?;
        let readings = Arc::new(Mutex::new(Vec::new()));
        let noted = Arc::downgrade(&readings);
        thread::spawn(move || {
            while let Some(noted) = noted.upgrade() {
                noted.lock().unwrap().extend(CpuTime::now().map(|time| (Timestamp::now(), time)));
                drop(noted);
                thread::sleep(PERIOD);
            }
        });
        Ok(Self { readings })
    }

    /// Returns the share of the CPU time that it took in the window of a trial; nothing where the trial had none.
    fn took(&self, record: &TrialRecord) -> Option<f64> {
        let window = record.window.as_ref()?;
        let readings = self.readings.lock().unwrap();
        let start = readings.iter().rev().find(|(at, _)| *at <= window.start.0)?.1;
        let end = readings.iter().find(|(at, _)| *at >= window.end.0)?.1;
        Some((end.stolen - start.stolen) / (end.all - start.all))
    }

    /// Returns whether `wanted` blocks of a run are valid; fails if they are not, and it is not the hypervisor's doing.
    pub fn left_enough(&self, summary: &Summary, wanted: u32) -> Result<bool> {
        let records = summary.trials.iter().flat_map(|trials| &trials.records);
        let void: Vec<(&TrialRecord, Option<f64>)> = records
            .filter(|record| record.void.is_some())
            .map(|record| (record, self.took(record)))
            .collect();
        for (record, took) in &void {
            let took = took.map_or_else(|| "an unknown share".into(), |took| format!("{:.1} %", took * 1e2));
            println!("{}: it took {took}; void: {:?}", record.slot.trial, record.void);
        }
        let valid = summary.analysis.as_ref().context("no analysis")?.trials.valid_block_count;
        if valid >= wanted {
            return Ok(true);
        }
        let explained = void.iter().filter(|(_, took)| took.is_some_and(|took| took > EXPLAINS)).count();
        ensure!(
            explained * 2 > void.len(),
            "{valid} of {wanted} blocks are valid, and the hypervisor is to blame for {explained} of {} void trials: {:?}",
            void.len(),
            summary.verdict
        );
        Ok(false)
    }
}
