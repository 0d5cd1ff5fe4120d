//! The calls that are measured, three of them over either wire form, and those that prepare them.

use std::{net::SocketAddr, sync::Arc};

use anyhow::Context;
use proto::zitadel::resources::user::v3alpha as wire;
use serde::Deserialize;

use crate::{
    grpc::{Grpc, Path},
    http1::Http1,
};

/// A wire form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wire {
    /// HTTP/1.1 and JSON.
    Json,
    /// gRPC.
    Grpc,
}

impl Wire {
    /// Both.
    pub(crate) const ALL: [Self; 2] = [Self::Json, Self::Grpc];

    /// How tables call it.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Json => "JSON",
            Self::Grpc => "gRPC",
        }
    }
}

/// Where a server is, and the token for it.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    pub(crate) address: SocketAddr,
    pub(crate) token: Arc<str>,
}

/// A registration that waits for its code.
#[derive(Clone, Debug)]
pub(crate) struct Pending {
    user: Arc<str>,
    factor: String,
    code: String,
}

/// What one task of the driver talks over: a connection of its own, or streams of a shared one.
#[derive(Debug)]
pub(crate) enum Line {
    Json(Box<Http1>),
    Grpc(Box<GrpcLine>),
}

/// A shared connection and the paths of the methods.
#[derive(Clone, Debug)]
pub(crate) struct GrpcLine {
    grpc: Grpc,
    add: Path,
    verify: Path,
    get: Path,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Added {
    otp_sms_id: String,
    verification_code: String,
}

#[derive(Deserialize)]
struct Created {
    details: CreatedDetails,
}

#[derive(Deserialize)]
struct CreatedDetails {
    id: Arc<str>,
}

#[derive(Deserialize)]
struct Me {
    user: MyUser,
}

#[derive(Deserialize)]
struct MyUser {
    details: MyDetails,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct MyDetails {
    resource_owner: String,
}

#[derive(Deserialize)]
struct Found {
    details: FoundDetails,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct FoundDetails {
    #[serde(default)]
    total_result: String,
}

const SERVICE: &str = "/zitadel.resources.user.v3alpha.ZITADELUsers";

/// gRPC streams of one connection: as many connections as streams on each, as near as that goes.
pub(crate) fn streams_of(width: usize) -> usize {
    width.isqrt().max(1)
}

impl Place {
    /// Opens `width` lines.
    pub(crate) async fn lines(&self, wire: Wire, width: usize) -> anyhow::Result<Vec<Line>> {
        let mut lines = Vec::with_capacity(width);
        while lines.len() < width {
            match wire {
                Wire::Json => lines.push(Line::Json(Box::new(self.http().await?))),
                Wire::Grpc => {
                    let line = self.grpc().await?;
                    let streams = streams_of(width).min(width - lines.len());
                    lines.extend((0..streams).map(|_| Line::Grpc(Box::new(line.clone()))));
                }
            }
        }
        Ok(lines)
    }

    /// One HTTP/1.1 connection.
    pub(crate) async fn http(&self) -> anyhow::Result<Http1> {
        Http1::connect(self.address, Some(&self.token)).await
    }

