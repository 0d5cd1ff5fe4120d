//! Every documented error: its code and id in every form, its words in two languages, and that it changes nothing.

use domain::base::Span;
use futures_util::{StreamExt, stream};
use serde_json::{Value, json};

use super::{
    case::{
        ADMIN, BULK, FEATURES, NEW, OLD, ldap_provider, link, merged, oauth_provider, oidc_provider,
        old_request,
    },
    contract,
    scene::{Scene, Step},
    success::AT_ONCE,
    wire::{Call, Failure, Form},
    world::World,
};

/// A request that fails.
struct Fault {
    method: String,
    given: Vec<Step>,
    request: Value,
    code: u8,
    id: &'static str,
    /// Part of the English text.
    says: &'static str,
    /// Whether the failure itself is recorded.
    records: bool,
    token: Option<&'static str>,
}

const INVALID: u8 = 3;
const NOT_FOUND: u8 = 5;
const EXISTS: u8 = 6;
const DENIED: u8 = 7;
const LIMITED: u8 = 8;
const PRECONDITION: u8 = 9;

fn fault(method: &str, request: Value, code: u8, id: &'static str) -> Fault {
    Fault {
        method: method.to_owned(),
        given: Vec::new(),
        request,
        code,
        id,
        says: "",
        records: false,
        token: None,
    }
}

impl Fault {
    fn given(mut self, method: &str, request: Value) -> Self {
        let method = if method.contains('/') || method == "advance" {
            method.to_owned()
        } else {
            format!("{NEW}/{method}")
        };
        self.given.push((method, request));
        self
    }

    fn says(mut self, text: &'static str) -> Self {
        self.says = text;
        self
    }

    fn recorded(mut self) -> Self {
        self.records = true;
        self
    }

    fn by_itself(mut self) -> Self {
        self.token = Some("token");
        self
    }
}

/// The same in both generations.
fn both(name: &'static str, request: Value, code: u8, id: &'static str) -> [Fault; 2] {
    let old = match name {
        "PatchUser" => "UpdateUser",
        "ActivateUser" => "ReactivateUser",
        "GetUser" => "GetUserByID",
        same => same,
    };
    [
        fault(&format!("{OLD}/{old}"), old_request(&request), code, id),
        fault(&format!("{NEW}/{name}"), request, code, id),
    ]
}

fn me(name: &str, code: u8, id: &'static str) -> Fault {
    fault(&format!("AuthService/{name}"), json!({}), code, id)
}

fn phone(more: Value) -> Value {
    json!({"id": "$user", "phone": merged(json!({"number": "$phone"}), more)})
}

fn email(more: Value) -> Value {
    json!({"id": "$user", "email": merged(json!({"address": "$email"}), more)})
}

fn returned() -> Value {
    json!({"returnCode": {}})
}

fn vouched() -> Value {
    json!({"isVerified": true})
}

fn user() -> Value {
    json!({"id": "$user"})
}

fn lifecycle() -> Vec<Fault> {
    let new = |more: Value| json!({"organization": {"orgId": "$org"}, "user": merged(json!({"userId": "$new_user"}), more)});
    let patch = |more: Value| json!({"id": "$user", "user": more});
    let unknown_org = json!({"organization": {"orgId": "0"}, "user": {"userId": "$new_user"}});
    [
        both(
            "CreateUser",
            new(json!({"userId": "$user"})),
            EXISTS,
            "COMMAND-Nn8CRVlkeZ",
        ),
        both(
            "CreateUser",
            new(json!({"schemaId": "1"})),
            PRECONDITION,
            "COMMAND-N9QOuN4F7o",
        ),
        both(
            "CreateUser",
            new(json!({"authenticators": {"password": {"password": "short"}}})),
            INVALID,
            "DOMAIN-HuJf6",
        )
        .map(|fault| fault.says("authenticators.password.password")),
        both(
            "CreateUser",
            new(json!({"authenticators": {"password": {}}})),
            INVALID,
            "COMMAND-3klek4sbns",
        )
        .map(|fault| fault.says("authenticators.password")),
        both(
            "CreateUser",
            new(json!({"contact": {"phone": {"number": "+4179"}}})),
            INVALID,
            "PHONE-so0wa",
        ),
        both(
            "CreateUser",
            new(json!({"contact": {"email": {"address": "a@b..c"}}})),
            INVALID,
            "EMAIL-599BI",
        ),
        both("CreateUser", unknown_org, DENIED, "AUTH-Bs7Ds"),
        both(
            "PatchUser",
            patch(json!({"schemaId": "1"})),
            PRECONDITION,
            "COMMAND-VLDTtxT3If",
        ),
        both(
            "PatchUser",
            patch(json!({"contact": {"phone": {"number": "+4179"}}})),
            INVALID,
            "PHONE-so0wa",
        ),
        both(
            "PatchUser",
            json!({"id": "", "user": {}}),
            INVALID,
            "COMMAND-gEJR1QOGHb",
        ),
        both("DeactivateUser", user(), PRECONDITION, "COMMAND-Ob6lR5iFTe")
            .map(|f| f.given("DeactivateUser", user())),
        both("ActivateUser", user(), PRECONDITION, "COMMAND-rQjbBr4J3j"),
        both("LockUser", user(), PRECONDITION, "COMMAND-G4LOrnjY7q").map(|f| f.given("LockUser", user())),
        both("UnlockUser", user(), PRECONDITION, "COMMAND-gpBv46Lh9m"),
    ]
    .into_iter()
    .flatten()
    .chain([
        fault(
            &format!("{NEW}/CreateUser"),
            json!({"organization": {"orgId": "$org"}}),
            INVALID,
            "MERLON-w1Hz8DkQ",
        )
        .says("user"),
        fault(&format!("{NEW}/CreateUser"), json!({"user": {}}), INVALID, "")
            .says("CreateUserRequest.Organization: value is required"),
        fault(
            &format!("{NEW}/PatchUser"),
            json!({"id": "$user"}),
            INVALID,
            "MERLON-w1Hz8DkQ",
        )
        .says("user"),
    ])
    .collect()
}

fn link_of(idp: &str) -> Value {
    json!({"authenticator": {"idpId": idp, "userId": "1", "userName": "ada"}})
}

