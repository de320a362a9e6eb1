//! What the command line says, word for word. No cluster is needed for any of it.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on panics")]

use assert_cmd::Command;
use std::path::Path;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap()
}

/// Returns `testbed` in the project's folder, with no hub.
fn command(arguments: &[&str]) -> Command {
    let mut command = Command::cargo_bin("testbed").unwrap();
    command
        .args(arguments)
        .current_dir(root())
        .env_remove("KUBECONFIG")
        .env("TESTBED_STATE", "/nonexistent")
        .env("TESTBED_RUN", "/nonexistent")
        .env("HOME", "/nonexistent")
        .env("COLUMNS", "110");
    command
}

/// Runs `testbed` and returns what it said, with its exit code.
fn testbed(arguments: &[&str]) -> String {
    let output = command(arguments).output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).replace(&root().display().to_string(), "[ROOT]");
    let mut said = format!("exit {}\n", output.status.code().unwrap());
    for (name, bytes) in [("out", &output.stdout), ("error", &output.stderr)] {
        if !bytes.is_empty() {
            said.push_str(&format!("--- {name}\n{}", text(bytes)));
        }
    }
    said
}

macro_rules! says {
    ($name:ident, $($argument:literal),+) => {
        #[test]
        fn $name() {
            insta::assert_snapshot!(testbed(&[$($argument),+]));
        }
    };
}

says!(help_teaches_by_example, "--help");
says!(help_of_run_explains_every_flag, "run", "--help");
says!(help_of_tutorial_says_where_kubeconfigs_lie, "tutorial", "--help");
says!(help_of_bundle_says_where_it_is_written, "bundle", "--help");
says!(help_of_replay_explains_what_is_repeated, "replay", "--help");
says!(what_is_not_a_bundle_is_said_to_be_none, "replay", "schemas/summary.schema.json");
says!(help_of_hub_explains_where_things_are_kept, "hub", "--help");
says!(every_experiment_of_the_project_is_valid, "validate");
says!(a_plan_says_what_a_run_would_do, "plan", "tsdb-comparison");
says!(
    a_plan_of_three_clouds_says_what_each_costs,
    "plan",
    "--file",
    "crates/testbed/tests/fixtures/three-clouds.yaml",
    "--set",
    "budget.usd=5"
);
says!(
    a_cloud_is_replaced_by_clusters_on_this_machine,
    "plan",
    "--file",
    "crates/testbed/tests/fixtures/three-clouds.yaml",
    "--target-type",
    "local"
);
says!(
    a_budget_that_is_too_small_is_refused,
    "plan",
    "--file",
    "crates/testbed/tests/fixtures/three-clouds.yaml",
    "--set",
    "budget.usd=0.01"
);
says!(a_plan_can_be_read_by_machines, "plan", "hello-app", "-o", "json");
says!(a_slip_in_a_name_is_met_with_the_right_one, "plan", "tsdb-comparision");
says!(what_has_no_name_is_not_printed_as_one, "why", "hello-app", "-o", "name");
says!(
    everything_wrong_with_an_experiment_is_said_at_once,
    "validate",
    "-f",
    "crates/testbed/tests/bad/everything.yaml"
);
says!(
    what_is_not_an_experiment_is_said_to_be_none,
    "validate",
    "-f",
    "crates/testbed/tests/bad/not-an-experiment.yaml"
);
says!(
    the_example_of_the_seed_is_valid_and_what_it_does_not_get_is_said,
    "validate",
    "-f",
    "crates/testbed/tests/fixtures/seed-readme.yaml"
);
says!(
    a_wrong_tutorial_is_refused_before_anything_is_made,
    "plan",
    "--file",
    "crates/testbed/tests/bad/tutorial/experiment.yaml"
);
says!(
    what_a_file_says_of_itself_steers_no_terminal,
    "plan",
    "hello-app",
    "--set",
    "hypothesis.claim=\"\\e]52;c;YQ==\\aharmless\\u202e\""
);
says!(
    a_tutorial_that_names_what_the_run_does_not_have_is_refused,
    "validate",
    "-f",
    "crates/testbed/tests/bad/tutorial/experiment.yaml"
);
says!(yaml_that_does_not_parse_is_shown_where, "validate", "-f", "crates/testbed/tests/bad/syntax.yaml");
says!(an_alias_bomb_is_refused, "validate", "-f", "crates/testbed/tests/bad/bomb.yaml");
says!(the_catalog_is_listed, "catalog", "list");
says!(without_a_cluster_the_way_to_one_is_shown, "list");

#[test]
fn what_is_made_on_demand_is_completed() {
    let words = ["--", "testbed", "hub", "up", "--with", ""];
    let output = command(&words).env("COMPLETE", "fish").output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!(said.lines().collect::<Vec<_>>(), ["loki"], "{output:?}");
}

/// Copies a file, or a folder with all that is in it.
fn copy(from: &Path, to: &Path) {
    if !from.is_dir() {
        std::fs::create_dir_all(to.parent().unwrap()).unwrap();
        std::fs::copy(from, to).unwrap();
        return;
    }
    for entry in std::fs::read_dir(from).unwrap() {
        let from = entry.unwrap().path();
        copy(&from, &to.join(from.file_name().unwrap()));
    }
}

#[test]
fn components_that_no_experiment_names_and_copies_that_pass_for_others_are_told() {
    let project = tempfile::tempdir().unwrap();
    let root = root();
    for part in ["hub/parts.yaml", "components", "experiments/noise-floor", "platform/workflows"] {
        copy(&root.join(part), &project.path().join(part));
    }
    copy(&root.join("experiments/noise-floor"), &project.path().join("experiments/copied"));
    let broken = project.path().join("components/testing/broken");
    std::fs::create_dir_all(&broken).unwrap();
    let object = "apiVersion: experiments.illm.io/v1alpha1\nkind: Component\nmetadata: {name: broken}\n\
                  spec: {type: app, colour: red}\n";
    std::fs::write(broken.join("component.yaml"), object).unwrap();
    let said = testbed(&["validate", "--root", project.path().to_str().unwrap()]);
    let lines: Vec<&str> = said.lines().map(str::trim).collect();
    for wanted in [
        "exit 2",
        "error: spec.colour: there is no such field",
        "error: spec.sources: is empty, so there is nothing to deploy (publish a folder of the catalog with `testbed catalog push`, or name a source)",
        "warning: metadata.generateName: is `noise-floor-`, and its folder `copied` (write `copied-`, so that `copied` finds its runs, and nobody takes them for others)",
    ] {
        assert!(lines.contains(&wanted), "{wanted}\n{said}");
    }
}
