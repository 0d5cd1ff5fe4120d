//! What a case stands on: a fresh user, numbers and addresses of its own, and calls made before. Texts like `$user` in
//! requests and expectations stand for what the scene holds, and those like `$$credential` for JSON that it holds.

use std::collections::BTreeMap;

use domain::base::Span;
use serde_json::{Map, Value};
use testkit::security_key::{KeyAnswer, VERIFIED};

use super::{
    contract,
    wire::{Answer, Call, Form},
    world::World,
};

/// A call that is made before, as the owner; those of auth v1 as the user itself.
pub(crate) type Step = (String, Value);

/// A fresh user and what is known of it.
pub(crate) struct Scene<'a> {
    pub(crate) world: &'a World,
    pub(crate) known: BTreeMap<String, String>,
}

/// `Tr0ub4dor & Drei`, made by another implementation.
const HASH: &str = "$argon2id$v=19$m=1024,t=2,p=1$c2FsdHNhbHQw$GTFkkPAsfZrcTzVaOm5dNq4DjbvltQlS6yzNk9FbRXE";

/// Fields of answers that later requests speak of.
const KEPT: [(&str, &str); 13] = [
    ("id", "idp_id"),
    ("webAuthNId", "web_auth_n_id"),
    ("totpId", "totp_id"),
    ("usernameId", "username_id"),
    ("otpSmsId", "otp_sms_id"),
    ("otpEmailId", "otp_email_id"),
    ("id", "schema_id"),
    ("tokenId", "token_id"),
    ("token", "added_token"),
    ("verificationCode", "code"),
    ("emailCode", "code"),
    ("phoneCode", "code"),
    ("nextPageToken", "page"),
];

