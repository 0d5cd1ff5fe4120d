//! The table of what succeeds: for each RPC that is served, what is given, what is sent, and what is true afterwards.
//! Other tests send the same requests with other tokens, so that a new RPC is tried by all of them.

use serde_json::{Value, json};

use super::scene::Step;

pub(crate) const NEW: &str = "resources.user.v3alpha.ZITADELUsers";
pub(crate) const OLD: &str = "zitadel.user.v3alpha.UserService";

/// A request that succeeds.
#[derive(Clone, Debug)]
pub(crate) struct Case {
    /// What is special about it, beside its RPC.
    pub(crate) about: &'static str,
    /// `Service/Method`.
    pub(crate) method: String,
    pub(crate) given: Vec<Step>,
    pub(crate) request: Value,
    /// Part of the answer; null is absent.
    pub(crate) answer: Value,
    /// Part of the user of generation resources afterwards; null is absent.
    pub(crate) user: Value,
    /// The user that it is about, by its name in the scene.
    pub(crate) subject: &'static str,
    /// Whether users may do it to themselves.
    pub(crate) own: Own,
}

/// What a user without a role hears who does it to itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Own {
    Allowed,
    /// It asks for trust that nobody gives to themselves.
    Trust,
    /// A role is needed.
    Role,
}

impl Case {
    pub(crate) fn name(&self) -> String {
        format!("{} {}", self.method, self.about)
    }
}

/// A case of both generations of v3alpha, written for resources.
struct Twin {
    name: &'static str,
    old_name: &'static str,
    case: Case,
}

fn twin(name: &'static str, about: &'static str, request: Value) -> Twin {
    let old_name = match name {
        "GetUser" => "GetUserByID",
        "PatchUser" => "UpdateUser",
        "ActivateUser" => "ReactivateUser",
        same => same,
    };
    let own = match name {
        "AddIDPAuthenticator" => Own::Trust,
        "CreateUser" | "DeactivateUser" | "ActivateUser" | "LockUser" | "UnlockUser" => Own::Role,
        "SetPassword" if !request.to_string().contains("verificationCode") => Own::Trust,
        _ if request.to_string().contains("returnCode") || request.to_string().contains("isVerified") => {
            Own::Trust
        }
        _ => Own::Allowed,
    };
    let case = Case {
        about,
        method: String::new(),
        given: Vec::new(),
        request,
        answer: json!({}),
        user: json!({}),
        subject: "user",
        own,
    };
    Twin { name, old_name, case }
}

impl Twin {
    fn given(mut self, method: &str, request: Value) -> Self {
        self.case.given.push((format!("{NEW}/{method}"), request));
        self
    }

    /// With an identity provider.
    fn provided(mut self) -> Self {
        let add = (format!("{ADMIN}/AddGenericOIDCProvider"), oidc_provider());
        self.case.given.push(add);
        self
    }

    fn answers(mut self, answer: Value) -> Self {
        self.case.answer = answer;
        self
    }

    fn leaves(mut self, user: Value) -> Self {
        self.case.user = user;
        self
    }

    fn about(mut self, subject: &'static str) -> Self {
        self.case.subject = subject;
        self
    }

    fn both(self) -> [Case; 2] {
        let new = Case {
            method: format!("{NEW}/{}", self.name),
            ..self.case.clone()
        };
        let mut old = Case {
            method: format!("{OLD}/{}", self.old_name),
            request: old_request(&self.case.request),
            ..self.case
        };
        if self.name == "SetContactPhone" && old.answer.get("verificationCode").is_some() {
            // The name that generation 2024-06 gives the code of a phone number.
            old.answer = json!({"emailCode": old.answer["verificationCode"], "verificationCode": null});
        }
        [new, old]
    }
}

/// The request of generation 2024-06: another name of the id, and no envelope around the user.
pub(crate) fn old_request(request: &Value) -> Value {
    let mut old = serde_json::Map::new();
    for (name, value) in request.as_object().expect("a message") {
        match name.as_str() {
            "id" => _ = old.insert("userId".to_owned(), value.clone()),
            "user" | "registration" | "verify" => old.extend(value.as_object().expect("a message").clone()),
            "authenticator" => _ = old.insert("idpAuthenticator".to_owned(), value.clone()),
            "newPassword" => old.extend(old_new_password(value.as_object().expect("a message"))),
            _ => _ = old.insert(name.clone(), value.clone()),
        }
    }
    Value::Object(old)
}

/// Generation 2024-06 has the proof beside the new password, not in it.
fn old_new_password(new: &serde_json::Map<String, Value>) -> serde_json::Map<String, Value> {
    let is_proof = |name: &String| ["currentPassword", "verificationCode"].contains(&name.as_str());
    let (proof, new): (serde_json::Map<_, _>, _) =
        new.clone().into_iter().partition(|(name, _)| is_proof(name));
    let new: serde_json::Map<_, _> = new;
    proof
        .into_iter()
        .chain([("newPassword".to_owned(), new.into())])
        .collect()
}

