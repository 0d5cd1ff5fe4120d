//! What a database server is like when we come: a schema of our own, others beside us, few connections, another encoding, a newer program.

use domain::user::Command;
use store::Error;
use testkit::postgres_server;

use crate::{
    given::*,
    ledger::{node_on, until},
};

fn answer(database: &postgres_server::Database, sql: &str) -> String {
    String::from_utf8(database.sql(sql)).unwrap().trim().to_owned()
}

#[tokio::test]
async fn a_schema_of_ones_own_holds_everything() {
    let database = postgres_server::database();
    database.sql("CREATE SCHEMA house");
    let url = format!("{}&options=-c%20search_path%3Dhouse", database.url());
    let store = node_on(&url).await.unwrap();
    let ids = users(&store, 2).await;
    decide(&store, &ids[0], set_phone("+41791234567", 1))
        .await
        .unwrap();
    assert!(history(&store, &ids[0]).await.len() > 1);
    store.close();
    let tables = |schema: &str| {
        let sql = format!("SELECT count(*) FROM pg_tables WHERE schemaname = '{schema}'");
        String::from_utf8(database.sql(&sql))
            .unwrap()
            .trim()
            .parse::<u32>()
            .unwrap()
    };
    assert_eq!((tables("public"), tables("house") > 20), (0, true));
}

#[tokio::test]
async fn two_in_one_database_both_have_the_index_of_parts() {
    let database = postgres_server::database();
    for schema in ["one", "two"] {
        database.sql(&format!("CREATE SCHEMA {schema}"));
        let url = format!("{}&options=-c%20search_path%3D{schema}", database.url());
        node_on(&url).await.unwrap().close();
        let parts = format!(
            "SELECT count(*) FROM pg_indexes WHERE schemaname = '{schema}' AND indexname LIKE '%parts'"
        );
        assert_eq!(answer(&database, &parts), "3", "{schema}");
    }
}

#[tokio::test]
async fn tables_of_somebody_else_are_not_taken_for_ours() {
    let database = postgres_server::database();
    database.sql("CREATE TABLE membership (instance text, user_id text, org text, roles text)");
    assert!(node_on(&database.url()).await.is_err());
    let tables =
        "SELECT string_agg(tablename, ' ' ORDER BY tablename) FROM pg_tables WHERE schemaname = 'public'";
    assert_eq!(answer(&database, tables), "membership merlon_schema");
}

/// A server that says of itself that it is another engine.
fn engine(version: &str) -> postgres_server::Database {
    let database = postgres_server::database();
    database.sql(&format!(
        "CREATE SCHEMA engine; CREATE FUNCTION engine.version() RETURNS text LANGUAGE sql AS $$ SELECT '{version}' $$;"
    ));
    database
}

/// On those what was made stays when a later statement fails.
#[tokio::test]
async fn engines_that_make_tables_one_by_one_go_on_where_they_were_stopped() {
    for (version, texts_of_our_own_order) in [
        ("CockroachDB CCL v25.4.2 (x86_64-pc-linux-gnu)", false),
        ("PostgreSQL 15.12-YB-2025.1.0.0-b168 on x86_64-pc-linux-gnu", true),
    ] {
        let database = engine(version);
        let url = format!("{}&options=-c%20search_path%3Dengine,pg_catalog", database.url());
        database.sql("CREATE TABLE engine.users (in_the_way int)");
        assert!(node_on(&url).await.is_err());
        let made =
            "SELECT count(*) FROM pg_tables WHERE schemaname = 'engine' AND tablename IN ('event', 'meta')";
        assert_eq!(answer(&database, made), "1", "{version}: what comes before stays");
        database.sql("DROP TABLE engine.users");
        let store = node_on(&url).await.unwrap();
        let ids = users(&store, 2).await;
        decide(&store, &ids[0], set_phone("+41791234567", 1))
            .await
            .unwrap();
        assert_log_is_whole(&store).await;
        store.close();
        node_on(&url).await.unwrap().close();
        let ordered = "SELECT count(*) > 0 FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
            JOIN pg_collation l ON l.oid = a.attcollation WHERE c.relnamespace = 'engine'::regnamespace AND l.collname = 'C'";
        let is_ours = if texts_of_our_own_order { "t" } else { "f" };
        assert_eq!(answer(&database, ordered), is_ours, "{version}");
    }
}

