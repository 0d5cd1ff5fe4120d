//! How generation 2024-06 spells the calls of the shared tests. Each method makes one call and
//! checks that the details of the answer are filled.

use serde_json::Value;
use tonic::Status;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::Channel;
use zitadel::api::zitadel::object::v2::{Details, ListQuery, Organization, TextQueryMethod, organization};
pub use zitadel::api::zitadel::user::v3alpha::request_password_reset_request::Medium as ResetMedium;
pub use zitadel::api::zitadel::user::v3alpha::resend_contact_email_code_request::Verification as ResendEmail;
pub use zitadel::api::zitadel::user::v3alpha::resend_contact_phone_code_request::Verification as ResendPhone;
pub use zitadel::api::zitadel::user::v3alpha::set_email::Verification as EmailMode;
pub use zitadel::api::zitadel::user::v3alpha::set_password::Type as NewPassword;
pub use zitadel::api::zitadel::user::v3alpha::set_password_request::Verification as PasswordProof;
pub use zitadel::api::zitadel::user::v3alpha::set_phone::Verification as PhoneMode;
use zitadel::api::zitadel::user::v3alpha::user_service_client::UserServiceClient;
pub use zitadel::api::zitadel::user::v3alpha::*;

use crate::shared::{Bearer, Server};

/// A client of this generation and the organisation it works in.
pub struct Api {
    client: UserServiceClient<InterceptedService<Channel, Bearer>>,
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
        let client = UserServiceClient::with_interceptor(server.channel().await, bearer);
        Self {
            client,
            org: server.organization().await,
        }
    }

    #[track_caller]
    fn filled(&self, details: Option<Details>) -> String {
        let details = details.expect("details");
        assert!(
            details.sequence > 0 && details.change_date.is_some(),
            "{details:?}"
        );
        assert_eq!(details.resource_owner, self.org);
        format!("{} {:?}", details.sequence, details.change_date)
    }

    pub async fn create(&mut self, new: NewUser) -> Result<Created, Status> {
        let request = CreateUserRequest {
            user_id: new.id,
            organization: Some(Organization {
                org: Some(organization::Org::OrgId(self.org.clone())),
            }),
            authenticators: None,
            contact: new.contact,
            schema_id: new.schema_id,
            data: new
                .data
                .map(|data| serde_json::from_value(data).expect("an object")),
        };
        let answer = self.client.create_user(request).await?.into_inner();
        self.filled(answer.details);
        Ok(Created {
            id: answer.user_id,
            email_code: answer.email_code,
            phone_code: answer.phone_code,
        })
    }

    pub async fn create_nowhere(&mut self) -> Result<(), Status> {
        self.client
            .create_user(CreateUserRequest::default())
            .await
            .map(drop)
    }

    pub async fn get(&mut self, user: &str) -> Result<View, Status> {
        let answer = self
            .client
            .get_user_by_id(GetUserByIdRequest {
                user_id: user.to_owned(),
            })
            .await?
            .into_inner();
        let read = answer.user.expect("a user");
        assert_eq!(read.user_id, user);
        Ok(View {
            state: read.state(),
            stamp: self.filled(read.details),
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
        let request = UpdateUserRequest {
            user_id: user.to_owned(),
            contact,
            schema_id: None,
            data,
        };
        let answer = self.client.update_user(request).await?.into_inner();
        self.filled(answer.details);
        Ok((answer.email_code, answer.phone_code))
    }

    pub async fn deactivate(&mut self, user: &str) -> Result<(), Status> {
        let answer = self
            .client
            .deactivate_user(DeactivateUserRequest {
                user_id: user.to_owned(),
            })
            .await?;
        self.filled(answer.into_inner().details);
        Ok(())
    }

    pub async fn activate(&mut self, user: &str) -> Result<(), Status> {
        let answer = self
            .client
            .reactivate_user(ReactivateUserRequest {
                user_id: user.to_owned(),
            })
            .await?;
        self.filled(answer.into_inner().details);
        Ok(())
    }

    pub async fn lock(&mut self, user: &str) -> Result<(), Status> {
        let answer = self
            .client
            .lock_user(LockUserRequest {
                user_id: user.to_owned(),
            })
            .await?;
        self.filled(answer.into_inner().details);
        Ok(())
    }

    pub async fn unlock(&mut self, user: &str) -> Result<(), Status> {
        let answer = self
            .client
            .unlock_user(UnlockUserRequest {
                user_id: user.to_owned(),
            })
            .await?;
        self.filled(answer.into_inner().details);
        Ok(())
    }

    pub async fn delete(&mut self, user: &str) -> Result<(), Status> {
        let answer = self
            .client
            .delete_user(DeleteUserRequest {
                user_id: user.to_owned(),
            })
            .await?;
        self.filled(answer.into_inner().details);
        Ok(())
    }

    pub async fn set_email(&mut self, user: &str, email: Option<SetEmail>) -> Result<Code, Status> {
        let request = SetContactEmailRequest {
            user_id: user.to_owned(),
            email,
        };
        let answer = self.client.set_contact_email(request).await?.into_inner();
        self.filled(answer.details);
        Ok(answer.verification_code)
    }

    pub async fn verify_email(&mut self, user: &str, code: &str) -> Result<(), Status> {
        let request = VerifyContactEmailRequest {
            user_id: user.to_owned(),
            verification_code: code.to_owned(),
        };
        let answer = self.client.verify_contact_email(request).await?;
        self.filled(answer.into_inner().details);
        Ok(())
    }

    pub async fn resend_email(
        &mut self,
        user: &str,
        verification: Option<ResendEmail>,
    ) -> Result<Code, Status> {
        let request = ResendContactEmailCodeRequest {
            user_id: user.to_owned(),
            verification,
        };
        let answer = self.client.resend_contact_email_code(request).await?.into_inner();
        self.filled(answer.details);
        Ok(answer.verification_code)
    }

    /// The answer's only code field is named `email_code` here, although it carries the phone's code.
    pub async fn set_phone(&mut self, user: &str, phone: Option<SetPhone>) -> Result<Code, Status> {
        let request = SetContactPhoneRequest {
            user_id: user.to_owned(),
            phone,
        };
        let answer = self.client.set_contact_phone(request).await?.into_inner();
        self.filled(answer.details);
        Ok(answer.email_code)
    }

    pub async fn verify_phone(&mut self, user: &str, code: &str) -> Result<(), Status> {
        let request = VerifyContactPhoneRequest {
            user_id: user.to_owned(),
            verification_code: code.to_owned(),
        };
        let answer = self.client.verify_contact_phone(request).await?;
        self.filled(answer.into_inner().details);
        Ok(())
    }

    pub async fn resend_phone(
        &mut self,
        user: &str,
        verification: Option<ResendPhone>,
    ) -> Result<Code, Status> {
        let request = ResendContactPhoneCodeRequest {
            user_id: user.to_owned(),
            verification,
        };
        let answer = self.client.resend_contact_phone_code(request).await?.into_inner();
        self.filled(answer.details);
        Ok(answer.verification_code)
    }

    pub async fn add_sms(&mut self, user: &str, phone: Option<SetPhone>) -> Result<(String, Code), Status> {
        let request = AddOtpsmsAuthenticatorRequest {
            user_id: user.to_owned(),
            phone,
        };
        let answer = self.client.add_otpsms_authenticator(request).await?.into_inner();
        self.filled(answer.details);
        Ok((answer.otp_sms_id, answer.verification_code))
    }

    pub async fn verify_sms(&mut self, user: &str, factor: &str, code: &str) -> Result<(), Status> {
        let request = VerifyOtpsmsRegistrationRequest {
            user_id: user.to_owned(),
            otp_sms_id: factor.to_owned(),
            code: code.to_owned(),
        };
        let answer = self.client.verify_otpsms_registration(request).await?;
        self.filled(answer.into_inner().details);
        Ok(())
    }

    pub async fn remove_sms(&mut self, user: &str, factor: &str) -> Result<(), Status> {
        let request = RemoveOtpsmsAuthenticatorRequest {
            user_id: user.to_owned(),
            otp_sms_id: factor.to_owned(),
        };
        let answer = self.client.remove_otpsms_authenticator(request).await?;
        self.filled(answer.into_inner().details);
        Ok(())
    }

    pub async fn add_mail(&mut self, user: &str, email: Option<SetEmail>) -> Result<(String, Code), Status> {
        let request = AddOtpEmailAuthenticatorRequest {
            user_id: user.to_owned(),
            email,
        };
        let answer = self
            .client
            .add_otp_email_authenticator(request)
            .await?
            .into_inner();
        self.filled(answer.details);
        Ok((answer.otp_email_id, answer.verification_code))
    }

    pub async fn verify_mail(&mut self, user: &str, factor: &str, code: &str) -> Result<(), Status> {
        let request = VerifyOtpEmailRegistrationRequest {
            user_id: user.to_owned(),
            otp_email_id: factor.to_owned(),
            code: code.to_owned(),
        };
        let answer = self.client.verify_otp_email_registration(request).await?;
        self.filled(answer.into_inner().details);
        Ok(())
    }

    pub async fn remove_mail(&mut self, user: &str, factor: &str) -> Result<(), Status> {
        let request = RemoveOtpEmailAuthenticatorRequest {
            user_id: user.to_owned(),
            otp_email_id: factor.to_owned(),
        };
        let answer = self.client.remove_otp_email_authenticator(request).await?;
        self.filled(answer.into_inner().details);
        Ok(())
    }

    /// Gives a name; answers its id.
    pub async fn add_name(&mut self, user: &str, name: &str, of_org: bool) -> Result<String, Status> {
        let request = AddUsernameRequest {
            user_id: user.to_owned(),
            username: Some(SetUsername {
                username: name.to_owned(),
                is_organization_specific: of_org,
            }),
        };
        let answer = self.client.add_username(request).await?.into_inner();
        self.filled(answer.details);
        Ok(answer.username_id)
    }

    pub async fn remove_name(&mut self, user: &str, id: &str) -> Result<(), Status> {
        let request = RemoveUsernameRequest {
            user_id: user.to_owned(),
            username_id: id.to_owned(),
        };
        let answer = self.client.remove_username(request).await?;
        self.filled(answer.into_inner().details);
        Ok(())
    }

    /// Ids of the users who have one of these names, and how many there are; at most `limit`, by creation.
    pub async fn find(&mut self, names: &[&str], limit: u32) -> Result<(Vec<String>, u64), Status> {
        use search_query::Query;
        let one = |name: &&str| SearchQuery {
            query: Some(Query::UsernameQuery(UsernameQuery {
                username: (*name).to_owned(),
                method: TextQueryMethod::Equals.into(),
                is_organization_specific: false,
            })),
        };
        let any = OrQuery {
            queries: names.iter().map(one).collect(),
        };
        let request = ListUsersRequest {
            query: Some(ListQuery {
                offset: 0,
                limit,
                asc: true,
            }),
            sorting_column: FieldName::CreationDate.into(),
            queries: vec![SearchQuery {
                query: Some(Query::OrQuery(any)),
            }],
        };
        let answer = self.client.list_users(request).await?.into_inner();
        assert_eq!(answer.sorting_column, i32::from(FieldName::CreationDate));
        let ids = answer.result.into_iter().map(|user| user.user_id);
        Ok((ids.collect(), answer.details.expect("details").total_result))
    }

    /// Starts the registration of an app; answers its id, key URI and secret.
    pub async fn start_totp(&mut self, user: &str) -> Result<(String, String, String), Status> {
        let request = StartTotpRegistrationRequest {
            user_id: user.to_owned(),
        };
        let answer = self.client.start_totp_registration(request).await?.into_inner();
        self.filled(answer.details);
        Ok((answer.totp_id, answer.uri, answer.secret))
    }

    pub async fn verify_totp(&mut self, user: &str, factor: &str, code: &str) -> Result<(), Status> {
        let request = VerifyTotpRegistrationRequest {
            user_id: user.to_owned(),
            totp_id: factor.to_owned(),
            code: code.to_owned(),
        };
        let answer = self.client.verify_totp_registration(request).await?;
        self.filled(answer.into_inner().details);
        Ok(())
    }

    pub async fn remove_totp(&mut self, user: &str, factor: &str) -> Result<(), Status> {
        let request = RemoveTotpAuthenticatorRequest {
            user_id: user.to_owned(),
            totp_id: factor.to_owned(),
        };
        let answer = self.client.remove_totp_authenticator(request).await?;
        self.filled(answer.into_inner().details);
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
            user_id: user.to_owned(),
            code: code.map(|(id, code)| AuthenticatorRegistrationCode { id, code }),
            authenticator_type: 0,
            domain: domain.to_owned(),
        };
        let answer = self
            .client
            .start_web_auth_n_registration(request)
            .await?
            .into_inner();
        self.filled(answer.details);
        let options = answer.public_key_credential_creation_options;
        Ok((answer.web_auth_n_id, serde_json::to_value(options).expect("JSON")))
    }

    pub async fn verify_key(&mut self, user: &str, factor: &str, answer: &Value) -> Result<(), Status> {
        let request = VerifyWebAuthNRegistrationRequest {
            user_id: user.to_owned(),
            web_auth_n_id: factor.to_owned(),
            public_key_credential: Some(serde_json::from_value(answer.clone()).expect("an object")),
            web_auth_n_name: "my key".to_owned(),
        };
        let answer = self.client.verify_web_auth_n_registration(request).await?;
        self.filled(answer.into_inner().details);
        Ok(())
    }

    /// Has a registration link answered: its id and its code.
    pub async fn return_key_link(&mut self, user: &str) -> Result<(String, String), Status> {
        use create_web_auth_n_registration_link_request::Medium;
        let request = CreateWebAuthNRegistrationLinkRequest {
            user_id: user.to_owned(),
            medium: Some(Medium::ReturnCode(ReturnWebAuthNRegistrationCode {})),
        };
        let answer = self
            .client
            .create_web_auth_n_registration_link(request)
            .await?
            .into_inner();
        self.filled(answer.details);
        let code = answer.code.expect("the code");
        Ok((code.id, code.code))
    }

    pub async fn remove_key(&mut self, user: &str, factor: &str) -> Result<(), Status> {
        let request = RemoveWebAuthNAuthenticatorRequest {
            user_id: user.to_owned(),
            web_auth_n_id: factor.to_owned(),
        };
        let answer = self.client.remove_web_auth_n_authenticator(request).await?;
        self.filled(answer.into_inner().details);
        Ok(())
    }

    /// Links the user to an account at an identity provider.
    pub async fn add_link(&mut self, user: &str, idp: &str, account: &str, name: &str) -> Result<(), Status> {
        let request = AddIdpAuthenticatorRequest {
            user_id: user.to_owned(),
            idp_authenticator: Some(IdpAuthenticator {
                idp_id: idp.to_owned(),
                user_id: account.to_owned(),
                user_name: name.to_owned(),
            }),
        };
        let answer = self.client.add_idp_authenticator(request).await?;
        self.filled(answer.into_inner().details);
        Ok(())
    }

    pub async fn remove_link(&mut self, user: &str, idp: &str) -> Result<(), Status> {
        let request = RemoveIdpAuthenticatorRequest {
            user_id: user.to_owned(),
            idp_id: idp.to_owned(),
        };
        let answer = self.client.remove_idp_authenticator(request).await?;
        self.filled(answer.into_inner().details);
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
            user_id: user.to_owned(),
            new_password: Some(SetPassword {
                change_required: false,
                r#type: Some(new),
            }),
            verification: proof,
        };
        let answer = self.client.set_password(request).await?;
        self.filled(answer.into_inner().details);
        Ok(())
    }

    /// Has a code made that resets the password.
    pub async fn reset_password(&mut self, user: &str, medium: ResetMedium) -> Result<Code, Status> {
        let request = RequestPasswordResetRequest {
            user_id: user.to_owned(),
            medium: Some(medium),
        };
        let answer = self.client.request_password_reset(request).await?.into_inner();
        self.filled(answer.details);
        Ok(answer.verification_code)
    }

    /// Begins a sign-in at a provider; answers where to send the person.
    pub async fn start_intent(&mut self, idp: &str, success: &str, failure: &str) -> Result<String, Status> {
        use start_identity_provider_intent_response::NextStep;
        let request = StartIdentityProviderIntentRequest {
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
        assert!(
            details.sequence > 0 && details.change_date.is_some(),
            "{details:?}"
        );
        let Some(NextStep::AuthUrl(url)) = answer.next_step else {
            panic!("a page of the provider, not {:?}", answer.next_step);
        };
        Ok(url)
    }

    /// What a provider said about somebody; answers the id of their account there.
    pub async fn outcome(&mut self, intent: &str, token: &str) -> Result<String, Status> {
        let request = RetrieveIdentityProviderIntentRequest {
            idp_intent_id: intent.to_owned(),
            idp_intent_token: token.to_owned(),
        };
        let answer = self.client.retrieve_identity_provider_intent(request).await?;
        Ok(answer.into_inner().idp_information.expect("an account").user_id)
    }
}
