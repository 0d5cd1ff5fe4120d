//! The contract against the facts it was written from: names, numbers, types, limits, HTTP rules, permissions of
//! our `.proto` files are those of the fact tables in `facts/`, and everything explains itself.
#![expect(clippy::unwrap_used, reason = "a broken fixture should stop the test")]

mod comments;
mod ours;
mod table;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use prost_reflect::DescriptorPool;

/// What one table, or our side of it, says: for each rpc, message, enum or extension a set of plain statements.
#[derive(Debug, Default)]
pub(crate) struct Facts {
    package: String,
    files: BTreeSet<String>,
    subjects: BTreeMap<String, BTreeSet<String>>,
}

impl Facts {
    fn state(&mut self, subject: &str, fact: impl Into<String>) {
        self.subjects
            .entry(subject.to_owned())
            .or_default()
            .insert(fact.into());
    }
}

/// Tables of packages that we serve whole.
const WHOLE: [&str; 11] = [
    include_str!("facts/zitadel.user.v3alpha.txt"),
    include_str!("facts/zitadel.user.schema.v3alpha.txt"),
    include_str!("facts/zitadel.resources.user.v3alpha.txt"),
    include_str!("facts/zitadel.resources.userschema.v3alpha.txt"),
    include_str!("facts/zitadel.resources.object.v3alpha.txt"),
    include_str!("facts/zitadel.object.v3alpha.txt"),
    include_str!("facts/zitadel.object.v2.txt"),
    include_str!("facts/zitadel.object.v2beta.txt"),
    include_str!("facts/zitadel.filter.v2.txt"),
    include_str!("facts/zitadel.v1.txt"),
    include_str!("facts/zitadel.protoc_gen_zitadel.v2.txt"),
];

/// Tables of packages that we serve in part.
const PARTIAL: [&str; 6] = [
    include_str!("facts/zitadel.auth.v1.txt"),
    include_str!("facts/zitadel.admin.v1.txt"),
    include_str!("facts/zitadel.idp.v1.txt"),
    include_str!("facts/zitadel.user.v1.txt"),
    include_str!("facts/zitadel.user.v2.txt"),
    include_str!("facts/zitadel.feature.v2.txt"),
];

/// The methods that have to be there of the packages that we serve in part.
const PARTIAL_METHODS: [&str; 31] = [
    "zitadel.auth.v1.AuthService.Healthz",
    "zitadel.auth.v1.AuthService.GetMyUser",
    "zitadel.auth.v1.AuthService.GetMyEmail",
    "zitadel.auth.v1.AuthService.SetMyEmail",
    "zitadel.auth.v1.AuthService.VerifyMyEmail",
    "zitadel.auth.v1.AuthService.ResendMyEmailVerification",
    "zitadel.auth.v1.AuthService.GetMyPhone",
    "zitadel.auth.v1.AuthService.SetMyPhone",
    "zitadel.auth.v1.AuthService.VerifyMyPhone",
    "zitadel.auth.v1.AuthService.ResendMyPhoneVerification",
    "zitadel.auth.v1.AuthService.RemoveMyPhone",
    "zitadel.auth.v1.AuthService.ListMyAuthFactors",
    "zitadel.auth.v1.AuthService.AddMyAuthFactorOTPSMS",
    "zitadel.auth.v1.AuthService.RemoveMyAuthFactorOTPSMS",
    "zitadel.auth.v1.AuthService.AddMyAuthFactorOTPEmail",
    "zitadel.auth.v1.AuthService.RemoveMyAuthFactorOTPEmail",
    "zitadel.user.v2.UserService.AddPersonalAccessToken",
    "zitadel.user.v2.UserService.RemovePersonalAccessToken",
    "zitadel.user.v2.UserService.ListPersonalAccessTokens",
    "zitadel.admin.v1.AdminService.ListProviders",
    "zitadel.admin.v1.AdminService.GetProviderByID",
    "zitadel.admin.v1.AdminService.AddGenericOAuthProvider",
    "zitadel.admin.v1.AdminService.UpdateGenericOAuthProvider",
    "zitadel.admin.v1.AdminService.AddGenericOIDCProvider",
    "zitadel.admin.v1.AdminService.UpdateGenericOIDCProvider",
    "zitadel.admin.v1.AdminService.AddLDAPProvider",
    "zitadel.admin.v1.AdminService.UpdateLDAPProvider",
    "zitadel.admin.v1.AdminService.DeleteProvider",
    "zitadel.feature.v2.FeatureService.SetInstanceFeatures",
    "zitadel.feature.v2.FeatureService.ResetInstanceFeatures",
    "zitadel.feature.v2.FeatureService.GetInstanceFeatures",
];

