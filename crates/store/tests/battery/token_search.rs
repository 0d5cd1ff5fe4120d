//! Searching tokens: what is found is what a look at each token finds, in every order, page and view, however many there are.

use std::cmp::Ordering;

use domain::{
    base::{OrgId, Timestamp, TokenId},
    code::Digest,
    user::{Command, Kind},
};
use store::{
    Filter, Page, Store,
    read::{
        token_search::{self, Leaf, SortBy, TimeMatch, TokenEntry},
        user_search::Visible,
    },
};
use testkit::SeededEntropy;

use super::backend;
use crate::given::*;

fn org(n: usize) -> OrgId {
    OrgId::from_trusted(["org-a", "org-b", "org-c"][n % 3])
}

fn some_time(dice: &SeededEntropy) -> Timestamp {
    Timestamp(NOW.0 + i64::try_from(dice.below(5)).unwrap())
}

/// Twelve users of three organizations, with tokens whose times often are the same.
async fn tokens(store: &Store, dice: &SeededEntropy) -> Vec<TokenEntry> {
    let mut all = Vec::new();
    for n in 0..12 {
        let create = Command::Create { org: org(n), kind: Kind::Machine, schema: None, data: data("any") };
        decide(store, &user(n), create).await.unwrap();
    }
    for n in 0..60 {
        let owner = dice.below(12);
        let token = TokenEntry {
            id: TokenId::from_trusted(&format!("token-{n}")),
            user: user(owner),
            org: org(owner),
            created: some_time(dice),
            expires: Timestamp(some_time(dice).0 + 1_000_000),
        };
        let (id, expires) = (token.id.clone(), token.expires);
        let add = Command::AddToken { id, digest: Digest([1; 32]), expires, existing: 0 };
        decide_at(store, &token.user, add, token.created).await.unwrap();
        all.push(token);
    }
    all
}

fn compare(how: TimeMatch, found: Timestamp, wanted: Timestamp) -> bool {
    match how {
        TimeMatch::Equals => found == wanted,
        TimeMatch::After => found > wanted,
        TimeMatch::AfterOrEquals => found >= wanted,
        TimeMatch::Before => found < wanted,
        TimeMatch::BeforeOrEquals => found <= wanted,
    }
}

fn matches(leaf: &Leaf, token: &TokenEntry) -> bool {
    match leaf {
        Leaf::Id(id) => token.id.as_str() == id,
        Leaf::User(id) => token.user.as_str() == id,
        Leaf::Org(id) => token.org.as_str() == id,
        Leaf::Created(how, at) => compare(*how, token.created, *at),
        Leaf::Expires(how, at) => compare(*how, token.expires, *at),
    }
}

fn some_leaf(dice: &SeededEntropy) -> Leaf {
    let how = [
        TimeMatch::Equals,
        TimeMatch::After,
        TimeMatch::AfterOrEquals,
        TimeMatch::Before,
        TimeMatch::BeforeOrEquals,
    ][dice.below(5)];
    match dice.below(5) {
        0 => Leaf::Id(format!("token-{}", dice.below(61))),
        1 => Leaf::User(user(dice.below(13)).to_string()),
        2 => Leaf::Org(org(dice.below(3)).to_string()),
        3 => Leaf::Created(how, some_time(dice)),
        _ => Leaf::Expires(how, Timestamp(some_time(dice).0 + 1_000_000)),
    }
}

fn in_order(sort: SortBy, a: &TokenEntry, b: &TokenEntry) -> Ordering {
    let first = match sort {
        SortBy::Created => a.created.cmp(&b.created),
        SortBy::Id => Ordering::Equal,
        SortBy::User => a.user.cmp(&b.user),
        SortBy::Org => a.org.cmp(&b.org),
        SortBy::Expires => a.expires.cmp(&b.expires),
    };
    first.then_with(|| a.id.cmp(&b.id))
}

fn some_view(dice: &SeededEntropy) -> Visible {
    let orgs = match dice.below(4) {
        0 => return Visible::All,
        1 => vec![],
        2 => vec![org(0)],
        _ => vec![org(1), org(2)],
    };
    Visible::Of(orgs, user(dice.below(12)))
}

fn is_visible(visible: &Visible, token: &TokenEntry) -> bool {
    match visible {
        Visible::All => true,
        Visible::Of(orgs, own) => token.user == *own || orgs.contains(&token.org),
    }
}

#[tokio::test]
async fn a_search_finds_the_tokens_that_a_look_at_each_finds() {
    let database = backend().await;
    let (store, dice) = (&database.store, SeededEntropy::new(5));
    let all = tokens(store, &dice).await;
    let mut snapshot = store.snapshot().await.unwrap();
    let sorts = [SortBy::Created, SortBy::Id, SortBy::User, SortBy::Org, SortBy::Expires];
    let mut hits = 0;
    for round in 0..500 {
        let leaves: Vec<Leaf> = (0..dice.below(4)).map(|_| some_leaf(&dice)).collect();
        let (visible, sort) = (some_view(&dice), sorts[dice.below(sorts.len())]);
        let (offset, limit) = (dice.below(4), 1 + dice.below(20));
        let descending = dice.below(2) == 0;
        let fits = |token: &&TokenEntry| is_visible(&visible, token) && leaves.iter().all(|leaf| matches(leaf, token));
        let mut wanted: Vec<&TokenEntry> = all.iter().filter(fits).collect();
        wanted.sort_by(|a, b| if descending { in_order(sort, b, a) } else { in_order(sort, a, b) });
        let total = wanted.len();
        let wanted: Vec<&TokenEntry> = wanted.into_iter().skip(offset).take(limit).collect();
        let page = Page { offset: offset.try_into().unwrap(), limit: limit.try_into().unwrap(), descending };
        let filter = Filter::All(leaves.into_iter().map(Filter::Leaf).collect());
        let found = token_search::search(&mut snapshot, &instance(), &visible, &filter, (sort, page)).await.unwrap();
        assert_eq!(found.0.iter().collect::<Vec<_>>(), wanted, "round {round}: {filter:?} {visible:?} {sort:?}");
        assert_eq!(found.1, i64::try_from(total).unwrap(), "round {round}: {filter:?} {visible:?}");
        hits += wanted.len();
    }
    assert!(hits > 500, "{hits} were found in all");
}

#[tokio::test]
async fn all_tokens_count_and_the_last_of_many_is_found() {
    let database = backend().await;
    let store = &database.store;
    users(store, 1).await;
    let first = Command::AddToken { id: TokenId::from_trusted("token"), digest: Digest([1; 32]), expires: Timestamp(i64::MAX), existing: 0 };
    decide(store, &user(0), first).await.unwrap();
    let many = "INSERT INTO token (instance, id, user_id, digest, created_at, expires_at)
        WITH RECURSIVE n (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < 12000)
        SELECT t.instance, 'token-' || n, t.user_id, t.digest, t.created_at + n, 20000 - n FROM n CROSS JOIN token t";
    database.run(many).await;
    let page = Page { offset: 0, limit: 1, descending: true };
    let every = Filter::All(Vec::new());
    let late = Filter::Leaf(Leaf::Expires(TimeMatch::Before, Timestamp(8_001)));
    for (filter, count) in [(every, 12_001), (late, 1)] {
        let mut snapshot = store.snapshot().await.unwrap();
        let sorted = (SortBy::Created, page);
        let found = token_search::search(&mut snapshot, &instance(), &Visible::All, &filter, sorted).await;
        let (last, total) = found.unwrap();
        assert_eq!((last[0].id.as_str(), total), ("token-12000", count), "{filter:?}");
    }
}
