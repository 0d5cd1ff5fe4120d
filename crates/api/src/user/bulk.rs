//! `merlon.user.v1.UserService`: many users with one request, each for itself.

use app::{OrgRef, user};
use futures_util::{StreamExt, stream};
use proto::{
    merlon::user::v1::{self as wire, UserService, create_user_result::Outcome},
    rpc::Status,
};

use super::{Users, answer, generation_resources, org_v3};
use crate::{
    call::Call,
    error::{self, Op},
};

/// Users that are created at the same time for one request: all that it may hold, so that they share commits.
const AT_ONCE: usize = 100;

impl UserService<Call> for Users {
    async fn create_users(
        &self,
        call: Call,
        req: wire::CreateUsersRequest,
    ) -> Result<wire::CreateUsersResponse, Status> {
        let caller = call.caller()?;
        let owner = answer(&call, Op::CreateUser, async {
            let named = req.organization.map(org_v3).transpose()?;
            user::may_create(&self.ctx, caller, named.as_ref()).await
        });
        let owner = OrgRef::Id(owner.await?);
        let results = stream::iter(req.users).map(async |user| {
            let created = generation_resources::create(self, &call, caller, Some(owner.clone()), user).await;
            let outcome = match created {
                Ok(created) => Outcome::Created(created),
                Err(error) => Outcome::Refused(error::refusal(&call, Op::CreateUser, error)),
            };
            wire::CreateUserResult {
                outcome: Some(outcome),
            }
        });
        Ok(wire::CreateUsersResponse {
            results: results.buffered(AT_ONCE).collect().await,
        })
    }
}
