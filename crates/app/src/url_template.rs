//! Links that callers design: `{{.Name}}` is replaced, values are escaped, and the result leads to an allowed host.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use url::Url;

use crate::{
    error::{Error, Invalid, Result},
    policy::Policy,
};

/// What is escaped in a value: all but the unreserved characters of RFC 3986, so that it reads the same in a path, in a
/// query and behind `#`.
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// A template that was checked with sample values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UrlTemplate(String);

/// What a template may ask for.
#[derive(Clone, Copy)]
pub struct LinkValues<'a> {
    /// `{{.UserID}}`
    pub user_id: &'a str,
    /// `{{.OrgID}}`
    pub org_id: &'a str,
    /// `{{.Code}}`
    pub code: &'a str,
    /// `{{.FactorID}}`, for the registration of a factor.
    pub factor_id: Option<&'a str>,
    /// `{{.CodeID}}`, for a registration link.
    pub code_id: Option<&'a str>,
}

impl std::fmt::Debug for LinkValues<'_> {
    /// Holds a code: nothing is shown.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("LinkValues(..)")
    }
}

const SAMPLE: LinkValues<'static> = LinkValues {
    user_id: "1/1",
    org_id: "2/2",
    code: "ABC/123",
    factor_id: None,
    code_id: None,
};

impl UrlTemplate {
    /// Checks a template by rendering it once: only `{{.Name}}` with names that are offered, and the result must be an
    /// absolute http or https URL (RFC 3986) on the public host or a trusted one. The sample values hold a slash, which
    /// can stand in no host or port: so no value can decide where the link leads.
    pub fn parse(text: &str, with_factor: bool, policy: &Policy) -> Result<Self> {
        let sample = LinkValues {
            factor_id: with_factor.then_some("3/3"),
            ..SAMPLE
        };
        Self::checked(text, &sample, policy)
    }

    /// As [`Self::parse`], for a link that registers a passkey.
    pub fn parse_registration(text: &str, policy: &Policy) -> Result<Self> {
        let sample = LinkValues {
            code_id: Some("4/4"),
            ..SAMPLE
        };
        Self::checked(text, &sample, policy)
    }

    fn checked(text: &str, sample: &LinkValues<'_>, policy: &Policy) -> Result<Self> {
        let rendered = render(text, sample).map_err(|reason| Error::invalid("url_template", reason))?;
        if !leads_home(&rendered, policy) {
            return Err(Error::invalid("url_template", Invalid::UrlTemplateHost));
        }
        Ok(Self(text.to_owned()))
    }

    /// The link for these values.
    pub fn render(&self, values: &LinkValues<'_>) -> Option<String> {
        render(&self.0, values).ok()
    }
}

fn render(text: &str, values: &LinkValues<'_>) -> Result<String, Invalid> {
    let mut out = String::with_capacity(text.len() + 32);
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("{{") {
        let (name, after) = after.split_once("}}").ok_or(Invalid::UrlTemplateSyntax)?;
        let name = name.trim().strip_prefix('.').ok_or(Invalid::UrlTemplateSyntax)?;
        if !name.bytes().all(|b| b.is_ascii_alphanumeric()) {
            return Err(Invalid::UrlTemplateSyntax);
        }
        let value = match name {
            "UserID" => values.user_id,
            "OrgID" => values.org_id,
            "Code" => values.code,
            "FactorID" => values.factor_id.ok_or(Invalid::UrlTemplateName)?,
            "CodeID" => values.code_id.ok_or(Invalid::UrlTemplateName)?,
            _ => return Err(Invalid::UrlTemplateName),
        };
        out.push_str(before);
        out.extend(utf8_percent_encode(value, ESCAPED));
        rest = after;
    }
    if rest.contains("}}") {
        return Err(Invalid::UrlTemplateSyntax);
    }
    out.push_str(rest);
    Ok(out)
}

