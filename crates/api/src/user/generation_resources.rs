//! `zitadel.resources.user.v3alpha.ZITADELUsers`, the generation that the reference serves in part.

use app::{
    Caller, Error, OrgRef, Target,
    error::Invalid,
    idp::intent,
    secret::Secret,
    user::{
        self, NewUser, Transition, UserView,
        contact::{self, ResendFrom},
        idp_link, otp,
        password::{self, InitialPassword, PasswordChange, Shown},
        search as find, totp, username,
        webauthn::{self, NewRegistration},
    },
};
use domain::user::Channel;
use proto::{
    rpc::Status,
    zitadel::resources::{
        object::v3alpha::ListDetails,
        user::v3alpha::{self as wire, ZitadelUsers},
    },
};

use super::{
    Users, answer, browser_answer, changed_of, data, details, factor_id, id, idp_id, in_instance,
    intent_details, intent_id, org_v3, patch, revealed, schema_id,
    search::resources as filters,
    shapes::resources::{self as shapes, For},
    target, timestamp, user_id, username_id,
};
use crate::{call::Call, error::Op, page::page};

fn shown(view: UserView) -> wire::GetUser {
    wire::GetUser {
        details: details(&changed_of(&view)),
        schema: shapes::schema_of(view.schema.as_ref()),
        contact: shapes::contact_of(&view.person),
        authenticators: shapes::authenticators_of(&view),
        state: shapes::state_of(&view.person),
        data: shapes::data_of(view.person.data),
    }
}

