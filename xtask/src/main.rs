//! Generates what is derived from `testbed-api`, and checks that the committed files are current.
//!
//! `cargo xtask generate` writes the files, `cargo xtask generate --check` fails if one is out of date.

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::{env, fs};
use testbed_api::{Bundle, Certificate, Component, ConditionType, Experiment, Reason, Summary};

fn main() -> Result<()> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["generate"] => generate(false),
        ["generate", "--check"] => generate(true),
        _ => bail!("usage: cargo xtask generate [--check]"),
    }
}

fn generate(check: bool) -> Result<()> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().context("xtask has no parent folder")?;
    let mut stale = Vec::new();
    for (path, text) in files()? {
        let path = root.join(path);
        if fs::read_to_string(&path).is_ok_and(|current| current == text) {
            continue;
        }
        if check {
            stale.push(path.display().to_string());
        } else {
            fs::create_dir_all(path.parent().context("a generated file has no folder")?)?;
            fs::write(&path, text)?;
        }
    }
    if !stale.is_empty() {
        bail!("out of date, run `cargo xtask generate`:\n  {}", stale.join("\n  "));
    }
    Ok(())
}

/// Returns every generated file with its content.
fn files() -> Result<Vec<(PathBuf, String)>> {
    let mut files = Vec::new();
    for crd in testbed_api::crds() {
        let name = crd.spec.names.plural.clone();
        let value = serde_json::to_value(&crd)?;
        files.push((
            PathBuf::from(format!("platform/operator/crds/{name}.yaml")),
            format!(
                "# Generated from crates/testbed-api by `cargo xtask generate`; do not edit.\n{}",
                serde_saphyr::to_string(&value)?
            ),
        ));
    }
    for (name, schema) in [
        ("experiment", schemars::schema_for!(Experiment)),
        ("component", schemars::schema_for!(Component)),
        ("summary", schemars::schema_for!(Summary)),
        ("bundle", schemars::schema_for!(Bundle)),
        ("teardown", schemars::schema_for!(Certificate)),
    ] {
        let mut value = schema.to_value();
        if !["summary", "bundle", "teardown"].contains(&name) {
            allow_object_meta(&mut value);
        }
        files.push((
            PathBuf::from(format!("schemas/{name}.schema.json")),
            serde_json::to_string_pretty(&value)? + "\n",
        ));
    }
    files.push((PathBuf::from("docs/reference/conditions.md"), conditions()));
    Ok(files)
}

/// Returns the page of conditions and reasons: the words in which a run says where it stands.
fn conditions() -> String {
    let mut page = String::from(
        "<!-- Generated from crates/testbed-api by `cargo xtask generate`; do not edit. -->\n# Conditions and reasons\n\n\
         An Experiment has one condition for each stage, in this order, and `Succeeded` for all of them.\n\
         A condition is `True` once its stage is done, `False` while it waits or when it failed, `Unknown` before it is reached.\n\n",
    );
    for kind in ConditionType::ALL {
        page.push_str(&format!("- `{kind}`\n"));
    }
    page.push_str("\n| reason | what it says |\n|---|---|\n");
    for (reason, explanation) in Reason::ALL {
        page.push_str(&format!("| `{reason}` | {} |\n", explanation.trim()));
    }
    page
}

/// The derived schema leaves out what the API server itself checks; editors want it named.
fn allow_object_meta(schema: &mut Value) {
    if let Some(properties) = schema.pointer_mut("/properties").and_then(Value::as_object_mut) {
        properties.insert("apiVersion".into(), json!({ "const": "experiments.illm.io/v1alpha1" }));
        properties.insert("kind".into(), json!({ "enum": ["Experiment", "Component"] }));
        properties.insert("metadata".into(), json!({ "type": "object" }));
    }
}