fn users() -> Vec<Twin> {
    let user = || json!({"id": "$user"});
    let with = |contact: Value| json!({"id": "$user", "user": {"contact": contact}});
    vec![
        twin("CreateUser", "with everything", json!({
            "organization": {"orgId": "$org"},
            "user": {"userId": "$new_user", "data": {"name": "Ada", "n": 1}, "contact": {
                "email": {"address": "$email", "returnCode": {}}, "phone": {"number": "$phone", "isVerified": true}}},
        }))
        .about("new_user")
        .answers(json!({"emailCode": "$any", "phoneCode": null}))
        .leaves(json!({"data": {"name": "Ada", "n": 1}, "state": "USER_STATE_ACTIVE", "authenticators": null, "contact": {
            "email": {"address": "$email", "isVerified": null}, "phone": {"number": "$phone", "isVerified": true}}})),
        twin("CreateUser", "with nothing", json!({"organization": {"orgId": "$org"}, "user": {"userId": "$new_user"}}))
            .about("new_user")
            .answers(json!({"emailCode": null, "phoneCode": null}))
            .leaves(json!({"contact": null, "data": null, "state": "USER_STATE_ACTIVE"})),
        twin("CreateUser", "with names", json!({"organization": {"orgId": "$org"}, "user": {
            "userId": "$new_user", "authenticators": {"usernames": [{"username": "$name"}, {"username": "$name2", "isOrganizationSpecific": true}]}}}))
            .about("new_user")
            .leaves(json!({"authenticators": {"usernames": [
                {"usernameId": "$any", "username": "$name", "isOrganizationSpecific": null},
                {"usernameId": "$any", "username": "$name2", "isOrganizationSpecific": true}]}})),
        twin("CreateUser", "by the domain of its organization", json!({
            "organization": {"orgDomain": "OTHER.example.com"}, "user": {"userId": "$new_user"}}))
            .about("new_user")
            .leaves(json!({"details": {"owner": {"id": "$other_org"}}})),
        twin("GetUser", "", user()).answers(json!({"user": {"state": "USER_STATE_ACTIVE", "contact": null}})),
        twin("PatchUser", "data", json!({"id": "$user", "user": {"data": {"a": [1, "b", null]}}}))
            .leaves(json!({"data": {"a": [1, "b", null]}})),
        twin("PatchUser", "contact to be sent to", with(json!({"phone": {"number": "$phone"}})))
            .answers(json!({"emailCode": null, "phoneCode": null}))
            .leaves(json!({"contact": {"phone": {"number": "$phone", "isVerified": null}, "email": null}})),
        twin("PatchUser", "contact with codes", with(json!({
            "phone": {"number": "$phone", "returnCode": {}}, "email": {"address": "$email", "returnCode": {}}})))
            .answers(json!({"emailCode": "$any", "phoneCode": "$any"}))
            .leaves(json!({"contact": {"phone": {"number": "$phone"}, "email": {"address": "$email"}}})),
        twin("DeactivateUser", "", user()).leaves(json!({"state": "USER_STATE_INACTIVE"})),
        twin("ActivateUser", "", user()).given("DeactivateUser", user()).leaves(json!({"state": "USER_STATE_ACTIVE"})),
        twin("LockUser", "", user()).leaves(json!({"state": "USER_STATE_LOCKED"})),
        twin("UnlockUser", "", user()).given("LockUser", user()).leaves(json!({"state": "USER_STATE_ACTIVE"})),
        twin("DeleteUser", "", user()).leaves(Value::Null),
    ]
}

/// Contact phone and e-mail, which have one rule.
fn contacts() -> Vec<Twin> {
    let phone = |more: Value| merged(json!({"number": "$phone"}), more);
    let email = |more: Value| merged(json!({"address": "$email"}), more);
    let set = |field: &str, value: Value| json!({"id": "$user", field: value});
    let pending =
        |field: &str, value: Value| json!({"contact": {field: merged(value, json!({"isVerified": null}))}});
    let proven =
        |field: &str, value: Value| json!({"contact": {field: merged(value, json!({"isVerified": true}))}});
    let none = || json!({"verificationCode": null});
    let code = || json!({"verificationCode": "$any"});
    let returned = || json!({"returnCode": {}});
    let vouched = || json!({"isVerified": true});
    let linked = json!({"sendCode": {"urlTemplate": "http://localhost:8080/v?u={{.UserID}}&c={{.Code}}&o={{.OrgID}}"}});
    vec![
        twin("SetContactPhone", "to be sent to", set("phone", phone(json!({}))))
            .answers(none())
            .leaves(pending("phone", phone(json!({})))),
        twin(
            "SetContactPhone",
            "to be sent to by name",
            set("phone", phone(json!({"sendCode": {}}))),
        )
        .answers(none()),
        twin(
            "SetContactPhone",
            "with its code",
            set("phone", phone(returned())),
        )
        .answers(code())
        .leaves(pending("phone", phone(json!({})))),
        twin("SetContactPhone", "vouched for", set("phone", phone(vouched())))
            .answers(none())
            .leaves(proven("phone", phone(json!({})))),
        twin(
            "VerifyContactPhone",
            "",
            json!({"id": "$user", "verificationCode": "$code"}),
        )
        .given("SetContactPhone", set("phone", phone(returned())))
        .leaves(proven("phone", phone(json!({})))),
        twin(
            "ResendContactPhoneCode",
            "to be sent",
            json!({"id": "$user", "sendCode": {}}),
        )
        .given("SetContactPhone", set("phone", phone(returned())))
        .answers(none()),
        twin(
            "ResendContactPhoneCode",
            "to be returned",
            json!({"id": "$user", "returnCode": {}}),
        )
        .given("SetContactPhone", set("phone", phone(json!({}))))
        .answers(code()),
        twin("SetContactEmail", "to be sent to", set("email", email(json!({}))))
            .answers(none())
            .leaves(pending("email", email(json!({})))),
        twin(
            "SetContactEmail",
            "with a link",
            set("email", email(linked.clone())),
        )
        .answers(none()),
        twin(
            "SetContactEmail",
            "with its code",
            set("email", email(returned())),
        )
        .answers(code())
        .leaves(pending("email", email(json!({})))),
        twin("SetContactEmail", "vouched for", set("email", email(vouched())))
            .answers(none())
            .leaves(proven("email", email(json!({})))),
        twin(
            "VerifyContactEmail",
            "",
            json!({"id": "$user", "verificationCode": "$code"}),
        )
        .given("SetContactEmail", set("email", email(returned())))
        .leaves(proven("email", email(json!({})))),
        twin(
            "ResendContactEmailCode",
            "with a link",
            merged(json!({"id": "$user"}), linked),
        )
        .given("SetContactEmail", set("email", email(returned())))
        .answers(none()),
        twin(
            "ResendContactEmailCode",
            "to be returned",
            json!({"id": "$user", "returnCode": {}}),
        )
        .given("SetContactEmail", set("email", email(json!({}))))
        .answers(code()),
    ]
}

