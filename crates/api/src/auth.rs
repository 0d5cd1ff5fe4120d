//! `zitadel.auth.v1.AuthService`: what signed-in users do with their own contact data and factors. The OTP factors of
//! this API are switches that are bound to the verified contact.

use std::sync::Arc;

use app::{
    Ctx, Error, Target,
    user::{
        self, Changed, UserView,
        code::{NewDestination, Verification},
        contact::{self, ResendFrom},
        otp, username,
    },
};
use domain::user::{Channel, Contact, Kind, Person, UserState};
use proto::{
    rpc::Status,
    zitadel::{
        auth::v1::{self as wire, AuthService},
        user::v1 as user_v1,
        v1::ObjectDetails,
    },
};

use crate::{
    call::Call,
    error::Op,
    user::{answer, timestamp},
};

/// Serves auth v1.
#[derive(Clone, Debug)]
pub struct Auth {
    ctx: Arc<Ctx>,
}

impl Auth {
    /// A service over these use cases.
    pub fn new(ctx: Arc<Ctx>) -> Self {
        Self { ctx }
    }

    async fn me(&self, call: &Call, op: Op) -> Result<UserView, Status> {
        let caller = call.caller()?;
        answer(
            call,
            op,
            user::get(&self.ctx, caller, &Target::of(caller.user.clone())),
        )
        .await
    }

    async fn set(&self, call: &Call, op: Op, new: app::Result<NewDestination>) -> Result<Changed, Status> {
        let caller = call.caller()?;
        answer(call, op, async {
            let set = contact::set(&self.ctx, caller, &Target::of(caller.user.clone()), &new?).await?;
            Ok(set.changed)
        })
        .await
    }

    async fn verify(&self, call: &Call, op: Op, channel: Channel, code: &str) -> Result<Changed, Status> {
        let caller = call.caller()?;
        let me = Target::of(caller.user.clone());
        answer(call, op, contact::verify(&self.ctx, caller, &me, channel, code)).await
    }

    async fn resend(&self, call: &Call, op: Op, channel: Channel) -> Result<Changed, Status> {
        let caller = call.caller()?;
        answer(call, op, async {
            let me = Target::of(caller.user.clone());
            let from = (ResendFrom::Unverified, call.language);
            let sent = contact::resend(&self.ctx, caller, &me, channel, &SEND, from).await?;
            Ok(sent.changed)
        })
        .await
    }

    async fn bind(&self, call: &Call, op: Op, channel: Channel) -> Result<Changed, Status> {
        let caller = call.caller()?;
        answer(
            call,
            op,
            otp::bind(&self.ctx, caller, &Target::of(caller.user.clone()), channel),
        )
        .await
    }

    async fn unbind(&self, call: &Call, op: Op, channel: Channel) -> Result<Changed, Status> {
        let caller = call.caller()?;
        answer(
            call,
            op,
            otp::unbind(&self.ctx, caller, &Target::of(caller.user.clone()), channel),
        )
        .await
    }
}

const SEND: Verification = Verification::Send { link: None };

#[expect(
    clippy::unnecessary_wraps,
    reason = "every message field of the wire is optional"
)]
fn details(changed: &Changed) -> Option<ObjectDetails> {
    Some(ObjectDetails {
        sequence: changed.head.seq.unsigned_abs(),
        creation_date: timestamp(changed.head.created),
        change_date: timestamp(changed.head.changed),
        resource_owner: changed.org.to_string(),
    })
}

fn details_of(view: &UserView) -> Option<ObjectDetails> {
    details(&Changed {
        id: view.id.clone(),
        head: view.head,
        org: view.person.org.clone(),
    })
}

impl AuthService<Call> for Auth {
    async fn healthz(
        &self,
        _call: Call,
        _req: wire::HealthzRequest,
    ) -> Result<wire::HealthzResponse, Status> {
        Ok(wire::HealthzResponse {})
    }

    async fn get_my_user(
        &self,
        call: Call,
        _req: wire::GetMyUserRequest,
    ) -> Result<wire::GetMyUserResponse, Status> {
        let view = self.me(&call, Op::GetMyUser).await?;
        let names = username::login_names(&self.ctx, call.caller()?, &view.person);
        let login_names = answer(&call, Op::GetMyUser, names).await?;
        Ok(wire::GetMyUserResponse {
            user: Some(user_of(&view, login_names)),
            last_login: None,
        })
    }

