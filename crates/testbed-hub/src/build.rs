//! Builds parts into the cache: Go binaries, one C program, a Debian userland, files out of Go modules.

use std::{
    collections::BTreeMap,
    ffi::OsString,
    fs,
    path::{Path, PathBuf},
    process::Stdio,
};

use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::Command,
};

use crate::{
    command::{self, CommandError},
    event::{Reporter, Step},
    files::{self, FileError},
    layout::Layout,
    parts::{Built, C, Debian, Defaults, Files, Go, Part},
};

/// A part could not be built.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// A file could not be read or written.
    #[error("cannot build `{part}`")]
    File {
        /// The part.
        part: String,
        /// Why.
        #[source]
        source: FileError,
    },
    /// A program failed.
    #[error("cannot build `{part}`")]
    Command {
        /// The part.
        part: String,
        /// Why.
        #[source]
        source: CommandError,
    },
    /// What a module is said to hold is not there.
    #[error("cannot build `{part}`: module `{module}` has no `{}`", path.display())]
    NoFile {
        /// The part.
        part: String,
        /// The module.
        module: String,
        /// The path inside of it.
        path: PathBuf,
    },
}

enum Failure {
    File(FileError),
    Command(CommandError),
    NoFile { module: String, path: PathBuf },
}

impl From<FileError> for Failure {
    fn from(error: FileError) -> Self {
        Self::File(error)
    }
}

impl From<CommandError> for Failure {
    fn from(error: CommandError) -> Self {
        Self::Command(error)
    }
}

/// Builds a part unless it is in the cache.
///
/// It is made in a folder beside its own and renamed when all of it is there: half a part is never seen.
///
/// # Errors
/// If it cannot be built.
pub async fn build(
    layout: &Layout,
    defaults: &Defaults,
    part: &Part,
    built: &Built,
    reporter: &Reporter,
) -> Result<(), BuildError> {
    if built.exists() {
        return Ok(());
    }
    let step =
        reporter.start(format!("build {}", part.name), format!("building {} {}", part.name, built.version));
    let half = layout.parts().join(format!(".{}", part.name));
    let outcome = Builder { layout, defaults, part, folder: &half, step: &step }.run().await;
    let outcome = outcome.and_then(|()| {
        fs::rename(&half, &built.folder).map_err(files::at("create", &built.folder)).map_err(Into::into)
    });
    let name = part.name.clone();
    if let Err(failure) = outcome {
        let _ = files::remove_all(&half);
        return Err(match failure {
            Failure::File(source) => BuildError::File { part: name, source },
            Failure::Command(source) => BuildError::Command { part: name, source },
            Failure::NoFile { module, path } => BuildError::NoFile { part: name, module, path },
        });
    }
    step.done(format!("built {} {}", part.name, built.version));
    Ok(())
}

/// Removes what the Go tool keeps to build faster, ten times as much as it built: sources and objects, of no use until a
/// part changes, which is then built from sources that are fetched again.
///
/// # Errors
/// If something cannot be removed.
pub async fn tidy(layout: &Layout, reporter: &Reporter) -> Result<(), FileError> {
    // Under another name at once: who comes after an interruption must not build from the half of a module.
    let (go, leaving) = (layout.go(), layout.cache.join(".go.leaving"));
    if !go.is_dir() && !leaving.is_dir() {
        return Ok(());
    }
    let step = reporter.start("tidy", "removing Go's sources and objects: every part is built");
    if go.is_dir() {
        files::remove_all(&leaving)?;
        fs::rename(&go, &leaving).map_err(files::at("rename", &go))?;
    }
    tokio::fs::remove_dir_all(&leaving).await.map_err(files::at("remove", &leaving))?;
    step.done("removed Go's sources and objects: every part is built");
    Ok(())
}

struct Builder<'a> {
    layout: &'a Layout,
    defaults: &'a Defaults,
    part: &'a Part,
    /// Where the outcome goes.
    folder: &'a Path,
    step: &'a Step,
}

