//! The smallest security key there can be: it answers creation options without attestation, always with the same public key.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Value, json};

use super::random;

/// SHA-256 of `localhost`.
const LOCALHOST: &str = "49960de5880e8c687434170f6476605b8fe4aeb9a28632c7995cf3ba831d9763";
/// The base point of P-256, a public key as good as any other.
const X: &str = "6b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296";
const Y: &str = "4fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5";

fn hex(text: &str) -> Vec<u8> {
    let digits = text.as_bytes().chunks_exact(2);
    digits
        .map(|two| u8::from_str_radix(std::str::from_utf8(two).unwrap(), 16).unwrap())
        .collect()
}

/// What a browser on a page of localhost answers to `options`, as the JSON of a `PublicKeyCredential`.
pub fn answer(options: &Value) -> Value {
    assert_eq!(options["publicKey"]["rp"]["id"], "localhost");
    let id: Vec<u8> = [random(), random()]
        .iter()
        .flat_map(|n| n.to_be_bytes())
        .collect();
    let client_data = json!({
        "type": "webauthn.create", "challenge": options["publicKey"]["challenge"], "origin": "http://localhost:8080",
    });
    // Hash of the domain; somebody was there, a credential is attached; no count; no model; the credential.
    let length = u16::try_from(id.len()).unwrap().to_be_bytes();
    let data = [
        hex(LOCALHOST),
        vec![0x41, 0, 0, 0, 0],
        vec![0; 16],
        length.to_vec(),
        id.clone(),
        hex("a5010203262001215820"),
        hex(X),
        hex("225820"),
        hex(Y),
    ]
    .concat();
    // {"fmt": "none", "attStmt": {}, "authData": data} in CBOR.
    let mut object = hex("a363666d74646e6f6e656761747453746d74a068617574684461746158");
    object.push(u8::try_from(data.len()).unwrap());
    object.extend(data);
    let id = URL_SAFE_NO_PAD.encode(id);
    json!({
        "id": id, "rawId": id, "type": "public-key", "clientExtensionResults": {},
        "response": {
            "clientDataJSON": URL_SAFE_NO_PAD.encode(client_data.to_string()),
            "attestationObject": URL_SAFE_NO_PAD.encode(object),
        },
    })
}
