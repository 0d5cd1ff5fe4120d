//! What searches of users and of schemas ask for, in both generations: filters, ways of comparing.

use app::{Error, error::Invalid};

use crate::page::MAX_FILTERS;

/// How deep filters may nest.
const MAX_NESTING: usize = 20;

/// Counts the filters of a search while they are read.
pub(super) struct Budget {
    left: usize,
}

impl Budget {
    pub(super) fn new() -> Self {
        Self { left: MAX_FILTERS }
    }

    pub(super) fn spend(&mut self, nesting: usize) -> app::Result<()> {
        if nesting > MAX_NESTING {
            return Err(Error::invalid("filters", Invalid::Nesting));
        }
        self.left = self
            .left
            .checked_sub(1)
            .ok_or(Error::invalid("filters", Invalid::TooManyFilters))?;
        Ok(())
    }
}

macro_rules! user_filters {
    ($name:ident, $wire:path, $search:ident, $oneof:path, $field:ident, [$($variant:ident = $wired:ident),+ $(,)?]) => {
        pub(super) mod $name {
            use app::{
                Ctx, Error,
                error::Invalid,
                user::search::{Filter, Leaf, SortBy, by_email, by_phone, by_username},
            };
            use domain::user::UserState;
            use $oneof::{$($wired as $variant),+};
            use $wire as wire;

            use super::Budget;
            use crate::user::text_match;

            /// All that are asked for, at most 20 deep and 500 in all.
            pub(in crate::user) fn all(ctx: &Ctx, asked: Vec<wire::$search>) -> app::Result<Filter<Leaf>> {
                Ok(Filter::All(list(ctx, asked, 0, &mut Budget::new())?))
            }

            fn list(
                ctx: &Ctx,
                asked: Vec<wire::$search>,
                nesting: usize,
                budget: &mut Budget,
            ) -> app::Result<Vec<Filter<Leaf>>> {
                asked
                    .into_iter()
                    .map(|search| one(ctx, search, nesting, budget))
                    .collect()
            }

            fn one(
                ctx: &Ctx,
                asked: wire::$search,
                nesting: usize,
                budget: &mut Budget,
            ) -> app::Result<Filter<Leaf>> {
                budget.spend(nesting)?;
                let missing = || Error::invalid(stringify!($field), Invalid::Filter);
                let leaf = match asked.$field.ok_or_else(missing)? {
                    Or(or) => return Ok(Filter::Any(list(ctx, or.queries, nesting + 1, budget)?)),
                    And(and) => return Ok(Filter::All(list(ctx, and.queries, nesting + 1, budget)?)),
                    Not(not) => {
                        let inner = *not.query.ok_or_else(missing)?;
                        return Ok(Filter::Not(Box::new(one(ctx, inner, nesting + 1, budget)?)));
                    }
                    UserId(by) => Leaf::Id(text_match(by.method)?, by.id),
                    OrganizationId(by) => Leaf::Org(text_match(by.method)?, by.id),
                    Username(by) => by_username(text_match(by.method)?, &by.username, by.is_organization_specific),
                    Email(by) => by_email(text_match(by.method)?, &by.address),
                    Phone(by) => by_phone(ctx, text_match(by.method)?, &by.number),
                    State(by) => state(by.state),
                    SchemaId(by) => Leaf::SchemaId(by.id),
                    SchemaType(by) => Leaf::SchemaType(text_match(by.method)?, by.r#type),
                };
                Ok(Filter::Leaf(leaf))
            }

            /// No user is in the state that is not said.
            fn state(number: i32) -> Leaf {
                match wire::State::try_from(number) {
                    Ok(wire::State::UserStateActive) => Leaf::State(UserState::Active),
                    Ok(wire::State::UserStateInactive) => Leaf::State(UserState::Inactive),
                    Ok(wire::State::UserStateLocked) => Leaf::State(UserState::Locked),
                    _ => Leaf::Never,
                }
            }

            /// By creation when nothing is said.
            pub(in crate::user) fn sort(column: wire::FieldName) -> SortBy {
                match column {
                    wire::FieldName::Unspecified | wire::FieldName::CreationDate => SortBy::Created,
                    wire::FieldName::Id => SortBy::Id,
                    wire::FieldName::ChangeDate => SortBy::Changed,
                    wire::FieldName::Email => SortBy::Email,
                    wire::FieldName::Phone => SortBy::Phone,
                    wire::FieldName::State => SortBy::State,
                    wire::FieldName::SchemaId => SortBy::SchemaId,
                    wire::FieldName::SchemaType => SortBy::SchemaType,
                }
            }
        }
    };
}

user_filters!(
    generation_2024,
    proto::zitadel::user::v3alpha,
    SearchQuery,
    proto::zitadel::user::v3alpha::search_query::Query,
    query,
    [
        Or = OrQuery,
        And = AndQuery,
        Not = NotQuery,
        UserId = UserIdQuery,
        OrganizationId = OrganizationIdQuery,
        Username = UsernameQuery,
        Email = EmailQuery,
        Phone = PhoneQuery,
        State = StateQuery,
        SchemaId = SchemaIdQuery,
        SchemaType = SchemaTypeQuery,
    ]
);
user_filters!(
    resources,
    proto::zitadel::resources::user::v3alpha,
    SearchFilter,
    proto::zitadel::resources::user::v3alpha::search_filter::Filter,
    filter,
    [
        Or = OrFilter,
        And = AndFilter,
        Not = NotFilter,
        UserId = UserIdFilter,
        OrganizationId = OrganizationIdFilter,
        Username = UsernameFilter,
        Email = EmailFilter,
        Phone = PhoneFilter,
        State = StateFilter,
        SchemaId = SchemaIdFilter,
        SchemaType = SchemaTypeFilter,
    ]
);