impl Builder<'_> {
    async fn run(&self) -> Result<(), Failure> {
        files::remove_all(self.folder)?;
        let bin = self.folder.join("bin");
        files::create_dir(&bin)?;
        if let Some(go) = &self.part.go {
            self.go(go, &bin).await?;
        }
        if let Some(c) = &self.part.c {
            self.c(c, &bin).await?;
        }
        if let Some(debian) = &self.part.debian {
            self.debian(debian).await?;
        }
        for wanted in &self.part.files {
            self.files(wanted).await?;
        }
        Ok(())
    }

    async fn go(&self, go: &Go, bin: &Path) -> Result<(), Failure> {
        let mut folder = self.layout.hub().join(&self.part.name);
        let scratch = self.folder.join("scratch");
        let mut module_mode = "-mod=readonly";
        if !go.restore.is_empty() {
            self.step.progress("copying its dependencies into a vendor folder");
            copy(&folder, &scratch)?;
            folder = scratch.clone();
            command::output(self.tool(&folder, &["mod", "vendor"])).await?;
            for restore in &go.restore {
                let vendor = folder.join("vendor");
                let (from, to) = (vendor.join(&restore.from), vendor.join(&restore.to));
                fs::copy(&from, &to).map_err(files::at("copy", &from))?;
            }
            module_mode = "-mod=vendor";
        }
        for (output, packages) in outputs(go, bin) {
            let mut args: Vec<OsString> =
                ["build", "-v", "-trimpath", "-buildvcs=false", module_mode, "-ldflags"]
                    .iter()
                    .map(Into::into)
                    .collect();
            args.push(ldflags(go).into());
            if let Some(gcflags) = go.gcflags.as_ref().or(self.defaults.gcflags.as_ref()) {
                args.extend(["-gcflags".into(), gcflags.into()]);
            }
            if !go.tags.is_empty() {
                args.extend(["-tags".into(), go.tags.join(",").into()]);
            }
            args.push("-o".into());
            args.push(output.into());
            args.extend(packages.into_iter().map(Into::into));
            let mut tool = self.tool(&folder, &args);
            tool.env("CGO_ENABLED", if go.cgo { "1" } else { "0" });
            self.compile(tool).await?;
        }
        files::remove_all(&scratch)?;
        Ok(())
    }

    /// Runs a build that names each package on a line of its own as it is compiled.
    async fn compile(&self, mut tool: Command) -> Result<(), Failure> {
        let failed = |source| CommandError::Spawn { program: "go".into(), source };
        let mut child =
            tool.stdin(Stdio::null()).stderr(Stdio::piped()).kill_on_drop(true).spawn().map_err(failed)?;
        let mut said = Vec::new();
        if let Some(errors) = child.stderr.take() {
            let mut lines = BufReader::new(errors).lines();
            let mut packages = 0_u32;
            while let Some(line) = lines.next_line().await.map_err(failed)? {
                if is_package(&line) {
                    packages += 1;
                    self.step.progress(format!("{packages} packages compiled, last {line}"));
                } else if !line.starts_with("go: downloading") {
                    said.push(line);
                } else {
                    self.step.progress(line.trim_start_matches("go: ").to_owned());
                }
            }
        }
        if child.wait().await.map_err(failed)?.success() {
            return Ok(());
        }
        let output = command::tail(said.join("\n").as_bytes(), 20);
        Err(CommandError::Failed { line: "go build".into(), output }.into())
    }

    async fn c(&self, c: &C, bin: &Path) -> Result<(), Failure> {
        let source = self.module(&self.layout.hub().join(&c.within), &c.module).await?.join(&c.source);
        if !source.is_file() {
            return Err(Failure::NoFile { module: c.module.clone(), path: c.source.clone() });
        }
        let mut compiler = Command::new("cc");
        compiler.args(["-Os", "-Wall", "-static", "-s", "-DVERSION=testbed", "-o"]);
        compiler.arg(bin.join(&c.output)).arg(source);
        command::output(compiler).await?;
        Ok(())
    }

    async fn debian(&self, debian: &Debian) -> Result<(), Failure> {
        let mut tool = Command::new("mmdebstrap");
        tool.args(["--quiet", "--mode=root", "--variant=extract"]);
        tool.arg(format!("--include={}", debian.packages.join(",")));
        tool.arg(&debian.suite).arg(self.folder.join("rootfs.tar"));
        tool.env("SOURCE_DATE_EPOCH", "0");
        command::output(tool).await?;
        Ok(())
    }

    async fn files(&self, wanted: &Files) -> Result<(), Failure> {
        let source =
            self.module(&self.layout.hub().join(&self.part.name), &wanted.module).await?.join(&wanted.path);
        let target = self.folder.join("files").join(&wanted.to);
        if source.is_dir() {
            return Ok(copy(&source, &target)?);
        }
        if !source.is_file() {
            return Err(Failure::NoFile { module: wanted.module.clone(), path: wanted.path.clone() });
        }
        let content = fs::read(&source).map_err(files::at("read", &source))?;
        files::write(&target.join(source.file_name().unwrap_or_default()), content)?;
        Ok(())
    }

    /// Folder of a module's sources, downloaded if need be and checked against `go.sum`.
    async fn module(&self, within: &Path, module: &str) -> Result<PathBuf, Failure> {
        let text = command::output(self.tool(within, &["mod", "download", "-json", module])).await?;
        let answer: BTreeMap<String, serde_json::Value> = serde_json::from_str(&text).unwrap_or_default();
        let folder = answer.get("Dir").and_then(serde_json::Value::as_str).unwrap_or_default();
        Ok(folder.into())
    }

    /// The Go tool, with everything it writes below the cache.
    fn tool<S: AsRef<std::ffi::OsStr>>(&self, folder: &Path, args: &[S]) -> Command {
        let go = self.layout.go();
        let mut tool = Command::new("go");
        tool.args(args).current_dir(folder);
        tool.env("GOCACHE", go.join("build"))
            .env("GOMODCACHE", go.join("mod"))
            .env("GOPATH", go.join("path"));
        // Settings of the person who builds must not change what is built.
        tool.env("GOFLAGS", "").env("GOWORK", "off").env("CGO_ENABLED", "0").env_remove("GOROOT");
        tool.env_remove("GOOS").env_remove("GOARCH").env_remove("GOEXPERIMENT");
        tool
    }
}