/// A statement of a table that we differ from on purpose.
struct Intended {
    package: &'static str,
    subject: &'static str,
    table: &'static str,
    ours: &'static str,
}

/// Every intended difference. A user without a schema gets the built-in one, so `schema_id` may stay empty. The
/// e-mail rule knows no international domains and no spaces at the ends; addresses are parsed later anyway.
/// Passwords and their hashes may be longer. Names and passwords of people in a directory are no URLs, and may have a
/// space or a percent sign in them.
const INTENDED: [Intended; 15] = [
    Intended {
        package: "zitadel.user.v3alpha",
        subject: "message CreateUserRequest",
        table: "5 string schema_id REQUIRED max_len=200 min_len=1",
        ours: "5 string schema_id ignore_empty=true max_len=200 min_len=1",
    },
    Intended {
        package: "zitadel.resources.user.v3alpha",
        subject: "message CreateUser",
        table: "1 string schema_id REQUIRED max_len=200 min_len=1",
        ours: "1 string schema_id ignore_empty=true max_len=200 min_len=1",
    },
    Intended {
        package: "zitadel.user.v3alpha",
        subject: "message SetEmail",
        table: "1 string address REQUIRED email=true max_len=200 min_len=1",
        ours: "1 string address REQUIRED max_len=200 min_len=1",
    },
    Intended {
        package: "zitadel.resources.user.v3alpha",
        subject: "message SetEmail",
        table: "1 string address REQUIRED email=true max_len=200 min_len=1",
        ours: "1 string address REQUIRED max_len=200 min_len=1",
    },
    Intended {
        package: "zitadel.auth.v1",
        subject: "message SetMyEmailRequest",
        table: "1 string email REQUIRED email=true",
        ours: "1 string email REQUIRED max_len=200 min_len=1",
    },
    Intended {
        package: "zitadel.user.v3alpha",
        subject: "message SetPassword",
        table: "1 string password REQUIRED max_len=200 min_len=1 in type",
        ours: "1 string password REQUIRED max_len=1024 min_len=1 in type",
    },
    Intended {
        package: "zitadel.user.v3alpha",
        subject: "message SetPassword",
        table: "2 string hash REQUIRED max_len=200 min_len=1 in type",
        ours: "2 string hash REQUIRED max_len=1024 min_len=1 in type",
    },
    Intended {
        package: "zitadel.user.v3alpha",
        subject: "message SetPasswordRequest",
        table: "3 string current_password REQUIRED max_len=200 min_len=1 in verification",
        ours: "3 string current_password REQUIRED max_len=1024 min_len=1 in verification",
    },
    Intended {
        package: "zitadel.resources.user.v3alpha",
        subject: "message SetPassword",
        table: "1 string password REQUIRED max_len=200 min_len=1 in type",
        ours: "1 string password REQUIRED max_len=1024 min_len=1 in type",
    },
    Intended {
        package: "zitadel.resources.user.v3alpha",
        subject: "message SetPassword",
        table: "2 string hash REQUIRED max_len=200 min_len=1 in type",
        ours: "2 string hash REQUIRED max_len=1024 min_len=1 in type",
    },
    Intended {
        package: "zitadel.resources.user.v3alpha",
        subject: "message SetPassword",
        table: "4 string current_password REQUIRED max_len=200 min_len=1 in verification",
        ours: "4 string current_password REQUIRED max_len=1024 min_len=1 in verification",
    },
    Intended {
        package: "zitadel.user.v3alpha",
        subject: "message LDAPCredentials",
        table: "1 string username REQUIRED max_len=200 min_len=1 uri_ref=true",
        ours: "1 string username REQUIRED max_len=200 min_len=1",
    },
    Intended {
        package: "zitadel.user.v3alpha",
        subject: "message LDAPCredentials",
        table: "2 string password REQUIRED max_len=200 min_len=1 uri_ref=true",
        ours: "2 string password REQUIRED max_len=1024 min_len=1",
    },
    Intended {
        package: "zitadel.resources.user.v3alpha",
        subject: "message LDAPCredentials",
        table: "1 string username REQUIRED max_len=200 min_len=1 uri_ref=true",
        ours: "1 string username REQUIRED max_len=200 min_len=1",
    },
    Intended {
        package: "zitadel.resources.user.v3alpha",
        subject: "message LDAPCredentials",
        table: "2 string password REQUIRED max_len=200 min_len=1 uri_ref=true",
        ours: "2 string password REQUIRED max_len=1024 min_len=1",
    },
];

