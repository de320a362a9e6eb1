//! The binary as a workflow and a kubelet see it: exit codes, messages, files, signals.

#![expect(clippy::unwrap_used, reason = "what helpers of tests cannot do is a failed test")]

use rustix::process::{Pid, Signal, kill_process};
use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::process::{Child, Command, Output, Stdio};
use std::thread;
use std::time::Duration;

fn testbed_load(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_testbed-load"));
    command.args(arguments);
    command
}

fn output(arguments: &[&str]) -> Output {
    testbed_load(arguments).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// A server in a process of its own, ended with the test.
struct Server {
    child: Child,
    address: String,
}

impl Server {
    fn start(arguments: &[&str]) -> Self {
        let mut child =
            testbed_load(arguments).arg("--listen=127.0.0.1:0").stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let address = line.trim().strip_prefix("listening on ").unwrap().to_owned();
        Self { child, address }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn terminate(child: &Child) {
    kill_process(Pid::from_child(child), Signal::TERM).unwrap();
}

#[test]
fn a_run_prints_a_table_and_one_line_of_json_and_writes_the_windows_bounds() {
    let server = Server::start(&["serve"]);
    let folder = tempfile::tempdir().unwrap();
    let url = format!("--url=http://{}/", server.address);
    let out = format!("--out={}", folder.path().display());
    let run = output(&["http", &url, "--rate=100/s", "--window=300ms", "--label=target=left", &out]);
    assert!(run.status.success(), "{}", text(&run.stderr));
    let stdout = text(&run.stdout);
    assert!(stdout.contains("30 intended, 30 sent, 30 succeeded, 0 failed"), "{stdout}");
    let json: serde_json::Value = serde_json::from_str(stdout.lines().last().unwrap()).unwrap();
    assert_eq!(json["requests"]["succeeded"], 30);
    let read = |name: &str| std::fs::read_to_string(folder.path().join(name)).unwrap();
    assert_eq!(read("window-target"), "left");
    assert_eq!(json["windowStart"], read("window-start"));
    assert_eq!(json["windowEnd"], read("window-end"));
    assert_eq!(serde_json::from_str::<serde_json::Value>(&read("report.json")).unwrap(), json);
}

#[test]
fn requests_that_failed_are_data_and_no_failure_of_the_run() {
    let server = Server::start(&["serve"]);
    let url = format!("--url=http://{}/absent", server.address);
    let run = output(&["http", &url, "--rate=100/s", "--window=200ms"]);
    assert!(run.status.success(), "{}", text(&run.stderr));
    assert!(text(&run.stdout).contains("20 failed; status 404: 20"), "{}", text(&run.stdout));
}

#[test]
fn a_run_to_which_nothing_ever_answers_fails_and_says_so() {
    let run = output(&["http", "--url=http://127.0.0.1:1/", "--rate=100/s", "--window=200ms"]);
    assert!(!run.status.success());
    assert!(
        text(&run.stderr).contains("nothing was ever answered: http://127.0.0.1:1/"),
        "{}",
        text(&run.stderr)
    );
}

#[test]
fn a_store_that_cannot_be_reached_fails_the_push_and_the_run() {
    let server = Server::start(&["serve"]);
    let url = format!("--url=http://{}/", server.address);
    // It answers 404 to what is not its page.
    let push = format!("--push=http://{}/api/v1/import/prometheus", server.address);
    let run = output(&["http", &url, "--rate=100/s", "--window=200ms", &push]);
    assert!(!run.status.success());
    assert!(text(&run.stderr).contains("refuses the numbers"), "{}", text(&run.stderr));
}

#[test]
fn an_empty_parameter_of_a_workflow_is_no_parameter() {
    let run = output(&["http", "--url=", "--window=50ms", "--push=", "--store=", "--label=target="]);
    assert!(run.status.success(), "{}", text(&run.stderr));
    assert!(text(&run.stdout).contains("none asked for"), "{}", text(&run.stdout));
}

#[test]
fn a_terminated_run_reports_nothing() {
    let server = Server::start(&["serve"]);
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    let url = format!("--url=http://{}/", server.address);
    let arguments = ["http", &url, "--window=1h", "--ready-within=5s", &format!("--out={}", out.display())];
    let mut run = testbed_load(&arguments).stdout(Stdio::piped()).spawn().unwrap();
    std::thread::sleep(std::time::Duration::from_millis(300));
    terminate(&run);
    assert!(!run.wait().unwrap().success());
    assert!(!out.exists());
}

#[test]
fn a_terminated_server_ends_well() {
    for arguments in [["serve"].as_slice(), &["exporter", "--series=10"]] {
        let mut server = Server::start(arguments);
        terminate(&server.child);
        assert!(server.child.wait().unwrap().success(), "{arguments:?}");
    }
}

#[test]
fn waiting_ends_when_the_page_is_there_and_fails_when_it_never_is() {
    let server = Server::start(&["serve"]);
    let url = format!("--url=http://{}/healthz", server.address);
    assert!(output(&["wait", &url, "--timeout=10s"]).status.success());
    let wait = output(&["wait", "--url=http://127.0.0.1:1/", "--timeout=200ms"]);
    assert!(!wait.status.success());
    assert!(text(&wait.stderr).contains("is not ready after 200ms"), "{}", text(&wait.stderr));
}

/// Runs the generator where so many files may be open, as `ulimit` says.
fn where_files_are_few(limit: &str, arguments: &[&str]) -> Output {
    let command = format!("ulimit {limit} && exec \"$@\"");
    let mut shell = Command::new("sh");
    shell.args(["-c", &command, "sh", env!("CARGO_BIN_EXE_testbed-load")]).args(arguments);
    shell.output().unwrap()
}

#[test]
fn a_stall_is_waited_for_where_few_files_may_be_open() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("--url=http://{}/", listener.local_addr().unwrap());
    thread::spawn(move || {
        thread::sleep(Duration::from_millis(1500));
        for connection in listener.incoming().flatten() {
            thread::spawn(move || {
                let mut head = BufReader::new(connection);
                while head.read_line(&mut String::new()).unwrap() > 2 {}
                let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
                head.get_mut().write_all(answer).unwrap();
            });
        }
    });
    let run =
        where_files_are_few("-Sn 50", &["http", &url, "--rate=100/s", "--window=1s", "--max-in-flight=200"]);
    let stdout = text(&run.stdout);
    assert!(
        stdout.contains("100 intended, 100 sent, 100 succeeded, 0 failed"),
        "{stdout}{}",
        text(&run.stderr)
    );
}

#[test]
fn more_requests_at_once_than_files_may_be_open_are_refused_before_any_is_sent() {
    // Also the number that is taken where none is asked for.
    for (asked, needed) in [(200, 264), (1024, 1088)] {
        let asked = format!("--max-in-flight={asked}");
        let run = where_files_are_few(
            "-n 100",
            &["http", "--url=http://127.0.0.1:9/", "--rate=1/s", "--window=1s", &asked],
        );
        assert!(!run.status.success() && run.stdout.is_empty());
        let said = text(&run.stderr);
        assert!(said.contains(&format!("only 100 files may be open, and {asked} needs {needed}")), "{said}");
    }
}
