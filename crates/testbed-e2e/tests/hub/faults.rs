//! Faults chosen by chance around a real API server, with the operator as a process that is really killed (T1).
//! `make sweep ARGS=--real` lives every plan.

use anyhow::{Context, Result, ensure};
use std::sync::Arc;
use testbed_core::names::keyed;
use testbed_sim::real::{Pool, Programs};
use testbed_sim::runs;
use testbed_sim::sweep::{self, Part};
use testbed_sim::world::{Ground, live};

/// Runs of which one is lived: on the hub, and in a cluster of its own.
const RUNS: [&str; 2] = ["hub", "cluster"];
/// Plans that are lived, as many as there is room for at once.
const PLANS: u64 = 6;

#[test]
fn faults_by_chance_around_a_real_api_server_change_nothing_but_the_time() -> Result<()> {
    let seed = sweep::seed();
    let ground = Ground::Real(Arc::new(Pool::new(Programs::find()?.crowded(), None)?));
    let name = RUNS[usize::try_from(keyed(seed, &["run"]) % 2)?];
    let scenario = runs::named(name).context("there is no such run")?;
    let reference = live(&ground, &scenario, &[]);
    ensure!(reference.broken.is_empty(), "without any fault: {:#?}", reference.broken);
    let singles = sweep::singles(&ground, &reference, Part::WHOLE);
    let chosen: Vec<_> = (0..PLANS)
        .filter_map(|number| {
            let drawn = keyed(seed, &[&number.to_string()]) % singles.len() as u64;
            singles.get(usize::try_from(drawn).ok()?).cloned()
        })
        .collect();
    println!("{name}: plans {chosen:?}");
    let failures = sweep::run(&ground, &scenario, &reference, &chosen, |_, _| ());
    let said: Vec<String> = failures.iter().map(ToString::to_string).collect();
    ensure!(said.is_empty(), "seed {seed}:\n{}", said.join("\n"));
    Ok(())
}