/// Ids that are none, by the operation that they are given to.
fn ids() -> Vec<Fault> {
    let odd = "a\u{1}b";
    let mut faults = Vec::new();
    for (name, request, id) in [
        ("PatchUser", json!({"user": {}}), "COMMAND-gEJR1QOGHb"),
        ("DeleteUser", json!({}), "COMMAND-Vs4wJCME7T"),
        ("LockUser", json!({}), "COMMAND-Eu8I2VAfjF"),
        ("UnlockUser", json!({}), "COMMAND-krXtYscQZh"),
        ("DeactivateUser", json!({}), "COMMAND-pjJhge86ZV"),
        ("ActivateUser", json!({}), "COMMAND-17XupGvxBJ"),
        ("GetUser", json!({}), "MERLON-e1Vm8XtG"),
        ("SetContactEmail", email(json!({})), "COMMAND-0oj2PquNGA"),
        (
            "VerifyContactEmail",
            json!({"verificationCode": "ABCDEF"}),
            "COMMAND-y3n4Sdu8j5",
        ),
        (
            "ResendContactEmailCode",
            json!({"sendCode": {}}),
            "COMMAND-KvPc5o9GeJ",
        ),
        ("SetContactPhone", phone(json!({})), "COMMAND-DkQ9aurv5u"),
        (
            "VerifyContactPhone",
            json!({"verificationCode": "123456"}),
            "COMMAND-R4LKY44Ke3",
        ),
        (
            "ResendContactPhoneCode",
            json!({"sendCode": {}}),
            "COMMAND-zmxIFR2nMo",
        ),
        ("AddOTPSMSAuthenticator", phone(json!({})), "COMMAND-QSF2s"),
        (
            "RemoveOTPSMSAuthenticator",
            json!({"otpSmsId": "1"}),
            "COMMAND-S3br2",
        ),
        (
            "VerifyOTPSMSRegistration",
            json!({"otpSmsId": "1", "code": "123456"}),
            "MERLON-e1Vm8XtG",
        ),
        ("AddOTPEmailAuthenticator", email(json!({})), "COMMAND-Sg1hz"),
        (
            "RemoveOTPEmailAuthenticator",
            json!({"otpEmailId": "1"}),
            "COMMAND-S2h11",
        ),
        (
            "VerifyOTPEmailRegistration",
            json!({"otpEmailId": "1", "code": "123456"}),
            "MERLON-e1Vm8XtG",
        ),
        (
            "AddUsername",
            json!({"username": {"username": "ada"}}),
            "COMMAND-aS3Vz5t6BS",
        ),
        ("RemoveUsername", json!({"usernameId": "1"}), "COMMAND-J6ybG5WZiy"),
        ("StartTOTPRegistration", json!({}), "MERLON-e1Vm8XtG"),
        (
            "VerifyTOTPRegistration",
            json!({"totpId": "1", "code": "123456"}),
            "COMMAND-8N9ds",
        ),
        ("RemoveTOTPAuthenticator", json!({"totpId": "1"}), "COMMAND-5M0sd"),
        ("AddIDPAuthenticator", link_of("1"), "MERLON-e1Vm8XtG"),
        ("RemoveIDPAuthenticator", json!({"idpId": "1"}), "MERLON-e1Vm8XtG"),
        (
            "SetPassword",
            json!({"newPassword": {"password": "$password"}}),
            "COMMAND-3M9fs",
        ),
        ("RequestPasswordReset", json!({"sendSms": {}}), "COMMAND-SAFdda"),
        (
            "StartWebAuthNRegistration",
            json!({"registration": {"domain": "localhost"}}),
            "COMMAND-3M0od",
        ),
        (
            "VerifyWebAuthNRegistration",
            json!({"webAuthNId": "1", "verify": {"publicKeyCredential": {"a": 1}, "webAuthNName": "k"}}),
            "MERLON-e1Vm8XtG",
        ),
        (
            "CreateWebAuthNRegistrationLink",
            json!({"returnCode": {}}),
            "MERLON-e1Vm8XtG",
        ),
        (
            "RemoveWebAuthNAuthenticator",
            json!({"webAuthNId": "1"}),
            "COMMAND-6M9de",
        ),
    ] {
        let request = merged(request, json!({"id": odd}));
        faults.extend(both(name, request, INVALID, id).map(|fault| fault.says("id is no id")));
    }
    faults
}

/// Values and links of phone and e-mail, for contact and factors alike.
fn destinations() -> Vec<Fault> {
    let mut faults = Vec::new();
    for name in ["SetContactPhone", "AddOTPSMSAuthenticator"] {
        for (number, id) in [
            ("0791234567", "PHONE-so0wa"),
            ("   ", "PHONE-Zt0NV"),
            ("+4179", "PHONE-so0wa"),
            ("+999123456789", "PHONE-so0wa"),
            ("+41 79 123\u{0}45", "PHONE-so0wa"),
            ("+41900123456", "MERLON-q9Rt5XaU"),
        ] {
            faults.extend(
                both(name, phone(json!({"number": number})), INVALID, id)
                    .map(|fault| fault.says("phone.number")),
            );
        }
        faults.extend(both(name, phone(vouched()), DENIED, "AUTH-AWfge").map(Fault::by_itself));
        faults.extend(both(name, phone(returned()), DENIED, "AUTH-AWfge").map(Fault::by_itself));
        faults.extend(
            both(name, user(), INVALID, "MERLON-w1Hz8DkQ").map(|fault| fault.says("phone is missing")),
        );
        faults.extend(
            both(name, phone(json!({"isVerified": false})), INVALID, "")
                .map(|f| f.says("IsVerified: value must equal true")),
        );
        faults.extend(
            both(name, phone(json!({"number": ""})), INVALID, "").map(|f| f.says("Number: value length")),
        );
    }
    let link = |template: &str| json!({"sendCode": {"urlTemplate": template}});
    for name in ["SetContactEmail", "AddOTPEmailAuthenticator"] {
        for (template, id) in [
            ("http://localhost/{{.Code", "DOMAIN-oGh5e"),
            ("http://localhost/{{printf .Code}}", "DOMAIN-oGh5e"),
            ("http://localhost/{{.Password}}", "DOMAIN-ieYa7"),
            ("https://evil.example/{{.Code}}", "MERLON-c4Mb7VnS"),
            ("https://localhost@evil.example/{{.Code}}", "MERLON-c4Mb7VnS"),
            ("https://localhost.evil.example/{{.Code}}", "MERLON-c4Mb7VnS"),
            ("javascript:alert({{.Code}})", "MERLON-c4Mb7VnS"),
            ("//localhost/{{.Code}}", "MERLON-c4Mb7VnS"),
            ("/{{.Code}}", "MERLON-c4Mb7VnS"),
        ] {
            faults.extend(
                both(name, email(link(template)), INVALID, id).map(|fault| fault.says("url_template")),
            );
        }
        // What the field rule lets through is refused by the parser.
        for (address, id) in [
            ("no address", "EMAIL-599BI"),
            ("", ""),
            ("ada@@example.com", "EMAIL-599BI"),
            ("ada@exa_mple.com", "EMAIL-599BI"),
            ("a b@example.com", "EMAIL-599BI"),
            ("a@example.com\r\nBcc: b@example.com", "EMAIL-599BI"),
            ("Ada <a@example.com>", "EMAIL-599BI"),
            ("a\u{0}@b.c", "EMAIL-599BI"),
        ] {
            faults.extend(both(name, email(json!({"address": address})), INVALID, id));
        }
        faults.extend(both(name, email(vouched()), DENIED, "AUTH-AWfge").map(Fault::by_itself));
        faults.extend(both(name, email(returned()), DENIED, "AUTH-AWfge").map(Fault::by_itself));
        faults.extend(
            both(name, user(), INVALID, "MERLON-w1Hz8DkQ").map(|fault| fault.says("email is missing")),
        );
        faults.extend(
            both(name, email(json!({"isVerified": false})), INVALID, "")
                .map(|f| f.says("IsVerified: value must equal true")),
        );
    }
    let resend = |template: &str| merged(user(), link(template));
    let pending = |fault: Fault| fault.given("SetContactEmail", email(returned()));
    faults.extend(
        both(
            "ResendContactEmailCode",
            resend("https://evil.example/{{.Code}}"),
            INVALID,
            "MERLON-c4Mb7VnS",
        )
        .map(pending),
    );
    faults.extend(
        both(
            "ResendContactEmailCode",
            resend("{{.Code"),
            INVALID,
            "DOMAIN-oGh5e",
        )
        .map(pending),
    );
    let foreign = merged(
        json!({"address": "$email"}),
        link("https://evil.example/{{.Code}}"),
    );
    let patch = json!({"id": "$user", "user": {"contact": {"email": foreign}}});
    faults.extend(both("PatchUser", patch, INVALID, "MERLON-c4Mb7VnS"));
    faults
}