/// One-time codes by SMS and e-mail.
fn factors() -> Vec<Twin> {
    let mut twins = Vec::new();
    for (kind, field, destination, id, list, shown) in [
        (
            "OTPSMS",
            "phone",
            json!({"number": "$phone"}),
            "otpSmsId",
            "otpSms",
            json!({"phone": "$phone"}),
        ),
        (
            "OTPEmail",
            "email",
            json!({"address": "$email"}),
            "otpEmailId",
            "otpEmail",
            json!({"address": "$email"}),
        ),
    ] {
        let name = |verb: &str, noun: &str| -> &'static str { format!("{verb}{kind}{noun}").leak() };
        let (add, verify, remove) = (
            name("Add", "Authenticator"),
            name("Verify", "Registration"),
            name("Remove", "Authenticator"),
        );
        let known = if kind == "OTPSMS" {
            "$otp_sms_id"
        } else {
            "$otp_email_id"
        };
        let adding = |more: Value| json!({"id": "$user", field: merged(destination.clone(), more)});
        let factor = |verified: Value| {
            let shown = merged(shown.clone(), json!({id: "$any", "isVerified": verified}));
            json!({"authenticators": {list: [shown]}, "contact": null})
        };
        let answer = |code: Value| json!({id: "$any", "verificationCode": code});
        let returned = json!({"returnCode": {}});
        twins.extend([
            twin(add, "to be sent to", adding(json!({})))
                .answers(answer(Value::Null))
                .leaves(factor(Value::Null)),
            twin(add, "with its code", adding(returned.clone()))
                .answers(answer("$any".into()))
                .leaves(factor(Value::Null)),
            twin(add, "vouched for", adding(json!({"isVerified": true})))
                .answers(answer(Value::Null))
                .leaves(factor(true.into())),
            twin(add, "once more while pending", adding(json!({"sendCode": {}})))
                .given(add, adding(returned.clone()))
                .answers(json!({id: known}))
                .leaves(factor(Value::Null)),
            twin(verify, "", json!({"id": "$user", id: known, "code": "$code"}))
                .given(add, adding(returned.clone()))
                .leaves(factor(true.into())),
            twin(remove, "pending", json!({"id": "$user", id: known}))
                .given(add, adding(returned.clone()))
                .leaves(json!({"authenticators": null})),
            twin(remove, "verified", json!({"id": "$user", id: known}))
                .given(add, adding(json!({"isVerified": true})))
                .leaves(json!({"authenticators": null})),
        ]);
    }
    twins
}

fn totps() -> Vec<Twin> {
    let start = || json!({"id": "$user"});
    let verify = || json!({"id": "$user", "totpId": "$totp_id", "code": "$totp_code"});
    let remove = || json!({"id": "$user", "totpId": "$totp_id"});
    let shown =
        |verified: Value| json!({"authenticators": {"totps": [{"totpId": "$any", "isVerified": verified}]}});
    vec![
        twin("StartTOTPRegistration", "", start())
            .answers(json!({"totpId": "$any", "uri": "$any", "secret": "$any"}))
            .leaves(shown(Value::Null)),
        twin("VerifyTOTPRegistration", "", verify())
            .given("StartTOTPRegistration", start())
            .leaves(shown(true.into())),
        twin("RemoveTOTPAuthenticator", "pending", remove())
            .given("StartTOTPRegistration", start())
            .leaves(json!({"authenticators": null})),
        twin("RemoveTOTPAuthenticator", "verified", remove())
            .given("StartTOTPRegistration", start())
            .given("VerifyTOTPRegistration", verify())
            .leaves(json!({"authenticators": null})),
    ]
}

