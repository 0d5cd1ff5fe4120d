//! What a handler knows of the call it answers: for whom, in which language, until when.

use app::{Caller, Error, Language, feature::Fresh};
use domain::base::{InstanceId, OrgId, Timestamp};
use proto::rpc::Status;
use tokio::time::Instant;

use crate::{
    error::{self, Op},
    rpc::RequestId,
};

/// An admitted call.
#[derive(Clone, Debug)]
pub struct Call {
    /// The instance that the request is for.
    pub instance: InstanceId,
    /// Who is asking; nobody for public methods.
    pub caller: Option<Caller>,
    /// What is remembered may be believed if it was so then; asked for when there is somebody to admit.
    pub fresh: Option<Fresh>,
    /// The organization that the header `x-zitadel-orgid` names; it exists.
    pub org: Option<OrgId>,
    /// The language of texts and of messages that this call sends.
    pub language: Language,
    /// The name of this request in logs and answers.
    pub request_id: RequestId,
    /// When the answer stops being of use.
    pub deadline: Option<Instant>,
    /// The time of day when the call was admitted.
    pub now: Timestamp,
}

impl Call {
    /// Who is asking. Fails with Unauthenticated for nobody, which the gate lets through to public methods only.
    pub fn caller(&self) -> Result<&Caller, Status> {
        self.caller.as_ref().ok_or_else(error::no_token)
    }

    /// The answer to a use case that did not do it, as [`error::status`].
    pub fn refuse(&self, op: Op, error: Error) -> Status {
        error::status(self, op, error)
    }
}
