//! What a configuration may and may not say.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use super::written::Written;
use super::*;

fn load(yaml: &str, environment: &[(&str, &str)]) -> Result<Settings, ConfigError> {
    let mut written = Written::default();
    written.add_yaml(yaml, Path::new("merlon.yaml"));
    written.add_environment(
        environment
            .iter()
            .map(|(name, text)| ((*name).to_owned(), (*text).to_owned())),
    );
    Settings::understand(written, false)
}

fn refusal(yaml: &str, environment: &[(&str, &str)]) -> String {
    load(yaml, environment).expect_err("must be refused").to_string()
}

#[test]
fn nothing_written_is_a_complete_configuration() {
    let settings = load("", &[]).unwrap();
    assert_eq!(settings.server.listen.to_string(), "127.0.0.1:8080");
    assert_eq!(
        settings.codes.phone,
        CodeRule {
            length: 6,
            lifetime: Duration::from_mins(10),
            tries: 5
        }
    );
    assert_eq!(settings.codes.email.lifetime, Duration::from_hours(1));
    assert_eq!(
        (settings.codes.password.length, settings.codes.password.lifetime),
        (8, Duration::from_hours(1))
    );
    assert_eq!(
        (
            settings.passwords.least_characters,
            settings.passwords.least_guesses
        ),
        (8, 1_000_000)
    );
    assert!(settings.passwords.needs.is_empty());
    assert_eq!(settings.inbox.access, Access::Admin);
    assert!(settings.smtp.is_none() && settings.tls.is_none());
    assert!(load("# only a comment\n", &[]).is_ok());
    assert!(load("server:\n", &[]).is_ok(), "an empty section says nothing");
}

#[test]
fn flags_win_over_environment_over_file() {
    let yaml = "server:\n  listen: 127.0.0.1:1\n  drain_time: 5s\ndata:\n  dir: /from/file\n";
    let variables = [
        ("MERLON_SERVER__LISTEN", "127.0.0.1:2"),
        ("MERLON_DATA__DIR", "/from/environment"),
    ];
    let settings = load(yaml, &variables).unwrap();
    assert_eq!(settings.server.listen.port(), 2);
    assert_eq!(settings.server.drain_time, Duration::from_secs(5));

    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), yaml).unwrap();
    let environment = variables
        .map(|(name, text)| (name.to_owned(), text.to_owned()))
        .to_vec();
    let flags = Sources {
        file: Some(file.path().to_owned()),
        environment,
        listen: Some("127.0.0.1:3".to_owned()),
        dev: true,
        ..Sources::default()
    };
    let settings = Settings::load(flags).unwrap();
    assert_eq!(settings.server.listen.port(), 3);
    assert_eq!(settings.data.dir, Path::new("/from/environment"));
    assert_eq!(settings.inbox.access, Access::Open, "--dev opens the inbox");
}

#[test]
fn an_unknown_key_is_refused_with_its_line_and_the_nearest_known_one() {
    let text = refusal("server:\n  listen: 127.0.0.1:1\n  lisen: 127.0.0.1:2\n", &[]);
    assert!(text.contains("server.lisen (merlon.yaml:3)"), "{text}");
    assert!(text.contains("did you mean server.listen?"), "{text}");
    let text = refusal("codes:\n  phone:\n    tris: 3\n", &[]);
    assert!(
        text.contains("codes.phone.tris (merlon.yaml:3)") && text.contains("codes.phone.tries"),
        "{text}"
    );
    let text = refusal("servr:\n  listen: 127.0.0.1:1\n", &[]);
    assert!(text.contains("did you mean server?"), "{text}");
    let text = refusal("smpt:\n  host: x\n", &[]);
    assert!(
        text.contains("smpt (merlon.yaml:1)") && text.contains("did you mean smtp?"),
        "{text}"
    );
}

