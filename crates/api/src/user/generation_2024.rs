//! `zitadel.user.v3alpha.UserService`, the first generation (2024-06).

use app::{
    Error, Target,
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
    zitadel::{
        object::v2beta::ListDetails,
        user::v3alpha::{self as wire, UserService},
    },
};

use super::{
    Users, answer, browser_answer, changed_of, data, details_2024, factor_id, idp_id, intent_details_2024,
    intent_id, org_v2, patch, revealed, schema_id,
    search::generation_2024 as filters,
    shapes::generation_2024::{self as shapes, For},
    timestamp, user_id, username_id,
};
use crate::{call::Call, error::Op, page::page};

fn target_of(id: &str) -> app::Result<Target> {
    user_id(id).map(Target::of)
}

fn shown(view: UserView) -> wire::User {
    wire::User {
        user_id: view.id.to_string(),
        details: details_2024(&changed_of(&view)),
        authenticators: shapes::authenticators_of(&view),
        contact: shapes::contact_of(&view.person),
        state: shapes::state_of(&view.person),
        schema: shapes::schema_of(view.schema.as_ref()),
        data: shapes::data_of(view.person.data),
    }
}

/// The password of a new user.
pub(super) fn initial_password(set: wire::SetPassword) -> app::Result<InitialPassword> {
    Ok(InitialPassword {
        new: shapes::new_secret("authenticators.password", set.r#type)?,
        change_required: set.change_required,
    })
}

impl UserService<Call> for Users {
    async fn create_user(
        &self,
        call: Call,
        req: wire::CreateUserRequest,
    ) -> Result<wire::CreateUserResponse, Status> {
        let caller = call.caller()?;
        answer(&call, Op::CreateUser, async {
            let (usernames, password) = shapes::authenticators(req.authenticators)?;
            let (email, phone) = shapes::contact(&self.ctx, req.contact, call.language)?;
            let new = NewUser {
                org: req.organization.map(org_v2).transpose()?,
                id: req.user_id.as_deref().map(user_id).transpose()?,
                schema: schema_id(&req.schema_id)?,
                data: data(req.data).unwrap_or_default(),
                email,
                phone,
                usernames,
                password,
            };
            let created = user::create(&self.ctx, caller, &new).await?;
            Ok(wire::CreateUserResponse {
                user_id: created.changed.id.to_string(),
                details: details_2024(&created.changed),
                email_code: revealed(created.email_code.as_ref()),
                phone_code: revealed(created.phone_code.as_ref()),
            })
        })
        .await
    }

    async fn get_user_by_id(
        &self,
        call: Call,
        req: wire::GetUserByIdRequest,
    ) -> Result<wire::GetUserByIdResponse, Status> {
        let caller = call.caller()?;
        answer(&call, Op::GetUser, async {
            let view = user::get(&self.ctx, caller, &target_of(&req.user_id)?).await?;
            Ok(wire::GetUserByIdResponse {
                user: Some(shown(view)),
            })
        })
        .await
    }

    async fn list_users(
        &self,
        call: Call,
        req: wire::ListUsersRequest,
    ) -> Result<wire::ListUsersResponse, Status> {
        let caller = call.caller()?;
        answer(&call, Op::SearchUsers, async {
            let query = req.query.unwrap_or_default();
            let page = page("query.limit", query.offset, query.limit, !query.asc)?;
            let filter = filters::all(&self.ctx, req.queries)?;
            let column = wire::FieldName::try_from(req.sorting_column).unwrap_or_default();
            let found = find::search(&self.ctx, caller, &filter, filters::sort(column), page).await?;
            Ok(wire::ListUsersResponse {
                details: Some(ListDetails {
                    total_result: found.total.unsigned_abs(),
                    processed_sequence: 0,
                    timestamp: timestamp(found.at),
                }),
                sorting_column: column.into(),
                result: found.users.into_iter().map(shown).collect(),
            })
        })
        .await
    }

    async fn update_user(
        &self,
        call: Call,
        req: wire::UpdateUserRequest,
    ) -> Result<wire::UpdateUserResponse, Status> {
        let caller = call.caller()?;
        answer(&call, Op::PatchUser, async {
            let contact = shapes::contact(&self.ctx, req.contact, call.language)?;
            let target = target_of(&req.user_id)?;
            let schema = req.schema_id.as_deref();
            let written = patch(self, caller, &target, schema, data(req.data), contact).await?;
            Ok(wire::UpdateUserResponse {
                details: details_2024(&written.changed),
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
            let target = target_of(&req.user_id)?;
            let changed = user::transition(&self.ctx, caller, &target, Transition::Deactivate).await?;
            Ok(wire::DeactivateUserResponse {
                details: details_2024(&changed),
            })
        })
        .await
    }

    async fn reactivate_user(
        &self,
        call: Call,
        req: wire::ReactivateUserRequest,
    ) -> Result<wire::ReactivateUserResponse, Status> {
        let caller = call.caller()?;
        answer(&call, Op::ActivateUser, async {
            let target = target_of(&req.user_id)?;
            let changed = user::transition(&self.ctx, caller, &target, Transition::Activate).await?;
            Ok(wire::ReactivateUserResponse {
                details: details_2024(&changed),
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
            let target = target_of(&req.user_id)?;
            let changed = user::transition(&self.ctx, caller, &target, Transition::Lock).await?;
            Ok(wire::LockUserResponse {
                details: details_2024(&changed),
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
            let target = target_of(&req.user_id)?;
            let changed = user::transition(&self.ctx, caller, &target, Transition::Unlock).await?;
            Ok(wire::UnlockUserResponse {
                details: details_2024(&changed),
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
            let target = target_of(&req.user_id)?;
            let changed = user::delete(&self.ctx, caller, &target).await?;
            Ok(wire::DeleteUserResponse {
                details: details_2024(&changed),
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
            let target = target_of(&req.user_id)?;
            let new = shapes::email(&self.ctx, req.email, call.language, For::Contact)?;
            let set = contact::set(&self.ctx, caller, &target, &new).await?;
            Ok(wire::SetContactEmailResponse {
                details: details_2024(&set.changed),
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
            let target = target_of(&req.user_id)?;
            let code = &req.verification_code;
            let changed = contact::verify(&self.ctx, caller, &target, Channel::Email, code).await?;
            Ok(wire::VerifyContactEmailResponse {
                details: details_2024(&changed),
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
            let target = target_of(&req.user_id)?;
            let how = shapes::resend_email(&self.ctx, req.verification)?;
            let from = (ResendFrom::PendingCode, call.language);
            let sent = contact::resend(&self.ctx, caller, &target, Channel::Email, &how, from).await?;
            Ok(wire::ResendContactEmailCodeResponse {
                details: details_2024(&sent.changed),
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
            let target = target_of(&req.user_id)?;
            let new = shapes::phone(&self.ctx, req.phone, call.language)?;
            let set = contact::set(&self.ctx, caller, &target, &new).await?;
            Ok(wire::SetContactPhoneResponse {
                details: details_2024(&set.changed),
                email_code: revealed(set.code.as_ref()),
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
            let target = target_of(&req.user_id)?;
            let code = &req.verification_code;
            let changed = contact::verify(&self.ctx, caller, &target, Channel::Sms, code).await?;
            Ok(wire::VerifyContactPhoneResponse {
                details: details_2024(&changed),
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
            let target = target_of(&req.user_id)?;
            let how = shapes::resend_phone(req.verification);
            let from = (ResendFrom::PendingCode, call.language);
            let sent = contact::resend(&self.ctx, caller, &target, Channel::Sms, &how, from).await?;
            Ok(wire::ResendContactPhoneCodeResponse {
                details: details_2024(&sent.changed),
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
            let target = target_of(&req.user_id)?;
            let new = shapes::phone(&self.ctx, req.phone, call.language)?;
            let added = otp::add(&self.ctx, caller, &target, &new).await?;
            Ok(wire::AddOtpsmsAuthenticatorResponse {
                details: details_2024(&added.changed),
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
            let target = target_of(&req.user_id)?;
            let factor = factor_id("otp_sms_id", &req.otp_sms_id)?;
            let which = (Channel::Sms, &factor);
            let changed = otp::verify(&self.ctx, caller, &target, which, &req.code).await?;
            Ok(wire::VerifyOtpsmsRegistrationResponse {
                details: details_2024(&changed),
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
            let target = target_of(&req.user_id)?;
            let factor = factor_id("otp_sms_id", &req.otp_sms_id)?;
            let changed = otp::remove(&self.ctx, caller, &target, Channel::Sms, &factor).await?;
            Ok(wire::RemoveOtpsmsAuthenticatorResponse {
                details: details_2024(&changed),
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
            let target = target_of(&req.user_id)?;
            let new = shapes::email(&self.ctx, req.email, call.language, For::Factor)?;
            let added = otp::add(&self.ctx, caller, &target, &new).await?;
            Ok(wire::AddOtpEmailAuthenticatorResponse {
                details: details_2024(&added.changed),
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
            let target = target_of(&req.user_id)?;
            let factor = factor_id("otp_email_id", &req.otp_email_id)?;
            let which = (Channel::Email, &factor);
            let changed = otp::verify(&self.ctx, caller, &target, which, &req.code).await?;
            Ok(wire::VerifyOtpEmailRegistrationResponse {
                details: details_2024(&changed),
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
            let target = target_of(&req.user_id)?;
            let factor = factor_id("otp_email_id", &req.otp_email_id)?;
            let changed = otp::remove(&self.ctx, caller, &target, Channel::Email, &factor).await?;
            Ok(wire::RemoveOtpEmailAuthenticatorResponse {
                details: details_2024(&changed),
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
            let target = target_of(&req.user_id)?;
            let new = shapes::username(req.username)?;
            let added = username::add(&self.ctx, caller, &target, &new).await?;
            Ok(wire::AddUsernameResponse {
                details: details_2024(&added.changed),
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
            let target = target_of(&req.user_id)?;
            let name = username_id(&req.username_id)?;
            let changed = username::remove(&self.ctx, caller, &target, &name).await?;
            Ok(wire::RemoveUsernameResponse {
                details: details_2024(&changed),
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
            let target = target_of(&req.user_id)?;
            let new = req
                .new_password
                .ok_or(Error::invalid("new_password", Invalid::Missing))?;
            let proof = req.verification.map(|shown| match shown {
                wire::set_password_request::Verification::CurrentPassword(current) => {
                    Shown::Current(Secret::new(current))
                }
                wire::set_password_request::Verification::VerificationCode(code) => {
                    Shown::Code(Secret::new(code))
                }
            });
            let change = PasswordChange {
                new: shapes::new_secret("new_password", new.r#type)?,
                change_required: new.change_required,
                proof,
            };
            let changed = password::set(&self.ctx, caller, &target, &change).await?;
            Ok(wire::SetPasswordResponse {
                details: details_2024(&changed),
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
            let target = target_of(&req.user_id)?;
            let by = shapes::reset(&self.ctx, req.medium)?;
            let requested = password::request_reset(&self.ctx, caller, &target, &by, call.language).await?;
            Ok(wire::RequestPasswordResetResponse {
                details: details_2024(&requested.changed),
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
            let target = target_of(&req.user_id)?;
            let started = totp::start(&self.ctx, caller, &target).await?;
            Ok(wire::StartTotpRegistrationResponse {
                details: details_2024(&started.changed),
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
            let target = target_of(&req.user_id)?;
            let factor = factor_id("totp_id", &req.totp_id)?;
            let changed = totp::verify(&self.ctx, caller, &target, &factor, &req.code).await?;
            Ok(wire::VerifyTotpRegistrationResponse {
                details: details_2024(&changed),
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
            let target = target_of(&req.user_id)?;
            let factor = factor_id("totp_id", &req.totp_id)?;
            let changed = totp::remove(&self.ctx, caller, &target, &factor).await?;
            Ok(wire::RemoveTotpAuthenticatorResponse {
                details: details_2024(&changed),
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
            let target = target_of(&req.user_id)?;
            let link = shapes::link("idp_authenticator", req.idp_authenticator)?;
            let changed = idp_link::add(&self.ctx, caller, &target, &link).await?;
            Ok(wire::AddIdpAuthenticatorResponse {
                details: details_2024(&changed),
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
            let target = target_of(&req.user_id)?;
            let idp = idp_id(&req.idp_id)?;
            let changed = idp_link::remove(&self.ctx, caller, &target, &idp).await?;
            Ok(wire::RemoveIdpAuthenticatorResponse {
                details: details_2024(&changed),
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
            let target = target_of(&req.user_id)?;
            let new = NewRegistration {
                attachment: shapes::attachment(req.authenticator_type)?,
                link: shapes::entered_link(req.code)?,
                domain: req.domain,
            };
            let started = webauthn::start(&self.ctx, caller, &target, &new).await?;
            Ok(wire::StartWebAuthNRegistrationResponse {
                details: details_2024(&started.changed),
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
            let target = target_of(&req.user_id)?;
            let factor = factor_id("web_auth_n_id", &req.web_auth_n_id)?;
            let (credential, name) = browser_answer(req.public_key_credential, &req.web_auth_n_name)?;
            let answer = (&credential, &name);
            let changed = webauthn::verify(&self.ctx, caller, &target, &factor, answer).await?;
            Ok(wire::VerifyWebAuthNRegistrationResponse {
                details: details_2024(&changed),
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
            let target = target_of(&req.user_id)?;
            let medium = shapes::link_medium(&self.ctx, req.medium)?;
            let created = webauthn::create_link(&self.ctx, caller, &target, &medium, call.language).await?;
            Ok(wire::CreateWebAuthNRegistrationLinkResponse {
                details: details_2024(&created.changed),
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
            let target = target_of(&req.user_id)?;
            let factor = factor_id("web_auth_n_id", &req.web_auth_n_id)?;
            let changed = webauthn::remove(&self.ctx, caller, &target, &factor).await?;
            Ok(wire::RemoveWebAuthNAuthenticatorResponse {
                details: details_2024(&changed),
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
            let idp = idp_id(&req.idp_id)?;
            let (begun, next) = shapes::begin(&self.ctx, caller, &idp, req.content).await?;
            Ok(wire::StartIdentityProviderIntentResponse {
                details: intent_details_2024(&call.instance, &begun),
                next_step: Some(next),
            })
        })
        .await
    }

    async fn retrieve_identity_provider_intent(
        &self,
        call: Call,
        req: wire::RetrieveIdentityProviderIntentRequest,
    ) -> Result<wire::RetrieveIdentityProviderIntentResponse, Status> {
        let caller = call.caller()?;
        answer(&call, Op::TellIntent, async {
            let id = intent_id(&req.idp_intent_id)?;
            let token = Secret::new(req.idp_intent_token);
            let told = intent::tell(&self.ctx, caller, &id, &token).await?;
            Ok(wire::RetrieveIdentityProviderIntentResponse {
                details: intent_details_2024(&call.instance, &told.changed),
                idp_information: Some(shapes::information(&told.idp, told.identity)),
                user_id: told.user.map(|user| user.to_string()),
            })
        })
        .await
    }
}
