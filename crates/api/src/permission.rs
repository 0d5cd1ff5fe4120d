//! What each RPC asks of its caller, as one table that is as long as the contract.
//!
//! The permission of the method is asked by the gate and is part of the contract. The permission on the resource is
//! asked by the use case, on the organization that owns the thing.

mod table;

use app::Caller;
use domain::access::Permission;
use proto::rpc::{METHODS, MethodInfo};

pub use table::TABLE;

/// The permission of methods that any valid token may call.
pub const AUTHENTICATED: &str = "authenticated";

/// What one RPC asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Row {
    /// `/package.Service/Method`.
    pub path: &'static str,
    /// Asked by the gate: nothing, [`AUTHENTICATED`], or a permission that some role of the caller must carry.
    pub method: Option<&'static str>,
    /// Asked by the use case: the permission that a role of the caller must carry where the thing belongs.
    pub resource: Option<&'static str>,
    /// What users may do with themselves.
    pub own: Own,
    /// What else there is to know.
    pub note: &'static str,
}

/// What users may do with themselves without any role.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Own {
    /// Nothing: a role is needed even for oneself.
    No,
    /// The same as a role allows, but for what the note says.
    Yes,
    /// This is done with oneself and nobody else.
    Only,
}

/// An RPC without a row, a row without an RPC, or rows in another order do not compile.
const _: () = assert!(
    covers(TABLE, METHODS),
    "the permission table and the contract differ"
);

const fn covers(rows: &[Row], methods: &[MethodInfo]) -> bool {
    if rows.len() != methods.len() {
        return false;
    }
    let mut at = 0;
    while at < rows.len() {
        if !same(rows[at].path, methods[at].path) {
            return false;
        }
        at += 1;
    }
    true
}

const fn same(left: &str, right: &str) -> bool {
    let (left, right) = (left.as_bytes(), right.as_bytes());
    if left.len() != right.len() {
        return false;
    }
    let mut at = 0;
    while at < left.len() {
        if left[at] != right[at] {
            return false;
        }
        at += 1;
    }
    true
}

/// Finds the row of an RPC by its path.
pub fn row(path: &str) -> Option<&'static Row> {
    let place = TABLE.binary_search_by(|row| row.path.cmp(path)).ok()?;
    TABLE.get(place)
}

/// Whether a role of the caller carries the permission, wherever it holds. A name that is none is held by nobody.
pub fn held_anywhere(caller: &Caller, permission: &str) -> bool {
    let roles = caller.memberships.iter().flat_map(|membership| &membership.roles);
    by_name(permission).is_some_and(|permission| roles.into_iter().any(|role| role.allows(permission)))
}

/// The permission of a name.
fn by_name(name: &str) -> Option<Permission> {
    match name {
        "user.read" => Some(Permission::UserRead),
        "user.write" => Some(Permission::UserWrite),
        "user.delete" => Some(Permission::UserDelete),
        "user.credential.write" => Some(Permission::UserCredentialWrite),
        "user.self.delete" => Some(Permission::UserSelfDelete),
        "userschema.read" => Some(Permission::UserSchemaRead),
        "userschema.write" => Some(Permission::UserSchemaWrite),
        "userschema.delete" => Some(Permission::UserSchemaDelete),
        "iam.read" => Some(Permission::IamRead),
        "iam.write" => Some(Permission::IamWrite),
        "iam.idp.read" => Some(Permission::IamIdpRead),
        "iam.idp.write" => Some(Permission::IamIdpWrite),
        "iam.feature.write" => Some(Permission::IamFeatureWrite),
        "iam.feature.delete" => Some(Permission::IamFeatureDelete),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use domain::{
        access::{Role, Scope},
        base::{InstanceId, OrgId, UserId},
        user::Membership,
    };

    use super::*;

    fn caller(roles: &[Role]) -> Caller {
        let org = OrgId::from("1");
        Caller {
            instance: InstanceId::from("1"),
            user: UserId::from("1"),
            org: org.clone(),
            memberships: roles
                .iter()
                .map(|r| Membership {
                    scope: Scope::Org(org.clone()),
                    roles: vec![*r],
                })
                .collect(),
        }
    }

    #[test]
    fn the_methods_ask_what_the_contract_says() {
        for (row, method) in TABLE.iter().zip(METHODS) {
            assert_eq!(row.method, method.permission, "{}", row.path);
            assert_eq!(super::row(row.path), Some(row));
        }
        assert_eq!(row("/no.Such/Method"), None);
    }

    #[test]
    fn every_permission_that_is_asked_can_be_held() {
        for row in TABLE {
            for name in [row.method, row.resource]
                .into_iter()
                .flatten()
                .filter(|name| *name != AUTHENTICATED)
            {
                assert!(
                    held_anywhere(&caller(&[Role::IamOwner]), name),
                    "{}: {name}",
                    row.path
                );
                assert!(!held_anywhere(&caller(&[]), name), "{}: {name}", row.path);
            }
        }
    }

    #[test]
    fn a_permission_of_the_api_is_found_by_its_name() {
        for role in Role::ALL {
            for permission in role.permissions() {
                assert_eq!(by_name(permission.name()), Some(*permission));
            }
        }
        assert_eq!(by_name(AUTHENTICATED), None);
        assert_eq!(by_name("user.writes"), None);
    }

    #[test]
    fn nothing_but_a_health_check_is_public_and_nothing_that_writes_is_free() {
        let public: Vec<_> = TABLE
            .iter()
            .filter(|row| row.method.is_none())
            .map(|row| row.path)
            .collect();
        assert_eq!(public, ["/zitadel.auth.v1.AuthService/Healthz"]);
        let free: Vec<_> = TABLE
            .iter()
            .filter(|row| row.resource.is_none() && row.own != Own::Only)
            .collect();
        for row in free {
            assert!(
                ["/Healthz", "/GetInstanceFeatures"]
                    .iter()
                    .any(|name| row.path.ends_with(name))
                    || row.path.contains("IdentityProviderIntent"),
                "{}",
                row.path
            );
        }
    }

    #[test]
    fn both_generations_ask_the_same() {
        let renamed = [
            ("GetUserByID", "GetUser"),
            ("UpdateUser", "PatchUser"),
            ("ListUsers", "SearchUsers"),
        ];
        let renamed = renamed.into_iter().chain([
            ("ReactivateUser", "ActivateUser"),
            ("RetrieveIdentityProviderIntent", "GetIdentityProviderIntent"),
        ]);
        let renamed: std::collections::HashMap<_, _> = renamed.collect();
        let old = TABLE
            .iter()
            .filter_map(|row| Some((row, row.path.strip_prefix("/zitadel.user.v3alpha.UserService/")?)));
        let mut count = 0;
        for (old, name) in old {
            let name = renamed.get(name).copied().unwrap_or(name);
            let new = row(&format!("/zitadel.resources.user.v3alpha.ZITADELUsers/{name}")).expect(name);
            assert_eq!(
                (old.resource, old.own, old.note),
                (new.resource, new.own, new.note),
                "{name}"
            );
            count += 1;
        }
        assert_eq!(count, 36);
    }
}
