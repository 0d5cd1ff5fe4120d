//! Texts of errors: one key for each condition, in one catalogue for each language, built once.

use std::{borrow::Cow, sync::LazyLock};

use app::Language;
use domain::user::Channel;
use fluent_bundle::{FluentArgs, FluentResource, concurrent::FluentBundle};

type Bundle = FluentBundle<FluentResource>;

macro_rules! texts {
    ($($variant:ident $key:literal),+ $(,)?) => {
        /// A text, by its key in the catalogues.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub(crate) enum Text { $($variant),+ }

        impl Text {
            /// Every text.
            #[cfg(test)]
            pub(super) const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The key in the catalogues.
            pub(super) const fn key(self) -> &'static str {
                match self { $(Self::$variant => $key),+ }
            }
        }
    };
}

texts! {
    UserAlreadyExists "errors-user-already-exists",
    UserNotFound "errors-user-not-found",
    UserNotActive "errors-user-already-inactive",
    UserNotInactive "errors-user-not-inactive",
    UserAlreadyLocked "errors-user-already-locked",
    UserNotLocked "errors-user-not-locked",
    PhoneNotFound "errors-user-phone-not-found",
    EmailNotFound "errors-user-email-not-found",
    PhoneAlreadyVerified "errors-user-phone-already-verified",
    EmailAlreadyVerified "errors-user-email-already-verified",
    PhoneEmpty "errors-user-phone-empty",
    PhoneInvalid "errors-user-phone-invalid",
    PhoneNoCountryCode "errors-user-phone-no-country-code",
    PhoneRefused "errors-user-phone-refused",
    EmailEmpty "errors-user-email-empty",
    EmailInvalid "errors-user-email-invalid",
    CodeEmpty "errors-user-code-empty",
    CodeInvalid "errors-user-code-invalid",
    CodeExpired "errors-user-code-expired",
    CodeInvalidOrExpired "errors-user-code-invalid-or-expired",
    CodeSpent "errors-user-code-spent",
    CodeResting "errors-user-code-resting",
    OtpNotExisting "errors-user-mfa-otp-not-existing",
    OtpAlreadyReady "errors-user-mfa-otp-already-ready",
    OtpVerified "errors-user-mfa-otp-already-verified",
    OtpSmsNotReady "errors-user-mfa-otp-sms-not-ready",
    OtpEmailNotReady "errors-user-mfa-otp-email-not-ready",
    OtpTooMany "errors-user-mfa-otp-too-many",
    TotpNotExisting "errors-user-mfa-totp-not-existing",
    TotpInvalid "errors-user-mfa-totp-invalid-code",
    RegistrationExpired "errors-user-mfa-registration-expired",
    WebauthnNotFound "errors-user-webauthn-not-found",
    WebauthnVerified "errors-user-webauthn-already-verified",
    WebauthnTaken "errors-user-webauthn-already-exists",
    WebauthnDomainUnknown "errors-user-webauthn-domain-unknown",
    WebauthnMalformed "errors-user-webauthn-malformed",
    WebauthnKind "errors-user-webauthn-kind",
    WebauthnChallenge "errors-user-webauthn-challenge",
    WebauthnOrigin "errors-user-webauthn-origin",
    WebauthnDomain "errors-user-webauthn-domain",
    WebauthnPresence "errors-user-webauthn-presence",
    WebauthnAlgorithm "errors-user-webauthn-algorithm",
    WebauthnAttestation "errors-user-webauthn-attestation",
    LinkUnknown "errors-user-webauthn-link-unknown",
    LinkWithoutEmail "errors-user-webauthn-link-no-email",
    FactorNameInvalid "errors-factor-name-invalid",
    UsernameTaken "errors-user-username-already-exists",
    UsernameNotFound "errors-user-username-not-found",
    UsernameTooMany "errors-user-username-too-many",
    UsernamesTooMany "errors-user-usernames-too-many",
    UsernameEmpty "errors-user-username-empty",
    UsernameTooLong "errors-user-username-too-long",
    UsernameCharacter "errors-user-username-character",
    UsernameLookalike "errors-user-username-lookalike",
    UsernameOfOrganization "errors-user-username-of-organization",
    PasswordEmpty "errors-user-password-empty",
    PasswordTooShort "errors-user-password-complexity-min-length",
    PasswordTooLong "errors-user-password-too-long",
    PasswordNoLower "errors-user-password-complexity-has-lower",
    PasswordNoUpper "errors-user-password-complexity-has-upper",
    PasswordNoDigit "errors-user-password-complexity-has-number",
    PasswordNoSymbol "errors-user-password-complexity-has-symbol",
    PasswordCommon "errors-user-password-common",
    PasswordHashNotSupported "errors-user-password-not-supported",
    PasswordHashTooCostly "errors-user-password-hash-too-costly",
    PasswordNotSet "errors-user-password-not-set",
    PasswordInvalid "errors-user-password-invalid",
    PasswordResting "errors-user-password-resting",
    PasswordMoved "errors-user-password-moved",
    PasswordsBusy "errors-user-password-busy",
    PasswordCodeNotFound "errors-user-password-code-not-found",
    PasswordResetNoPhone "errors-user-password-reset-no-phone",
    PasswordResetNoEmail "errors-user-password-reset-no-email",
    PasswordNeedlessProof "errors-user-password-needless-proof",
    PasswordProofMissing "errors-user-password-proof-missing",
    PasswordProofOfAnother "errors-user-password-proof-of-another",
    PasswordOwnHash "errors-user-password-own-hash",
    TokenNotFound "errors-user-pat-not-found",
    TokenTooMany "errors-user-pat-too-many",
    TokenExpiryPast "errors-user-pat-expiry-past",
    UrlTemplateSyntax "errors-user-invalid-url-template",
    UrlTemplateName "errors-user-invalid-url-template-name",
    UrlTemplateNameFactor "errors-user-invalid-url-template-name-factor",
    UrlTemplateNameLink "errors-user-invalid-url-template-name-link",
    UrlTemplateHost "errors-user-invalid-url-template-host",
    FieldMissing "errors-field-missing",
    IdInvalid "errors-id-invalid",
    InboxCursorInvalid "errors-inbox-cursor-invalid",
    LimitExceeded "errors-query-limit-exceeded",
    FeatureUnknown "errors-feature-unknown",
    FeatureMissing "errors-feature-missing",
    UserSchemaNotEnabled "errors-user-schema-not-enabled",
    SchemaNotExists "errors-user-schema-not-exists",
    SchemaInactive "errors-user-schema-inactive",
    SchemaAlreadyExists "errors-user-schema-already-exists",
    SchemaNotFound "errors-user-schema-not-found",
    SchemaNotActive "errors-user-schema-not-active",
    SchemaNotInactive "errors-user-schema-not-inactive",
    SchemaInUse "errors-user-schema-in-use",
    SchemaTypeTaken "errors-user-schema-type-already-exists",
    SchemaTypeInvalid "errors-user-schema-type-invalid",
    SchemaAuthenticatorInvalid "errors-user-schema-authenticator-invalid",
    SchemaPermission "errors-user-schema-permission-invalid",
    SchemaInvalid "errors-user-schema-schema-invalid",
    SchemaDialect "errors-user-schema-dialect",
    SchemaReference "errors-user-schema-reference",
    SchemaEndless "errors-user-schema-endless",
    SchemaKeyword "errors-user-schema-keyword",
    SchemaPattern "errors-user-schema-pattern",
    SchemaTooLarge "errors-user-schema-too-large",
    DataTooLong "errors-user-data-too-long",
    SchemaDataInvalid "errors-user-schema-data-invalid",
    AuthenticatorNotPossible "errors-user-schema-authenticator-not-possible",
    IdpAlreadyExists "errors-idp-already-exists",
    IdpNotFound "errors-idp-not-found",
    IdpBlank "errors-idp-blank",
    IdpUrl "errors-idp-url",
    IdpIssuer "errors-idp-issuer",
    IdpLdapServer "errors-idp-ldap-server",
    IdpScope "errors-idp-scope",
    IdpAttribute "errors-idp-attribute",
    IdpTimeout "errors-idp-timeout",
    IdpCertificate "errors-idp-certificate",
    IdpLinkExists "errors-user-idp-link-already-exists",
    IdpLinkNotFound "errors-user-idp-link-not-found",
    ExternalUserInvalid "errors-user-external-invalid",
    LinkDeniedToSelf "errors-permission-denied-link-to-self",
    IntentAlreadyExists "errors-intent-already-exists",
    IntentInvalidToken "errors-intent-invalid-token",
    IntentNotSucceeded "errors-intent-not-succeeded",
    IntentExpired "errors-intent-expired",
    IntentContent "errors-intent-content",
    ReturnUrl "errors-intent-return-url",
    IdpUnreachable "errors-idp-unreachable",
    IdpUntrusted "errors-idp-untrusted",
    IdpResting "errors-idp-resting",
    IdpCredentials "errors-idp-credentials",
    IdpRefused "errors-idp-refused",
    IdpNameless "errors-idp-nameless",
    FilterInvalid "errors-query-filter-invalid",
    TooManyNestingLevels "errors-query-too-many-nesting-levels",
    TooManyFilters "errors-query-too-many-filters",
    NoSmsProvider "errors-notification-channels-no-sms",
    NoEmailProvider "errors-notification-channels-no-email",
    SendLimit "errors-notification-send-limit",
    InboxMessageNotFound "errors-inbox-message-not-found",
    MembershipNotFound "errors-membership-not-found",
    PermissionDenied "errors-permission-denied",
    PermissionDeniedToSelf "errors-permission-denied-to-self",
    PermissionDeniedOwnCode "errors-permission-denied-own-code",
    PermissionDeniedOverStronger "errors-permission-denied-over-stronger",
    OrgNotFound "errors-org-not-found",
    InstanceAlreadyExists "errors-instance-already-exists",
    InstanceNotFound "errors-instance-not-found",
    AuthHeaderInvalid "errors-auth-header-invalid",
    TokenInvalid "errors-token-invalid",
    Overloaded "errors-overloaded",
    Contention "errors-contention",
    Unavailable "errors-unavailable",
    DatabaseUnavailable "errors-database-unavailable",
    StoreFull "errors-store-full",
    Internal "errors-internal",
}