impl<'a> Scene<'a> {
    /// A user of the default organization with a token and without a role.
    pub(crate) async fn new(world: &'a World, given: &[Step]) -> Self {
        world.advance(Span(1_000));
        let user = world.someone(&world.org, &[]).await;
        let number = world.next();
        let known = [
            ("user", user.id),
            ("token", user.token),
            ("new_user", format!("user-{number:08}")),
            ("schema_type", format!("Type {number}")),
            ("missing", format!("{number:018}")),
            ("phone", format!("+4179{number:07}")),
            ("phone2", format!("+4178{number:07}")),
            ("email", format!("user{number:08}@example.com")),
            ("email2", format!("more{number:08}@example.com")),
            ("name", format!("Ada{number:08}")),
            ("password", format!("correct horse {number:08}")),
            ("hash", HASH.to_owned()),
            ("dear_hash", HASH.replace("m=1024", "m=4194304")),
            ("name2", format!("bea{number:08}")),
            ("org", world.org.to_string()),
            ("other_org", world.other_org.to_string()),
        ];
        let known = known
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value))
            .collect();
        let mut scene = Self { world, known };
        for (method, request) in given {
            scene.step(method, request).await;
        }
        world.advance(Span(1_000));
        scene
    }

    /// Makes a call that has to succeed and keeps what it answers.
    pub(crate) async fn step(&mut self, method: &str, request: &Value) {
        if method == "advance" {
            return self
                .world
                .advance(Span::seconds(request.as_i64().expect("seconds")));
        }
        let wanted = if method.contains("wrong:") { None } else { Some(()) };
        let method = contract::method(method.trim_start_matches("wrong:"));
        let token = self.token_for(method.service);
        let request = self.filled(request);
        let call = Call {
            method,
            request: &request,
            token: Some(&token),
            headers: &[],
        };
        let answer = self.world.client.call(Form::ConnectJson, &call).await;
        match wanted {
            Some(()) => self.keep(answer.ok()),
            None => assert_ne!(answer.code(), 0, "a failure was expected of {}", method.path),
        }
    }

    /// Keeps what later requests may speak of.
    pub(crate) fn keep(&mut self, answer: &Value) {
        if let Some(id) = answer["result"][0]["id"].as_str() {
            self.known.insert("listed".to_owned(), id.to_owned());
        }
        for (field, name) in KEPT {
            if let Some(value) = answer[field].as_str() {
                self.known.insert(name.to_owned(), value.to_owned());
            }
        }
        let details = &answer["details"];
        if let (Some("OWNER_TYPE_INSTANCE"), Some(id)) =
            (details["owner"]["type"].as_str(), details["id"].as_str())
        {
            self.known.insert("schema_id".to_owned(), id.to_owned());
        }
        if let Some(secret) = answer["secret"].as_str() {
            let secret = data_encoding::BASE32_NOPAD
                .decode(secret.as_bytes())
                .expect("base32");
            let code = app::totp::code_at(&secret, app::totp::step_at(self.world.ctx().now()));
            self.known.insert("totp_code".to_owned(), code);
        }
        for (field, name) in [("id", "link_id"), ("code", "link_code")] {
            if let Some(value) = answer["code"][field].as_str() {
                self.known.insert(name.to_owned(), value.to_owned());
            }
        }
        if let Some(options) = answer["publicKeyCredentialCreationOptions"].as_object() {
            self.touch_a_key(options);
        }
        if let Some(id) = answer["messages"][0]["id"]
            .as_str()
            .or(answer["message"]["id"].as_str())
        {
            self.known.insert("message".to_owned(), id.to_owned());
        }
    }

    /// Has a security key answer: `credential` to these options, `first_credential` to the first ones that this scene got,
    /// `same_credential` to these options with the credential of the first.
    fn touch_a_key(&mut self, options: &Map<String, Value>) {
        let mut key = KeyAnswer::to(options, "http://localhost:8080");
        key.flags |= VERIFIED;
        let mut put = |name: &str, value: String| _ = self.known.insert(name.to_owned(), value);
        let public_key = &options["publicKey"];
        for (name, value) in [
            ("challenge", &public_key["challenge"]),
            ("handle", &public_key["user"]["id"]),
        ] {
            put(name, value.as_str().expect("base64url").to_owned());
        }
        put("credential", key.json().to_string());
        if let Some(first) = self.known.get("first_id") {
            key.id = first.bytes().collect();
            self.known
                .insert("same_credential".to_owned(), key.json().to_string());
            return;
        }
        let id: String = self.get("challenge").chars().take(32).collect();
        key.id = id.bytes().collect();
        self.known.insert("first_id".to_owned(), id);
        for name in ["credential", "first_credential"] {
            self.known.insert(name.to_owned(), key.json().to_string());
        }
    }

    /// The user's own token for auth v1, else the owner's.
    pub(crate) fn token_for(&self, service: &str) -> String {
        if service == "zitadel.auth.v1.AuthService" {
            self.get("token")
        } else {
            self.world.owner.clone()
        }
    }

    #[track_caller]
    pub(crate) fn get(&self, name: &str) -> String {
        self.known
            .get(name)
            .cloned()
            .unwrap_or_else(|| panic!("${name} is not known"))
    }

    /// The JSON with everything known in place.
    pub(crate) fn filled(&self, json: &Value) -> Value {
        match json {
            Value::String(text) => match text.strip_prefix('$') {
                Some(name) if name.starts_with('$') => {
                    serde_json::from_str(&self.get(&name[1..])).expect("JSON")
                }
                Some(name) if name != "any" => self.get(name).into(),
                _ => text.clone().into(),
            },
            Value::Array(values) => values.iter().map(|value| self.filled(value)).collect(),
            Value::Object(fields) => Value::Object(
                fields
                    .iter()
                    .map(|(name, value)| (name.clone(), self.filled(value)))
                    .collect(),
            ),
            other => other.clone(),
        }
    }

    /// The JSON with everything known, every time and every id, code and token replaced by its name, so that the
    /// answers to two scenes can be compared.
    pub(crate) fn masked(&self, json: &Value) -> Value {
        match json {
            Value::String(text) => {
                let known = self.known.iter().find(|(_, value)| *value == text);
                known.map_or_else(|| text.clone().into(), |(name, _)| format!("${name}").into())
            }
            Value::Array(values) => values.iter().map(|value| self.masked(value)).collect(),
            Value::Object(fields) => Value::Object(self.masked_fields(fields)),
            // Binary forms know numbers of a Struct as floating point only.
            Value::Number(number) => number.as_f64().into(),
            other => other.clone(),
        }
    }

    fn masked_fields(&self, fields: &Map<String, Value>) -> Map<String, Value> {
        const TIMES: [&str; 9] = [
            "viewTimestamp",
            "lastChanged",
            "timestamp",
            "created",
            "changed",
            "creationDate",
            "changeDate",
            "deletionDate",
            "createdAt",
        ];
        const FRESH: [&str; 13] = [
            "usernameId",
            "totpId",
            "uri",
            "secret",
            "text",
            "code",
            "otpSmsId",
            "otpEmailId",
            "tokenId",
            "token",
            "verificationCode",
            "emailCode",
            "phoneCode",
        ];
        let mask = |name: &str, value: &Value| -> Value {
            let text = value.as_str().unwrap_or_default();
            if value.is_object() || value.is_number() {
                self.masked(value)
            } else if TIMES.contains(&name) {
                assert!(
                    text.starts_with("2026-") && text.ends_with('Z'),
                    "{name}: {value}"
                );
                "$time".into()
            } else if FRESH.contains(&name) {
                assert!(!text.is_empty(), "{name}: {value}");
                "$fresh".into()
            } else {
                self.masked(value)
            }
        };
        fields
            .iter()
            .map(|(name, value)| (name.clone(), mask(name, value)))
            .collect()
    }

    /// Sends a request of this scene with a token.
    pub(crate) async fn send(
        &self,
        form: Form,
        method: &str,
        request: &Value,
        token: Option<&str>,
    ) -> Answer {
        let request = self.filled(request);
        let call = Call {
            method: contract::method(method),
            request: &request,
            token,
            headers: &[],
        };
        self.world.client.call(form, &call).await
    }
}

/// Whether `found` holds all of `wanted`; null means absent, `$any` any text.
pub(crate) fn holds(found: &Value, wanted: &Value) -> bool {
    match wanted {
        Value::Null => found.is_null(),
        Value::Object(fields) => fields.iter().all(|(name, value)| holds(&found[name], value)),
        Value::Array(values) => found.as_array().is_some_and(|found| {
            found.len() == values.len()
                && found
                    .iter()
                    .zip(values)
                    .all(|(found, wanted)| holds(found, wanted))
        }),
        Value::String(text) if text == "$any" => found.as_str().is_some_and(|text| !text.is_empty()),
        other => found == other,
    }
}
