//! Searching users: which match, in which order, how many in all. Equality and prefixes of usernames, addresses and numbers
//! are answered by an index, and so are three characters or more inside or at the end of them; the rest is compared row
//! by row.

use std::sync::Arc;

use domain::{
    base::{InstanceId, OrgId, UserId},
    user::{Person, UserState},
};

use super::{user, user_text};
use crate::{
    change::Head,
    commit::TextField,
    db::{Dialect, Snapshot},
    error::Result,
    query::{Filter, Page, Query, TextColumn, TextMatch},
};

/// What users can be searched by. Texts of usernames and addresses are compared in their canonical form.
#[derive(Clone, Debug)]
pub enum Leaf {
    /// By id.
    Id(TextMatch, String),
    /// By organization.
    Org(TextMatch, String),
    /// By any of their usernames, in canonical form; those of an organization only, or all.
    Username {
        /// How it is compared.
        how: TextMatch,
        /// In canonical form.
        text: String,
        /// Names of the whole instance do not count.
        only_org: bool,
    },
    /// By contact e-mail address, in canonical form.
    Email(TextMatch, String),
    /// By contact phone number, as E.164 or a part of it.
    Phone(TextMatch, String),
    /// By state.
    State(UserState),
    /// By the id of the schema they follow.
    SchemaId(String),
    /// By the type of the schema they follow.
    SchemaType(TextMatch, String),
    /// A state that no user has.
    Never,
}

/// What users are sorted by; equal ones by id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SortBy {
    /// The id.
    Id,
    /// The time of creation.
    Created,
    /// The time of the last change.
    Changed,
    /// The contact e-mail address; those without one first.
    Email,
    /// The contact phone number; those without one first.
    Phone,
    /// Active, inactive, locked.
    State,
    /// The id of the schema; those of the built-in one first.
    SchemaId,
    /// The type of the schema; those of the built-in one first.
    SchemaType,
}

/// Whose users can be seen.
#[derive(Clone, Debug)]
pub enum Visible {
    /// All of the instance.
    All,
    /// Those of some organizations, and one user beside.
    Of(Vec<OrgId>, UserId),
}

/// A user of a list.
#[derive(Clone, Debug)]
pub struct Found {
    /// Its id.
    pub id: UserId,
    /// Where its history stands.
    pub head: Head,
    /// What it consists of.
    pub person: Person,
}

/// Users that match and can be seen, and how many do in all. The number of statements does not depend on the number of
/// users.
pub async fn search(
    snapshot: &mut Snapshot,
    instance: &InstanceId,
    visible: &Visible,
    filter: &Filter<Leaf>,
    (sort, page): (SortBy, Page),
) -> Result<(Vec<Found>, i64)> {
    let filter = &narrowed(snapshot, instance, filter).await?;
    let mut count = Query::new(snapshot.dialect(), "SELECT count(*) FROM users u WHERE ");
    condition(&mut count, instance, visible, filter);
    let total = count.number(snapshot).await?;
    if total <= page.offset {
        return Ok((Vec::new(), total));
    }
    let mut ids = Query::new(snapshot.dialect(), "");
    page_of_ids(&mut ids, (instance, visible), filter, (sort, page));
    let ids = ids
        .all(snapshot, |row| Ok(UserId::from_trusted(row.text(0)?)))
        .await?;
    let mut people = user::by_ids(snapshot, instance, &ids).await?;
    let found = ids.into_iter().filter_map(|id| {
        let (head, person) = people.remove(&id)?;
        Some(Found { id, head, person })
    });
    Ok((found.collect(), total))
}

/// Adds the query for the ids of a page. Where few match, they are found first and sorted then, lest the planner walks all
/// users in order: `+` says so on SQLite, on PostgreSQL an `OFFSET` inside, which its planner does not look across.
fn page_of_ids(
    query: &mut Query,
    (instance, visible): (&InstanceId, &Visible),
    filter: &Filter<Sought<'_>>,
    (sort, page): (SortBy, Page),
) {
    let (from, order_by) = match (query.dialect(), is_narrow(filter)) {
        (Dialect::Postgres, true) => ("(SELECT * FROM users u", " OFFSET 0) u ORDER BY "),
        (Dialect::Sqlite, true) => ("users u", " ORDER BY +"),
        (_, false) => ("users u", " ORDER BY "),
    };
    query.push("SELECT u.id FROM ").push(from).push(" WHERE ");
    condition(query, instance, visible, filter);
    query.push(order_by).in_order(column(sort), "u.id", page);
}

