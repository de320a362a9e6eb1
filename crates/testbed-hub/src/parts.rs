//! What the hub is made of: `hub/parts.yaml`, and the key that says whether a built part is still good.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};

use crate::{
    files::{self, FileError},
    layout::Layout,
};

/// `hub/parts.yaml` could not be used.
#[derive(Debug, thiserror::Error)]
pub enum PartsError {
    /// A file could not be read.
    #[error(transparent)]
    File(#[from] FileError),
    /// The text is not what it should be.
    #[error("`{}` is not a list of parts", path.display())]
    Parse {
        /// The file.
        path: PathBuf,
        /// Where and why.
        #[source]
        source: Box<serde_saphyr::Error>,
    },
    /// A part is built in none or in several ways.
    #[error(
        "part `{0}` must have at least one of `go`, `c`, `debian` and `files`, and not both `go` and `c`"
    )]
    Kind(String),
    /// Two parts share a name, or one is named that is not there.
    #[error("part `{0}` is named twice in `hub/parts.yaml`")]
    Twice(String),
}

/// The file `hub/parts.yaml`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Parts {
    /// What holds for every part.
    #[serde(default)]
    pub defaults: Defaults,
    /// The parts, in the order they are built.
    pub parts: Vec<Part>,
}

/// What holds for every Go part.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Defaults {
    /// Compiler flags.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gcflags: Option<String>,
}

/// One thing that is built.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Part {
    /// Name, and the folder below `hub/`.
    pub name: String,
    /// Version shown to people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// Binaries from Go modules.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub go: Option<Go>,
    /// One C program from a Go module's sources.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub c: Option<C>,
    /// A userland of Debian packages.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub debian: Option<Debian>,
    /// Files taken from Go modules, such as generated manifests.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub files: Vec<Files>,
}

/// Binaries from Go modules.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Go {
    /// Name of the binary to the package it is built from.
    pub binaries: BTreeMap<String, String>,
    /// Linker flags besides `-s -w`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ldflags: Option<String>,
    /// Compiler flags, instead of the default ones.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gcflags: Option<String>,
    /// Build tags.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
    /// Whether a C compiler is needed.
    #[serde(default)]
    pub cgo: bool,
    /// Files that the module's archive lost (it holds no symbolic links): copied inside a vendor folder.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub restore: Vec<Restore>,
}

/// A copy inside of the vendor folder.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Restore {
    /// The file that is there, relative to `vendor/`.
    pub from: PathBuf,
    /// The file that is missing, relative to `vendor/`.
    pub to: PathBuf,
}

/// One static C program.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct C {
    /// The Go module whose sources hold it.
    pub module: String,
    /// The folder below `hub/` whose `go.mod` pins that module.
    #[serde(rename = "in")]
    pub within: String,
    /// The source file inside of the module.
    pub source: PathBuf,
    /// The binary's name.
    pub output: String,
}

/// A userland of Debian packages.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Debian {
    /// Packages; what they depend on comes along.
    pub packages: Vec<String>,
    /// Release, for example `bookworm`.
    pub suite: String,
}

/// Files taken from a Go module.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Files {
    /// The module.
    pub module: String,
    /// File or folder inside of it.
    pub path: PathBuf,
    /// The folder they go to, below the part's `files/`.
    pub to: PathBuf,
}

impl Parts {
    /// Reads `hub/parts.yaml`.
    ///
    /// # Errors
    /// If it cannot be read or says something impossible.
    pub fn read(layout: &Layout) -> Result<Self, PartsError> {
        let path = layout.hub().join("parts.yaml");
        let text = std::fs::read_to_string(&path).map_err(files::at("read", &path))?;
        Self::parse(&text).map_err(|error| match error {
            PartsError::Parse { source, .. } => PartsError::Parse { path, source },
            other => other,
        })
    }

    fn parse(text: &str) -> Result<Self, PartsError> {
        let parts: Self = serde_saphyr::from_str(text)
            .map_err(|source| PartsError::Parse { path: "parts.yaml".into(), source: Box::new(source) })?;
        for (index, part) in parts.parts.iter().enumerate() {
            let made =
                part.go.is_some() || part.c.is_some() || part.debian.is_some() || !part.files.is_empty();
            if !made || (part.go.is_some() && part.c.is_some()) {
                return Err(PartsError::Kind(part.name.clone()));
            }
            if parts.parts[..index].iter().any(|other| other.name == part.name) {
                return Err(PartsError::Twice(part.name.clone()));
            }
        }
        Ok(parts)
    }