impl Text {
    pub(super) const fn contact_missing(channel: Channel) -> Self {
        match channel {
            Channel::Sms => Self::PhoneNotFound,
            Channel::Email => Self::EmailNotFound,
        }
    }
}

/// The variables of a text.
#[derive(Debug, Default)]
pub(super) struct Args(FluentArgs<'static>);

impl Args {
    /// Sets a variable to a text.
    pub(super) fn text(&mut self, name: &'static str, value: &str) {
        self.0.set(name, value.to_owned());
    }

    /// Sets `wait` and `unit` to a time that people like to read, never shorter than it is.
    pub(super) fn wait(&mut self, seconds: u64) {
        let (wait, unit) = match seconds {
            0..=90 => (seconds, "seconds"),
            91..=5400 => (seconds.div_ceil(60), "minutes"),
            _ => (seconds.div_ceil(3600), "hours"),
        };
        self.0.set("wait", wait);
        self.0.set("unit", unit);
    }
}

/// The text in a language.
pub(super) fn render(language: Language, text: Text, args: &Args) -> String {
    let bundle = catalogue(language);
    let pattern = bundle.get_message(text.key()).and_then(|message| message.value());
    let rendered = pattern.map(|pattern| bundle.format_pattern(pattern, Some(&args.0), &mut Vec::new()));
    rendered.map_or_else(|| text.key().to_owned(), Cow::into_owned)
}

fn catalogue(language: Language) -> &'static Bundle {
    match language {
        Language::En => &ENGLISH,
        Language::De => &GERMAN,
    }
}