/// Codes of contact and factors, and what is wrong with entering or renewing them.
fn codes() -> Vec<Fault> {
    let mut faults = Vec::new();
    for (set, verify, resend, request, wrong, empty) in [
        (
            "SetContactPhone",
            "VerifyContactPhone",
            "ResendContactPhoneCode",
            phone(returned()),
            "000000",
            "COMMAND-fEsHdqECzb",
        ),
        (
            "SetContactEmail",
            "VerifyContactEmail",
            "ResendContactEmailCode",
            email(returned()),
            "AAAAAA",
            "COMMAND-QRkNTBwF8q",
        ),
    ] {
        let enter = |code: &str| json!({"id": "$user", "verificationCode": code});
        let set_it = |fault: Fault| fault.given(set, request.clone());
        let mut verified = request.clone();
        for field in ["phone", "email"] {
            if let Some(fields) = verified[field].as_object_mut() {
                fields.remove("returnCode");
                fields.insert("isVerified".to_owned(), true.into());
            }
        }
        verified
            .as_object_mut()
            .expect("a message")
            .retain(|_, value| !value.is_null());
        faults.extend(
            both(verify, enter(wrong), INVALID, "CODE-woT0xc")
                .map(set_it)
                .map(Fault::recorded),
        );
        faults.extend(both(verify, enter("1"), INVALID, "CODE-woT0xc").map(set_it));
        faults.extend(both(verify, enter("12345678901234567890"), INVALID, "CODE-woT0xc").map(set_it));
        faults.extend(both(verify, enter(""), INVALID, "").map(set_it));
        faults.extend(
            both(verify, enter("$code"), PRECONDITION, "CODE-QvUQ4P")
                .map(set_it)
                .map(|f| f.given("advance", json!(3600))),
        );
        faults.extend(
            both(verify, enter("$code"), PRECONDITION, "MERLON-x8Vd1PgN")
                .map(set_it)
                .map(|mut fault| {
                    for _ in 0..5 {
                        fault = fault.given(&format!("wrong:{NEW}/{verify}"), enter(wrong));
                    }
                    fault
                }),
        );
        faults.extend(both(verify, enter(wrong), PRECONDITION, "MERLON-g9Dw3SkV"));
        faults.extend(both(resend, user(), PRECONDITION, empty));
        faults.extend(
            both(resend, user(), PRECONDITION, empty).map(|fault| fault.given(set, verified.clone())),
        );
        faults.extend(
            both(resend, merged(user(), returned()), DENIED, "AUTH-AWfge")
                .map(set_it)
                .map(Fault::by_itself),
        );
    }
    faults
}

fn factors() -> Vec<Fault> {
    let mut faults = Vec::new();
    for (kind, request, id, known, wrong, exists, missing) in [
        (
            "OTPSMS",
            phone(json!({})),
            "otpSmsId",
            "$otp_sms_id",
            "000000",
            "COMMAND-Ad3g2",
            "COMMAND-Sr3h3",
        ),
        (
            "OTPEmail",
            email(json!({})),
            "otpEmailId",
            "$otp_email_id",
            "AAAAAA",
            "COMMAND-MKL2s",
            "COMMAND-b312D",
        ),
    ] {
        let name = |verb: &str, noun: &str| -> &'static str { format!("{verb}{kind}{noun}").leak() };
        let (add, verify, remove) = (
            name("Add", "Authenticator"),
            name("Verify", "Registration"),
            name("Remove", "Authenticator"),
        );
        let field = if kind == "OTPSMS" { "phone" } else { "email" };
        let adding = |more: Value| {
            let mut request = request.clone();
            request[field] = merged(request[field].clone(), more);
            request
        };
        let enter = |code: &str| json!({"id": "$user", id: known, "code": code});
        let pending = |fault: Fault| fault.given(add, adding(returned()));
        let ready = |fault: Fault| fault.given(add, adding(vouched()));
        for more in [json!({}), returned(), vouched()] {
            faults.extend(both(add, adding(more), EXISTS, exists).map(ready));
        }
        faults.extend(
            both(verify, enter(wrong), INVALID, "CODE-woT0xc")
                .map(pending)
                .map(Fault::recorded),
        );
        faults.extend(both(verify, enter("12345"), INVALID, "CODE-woT0xc").map(pending));
        faults.extend(both(verify, enter(&"1".repeat(200)), INVALID, "CODE-woT0xc").map(pending));
        faults.extend(
            both(verify, enter(&"1".repeat(201)), INVALID, "")
                .map(pending)
                .map(|f| f.says("Code: value length")),
        );
        faults.extend(
            both(verify, enter("$code"), PRECONDITION, "CODE-QvUQ4P")
                .map(pending)
                .map(|f| f.given("advance", json!(3600))),
        );
        faults.extend(
            both(verify, enter("$code"), PRECONDITION, "MERLON-x8Vd1PgN")
                .map(pending)
                .map(|mut fault| {
                    for _ in 0..5 {
                        fault = fault.given(&format!("wrong:{NEW}/{verify}"), enter(wrong));
                    }
                    fault
                }),
        );
        faults.extend(both(verify, enter(wrong), PRECONDITION, "MERLON-y4Px7QcN").map(ready));
        let nobody = |code: bool| {
            let request = json!({"id": "$user", id: "$missing"});
            if code {
                merged(request, json!({"code": "123456"}))
            } else {
                request
            }
        };
        faults.extend(both(verify, nobody(true), NOT_FOUND, missing));
        faults.extend(both(remove, nobody(false), NOT_FOUND, missing));
        faults.extend(
            both(remove, merged(user(), json!({id: known})), NOT_FOUND, missing)
                .map(pending)
                .map(|fault| fault.given(remove, merged(user(), json!({id: known})))),
        );
    }
    faults
}

/// Usernames: taken, unknown, or no name at all.
fn names() -> Vec<Fault> {
    let add = |name: &str| json!({"id": "$user", "username": {"username": name}});
    let remove = |id: &str| json!({"id": "$user", "usernameId": id});
    let taken = both("AddUsername", add("$name"), EXISTS, "V3-DKcYh");
    let mut faults = Vec::from(taken.map(|fault| fault.given("AddUsername", add("$name")).says("taken")));
    let new = json!({"organization": {"orgId": "$org"}, "user": {
        "userId": "$new_user", "authenticators": {"usernames": [{"username": "$name"}]}}});
    let created = both("CreateUser", new, EXISTS, "V3-DKcYh");
    faults.extend(created.map(|fault| fault.given("AddUsername", add("$name"))));
    for (name, id) in [
        (" ", "MERLON-i6Bq3YwE"),
        ("a b", "MERLON-o5Pk8FsU"),
        ("p\u{430}ypal", "MERLON-B3vJ6nHt"),
    ] {
        let fault = both("AddUsername", add(name), INVALID, id);
        faults.extend(fault.map(|fault| fault.says("username.username: ")));
    }
    let long = both(
        "AddUsername",
        add(&"\u{fdfa}".repeat(20)),
        INVALID,
        "MERLON-l9Xc4DzM",
    );
    faults.extend(long);
    faults.extend(both("AddUsername", user(), INVALID, "MERLON-w1Hz8DkQ"));
    let unknown = "COMMAND-uEii8L6Awp";
    faults.extend(both("RemoveUsername", remove("$missing"), NOT_FOUND, unknown));
    let gone = both("RemoveUsername", remove("$username_id"), NOT_FOUND, unknown);
    faults.extend(gone.map(|fault| {
        fault
            .given("AddUsername", add("$name"))
            .given("RemoveUsername", remove("$username_id"))
    }));
    faults
}

