//! `zitadel.feature.v2.FeatureService`: the features of the instance. What they switch off stands in [`switch`].

pub(crate) mod switch;

use std::sync::Arc;

use app::{
    Ctx, Error,
    error::Invalid,
    feature::{self, Feature, Features, Head},
};
use domain::base::InstanceId;
use proto::{
    rpc::Status,
    zitadel::{
        feature::v2::{self as wire, FeatureFlag, FeatureService, Source},
        object::v2::Details,
    },
};

use crate::{
    call::Call,
    error::Op,
    user::{answer, timestamp},
};

/// Serves the features of feature v2.
#[derive(Clone, Debug)]
pub struct FeatureSwitches {
    ctx: Arc<Ctx>,
}

impl FeatureSwitches {
    /// A service over these use cases.
    pub fn new(ctx: Arc<Ctx>) -> Self {
        Self { ctx }
    }
}

/// What is to be set. The first field that names anything else is refused: there is nothing to switch.
fn wanted(req: &wire::SetInstanceFeaturesRequest) -> app::Result<Features> {
    // Without `..`, so that a new field of the contract asks what it means here.
    let wire::SetInstanceFeaturesRequest {
        login_default_org,
        user_schema,
        oidc_token_exchange,
        improved_performance,
        debug_oidc_parent_error,
        oidc_single_v1_session_termination,
        enable_back_channel_logout,
        login_v2,
        permission_check_v2,
        console_use_v2_user_api,
        enable_relational_tables,
    } = req;
    let without_meaning = [
        ("login_default_org", login_default_org.is_some()),
        ("oidc_token_exchange", oidc_token_exchange.is_some()),
        ("improved_performance", !improved_performance.is_empty()),
        ("debug_oidc_parent_error", debug_oidc_parent_error.is_some()),
        (
            "oidc_single_v1_session_termination",
            oidc_single_v1_session_termination.is_some(),
        ),
        ("enable_back_channel_logout", enable_back_channel_logout.is_some()),
        ("login_v2", login_v2.is_some()),
        ("permission_check_v2", permission_check_v2.is_some()),
        ("console_use_v2_user_api", console_use_v2_user_api.is_some()),
        ("enable_relational_tables", enable_relational_tables.is_some()),
    ];
    match without_meaning.into_iter().find(|(_, given)| *given) {
        Some((field, _)) => Err(Error::invalid(field, Invalid::Feature)),
        None => Ok(Features {
            user_schema: *user_schema,
        }),
    }
}

/// How a feature reads; one that nobody set shows only when what is built in is asked for as well.
fn flag(features: Features, feature: Feature, inheritance: bool) -> Option<FeatureFlag> {
    let (enabled, source) = match features.set(feature) {
        Some(on) => (on, Source::Instance),
        None if inheritance => (feature.is_built_in(), Source::System),
        None => return None,
    };
    Some(FeatureFlag {
        enabled,
        source: source.into(),
    })
}

#[expect(
    clippy::unnecessary_wraps,
    reason = "every message field of the wire is optional"
)]
fn details(instance: &InstanceId, head: Head) -> Option<Details> {
    Some(Details {
        sequence: head.seq.unsigned_abs(),
        creation_date: timestamp(head.created),
        change_date: timestamp(head.changed),
        resource_owner: instance.to_string(),
    })
}

impl FeatureService<Call> for FeatureSwitches {
    async fn set_instance_features(
        &self,
        call: Call,
        req: wire::SetInstanceFeaturesRequest,
    ) -> Result<wire::SetInstanceFeaturesResponse, Status> {
        let caller = call.caller()?;
        answer(&call, Op::SetFeatures, async {
            let head = feature::set(&self.ctx, caller, wanted(&req)?).await?;
            Ok(wire::SetInstanceFeaturesResponse {
                details: details(&call.instance, head),
            })
        })
        .await
    }

    async fn reset_instance_features(
        &self,
        call: Call,
        _req: wire::ResetInstanceFeaturesRequest,
    ) -> Result<wire::ResetInstanceFeaturesResponse, Status> {
        let caller = call.caller()?;
        answer(&call, Op::ResetFeatures, async {
            let head = feature::reset(&self.ctx, caller).await?;
            Ok(wire::ResetInstanceFeaturesResponse {
                details: details(&call.instance, head),
            })
        })
        .await
    }

    async fn get_instance_features(
        &self,
        call: Call,
        req: wire::GetInstanceFeaturesRequest,
    ) -> Result<wire::GetInstanceFeaturesResponse, Status> {
        let caller = call.caller()?;
        answer(&call, Op::GetFeatures, async {
            let view = feature::get(&self.ctx, caller).await?;
            Ok(wire::GetInstanceFeaturesResponse {
                details: details(&call.instance, view.head),
                user_schema: flag(view.features, Feature::UserSchema, req.inheritance),
                ..wire::GetInstanceFeaturesResponse::default()
            })
        })
        .await
    }
}
