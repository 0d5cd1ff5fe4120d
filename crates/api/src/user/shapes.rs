//! Shapes that both generations of v3alpha share by name and number, but not by type: read and written once, for both.

macro_rules! shapes {
    ($name:ident, $wire:path, $schema:path, $password:ident) => {
        pub(super) mod $name {
            use app::{
                Caller, Ctx, Error, Language,
                error::Invalid,
                idp::{
                    elsewhere::{self, Credentials, Identity},
                    intent::{self, IntentChanged},
                },
                password::{NewSecret, PasswordFault},
                schema::Followed,
                secret::Secret,
                url_template::UrlTemplate,
                user::{
                    UserView,
                    code::{NewDestination, Verification},
                    idp_link::{NewLink, ShownLink},
                    password::{InitialPassword, ResetBy},
                    username::NewUsername,
                    webauthn::{EnteredLink, LinkMedium},
                },
                webauthn::Attachment,
            };
            use domain::{
                base::{CodeId, IdpId},
                user::{
                    Channel, Destination, ExternalUser, MOST_USERNAMES, NameScope, OtpFactor, OwnName,
                    Person, UserState, WebauthnFactor,
                },
            };
            use $schema as Schema;
            use $wire as wire;

            use crate::user::{timestamp, $password::initial_password};

            /// Codes of a factor's registration may ask for the factor's id in a link.
            #[derive(Clone, Copy)]
            pub(in crate::user) enum For {
                Contact,
                Factor,
            }

            pub(in crate::user) fn phone(
                ctx: &Ctx,
                set: Option<wire::SetPhone>,
                language: Language,
            ) -> app::Result<NewDestination> {
                use wire::set_phone::Verification as V;
                let set = set.ok_or(Error::invalid("phone", Invalid::Missing))?;
                let verification = match set.verification {
                    None | Some(V::SendCode(_)) => Verification::Send { link: None },
                    Some(V::ReturnCode(_)) => Verification::Return,
                    Some(V::IsVerified(_)) => Verification::Vouched,
                };
                NewDestination::phone(ctx, &set.number, verification, language)
            }

            pub(in crate::user) fn email(
                ctx: &Ctx,
                set: Option<wire::SetEmail>,
                language: Language,
                whom: For,
            ) -> app::Result<NewDestination> {
                use wire::set_email::Verification as V;
                let set = set.ok_or(Error::invalid("email", Invalid::Missing))?;
                let verification = match set.verification {
                    None => Verification::Send { link: None },
                    Some(V::SendCode(send)) => Verification::Send {
                        link: code_link(ctx, send.url_template.as_deref(), whom)?,
                    },
                    Some(V::ReturnCode(_)) => Verification::Return,
                    Some(V::IsVerified(_)) => Verification::Vouched,
                };
                NewDestination::email(&set.address, verification, language)
            }

            pub(in crate::user) fn username(set: Option<wire::SetUsername>) -> app::Result<NewUsername> {
                let set = set.ok_or(Error::invalid("username", Invalid::Missing))?;
                NewUsername::parse(&set.username, set.is_organization_specific)
            }

            /// A link as it is asked for, in a field of this name.
            pub(in crate::user) fn link(
                field: &'static str,
                set: Option<wire::IdpAuthenticator>,
            ) -> app::Result<NewLink> {
                let set = set.ok_or(Error::invalid(field, Invalid::Missing))?;
                let user = ExternalUser::parse(&set.user_id, &set.user_name);
                Ok(NewLink {
                    idp: super::super::idp_id(&set.idp_id)?,
                    user: user.map_err(|reason| Error::invalid(field, reason))?,
                })
            }

            /// Begins a sign-in elsewhere with what the request brings: URLs for a page, credentials for a directory.
            pub(in crate::user) async fn begin(
                ctx: &Ctx,
                caller: &Caller,
                idp: &IdpId,
                content: Option<wire::start_identity_provider_intent_request::Content>,
            ) -> app::Result<(
                IntentChanged,
                wire::start_identity_provider_intent_response::NextStep,
            )> {
                use wire::start_identity_provider_intent_request::Content;
                use wire::start_identity_provider_intent_response::NextStep;
                match content {
                    Some(Content::Urls(urls)) => {
                        let urls = intent::return_urls(ctx, &urls.success_url, &urls.failure_url)?;
                        let started = intent::start(ctx, caller, idp, &urls).await?;
                        let page = started.page.reveal().to_owned();
                        Ok((started.changed, NextStep::AuthUrl(page)))
                    }
                    Some(Content::Ldap(ldap)) => {
                        let credentials = Credentials {
                            username: &ldap.username,
                            password: &Secret::new(ldap.password),
                        };
                        let done = intent::sign_in(ctx, caller, idp, &credentials).await?;
                        let next = wire::IdentityProviderIntent {
                            idp_intent_id: done.changed.id.to_string(),
                            idp_intent_token: done.token.reveal().to_owned(),
                            user_id: done.user.map(|user| user.to_string()),
                        };
                        Ok((done.changed, NextStep::IdpIntent(next)))
                    }
                    None => Err(Error::invalid("content", Invalid::Missing)),
                }
            }

            /// What a provider said of a person.
            pub(in crate::user) fn information(idp: &IdpId, identity: Identity) -> wire::IdpInformation {
                use wire::idp_information::Access;
                let access = match identity.access {
                    elsewhere::Access::Oauth {
                        access_token,
                        id_token,
                    } => Access::Oauth(wire::IdpoAuthAccessInformation {
                        access_token,
                        id_token,
                    }),
                    elsewhere::Access::Ldap { attributes } => Access::Ldap(wire::IdpldapAccessInformation {
                        attributes: Some(attributes.into()),
                    }),
                };
                wire::IdpInformation {
                    idp_id: idp.to_string(),
                    user_id: identity.user.id().to_owned(),
                    user_name: identity.user.name().to_owned(),
                    raw_information: Some(identity.information.into()),
                    access: Some(access),
                }
            }

            fn link_of(shown: &ShownLink) -> wire::IdentityProvider {
                wire::IdentityProvider {
                    idp_id: shown.link.idp.to_string(),
                    idp_name: shown.idp_name.clone(),
                    user_id: shown.link.user.id().to_owned(),
                    username: shown.link.user.name().to_owned(),
                }
            }

            fn username_of(own: &OwnName) -> wire::Username {
                wire::Username {
                    username_id: own.id.to_string(),
                    username: own.name.as_str().to_owned(),
                    is_organization_specific: own.scope == NameScope::Org,
                }
            }

            fn code_link(ctx: &Ctx, template: Option<&str>, whom: For) -> app::Result<Option<UrlTemplate>> {
                let with_factor = matches!(whom, For::Factor);
                template
                    .map(|t| UrlTemplate::parse(t, with_factor, &ctx.policy))
                    .transpose()
            }

            pub(in crate::user) fn contact(
                ctx: &Ctx,
                set: Option<wire::SetContact>,
                language: Language,
            ) -> app::Result<(Option<NewDestination>, Option<NewDestination>)> {
                let set = set.unwrap_or_default();
                let email = set
                    .email
                    .map(|e| email(ctx, Some(e), language, For::Contact))
                    .transpose()?;
                let phone = set
                    .phone
                    .map(|p| phone(ctx, Some(p), language))
                    .transpose()?;
                Ok((email, phone))
            }

            pub(in crate::user) fn resend_email(
                ctx: &Ctx,
                asked: Option<wire::resend_contact_email_code_request::Verification>,
            ) -> app::Result<Verification> {
                use wire::resend_contact_email_code_request::Verification as V;
                Ok(match asked {
                    None => Verification::Send { link: None },
                    Some(V::SendCode(send)) => Verification::Send {
                        link: code_link(ctx, send.url_template.as_deref(), For::Contact)?,
                    },
                    Some(V::ReturnCode(_)) => Verification::Return,
                })
            }

            pub(in crate::user) fn resend_phone(
                asked: Option<wire::resend_contact_phone_code_request::Verification>,
            ) -> Verification {
                use wire::resend_contact_phone_code_request::Verification as V;
                match asked {
                    None | Some(V::SendCode(_)) => Verification::Send { link: None },
                    Some(V::ReturnCode(_)) => Verification::Return,
                }
            }

            /// The factors that a new user brings.
            pub(in crate::user) fn authenticators(
                asked: Option<wire::SetAuthenticators>,
            ) -> app::Result<(Vec<NewUsername>, Option<InitialPassword>)> {
                let asked = asked.unwrap_or_default();
                // Reading a name takes its time, and nobody was asked yet whether this caller may do anything.
                if asked.usernames.len() > MOST_USERNAMES {
                    return Err(Error::invalid(
                        "authenticators.usernames",
                        Invalid::TooManyUsernames,
                    ));
                }
                let names = asked.usernames.into_iter().map(|n| username(Some(n)));
                let names = names.collect::<app::Result<_>>()?;
                Ok((names, asked.password.map(initial_password).transpose()?))
            }

            pub(in crate::user) fn new_secret(
                field: &'static str,
                asked: Option<wire::set_password::Type>,
            ) -> app::Result<NewSecret> {
                use wire::set_password::Type as T;
                match asked {
                    Some(T::Password(plain)) => Ok(NewSecret::Plain(Secret::new(plain))),
                    Some(T::Hash(encoded)) => Ok(NewSecret::Encoded(Secret::new(encoded))),
                    None => Err(Error::invalid(field, PasswordFault::Empty)),
                }
            }

            pub(in crate::user) fn reset(
                ctx: &Ctx,
                asked: Option<wire::request_password_reset_request::Medium>,
            ) -> app::Result<ResetBy> {
                use wire::request_password_reset_request::Medium as M;
                Ok(match asked {
                    None => ResetBy::Email(None),
                    Some(M::SendEmail(send)) => {
                        ResetBy::Email(code_link(ctx, send.url_template.as_deref(), For::Contact)?)
                    }
                    Some(M::SendSms(_)) => ResetBy::Sms,
                    Some(M::ReturnCode(_)) => ResetBy::Return,
                })
            }

            pub(in crate::user) fn contact_of(person: &Person) -> Option<wire::Contact> {
                let email = person.email.as_ref().map(|c| wire::Email {
                    address: c.destination.as_str().to_owned(),
                    is_verified: c.verified,
                });
                let phone = person.phone.as_ref().map(|c| wire::Phone {
                    number: c.destination.as_str().to_owned(),
                    is_verified: c.verified,
                });
                (email.is_some() || phone.is_some()).then_some(wire::Contact { email, phone })
            }

            pub(in crate::user) fn authenticators_of(view: &UserView) -> Option<wire::Authenticators> {
                let person = &view.person;
                let of = |channel| person.otps.iter().filter(move |f| f.channel == channel);
                let to = |f: &OtpFactor| {
                    person
                        .otp_destination(f)
                        .map(Destination::as_str)
                        .unwrap_or_default()
                        .to_owned()
                };
                let otp_sms: Vec<_> = of(Channel::Sms)
                    .map(|f| wire::Otpsms {
                        otp_sms_id: f.id.to_string(),
                        phone: to(f),
                        is_verified: person.otp_ready(f),
                    })
                    .collect();
                let otp_email: Vec<_> = of(Channel::Email)
                    .map(|f| wire::OtpEmail {
                        otp_email_id: f.id.to_string(),
                        address: to(f),
                        is_verified: person.otp_ready(f),
                    })
                    .collect();
                let totps = person.totps.iter().map(|f| wire::Totp {
                    totp_id: f.id.to_string(),
                    name: String::new(),
                    is_verified: person.totp_ready(f),
                });
                let usernames = person.usernames.iter().map(username_of).collect();
                let keys = person.webauthns.iter().map(webauthn_of);
                let password = person.password.as_ref().map(|password| wire::Password {
                    last_changed: timestamp(password.changed),
                });
                let all = wire::Authenticators {
                    usernames,
                    web_auth_n: keys.collect(),
                    password,
                    totps: totps.collect(),
                    otp_sms,
                    otp_email,
                    identity_providers: view.idp_links.iter().map(link_of).collect(),
                    ..Default::default()
                };
                (all != wire::Authenticators::default()).then_some(all)
            }

            fn webauthn_of(factor: &WebauthnFactor) -> wire::WebAuthN {
                let named = factor.credential();
                wire::WebAuthN {
                    web_auth_n_id: factor.id.to_string(),
                    name: named
                        .map(|n| n.name.as_str().to_owned())
                        .unwrap_or_default(),
                    is_verified: named.is_some(),
                    user_verified: named.is_some_and(|n| n.credential.user_verified),
                }
            }

            pub(in crate::user) fn attachment(number: i32) -> app::Result<Option<Attachment>> {
                use wire::WebAuthNAuthenticatorType as Type;
                match Type::try_from(number) {
                    Ok(Type::WebAuthNAuthenticatorUnspecified) => Ok(None),
                    Ok(Type::WebAuthNAuthenticatorPlatform) => Ok(Some(Attachment::Platform)),
                    Ok(Type::WebAuthNAuthenticatorCrossPlatform) => Ok(Some(Attachment::CrossPlatform)),
                    Err(_) => Err(Error::invalid("authenticator_type", Invalid::Authenticator)),
                }
            }

            pub(in crate::user) fn entered_link(
                code: Option<wire::AuthenticatorRegistrationCode>,
            ) -> app::Result<Option<EnteredLink>> {
                let read = |code: wire::AuthenticatorRegistrationCode| {
                    Ok(EnteredLink {
                        id: CodeId::parse(&code.id).map_err(|_| Error::invalid("code.id", Invalid::Id))?,
                        code: Secret::new(code.code),
                    })
                };
                code.map(read).transpose()
            }

            pub(in crate::user) fn link_medium(
                ctx: &Ctx,
                asked: Option<wire::create_web_auth_n_registration_link_request::Medium>,
            ) -> app::Result<LinkMedium> {
                use wire::create_web_auth_n_registration_link_request::Medium as M;
                let template = match asked {
                    Some(M::ReturnCode(_)) => return Ok(LinkMedium::Return),
                    Some(M::SendLink(send)) => send.url_template,
                    None => None,
                };
                let read = |text: String| UrlTemplate::parse_registration(&text, &ctx.policy);
                Ok(LinkMedium::Send(template.map(read).transpose()?))
            }

            /// The code of a link, in the one answer that holds it.
            pub(in crate::user) fn link_code(
                id: &CodeId,
                code: Option<&Secret>,
            ) -> Option<wire::AuthenticatorRegistrationCode> {
                code.map(|code| wire::AuthenticatorRegistrationCode {
                    id: id.to_string(),
                    code: code.reveal().to_owned(),
                })
            }

            pub(in crate::user) fn state_of(person: &Person) -> i32 {
                match person.state() {
                    UserState::Active => wire::State::UserStateActive,
                    UserState::Inactive => wire::State::UserStateInactive,
                    UserState::Locked => wire::State::UserStateLocked,
                }
                .into()
            }

            pub(in crate::user) fn schema_of(followed: Option<&Followed>) -> Option<Schema> {
                followed.map(|followed| Schema {
                    id: followed.id.to_string(),
                    r#type: followed.type_name.clone(),
                    revision: followed.revision,
                })
            }

            pub(in crate::user) fn data_of(
                data: serde_json::Map<String, serde_json::Value>,
            ) -> Option<proto::wkt::Struct> {
                (!data.is_empty()).then(|| data.into())
            }
        }
    };
}

shapes!(
    generation_2024,
    proto::zitadel::user::v3alpha,
    proto::zitadel::user::v3alpha::Schema,
    generation_2024
);
shapes!(
    resources,
    proto::zitadel::resources::user::v3alpha,
    proto::zitadel::resources::user::v3alpha::GetSchema,
    generation_resources
);

#[cfg(test)]
mod tests {
    use app::Error;

    /// Each of the names is none, so whoever reads one says so.
    #[test]
    fn more_names_than_a_user_can_have_are_refused_unread() {
        use proto::zitadel::{resources::user::v3alpha as resources, user::v3alpha as generation_2024};
        let new = super::resources::authenticators(Some(resources::SetAuthenticators {
            usernames: vec![resources::SetUsername::default(); 200_000],
            ..Default::default()
        }));
        let old = super::generation_2024::authenticators(Some(generation_2024::SetAuthenticators {
            usernames: vec![generation_2024::SetUsername::default(); 11],
            ..Default::default()
        }));
        for answer in [new, old] {
            let Err(Error::Invalid { field, .. }) = answer else {
                panic!("refused")
            };
            assert_eq!(field, "authenticators.usernames");
        }
    }
}