fn keys() -> Vec<Twin> {
    let with = |more: Value| merged(json!({"id": "$user"}), more);
    let start = |more: Value| with(json!({"registration": merged(json!({"domain": "localhost"}), more)}));
    let begin = || start(json!({}));
    let verify = || {
        with(json!({"webAuthNId": "$web_auth_n_id",
            "verify": {"publicKeyCredential": "$$credential", "webAuthNName": "my key"}}))
    };
    let remove = || with(json!({"webAuthNId": "$web_auth_n_id"}));
    let shown = |more: Value| {
        let key = merged(json!({"webAuthNId": "$any"}), more);
        json!({"authenticators": {"webAuthN": [key]}})
    };
    let waits = || shown(json!({"name": null, "isVerified": null, "userVerified": null}));
    let options = |more: Value| {
        let options = merged(json!({"rp": {"id": "localhost"}, "challenge": "$any"}), more);
        json!({"webAuthNId": "$any", "publicKeyCredentialCreationOptions": {"publicKey": options}})
    };
    let link = |more: Value| with(more);
    let email = || with(json!({"email": {"address": "$email", "isVerified": true}}));
    let template = "http://localhost:8080/k?u={{.UserID}}&i={{.CodeID}}&c={{.Code}}&o={{.OrgID}}";
    vec![
        twin("StartWebAuthNRegistration", "", begin())
            .answers(options(json!({})))
            .leaves(waits()),
        twin(
            "StartWebAuthNRegistration",
            "of a security key",
            start(json!({"authenticatorType": "WEB_AUTH_N_AUTHENTICATOR_CROSS_PLATFORM"})),
        )
        .answers(options(
            json!({"authenticatorSelection": {"authenticatorAttachment": "cross-platform"}}),
        ))
        .leaves(waits()),
        twin(
            "StartWebAuthNRegistration",
            "by a link",
            start(json!({"code": {"id": "$link_id", "code": "$link_code"}})),
        )
        .given("CreateWebAuthNRegistrationLink", link(json!({"returnCode": {}})))
        .answers(options(json!({})))
        .leaves(waits()),
        twin("VerifyWebAuthNRegistration", "", verify())
            .given("StartWebAuthNRegistration", begin())
            .leaves(shown(
                json!({"name": "my key", "isVerified": true, "userVerified": true}),
            )),
        twin(
            "CreateWebAuthNRegistrationLink",
            "to be returned",
            link(json!({"returnCode": {}})),
        )
        .answers(json!({"code": {"id": "$any", "code": "$any"}}))
        .leaves(json!({"authenticators": null})),
        twin("CreateWebAuthNRegistrationLink", "to be sent", link(json!({})))
            .given("SetContactEmail", email())
            .answers(json!({"code": null})),
        twin(
            "CreateWebAuthNRegistrationLink",
            "to be sent with a link",
            link(json!({"sendLink": {"urlTemplate": template}})),
        )
        .given("SetContactEmail", email())
        .answers(json!({"code": null})),
        twin("RemoveWebAuthNAuthenticator", "pending", remove())
            .given("StartWebAuthNRegistration", begin())
            .leaves(json!({"authenticators": null})),
        twin("RemoveWebAuthNAuthenticator", "verified", remove())
            .given("StartWebAuthNRegistration", begin())
            .given("VerifyWebAuthNRegistration", verify())
            .leaves(json!({"authenticators": null})),
    ]
}

fn usernames() -> Vec<Twin> {
    let add = |name: &str| json!({"id": "$user", "username": {"username": name}});
    let in_org = || json!({"id": "$user", "username": {"username": "$name", "isOrganizationSpecific": true}});
    let shown = |more: Value| {
        let name = merged(json!({"usernameId": "$any", "username": "$name"}), more);
        json!({"authenticators": {"usernames": [name]}})
    };
    vec![
        twin("AddUsername", "for the instance", add("$name"))
            .answers(json!({"usernameId": "$any"}))
            .leaves(shown(json!({"isOrganizationSpecific": null}))),
        twin("AddUsername", "for the organization", in_org())
            .answers(json!({"usernameId": "$any"}))
            .leaves(shown(json!({"isOrganizationSpecific": true}))),
        twin("AddUsername", "beside another", add("$name2"))
            .given("AddUsername", add("$name"))
            .leaves(
                json!({"authenticators": {"usernames": [{"username": "$name"}, {"username": "$name2"}]}}),
            ),
        twin(
            "RemoveUsername",
            "",
            json!({"id": "$user", "usernameId": "$username_id"}),
        )
        .given("AddUsername", in_org())
        .leaves(json!({"authenticators": null})),
    ]
}

/// `left` with the fields of `right`.
pub(crate) fn merged(mut left: Value, right: Value) -> Value {
    if let (Some(left), Value::Object(right)) = (left.as_object_mut(), right) {
        left.extend(right);
    }
    left
}

fn plain(method: &str, about: &'static str, request: Value) -> Case {
    Case {
        about,
        method: method.to_owned(),
        given: Vec::new(),
        request,
        answer: json!({}),
        user: json!({}),
        subject: "user",
        own: Own::Allowed,
    }
}

impl Case {
    fn after(mut self, method: &str, request: Value) -> Self {
        self.given.push((method.to_owned(), request));
        self
    }

    fn with_answer(mut self, answer: Value) -> Self {
        self.answer = answer;
        self
    }

    fn with_user(mut self, user: Value) -> Self {
        self.user = user;
        self
    }
}