/// Authenticator apps: unknown, completed already, too late, or with another code.
fn apps() -> Vec<Fault> {
    let of = |more: Value| merged(user(), more);
    let enter = |code: &str| of(json!({"totpId": "$totp_id", "code": code}));
    let started = |fault: Fault| fault.given("StartTOTPRegistration", user());
    let (verify, remove) = ("VerifyTOTPRegistration", "RemoveTOTPAuthenticator");
    let mut faults = Vec::new();
    let wrong = both(verify, enter("000000"), INVALID, "EVENT-8isk2");
    faults.extend(wrong.map(started).map(Fault::recorded));
    for typo in ["00000a", "0000000"] {
        faults.extend(both(verify, enter(typo), INVALID, "EVENT-8isk2").map(started));
    }
    let done = both(verify, enter("$totp_code"), PRECONDITION, "COMMAND-qx4ls");
    faults.extend(
        done.map(started)
            .map(|fault| fault.given(verify, enter("$totp_code"))),
    );
    let late = both(verify, enter("$totp_code"), PRECONDITION, "MERLON-C7wR2mKe");
    faults.extend(late.map(started).map(|fault| fault.given("advance", json!(3600))));
    let unknown = of(json!({"totpId": "$missing", "code": "000000"}));
    faults.extend(both(verify, unknown, NOT_FOUND, "COMMAND-3Mif9s"));
    let missing = of(json!({"totpId": "$missing"}));
    faults.extend(both(remove, missing, NOT_FOUND, "COMMAND-Hd9sd"));
    let full = both("StartTOTPRegistration", user(), PRECONDITION, "MERLON-nJ4c8RqW");
    faults.extend(full.map(|fault| (0..10).fold(fault, |fault, _| started(fault))));
    faults
}

/// Starting the registration of a passkey: where it may not be used, a list that is full, and links.
fn key_starts() -> Vec<Fault> {
    let start = |more: Value| {
        merged(
            user(),
            json!({"registration": merged(json!({"domain": "localhost"}), more)}),
        )
    };
    let verify = || {
        merged(
            user(),
            json!({"webAuthNId": "$web_auth_n_id",
            "verify": {"publicKeyCredential": "$$credential", "webAuthNName": "my key"}}),
        )
    };
    let name = "StartWebAuthNRegistration";
    let mut faults = vec![fault(
        &format!("{NEW}/{name}"),
        user(),
        INVALID,
        "MERLON-w1Hz8DkQ",
    )];
    for domain in [
        "example.org",
        "com",
        "127.0.0.1",
        "localhost.",
        "http://localhost",
    ] {
        let foreign = both(name, start(json!({"domain": domain})), INVALID, "MERLON-G6pX9cWd");
        faults.extend(foreign.map(|fault| fault.says("domain is no domain")));
    }
    let full = both(name, start(json!({})), PRECONDITION, "MERLON-nJ4c8RqW");
    faults.extend(full.map(|fault| {
        (0..10).fold(fault, |fault, _| {
            let fault = fault.given(name, start(json!({})));
            fault.given("VerifyWebAuthNRegistration", verify())
        })
    }));
    let by = |code: &str| start(json!({"code": {"id": "$link_id", "code": code}}));
    let linked = |fault: Fault| fault.given("CreateWebAuthNRegistrationLink", merged(user(), returned()));
    let wrong = both(name, by("AAAA-AAAA-AAAA"), INVALID, "COMMAND-Eeb2a");
    faults.extend(wrong.map(linked).map(Fault::recorded));
    faults.extend(both(name, by("AAAA"), INVALID, "COMMAND-Eeb2a").map(linked));
    let late = both(name, by("$link_code"), PRECONDITION, "CODE-QvUQ4P");
    faults.extend(late.map(linked).map(|fault| fault.given("advance", json!(3600))));
    let spent = both(name, by("$link_code"), PRECONDITION, "MERLON-x8Vd1PgN");
    faults.extend(spent.map(linked).map(|fault| {
        let miss = |fault: Fault, _| fault.given(&format!("wrong:{NEW}/{name}"), by("AAAAAAAAAAAA"));
        (0..3).fold(fault, miss)
    }));
    let used = both(name, by("$link_code"), INVALID, "COMMAND-Dhz8i");
    faults.extend(used.map(linked).map(|fault| fault.given(name, by("$link_code"))));
    faults
}

/// Completing the registration of a passkey, and removing it: unknown, completed already, too late, or with an answer that
/// does not hold.
fn key_answers() -> Vec<Fault> {
    let named = |answer: Value, key_name: &str| {
        merged(
            user(),
            json!({"webAuthNId": "$web_auth_n_id",
            "verify": {"publicKeyCredential": answer, "webAuthNName": key_name}}),
        )
    };
    let with = |answer: Value| named(answer, "my key");
    let right = || with(json!("$$credential"));
    let start = || merged(user(), json!({"registration": {"domain": "localhost"}}));
    let started = |fault: Fault| fault.given("StartWebAuthNRegistration", start());
    let (verify, remove) = ("VerifyWebAuthNRegistration", "RemoveWebAuthNAuthenticator");
    let mut faults = vec![fault(
        &format!("{NEW}/{verify}"),
        merged(user(), json!({"webAuthNId": "1"})),
        INVALID,
        "MERLON-w1Hz8DkQ",
    )];
    let done = both(verify, right(), PRECONDITION, "MERLON-D8kV3wNq");
    faults.extend(done.map(started).map(|fault| fault.given(verify, right())));
    let late = both(verify, right(), PRECONDITION, "MERLON-C7wR2mKe");
    faults.extend(late.map(started).map(|fault| fault.given("advance", json!(300))));
    let same = both(
        verify,
        with(json!("$$same_credential")),
        EXISTS,
        "MERLON-E4nB7xRt",
    );
    faults.extend(same.map(|fault| started(started(fault).given(verify, right()))));
    let other = both(verify, with(json!("$$first_credential")), INVALID, "WEBAU-3Vb9s");
    faults.extend(other.map(|fault| started(started(fault)).says("another challenge")));
    for junk in [
        json!({"a": 1}),
        json!({"id": "AAAA", "type": "public-key", "response": {}}),
    ] {
        let junk = both(verify, with(junk), INVALID, "WEBAU-sEr8c");
        faults.extend(junk.map(|fault| started(fault).says("public_key_credential.")));
    }
    for bad in ["  ", "a\u{7}b"] {
        let bad = both(
            verify,
            named(json!("$$credential"), bad),
            INVALID,
            "MERLON-H3rZ5vJf",
        );
        faults.extend(bad.map(|fault| started(fault).says("web_auth_n_name is no name")));
    }
    let long = both(verify, named(json!({"a": 1}), &"k".repeat(201)), INVALID, "");
    faults.extend(long.map(|fault| started(fault).says("WebAuthNName: value length")));
    let missing = |more: Value| merged(user(), merged(json!({"webAuthNId": "$missing"}), more));
    let answer = json!({"verify": {"publicKeyCredential": {"a": 1}, "webAuthNName": "my key"}});
    faults.extend(both(verify, missing(answer), NOT_FOUND, "COMMAND-DAfb2"));
    faults.extend(both(remove, missing(json!({})), NOT_FOUND, "COMMAND-DAfb2"));
    faults
}

/// Links that register a passkey: to nobody's address, to a foreign host, to oneself.
fn key_links() -> Vec<Fault> {
    let name = "CreateWebAuthNRegistrationLink";
    let send = |template: &str| merged(user(), json!({"sendLink": {"urlTemplate": template}}));
    let mut faults = Vec::from(both(name, user(), PRECONDITION, "MERLON-F5mT2yQk"));
    let unverified = both(name, user(), PRECONDITION, "MERLON-F5mT2yQk");
    faults.extend(unverified.map(|fault| fault.given("SetContactEmail", email(json!({})))));
    let own = both(name, merged(user(), returned()), DENIED, "AUTH-AWfge");
    faults.extend(own.map(Fault::by_itself));
    for (template, id) in [
        ("http://localhost/{{.Code", "DOMAIN-oGh5e"),
        ("http://localhost/{{.FactorID}}", "DOMAIN-ieYa7"),
        ("https://evil.example/{{.Code}}", "MERLON-c4Mb7VnS"),
    ] {
        faults.extend(both(name, send(template), INVALID, id));
    }
    faults
}