#[test]
fn an_unknown_variable_is_refused_unless_the_orchestrator_made_it() {
    for name in [
        "MERLON_SERVER__LISEN",
        "MERLON_SERVER_LISTEN",
        "MERLON_Server__Listen",
        "MERLON_SERVER.LISTEN",
    ] {
        let text = refusal("", &[(name, "127.0.0.1:1")]);
        assert!(
            text.contains(name) && text.contains("MERLON_SERVER__LISTEN"),
            "{text}"
        );
    }
    let injected = [
        "MERLON_PORT",
        "MERLON_PORT_8080_TCP",
        "MERLON_SERVICE_HOST",
        "MERLON_SERVICE_PORT_HTTP",
        "OTHER__X",
    ];
    assert!(load("", &injected.map(|name| (name, "tcp://10.0.0.1:8080"))).is_ok());
    assert_eq!(load("", &[("MERLON_LOG", "debug")]).unwrap().log.filter, "debug");
}

#[test]
fn every_problem_is_named_at_once() {
    let text = refusal(
        "server:\n  listen: nowhere\ncodes:\n  phone:\n    tries: 0\n",
        &[("MERLON_SENDS__INTERVAL", "0s")],
    );
    for part in [
        "server.listen (merlon.yaml:2)",
        "codes.phone.tries (merlon.yaml:5)",
        "variable MERLON_SENDS__INTERVAL",
    ] {
        assert!(text.contains(part), "{part} in {text}");
    }
}

#[test]
fn no_limit_can_mean_never_or_unlimited() {
    let limits = keys().filter(|key| key.path.starts_with("codes.") || key.path.starts_with("sends."));
    for key in limits {
        let beyond: Vec<String> = match key.form {
            Form::Count(low, high) => vec![
                (low - 1).to_string(),
                (high + 1).to_string(),
                "-1".into(),
                "4294967296".into(),
            ],
            Form::Time(low, high) => {
                vec![
                    format!("{}s", low - 1),
                    format!("{}s", high + 1),
                    "0".into(),
                    "never".into(),
                    "0d".into(),
                ]
            }
            _ => panic!("{} has no bounds", key.path),
        };
        for text in beyond.iter().map(String::as_str).chain(["", "unlimited", "~x"]) {
            assert!(
                load("", &[(key.variable().as_str(), text)]).is_err(),
                "{} accepted {text:?}",
                key.path
            );
        }
    }
}

#[test]
fn the_highest_value_of_each_bound_is_accepted() {
    for key in keys() {
        let ends = match key.form {
            Form::Count(low, high) if key.default.is_some() => [low.to_string(), high.to_string()],
            Form::Time(low, high) => [format!("{low}s"), format!("{high}s")],
            _ => continue,
        };
        for text in ends {
            let (variable, hook) = (key.variable(), "https://x.example");
            let mut variables = vec![
                (variable.as_str(), text.as_str()),
                ("MERLON_DATABASE__URL", "postgres://db/merlon"),
                ("MERLON_SMS_WEBHOOK__URL", hook),
                ("MERLON_SMS_WEBHOOK__SIGNING_KEY", "0123456789abcdef"),
            ];
            variables.extend(if key.path.starts_with("email_webhook.") {
                [
                    ("MERLON_EMAIL_WEBHOOK__URL", hook),
                    ("MERLON_EMAIL_WEBHOOK__SIGNING_KEY", "0123456789abcdef"),
                ]
            } else {
                [("MERLON_SMTP__HOST", "m"), ("MERLON_SMTP__SENDER", "a@b")]
            });
            let outcome = load("", &variables);
            assert!(outcome.is_ok(), "{} refused {text}: {outcome:?}", key.path);
        }
    }
}

#[test]
fn a_send_may_take_as_long_as_its_longest_timeout() {
    let mut seen = 0;
    for key in keys().filter(|key| key.path.ends_with(".timeout")) {
        if let (Form::Time(_, high), "smtp" | "sms_webhook" | "email_webhook") =
            (key.form, key.path.split('.').next().unwrap())
        {
            assert!(Duration::from_secs(high) <= notify::LONGEST_TRY, "{}", key.path);
            seen += 1;
        }
    }
    assert_eq!(seen, 3);
}