/// What is searched by, and among whom.
#[derive(Clone, Debug)]
struct Sought<'a> {
    leaf: &'a Leaf,
    /// Ids of the users that may match, as a JSON list, where an index told.
    among: Option<Arc<str>>,
}

/// Asks the index of parts of texts, once for the whole filter.
async fn narrowed<'a>(
    snapshot: &mut Snapshot,
    instance: &InstanceId,
    filter: &'a Filter<Leaf>,
) -> Result<Filter<Sought<'a>>> {
    let mut patterns = Vec::new();
    filter.map(&mut |leaf| patterns.push(pattern(leaf)));
    let mut lists = user_text::candidates(snapshot, instance, &patterns)
        .await?
        .into_iter();
    Ok(filter.map(&mut |leaf| Sought {
        leaf,
        among: lists.next().flatten(),
    }))
}

/// What has to be inside one of the texts that are indexed by their parts.
fn pattern(leaf: &Leaf) -> Option<(TextField, &str)> {
    let (field, how, text) = match leaf {
        Leaf::Username { how, text, .. } => (TextField::Usernames, how, text),
        Leaf::Email(how, text) => (TextField::Email, how, text),
        Leaf::Phone(how, text) => (TextField::Phone, how, text),
        _ => return None,
    };
    matches!(how.minding_case(), TextMatch::Contains | TextMatch::EndsWith).then_some((field, text))
}

fn condition(query: &mut Query, instance: &InstanceId, visible: &Visible, filter: &Filter<Sought<'_>>) {
    query.push("u.instance = ").bind(instance.shared()).push(" AND ");
    visible_only(query, visible);
    query.filter(filter, &|query, one| leaf(query, instance, one));
}

/// Adds that a user, `u`, can be seen, with an `AND` behind it; nothing where all can.
pub(super) fn visible_only(query: &mut Query, visible: &Visible) {
    if let Visible::Of(orgs, own) = visible {
        query.push("(u.id = ").bind(own.shared());
        if !orgs.is_empty() {
            query.push(" OR u.org IN (");
            query.list(orgs.iter().map(OrgId::shared));
            query.push(")");
        }
        query.push(") AND ");
    }
}

/// The ids of those among whom it is searched, if an index told, follow the column.
fn among(query: &mut Query, column: &'static str, sought: &Sought<'_>) {
    if let Some(ids) = &sought.among {
        query.push(column).push(" IN (SELECT value FROM json_each(");
        query.bind(Arc::clone(ids)).push(")) AND ");
    }
}

fn leaf(query: &mut Query, instance: &InstanceId, sought: &Sought<'_>) {
    match sought.leaf {
        Leaf::Id(how, text) => query.text(ID, *how, text),
        Leaf::Org(how, text) => query.text(ORG, *how, text),
        Leaf::Username { how, text, only_org } => {
            query
                .push("u.id IN (SELECT n.user_id FROM username n WHERE n.instance = ")
                .bind(instance.shared())
                .push(" AND ");
            among(query, "n.user_id", sought);
            canonical(query, "n.canonical", *how, text);
            query.push(if *only_org { " AND n.scope <> '')" } else { ")" });
        }
        Leaf::Email(how, text) => {
            query.push("(u.email_key IS NOT NULL AND ");
            among(query, "u.id", sought);
            canonical(query, "u.email_key", *how, text);
            query.push(")");
        }
        Leaf::Phone(how, text) => {
            query.push("(u.phone IS NOT NULL AND ");
            among(query, "u.id", sought);
            canonical(query, "u.phone", *how, text);
            query.push(")");
        }
        Leaf::State(state) => _ = query.push(state_condition(*state)),
        Leaf::SchemaId(id) => {
            query.push("(u.schema IS NOT NULL AND u.schema = ");
            query.bind(id.as_str()).push(")");
        }
        Leaf::SchemaType(how, text) => {
            query
                .push("(u.schema IS NOT NULL AND u.schema IN (SELECT s.id FROM user_schema s WHERE s.instance = ")
                .bind(instance.shared())
                .push(" AND ");
            query.text(SCHEMA_TYPE, *how, text);
            query.push("))");
        }
        Leaf::Never => _ = query.push("FALSE"),
    }
}

