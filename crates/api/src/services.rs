//! Every service that is served, over one set of use cases.

use std::sync::Arc;

use app::Ctx;
use proto::{merlon, zitadel};

use crate::{
    admin::Admin,
    auth::Auth,
    call::Call,
    feature::{
        FeatureSwitches,
        switch::{About, by_user_schema},
    },
    inbox::Inbox,
    rpc::Services,
    user::Users,
};

/// All services.
pub fn all(ctx: &Arc<Ctx>) -> Services<Call> {
    let users = || Users::new(Arc::clone(ctx));
    let switched = |about, service| by_user_schema(ctx, about, service);
    Services::new()
        .add(switched(
            About::Users,
            zitadel::user::v3alpha::user_service(users()),
        ))
        .add(switched(
            About::Users,
            zitadel::resources::user::v3alpha::zitadel_users(users()),
        ))
        .add(switched(
            About::UserSchemas,
            zitadel::user::schema::v3alpha::user_schema_service(users()),
        ))
        .add(switched(
            About::UserSchemas,
            zitadel::resources::userschema::v3alpha::zitadel_user_schemas(users()),
        ))
        .add(zitadel::feature::v2::feature_service(FeatureSwitches::new(
            Arc::clone(ctx),
        )))
        .add(zitadel::user::v2::user_service(users()))
        .add(zitadel::auth::v1::auth_service(Auth::new(Arc::clone(ctx))))
        .add(zitadel::admin::v1::admin_service(Admin::new(Arc::clone(ctx))))
        .add(merlon::inbox::v1::inbox_service(Inbox::new(Arc::clone(ctx))))
        .add(switched(About::Users, merlon::user::v1::user_service(users())))
}