#[test]
fn scalars_are_taken_as_typed() {
    let yaml = "smtp:\n  host: mail\n  sender: a@b.c\n  user: 007\n  password: 0123\n  port: 26\n";
    let smtp = load(yaml, &[]).unwrap().smtp.unwrap();
    let (user, password) = smtp.login.unwrap();
    assert_eq!((user.as_str(), password.reveal(), smtp.port), ("007", "0123", 26));
}

#[test]
fn lists_come_as_yaml_lists_and_comma_separated_variables() {
    let settings = load("server:\n  trusted_proxies: [10.0.0.0/8, '::1']\n", &[]).unwrap();
    assert_eq!(settings.server.trusted_proxies.len(), 2);
    let settings = load(
        "",
        &[("MERLON_SERVER__PUBLIC_HOSTS", "App.example.com, b.example.com")],
    )
    .unwrap();
    assert_eq!(settings.server.public_hosts, ["app.example.com", "b.example.com"]);
    assert_eq!(
        load("cors:\n  origins: []\n", &[]).unwrap().cors,
        Origins::Only(vec![])
    );
}

#[test]
fn no_secret_appears_in_debug_or_in_a_problem() {
    let secret = "Tr0ub4dor-and-more-characters";
    let yaml = format!(
        "smtp:\n  host: mail\n  sender: a@b.c\n  user: u\n  password: {secret}\nsms_webhook:\n  url: https://x.example\n  signing_key: {secret}\n"
    );
    let settings = load(&yaml, &[]).unwrap();
    assert!(!format!("{settings:?}").contains("Tr0ub4dor"));
    let short = "s3cr3t";
    for text in [
        refusal(&format!("master_key:\n  value: {short}\n"), &[]),
        refusal(
            &format!("sms_webhook:\n  url: https://x.example\n  signing_key: {short}\n"),
            &[],
        ),
        refusal(&format!("smtp:\n  host: mail\n  password: [{short}\n"), &[]),
        refusal("", &[("MERLON_MASTER_KEY__VALUE", short)]),
    ] {
        assert!(!text.contains(short), "{text}");
    }
}

#[test]
fn an_empty_secret_is_refused() {
    let mail = [
        ("MERLON_SMTP__HOST", "m"),
        ("MERLON_SMTP__SENDER", "a@b"),
        ("MERLON_SMTP__USER", "u"),
    ];
    let refusal_of = |empty: (&str, &str)| refusal("", &[mail[0], mail[1], mail[2], empty]);
    for key in keys().filter(|key| key.is_secret()) {
        let text = refusal_of((key.variable().as_str(), ""));
        assert!(text.contains(key.path) && text.contains("is empty"), "{text}");
    }
    let file = tempfile::NamedTempFile::new().unwrap();
    let text = refusal_of(("MERLON_SMTP__PASSWORD_FILE", file.path().to_str().unwrap()));
    assert!(
        text.contains("smtp.password_file") && text.contains("is empty"),
        "{text}"
    );
}

#[test]
fn half_a_section_is_refused() {
    for yaml in [
        "tls:\n  key_file: k.pem\n",
        "smtp:\n  sender: a@b.c\n",
        "smtp:\n  host: mail\n",
        "smtp:\n  host: mail\n  sender: a@b.c\n  user: me\n",
        "sms_webhook:\n  url: https://x.example\n",
        "email_webhook:\n  signing_key: 0123456789abcdef\n",
        "email_webhook:\n  url: http://mail.example.com\n  signing_key: 0123456789abcdef\n",
    ] {
        assert!(load(yaml, &[]).is_err(), "{yaml}");
    }
}

#[test]
fn e_mail_goes_one_way() {
    let text = refusal(
        "smtp:\n  host: mail\n  sender: a@b.c\nemail_webhook:\n  url: https://x.example\n  signing_key: 0123456789abcdef\n",
        &[],
    );
    assert!(
        text.contains("email_webhook.url") && text.contains("smtp.host") && text.contains("remove"),
        "{text}"
    );
}