fn state_condition(state: UserState) -> &'static str {
    match state {
        UserState::Active => "(u.locked = 0 AND u.active = 1)",
        UserState::Inactive => "(u.locked = 0 AND u.active = 0)",
        UserState::Locked => "(u.locked = 1)",
    }
}

// Both databases fold the letters of ASCII in ids, and nothing else.
const ID: TextColumn = TextColumn {
    plain: "u.id",
    folded: "lower(u.id)",
    fold: str::to_ascii_lowercase,
};
const ORG: TextColumn = TextColumn {
    plain: "u.org",
    folded: "lower(u.org)",
    fold: str::to_ascii_lowercase,
};
const SCHEMA_TYPE: TextColumn = TextColumn {
    plain: "s.type",
    folded: "s.type_key",
    fold: str::to_lowercase,
};

/// Adds a comparison of a column that holds one form only, with a text in that form.
fn canonical(query: &mut Query, column: &'static str, how: TextMatch, text: &str) {
    let column = TextColumn {
        plain: column,
        folded: column,
        fold: str::to_owned,
    };
    query.text(column, how.minding_case(), text);
}

/// Whether an index finds the few users that match. If not, walking an order's index until the page is full is quicker.
fn is_narrow(filter: &Filter<Sought<'_>>) -> bool {
    match filter {
        Filter::All(filters) => filters.iter().any(is_narrow),
        Filter::Any(filters) => filters.iter().all(is_narrow),
        Filter::Not(_) => false,
        Filter::Leaf(Sought { among: Some(_), .. }) => true,
        Filter::Leaf(Sought { leaf, .. }) => match leaf {
            Leaf::Id(how, _) => matches!(how, TextMatch::Equals | TextMatch::StartsWith),
            Leaf::Username { how, .. } | Leaf::Email(how, _) | Leaf::Phone(how, _) => {
                matches!(how.minding_case(), TextMatch::Equals | TextMatch::StartsWith)
            }
            Leaf::Never => true,
            Leaf::Org(..) | Leaf::State(_) | Leaf::SchemaId(_) | Leaf::SchemaType(..) => false,
        },
    }
}