/// Passwords: rules for new ones, proofs, and codes of resets.
fn passwords() -> Vec<Fault> {
    let set = "SetPassword";
    let new = |more: Value| merged(user(), json!({"newPassword": more}));
    let with = |proof: Value| new(merged(json!({"password": "$password"}), proof));
    let current = |text: &str| with(json!({"currentPassword": text}));
    let code = |text: &str| with(json!({"verificationCode": text}));
    let has_one = |fault: Fault| fault.given(set, with(json!({})));
    let requested = |fault: Fault| fault.given("RequestPasswordReset", merged(user(), returned()));
    let mut faults = Vec::new();
    for (request, id, says) in [
        (user(), "MERLON-w1Hz8DkQ", "new_password"),
        (new(json!({})), "COMMAND-3klek4sbns", "new_password"),
        (new(json!({"password": ""})), "", "Password: value length"),
        (
            new(json!({"password": "x".repeat(1025)})),
            "",
            "Password: value length",
        ),
        (new(json!({"password": "sieben7"})), "DOMAIN-HuJf6", "at least 8"),
        (
            new(json!({"password": "password"})),
            "MERLON-J3cV6nMx",
            "new_password.password",
        ),
        (
            new(json!({"hash": "plain"})),
            "COMMAND-oz74onzvqr",
            "new_password.hash",
        ),
        (new(json!({"hash": "a".repeat(1025)})), "", "Hash: value length"),
        (current(""), "", "CurrentPassword: value length"),
        (code(""), "", "VerificationCode: value length"),
    ] {
        faults.extend(both(set, request, INVALID, id).map(|fault| fault.says(says)));
    }
    let dear = new(json!({"hash": "$dear_hash"}));
    faults.extend(both(set, dear, INVALID, "MERLON-K7fB4tSq").map(|fault| fault.says("new_password.hash")));
    for (request, says) in [
        (with(json!({})), "with your current one or with the code"),
        (
            new(json!({"hash": "$hash", "currentPassword": "$password"})),
            "as a hash",
        ),
    ] {
        let denied = both(set, request, DENIED, "AUTH-AWfge").map(Fault::by_itself);
        faults.extend(denied.map(has_one).map(|fault| fault.says(says)));
    }
    let of_another = both(set, current("$password"), DENIED, "AUTH-AWfge").map(has_one);
    faults.extend(of_another.map(|fault| fault.says("its owner only")));
    let none = both(set, current("$password"), PRECONDITION, "COMMAND-Fds3s");
    faults.extend(none.map(Fault::by_itself));
    let wrong = both(set, current("another one"), INVALID, "COMMAND-3M0fs").map(has_one);
    faults.extend(wrong.map(Fault::by_itself).map(Fault::recorded));
    faults.extend(both(set, code("AAAAAAAA"), PRECONDITION, "COMMAND-2M9fs"));
    let wrong = both(set, code("AAAAAAAA"), INVALID, "CODE-woT0xc").map(requested);
    faults.extend(wrong.map(Fault::recorded));
    faults.extend(both(set, code("A"), INVALID, "CODE-woT0xc").map(requested));
    let late = both(set, code("$code"), PRECONDITION, "CODE-QvUQ4P").map(requested);
    faults.extend(late.map(|fault| fault.given("advance", json!(3600))));
    let spent = both(set, code("$code"), PRECONDITION, "MERLON-x8Vd1PgN").map(requested);
    faults.extend(spent.map(|fault| {
        (0..5).fold(fault, |fault, _| {
            fault.given(&format!("wrong:{NEW}/{set}"), code("AAAAAAAA"))
        })
    }));
    faults.extend(resets());
    faults
}

fn resets() -> Vec<Fault> {
    let reset = |more: Value| merged(user(), more);
    let name = "RequestPasswordReset";
    let mut faults = Vec::new();
    let own = both(name, reset(returned()), DENIED, "AUTH-AWfge");
    faults.extend(own.map(Fault::by_itself));
    for (request, id) in [
        (reset(json!({})), "MERLON-L6hX9gWd"),
        (reset(json!({"sendEmail": {}})), "MERLON-L6hX9gWd"),
        (reset(json!({"sendSms": {}})), "MERLON-M2vS5jKn"),
    ] {
        let unverified = both(name, request.clone(), PRECONDITION, id);
        faults.extend(both(name, request, PRECONDITION, id));
        faults.extend(unverified.map(|fault| {
            fault
                .given("SetContactEmail", email(returned()))
                .given("SetContactPhone", phone(returned()))
        }));
    }
    for (template, id) in [
        ("http://localhost/{{.Code", "DOMAIN-oGh5e"),
        ("http://localhost/{{.FactorID}}", "DOMAIN-ieYa7"),
        ("https://evil.example/{{.Code}}", "MERLON-c4Mb7VnS"),
    ] {
        let request = reset(json!({"sendEmail": {"urlTemplate": template}}));
        faults.extend(both(name, request, INVALID, id).map(|fault| fault.says("url_template")));
    }
    faults
}

fn mine() -> Vec<Fault> {
    let mut faults = Vec::new();
    for (kind, set, request, wrong, ids) in [
        (
            "Phone",
            "SetContactPhone",
            phone(json!({})),
            "000000",
            ["COMMAND-sM0cs", "COMMAND-Rsj8c", "COMMAND-2b7Hf", "COMMAND-2M9sf"],
        ),
        (
            "Email",
            "SetContactEmail",
            email(json!({})),
            "AAAAAA",
            [
                "COMMAND-Gdsgs",
                "COMMAND-3n8ud",
                "MERLON-r6Jb5HdY",
                "COMMAND-3M9ds",
            ],
        ),
    ] {
        let [bad, none, missing, verified] = ids;
        let field = kind.to_lowercase();
        let setting = |more: Value| {
            let mut request = request.clone();
            request[&field] = merged(request[&field].clone(), more);
            request
        };
        let verify = |code: &str, wire: u8, id| {
            let mut fault = me(&format!("VerifyMy{kind}"), wire, id);
            fault.request = json!({"code": code});
            fault
        };
        let resend = |wire, id| me(&format!("ResendMy{kind}Verification"), wire, id);
        faults.extend([
            verify(wrong, INVALID, bad)
                .given(set, setting(returned()))
                .recorded(),
            verify("123", INVALID, bad).given(set, setting(returned())),
            verify("$code", INVALID, bad)
                .given(set, setting(returned()))
                .given("advance", json!(3600)),
            verify(wrong, PRECONDITION, none),
            resend(NOT_FOUND, missing),
            resend(PRECONDITION, verified).given(set, setting(vouched())),
        ]);
    }
    let with = |mut fault: Fault, request: Value| {
        fault.request = request;
        fault
    };
    let (sms, mail) = ("SetContactPhone", "SetContactEmail");
    faults.extend([
        me("RemoveMyPhone", NOT_FOUND, "COMMAND-p6rsc"),
        with(me("SetMyPhone", INVALID, ""), json!({"phone": "0791234567"})),
        with(
            me("SetMyPhone", INVALID, "PHONE-so0wa"),
            json!({"phone": "+4179"}),
        )
        .says("phone: "),
        with(
            me("SetMyEmail", INVALID, "EMAIL-599BI"),
            json!({"email": "no address"}),
        )
        .says("email: "),
        me("AddMyAuthFactorOTPSMS", PRECONDITION, "COMMAND-Q54j2"),
        me("AddMyAuthFactorOTPSMS", PRECONDITION, "COMMAND-Q54j2").given(sms, phone(returned())),
        me("AddMyAuthFactorOTPSMS", EXISTS, "COMMAND-Ad3g2")
            .given(sms, phone(vouched()))
            .given("AuthService/AddMyAuthFactorOTPSMS", json!({})),
        me("RemoveMyAuthFactorOTPSMS", NOT_FOUND, "COMMAND-Sr3h3"),
        me("AddMyAuthFactorOTPEmail", PRECONDITION, "COMMAND-KLJ2d"),
        me("AddMyAuthFactorOTPEmail", EXISTS, "COMMAND-MKL2s")
            .given(mail, email(vouched()))
            .given("AuthService/AddMyAuthFactorOTPEmail", json!({})),
        me("RemoveMyAuthFactorOTPEmail", NOT_FOUND, "COMMAND-b312D"),
    ]);
    faults
}

