//! Searching users: what is found is what a look at each user finds, in every order, page and view.

use std::cmp::Ordering;

use domain::{
    base::{InstanceId, OrgId, SchemaId, Timestamp, UserId, UsernameId},
    user::{
        Channel, Command, Destination, EmailAddress, Kind, NameScope, NewPassword, PasswordProof, Person, Proof, SchemaRef, SealedSecret, User, UserState, Username,
    },
    user_schema::{self, TypeName, UserSchema},
};
use store::{
    Filter, Head, Page, Store, Stored, TextMatch,
    read::user_search::{self, Leaf, SortBy, Visible},
};
use testkit::SeededEntropy;

use super::backend;
use crate::given::*;

const TYPES: [&str; 2] = ["Customer", "staff"];

async fn schemas(store: &Store) {
    for (n, name) in TYPES.iter().enumerate() {
        let (instance, editor) = (&instance(), &user(0));
        let done: Result<(), Failure> = store
            .change("test.schema", instance, editor, NOW, |work| {
                Box::pin(async move {
                    let mut schema = work.load::<UserSchema>(&schema_id(n)).await?;
                    let create = user_schema::Command::Create {
                        type_name: TypeName::from_trusted(name),
                        schema: data("any"),
                        authenticators: Vec::new(),
                    };
                    work.decide(&mut schema, create).unwrap();
                    Ok(())
                })
            })
            .await;
        done.unwrap();
    }
}

fn schema_id(n: usize) -> SchemaId {
    SchemaId::from_trusted(&format!("schema-{n}"))
}

fn org(n: usize) -> OrgId {
    OrgId::from_trusted(["org-a", "org-b", "Org-c"][n])
}

fn schema_type(person: &Person) -> Option<&'static str> {
    let follows = person.schema.as_ref()?;
    (0..TYPES.len()).find(|n| schema_id(*n) == follows.id).map(|n| TYPES[n])
}

const NAMES: [&str; 8] = ["Ada", "ADÄ", "bea", "100%_", "o'\"hara\"", "中村太郎", "🦀🦀-crab", "AND OR*"];

/// Users who differ in everything that can be searched by.
async fn people(store: &Store, count: usize, dice: &SeededEntropy) -> Vec<UserId> {
    let mut ids = Vec::new();
    for n in 0..count {
        let id = UserId::from_trusted(&format!("{}-{n}", ["U", "u", "Ü", "ü"][dice.below(4)]));
        let schema = (dice.below(3) == 0).then(|| SchemaRef {
            id: schema_id(dice.below(TYPES.len())),
            revision: 1,
        });
        let create = Command::Create {
            org: org(dice.below(3)),
            kind: Kind::Human,
            schema,
            data: data(&format!("{n}")),
        };
        let at = Timestamp(NOW.0 + i64::try_from(dice.below(50)).unwrap());
        decide_at(store, &id, create, at).await.unwrap();
        for command in details(n, dice) {
            // Some names are taken by a user before.
            let _ = decide_at(store, &id, command, at).await;
        }
        ids.push(id);
    }
    ids
}

fn details(n: usize, dice: &SeededEntropy) -> Vec<Command> {
    let mut commands = Vec::new();
    let vouched = |destination| Command::SetContact {
        destination,
        proof: Proof::Vouched,
    };
    if dice.below(3) > 0 {
        let address = format!("{}{n}@{}.example", ["Ann", "bob", "Çem"][dice.below(3)], ["one", "two"][dice.below(2)]);
        commands.push(vouched(Destination::Email(EmailAddress::from_trusted(&address))));
    }
    if dice.below(3) > 0 {
        commands.push(vouched(phone(&format!("+417{}{n:07}", dice.below(3)))));
    }
    for k in 0..dice.below(3) {
        commands.push(Command::AddUsername {
            id: UsernameId::from_trusted(&format!("name-{n}-{k}")),
            name: Username::from_trusted(&format!("{}{}", NAMES[dice.below(NAMES.len())], n % 40)),
            scope: [NameScope::Instance, NameScope::Org][dice.below(2)],
        });
    }
    match dice.below(5) {
        0 => commands.push(Command::Lock),
        1 => commands.push(Command::Deactivate),
        _ => {}
    }
    if dice.below(8) == 0 {
        commands.push(Command::RemoveContact(Channel::Sms));
    }
    if n.is_multiple_of(3) {
        let new = NewPassword { hash: SealedSecret::new(&format!("hash {n}")), change_required: n.is_multiple_of(2) };
        commands.push(Command::SetPassword { new, proof: PasswordProof::Role });
    }
    if n.is_multiple_of(5) {
        commands.push(Command::ResetPassword { code: code(2), via: None });
    }
    commands
}