fn mine() -> Vec<Case> {
    let me = |method: &str, about: &'static str, request: Value| {
        plain(&format!("AuthService/{method}"), about, request)
    };
    let set_phone = || format!("{NEW}/SetContactPhone");
    let set_email = || format!("{NEW}/SetContactEmail");
    let phone = |more: Value| json!({"id": "$user", "phone": merged(json!({"number": "$phone"}), more)});
    let email = |more: Value| json!({"id": "$user", "email": merged(json!({"address": "$email"}), more)});
    let returned = || json!({"returnCode": {}});
    let vouched = || json!({"isVerified": true});
    let my_phone =
        |verified: Value| json!({"contact": {"phone": {"number": "$phone", "isVerified": verified}}});
    let my_email =
        |verified: Value| json!({"contact": {"email": {"address": "$email", "isVerified": verified}}});
    vec![
        me("Healthz", "", json!({})),
        me("GetMyUser", "", json!({})).with_answer(json!({"user": {"id": "$user", "state": "USER_STATE_ACTIVE", "human": {}}})),
        me("GetMyUser", "with a name", json!({}))
            .after(&format!("{NEW}/AddUsername"), json!({"id": "$user", "username": {"username": "$name"}}))
            .with_answer(json!({"user": {"userName": "$name", "loginNames": ["$name"], "preferredLoginName": "$name"}})),
        me("GetMyPhone", "without one", json!({})).with_answer(json!({"phone": {}})),
        me("GetMyPhone", "verified", json!({}))
            .after(&set_phone(), phone(vouched()))
            .with_answer(json!({"phone": {"phone": "$phone", "isPhoneVerified": true}})),
        me("SetMyPhone", "", json!({"phone": "$phone"})).with_user(my_phone(Value::Null)),
        me("VerifyMyPhone", "", json!({"code": "$code"})).after(&set_phone(), phone(returned())).with_user(my_phone(true.into())),
        me("ResendMyPhoneVerification", "", json!({})).after(&set_phone(), phone(returned())).with_user(my_phone(Value::Null)),
        me("RemoveMyPhone", "", json!({})).after(&set_phone(), phone(vouched())).with_user(json!({"contact": null})),
        me("RemoveMyPhone", "with its factor", json!({}))
            .after(&set_phone(), phone(vouched()))
            .after("AuthService/AddMyAuthFactorOTPSMS", json!({}))
            .with_user(json!({"contact": null, "authenticators": null})),
        me("GetMyEmail", "without one", json!({})).with_answer(json!({"email": {}})),
        me("GetMyEmail", "verified", json!({}))
            .after(&set_email(), email(vouched()))
            .with_answer(json!({"email": {"email": "$email", "isEmailVerified": true}})),
        me("SetMyEmail", "", json!({"email": "$email"})).with_user(my_email(Value::Null)),
        me("VerifyMyEmail", "", json!({"code": "$code"})).after(&set_email(), email(returned())).with_user(my_email(true.into())),
        me("ResendMyEmailVerification", "", json!({})).after(&set_email(), email(returned())).with_user(my_email(Value::Null)),
        me("ListMyAuthFactors", "none", json!({})).with_answer(json!({"result": null})),
        me("ListMyAuthFactors", "of an own number", json!({}))
            .after(&format!("{NEW}/AddOTPSMSAuthenticator"), phone(vouched()))
            .with_answer(json!({"result": [{"state": "AUTH_FACTOR_STATE_READY", "otpSms": {}}]})),
        me("ListMyAuthFactors", "of an app", json!({}))
            .after(&format!("{NEW}/StartTOTPRegistration"), json!({"id": "$user"}))
            .after(&format!("{NEW}/VerifyTOTPRegistration"), json!({"id": "$user", "totpId": "$totp_id", "code": "$totp_code"}))
            .with_answer(json!({"result": [{"state": "AUTH_FACTOR_STATE_READY", "otp": {}}]})),
        me("ListMyAuthFactors", "of a key that waits and one that is ready", json!({}))
            .after(&format!("{NEW}/StartWebAuthNRegistration"), json!({"id": "$user", "registration": {"domain": "localhost"}}))
            .after(&format!("{NEW}/StartWebAuthNRegistration"), json!({"id": "$user", "registration": {"domain": "localhost"}}))
            .after(&format!("{NEW}/VerifyWebAuthNRegistration"), json!({"id": "$user", "webAuthNId": "$web_auth_n_id",
                "verify": {"publicKeyCredential": "$$credential", "webAuthNName": "my key"}}))
            .with_answer(json!({"result": [{"state": "AUTH_FACTOR_STATE_READY", "u2f": {"id": "$web_auth_n_id", "name": "my key"}}]})),
        me("AddMyAuthFactorOTPSMS", "", json!({}))
            .after(&set_phone(), phone(vouched()))
            .with_user(json!({"authenticators": {"otpSms": [{"otpSmsId": "$any", "phone": "$phone", "isVerified": true}]}})),
        me("RemoveMyAuthFactorOTPSMS", "", json!({}))
            .after(&set_phone(), phone(vouched()))
            .after("AuthService/AddMyAuthFactorOTPSMS", json!({}))
            .with_user(json!({"authenticators": null, "contact": {"phone": {"isVerified": true}}})),
        me("AddMyAuthFactorOTPEmail", "", json!({}))
            .after(&set_email(), email(vouched()))
            .with_user(json!({"authenticators": {"otpEmail": [{"otpEmailId": "$any", "address": "$email", "isVerified": true}]}})),
        me("RemoveMyAuthFactorOTPEmail", "", json!({}))
            .after(&set_email(), email(vouched()))
            .after("AuthService/AddMyAuthFactorOTPEmail", json!({}))
            .with_user(json!({"authenticators": null})),
    ]
}

const LATE: &str = "2030-01-01T00:00:00Z";

