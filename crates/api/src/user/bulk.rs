//! `merlon.user.v1.UserService`: many users with one request, each for itself.

use app::{OrgRef, user};
use futures_util::{StreamExt, stream};
use proto::{
    merlon::user::v1::{self as wire, UserService, create_user_result::Outcome},
    rpc::Status,
    zitadel::resources::user::v3alpha::{CreateUser, set_password},
};

use super::{Users, answer, generation_resources, org_v3};
use crate::{
    call::Call,
    error::{self, Op},
};

/// Users that are created at the same time for one request: all that it may hold, so that they share commits.
const AT_ONCE: usize = 100;
/// The same where passwords are to be hashed, of which only so many may wait.
const HASHED_AT_ONCE: usize = 4;

fn brings_a_password(user: &CreateUser) -> bool {
    let password = user.authenticators.as_ref().and_then(|all| all.password.as_ref());
    password.is_some_and(|password| matches!(password.r#type, Some(set_password::Type::Password(_))))
}

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
        let at_once = if req.users.iter().any(brings_a_password) {
            HASHED_AT_ONCE
        } else {
            AT_ONCE
        };
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
            results: results.buffered(at_once).collect().await,
        })
    }
}
