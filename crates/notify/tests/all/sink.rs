//! A mail server that takes mail as told: RFC 5321 as far as a client of one message needs it.

use std::sync::{Arc, Mutex};

use tokio::{
    io::{AsyncBufReadExt, AsyncRead, AsyncWrite, AsyncWriteExt, BufReader},
    net::{TcpListener, TcpStream},
};
use tokio_rustls::{TlsAcceptor, rustls};

/// What the server does with the next mail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mood {
    Take,
    /// Answers this line to this verb (`MAIL`, `RCPT`, `DATA` or `.`).
    Answer(&'static str, &'static str),
    /// Takes the mail and closes without a word.
    Drop,
    /// Takes the mail and never answers.
    Hang,
}

#[derive(Clone, Debug)]
pub(crate) struct Mail {
    pub(crate) raw: Vec<u8>,
    pub(crate) encrypted: bool,
    pub(crate) login: Option<String>,
}

#[derive(Default)]
struct State {
    mails: Vec<Mail>,
    moods: Vec<Mood>,
    verbs: Vec<String>,
    connections: usize,
}

#[derive(Clone)]
pub(crate) struct Sink {
    pub(crate) port: u16,
    /// The authority that signed its certificate, when it has one.
    pub(crate) authority: Option<Vec<u8>>,
    state: Arc<Mutex<State>>,
    tls: Option<TlsAcceptor>,
}

impl Sink {
    pub(crate) async fn start() -> Self {
        Self::with(None, None).await
    }

    pub(crate) async fn with_tls() -> Self {
        let certified = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        let key = rustls::pki_types::PrivateKeyDer::try_from(certified.signing_key.serialize_der()).unwrap();
        let config = rustls::ServerConfig::builder()
            .with_no_client_auth()
            .with_single_cert(vec![certified.cert.der().clone()], key)
            .unwrap();
        let pem = certified.cert.pem().into_bytes();
        Self::with(Some(TlsAcceptor::from(Arc::new(config))), Some(pem)).await
    }

    async fn with(tls: Option<TlsAcceptor>, authority: Option<Vec<u8>>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let sink = Self {
            port: listener.local_addr().unwrap().port(),
            authority,
            state: Arc::default(),
            tls,
        };
        let serving = sink.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                stream.set_nodelay(true).unwrap();
                serving.state.lock().unwrap().connections += 1;
                let sink = serving.clone();
                tokio::spawn(async move { sink.greet(stream).await });
            }
        });
        sink
    }

    /// Moods for the next mails, the last first; afterwards it takes everything.
    pub(crate) fn will(&self, moods: impl IntoIterator<Item = Mood>) {
        let mut moods: Vec<Mood> = moods.into_iter().collect();
        moods.reverse();
        self.state.lock().unwrap().moods = moods;
    }

    pub(crate) fn mails(&self) -> Vec<Mail> {
        self.state.lock().unwrap().mails.clone()
    }

    pub(crate) fn verbs(&self, verb: &str) -> usize {
        self.state
            .lock()
            .unwrap()
            .verbs
            .iter()
            .filter(|v| *v == verb)
            .count()
    }

    pub(crate) fn connections(&self) -> usize {
        self.state.lock().unwrap().connections
    }

    async fn greet(&self, mut stream: TcpStream) {
        if stream.write_all(b"220 sink\r\n").await.is_err() {
            return;
        }
        let Some(upgraded) = self.talk(&mut stream, false).await else {
            return;
        };
        if let (true, Some(tls)) = (upgraded, &self.tls)
            && let Ok(mut stream) = tls.accept(stream).await
        {
            self.talk(&mut stream, true).await;
        }
    }

    /// One conversation; true when it shall go on encrypted.
    async fn talk(
        &self,
        stream: &mut (impl AsyncRead + AsyncWrite + Unpin),
        encrypted: bool,
    ) -> Option<bool> {
        let mut stream = BufReader::new(stream);
        let (mut line, mut login) = (String::new(), None);
        loop {
            line.clear();
            if stream.read_line(&mut line).await.ok()? == 0 {
                return None;
            }
            let verb = line
                .split([' ', ':', '\r'])
                .next()
                .unwrap_or_default()
                .to_uppercase();
            self.state.lock().unwrap().verbs.push(verb.clone());
            if verb == "STARTTLS" {
                stream.write_all(b"220 go\r\n").await.ok()?;
                return Some(true);
            }
            if verb == "AUTH" {
                login = Some(line.trim().to_owned());
            }
            let answer = self.answer(&verb, encrypted);
            stream.write_all(answer.as_bytes()).await.ok()?;
            if verb == "DATA" && answer.starts_with("354") {
                self.take_mail(&mut stream, encrypted, login.clone()).await?;
            }
        }
    }

    fn answer(&self, verb: &str, encrypted: bool) -> String {
        let mut state = self.state.lock().unwrap();
        if let Some(Mood::Answer(at, line)) = state.moods.last().copied()
            && at == verb
        {
            state.moods.pop();
            return format!("{line}\r\n");
        }
        match verb {
            "EHLO" if self.tls.is_some() && !encrypted => "250-sink\r\n250 STARTTLS\r\n",
            "EHLO" => "250-sink\r\n250-8BITMIME\r\n250-SMTPUTF8\r\n250 AUTH PLAIN LOGIN\r\n",
            "AUTH" => "235 welcome\r\n",
            "DATA" => "354 go\r\n",
            _ => "250 ok\r\n",
        }
        .to_owned()
    }

    async fn take_mail(
        &self,
        stream: &mut (impl AsyncBufReadExt + AsyncWrite + Unpin),
        encrypted: bool,
        login: Option<String>,
    ) -> Option<()> {
        let mut raw = Vec::new();
        while !raw.ends_with(b"\r\n.\r\n") {
            stream.read_until(b'\n', &mut raw).await.ok().filter(|n| *n > 0)?;
        }
        let mood = {
            let mut state = self.state.lock().unwrap();
            let mood = state.moods.pop().unwrap_or(Mood::Take);
            if !matches!(mood, Mood::Answer(..)) {
                state.mails.push(Mail {
                    raw,
                    encrypted,
                    login,
                });
            }
            mood
        };
        match mood {
            Mood::Take => stream.write_all(b"250 taken\r\n").await.ok(),
            Mood::Answer(_, line) => stream.write_all(format!("{line}\r\n").as_bytes()).await.ok(),
            Mood::Drop => None,
            Mood::Hang => std::future::pending().await,
        }
    }
}