type Known = (UserId, Head, Person);

fn compare(how: TextMatch, found: &str, wanted: &str) -> bool {
    compare_by(str::to_lowercase, how, found, wanted)
}

/// Of ids, letters of ASCII are folded alone.
fn compare_ids(how: TextMatch, found: &str, wanted: &str) -> bool {
    compare_by(str::to_ascii_lowercase, how, found, wanted)
}

fn compare_by(fold: fn(&str) -> String, how: TextMatch, found: &str, wanted: &str) -> bool {
    let (found, wanted) = match how {
        TextMatch::EqualsIgnoreCase
        | TextMatch::StartsWithIgnoreCase
        | TextMatch::ContainsIgnoreCase
        | TextMatch::EndsWithIgnoreCase => (fold(found), fold(wanted)),
        _ => (found.to_owned(), wanted.to_owned()),
    };
    match how.minding_case() {
        TextMatch::StartsWith => found.starts_with(&wanted),
        TextMatch::Contains => found.contains(&wanted),
        TextMatch::EndsWith => found.ends_with(&wanted),
        _ => found == wanted,
    }
}

fn matches(filter: &Filter<Leaf>, known: &Known) -> bool {
    match filter {
        Filter::All(filters) => filters.iter().all(|one| matches(one, known)),
        Filter::Any(filters) => filters.iter().any(|one| matches(one, known)),
        Filter::Not(one) => !matches(one, known),
        Filter::Leaf(leaf) => leaf_matches(leaf, known),
    }
}

fn leaf_matches(leaf: &Leaf, (id, _, person): &Known) -> bool {
    match leaf {
        Leaf::Id(how, text) => compare_ids(*how, id.as_str(), text),
        Leaf::Org(how, text) => compare_ids(*how, person.org.as_str(), text),
        Leaf::Username { how, text, only_org } => person.usernames.iter().any(|own| {
            (!only_org || own.scope == NameScope::Org) && compare(how.minding_case(), own.name.canonical(), text)
        }),
        Leaf::Email(how, text) => person
            .email
            .as_ref()
            .is_some_and(|c| compare(how.minding_case(), &c.destination.canonical(), text)),
        Leaf::Phone(how, text) => person
            .phone
            .as_ref()
            .is_some_and(|c| compare(how.minding_case(), c.destination.as_str(), text)),
        Leaf::State(state) => person.state() == *state,
        Leaf::SchemaId(id) => person.schema.as_ref().is_some_and(|s| s.id.as_str() == id),
        Leaf::SchemaType(how, text) => schema_type(person).is_some_and(|name| compare(*how, name, text)),
        Leaf::Never => false,
    }
}

fn is_visible(visible: &Visible, (id, _, person): &Known) -> bool {
    match visible {
        Visible::All => true,
        Visible::Of(orgs, own) => id == own || orgs.contains(&person.org),
    }
}

fn in_order(sort: SortBy, a: &Known, b: &Known) -> Ordering {
    let text = |contact: &Option<domain::user::Contact>| {
        contact.as_ref().map(|c| c.destination.canonical()).unwrap_or_default()
    };
    let state = |known: &Known| match known.2.state() {
        UserState::Active => 0,
        UserState::Inactive => 1,
        UserState::Locked => 2,
    };
    let schema = |known: &Known| known.2.schema.as_ref().map(|s| s.id.to_string()).unwrap_or_default();
    let name = |known: &Known| schema_type(&known.2).unwrap_or_default().to_lowercase();
    let first = match sort {
        SortBy::Id => Ordering::Equal,
        SortBy::Created => a.1.created.cmp(&b.1.created),
        SortBy::Changed => a.1.changed.cmp(&b.1.changed),
        SortBy::Email => text(&a.2.email).cmp(&text(&b.2.email)),
        SortBy::Phone => text(&a.2.phone).cmp(&text(&b.2.phone)),
        SortBy::State => state(a).cmp(&state(b)),
        SortBy::SchemaId => schema(a).cmp(&schema(b)),
        SortBy::SchemaType => name(a).cmp(&name(b)),
    };
    first.then_with(|| a.0.cmp(&b.0))
}

