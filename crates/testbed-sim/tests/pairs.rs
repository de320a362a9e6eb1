//! Pairs of faults, by forking. One test, for where processes fork nothing else may be at work.
#![allow(missing_docs, clippy::unwrap_used, reason = "a test that cannot go on panics")]

use std::cell::Cell;
use testbed_sim::fault::{Fault, Mode};
use testbed_sim::pairs;
use testbed_sim::runs;
use testbed_sim::sweep::Part;
use testbed_sim::world::{Ground, Outcome, live};

#[test]
fn every_pair_is_lived_and_what_breaks_is_told() {
    let scenario = runs::named("deleted-at-once").unwrap();
    let reference = live(&Ground::Memory, &scenario, &[]);
    let told = Cell::new(0);
    let swept =
        pairs::run(&scenario, &reference, &[Mode::CrashAfter], Part::WHOLE, || told.set(told.get() + 1))
            .unwrap();
    assert_eq!(swept.broken, Vec::<Vec<Fault>>::new());
    // Who died has more to send than who did not.
    let least = reference.writes * (reference.writes - 1) / 2;
    assert!(swept.lived >= least && swept.lived == told.get(), "{} of at least {least}", swept.lived);

    // Beside a run that wrote nothing, one that is only woken writes too much, every time.
    let silent = Outcome { writes: 0, ..reference.clone() };
    let swept = pairs::run(&scenario, &silent, &[Mode::Woken], Part::WHOLE, || ()).unwrap();
    assert_eq!((swept.lived, swept.broken.len()), (least, least));
    let mut points: Vec<_> = swept.broken.iter().map(|plan| (plan[0].point, plan[1].point)).collect();
    points.sort_unstable();
    let wanted = (1..=reference.writes)
        .flat_map(|first| (first + 1..=reference.writes).map(move |second| (first, second)));
    assert_eq!(points, wanted.collect::<Vec<_>>());
    let failure = pairs::again(&scenario, &silent, &swept.broken[0]);
    assert!(failure.broken[0].starts_with("F10") && failure.plan.len() == 1, "{failure}");
}
