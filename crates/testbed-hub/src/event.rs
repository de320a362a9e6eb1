//! What the hub tells while it works; the library itself never prints.

use std::time::Duration;

use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

/// One thing that happened to one step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// A step began. `step` names it in the events that follow.
    Started {
        /// What is being done, for example `build kubernetes`.
        step: String,
        /// How much of it there is, in words.
        note: String,
    },
    /// A step goes on.
    Progress {
        /// The step.
        step: String,
        /// What it is at.
        note: String,
    },
    /// A step ended well.
    Done {
        /// The step.
        step: String,
        /// What came of it, as a whole sentence.
        note: String,
        /// How long it took.
        took: Duration,
    },
    /// A step was not needed, or cannot be done yet.
    Skipped {
        /// The step.
        step: String,
        /// Why.
        note: String,
    },
}

impl Event {
    /// Returns the same in other words.
    #[must_use]
    pub fn map(mut self, words: impl Fn(&str) -> String) -> Self {
        let (Self::Started { note, .. }
        | Self::Progress { note, .. }
        | Self::Done { note, .. }
        | Self::Skipped { note, .. }) = &mut self;
        *note = words(note);
        self
    }
}

/// Sends events; cheap to clone. A reporter nobody listens to is fine.
#[derive(Debug, Clone)]
pub struct Reporter(Option<UnboundedSender<Event>>);

impl Reporter {
    /// A reporter and the stream of what it is told.
    #[must_use]
    pub fn channel() -> (Self, UnboundedReceiver<Event>) {
        let (sender, receiver) = unbounded_channel();
        (Self(Some(sender)), receiver)
    }

    /// A reporter that tells nobody.
    #[must_use]
    pub fn silent() -> Self {
        Self(None)
    }

    /// Begins a step. It is reported as done when [`Step::done`] is called.
    pub fn start(&self, step: impl Into<String>, note: impl Into<String>) -> Step {
        let name = step.into();
        self.send(Event::Started { step: name.clone(), note: note.into() });
        Step { reporter: self.clone(), name, since: std::time::Instant::now() }
    }

    /// Says that a step is not needed.
    pub fn skip(&self, step: impl Into<String>, note: impl Into<String>) {
        self.send(Event::Skipped { step: step.into(), note: note.into() });
    }

    fn send(&self, event: Event) {
        if let Some(sender) = &self.0 {
            // A listener that went away is no reason to stop working.
            let _ = sender.send(event);
        }
    }
}

/// A step that began.
#[derive(Debug)]
#[must_use]
pub struct Step {
    reporter: Reporter,
    name: String,
    since: std::time::Instant,
}

impl Step {
    /// Says what the step is at.
    pub fn progress(&self, note: impl Into<String>) {
        self.reporter.send(Event::Progress { step: self.name.clone(), note: note.into() });
    }

    /// Ends the step well.
    pub fn done(self, note: impl Into<String>) {
        let took = self.since.elapsed();
        self.reporter.send(Event::Done { step: self.name, note: note.into(), took });
    }
}