/// The password of a new user, who has nothing yet to prove it with.
pub(super) fn initial_password(set: wire::SetPassword) -> app::Result<InitialPassword> {
    if set.verification.is_some() {
        let field = "authenticators.password.verification";
        return Err(Error::invalid(field, Invalid::NeedlessProof));
    }
    Ok(InitialPassword {
        new: shapes::new_secret("authenticators.password", set.r#type)?,
        change_required: set.change_required,
    })
}

/// Creates one user, alone or among many.
pub(super) async fn create(
    users: &Users,
    call: &Call,
    caller: &Caller,
    org: Option<OrgRef>,
    asked: wire::CreateUser,
) -> app::Result<wire::CreateUserResponse> {
    let (usernames, password) = shapes::authenticators(asked.authenticators)?;
    let (email, phone) = shapes::contact(&users.ctx, asked.contact, call.language)?;
    let new = NewUser {
        org,
        id: asked.user_id.as_deref().map(user_id).transpose()?,
        schema: schema_id(&asked.schema_id)?,
        data: data(asked.data).unwrap_or_default(),
        email,
        phone,
        usernames,
        password,
    };
    let created = user::create(&users.ctx, caller, &new).await?;
    Ok(wire::CreateUserResponse {
        details: details(&created.changed),
        email_code: revealed(created.email_code.as_ref()),
        phone_code: revealed(created.phone_code.as_ref()),
    })
}

impl ZitadelUsers<Call> for Users {
    async fn create_user(
        &self,
        call: Call,
        req: wire::CreateUserRequest,
    ) -> Result<wire::CreateUserResponse, Status> {
        let caller = call.caller()?;
        answer(&call, Op::CreateUser, async {
            in_instance(self, &call, req.instance.as_ref())?;
            let asked = req.user.ok_or(Error::invalid("user", Invalid::Missing))?;
            let org = req.organization.map(org_v3).transpose()?;
            create(self, &call, caller, org, asked).await
        })
        .await
    }

    async fn get_user(&self, call: Call, req: wire::GetUserRequest) -> Result<wire::GetUserResponse, Status> {
        let caller = call.caller()?;
        answer(&call, Op::GetUser, async {
            in_instance(self, &call, req.instance.as_ref())?;
            let view = user::get(&self.ctx, caller, &Target::of(id(&req.id)?)).await?;
            Ok(wire::GetUserResponse {
                user: Some(shown(view)),
            })
        })
        .await
    }

    async fn search_users(
        &self,
        call: Call,
        req: wire::SearchUsersRequest,
    ) -> Result<wire::SearchUsersResponse, Status> {
        let caller = call.caller()?;
        answer(&call, Op::SearchUsers, async {
            in_instance(self, &call, req.instance.as_ref())?;
            let query = req.query.unwrap_or_default();
            let page = page("query.limit", query.offset, query.limit, query.desc)?;
            let filter = filters::all(&self.ctx, req.filters)?;
            let column = wire::FieldName::try_from(req.sorting_column).unwrap_or_default();
            let found = find::search(&self.ctx, caller, &filter, filters::sort(column), page).await?;
            Ok(wire::SearchUsersResponse {
                details: Some(ListDetails {
                    applied_limit: page.limit.unsigned_abs(),
                    total_result: found.total.unsigned_abs(),
                    timestamp: timestamp(found.at),
                }),
                result: found.users.into_iter().map(shown).collect(),
            })
        })
        .await
    }

    async fn patch_user(
        &self,
        call: Call,
        req: wire::PatchUserRequest,
    ) -> Result<wire::PatchUserResponse, Status> {
        let caller = call.caller()?;
        answer(&call, Op::PatchUser, async {
            let target = target(self, &call, &req.id, req.organization, req.instance.as_ref())?;
            let asked = req.user.ok_or(Error::invalid("user", Invalid::Missing))?;
            let contact = shapes::contact(&self.ctx, asked.contact, call.language)?;
            let schema = asked.schema_id.as_deref();
            let written = patch(self, caller, &target, schema, data(asked.data), contact).await?;
            Ok(wire::PatchUserResponse {
                details: details(&written.changed),
                email_code: revealed(written.email_code.as_ref()),
                phone_code: revealed(written.phone_code.as_ref()),
            })
        })
        .await
    }

    async fn deactivate_user(
        &self,
        call: Call,
        req: wire::DeactivateUserRequest,
    ) -> Result<wire::DeactivateUserResponse, Status> {
        let caller = call.caller()?;
        answer(&call, Op::DeactivateUser, async {
            let target = target(self, &call, &req.id, req.organization, req.instance.as_ref())?;
            let changed = user::transition(&self.ctx, caller, &target, Transition::Deactivate).await?;
            Ok(wire::DeactivateUserResponse {
                details: details(&changed),
            })
        })
        .await
    }

    async fn activate_user(
        &self,
        call: Call,
        req: wire::ActivateUserRequest,
    ) -> Result<wire::ActivateUserResponse, Status> {
        let caller = call.caller()?;
        answer(&call, Op::ActivateUser, async {
            let target = target(self, &call, &req.id, req.organization, req.instance.as_ref())?;
            let changed = user::transition(&self.ctx, caller, &target, Transition::Activate).await?;
            Ok(wire::ActivateUserResponse {
                details: details(&changed),
            })
        })
        .await
    }

    async fn lock_user(
        &self,
        call: Call,
        req: wire::LockUserRequest,
    ) -> Result<wire::LockUserResponse, Status> {
        let caller = call.caller()?;
        answer(&call, Op::LockUser, async {
            let target = target(self, &call, &req.id, req.organization, req.instance.as_ref())?;
            let changed = user::transition(&self.ctx, caller, &target, Transition::Lock).await?;
            Ok(wire::LockUserResponse {
                details: details(&changed),
            })
        })
        .await
    }

    async fn unlock_user(
        &self,
        call: Call,
        req: wire::UnlockUserRequest,
    ) -> Result<wire::UnlockUserResponse, Status> {
        let caller = call.caller()?;
        answer(&call, Op::UnlockUser, async {
            let target = target(self, &call, &req.id, req.organization, req.instance.as_ref())?;
            let changed = user::transition(&self.ctx, caller, &target, Transition::Unlock).await?;
            Ok(wire::UnlockUserResponse {
                details: details(&changed),
            })
        })
        .await
    }

    async fn delete_user(
        &self,
        call: Call,
        req: wire::DeleteUserRequest,
    ) -> Result<wire::DeleteUserResponse, Status> {
        let caller = call.caller()?;
        answer(&call, Op::DeleteUser, async {
            let target = target(self, &call, &req.id, req.organization, req.instance.as_ref())?;
            let changed = user::delete(&self.ctx, caller, &target).await?;
            Ok(wire::DeleteUserResponse {
                details: details(&changed),
            })
        })
        .await
    }

    async fn set_contact_email(
        &self,
        call: Call,
        req: wire::SetContactEmailRequest,
    ) -> Result<wire::SetContactEmailResponse, Status> {
        let caller = call.caller()?;
        answer(&call, Op::SetContactEmail, async {
            let target = target(self, &call, &req.id, req.organization, req.instance.as_ref())?;
            let new = shapes::email(&self.ctx, req.email, call.language, For::Contact)?;
            let set = contact::set(&self.ctx, caller, &target, &new).await?;
            Ok(wire::SetContactEmailResponse {
                details: details(&set.changed),
                verification_code: revealed(set.code.as_ref()),
            })
        })
        .await
    }

    async fn verify_contact_email(
        &self,
        call: Call,
        req: wire::VerifyContactEmailRequest,
    ) -> Result<wire::VerifyContactEmailResponse, Status> {
        let caller = call.caller()?;
        answer(&call, Op::VerifyContactEmail, async {
            let target = target(self, &call, &req.id, req.organization, req.instance.as_ref())?;
            let code = &req.verification_code;
            let changed = contact::verify(&self.ctx, caller, &target, Channel::Email, code).await?;
            Ok(wire::VerifyContactEmailResponse {
                details: details(&changed),
            })
        })
        .await
    }

    async fn resend_contact_email_code(
        &self,
        call: Call,
        req: wire::ResendContactEmailCodeRequest,
    ) -> Result<wire::ResendContactEmailCodeResponse, Status> {
        let caller = call.caller()?;
        answer(&call, Op::ResendContactEmail, async {
            let target = target(self, &call, &req.id, req.organization, req.instance.as_ref())?;
            let how = shapes::resend_email(&self.ctx, req.verification)?;
            let from = (ResendFrom::PendingCode, call.language);
            let sent = contact::resend(&self.ctx, caller, &target, Channel::Email, &how, from).await?;
            Ok(wire::ResendContactEmailCodeResponse {
                details: details(&sent.changed),
                verification_code: revealed(sent.code.as_ref()),
            })
        })
        .await
    }

    async fn set_contact_phone(
        &self,
        call: Call,
        req: wire::SetContactPhoneRequest,
    ) -> Result<wire::SetContactPhoneResponse, Status> {
        let caller = call.caller()?;
        answer(&call, Op::SetContactPhone, async {
            let target = target(self, &call, &req.id, req.organization, req.instance.as_ref())?;
            let new = shapes::phone(&self.ctx, req.phone, call.language)?;
            let set = contact::set(&self.ctx, caller, &target, &new).await?;
            Ok(wire::SetContactPhoneResponse {
                details: details(&set.changed),
                verification_code: revealed(set.code.as_ref()),
            })
        })
        .await
    }

    async fn verify_contact_phone(
        &self,
        call: Call,
        req: wire::VerifyContactPhoneRequest,
    ) -> Result<wire::VerifyContactPhoneResponse, Status> {
        let caller = call.caller()?;
        answer(&call, Op::VerifyContactPhone, async {
            let target = target(self, &call, &req.id, req.organization, req.instance.as_ref())?;
            let code = &req.verification_code;
            let changed = contact::verify(&self.ctx, caller, &target, Channel::Sms, code).await?;
            Ok(wire::VerifyContactPhoneResponse {
                details: details(&changed),
            })
        })
        .await
    }

    async fn resend_contact_phone_code(
        &self,
        call: Call,
        req: wire::ResendContactPhoneCodeRequest,
    ) -> Result<wire::ResendContactPhoneCodeResponse, Status> {
        let caller = call.caller()?;
        answer(&call, Op::ResendContactPhone, async {
            let target = target(self, &call, &req.id, req.organization, req.instance.as_ref())?;
            let how = shapes::resend_phone(req.verification);
            let from = (ResendFrom::PendingCode, call.language);
            let sent = contact::resend(&self.ctx, caller, &target, Channel::Sms, &how, from).await?;
            Ok(wire::ResendContactPhoneCodeResponse {
                details: details(&sent.changed),
                verification_code: revealed(sent.code.as_ref()),
            })
        })
        .await
    }

    async fn add_otpsms_authenticator(
        &self,
        call: Call,
        req: wire::AddOtpsmsAuthenticatorRequest,
    ) -> Result<wire::AddOtpsmsAuthenticatorResponse, Status> {
        let caller = call.caller()?;
        answer(&call, Op::AddOtpSms, async {
            let target = target(self, &call, &req.id, req.organization, req.instance.as_ref())?;
            let new = shapes::phone(&self.ctx, req.phone, call.language)?;
            let added = otp::add(&self.ctx, caller, &target, &new).await?;
            Ok(wire::AddOtpsmsAuthenticatorResponse {
                details: details(&added.changed),
                otp_sms_id: added.factor.to_string(),
                verification_code: revealed(added.code.as_ref()),
            })
        })
        .await
    }

    async fn verify_otpsms_registration(
        &self,
        call: Call,
        req: wire::VerifyOtpsmsRegistrationRequest,
    ) -> Result<wire::VerifyOtpsmsRegistrationResponse, Status> {
        let caller = call.caller()?;
        answer(&call, Op::VerifyOtpSms, async {
            let target = target(self, &call, &req.id, req.organization, req.instance.as_ref())?;
            let factor = factor_id("otp_sms_id", &req.otp_sms_id)?;
            let which = (Channel::Sms, &factor);
            let changed = otp::verify(&self.ctx, caller, &target, which, &req.code).await?;
            Ok(wire::VerifyOtpsmsRegistrationResponse {
                details: details(&changed),
            })
        })
        .await
    }

    async fn remove_otpsms_authenticator(
        &self,
        call: Call,
        req: wire::RemoveOtpsmsAuthenticatorRequest,
    ) -> Result<wire::RemoveOtpsmsAuthenticatorResponse, Status> {
        let caller = call.caller()?;
        answer(&call, Op::RemoveOtpSms, async {
            let target = target(self, &call, &req.id, req.organization, req.instance.as_ref())?;
            let factor = factor_id("otp_sms_id", &req.otp_sms_id)?;
            let changed = otp::remove(&self.ctx, caller, &target, Channel::Sms, &factor).await?;
            Ok(wire::RemoveOtpsmsAuthenticatorResponse {
                details: details(&changed),
            })
        })
        .await
    }

    async fn add_otp_email_authenticator(
        &self,
        call: Call,
        req: wire::AddOtpEmailAuthenticatorRequest,
    ) -> Result<wire::AddOtpEmailAuthenticatorResponse, Status> {
        let caller = call.caller()?;
        answer(&call, Op::AddOtpEmail, async {
            let target = target(self, &call, &req.id, req.organization, req.instance.as_ref())?;
            let new = shapes::email(&self.ctx, req.email, call.language, For::Factor)?;
            let added = otp::add(&self.ctx, caller, &target, &new).await?;
            Ok(wire::AddOtpEmailAuthenticatorResponse {
                details: details(&added.changed),
                otp_email_id: added.factor.to_string(),
                verification_code: revealed(added.code.as_ref()),
            })
        })
        .await
    }

    async fn verify_otp_email_registration(
        &self,
        call: Call,
        req: wire::VerifyOtpEmailRegistrationRequest,
    ) -> Result<wire::VerifyOtpEmailRegistrationResponse, Status> {
        let caller = call.caller()?;
        answer(&call, Op::VerifyOtpEmail, async {
            let target = target(self, &call, &req.id, req.organization, req.instance.as_ref())?;
            let factor = factor_id("otp_email_id", &req.otp_email_id)?;
            let which = (Channel::Email, &factor);
            let changed = otp::verify(&self.ctx, caller, &target, which, &req.code).await?;
            Ok(wire::VerifyOtpEmailRegistrationResponse {
                details: details(&changed),
            })
        })
        .await
    }

    async fn remove_otp_email_authenticator(
        &self,
        call: Call,
        req: wire::RemoveOtpEmailAuthenticatorRequest,
    ) -> Result<wire::RemoveOtpEmailAuthenticatorResponse, Status> {
        let caller = call.caller()?;
        answer(&call, Op::RemoveOtpEmail, async {
            let target = target(self, &call, &req.id, req.organization, req.instance.as_ref())?;
            let factor = factor_id("otp_email_id", &req.otp_email_id)?;
            let changed = otp::remove(&self.ctx, caller, &target, Channel::Email, &factor).await?;
            Ok(wire::RemoveOtpEmailAuthenticatorResponse {
                details: details(&changed),
            })
        })
        .await
    }

    async fn add_username(
        &self,
        call: Call,
        req: wire::AddUsernameRequest,
    ) -> Result<wire::AddUsernameResponse, Status> {
        let caller = call.caller()?;
        answer(&call, Op::AddUsername, async {
            let target = target(self, &call, &req.id, req.organization, req.instance.as_ref())?;
            let new = shapes::username(req.username)?;
            let added = username::add(&self.ctx, caller, &target, &new).await?;
            Ok(wire::AddUsernameResponse {
                details: details(&added.changed),
                username_id: added.id.to_string(),
            })
        })
        .await
    }

    async fn remove_username(
        &self,
        call: Call,
        req: wire::RemoveUsernameRequest,
    ) -> Result<wire::RemoveUsernameResponse, Status> {
        let caller = call.caller()?;
        answer(&call, Op::RemoveUsername, async {
            let target = target(self, &call, &req.id, req.organization, req.instance.as_ref())?;
            let name = username_id(&req.username_id)?;
            let changed = username::remove(&self.ctx, caller, &target, &name).await?;
            Ok(wire::RemoveUsernameResponse {
                details: details(&changed),
            })
        })
        .await
    }

    async fn set_password(
        &self,
        call: Call,
        req: wire::SetPasswordRequest,
    ) -> Result<wire::SetPasswordResponse, Status> {
        let caller = call.caller()?;
        answer(&call, Op::SetPassword, async {
            let target = target(self, &call, &req.id, req.organization, req.instance.as_ref())?;
            let new = req
                .new_password
                .ok_or(Error::invalid("new_password", Invalid::Missing))?;
            let proof = new.verification.map(|shown| match shown {
                wire::set_password::Verification::CurrentPassword(current) => {
                    Shown::Current(Secret::new(current))
                }
                wire::set_password::Verification::VerificationCode(code) => Shown::Code(Secret::new(code)),
            });
            let change = PasswordChange {
                new: shapes::new_secret("new_password", new.r#type)?,
                change_required: new.change_required,
                proof,
            };
            let changed = password::set(&self.ctx, caller, &target, &change).await?;
            Ok(wire::SetPasswordResponse {
                details: details(&changed),
            })
        })
        .await
    }

    async fn request_password_reset(
        &self,
        call: Call,
        req: wire::RequestPasswordResetRequest,
    ) -> Result<wire::RequestPasswordResetResponse, Status> {
        let caller = call.caller()?;
        answer(&call, Op::RequestPasswordReset, async {
            let target = target(self, &call, &req.id, req.organization, req.instance.as_ref())?;
            let by = shapes::reset(&self.ctx, req.medium)?;
            let requested = password::request_reset(&self.ctx, caller, &target, &by, call.language).await?;
            Ok(wire::RequestPasswordResetResponse {
                details: details(&requested.changed),
                verification_code: revealed(requested.code.as_ref()),
            })
        })
        .await
    }

    async fn start_totp_registration(
        &self,
        call: Call,
        req: wire::StartTotpRegistrationRequest,
    ) -> Result<wire::StartTotpRegistrationResponse, Status> {
        let caller = call.caller()?;
        answer(&call, Op::StartTotp, async {
            let target = target(self, &call, &req.id, req.organization, req.instance.as_ref())?;
            let started = totp::start(&self.ctx, caller, &target).await?;
            Ok(wire::StartTotpRegistrationResponse {
                details: details(&started.changed),
                totp_id: started.factor.to_string(),
                uri: started.uri.reveal().to_owned(),
                secret: started.secret.reveal().to_owned(),
            })
        })
        .await
    }

    async fn verify_totp_registration(
        &self,
        call: Call,
        req: wire::VerifyTotpRegistrationRequest,
    ) -> Result<wire::VerifyTotpRegistrationResponse, Status> {
        let caller = call.caller()?;
        answer(&call, Op::VerifyTotp, async {
            let target = target(self, &call, &req.id, req.organization, req.instance.as_ref())?;
            let factor = factor_id("totp_id", &req.totp_id)?;
            let changed = totp::verify(&self.ctx, caller, &target, &factor, &req.code).await?;
            Ok(wire::VerifyTotpRegistrationResponse {
                details: details(&changed),
            })
        })
        .await
    }

    async fn remove_totp_authenticator(
        &self,
        call: Call,
        req: wire::RemoveTotpAuthenticatorRequest,
    ) -> Result<wire::RemoveTotpAuthenticatorResponse, Status> {
        let caller = call.caller()?;
        answer(&call, Op::RemoveTotp, async {
            let target = target(self, &call, &req.id, req.organization, req.instance.as_ref())?;
            let factor = factor_id("totp_id", &req.totp_id)?;
            let changed = totp::remove(&self.ctx, caller, &target, &factor).await?;
            Ok(wire::RemoveTotpAuthenticatorResponse {
                details: details(&changed),
            })
        })
        .await
    }

    async fn add_idp_authenticator(
        &self,
        call: Call,
        req: wire::AddIdpAuthenticatorRequest,
    ) -> Result<wire::AddIdpAuthenticatorResponse, Status> {
        let caller = call.caller()?;
        answer(&call, Op::AddIdpLink, async {
            let target = target(self, &call, &req.id, req.organization, req.instance.as_ref())?;
            let link = shapes::link("authenticator", req.authenticator)?;
            let changed = idp_link::add(&self.ctx, caller, &target, &link).await?;
            Ok(wire::AddIdpAuthenticatorResponse {
                details: details(&changed),
            })
        })
        .await
    }

    async fn remove_idp_authenticator(
        &self,
        call: Call,
        req: wire::RemoveIdpAuthenticatorRequest,
    ) -> Result<wire::RemoveIdpAuthenticatorResponse, Status> {
        let caller = call.caller()?;
        answer(&call, Op::RemoveIdpLink, async {
            let target = target(self, &call, &req.id, req.organization, req.instance.as_ref())?;
            let idp = idp_id(&req.idp_id)?;
            let changed = idp_link::remove(&self.ctx, caller, &target, &idp).await?;
            Ok(wire::RemoveIdpAuthenticatorResponse {
                details: details(&changed),
            })
        })
        .await
    }

    async fn start_web_auth_n_registration(
        &self,
        call: Call,
        req: wire::StartWebAuthNRegistrationRequest,
    ) -> Result<wire::StartWebAuthNRegistrationResponse, Status> {
        let caller = call.caller()?;
        answer(&call, Op::StartWebauthn, async {
            let target = target(self, &call, &req.id, req.organization, req.instance.as_ref())?;
            let asked = req
                .registration
                .ok_or(Error::invalid("registration", Invalid::Missing))?;
            let new = NewRegistration {
                attachment: shapes::attachment(asked.authenticator_type)?,
                link: shapes::entered_link(asked.code)?,
                domain: asked.domain,
            };
            let started = webauthn::start(&self.ctx, caller, &target, &new).await?;
            Ok(wire::StartWebAuthNRegistrationResponse {
                details: details(&started.changed),
                web_auth_n_id: started.factor.to_string(),
                public_key_credential_creation_options: Some(started.options.into()),
            })
        })
        .await
    }

    async fn verify_web_auth_n_registration(
        &self,
        call: Call,
        req: wire::VerifyWebAuthNRegistrationRequest,
    ) -> Result<wire::VerifyWebAuthNRegistrationResponse, Status> {
        let caller = call.caller()?;
        answer(&call, Op::VerifyWebauthn, async {
            let target = target(self, &call, &req.id, req.organization, req.instance.as_ref())?;
            let factor = factor_id("web_auth_n_id", &req.web_auth_n_id)?;
            let given = req.verify.ok_or(Error::invalid("verify", Invalid::Missing))?;
            let (credential, name) = browser_answer(given.public_key_credential, &given.web_auth_n_name)?;
            let answer = (&credential, &name);
            let changed = webauthn::verify(&self.ctx, caller, &target, &factor, answer).await?;
            Ok(wire::VerifyWebAuthNRegistrationResponse {
                details: details(&changed),
            })
        })
        .await
    }

    async fn create_web_auth_n_registration_link(
        &self,
        call: Call,
        req: wire::CreateWebAuthNRegistrationLinkRequest,
    ) -> Result<wire::CreateWebAuthNRegistrationLinkResponse, Status> {
        let caller = call.caller()?;
        answer(&call, Op::CreateWebauthnLink, async {
            let target = target(self, &call, &req.id, req.organization, req.instance.as_ref())?;
            let medium = shapes::link_medium(&self.ctx, req.medium)?;
            let created = webauthn::create_link(&self.ctx, caller, &target, &medium, call.language).await?;
            Ok(wire::CreateWebAuthNRegistrationLinkResponse {
                details: details(&created.changed),
                code: shapes::link_code(&created.id, created.code.as_ref()),
            })
        })
        .await
    }

    async fn remove_web_auth_n_authenticator(
        &self,
        call: Call,
        req: wire::RemoveWebAuthNAuthenticatorRequest,
    ) -> Result<wire::RemoveWebAuthNAuthenticatorResponse, Status> {
        let caller = call.caller()?;
        answer(&call, Op::RemoveWebauthn, async {
            let target = target(self, &call, &req.id, req.organization, req.instance.as_ref())?;
            let factor = factor_id("web_auth_n_id", &req.web_auth_n_id)?;
            let changed = webauthn::remove(&self.ctx, caller, &target, &factor).await?;
            Ok(wire::RemoveWebAuthNAuthenticatorResponse {
                details: details(&changed),
            })
        })
        .await
    }

    async fn start_identity_provider_intent(
        &self,
        call: Call,
        req: wire::StartIdentityProviderIntentRequest,
    ) -> Result<wire::StartIdentityProviderIntentResponse, Status> {
        let caller = call.caller()?;
        answer(&call, Op::StartIntent, async {
            in_instance(self, &call, req.instance.as_ref())?;
            let idp = idp_id(&req.idp_id)?;
            let (begun, next) = shapes::begin(&self.ctx, caller, &idp, req.content).await?;
            Ok(wire::StartIdentityProviderIntentResponse {
                details: intent_details(&call.instance, &begun),
                next_step: Some(next),
            })
        })
        .await
    }

    async fn get_identity_provider_intent(
        &self,
        call: Call,
        req: wire::GetIdentityProviderIntentRequest,
    ) -> Result<wire::GetIdentityProviderIntentResponse, Status> {
        let caller = call.caller()?;
        answer(&call, Op::TellIntent, async {
            in_instance(self, &call, req.instance.as_ref())?;
            let id = intent_id(&req.idp_intent_id)?;
            let token = Secret::new(req.idp_intent_token);
            let told = intent::tell(&self.ctx, caller, &id, &token).await?;
            Ok(wire::GetIdentityProviderIntentResponse {
                details: intent_details(&call.instance, &told.changed),
                idp_information: Some(shapes::information(&told.idp, told.identity)),
                id: told.user.map(|user| user.to_string()),
            })
        })
        .await
    }
}
