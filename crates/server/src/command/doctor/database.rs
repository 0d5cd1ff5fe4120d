//! The doctor's look at a PostgreSQL server.

use store::{Error, PostgresOptions, ServerReport};

use super::finding::Finding;

/// All checks of the database server.
pub(super) async fn all(options: &PostgresOptions) -> Vec<Finding> {
    match ServerReport::of(options).await {
        Ok(report) => findings(&report),
        Err(Error::Unavailable) => vec![Finding::fail(
            "the database server does not answer, or takes no writes",
            "check database.url, the network between, and whether the primary runs",
        )],
        Err(error) => vec![Finding::fail(
            format!("the database server cannot be used ({error})"),
            "check database.url: role, password, database and TLS",
        )],
    }
}

fn findings(report: &ServerReport) -> Vec<Finding> {
    let mut findings = vec![Finding::ok(format!("PostgreSQL {}", report.version))];
    findings.push(match report.schema {
        _ if report.unfinished => Finding::fail(
            "the database is the target of a move that was not finished",
            "run the same merlon migrate again, or begin anew with an empty database",
        ),
        Some(version) if version > 0 => Finding::ok(format!("database schema {version}")),
        _ => Finding::ok("database will be laid out at the first start"),
    });
    if !report.keeps {
        findings.push(Finding::warn(
            "fsync or synchronous_commit is off",
            "a crash of the server loses what was acknowledged; turn both on",
        ));
    }
    if !report.finds_parts {
        findings.push(Finding::warn(
            "the extension pg_trgm is not there",
            "searches inside names, addresses and numbers compare row by row; install PostgreSQL's contrib package",
        ));
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::super::finding::Level;
    use super::*;

    #[test]
    fn a_server_that_may_lose_things_or_finds_them_slowly_is_worth_a_word() {
        let mut report = ServerReport {
            version: "15.18".into(),
            schema: Some(1),
            unfinished: false,
            keeps: true,
            finds_parts: true,
        };
        let levels = |report: &ServerReport| findings(report).iter().map(|f| f.level).collect::<Vec<_>>();
        assert_eq!(levels(&report), [Level::Ok, Level::Ok]);
        (report.keeps, report.finds_parts) = (false, false);
        assert_eq!(levels(&report), [Level::Ok, Level::Ok, Level::Warn, Level::Warn]);
        report.unfinished = true;
        assert_eq!(levels(&report)[1], Level::Fail);
    }
}