/// Numbers that other implementations rely on and no table holds.
const EXTENSIONS: [(&str, &str, u32); 8] = [
    ("google.api.http", "google.protobuf.MethodOptions", 72_295_728),
    ("google.api.field_behavior", "google.protobuf.FieldOptions", 1052),
    ("validate.rules", "google.protobuf.FieldOptions", 1071),
    ("validate.required", "google.protobuf.OneofOptions", 1071),
    ("validate.disabled", "google.protobuf.MessageOptions", 1071),
    ("validate.ignored", "google.protobuf.MessageOptions", 1072),
    ("zitadel.v1.auth_option", "google.protobuf.MethodOptions", 50000),
    (
        "zitadel.protoc_gen_zitadel.v2.options",
        "google.protobuf.MethodOptions",
        50001,
    ),
];

pub(crate) fn compiler() -> protox::Compiler {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("proto");
    let mut files = Vec::new();
    collect(&root, &root, &mut files);
    let mut compiler = protox::Compiler::new([&root]).unwrap();
    compiler
        .include_imports(true)
        .include_source_info(true)
        .open_files(files)
        .unwrap();
    compiler
}

fn collect(root: &Path, folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(root, &path, files);
        } else {
            files.push(path.strip_prefix(root).unwrap().to_owned());
        }
    }
}

/// Everything in which our side of a package differs from its table.
fn differences(table: &str, pool: &DescriptorPool, whole: bool) -> Vec<String> {
    let (expected, actual) = (table::parse(table), ours::facts(pool, table::package(table)));
    let package = expected.package.clone();
    let expected = with_intended(expected);
    let mut found = Vec::new();
    for file in actual.files.difference(&expected.files) {
        found.push(format!("{package}: file {file} is not in the table"));
    }
    for (subject, facts) in &actual.subjects {
        let Some(wanted) = expected.subjects.get(subject) else {
            found.push(format!("{package}: {subject} is not in the table"));
            continue;
        };
        // Numbers that we keep free beyond those of the table are no difference.
        for fact in facts
            .difference(wanted)
            .filter(|fact| !fact.starts_with("reserved "))
        {
            found.push(format!("{package}: {subject}: ours only: {fact}"));
        }
        for fact in wanted.difference(facts) {
            found.push(format!("{package}: {subject}: table only: {fact}"));
        }
    }
    if whole {
        let missing = expected
            .subjects
            .keys()
            .filter(|subject| !actual.subjects.contains_key(*subject));
        found.extend(missing.map(|subject| format!("{package}: {subject} is missing")));
        found.extend(
            expected
                .files
                .difference(&actual.files)
                .map(|file| format!("{package}: file {file} is missing")),
        );
    }
    found
}

/// Puts our statement where the table's was; one that is not there stays out, and shows as a difference.
fn with_intended(mut expected: Facts) -> Facts {
    for difference in INTENDED
        .iter()
        .filter(|difference| difference.package == expected.package)
    {
        let facts = expected.subjects.get_mut(difference.subject);
        if let Some(facts) = facts.filter(|facts| facts.contains(difference.table)) {
            facts.remove(difference.table);
            facts.insert(difference.ours.to_owned());
        }
    }
    expected
}