fn tokens() -> Vec<Case> {
    let v2 = |method: &str, about: &'static str, request: Value| {
        plain(&format!("zitadel.user.v2.UserService/{method}"), about, request)
    };
    let add = || json!({"userId": "$user", "expirationDate": LATE});
    let of_user = json!({"filters": [{"userIdFilter": {"id": "$user"}}], "sortingColumn": "PERSONAL_ACCESS_TOKEN_FIELD_NAME_ID"});
    vec![
        v2("AddPersonalAccessToken", "", add()).with_answer(json!({"tokenId": "$any", "token": "$any", "creationDate": "$any"})),
        v2("RemovePersonalAccessToken", "", json!({"userId": "$user", "tokenId": "$token_id"}))
            .after("UserService/AddPersonalAccessToken", add())
            .with_answer(json!({"deletionDate": "$any"})),
        v2("ListPersonalAccessTokens", "of a user", of_user)
            .with_answer(json!({"pagination": {"totalResult": "1", "appliedLimit": "100"}, "result": [{"userId": "$user", "organizationId": "$org"}]})),
    ]
}

pub(crate) const BULK: &str = "merlon.user.v1.UserService/CreateUsers";

fn bulk() -> Vec<Case> {
    let created = json!({"created": {"details": {"id": "$new_user", "owner": {"id": "$org"}}, "emailCode": "$any"}, "refused": null});
    let refused =
        json!({"refused": {"code": 6, "message": "$any", "id": "COMMAND-Nn8CRVlkeZ"}, "created": null});
    let users = json!([{"userId": "$new_user", "contact": {"email": {"address": "$email", "returnCode": {}}}},
        {"userId": "$user", "contact": {"phone": {"number": "$phone", "isVerified": true}}}]);
    let mut case = plain(
        BULK,
        "one of them there",
        json!({"organization": {"orgId": "$org"}, "users": users}),
    )
    .with_answer(json!({"results": [created, refused]}))
    .with_user(
        json!({"state": "USER_STATE_ACTIVE", "contact": {"email": {"address": "$email"}, "phone": null}}),
    );
    case.own = Own::Role;
    case.subject = "new_user";
    vec![case]
}

fn inbox() -> Vec<Case> {
    let inbox = |method: &str, about: &'static str, request: Value| {
        let case = plain(&format!("InboxService/{method}"), about, request);
        let set = json!({"id": "$user", "phone": {"number": "$phone"}});
        case.after(&format!("{NEW}/SetContactPhone"), set).after(
            "InboxService/WaitForMessage",
            json!({"recipient": "$phone", "timeout": "20s"}),
        )
    };
    let message = json!({"id": "$message", "recipient": "$phone", "channel": "CHANNEL_SMS", "kind": "verify_phone",
        "subject": null, "text": "$any", "code": "$any", "createdAt": "$any"});
    vec![
        inbox("ListMessages", "to a number", json!({"recipient": "$phone"}))
            .with_answer(json!({"messages": [message]})),
        inbox(
            "WaitForMessage",
            "that is there",
            json!({"recipient": "$phone", "timeout": "1s"}),
        )
        .with_answer(json!({"message": message})),
        inbox("DeleteMessage", "", json!({"id": "$message"})),
    ]
}

pub(crate) const NEW_SCHEMAS: &str = "resources.userschema.v3alpha.ZITADELUserSchemas";
pub(crate) const OLD_SCHEMAS: &str = "zitadel.user.schema.v3alpha.UserSchemaService";

fn schemas() -> Vec<Case> {
    let create = || format!("{OLD_SCHEMAS}/CreateUserSchema");
    let deactivate = || format!("{OLD_SCHEMAS}/DeactivateUserSchema");
    let schema = || json!({"type": "object", "properties": {"name": {"type": "string"}}});
    let content = || json!({"type": "$schema_type", "schema": schema(), "possibleAuthenticators": ["AUTHENTICATOR_TYPE_OTP_SMS"]});
    let id = || json!({"id": "$schema_id"});
    let case = |service: &str, method: &str, request: Value| Case {
        own: Own::Role,
        ..plain(&format!("{service}/{method}"), "", request)
    };
    let new = |method: &str, request| case(NEW_SCHEMAS, method, request);
    let old = |method: &str, request| case(OLD_SCHEMAS, method, request);
    let details = || json!({"details": {"id": "$any", "created": "$any", "changed": "$any", "owner": {"type": "OWNER_TYPE_INSTANCE", "id": "$any"}}});
    let old_details = || json!({"details": {"sequence": "$any", "creationDate": "$any", "changeDate": "$any", "resourceOwner": "$any"}});
    let read = json!({"userSchema": {"config": content(), "state": "STATE_ACTIVE", "revision": 1}});
    let old_read = json!({"schema": merged(content(), json!({"id": "$schema_id", "state": "STATE_ACTIVE", "revision": 1}))});
    let found = json!({"details": {"totalResult": "1", "appliedLimit": "100", "timestamp": "$any"},
        "result": [{"config": content(), "details": {"id": "$schema_id"}}]});
    let old_found = json!({"details": {"totalResult": "1", "timestamp": "$any"}, "result": [{"id": "$schema_id", "type": "$schema_type"}]});
    let by_type =
        json!({"typeFilter": {"type": "$schema_type", "method": "TEXT_FILTER_METHOD_EQUALS_IGNORE_CASE"}});
    let by_type_old =
        json!({"typeQuery": {"type": "$schema_type", "method": "TEXT_QUERY_METHOD_ENDS_WITH_IGNORE_CASE"}});
    vec![
        new("CreateUserSchema", json!({"userSchema": content()})).with_answer(details()),
        old("CreateUserSchema", content()).with_answer(merged(old_details(), json!({"id": "$any"}))),
        new(
            "PatchUserSchema",
            json!({"id": "$schema_id", "userSchema": {"schema": {"title": "x"}}}),
        )
        .after(&create(), content())
        .with_answer(details()),
        old(
            "UpdateUserSchema",
            json!({"id": "$schema_id", "schema": {"title": "x"}}),
        )
        .after(&create(), content())
        .with_answer(old_details()),
        new("DeactivateUserSchema", id())
            .after(&create(), content())
            .with_answer(details()),
        old("DeactivateUserSchema", id())
            .after(&create(), content())
            .with_answer(old_details()),
        new("ReactivateUserSchema", id())
            .after(&create(), content())
            .after(&deactivate(), id())
            .with_answer(details()),
        old("ReactivateUserSchema", id())
            .after(&create(), content())
            .after(&deactivate(), id())
            .with_answer(old_details()),
        new("DeleteUserSchema", id())
            .after(&create(), content())
            .with_answer(details()),
        old("DeleteUserSchema", id())
            .after(&create(), content())
            .with_answer(old_details()),
        new("GetUserSchema", id())
            .after(&create(), content())
            .with_answer(read),
        old("GetUserSchemaByID", id())
            .after(&create(), content())
            .with_answer(old_read),
        new("SearchUserSchemas", json!({"filters": [by_type]}))
            .after(&create(), content())
            .with_answer(found),
        old("ListUserSchemas", json!({"queries": [by_type_old]}))
            .after(&create(), content())
            .with_answer(old_found),
    ]
}

