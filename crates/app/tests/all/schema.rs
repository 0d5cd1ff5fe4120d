//! What a schema means for who may do what with its users.

use app::{
    Ctx, Error, Target,
    schema::{self, NewSchema},
    user::{self, NewUser, UserPatch},
};
use domain::{
    access::{Permission, Role, Scope},
    base::SchemaId,
    user_schema::TypeName,
};
use serde_json::{Map, Value, json};
use testkit::TestCtx;

use crate::given::*;

fn map(value: &Value) -> Map<String, Value> {
    value.as_object().unwrap().clone()
}

async fn given(ctx: &Ctx, by: &app::Caller, name: &str, schema: &Value) -> SchemaId {
    let new = NewSchema {
        type_name: TypeName::parse(name).unwrap(),
        schema: map(schema),
        authenticators: Vec::new(),
    };
    schema::create(ctx, by, &new).await.unwrap().id
}

fn with_data(schema: Option<&SchemaId>, data: &Value) -> UserPatch {
    UserPatch {
        schema: schema.cloned(),
        data: Some(map(data)),
        ..UserPatch::default()
    }
}

#[tokio::test]
async fn nobody_gets_at_what_a_schema_keeps_from_them_by_choosing_another() {
    let ctx = TestCtx::new().await;
    let owner = ctx.owner().await;
    let here = Scope::Org(ctx.foundation.org.clone());
    let manager = ctx.caller_with(&[(here, Role::OrgUserManager)]).await;
    let rights = |rights: Value| json!({"urn:zitadel:schema:permission": rights});
    let strict = json!({"properties": {"diary": rights(json!({"self": "rw"})), "level": rights(json!({"owner": "r", "self": "rw"}))}});
    let strict = given(&ctx, &owner, "Strict", &strict).await;
    let free = given(&ctx, &owner, "Free", &json!({})).await;
    let switch = || UserPatch {
        schema: Some(free.clone()),
        ..UserPatch::default()
    };
    for data in [
        json!({"diary": "x"}),
        json!({"level": 1}),
        json!({"diary": {}, "open": 1}),
    ] {
        let me = ctx.plain_user().await;
        let target = Target::of(me.user.clone());
        user::patch(&ctx, &owner, &target, &with_data(Some(&strict), &json!({})))
            .await
            .unwrap();
        user::patch(&ctx, &me, &target, &with_data(None, &data))
            .await
            .unwrap();
        for patch in [switch(), with_data(Some(&free), &json!({"open": 2}))] {
            let answer = user::patch(&ctx, &manager, &target, &patch).await;
            assert!(
                matches!(answer, Err(Error::Denied(Permission::UserSchemaWrite))),
                "{data}: {answer:?}"
            );
        }
        user::patch(&ctx, &owner, &target, &switch()).await.unwrap();
        assert_eq!(read(&ctx, &manager, &target).await.1.data, map(&data));
    }
}

#[tokio::test]
async fn who_sees_and_may_change_all_of_the_data_may_choose_another_schema() {
    let ctx = TestCtx::new().await;
    let owner = ctx.owner().await;
    let here = Scope::Org(ctx.foundation.org.clone());
    let manager = ctx.caller_with(&[(here, Role::OrgUserManager)]).await;
    let rights = |rights: Value| json!({"urn:zitadel:schema:permission": rights});
    let strict = json!({"properties": {"diary": rights(json!({"self": "rw"})), "salary": rights(json!({"owner": "rw"}))}});
    let strict = given(&ctx, &owner, "Strict", &strict).await;
    let free = given(&ctx, &owner, "Free", &json!({})).await;
    let new = NewUser {
        schema: Some(strict),
        data: map(&json!({"salary": 7, "open": 1})),
        ..nobody_yet()
    };
    let id = user::create(&ctx, &manager, &new).await.unwrap().changed.id;
    let patch = UserPatch {
        schema: Some(free),
        ..UserPatch::default()
    };
    user::patch(&ctx, &manager, &Target::of(id), &patch)
        .await
        .unwrap();
}