fn some_text(texts: &[&str], dice: &SeededEntropy) -> String {
    texts[dice.below(texts.len())].to_owned()
}

/// Part of a text that somebody has, of one to ten characters, or nearly so.
fn some_part(texts: &[String], dice: &SeededEntropy) -> String {
    let text: Vec<char> = texts[dice.below(texts.len())].chars().collect();
    let length = (1 + dice.below(10)).min(text.len());
    let from = if dice.below(3) == 0 { text.len() - length } else { dice.below(text.len() - length + 1) };
    let mut part = text[from..from + length].to_vec();
    if dice.below(6) == 0 {
        part[dice.below(length)] = ['%', '_', '"', '\'', '*', '\0', '\n', '🦀'][dice.below(8)];
    }
    part.into_iter().collect()
}

fn within_leaf(texts: &[String], dice: &SeededEntropy) -> Leaf {
    use TextMatch as M;
    let how = [M::Contains, M::ContainsIgnoreCase, M::EndsWith, M::EndsWithIgnoreCase][dice.below(4)];
    let text = some_part(texts, dice);
    match dice.below(3) {
        0 => Leaf::Username { how, text, only_org: dice.below(2) == 0 },
        1 => Leaf::Email(how, text),
        _ => Leaf::Phone(how, text),
    }
}

fn texts(everybody: &[Known]) -> Vec<String> {
    let of_one = |(_, _, person): &Known| {
        let contacts = [&person.email, &person.phone].into_iter().flatten();
        let names = person.usernames.iter().map(|own| own.name.canonical().to_owned());
        contacts.map(|contact| contact.destination.canonical()).chain(names).collect::<Vec<_>>()
    };
    everybody.iter().flat_map(of_one).collect()
}

fn some_leaf(parts: &[String], dice: &SeededEntropy) -> Leaf {
    use TextMatch as M;
    if dice.below(3) == 0 {
        return within_leaf(parts, dice);
    }
    let how = [
        M::Equals,
        M::EqualsIgnoreCase,
        M::StartsWith,
        M::StartsWithIgnoreCase,
        M::Contains,
        M::ContainsIgnoreCase,
        M::EndsWith,
        M::EndsWithIgnoreCase,
    ][dice.below(8)];
    match dice.below(10) {
        0 => Leaf::Id(how, some_text(&["u-1", "U-7", "Ü-3", "ü", "-2", "u", ""], dice)),
        1 => Leaf::Org(how, some_text(&["org-a", "ORG-B", "rg", "c", "-b"], dice)),
        2 | 3 => Leaf::Username {
            how,
            text: some_text(&["ada1", "adä", "bea2", "%", "_", "a", "1", ""], dice),
            only_org: dice.below(2) == 0,
        },
        4 => Leaf::Email(how, some_text(&["ann3@one.example", "ç", "bob", "@two", ".example", ""], dice)),
        5 => Leaf::Phone(how, some_text(&["+4170", "+41710000005", "+41720000008", "000", "9"], dice)),
        6 => Leaf::State([UserState::Active, UserState::Inactive, UserState::Locked][dice.below(3)]),
        7 => Leaf::SchemaId(some_text(&["schema-0", "schema-1", "other"], dice)),
        8 => Leaf::SchemaType(how, some_text(&["Customer", "STAFF", "sta", "m", "er"], dice)),
        _ => Leaf::Never,
    }
}

fn some_filter(depth: usize, parts: &[String], dice: &SeededEntropy) -> Filter<Leaf> {
    let several = |dice: &SeededEntropy| (0..dice.below(4)).map(|_| some_filter(depth - 1, parts, dice)).collect();
    match dice.below(if depth == 0 { 1 } else { 5 }) {
        2 => Filter::All(several(dice)),
        3 => Filter::Any(several(dice)),
        4 => Filter::Not(Box::new(some_filter(depth - 1, parts, dice))),
        _ => Filter::Leaf(some_leaf(parts, dice)),
    }
}