    async fn get_my_email(
        &self,
        call: Call,
        _req: wire::GetMyEmailRequest,
    ) -> Result<wire::GetMyEmailResponse, Status> {
        let view = self.me(&call, Op::GetMyEmail).await?;
        let email = view.person.email.as_ref().map(email_of).unwrap_or_default();
        Ok(wire::GetMyEmailResponse {
            details: details_of(&view),
            email: Some(email),
        })
    }

    async fn set_my_email(
        &self,
        call: Call,
        req: wire::SetMyEmailRequest,
    ) -> Result<wire::SetMyEmailResponse, Status> {
        let new = NewDestination::email(&req.email, SEND, call.language).map_err(|e| in_field("email", e));
        let changed = self.set(&call, Op::SetMyEmail, new).await?;
        Ok(wire::SetMyEmailResponse {
            details: details(&changed),
        })
    }

    async fn verify_my_email(
        &self,
        call: Call,
        req: wire::VerifyMyEmailRequest,
    ) -> Result<wire::VerifyMyEmailResponse, Status> {
        let changed = self
            .verify(&call, Op::VerifyMyEmail, Channel::Email, &req.code)
            .await?;
        Ok(wire::VerifyMyEmailResponse {
            details: details(&changed),
        })
    }

    async fn resend_my_email_verification(
        &self,
        call: Call,
        _req: wire::ResendMyEmailVerificationRequest,
    ) -> Result<wire::ResendMyEmailVerificationResponse, Status> {
        let changed = self.resend(&call, Op::ResendMyEmail, Channel::Email).await?;
        Ok(wire::ResendMyEmailVerificationResponse {
            details: details(&changed),
        })
    }

    async fn get_my_phone(
        &self,
        call: Call,
        _req: wire::GetMyPhoneRequest,
    ) -> Result<wire::GetMyPhoneResponse, Status> {
        let view = self.me(&call, Op::GetMyPhone).await?;
        let phone = view.person.phone.as_ref().map(phone_of).unwrap_or_default();
        Ok(wire::GetMyPhoneResponse {
            details: details_of(&view),
            phone: Some(phone),
        })
    }

    async fn set_my_phone(
        &self,
        call: Call,
        req: wire::SetMyPhoneRequest,
    ) -> Result<wire::SetMyPhoneResponse, Status> {
        let new = NewDestination::phone(&self.ctx, &req.phone, SEND, call.language);
        let new = new.map_err(|e| in_field("phone", e));
        let changed = self.set(&call, Op::SetMyPhone, new).await?;
        Ok(wire::SetMyPhoneResponse {
            details: details(&changed),
        })
    }

    async fn verify_my_phone(
        &self,
        call: Call,
        req: wire::VerifyMyPhoneRequest,
    ) -> Result<wire::VerifyMyPhoneResponse, Status> {
        let changed = self
            .verify(&call, Op::VerifyMyPhone, Channel::Sms, &req.code)
            .await?;
        Ok(wire::VerifyMyPhoneResponse {
            details: details(&changed),
        })
    }

    async fn resend_my_phone_verification(
        &self,
        call: Call,
        _req: wire::ResendMyPhoneVerificationRequest,
    ) -> Result<wire::ResendMyPhoneVerificationResponse, Status> {
        let changed = self.resend(&call, Op::ResendMyPhone, Channel::Sms).await?;
        Ok(wire::ResendMyPhoneVerificationResponse {
            details: details(&changed),
        })
    }

    async fn remove_my_phone(
        &self,
        call: Call,
        _req: wire::RemoveMyPhoneRequest,
    ) -> Result<wire::RemoveMyPhoneResponse, Status> {
        let caller = call.caller()?;
        let me = Target::of(caller.user.clone());
        let changed = answer(
            &call,
            Op::RemoveMyPhone,
            contact::remove(&self.ctx, caller, &me, Channel::Sms),
        )
        .await?;
        Ok(wire::RemoveMyPhoneResponse {
            details: details(&changed),
        })
    }

    async fn list_my_auth_factors(
        &self,
        call: Call,
        _req: wire::ListMyAuthFactorsRequest,
    ) -> Result<wire::ListMyAuthFactorsResponse, Status> {
        let view = self.me(&call, Op::ListMyFactors).await?;
        Ok(wire::ListMyAuthFactorsResponse {
            result: factors_of(&view.person),
        })
    }

    async fn add_my_auth_factor_otpsms(
        &self,
        call: Call,
        _req: wire::AddMyAuthFactorOtpsmsRequest,
    ) -> Result<wire::AddMyAuthFactorOtpsmsResponse, Status> {
        let changed = self.bind(&call, Op::AddMyOtpSms, Channel::Sms).await?;
        Ok(wire::AddMyAuthFactorOtpsmsResponse {
            details: details(&changed),
        })
    }