static ENGLISH: LazyLock<Bundle> =
    LazyLock::new(|| bundle(Language::En, include_str!("../../locales/en/errors.ftl")));
static GERMAN: LazyLock<Bundle> =
    LazyLock::new(|| bundle(Language::De, include_str!("../../locales/de/errors.ftl")));

/// What can be read of a catalogue; tests prove that this is all of it.
fn bundle(language: Language, source: &str) -> Bundle {
    let resource = FluentResource::try_new(source.to_owned()).unwrap_or_else(|(readable, _)| readable);
    let mut bundle = Bundle::new_concurrent(vec![language.tag().parse().unwrap_or_default()]);
    // Isolation marks are for pages of mixed direction; programs print these texts.
    bundle.set_use_isolating(false);
    bundle.add_resource_overriding(resource);
    bundle
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use fluent_bundle::FluentResource;

    use super::*;

    const SOURCES: [(Language, &str); 2] = [
        (Language::En, include_str!("../../locales/en/errors.ftl")),
        (Language::De, include_str!("../../locales/de/errors.ftl")),
    ];

    /// The variables of each message, by its key.
    fn variables(source: &str) -> BTreeMap<String, Vec<String>> {
        assert!(
            FluentResource::try_new(source.to_owned()).is_ok(),
            "the whole catalogue can be read"
        );
        let mut messages: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for line in source.lines().filter(|line| line.starts_with("errors-")) {
            let (key, text) = line.split_once(" = ").expect("a message");
            let names = text.split("{ ").skip(1).filter_map(|part| part.split_once(" }"));
            let mut names: Vec<_> = names.map(|(name, _)| name.to_owned()).collect();
            names.sort();
            assert!(
                messages.insert(key.to_owned(), names).is_none(),
                "{key} is there twice"
            );
        }
        messages
    }

    #[test]
    fn every_language_has_a_catalogue() {
        assert_eq!(SOURCES.map(|(language, _)| language).as_slice(), Language::ALL);
    }

    #[test]
    fn every_catalogue_has_every_text_and_no_other() {
        let mut keys: Vec<_> = Text::ALL.iter().map(|text| text.key().to_owned()).collect();
        keys.sort();
        for (language, source) in SOURCES {
            let found: Vec<_> = variables(source).into_keys().collect();
            assert_eq!(found, keys, "{language:?}");
        }
    }

    #[test]
    fn every_text_has_the_same_variables_in_every_language() {
        let [english, german] = SOURCES.map(|(_, source)| variables(source));
        assert_eq!(english, german);
    }

    #[test]
    fn braces_come_through() {
        for language in Language::ALL {
            let text = render(*language, Text::UrlTemplateSyntax, &Args::default());
            assert!(text.ends_with(" {{.Code}}."), "{text}");
        }
    }

    #[test]
    fn a_wait_is_never_shorter_than_it_is() {
        let waits = [
            (1, "one second", "einer Sekunde"),
            (30, "30 seconds", "30 Sekunden"),
            (91, "2 minutes", "2 Minuten"),
            (3600, "60 minutes", "60 Minuten"),
            (5401, "2 hours", "2 Stunden"),
            (86_400, "24 hours", "24 Stunden"),
        ];
        for (seconds, english, german) in waits {
            let mut args = Args::default();
            args.wait(seconds);
            let text = render(Language::En, Text::CodeResting, &args);
            assert!(text.ends_with(&format!("Try again in {english}.")), "{text}");
            let text = render(Language::De, Text::CodeResting, &args);
            assert!(text.ends_with(&format!("in {german} wieder.")), "{text}");
        }
    }
}