const fn column(sort: SortBy) -> &'static str {
    match sort {
        SortBy::Id => "u.id",
        SortBy::Created => "u.created_at",
        SortBy::Changed => {
            "(SELECT s.changed_at FROM stream s WHERE s.instance = u.instance AND s.kind = 'user' AND s.id = u.id)"
        }
        SortBy::Email => "coalesce(u.email_key, '')",
        SortBy::Phone => "coalesce(u.phone, '')",
        SortBy::State => "(CASE WHEN u.locked = 1 THEN 2 ELSE 1 - u.active END)",
        SortBy::SchemaId => "coalesce(u.schema, '')",
        SortBy::SchemaType => {
            "coalesce((SELECT s.type_key FROM user_schema s WHERE s.instance = u.instance AND s.id = u.schema), '')"
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Store, StoreOptions};

    async fn plan(
        snapshot: &mut Snapshot,
        visible: &Visible,
        leaf: &Leaf,
        and_order: Option<SortBy>,
    ) -> Vec<String> {
        let instance = InstanceId::from_trusted("instance");
        let filter = Filter::All(vec![Filter::Leaf(leaf.clone())]);
        let filter = narrowed(snapshot, &instance, &filter).await.unwrap();
        let mut query = Query::new(snapshot.dialect(), "EXPLAIN QUERY PLAN ");
        if let Some(sort) = and_order {
            let page = Page {
                offset: 0,
                limit: 100,
                descending: true,
            };
            page_of_ids(&mut query, (&instance, visible), &filter, (sort, page));
        } else {
            query.push("SELECT u.id FROM users u WHERE ");
            condition(&mut query, &instance, visible, &filter);
        }
        query
            .all(snapshot, |row| Ok(row.text(3)?.to_owned()))
            .await
            .unwrap()
    }

    #[tokio::test]
    async fn equality_and_prefixes_are_answered_by_an_index_of_their_own() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("merlon.db");
        let store = Store::open(&StoreOptions::Sqlite { path }).await.unwrap();
        let mut snapshot = store.snapshot().await.unwrap();
        let visible = [
            Visible::All,
            Visible::Of(Vec::new(), UserId::from_trusted("me")),
            Visible::Of(vec![OrgId::from_trusted("org")], UserId::from_trusted("me")),
        ];
        for how in [
            TextMatch::Equals,
            TextMatch::StartsWith,
            TextMatch::EqualsIgnoreCase,
            TextMatch::StartsWithIgnoreCase,
        ] {
            let text = || "a".to_owned();
            let username = Leaf::Username {
                how,
                text: text(),
                only_org: false,
            };
            let mut leaves = vec![
                (Leaf::Email(how, text()), "users_email ("),
                (Leaf::Phone(how, text()), "users_phone ("),
                (username, "username_unique ("),
            ];
            if how == how.minding_case() {
                leaves.push((Leaf::Id(how, text()), "PRIMARY KEY ("));
            }
            for (leaf, index) in leaves {
                for visible in &visible {
                    for sort in [None, Some(SortBy::Created), Some(SortBy::Id)] {
                        let plan = plan(&mut snapshot, visible, &leaf, sort).await;
                        let about = format!("{leaf:?} {visible:?} {sort:?}: {plan:#?}");
                        let steps = plan.join("\n");
                        assert!(!steps.contains("SCAN"), "{about}");
                        assert!(
                            !steps.contains("users_created") && !steps.contains("users_org_created"),
                            "{about}"
                        );
                        if matches!(visible, Visible::All) {
                            assert!(steps.contains(index), "{about}");
                        }
                    }
                }
            }
        }
        store.close();
    }

    /// A user whose name, address and number are these, as far as a search can tell.
    fn somebody(path: &std::path::Path, texts: [&str; 3]) {
        let connection = rusqlite::Connection::open(path).unwrap();
        let insert = "INSERT INTO user_trigram (rowid, text) VALUES (?1, ?2)";
        for (place, text) in texts.into_iter().enumerate() {
            let place = 4 + i64::try_from(place).unwrap();
            connection.execute(insert, (place, text)).unwrap();
        }
        let event = "INSERT INTO event VALUES (1, 'instance', 'user', 'somebody', 1, 0, 'user_created', 0, 'me', '{}')";
        connection.execute_batch(event).unwrap();
    }

    #[tokio::test]
    async fn what_is_inside_or_at_the_end_of_a_text_is_looked_for_among_those_that_the_index_of_parts_tells()
    {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("merlon.db");
        let store = Store::open(&StoreOptions::Sqlite { path: path.clone() })
            .await
            .unwrap();
        somebody(&path, ["ada", "ada@one.example", "+41791234567"]);
        let mut snapshot = store.snapshot().await.unwrap();
        let visible = [
            Visible::All,
            Visible::Of(Vec::new(), UserId::from_trusted("me")),
            Visible::Of(vec![OrgId::from_trusted("org")], UserId::from_trusted("me")),
        ];
        for how in [TextMatch::Contains, TextMatch::EndsWithIgnoreCase] {
            for only_org in [true, false] {
                let text = "ada".to_owned();
                let username = Leaf::Username { how, text, only_org };
                let email = Leaf::Email(how, "one.example".to_owned());
                let phone = Leaf::Phone(how, "34567".to_owned());
                for leaf in [username, email, phone] {
                    for visible in &visible {
                        for sort in [None, Some(SortBy::Created), Some(SortBy::Id)] {
                            let plan = plan(&mut snapshot, visible, &leaf, sort).await;
                            let about = format!("{leaf:?} {visible:?} {sort:?}: {plan:#?}");
                            let steps = plan.join("\n");
                            let ids = "SCAN json_each VIRTUAL TABLE INDEX 1:";
                            assert_eq!(
                                steps.matches("SCAN").count(),
                                steps.matches(ids).count(),
                                "{about}"
                            );
                            assert!(steps.contains(ids), "{about}");
                            assert!(
                                steps.contains("SEARCH u USING PRIMARY KEY (instance=? AND id=?)"),
                                "{about}"
                            );
                            let by_key = "SEARCH n USING PRIMARY KEY (instance=? AND user_id=?)";
                            let by_name = matches!(leaf, Leaf::Username { .. });
                            assert_eq!(steps.contains(by_key), by_name, "{about}");
                        }
                    }
                }
            }
        }
        drop(snapshot);
        store.close();
    }
}