    async fn remove_my_auth_factor_otpsms(
        &self,
        call: Call,
        _req: wire::RemoveMyAuthFactorOtpsmsRequest,
    ) -> Result<wire::RemoveMyAuthFactorOtpsmsResponse, Status> {
        let changed = self.unbind(&call, Op::RemoveMyOtpSms, Channel::Sms).await?;
        Ok(wire::RemoveMyAuthFactorOtpsmsResponse {
            details: details(&changed),
        })
    }

    async fn add_my_auth_factor_otp_email(
        &self,
        call: Call,
        _req: wire::AddMyAuthFactorOtpEmailRequest,
    ) -> Result<wire::AddMyAuthFactorOtpEmailResponse, Status> {
        let changed = self.bind(&call, Op::AddMyOtpEmail, Channel::Email).await?;
        Ok(wire::AddMyAuthFactorOtpEmailResponse {
            details: details(&changed),
        })
    }

    async fn remove_my_auth_factor_otp_email(
        &self,
        call: Call,
        _req: wire::RemoveMyAuthFactorOtpEmailRequest,
    ) -> Result<wire::RemoveMyAuthFactorOtpEmailResponse, Status> {
        let changed = self.unbind(&call, Op::RemoveMyOtpEmail, Channel::Email).await?;
        Ok(wire::RemoveMyAuthFactorOtpEmailResponse {
            details: details(&changed),
        })
    }
}

/// Number and address stand in the request itself here, not in a message of their own.
fn in_field(field: &'static str, error: Error) -> Error {
    match error {
        Error::Invalid { reason, .. } => Error::Invalid { field, reason },
        other => other,
    }
}

fn email_of(contact: &Contact) -> user_v1::Email {
    user_v1::Email {
        email: contact.destination.as_str().to_owned(),
        is_email_verified: contact.verified,
    }
}

fn phone_of(contact: &Contact) -> user_v1::Phone {
    user_v1::Phone {
        phone: contact.destination.as_str().to_owned(),
        is_phone_verified: contact.verified,
    }
}

/// The oldest name is the preferred one.
fn user_of(view: &UserView, login_names: Vec<String>) -> user_v1::User {
    use user_v1::user::Type;
    let person = &view.person;
    let kind = match person.kind {
        Kind::Human => Type::Human(user_v1::Human {
            email: person.email.as_ref().map(email_of),
            phone: person.phone.as_ref().map(phone_of),
            ..Default::default()
        }),
        Kind::Machine => Type::Machine(user_v1::Machine::default()),
    };
    let state = match person.state() {
        UserState::Active => user_v1::UserState::Active,
        UserState::Inactive => user_v1::UserState::Inactive,
        UserState::Locked => user_v1::UserState::Locked,
    };
    user_v1::User {
        id: view.id.to_string(),
        details: details_of(view),
        state: state.into(),
        user_name: person
            .usernames
            .first()
            .map(|n| n.name.as_str().to_owned())
            .unwrap_or_default(),
        preferred_login_name: login_names.first().cloned().unwrap_or_default(),
        login_names,
        r#type: Some(kind),
    }
}

/// Factors that can be used now: one entry for each kind of which v1 knows a switch only, and each passkey or security key.
fn factors_of(person: &Person) -> Vec<user_v1::AuthFactor> {
    use user_v1::auth_factor::Type;
    let ready = |channel| {
        person
            .otps
            .iter()
            .any(|f| f.channel == channel && person.otp_ready(f))
    };
    let sms = ready(Channel::Sms).then_some(Type::OtpSms(user_v1::AuthFactorOtpsms {}));
    let email = ready(Channel::Email).then_some(Type::OtpEmail(user_v1::AuthFactorOtpEmail {}));
    let app = person.totps.iter().any(|f| person.totp_ready(f));
    let app = app.then_some(Type::Otp(user_v1::AuthFactorOtp {}));
    let keys = person.webauthns.iter().filter_map(|f| {
        let named = f.credential()?;
        Some(Type::U2f(user_v1::AuthFactorU2f {
            id: f.id.to_string(),
            name: named.name.as_str().to_owned(),
        }))
    });
    let factor = |kind| user_v1::AuthFactor {
        state: user_v1::AuthFactorState::Ready.into(),
        r#type: Some(kind),
    };
    let switches = app.into_iter().chain(sms).chain(email);
    switches.chain(keys).map(factor).collect()
}