    async fn grpc(&self) -> anyhow::Result<GrpcLine> {
        let grpc = Grpc::connect(self.address, Some(&self.token)).await?;
        let path = |method: &str| grpc.path(&format!("{SERVICE}/{method}"));
        Ok(GrpcLine {
            add: path("AddOTPSMSAuthenticator")?,
            verify: path("VerifyOTPSMSRegistration")?,
            get: path("GetUser")?,
            grpc,
        })
    }
}

impl Line {
    /// Adds an OTP SMS factor and has the code answered.
    pub(crate) async fn add(&mut self, user: &Arc<str>, number: u64) -> anyhow::Result<Pending> {
        let (factor, code) = match self {
            Self::Json(http) => {
                http.prepare(
                    "POST",
                    format_args!("/resources/v3alpha/users/{user}/otp_sms"),
                    format_args!(r#"{{"number":"+4179{number:07}","returnCode":{{}}}}"#),
                );
                let added: Added = serde_json::from_slice(http.send().await?)?;
                (added.otp_sms_id, added.verification_code)
            }
            Self::Grpc(line) => {
                let answer: wire::AddOtpsmsAuthenticatorResponse =
                    line.grpc.call(&line.add, &add_request(user, number)).await?;
                (
                    answer.otp_sms_id,
                    answer.verification_code.context("no code in the answer")?,
                )
            }
        };
        Ok(Pending {
            user: Arc::clone(user),
            factor,
            code,
        })
    }

    /// Enters the code of a registration.
    pub(crate) async fn verify(&mut self, pending: &Pending) -> anyhow::Result<()> {
        let Pending { user, factor, code } = pending;
        match self {
            Self::Json(http) => {
                http.prepare(
                    "POST",
                    format_args!("/resources/v3alpha/users/{user}/otp_sms/{factor}/_verify"),
                    format_args!("\"{code}\""),
                );
                http.send().await.map(drop)
            }
            Self::Grpc(line) => {
                let request = wire::VerifyOtpsmsRegistrationRequest {
                    id: user.as_ref().into(),
                    otp_sms_id: factor.clone(),
                    code: code.clone(),
                    ..Default::default()
                };
                let answer = line.grpc.call(&line.verify, &request).await;
                answer.map(|_: wire::VerifyOtpsmsRegistrationResponse| ())
            }
        }
    }

    /// Reads a user.
    pub(crate) async fn get(&mut self, user: &Arc<str>) -> anyhow::Result<()> {
        match self {
            Self::Json(http) => {
                http.prepare(
                    "GET",
                    format_args!("/resources/v3alpha/users/{user}"),
                    format_args!(""),
                );
                http.send().await.map(drop)
            }
            Self::Grpc(line) => {
                let request = wire::GetUserRequest {
                    id: user.as_ref().into(),
                    ..Default::default()
                };
                let answer = line.grpc.call(&line.get, &request).await;
                answer.map(|_: wire::GetUserResponse| ())
            }
        }
    }
}

impl Line {
    /// Gives a user a new password, one of its own for each number.
    pub(crate) async fn set_password(&mut self, user: &Arc<str>, number: usize) -> anyhow::Result<()> {
        let Self::Json(http) = self else {
            anyhow::bail!("passwords are set over JSON");
        };
        http.prepare(
            "POST",
            format_args!("/resources/v3alpha/users/{user}/password"),
            format_args!(r#"{{"password":"lighthouse keeper {number}"}}"#),
        );
        http.send().await.map(drop)
    }

    /// Searches users with these filters; answers how many there are.
    pub(crate) async fn search(&mut self, filters: &str) -> anyhow::Result<u64> {
        let Self::Json(http) = self else {
            anyhow::bail!("users are searched over JSON");
        };
        http.prepare(
            "POST",
            format_args!("/resources/v3alpha/users/_search"),
            format_args!("{filters}"),
        );
        let found: Found = serde_json::from_slice(http.send().await?).context("reading what was found")?;
        Ok(found.details.total_result.parse()?)
    }
}

/// The message that adds a factor; the echo floor takes it as well.
pub(crate) fn add_request(user: &str, number: u64) -> wire::AddOtpsmsAuthenticatorRequest {
    let verification = wire::set_phone::Verification::ReturnCode(wire::ReturnPhoneVerificationCode {});
    wire::AddOtpsmsAuthenticatorRequest {
        id: user.into(),
        phone: Some(wire::SetPhone {
            number: format!("+4179{number:07}"),
            verification: Some(verification),
        }),
        ..Default::default()
    }
}

/// The organization of whoever the token belongs to.
pub(crate) async fn own_org(http: &mut Http1) -> anyhow::Result<String> {
    http.prepare("GET", format_args!("/auth/v1/users/me"), format_args!(""));
    let me: Me = serde_json::from_slice(http.send().await?).context("reading the own user")?;
    Ok(me.user.details.resource_owner)
}

/// Creates a user with a verified e-mail address and some data; answers its id.
pub(crate) async fn create_user(http: &mut Http1, org: &str, number: usize) -> anyhow::Result<Arc<str>> {
    let email = format!(r#"{{"address":"user-{number}@bench.example","isVerified":true}}"#);
    let data = format!(r#"{{"givenName":"Erika","familyName":"Number {number}"}}"#);
    http.prepare(
        "POST",
        format_args!("/resources/v3alpha/users?organization.orgId={org}"),
        format_args!(r#"{{"data":{data},"contact":{{"email":{email}}}}}"#),
    );
    let created: Created = serde_json::from_slice(http.send().await?).context("reading the created user")?;
    Ok(created.details.id)
}

/// Creates a user of whom `body` tells, as JSON.
pub(crate) async fn create(line: &mut Line, org: &str, body: &str) -> anyhow::Result<()> {
    let Line::Json(http) = line else {
        anyhow::bail!("users are created over JSON");
    };
    http.prepare(
        "POST",
        format_args!("/resources/v3alpha/users?organization.orgId={org}"),
        format_args!("{body}"),
    );
    http.send().await.map(drop)
}

/// Locks or unlocks a user.
pub(crate) async fn lock(http: &mut Http1, user: &str, lock: bool) -> anyhow::Result<()> {
    let verb = if lock { "_lock" } else { "_unlock" };
    http.prepare(
        "POST",
        format_args!("/resources/v3alpha/users/{user}/{verb}"),
        format_args!("{{}}"),
    );
    http.send().await.map(drop)
}
