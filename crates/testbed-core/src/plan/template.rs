//! The workflow template, which must be the one that was pinned.

use super::Pass;
use crate::observed::TemplateFacts;
use testbed_api::conditions::Reason;

/// Returns the template if it is the one that was pinned.
pub(super) fn pinned_template<'a>(pass: &'a Pass<'_>) -> Result<&'a TemplateFacts, (Reason, String)> {
    let template =
        pass.seen.template.known().map_err(|reason| {
            (Reason::NotReadable, format!("the workflow template cannot be read: {reason}"))
        })?;
    let pinned = pass.persisted.template.as_ref();
    let same = |now: &&TemplateFacts| pinned.is_some_and(|then| now.is(then));
    template.as_ref().filter(same).ok_or_else(|| {
        let name = &pass.run.spec.workflow.template;
        (Reason::TemplateChanged, format!("workflow template {name} is not the one that was pinned"))
    })
}