/// Whether a text has only the characters of RFC 3986 and its host where every reader of links looks for it: browsers
/// and mail programs disagree about backslashes, missing slashes, line ends and spaces.
fn is_plain(text: &str) -> bool {
    let known = |b: u8| b.is_ascii_alphanumeric() || b"-._~:/?#[]@!$&'()*+,;=%".contains(&b);
    let rest = text.split_once("://").map_or("", |(_, rest)| rest);
    text.bytes().all(known) && rest.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '[')
}

/// An absolute http(s) URL without user info, on a host of ours, whatever tricks its text plays.
pub(crate) fn leads_home(rendered: &str, policy: &Policy) -> bool {
    if !is_plain(rendered) {
        return false;
    }
    let Ok(url) = Url::parse(rendered) else {
        return false;
    };
    let web = matches!(url.scheme(), "http" | "https");
    let anonymous = url.username().is_empty() && url.password().is_none();
    let host = url.host_str().unwrap_or_default();
    let ours = std::iter::once(&policy.public_host).chain(&policy.trusted_hosts);
    web && anonymous && ours.into_iter().any(|h| h.eq_ignore_ascii_case(host))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<UrlTemplate> {
        let policy = Policy {
            public_host: "id.example.com".into(),
            trusted_hosts: vec!["app.example.com".into()],
            ..Policy::default()
        };
        UrlTemplate::parse(text, false, &policy)
    }

    #[test]
    fn values_are_escaped() {
        let template = parse("https://app.example.com/verify?u={{.UserID}}&c={{ .Code }}").unwrap();
        let values = LinkValues {
            user_id: "a&b=c",
            org_id: "",
            code: "12 34",
            factor_id: None,
            code_id: None,
        };
        assert_eq!(
            template.render(&values).unwrap(),
            "https://app.example.com/verify?u=a%26b%3Dc&c=12%2034"
        );
    }

    #[test]
    fn a_value_reads_the_same_in_a_path_and_in_a_query() {
        let template = parse("https://app.example.com/{{.UserID}}?u={{.UserID}}").unwrap();
        let values = LinkValues {
            user_id: "a b+c/ü~-_.*",
            ..SAMPLE
        };
        assert_eq!(
            template.render(&values).unwrap(),
            "https://app.example.com/a%20b%2Bc%2F%C3%BC~-_.%2A?u=a%20b%2Bc%2F%C3%BC~-_.%2A"
        );
    }

    #[test]
    fn the_id_of_a_code_is_offered_to_registration_links_only() {
        let text = "https://id.example.com/?id={{.CodeID}}&c={{.Code}}";
        assert!(parse(text).is_err());
        let policy = Policy {
            public_host: "id.example.com".into(),
            ..Policy::default()
        };
        let template = UrlTemplate::parse_registration(text, &policy).unwrap();
        let values = LinkValues {
            code_id: Some("7"),
            code: "AB",
            ..SAMPLE
        };
        assert_eq!(
            template.render(&values).unwrap(),
            "https://id.example.com/?id=7&c=AB"
        );
        assert!(UrlTemplate::parse_registration("https://id.example.com/{{.FactorID}}", &policy).is_err());
    }

    #[test]
    fn a_link_leads_to_a_host_of_ours() {
        for bad in [
            "https://evil.example/{{.Code}}",
            "//id.example.com/{{.Code}}",
            "javascript:alert(1)",
            "https://id.example.com@evil.example/{{.Code}}",
            "https://id.example.com.evil.example/",
            "https://evilid.example.com/{{.Code}}",
            "https://evil.id.example.com/{{.Code}}",
            "https://{{.Code}}.id.example.com/",
            "https:\\\\evil.example\\id.example.com",
            "ftp://id.example.com/",
            "verify?code={{.Code}}",
        ] {
            assert!(parse(bad).is_err(), "{bad}");
        }
        assert!(parse("https://ID.example.com:8443/{{.Code}}").is_ok());
    }

    #[test]
    fn nothing_but_names_is_understood() {
        for bad in [
            "https://id.example.com/{{.Code",
            "https://id.example.com/{{if .Code}}",
            "https://id.example.com/{{.Password}}",
            "https://id.example.com/}}",
        ] {
            assert!(parse(bad).is_err(), "{bad}");
        }
    }
}
