//! What this machine could not give while a test ran.
//!
//! Trials are void where the hypervisor gives the processors to others, and where the generator waits for one until its
//! requests are late; with too few of them nothing may be decided. Both are read here from the kernel, by a thread of the
//! test and not by what is tested: only so is less than a verdict let pass.

use anyhow::{Context, Result, ensure};
use jiff::Timestamp;
use std::fmt::{self, Display, Formatter};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;
use testbed_api::Summary;
use testbed_api::record::TrialRecord;

/// Between two readings: short beside any window.
const PERIOD: Duration = Duration::from_millis(100);
/// Share of the CPU time of a window that explains why its trial is void. Less than what makes it void by itself: the
/// generator too is late where its processor is taken.
const STOLEN: f64 = 0.02;
/// Share of a window in which something waited for a processor, that explains why its generator was late. In trials of
/// stores on a quiet hub of two cores it is 0.2; in those that a busy one made void it was 0.3 to 0.6.
const WAITED: f64 = 0.25;

/// CPU time of all processors since the kernel's start, in ticks, and for how long something waited for one, in seconds.
#[derive(Clone, Copy, Debug)]
struct CpuTime {
    all: f64,
    stolen: f64,
    waited: f64,
}

impl CpuTime {
    fn now() -> Option<Self> {
        // user, nice, system, idle, iowait, irq, softirq, steal; guests are within user.
        let text = std::fs::read_to_string("/proc/stat").ok()?;
        let ticks: Vec<f64> = text.lines().next()?.split_whitespace().flat_map(str::parse).collect();
        // some avg10=… avg60=… avg300=… total=MICROSECONDS
        let pressure = std::fs::read_to_string("/proc/pressure/cpu").ok()?;
        let waited: f64 = pressure.lines().next()?.rsplit_once('=')?.1.parse().ok()?;
        Some(Self { all: ticks.iter().take(8).sum(), stolen: *ticks.get(7)?, waited: waited / 1e6 })
    }
}

/// What was lost of a window, as shares of it.
struct Lost {
    stolen: f64,
    waited: f64,
}

impl Lost {
    /// Returns whether it explains why a trial is void.
    fn explains(&self, void: &str) -> bool {
        self.stolen > STOLEN || (void.contains("of its requests started late") && self.waited > WAITED)
    }
}

impl Display for Lost {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:.1} % stolen, {:.0} % waited", self.stolen * 1e2, self.waited * 1e2)
    }
}

/// Notes what is lost, from its making until it is dropped.
pub struct Machine {
    readings: Arc<Mutex<Vec<(Timestamp, CpuTime)>>>,
}

impl Machine {
    /// Begins to note.
    pub fn watch() -> Result<Self> {
        CpuTime::now().context("the kernel does not say what was stolen and who waited")?;
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

    /// Returns what was lost of the window of a trial; nothing where the trial had none.
    fn lost(&self, record: &TrialRecord) -> Option<Lost> {
        let window = record.window.as_ref()?;
        let readings = self.readings.lock().unwrap();
        let (began, start) = *readings.iter().rev().find(|(at, _)| *at <= window.start.0)?;
        let (ended, end) = *readings.iter().find(|(at, _)| *at >= window.end.0)?;
        Some(Lost {
            stolen: (end.stolen - start.stolen) / (end.all - start.all),
            waited: (end.waited - start.waited) / ended.duration_since(began).as_secs_f64(),
        })
    }

    /// Returns whether `wanted` blocks of a run are valid; fails if they are not, and it is not the machine's doing.
    pub fn left_enough(&self, summary: &Summary, wanted: u32) -> Result<bool> {
        let records = summary.trials.iter().flat_map(|trials| &trials.records);
        let void: Vec<bool> = records
            .filter_map(|record| Some((record, record.void.as_deref()?)))
            .map(|(record, void)| {
                let lost = self.lost(record);
                let said = lost.as_ref().map_or_else(|| "no window".into(), Lost::to_string);
                println!("{}: {said}; void: {void}", record.slot.trial);
                lost.is_some_and(|lost| lost.explains(void))
            })
            .collect();
        let valid = summary.analysis.as_ref().context("no analysis")?.trials.valid_block_count;
        if valid >= wanted {
            return Ok(true);
        }
        let explained = void.iter().filter(|explained| **explained).count();
        ensure!(
            explained * 2 > void.len(),
            "{valid} of {wanted} blocks are valid, and the machine is to blame for {explained} of {} void trials: {:?}",
            void.len(),
            summary.verdict
        );
        Ok(false)
    }
}