/// An account elsewhere that is one's own in each scene.
pub(crate) fn link() -> Value {
    json!({"id": "$user", "authenticator": {"idpId": "$idp_id", "userId": "$email", "userName": "$name"}})
}

fn links() -> Vec<Twin> {
    let linked =
        json!([{"idpId": "$idp_id", "idpName": "Elsewhere", "userId": "$email", "username": "$name"}]);
    let add = || twin("AddIDPAuthenticator", "", link()).provided();
    vec![
        add().leaves(json!({"authenticators": {"identityProviders": linked}})),
        twin(
            "RemoveIDPAuthenticator",
            "",
            json!({"id": "$user", "idpId": "$idp_id"}),
        )
        .provided()
        .given("AddIDPAuthenticator", link())
        .leaves(json!({"authenticators": null})),
        twin("GetUser", "with an account elsewhere", json!({"id": "$user"}))
            .provided()
            .given("AddIDPAuthenticator", link())
            .leaves(json!({"authenticators": {"identityProviders": linked}})),
    ]
}

pub(crate) const ADMIN: &str = "zitadel.admin.v1.AdminService";

pub(crate) fn oidc_provider() -> Value {
    json!({"name": "Elsewhere", "issuer": "https://id.example.com", "clientId": "me", "clientSecret": "secret",
        "scopes": ["openid", "email"], "isIdTokenMapping": true, "usePkce": true,
        "providerOptions": {"isLinkingAllowed": true, "autoLinking": "AUTO_LINKING_OPTION_EMAIL"}})
}

pub(crate) fn oauth_provider() -> Value {
    json!({"name": "Elsewhere", "clientId": "me", "clientSecret": "secret",
        "authorizationEndpoint": "https://id.example.com/authorize?x=1", "tokenEndpoint": "https://id.example.com/token",
        "userEndpoint": "https://id.example.com/me", "scopes": ["email"], "idAttribute": "sub", "usePkce": true,
        "providerOptions": {"isCreationAllowed": true, "isAutoCreation": true, "isAutoUpdate": true}})
}

pub(crate) fn ldap_provider() -> Value {
    json!({"name": "Elsewhere", "servers": ["ldaps://ldap.example.com:636", "ldap://10.0.0.1"], "startTls": true,
        "baseDn": "dc=example,dc=com", "bindDn": "cn=admin", "bindPassword": "secret", "userBase": "dn",
        "userObjectClasses": ["inetOrgPerson"], "userFilters": ["uid", "mail"], "timeout": "2.500s",
        "attributes": {"idAttribute": "uid", "emailAttribute": "mail", "profileAttribute": "labeledURI"},
        "providerOptions": {"isLinkingAllowed": true, "autoLinking": "AUTO_LINKING_OPTION_USERNAME"}})
}

fn providers() -> Vec<Case> {
    let case = |method: &str, request: Value| Case {
        own: Own::Role,
        ..plain(&format!("{ADMIN}/{method}"), "", request)
    };
    let details = json!({"details": {"sequence": "$any", "creationDate": "$any", "changeDate": "$any", "resourceOwner": "$any"}});
    let add = |case: Case| case.after(&format!("{ADMIN}/AddGenericOIDCProvider"), oidc_provider());
    let id = || json!({"id": "$idp_id"});
    let shown = json!({"id": "$idp_id", "name": "Elsewhere", "type": "PROVIDER_TYPE_OIDC", "config": {"oidc": {"clientId": "me"}}});
    let mut cases = Vec::new();
    for (name, request) in [
        ("GenericOIDC", oidc_provider()),
        ("GenericOAuth", oauth_provider()),
        ("LDAP", ldap_provider()),
    ] {
        let added = merged(details.clone(), json!({"id": "$any"}));
        let change = merged(request.clone(), json!({"id": "$idp_id", "name": "Another"}));
        cases.push(case(&format!("Add{name}Provider"), request.clone()).with_answer(added));
        cases.push(
            case(&format!("Update{name}Provider"), change)
                .after(&format!("{ADMIN}/Add{name}Provider"), request)
                .with_answer(details.clone()),
        );
    }
    let by_id = json!({"queries": [{"idpIdQuery": {"id": "$idp_id"}}]});
    let found = json!({"details": {"totalResult": "1", "viewTimestamp": "$any"}, "result": [shown]});
    cases.extend([
        add(case("GetProviderByID", id())).with_answer(json!({"idp": shown})),
        add(case("ListProviders", by_id)).with_answer(found),
        add(case("DeleteProvider", id())).with_answer(details),
    ]);
    cases
}