fn others() -> Vec<Fault> {
    let token = |name: &str, request: Value, code, id| {
        fault(&format!("zitadel.user.v2.UserService/{name}"), request, code, id)
    };
    vec![
        token(
            "AddPersonalAccessToken",
            json!({"userId": "$user", "expirationDate": "2025-12-31T23:59:59Z"}),
            INVALID,
            "DOMAIN-dv3t5",
        ),
        token("AddPersonalAccessToken", json!({"userId": "$user"}), INVALID, "")
            .says("ExpirationDate: value is required"),
        token(
            "RemovePersonalAccessToken",
            json!({"userId": "$user", "tokenId": "1"}),
            NOT_FOUND,
            "COMMAND-4m77G",
        ),
        token(
            "ListPersonalAccessTokens",
            json!({"pagination": {"limit": 1001}}),
            INVALID,
            "QUERY-4M0fs",
        ),
        token(
            "ListPersonalAccessTokens",
            json!({"filters": [{"createdDateFilter": {"method": "TIMESTAMP_FILTER_METHOD_BEFORE"}}]}),
            INVALID,
            "MERLON-w1Hz8DkQ",
        )
        .says("timestamp is missing"),
        fault(BULK, json!({"users": [{}]}), INVALID, "").says("Organization: value is required"),
        fault(BULK, json!({"organization": {"orgId": "$org"}}), INVALID, "").says("between 1 and 100 items"),
        fault(
            BULK,
            json!({"organization": {"orgId": "$org"}, "users": vec![json!({}); 101]}),
            INVALID,
            "",
        )
        .says("between 1 and 100 items"),
        fault(
            BULK,
            json!({"organization": {"orgId": "$org"}, "users": [{}, {"userId": ""}]}),
            INVALID,
            "",
        )
        .says("Users[1]"),
        fault(
            BULK,
            json!({"organization": {"orgId": "$missing"}, "users": [{}]}),
            DENIED,
            "AUTH-Bs7Ds",
        ),
        fault(
            "InboxService/DeleteMessage",
            json!({"id": "1"}),
            NOT_FOUND,
            "MERLON-a5Nv2TgK",
        ),
        fault(
            "InboxService/ListMessages",
            json!({"pageSize": 1001}),
            INVALID,
            "",
        ),
        fault(
            "InboxService/ListMessages",
            json!({"pageToken": "not-a-cursor"}),
            INVALID,
            "MERLON-w4Gk7TzE",
        )
        .says("page_token"),
        fault(
            "InboxService/ListMessages",
            json!({"afterId": "-1"}),
            INVALID,
            "MERLON-w4Gk7TzE",
        )
        .says("after_id"),
        fault(
            "InboxService/WaitForMessage",
            json!({"recipient": "$phone", "afterId": "99999999999999999999"}),
            INVALID,
            "MERLON-w4Gk7TzE",
        )
        .says("after_id"),
        fault(
            "InboxService/WaitForMessage",
            json!({"recipient": "$phone", "timeout": "61s"}),
            INVALID,
            "",
        ),
        fault(
            "InboxService/WaitForMessage",
            json!({"timeout": "1s"}),
            INVALID,
            "",
        ),
    ]
}

/// Accounts elsewhere: linked already, nowhere, of no provider, or of nobody.
fn links() -> Vec<Fault> {
    let (add, remove) = ("AddIDPAuthenticator", "RemoveIDPAuthenticator");
    let provided = |fault: Fault| fault.given(&format!("{ADMIN}/AddGenericOIDCProvider"), oidc_provider());
    let linked = |fault: Fault| provided(fault).given(add, link());
    let with = |more: Value| {
        let mut request = link();
        request["authenticator"] = merged(request["authenticator"].clone(), more);
        request
    };
    let of = || json!({"id": "$user", "idpId": "$idp_id"});
    let mut faults = Vec::from(both(add, link(), EXISTS, "V3-DKcYh").map(linked));
    let own = both(add, link(), DENIED, "AUTH-AWfge").map(|fault| fault.says("your own"));
    faults.extend(own.map(provided).map(Fault::by_itself));
    faults.extend(both(
        add,
        with(json!({"idpId": "$missing"})),
        NOT_FOUND,
        "MERLON-k6Lw9GqH",
    ));
    let removed = both(add, link(), NOT_FOUND, "MERLON-k6Lw9GqH").map(provided);
    faults.extend(
        removed.map(|fault| fault.given(&format!("{ADMIN}/DeleteProvider"), json!({"id": "$idp_id"}))),
    );
    for odd in [json!({"userId": "a\u{1}"}), json!({"userName": "a\u{0}b"})] {
        let fault = both(add, with(odd), INVALID, "MERLON-m7Bt5XcR");
        faults.extend(fault.map(provided).map(|fault| fault.says("authenticator")));
    }
    let idp = both(add, with(json!({"idpId": "a\u{1}"})), INVALID, "MERLON-e1Vm8XtG");
    faults.extend(idp.map(|fault| fault.says("idp_id")));
    faults.extend(both(add, with(json!({"userId": ""})), INVALID, "").map(provided));
    faults.extend(both(add, with(json!({"userName": "x".repeat(201)})), INVALID, "").map(provided));
    faults.extend(both(add, json!({"id": "$user"}), INVALID, "MERLON-w1Hz8DkQ"));
    faults.extend(both(remove, of(), NOT_FOUND, "COMMAND-1M9xR").map(provided));
    let twice = both(remove, of(), NOT_FOUND, "COMMAND-1M9xR").map(linked);
    faults.extend(twice.map(|fault| fault.given(remove, of())));
    faults
}

