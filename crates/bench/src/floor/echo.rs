//! HTTP: a server of the same make that reads the same request into types and answers the same shape, and does nothing
//! between.

use std::{
    io::Write,
    net::SocketAddr,
    sync::atomic::{AtomicU64, Ordering},
};

use anyhow::Context;
use axum::{
    Json, Router,
    body::{Body, Bytes},
    extract::Path,
    response::Response,
    routing::{get, post},
};
use http::{HeaderMap, HeaderValue, StatusCode};
use http_body_util::{BodyExt, Full};
use prost::Message;
use proto::zitadel::resources::user::v3alpha as wire;
use serde::{Deserialize, Serialize};

use crate::{
    api::{self, Place, Wire, streams_of},
    drive::Job,
    grpc::{self, Grpc},
    http1::Http1,
};

const CALL: &str = "/bench.Echo/Call";

/// Serves until it is killed.
pub(crate) async fn serve(listen: SocketAddr) -> anyhow::Result<()> {
    let routes = Router::new()
        .route("/debug/healthz", get(|| async { "ok" }))
        .route("/echo/{id}", post(answer_json))
        .route(CALL, post(answer_grpc));
    let socket = tokio::net::TcpListener::bind(listen).await.context("listening")?;
    writeln!(std::io::stdout(), "ready http://{}", socket.local_addr()?)?;
    let socket = axum::serve::ListenerExt::tap_io(socket, |stream| drop(stream.set_nodelay(true)));
    axum::serve(socket, routes).await.context("serving")
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Question {
    number: String,
    #[expect(dead_code, reason = "it is read like every field of the real message")]
    return_code: ReturnCode,
}

#[derive(Deserialize)]
struct ReturnCode {}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Answer {
    details: Details,
    otp_sms_id: String,
    verification_code: &'static str,
}

#[derive(Serialize)]
struct Details {
    id: String,
    created: &'static str,
    changed: &'static str,
    owner: Owner,
}

#[derive(Serialize)]
struct Owner {
    r#type: &'static str,
    id: &'static str,
}

const TIME: &str = "2026-01-01T00:00:00.123456Z";

async fn answer_json(Path(id): Path<String>, Json(question): Json<Question>) -> (StatusCode, Json<Answer>) {
    let owner = Owner {
        r#type: "OWNER_TYPE_ORG",
        id: "289201938475610114",
    };
    let details = Details {
        id,
        created: TIME,
        changed: TIME,
        owner,
    };
    (
        StatusCode::OK,
        Json(Answer {
            details,
            otp_sms_id: question.number,
            verification_code: "123456",
        }),
    )
}

async fn answer_grpc(body: Bytes) -> Response {
    let message = grpc::unframe(body).and_then(|b| Ok(wire::AddOtpsmsAuthenticatorRequest::decode(b)?));
    let Ok(question) = message else {
        return Response::new(Body::empty());
    };
    let answer = wire::AddOtpsmsAuthenticatorResponse {
        otp_sms_id: question.id,
        verification_code: Some("123456".into()),
        ..Default::default()
    };
    let mut end = HeaderMap::new();
    end.insert("grpc-status", HeaderValue::from_static("0"));
    let body = Full::new(grpc::frame(&answer)).with_trailers(async move { Some(Ok(end)) });
    let mut response = Response::new(Body::new(body));
    response
        .headers_mut()
        .insert("content-type", HeaderValue::from_static("application/grpc"));
    response
}

/// What one task talks over.
#[derive(Debug)]
pub(crate) enum EchoLine {
    Json(Http1),
    Grpc(Grpc, grpc::Path),
}

/// Opens `width` lines to an echo server.
pub(crate) async fn lines(place: &Place, wire: Wire, width: usize) -> anyhow::Result<Vec<EchoLine>> {
    let mut lines = Vec::with_capacity(width);
    while lines.len() < width {
        match wire {
            Wire::Json => {
                // As long as a token of ours, so that the heads weigh the same.
                let token = "x".repeat(55);
                lines.push(EchoLine::Json(Http1::connect(place.address, Some(&token)).await?));
            }
            Wire::Grpc => {
                let grpc = Grpc::connect(place.address, None).await?;
                let path = grpc.path(CALL)?;
                let streams = streams_of(width).min(width - lines.len());
                lines.extend((0..streams).map(|_| EchoLine::Grpc(grpc.clone(), path.clone())));
            }
        }
    }
    Ok(lines)
}

/// Asks the echo server.
#[derive(Debug, Default)]
pub(crate) struct Echo(AtomicU64);

impl Job for Echo {
    type Line = EchoLine;
    type Yield = ();

    async fn once(&self, line: &mut EchoLine) -> anyhow::Result<Option<()>> {
        let n = self.0.fetch_add(1, Ordering::Relaxed) % 10_000_000;
        match line {
            EchoLine::Json(http) => {
                http.prepare(
                    "POST",
                    format_args!("/echo/{}", 289_201_938_475_610_114 + n),
                    format_args!(r#"{{"number":"+4179{n:07}","returnCode":{{}}}}"#),
                );
                http.send().await?;
            }
            EchoLine::Grpc(grpc, path) => {
                let _: wire::AddOtpsmsAuthenticatorResponse = grpc
                    .call(path, &api::add_request("289201938475610114", n))
                    .await?;
            }
        }
        Ok(Some(()))
    }
}