#[test]
fn whole_packages_equal_their_tables() {
    let pool = compiler().descriptor_pool();
    let found: Vec<String> = WHOLE
        .iter()
        .flat_map(|table| differences(table, &pool, true))
        .collect();
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[test]
fn partial_packages_agree_with_their_tables() {
    let pool = compiler().descriptor_pool();
    let found: Vec<String> = PARTIAL
        .iter()
        .flat_map(|table| differences(table, &pool, false))
        .collect();
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[test]
fn partial_packages_have_the_promised_methods() {
    let pool = compiler().descriptor_pool();
    let have: BTreeSet<String> = pool
        .services()
        .flat_map(|service| {
            service
                .methods()
                .map(|method| method.full_name().to_owned())
                .collect::<Vec<_>>()
        })
        .collect();
    for name in PARTIAL_METHODS {
        assert!(have.contains(name), "{name} is missing");
    }
}

#[test]
fn every_package_is_compared() {
    let pool = compiler().descriptor_pool();
    let tables: BTreeSet<&str> = WHOLE
        .iter()
        .chain(&PARTIAL)
        .map(|table| table::package(table))
        .collect();
    let unknown: Vec<String> = pool
        .files()
        .map(|file| file.package_name().to_owned())
        .filter(|package| package.starts_with("zitadel") && !tables.contains(package.as_str()))
        .collect();
    assert!(unknown.is_empty(), "no table for {unknown:?}");
}

#[test]
fn extensions_have_their_true_numbers() {
    let pool = compiler().descriptor_pool();
    for (name, target, number) in EXTENSIONS {
        let extension = pool
            .all_extensions()
            .find(|extension| extension.full_name() == name)
            .unwrap();
        assert_eq!(
            (extension.containing_message().full_name(), extension.number()),
            (target, number),
            "{name}"
        );
    }
}

/// A comparison that cannot fail proves nothing: each kind of typo, made in a copy of a table, is found.
#[test]
fn each_kind_of_typo_is_found() {
    let pool = compiler().descriptor_pool();
    let users = WHOLE[0];
    let typos = [
        (
            "number",
            "  3 optional string email_code\n",
            "  2 optional string email_code\n",
        ),
        ("name", "  2 string otp_sms_id\n", "  2 string otp_sms\n"),
        ("type", "  3 uint32 revision", "  3 uint64 revision"),
        (
            "label",
            "  3 optional string email_code\n",
            "  3 string email_code\n",
        ),
        ("oneof", "  oneof medium\n", "  oneof media\n"),
        ("oneof rule", "  oneof query required\n", "  oneof query\n"),
        ("enum number", "  4 USER_STATE_LOCKED", "  5 USER_STATE_LOCKED"),
        ("enum name", "  4 USER_STATE_LOCKED", "  4 USER_STATE_BLOCKED"),
        (
            "request type",
            "rpc LockUser LockUserRequest",
            "rpc LockUser UnlockUserRequest",
        ),
        (
            "verb",
            "| PUT /v3alpha/users/{user_id}/phone",
            "| POST /v3alpha/users/{user_id}/phone",
        ),
        (
            "path",
            "/v3alpha/users/{user_id}/otp_sms body",
            "/v3alpha/users/{user_id}/otp-sms body",
        ),
        ("body", "/otp_sms body=*", "/otp_sms body=phone"),
        ("permission", "permission=user.write", "permission=user.read"),
        ("success", " | success=201", ""),
        (
            "limit",
            "1 string number min_len=1 max_len=20",
            "1 string number min_len=1 max_len=21",
        ),
        ("required", "max_len=20 REQUIRED", "max_len=20"),
        ("constant", "const=true", "const=false"),
        (
            "missing message",
            "message SetPhone\n",
            "message SetPhoneNumber\n",
        ),
        (
            "intended difference",
            "5 string schema_id min_len=1",
            "5 string schema_id min_len=2",
        ),
        (
            "file",
            "zitadel/user/v3alpha/user.proto",
            "zitadel/user/v3alpha/users.proto",
        ),
    ];
    for (kind, right, wrong) in typos {
        assert!(users.contains(right), "the table no longer has {right:?}");
        let found = differences(&users.replacen(right, wrong, 1), &pool, true);
        assert!(!found.is_empty(), "a wrong {kind} was not found");
    }
    let options = WHOLE[10].replacen("reserved 2", "reserved 4", 1);
    assert!(
        !differences(&options, &pool, true).is_empty(),
        "a free number that is taken was not found"
    );
    let auth = PARTIAL[0].replacen("PUT /users/me/phone", "PUT /users/me/phones", 1);
    assert!(
        !differences(&auth, &pool, false).is_empty(),
        "a wrong path of a part was not found"
    );
}

#[test]
fn everything_explains_itself() {
    let missing = comments::missing(&compiler().file_descriptor_set());
    assert!(missing.is_empty(), "without a comment:\n{}", missing.join("\n"));
}

#[test]
fn a_missing_comment_is_found() {
    let mut set = compiler().file_descriptor_set();
    let file = set
        .file
        .iter_mut()
        .find(|file| file.name() == "zitadel/user.proto")
        .unwrap();
    file.source_code_info
        .as_mut()
        .unwrap()
        .location
        .retain(|place| place.path != [4, 0, 2, 0]);
    assert_eq!(comments::missing(&set), ["zitadel.user.v1.User.id"]);
}