/// Settings of identity providers that are none, and providers that are not there.
fn providers() -> Vec<Fault> {
    let of = |name: &str, request: Value, code, id| fault(&format!("{ADMIN}/{name}"), request, code, id);
    let unknown = "MERLON-k6Lw9GqH";
    let mut faults = vec![
        of(
            "GetProviderByID",
            json!({"id": "$missing"}),
            NOT_FOUND,
            "QUERY-SAFrt",
        ),
        of("DeleteProvider", json!({"id": "$missing"}), NOT_FOUND, unknown),
        of(
            "DeleteProvider",
            json!({"id": "a\u{1}b"}),
            INVALID,
            "MERLON-e1Vm8XtG",
        ),
        of(
            "ListProviders",
            json!({"query": {"limit": 1001}}),
            INVALID,
            "QUERY-4M0fs",
        ),
        of("ListProviders", json!({"queries": [{}]}), INVALID, "SCHEMA-vR9nC"),
    ];
    for (name, request) in [
        ("GenericOIDC", oidc_provider()),
        ("GenericOAuth", oauth_provider()),
        ("LDAP", ldap_provider()),
    ] {
        let update = format!("Update{name}Provider");
        let missing = merged(request.clone(), json!({"id": "$missing"}));
        faults.push(of(&update, missing, NOT_FOUND, unknown));
        let (other, settings) = if name == "LDAP" {
            ("GenericOIDC", oidc_provider())
        } else {
            ("LDAP", ldap_provider())
        };
        let elsewhere = merged(request, json!({"id": "$idp_id"}));
        let kind = of(&update, elsewhere, NOT_FOUND, unknown);
        faults.push(kind.given(&format!("{ADMIN}/Add{other}Provider"), settings));
    }
    let wrong = [
        (
            "GenericOIDC",
            oidc_provider(),
            json!({"name": " "}),
            "name",
            "MERLON-c6Hq9RzV",
        ),
        (
            "GenericOIDC",
            oidc_provider(),
            json!({"clientId": "a\u{0}"}),
            "client_id",
            "MERLON-c6Hq9RzV",
        ),
        (
            "GenericOIDC",
            oidc_provider(),
            json!({"issuer": "https://a.example/?b"}),
            "issuer",
            "MERLON-e9Tb2PwJ",
        ),
        (
            "GenericOIDC",
            oidc_provider(),
            json!({"scopes": ["a b"]}),
            "scopes",
            "MERLON-g3Kd8VhQ",
        ),
        (
            "GenericOAuth",
            oauth_provider(),
            json!({"tokenEndpoint": "a.example/token"}),
            "token_endpoint",
            "MERLON-d4Fs7YkM",
        ),
        (
            "GenericOAuth",
            oauth_provider(),
            json!({"userEndpoint": "file:///etc"}),
            "user_endpoint",
            "MERLON-d4Fs7YkM",
        ),
        (
            "GenericOAuth",
            oauth_provider(),
            json!({"authorizationEndpoint": "https://a@b.example"}),
            "authorization_endpoint",
            "MERLON-d4Fs7YkM",
        ),
        (
            "LDAP",
            ldap_provider(),
            json!({"servers": ["ldap://a.example/dc=x"]}),
            "servers",
            "MERLON-f7Xn5CgL",
        ),
        (
            "LDAP",
            ldap_provider(),
            json!({"userFilters": ["uid)(cn=*"]}),
            "user_filters",
            "MERLON-h5Rm4BxT",
        ),
        (
            "LDAP",
            ldap_provider(),
            json!({"userObjectClasses": ["a b"]}),
            "user_object_classes",
            "MERLON-h5Rm4BxT",
        ),
        (
            "LDAP",
            ldap_provider(),
            json!({"attributes": {"emailAttribute": "mail"}}),
            "attributes.id_attribute",
            "MERLON-h5Rm4BxT",
        ),
        (
            "LDAP",
            ldap_provider(),
            json!({"attributes": {"idAttribute": "uid", "emailAttribute": "*"}}),
            "attributes",
            "MERLON-h5Rm4BxT",
        ),
        (
            "LDAP",
            ldap_provider(),
            json!({"timeout": "61s"}),
            "timeout",
            "MERLON-i2Zc6NsW",
        ),
        (
            "LDAP",
            ldap_provider(),
            json!({"timeout": "-1s"}),
            "timeout",
            "MERLON-i2Zc6NsW",
        ),
        (
            "LDAP",
            ldap_provider(),
            json!({"rootCa": "bm90IGEgY2VydGlmaWNhdGU="}),
            "root_ca",
            "MERLON-j8Pv3DfY",
        ),
    ];
    for (name, sound, change, field, id) in wrong {
        let request = merged(sound.clone(), change);
        let add = format!("Add{name}Provider");
        faults.push(of(&add, request.clone(), INVALID, id).says(field));
        let update = merged(request, json!({"id": "$idp_id"}));
        let update = of(&format!("Update{name}Provider"), update, INVALID, id).says(field);
        faults.push(update.given(&format!("{ADMIN}/{add}"), sound));
    }
    let empty = merged(oidc_provider(), json!({"clientSecret": ""}));
    faults.push(of("AddGenericOIDCProvider", empty, INVALID, "").says("ClientSecret: value length"));
    faults
}

