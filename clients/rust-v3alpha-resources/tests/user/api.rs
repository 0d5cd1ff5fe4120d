//! How generation resources spells the calls of the shared tests. Each method makes one call and
//! checks that the details of the answer are filled.

use serde_json::Value;
use tonic::Status;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::Channel;
use zitadel::api::zitadel::object::v3alpha::{Organization, OwnerType, organization};
use zitadel::api::zitadel::resources::object::v3alpha::{Details, SearchQuery, TextFilterMethod};
pub use zitadel::api::zitadel::resources::user::v3alpha::request_password_reset_request::Medium as ResetMedium;
pub use zitadel::api::zitadel::resources::user::v3alpha::resend_contact_email_code_request::Verification as ResendEmail;
pub use zitadel::api::zitadel::resources::user::v3alpha::resend_contact_phone_code_request::Verification as ResendPhone;
pub use zitadel::api::zitadel::resources::user::v3alpha::set_email::Verification as EmailMode;
pub use zitadel::api::zitadel::resources::user::v3alpha::set_password::{
    Type as NewPassword, Verification as PasswordProof,
};
pub use zitadel::api::zitadel::resources::user::v3alpha::set_phone::Verification as PhoneMode;
use zitadel::api::zitadel::resources::user::v3alpha::zitadel_users_client::ZitadelUsersClient;
pub use zitadel::api::zitadel::resources::user::v3alpha::*;

use crate::shared::{Bearer, Server};

/// A client of this generation and the organisation it works in.
pub struct Api {
    client: ZitadelUsersClient<InterceptedService<Channel, Bearer>>,
    org: String,
}

/// What a new user brings; by default nothing.
#[derive(Default)]
pub struct NewUser {
    pub id: Option<String>,
    pub schema_id: String,
    pub contact: Option<SetContact>,
    pub data: Option<Value>,
}

/// What creating answers.
#[derive(Debug)]
pub struct Created {
    pub id: String,
    pub email_code: Option<String>,
    pub phone_code: Option<String>,
}

/// A user as read; `stamp` changes with every event.
#[derive(Debug)]
pub struct View {
    pub state: State,
    pub data: Value,
    pub contact: Contact,
    pub authenticators: Authenticators,
    pub stamp: String,
}

type Code = Option<String>;

impl Api {
    pub async fn new(server: &Server, bearer: Bearer) -> Self {
        let client = ZitadelUsersClient::with_interceptor(server.channel().await, bearer);
        Self {
            client,
            org: server.organization().await,
        }
    }