pub(crate) const FEATURES: &str = "zitadel.feature.v2.FeatureService";

/// What leaves the API on, as other cases need it; switching it off is told in `feature`.
fn features() -> Vec<Case> {
    let details = json!({"details": {"sequence": "$any", "creationDate": "$any", "changeDate": "$any", "resourceOwner": "$any"}});
    let case = |method: &str, about: &'static str, request: Value, own: Own| {
        let case = plain(&format!("{FEATURES}/{method}"), about, request);
        Case { own, ..case }.with_answer(details.clone())
    };
    let get = |about, request| case("GetInstanceFeatures", about, request, Own::Allowed);
    let built_in = json!({"inheritance": true});
    vec![
        case("SetInstanceFeatures", "", json!({"userSchema": true}), Own::Role),
        case("ResetInstanceFeatures", "", json!({}), Own::Role),
        get("as they are set", json!({})),
        get("with what is built in", built_in)
            .with_answer(json!({"userSchema": {"enabled": true, "source": "$any"}})),
    ]
}

fn searches() -> Vec<Case> {
    let by_id = |name: &str| json!([{name: {"id": "$user"}}]);
    let details = json!({"totalResult": "1", "appliedLimit": "100", "timestamp": "$any"});
    let old_details = json!({"totalResult": "1", "timestamp": "$any"});
    vec![
        plain(&format!("{NEW}/SearchUsers"), "by id", json!({"filters": by_id("userIdFilter")})).with_answer(
            json!({"details": details, "result": [{"details": {"id": "$user"}, "state": "USER_STATE_ACTIVE"}]}),
        ),
        plain(&format!("{OLD}/ListUsers"), "by id", json!({"queries": by_id("userIdQuery")}))
            .with_answer(json!({"details": old_details, "result": [{"userId": "$user", "state": "USER_STATE_ACTIVE"}]})),
    ]
}

fn passwords() -> Vec<Twin> {
    let user = |more: Value| merged(json!({"id": "$user"}), more);
    let set = |new: Value| user(json!({"newPassword": new}));
    let has_one = json!({"authenticators": {"password": {"lastChanged": "$any"}}});
    let (phone, email) = (
        user(json!({"phone": {"number": "$phone", "isVerified": true}})),
        user(json!({"email": {"address": "$email", "isVerified": true}})),
    );
    let link = "https://localhost/password?user={{.UserID}}&code={{.Code}}";
    vec![
        twin("CreateUser", "with a password", json!({"organization": {"orgId": "$org"}, "user": {
            "userId": "$new_user", "authenticators": {"password": {"password": "$password", "changeRequired": true}}}}))
        .about("new_user")
        .leaves(has_one.clone()),
        twin("CreateUser", "with a hash", json!({"organization": {"orgId": "$org"}, "user": {
            "userId": "$new_user", "authenticators": {"password": {"hash": "$hash"}}}}))
        .about("new_user")
        .leaves(has_one.clone()),
        twin("SetPassword", "in the clear", set(json!({"password": "$password", "changeRequired": true})))
            .leaves(has_one.clone()),
        twin("SetPassword", "as a hash", set(json!({"hash": "$hash"}))).leaves(has_one.clone()),
        twin("SetPassword", "with a code", set(json!({"password": "$password", "verificationCode": "$code"})))
            .given("RequestPasswordReset", user(json!({"returnCode": {}})))
            .leaves(has_one),
        twin("RequestPasswordReset", "in the answer", user(json!({"returnCode": {}})))
            .answers(json!({"verificationCode": "$any"}))
            .leaves(json!({"authenticators": null})),
        twin("RequestPasswordReset", "by SMS", user(json!({"sendSms": {}})))
            .given("SetContactPhone", phone)
            .answers(json!({"verificationCode": null})),
        twin("RequestPasswordReset", "by e-mail", user(json!({"sendEmail": {"urlTemplate": link}})))
            .given("SetContactEmail", email.clone())
            .answers(json!({"verificationCode": null})),
        twin("RequestPasswordReset", "by default", user(json!({})))
            .given("SetContactEmail", email)
            .answers(json!({"verificationCode": null})),
    ]
}

/// Every case.
pub(crate) fn all() -> Vec<Case> {
    let twins = users()
        .into_iter()
        .chain(contacts())
        .chain(factors())
        .chain(usernames())
        .chain(totps())
        .chain(links())
        .chain(keys())
        .chain(passwords());
    twins
        .flat_map(Twin::both)
        .chain(mine())
        .chain(tokens())
        .chain(bulk())
        .chain(inbox())
        .chain(schemas())
        .chain(providers())
        .chain(searches())
        .chain(features())
        .collect()
}