fn some_view(ids: &[UserId], dice: &SeededEntropy) -> Visible {
    let orgs = match dice.below(4) {
        0 => return Visible::All,
        1 => vec![],
        2 => vec![org(0)],
        _ => vec![org(1), org(2)],
    };
    Visible::Of(orgs, ids[dice.below(ids.len())].clone())
}

#[tokio::test]
async fn a_search_finds_what_a_look_at_each_user_finds() {
    let database = backend().await;
    let (store, dice) = (&database.store, SeededEntropy::new(11));
    schemas(store).await;
    let ids = people(store, 150, &dice).await;
    let mut snapshot = store.snapshot().await.unwrap();
    let mut everybody = Vec::new();
    for id in &ids {
        let (head, state) = User::load(&mut snapshot, &instance(), id).await.unwrap();
        everybody.push((id.clone(), head, state.person().unwrap().clone()));
    }
    for round in 0..300 {
        let leaf = within_leaf(&texts(&everybody), &dice);
        let page = Page { offset: 0, limit: 1000, descending: false };
        let mut wanted: Vec<&UserId> =
            everybody.iter().filter(|known| leaf_matches(&leaf, known)).map(|known| &known.0).collect();
        wanted.sort();
        let filter = Filter::Leaf(leaf);
        let found =
            user_search::search(&mut snapshot, &instance(), &Visible::All, &filter, (SortBy::Id, page)).await.unwrap();
        let found: Vec<&UserId> = found.0.iter().map(|one| &one.id).collect();
        assert_eq!(found, wanted, "round {round}: {filter:?}");
    }
    let parts = texts(&everybody);
    let sorts = [
        SortBy::Id,
        SortBy::Created,
        SortBy::Changed,
        SortBy::Email,
        SortBy::Phone,
        SortBy::State,
        SortBy::SchemaId,
        SortBy::SchemaType,
    ];
    let (mut hits, mut pages) = (0, 0);
    for round in 0..1500 {
        let (filter, visible) = (some_filter(3, &parts, &dice), some_view(&ids, &dice));
        let sort = sorts[dice.below(sorts.len())];
        let page = Page {
            offset: [0, 0, 3][dice.below(3)],
            limit: [5, 1000][dice.below(2)],
            descending: dice.below(2) == 0,
        };
        let mut wanted: Vec<&Known> =
            everybody.iter().filter(|known| is_visible(&visible, known) && matches(&filter, known)).collect();
        wanted.sort_by(|a, b| if page.descending { in_order(sort, b, a) } else { in_order(sort, a, b) });
        let total = i64::try_from(wanted.len()).unwrap();
        let offset = usize::try_from(page.offset).unwrap();
        let wanted: Vec<&Known> = wanted.into_iter().skip(offset).take(usize::try_from(page.limit).unwrap()).collect();
        let (found, counted) =
            user_search::search(&mut snapshot, &instance(), &visible, &filter, (sort, page)).await.unwrap();
        let about = format!("round {round}: {filter:?} {visible:?} {sort:?} {page:?}");
        assert_eq!(counted, total, "{about}");
        let found: Vec<Known> = found.into_iter().map(|one| (one.id, one.head, one.person)).collect();
        assert_eq!(found.iter().collect::<Vec<_>>(), wanted, "{about}");
        hits += usize::from(total > 0);
        pages += usize::from(total > page.limit);
    }
    assert!(hits > 500 && pages > 100, "{hits} searches found something, {pages} more than a page");
}

#[tokio::test]
async fn nobody_is_found_in_another_instance_or_once_removed() {
    let database = backend().await;
    let store = &database.store;
    let ids = users(store, 3).await;
    decide(store, &ids[0], Command::Delete).await.unwrap();
    let mut snapshot = store.snapshot().await.unwrap();
    let page = Page {
        offset: 0,
        limit: 10,
        descending: false,
    };
    let all = Filter::All(Vec::new());
    for (instance, wanted) in [(instance(), 2), (InstanceId::from_trusted("other"), 0)] {
        let found = user_search::search(&mut snapshot, &instance, &Visible::All, &all, (SortBy::Id, page)).await;
        let (found, total) = found.unwrap();
        assert_eq!((found.len(), total), (wanted, i64::try_from(wanted).unwrap()));
    }
}