/// Nothing of these may switch the API off, for the others of this world are at work.
fn features() -> Vec<Fault> {
    let set = |request: Value, id| fault(&format!("{FEATURES}/SetInstanceFeatures"), request, INVALID, id);
    let mut faults = vec![set(json!({}), "COMMAND-Vigh1").says("user_schema")];
    for (name, value, field) in [
        ("loginDefaultOrg", json!(true), "login_default_org"),
        ("oidcTokenExchange", json!(false), "oidc_token_exchange"),
        (
            "improvedPerformance",
            json!(["IMPROVED_PERFORMANCE_PROJECT"]),
            "improved_performance",
        ),
        ("debugOidcParentError", json!(true), "debug_oidc_parent_error"),
        (
            "oidcSingleV1SessionTermination",
            json!(true),
            "oidc_single_v1_session_termination",
        ),
        (
            "enableBackChannelLogout",
            json!(true),
            "enable_back_channel_logout",
        ),
        ("loginV2", json!({"required": true}), "login_v2"),
        ("permissionCheckV2", json!(false), "permission_check_v2"),
        ("consoleUseV2UserApi", json!(true), "console_use_v2_user_api"),
        ("enableRelationalTables", json!(true), "enable_relational_tables"),
    ] {
        faults.push(set(json!({"userSchema": true, name: value}), "MERLON-B5wX8rTc").says(field));
    }
    let twice =
        json!({"improvedPerformance": ["IMPROVED_PERFORMANCE_PROJECT", "IMPROVED_PERFORMANCE_PROJECT"]});
    faults.push(set(twice, "").says("ImprovedPerformance"));
    faults
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_documented_error_is_the_same_in_every_form_and_changes_nothing() {
    let world = World::new().await;
    let faults: Vec<_> = [
        lifecycle(),
        ids(),
        destinations(),
        codes(),
        factors(),
        names(),
        apps(),
        passwords(),
        key_starts(),
        key_answers(),
        key_links(),
        mine(),
        others(),
        providers(),
        links(),
        features(),
    ]
    .into_iter()
    .flatten()
    .collect();
    // Time passes for all of a world, so those who need it to pass come last and one by one.
    let (late, soon): (Vec<_>, Vec<_>) = faults
        .iter()
        .partition(|fault| fault.given.iter().any(|(step, _)| step == "advance"));
    stream::iter(soon)
        .for_each_concurrent(AT_ONCE, |fault| fails(&world, fault))
        .await;
    for fault in late {
        fails(&world, fault).await;
    }
    world.end().await;
}

async fn fails(world: &World, fault: &Fault) {
    let mut first: Option<Failure> = None;
    for form in Form::ALL {
        if form == Form::Rest && fault.request["id"].as_str().or(fault.request["userId"].as_str()) == Some("")
        {
            continue; // An empty id is no path.
        }
        let scene = Scene::new(world, &fault.given).await;
        let failure = fails_once(&scene, fault, form, &[]).await;
        assert_eq!(
            first.get_or_insert_with(|| failure.clone()),
            &failure,
            "{} over {form:?}",
            fault.method
        );
    }
    let english = first.expect("a failure");
    let scene = Scene::new(world, &fault.given).await;
    let german = fails_once(
        &scene,
        fault,
        Form::ConnectJson,
        &[("accept-language", "de-CH, en;q=0.5")],
    )
    .await;
    assert_eq!((german.code, german.id()), (english.code, english.id()));
    if !fault.id.is_empty() {
        assert_ne!(german.message, english.message, "{}: no German", fault.id);
        assert!(
            german.message.ends_with(&format!(" ({})", fault.id)),
            "{german:?}"
        );
    }
}

async fn fails_once(scene: &Scene<'_>, fault: &Fault, form: Form, headers: &[(&str, &str)]) -> Failure {
    let method = contract::method(&fault.method);
    let token = fault
        .token
        .map_or_else(|| scene.token_for(method.service), |name| scene.get(name));
    let request = scene.filled(&fault.request);
    let before = scene.world.sequence(&scene.get("user")).await;
    let call = Call {
        method,
        request: &request,
        token: Some(&token),
        headers,
    };
    let answer = scene.world.client.call(form, &call).await;
    let name = format!("{} {} over {form:?}: {answer:?}", fault.method, fault.request);
    assert_eq!(answer.code(), fault.code, "{name}");
    let failure = answer.failure().clone();
    assert_eq!(failure.id(), fault.id, "{name}");
    if !fault.id.is_empty() {
        let text = failure.details[0]["message"].as_str().unwrap();
        assert_eq!(failure.message, format!("{text} ({})", fault.id), "{name}");
        assert_eq!(
            failure.details[0]["@type"], "type.googleapis.com/zitadel.v1.ErrorDetail",
            "{name}"
        );
    }
    if headers.is_empty() {
        assert!(
            failure.message.contains(fault.says),
            "{name} does not say {}",
            fault.says
        );
    }
    for secret in ["phone", "email", "code", "password", "hash"] {
        if let Some(secret) = scene.known.get(secret) {
            assert!(!failure.message.contains(secret), "{name} tells a secret");
        }
    }
    let after = scene.world.sequence(&scene.get("user")).await;
    assert_eq!(
        after - before,
        i64::from(fault.records),
        "{name}: something changed"
    );
    failure
}

/// Sends are limited for each destination, and the refusal says when to come back.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_send_that_comes_too_soon_says_when_to_come_back() {
    let world = World::new().await;
    for (name, request, channel) in [
        ("SetContactPhone", phone(json!({})), "phone"),
        ("AddOTPSMSAuthenticator", phone(json!({})), "phone"),
        ("SetContactEmail", email(json!({})), "email"),
        ("AddOTPEmailAuthenticator", email(json!({})), "email"),
    ] {
        let scene = Scene::new(&world, &[(format!("{NEW}/{name}"), request.clone())]).await;
        let before = world.sequence(&scene.get("user")).await;
        let mut first = None;
        for form in Form::ALL {
            for (method, request) in [(NEW, request.clone()), (OLD, old_request(&request))] {
                let answer = scene
                    .send(form, &format!("{method}/{name}"), &request, Some(&world.owner))
                    .await;
                assert_eq!(answer.code(), LIMITED, "{answer:?}");
                let retry = json!({"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "30s"});
                assert_eq!(answer.failure().id(), "MERLON-b7Qx2LmV");
                assert!(answer.failure().details.contains(&retry), "{answer:?}");
                assert_eq!(answer.retry_after.as_deref(), Some("30"), "{form:?}: {answer:?}");
                assert_eq!(first.get_or_insert_with(|| answer.clone()), &answer, "{form:?}");
            }
        }
        assert_eq!(
            world.sequence(&scene.get("user")).await,
            before,
            "{channel}: something changed"
        );
        world.advance(Span::seconds(30));
        let answer = scene
            .send(Form::Rest, &format!("{NEW}/{name}"), &request, Some(&world.owner))
            .await;
        assert_eq!(answer.code(), 0, "{answer:?}");
    }
    world.end().await;
}

/// However often codes are renewed, after fifty failures of a day that destination rests, and only that one.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fifty_failures_a_day_and_then_rest() {
    let world = World::new().await;
    let set = format!("{NEW}/SetContactPhone");
    let verify = format!("{NEW}/VerifyContactPhone");
    let mut scene = Scene::new(&world, &[]).await;
    let wrong = json!({"id": "$user", "verificationCode": "000000"});
    for _ in 0..10 {
        scene.step(&set, &phone(returned())).await;
        for _ in 0..5 {
            let answer = scene.send(Form::Rest, &verify, &wrong, Some(&world.owner)).await;
            assert_eq!(answer.failure().id(), "CODE-woT0xc");
        }
    }
    scene.step(&set, &phone(returned())).await;
    let right = json!({"id": "$user", "verificationCode": "$code"});
    let mut first = None;
    for form in Form::ALL {
        let answer = scene.send(form, &verify, &right, Some(&world.owner)).await;
        assert_eq!(
            (answer.code(), answer.failure().id()),
            (LIMITED, "MERLON-k2Ws9JfB"),
            "{answer:?}"
        );
        assert!(answer.retry_after.is_some(), "{form:?}: {answer:?}");
        assert_eq!(first.get_or_insert_with(|| answer.clone()), &answer, "{form:?}");
    }
    // Another destination, and the same number as a factor, are not resting.
    scene
        .step(&format!("{NEW}/AddOTPSMSAuthenticator"), &phone(returned()))
        .await;
    scene
        .step(
            &format!("{NEW}/VerifyOTPSMSRegistration"),
            &json!({"id": "$user", "otpSmsId": "$otp_sms_id", "code": "$code"}),
        )
        .await;
    scene
        .step(&set, &phone(json!({"number": "$phone2", "returnCode": {}})))
        .await;
    scene.step(&verify, &right).await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn there_is_an_end_to_factors_and_tokens() {
    let world = World::new().await;
    let mut scene = Scene::new(&world, &[]).await;
    for number in 0..10 {
        let add =
            json!({"id": "$user", "phone": {"number": format!("+41761{number:06}"), "isVerified": true}});
        scene.step(&format!("{NEW}/AddOTPSMSAuthenticator"), &add).await;
    }
    let answer = scene
        .send(
            Form::Rest,
            &format!("{NEW}/AddOTPSMSAuthenticator"),
            &phone(json!({})),
            Some(&world.owner),
        )
        .await;
    assert_eq!(
        (answer.code(), answer.failure().id()),
        (PRECONDITION, "MERLON-nJ4c8RqW")
    );
    for number in 0..10 {
        let add = json!({"id": "$user", "username": {"username": format!("name{number}")}});
        scene.step(&format!("{NEW}/AddUsername"), &add).await;
    }
    let answer = scene
        .send(
            Form::Rest,
            &format!("{NEW}/AddUsername"),
            &json!({"id": "$user", "username": {"username": "$name"}}),
            Some(&world.owner),
        )
        .await;
    assert_eq!(
        (answer.code(), answer.failure().id()),
        (PRECONDITION, "MERLON-h2Tn7RvC")
    );
    let add = json!({"userId": "$user", "expirationDate": "2030-01-01T00:00:00Z"});
    for _ in 0..99 {
        scene.step("UserService/AddPersonalAccessToken", &add).await;
    }
    let answer = scene
        .send(
            Form::Rest,
            "UserService/AddPersonalAccessToken",
            &add,
            Some(&world.owner),
        )
        .await;
    assert_eq!(
        (answer.code(), answer.failure().id()),
        (PRECONDITION, "MERLON-f3Zk6HsT")
    );
    world.end().await;
}

/// Without a provider nothing is promised and nothing is stored.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_provider_a_send_is_refused_at_once() {
    let world = World::with(&[("INBOX__CAPTURE", "off")]).await;
    for (name, request, id) in [
        ("SetContactPhone", phone(json!({})), "PHONE-w8nfow"),
        ("AddOTPSMSAuthenticator", phone(json!({})), "PHONE-w8nfow"),
        ("SetContactEmail", email(json!({})), "MAIL-w8nfow"),
        ("AddOTPEmailAuthenticator", email(json!({})), "MAIL-w8nfow"),
    ] {
        for fault in both(name, request, PRECONDITION, id) {
            fails(&world, &fault).await;
        }
    }
    for (name, request) in [
        ("SetContactPhone", phone(returned())),
        ("SetContactEmail", email(vouched())),
    ] {
        Scene::new(&world, &[(format!("{NEW}/{name}"), request)]).await;
    }
    world.end().await;
}

/// The organization that a header names has to exist; more it does not say.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_organization_of_a_header_has_to_exist() {
    let world = World::new().await;
    let scene = Scene::new(&world, &[]).await;
    let request = json!({"id": scene.get("user")});
    let method = contract::method(&format!("{NEW}/GetUser"));
    for form in Form::ALL {
        for (org, code) in [
            (world.org.as_str(), 0),
            (world.other_org.as_str(), 0),
            ("0", DENIED),
            ("x y", DENIED),
            ("", 0),
        ] {
            let headers = [("x-zitadel-orgid", org)];
            let call = Call {
                method,
                request: &request,
                token: Some(&*world.owner),
                headers: &headers,
            };
            let answer = world.client.call(form, &call).await;
            assert_eq!(answer.code(), code, "{org} over {form:?}: {answer:?}");
            if code != 0 {
                assert_eq!(answer.failure().id(), "AUTH-Bs7Ds");
            }
        }
    }
    world.end().await;
}