/// Builds that share an output folder, and those whose binary is not called as its package.
fn outputs(go: &Go, bin: &Path) -> Vec<(PathBuf, Vec<String>)> {
    let mut shared = Vec::new();
    let mut single = Vec::new();
    for (name, package) in &go.binaries {
        if package.rsplit('/').next() == Some(name) {
            shared.push(package.clone());
        } else {
            single.push((bin.join(name), vec![package.clone()]));
        }
    }
    if !shared.is_empty() {
        // The trailing slash tells Go that it is a folder.
        single.insert(0, (bin.join(""), shared));
    }
    single
}

fn ldflags(go: &Go) -> String {
    let more = go.ldflags.as_deref().unwrap_or_default();
    format!("-s -w {more}").trim().into()
}

/// Whether a line of `go build -v` is an import path rather than a complaint.
fn is_package(line: &str) -> bool {
    !line.starts_with('#') && !line.contains([' ', ':', '\t'])
}

fn copy(from: &Path, to: &Path) -> Result<(), FileError> {
    for name in files::list(from)? {
        let (source, target) = (from.join(&name), to.join(&name));
        files::create_dir(target.parent().unwrap_or(to))?;
        // The module cache is read-only; a copy must not be.
        let content = fs::read(&source).map_err(files::at("read", &source))?;
        files::write(&target, content)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn binaries_named_like_their_packages_are_built_together() {
        let go: Go = serde_saphyr::from_str(
            "binaries: {kubelet: k8s.io/kubernetes/cmd/kubelet, kubectl: k8s.io/kubernetes/cmd/kubectl, s3: .}",
        )
        .unwrap();
        let found = outputs(&go, Path::new("/out"));
        assert_eq!(found.len(), 2);
        assert_eq!(found[0].0.as_os_str(), "/out/");
        assert_eq!(found[0].1, ["k8s.io/kubernetes/cmd/kubectl", "k8s.io/kubernetes/cmd/kubelet"]);
        assert_eq!(found[1], (PathBuf::from("/out/s3"), vec![".".to_owned()]));
    }

    #[tokio::test]
    async fn what_go_needed_goes_when_all_is_built_and_the_parts_stay() {
        let folder = tempfile::tempdir().unwrap();
        let cache = folder.path().to_path_buf();
        let layout = Layout { cache, ..Layout::without_root() };
        fs::create_dir_all(layout.parts().join("left-1234")).unwrap();
        let (module, interrupted) =
            (layout.go().join("mod/example.org@v1"), layout.cache.join(".go.leaving/mod"));
        let left: [&[&PathBuf]; 4] = [&[&module, &interrupted], &[&module], &[&interrupted], &[]];
        for folders in left {
            folders.iter().for_each(|folder| fs::create_dir_all(folder).unwrap());
            tidy(&layout, &Reporter::silent()).await.unwrap();
            let there = fs::read_dir(&layout.cache).unwrap().map(|entry| entry.unwrap().path());
            assert_eq!(there.collect::<Vec<_>>(), [layout.parts()]);
        }
        assert!(layout.parts().join("left-1234").is_dir());
    }

    #[test]
    fn packages_are_told_from_complaints() {
        assert!(is_package("k8s.io/kubernetes/cmd/kubelet"));
        assert!(!is_package("# example.org/broken"));
        assert!(!is_package("main.go:3:1: undefined: x"));
    }
}