    /// Where each part lies, or will lie, in the cache.
    ///
    /// # Errors
    /// If a source cannot be read.
    pub fn built(&self, layout: &Layout) -> Result<BTreeMap<String, Built>, PartsError> {
        let mut built = BTreeMap::new();
        for part in &self.parts {
            let key = part.key(&self.defaults, &layout.hub())?;
            let folder = layout.parts().join(format!("{}-{}", part.name, &key[..12]));
            let version = part.version.clone().unwrap_or_default();
            built.insert(part.name.clone(), Built { name: part.name.clone(), version, key, folder });
        }
        Ok(built)
    }
}

impl Part {
    /// The key changes when, and only when, the part has to be built again:
    /// it covers the recipe and the sources below `hub/`, which pin everything else by `go.sum`.
    fn key(&self, defaults: &Defaults, hub: &Path) -> Result<String, PartsError> {
        let recipe = serde_json::to_vec(&(self, self.go.as_ref().map(|_| defaults))).unwrap_or_default();
        let folder = hub.join(self.c.as_ref().map_or(&self.name, |c| &c.within));
        let mut sources = Vec::new();
        if self.go.is_some() || self.c.is_some() || !self.files.is_empty() {
            for name in files::list(&folder)? {
                let is_source = name.extension().is_some_and(|ext| ext == "go")
                    || name.file_name().is_some_and(|name| name == "go.mod" || name == "go.sum");
                if is_source {
                    let path = folder.join(&name);
                    sources.push((name, std::fs::read(&path).map_err(files::at("read", &path))?));
                }
            }
        }
        Ok(files::sha256(|hash| {
            files::feed(hash, recipe);
            for (name, content) in sources {
                files::feed(hash, name.as_os_str().as_encoded_bytes());
                files::feed(hash, content);
            }
        }))
    }
}

/// A part's place in the cache.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Built {
    /// Name of the part.
    pub name: String,
    /// Version shown to people.
    pub version: String,
    /// Key of recipe and sources.
    pub key: String,
    /// Folder with `bin/`, `files/` and `rootfs.tar`, as the part has them; appears when all is there.
    pub folder: PathBuf,
}

impl Built {
    /// Whether it is there.
    #[must_use]
    pub fn exists(&self) -> bool {
        self.folder.is_dir()
    }

    /// Path of one of its binaries.
    #[must_use]
    pub fn bin(&self, name: &str) -> PathBuf {
        self.folder.join("bin").join(name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "
parts:
- name: left
  version: v1
  go: {binaries: {left-bin: example.org/left/cmd}}
- name: pause
  c: {module: example.org/left, in: left, source: pause.c, output: pause}
- name: redis
  debian: {packages: [redis-server], suite: bookworm}
";

    fn project() -> (tempfile::TempDir, Layout) {
        let root = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(root.path().join("hub/left")).unwrap();
        std::fs::write(root.path().join("hub/left/go.mod"), "module left").unwrap();
        let layout = Layout { root: root.path().to_owned(), ..Layout::without_root() };
        (root, layout)
    }

    #[test]
    fn the_key_follows_recipe_and_sources_and_nothing_else() {
        let (root, layout) = project();
        let parts = Parts::parse(TEXT).unwrap();
        let before = parts.built(&layout).unwrap();
        assert_eq!(before, parts.built(&layout).unwrap());

        std::fs::write(root.path().join("hub/left/README.md"), "words").unwrap();
        assert_eq!(before, parts.built(&layout).unwrap());

        std::fs::write(root.path().join("hub/left/main.go"), "package main").unwrap();
        let after = parts.built(&layout).unwrap();
        assert_ne!(before["left"].key, after["left"].key);
        assert_ne!(before["pause"].key, after["pause"].key, "pause is compiled from left's module");
        assert_eq!(before["redis"].key, after["redis"].key);

        let newer = Parts::parse(&TEXT.replace("v1", "v2")).unwrap().built(&layout).unwrap();
        assert_ne!(newer["left"].key, after["left"].key);
    }

    #[test]
    fn a_part_is_built_in_some_way_and_named_once() {
        assert!(matches!(Parts::parse("parts: [{name: left}]"), Err(PartsError::Kind(_))));
        let twice = "parts: [{name: a, debian: {packages: [b], suite: c}}, {name: a, debian: {packages: [b], suite: c}}]";
        assert!(matches!(Parts::parse(twice), Err(PartsError::Twice(_))));
        assert!(matches!(Parts::parse("parts: [{nam: left}]"), Err(PartsError::Parse { .. })));
    }
}