    #[track_caller]
    fn filled(&self, details: Option<Details>, user: &str) -> String {
        let details = details.expect("details");
        assert!(
            !details.id.is_empty() && details.created.is_some() && details.changed.is_some(),
            "{details:?}"
        );
        assert_eq!(details.id, user);
        let owner = details.owner.expect("an owner");
        assert_eq!(
            (owner.r#type, owner.id.as_str()),
            (OwnerType::Org as i32, self.org.as_str())
        );
        format!("{:?}", details.changed)
    }

    pub async fn create(&mut self, new: NewUser) -> Result<Created, Status> {
        let request = CreateUserRequest {
            instance: None,
            organization: Some(Organization {
                property: Some(organization::Property::OrgId(self.org.clone())),
            }),
            user: Some(CreateUser {
                schema_id: new.schema_id,
                data: new
                    .data
                    .map(|data| serde_json::from_value(data).expect("an object")),
                contact: new.contact,
                authenticators: None,
                user_id: new.id,
            }),
        };
        let answer = self.client.create_user(request).await?.into_inner();
        let id = answer
            .details
            .as_ref()
            .map(|details| details.id.clone())
            .unwrap_or_default();
        self.filled(answer.details, &id);
        Ok(Created {
            id,
            email_code: answer.email_code,
            phone_code: answer.phone_code,
        })
    }

    pub async fn create_nowhere(&mut self) -> Result<(), Status> {
        self.client
            .create_user(CreateUserRequest {
                user: Some(CreateUser::default()),
                ..CreateUserRequest::default()
            })
            .await
            .map(drop)
    }

    pub async fn get(&mut self, user: &str) -> Result<View, Status> {
        let answer = self
            .client
            .get_user(GetUserRequest {
                instance: None,
                id: user.to_owned(),
            })
            .await?
            .into_inner();
        let read = answer.user.expect("a user");
        Ok(View {
            state: read.state(),
            stamp: self.filled(read.details, user),
            data: read
                .data
                .map_or(Value::Null, |data| serde_json::to_value(data).expect("JSON")),
            contact: read.contact.unwrap_or_default(),
            authenticators: read.authenticators.unwrap_or_default(),
        })
    }

    pub async fn update(
        &mut self,
        user: &str,
        contact: Option<SetContact>,
        data: Option<Value>,
    ) -> Result<(Code, Code), Status> {
        let data = data.map(|data| serde_json::from_value(data).expect("an object"));
        let request = PatchUserRequest {
            instance: None,
            organization: None,
            id: user.to_owned(),
            user: Some(PatchUser {
                contact,
                schema_id: None,
                data,
            }),
        };
        let answer = self.client.patch_user(request).await?.into_inner();
        self.filled(answer.details, user);
        Ok((answer.email_code, answer.phone_code))
    }

    pub async fn deactivate(&mut self, user: &str) -> Result<(), Status> {
        let answer = self
            .client
            .deactivate_user(DeactivateUserRequest {
                instance: None,
                organization: None,
                id: user.to_owned(),
            })
            .await?;
        self.filled(answer.into_inner().details, user);
        Ok(())
    }

    pub async fn activate(&mut self, user: &str) -> Result<(), Status> {
        let answer = self
            .client
            .activate_user(ActivateUserRequest {
                instance: None,
                organization: None,
                id: user.to_owned(),
            })
            .await?;
        self.filled(answer.into_inner().details, user);
        Ok(())
    }

    pub async fn lock(&mut self, user: &str) -> Result<(), Status> {
        let answer = self
            .client
            .lock_user(LockUserRequest {
                instance: None,
                organization: None,
                id: user.to_owned(),
            })
            .await?;
        self.filled(answer.into_inner().details, user);
        Ok(())
    }

    pub async fn unlock(&mut self, user: &str) -> Result<(), Status> {
        let answer = self
            .client
            .unlock_user(UnlockUserRequest {
                instance: None,
                organization: None,
                id: user.to_owned(),
            })
            .await?;
        self.filled(answer.into_inner().details, user);
        Ok(())
    }

    pub async fn delete(&mut self, user: &str) -> Result<(), Status> {
        let answer = self
            .client
            .delete_user(DeleteUserRequest {
                instance: None,
                organization: None,
                id: user.to_owned(),
            })
            .await?;
        self.filled(answer.into_inner().details, user);
        Ok(())
    }

    pub async fn set_email(&mut self, user: &str, email: Option<SetEmail>) -> Result<Code, Status> {
        let request = SetContactEmailRequest {
            instance: None,
            organization: None,
            id: user.to_owned(),
            email,
        };
        let answer = self.client.set_contact_email(request).await?.into_inner();
        self.filled(answer.details, user);
        Ok(answer.verification_code)
    }

    pub async fn verify_email(&mut self, user: &str, code: &str) -> Result<(), Status> {
        let request = VerifyContactEmailRequest {
            instance: None,
            organization: None,
            id: user.to_owned(),
            verification_code: code.to_owned(),
        };
        let answer = self.client.verify_contact_email(request).await?;
        self.filled(answer.into_inner().details, user);
        Ok(())
    }

    pub async fn resend_email(
        &mut self,
        user: &str,
        verification: Option<ResendEmail>,
    ) -> Result<Code, Status> {
        let request = ResendContactEmailCodeRequest {
            instance: None,
            organization: None,
            id: user.to_owned(),
            verification,
        };
        let answer = self.client.resend_contact_email_code(request).await?.into_inner();
        self.filled(answer.details, user);
        Ok(answer.verification_code)
    }

    pub async fn set_phone(&mut self, user: &str, phone: Option<SetPhone>) -> Result<Code, Status> {
        let request = SetContactPhoneRequest {
            instance: None,
            organization: None,
            id: user.to_owned(),
            phone,
        };
        let answer = self.client.set_contact_phone(request).await?.into_inner();
        self.filled(answer.details, user);
        Ok(answer.verification_code)
    }

    pub async fn verify_phone(&mut self, user: &str, code: &str) -> Result<(), Status> {
        let request = VerifyContactPhoneRequest {
            instance: None,
            organization: None,
            id: user.to_owned(),
            verification_code: code.to_owned(),
        };
        let answer = self.client.verify_contact_phone(request).await?;
        self.filled(answer.into_inner().details, user);
        Ok(())
    }

    pub async fn resend_phone(
        &mut self,
        user: &str,
        verification: Option<ResendPhone>,
    ) -> Result<Code, Status> {
        let request = ResendContactPhoneCodeRequest {
            instance: None,
            organization: None,
            id: user.to_owned(),
            verification,
        };
        let answer = self.client.resend_contact_phone_code(request).await?.into_inner();
        self.filled(answer.details, user);
        Ok(answer.verification_code)
    }

    pub async fn add_sms(&mut self, user: &str, phone: Option<SetPhone>) -> Result<(String, Code), Status> {
        let request = AddOtpsmsAuthenticatorRequest {
            instance: None,
            organization: None,
            id: user.to_owned(),
            phone,
        };
        let answer = self.client.add_otpsms_authenticator(request).await?.into_inner();
        self.filled(answer.details, user);
        Ok((answer.otp_sms_id, answer.verification_code))
    }

    pub async fn verify_sms(&mut self, user: &str, factor: &str, code: &str) -> Result<(), Status> {
        let request = VerifyOtpsmsRegistrationRequest {
            instance: None,
            organization: None,
            id: user.to_owned(),
            otp_sms_id: factor.to_owned(),
            code: code.to_owned(),
        };
        let answer = self.client.verify_otpsms_registration(request).await?;
        self.filled(answer.into_inner().details, user);
        Ok(())
    }

    pub async fn remove_sms(&mut self, user: &str, factor: &str) -> Result<(), Status> {
        let request = RemoveOtpsmsAuthenticatorRequest {
            instance: None,
            organization: None,
            id: user.to_owned(),
            otp_sms_id: factor.to_owned(),
        };
        let answer = self.client.remove_otpsms_authenticator(request).await?;
        self.filled(answer.into_inner().details, user);
        Ok(())
    }

    pub async fn add_mail(&mut self, user: &str, email: Option<SetEmail>) -> Result<(String, Code), Status> {
        let request = AddOtpEmailAuthenticatorRequest {
            instance: None,
            organization: None,
            id: user.to_owned(),
            email,
        };
        let answer = self
            .client
            .add_otp_email_authenticator(request)
            .await?
            .into_inner();
        self.filled(answer.details, user);
        Ok((answer.otp_email_id, answer.verification_code))
    }

    pub async fn verify_mail(&mut self, user: &str, factor: &str, code: &str) -> Result<(), Status> {
        let request = VerifyOtpEmailRegistrationRequest {
            instance: None,
            organization: None,
            id: user.to_owned(),
            otp_email_id: factor.to_owned(),
            code: code.to_owned(),
        };
        let answer = self.client.verify_otp_email_registration(request).await?;
        self.filled(answer.into_inner().details, user);
        Ok(())
    }

    pub async fn remove_mail(&mut self, user: &str, factor: &str) -> Result<(), Status> {
        let request = RemoveOtpEmailAuthenticatorRequest {
            instance: None,
            organization: None,
            id: user.to_owned(),
            otp_email_id: factor.to_owned(),
        };
        let answer = self.client.remove_otp_email_authenticator(request).await?;
        self.filled(answer.into_inner().details, user);
        Ok(())
    }

    /// Gives a name; answers its id.
    pub async fn add_name(&mut self, user: &str, name: &str, of_org: bool) -> Result<String, Status> {
        let request = AddUsernameRequest {
            instance: None,
            organization: None,
            id: user.to_owned(),
            username: Some(SetUsername {
                username: name.to_owned(),
                is_organization_specific: of_org,
            }),
        };
        let answer = self.client.add_username(request).await?.into_inner();
        self.filled(answer.details, user);
        Ok(answer.username_id)
    }

    pub async fn remove_name(&mut self, user: &str, id: &str) -> Result<(), Status> {
        let request = RemoveUsernameRequest {
            instance: None,
            organization: None,
            id: user.to_owned(),
            username_id: id.to_owned(),
        };
        let answer = self.client.remove_username(request).await?;
        self.filled(answer.into_inner().details, user);
        Ok(())
    }

    /// Ids of the users who have one of these names, and how many there are; at most `limit`, by creation.
    pub async fn find(&mut self, names: &[&str], limit: u32) -> Result<(Vec<String>, u64), Status> {
        use search_filter::Filter;
        let one = |name: &&str| SearchFilter {
            filter: Some(Filter::UsernameFilter(UsernameFilter {
                username: (*name).to_owned(),
                method: TextFilterMethod::Equals.into(),
                is_organization_specific: false,
            })),
        };
        let any = OrFilter {
            queries: names.iter().map(one).collect(),
        };
        let request = SearchUsersRequest {
            instance: None,
            query: Some(SearchQuery {
                offset: 0,
                limit,
                desc: false,
            }),
            sorting_column: FieldName::CreationDate.into(),
            filters: vec![SearchFilter {
                filter: Some(Filter::OrFilter(any)),
            }],
        };
        let answer = self.client.search_users(request).await?.into_inner();
        let details = answer.details.expect("details");
        assert_eq!(details.applied_limit, u64::from(limit));
        let ids = answer
            .result
            .into_iter()
            .map(|user| user.details.expect("details").id);
        Ok((ids.collect(), details.total_result))
    }

    /// Starts the registration of an app; answers its id, key URI and secret.
    pub async fn start_totp(&mut self, user: &str) -> Result<(String, String, String), Status> {
        let request = StartTotpRegistrationRequest {
            instance: None,
            organization: None,
            id: user.to_owned(),
        };
        let answer = self.client.start_totp_registration(request).await?.into_inner();
        self.filled(answer.details, user);
        Ok((answer.totp_id, answer.uri, answer.secret))
    }

    pub async fn verify_totp(&mut self, user: &str, factor: &str, code: &str) -> Result<(), Status> {
        let request = VerifyTotpRegistrationRequest {
            instance: None,
            organization: None,
            id: user.to_owned(),
            totp_id: factor.to_owned(),
            code: code.to_owned(),
        };
        let answer = self.client.verify_totp_registration(request).await?;
        self.filled(answer.into_inner().details, user);
        Ok(())
    }

    pub async fn remove_totp(&mut self, user: &str, factor: &str) -> Result<(), Status> {
        let request = RemoveTotpAuthenticatorRequest {
            instance: None,
            organization: None,
            id: user.to_owned(),
            totp_id: factor.to_owned(),
        };
        let answer = self.client.remove_totp_authenticator(request).await?;
        self.filled(answer.into_inner().details, user);
        Ok(())
    }

    /// Starts the registration of a key; answers its id and the options for the browser.
    pub async fn start_key(
        &mut self,
        user: &str,
        domain: &str,
        code: Option<(String, String)>,
    ) -> Result<(String, Value), Status> {
        let request = StartWebAuthNRegistrationRequest {
            instance: None,
            organization: None,
            id: user.to_owned(),
            registration: Some(StartWebAuthNRegistration {
                domain: domain.to_owned(),
                authenticator_type: 0,
                code: code.map(|(id, code)| AuthenticatorRegistrationCode { id, code }),
            }),
        };
        let answer = self
            .client
            .start_web_auth_n_registration(request)
            .await?
            .into_inner();
        self.filled(answer.details, user);
        let options = answer.public_key_credential_creation_options;
        Ok((answer.web_auth_n_id, serde_json::to_value(options).expect("JSON")))
    }

    pub async fn verify_key(&mut self, user: &str, factor: &str, answer: &Value) -> Result<(), Status> {
        let request = VerifyWebAuthNRegistrationRequest {
            instance: None,
            organization: None,
            id: user.to_owned(),
            web_auth_n_id: factor.to_owned(),
            verify: Some(VerifyWebAuthNRegistration {
                public_key_credential: Some(serde_json::from_value(answer.clone()).expect("an object")),
                web_auth_n_name: "my key".to_owned(),
            }),
        };
        let answer = self.client.verify_web_auth_n_registration(request).await?;
        self.filled(answer.into_inner().details, user);
        Ok(())
    }

    /// Has a registration link answered: its id and its code.
    pub async fn return_key_link(&mut self, user: &str) -> Result<(String, String), Status> {
        use create_web_auth_n_registration_link_request::Medium;
        let request = CreateWebAuthNRegistrationLinkRequest {
            instance: None,
            organization: None,
            id: user.to_owned(),
            medium: Some(Medium::ReturnCode(ReturnWebAuthNRegistrationCode {})),
        };
        let answer = self
            .client
            .create_web_auth_n_registration_link(request)
            .await?
            .into_inner();
        self.filled(answer.details, user);
        let code = answer.code.expect("the code");
        Ok((code.id, code.code))
    }

    pub async fn remove_key(&mut self, user: &str, factor: &str) -> Result<(), Status> {
        let request = RemoveWebAuthNAuthenticatorRequest {
            instance: None,
            organization: None,
            id: user.to_owned(),
            web_auth_n_id: factor.to_owned(),
        };
        let answer = self.client.remove_web_auth_n_authenticator(request).await?;
        self.filled(answer.into_inner().details, user);
        Ok(())
    }

    /// Links the user to an account at an identity provider.
    pub async fn add_link(&mut self, user: &str, idp: &str, account: &str, name: &str) -> Result<(), Status> {
        let request = AddIdpAuthenticatorRequest {
            instance: None,
            organization: None,
            id: user.to_owned(),
            authenticator: Some(IdpAuthenticator {
                idp_id: idp.to_owned(),
                user_id: account.to_owned(),
                user_name: name.to_owned(),
            }),
        };
        let answer = self.client.add_idp_authenticator(request).await?;
        self.filled(answer.into_inner().details, user);
        Ok(())
    }

    pub async fn remove_link(&mut self, user: &str, idp: &str) -> Result<(), Status> {
        let request = RemoveIdpAuthenticatorRequest {
            instance: None,
            organization: None,
            id: user.to_owned(),
            idp_id: idp.to_owned(),
        };
        let answer = self.client.remove_idp_authenticator(request).await?;
        self.filled(answer.into_inner().details, user);
        Ok(())
    }

    /// Sets a password or the hash of one.
    pub async fn set_password(
        &mut self,
        user: &str,
        new: NewPassword,
        proof: Option<PasswordProof>,
    ) -> Result<(), Status> {
        let request = SetPasswordRequest {
            instance: None,
            organization: None,
            id: user.to_owned(),
            new_password: Some(SetPassword {
                change_required: false,
                r#type: Some(new),
                verification: proof,
            }),
        };
        let answer = self.client.set_password(request).await?;
        self.filled(answer.into_inner().details, user);
        Ok(())
    }

    /// Has a code made that resets the password.
    pub async fn reset_password(&mut self, user: &str, medium: ResetMedium) -> Result<Code, Status> {
        let request = RequestPasswordResetRequest {
            instance: None,
            organization: None,
            id: user.to_owned(),
            medium: Some(medium),
        };
        let answer = self.client.request_password_reset(request).await?.into_inner();
        self.filled(answer.details, user);
        Ok(answer.verification_code)
    }

    /// Begins a sign-in at a provider; answers where to send the person.
    pub async fn start_intent(&mut self, idp: &str, success: &str, failure: &str) -> Result<String, Status> {
        use start_identity_provider_intent_response::NextStep;
        let request = StartIdentityProviderIntentRequest {
            instance: None,
            organization: None,
            idp_id: idp.to_owned(),
            content: Some(start_identity_provider_intent_request::Content::Urls(
                RedirectUrLs {
                    success_url: success.to_owned(),
                    failure_url: failure.to_owned(),
                },
            )),
        };
        let answer = self
            .client
            .start_identity_provider_intent(request)
            .await?
            .into_inner();
        let details = answer.details.expect("details");
        assert!(!details.id.is_empty() && details.created.is_some(), "{details:?}");
        let Some(NextStep::AuthUrl(url)) = answer.next_step else {
            panic!("a page of the provider, not {:?}", answer.next_step);
        };
        Ok(url)
    }

    /// What a provider said about somebody; answers the id of their account there.
    pub async fn outcome(&mut self, intent: &str, token: &str) -> Result<String, Status> {
        let request = GetIdentityProviderIntentRequest {
            instance: None,
            organization: None,
            idp_intent_id: intent.to_owned(),
            idp_intent_token: token.to_owned(),
        };
        let answer = self.client.get_identity_provider_intent(request).await?;
        Ok(answer.into_inner().idp_information.expect("an account").user_id)
    }
}