#[tokio::test]
async fn an_encoding_that_lacks_characters_is_refused() {
    let database = postgres_server::database();
    let name = format!("{}_latin", database.name());
    database.sql(&format!(
        "CREATE DATABASE {name} ENCODING 'LATIN1' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0"
    ));
    let opened = node_on(&database.url().replace(database.name(), &name)).await;
    database.sql(&format!("DROP DATABASE {name} WITH (FORCE)"));
    let Err(Error::Unusable(reason)) = opened else {
        panic!("{opened:?}");
    };
    assert!(reason.contains("LATIN1") && reason.contains("UTF8"), "{reason}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn few_connections_make_it_slower_and_not_ill() {
    let database = postgres_server::database();
    let role = format!("{}_few", database.name());
    database.sql(&format!(
        "CREATE ROLE {role} LOGIN CONNECTION LIMIT 5; GRANT ALL ON DATABASE {} TO {role}; GRANT ALL ON SCHEMA public TO {role}",
        database.name()
    ));
    // This node would like two committers, the pulse, and four readers.
    let store = node_on(&database.url().replace("merlon@", &format!("{role}@")))
        .await
        .unwrap();
    let ids = users(&store, 8).await;
    let asked = ids.iter().map(|id| {
        let (store, id) = (store.clone(), id.clone());
        tokio::spawn(async move {
            for n in 0..20 {
                load(&store, &id).await;
                let mut glance = store.glance().unwrap();
                assert!(store::meta::read(&mut glance, "none").await.unwrap().is_none());
                decide(&store, &id, Command::SetData(data(&n.to_string())))
                    .await
                    .unwrap();
            }
        })
    });
    for asked in asked.collect::<Vec<_>>() {
        asked.await.unwrap();
    }
    assert!(store.obstacle().is_none());
    assert_log_is_whole(&store).await;
    store.close();
    drop(store);
    let left = format!("SELECT count(*) FROM pg_stat_activity WHERE usename = '{role}'");
    until("everybody left", || answer(&database, &left) == "0").await;
    database.sql(&format!("DROP OWNED BY {role}; DROP ROLE {role}"));
}

#[tokio::test]
async fn a_node_serves_nothing_once_a_newer_program_changed_the_database() {
    let database = postgres_server::database();
    let store = node_on(&database.url()).await.unwrap();
    users(&store, 1).await;
    let as_it_was = answer(&database, "SELECT bearable_to FROM merlon_schema");
    database.sql("UPDATE merlon_schema SET bearable_to = 99");
    until("it is noticed", || store.obstacle().is_some()).await;
    let late = decide(&store, &user(0), Command::SetData(data("late"))).await;
    assert!(
        matches!(late, Err(Failure::Store(Error::Unavailable))),
        "{late:?}"
    );
    database.sql(&format!("UPDATE merlon_schema SET bearable_to = {as_it_was}"));
    until("it is well again", || store.obstacle().is_none()).await;
    decide(&store, &user(0), Command::SetData(data("well")))
        .await
        .unwrap();
}

#[tokio::test]
async fn nodes_share_the_time_of_the_server() {
    let database = postgres_server::database();
    let store = node_on(&database.url()).await.unwrap();
    let asked = "SELECT CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000000 AS BIGINT)";
    let asked = || answer(&database, asked).parse::<i64>().unwrap();
    let (before, time, after) = (asked(), store.time().unwrap(), asked());
    let minute = 60_000_000;
    assert!(
        (before - minute..after + minute).contains(&time.0),
        "{before} {time:?} {after}"
    );
    assert!(store.time().unwrap() >= time);
}

#[test]
fn a_url_that_cannot_be_read_is_explained_by_the_name_of_its_option() {
    let explained = |tail: &str| {
        let options =
            store::PostgresOptions::new(format!("postgres://merlon:secret@localhost/merlon?{tail}"));
        options.check().unwrap_err().to_string()
    };
    for tail in ["sslmode=verify-full", "sslrootcert=/etc/ca.pem"] {
        let words = explained(tail);
        assert!(
            words.contains("sslmode=require") && words.contains("database.ca_file"),
            "{words}"
        );
    }
    let words = explained("colour=blue");
    assert!(
        words.contains("colour") && !words.contains("secret") && !words.contains("blue"),
        "{words}"
    );
}