#[test]
fn what_a_webhook_needs_a_url_for_is_refused_without_one() {
    for section in ["sms_webhook", "email_webhook"] {
        for rest in [
            "timeout: 5s",
            "allow_private: no",
            "second_signing_key: 0123456789abcdef",
        ] {
            let text = refusal(&format!("{section}:\n  {rest}\n"), &[]);
            let key = rest.split(':').next().unwrap();
            assert!(
                text.contains(&format!("{section}.{key} (merlon.yaml:2)"))
                    && text.contains(&format!("{section}.url")),
                "{text}"
            );
        }
    }
}

#[test]
fn broken_yaml_names_file_and_line() {
    let text = refusal("server:\n  listen: [1, 2\n", &[]);
    assert!(text.contains("merlon.yaml:"), "{text}");
    let text = refusal("server: 8080\n", &[]);
    assert!(
        text.contains("merlon.yaml:1") && text.contains("`server:`"),
        "{text}"
    );
    let text = refusal("server:\n  listen: 127.0.0.1:1\n  listen: 127.0.0.1:2\n", &[]);
    assert!(text.contains("merlon.yaml:3"), "a key given twice: {text}");
}

#[test]
fn keys_are_unique_and_belong_to_their_section() {
    let mut seen = BTreeSet::new();
    for (section, _, keys) in SECTIONS {
        for key in keys {
            assert!(key.path.starts_with(&format!("{section}.")), "{}", key.path);
            assert!(seen.insert(key.path), "{} twice", key.path);
            assert!(
                key.meaning.ends_with('.') && !key.meaning.contains('|'),
                "{}",
                key.path
            );
        }
    }
}

#[test]
fn a_database_server_needs_a_url_that_is_one() {
    let good = "postgres://merlon:hush@db1,db2:5433/merlon?sslmode=require";
    let settings = load("", &[("MERLON_DATABASE__URL", good)]).unwrap();
    assert!(!format!("{:?}", settings.database).contains("hush"));
    let readers = &settings.database.unwrap().options.readers;
    assert_eq!(*readers, 16);
    for wrong in [
        "mysql://merlon:hush@db/merlon",
        "db/merlon hush",
        "postgres://merlon:hush@db:port/merlon",
    ] {
        let text = refusal("", &[("MERLON_DATABASE__URL", wrong)]);
        assert!(
            text.contains("database.url") && text.contains("postgres://"),
            "{text}"
        );
        assert!(!text.contains("hush"), "{text}");
    }
    let text = refusal("database:\n  writers: 2\n", &[]);
    assert!(text.contains("database.url"), "{text}");
    let text = refusal(&format!("database:\n  url: {good}\n  key_file: k.pem\n"), &[]);
    assert!(text.contains("database.certificate_file"), "{text}");
    let text = refusal(
        &format!("database:\n  url: {good}\n  ca_file: /nowhere/ca.pem\n"),
        &[],
    );
    assert!(text.contains("/nowhere/ca.pem"), "{text}");
}

#[test]
fn a_region_is_one_that_has_phone_numbers() {
    let region = |text: &str| load(&format!("phone:\n  default_region: {text}\n"), &[]);
    for good in ["CH", "gb", "US", "XK"] {
        assert!(region(good).is_ok(), "{good}");
    }
    for bad in ["UK", "EN", "XX", "ZZ", "C1", "CHE"] {
        let text = region(bad).expect_err(bad).to_string();
        assert!(
            text.contains("phone.default_region") && text.contains(bad),
            "{text}"
        );
    }
    assert!(region("uk").expect_err("no region").to_string().contains("GB"));
}

#[test]
fn a_level_that_is_none_is_refused_and_not_a_silent_target() {
    for good in [
        "off",
        "INFO",
        "warn,store=debug",
        "store=debug,info",
        "app::user=trace",
        "server[http]=debug",
        "[http{id=1}]=debug",
    ] {
        assert!(load("", &[("MERLON_LOG", good)]).is_ok(), "{good}");
    }
    for bad in ["inof", "loud", "info,loud", "store", "store=loud", "app::user"] {
        let text = refusal("", &[("MERLON_LOG", bad)]);
        assert!(
            text.contains("log.level") && text.contains("off, error, warn, info, debug or trace"),
            "{text}"
        );
    }
}
