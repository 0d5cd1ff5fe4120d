//! Who may do what: roles carry permissions, memberships carry roles, and a few things are everybody's own.

use serde::{Deserialize, Serialize};

use crate::base::OrgId;

/// Where roles hold.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// In every organization of the instance.
    Instance,
    /// In one organization.
    Org(OrgId),
}

/// What can be allowed. The names are those of the public API.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(
    missing_docs,
    reason = "each variant is explained by its name in the public API"
)]
pub enum Permission {
    UserRead,
    UserWrite,
    UserDelete,
    UserCredentialWrite,
    UserSelfDelete,
    UserSchemaRead,
    UserSchemaWrite,
    UserSchemaDelete,
    IamRead,
    IamWrite,
    IamIdpRead,
    IamIdpWrite,
    IamFeatureWrite,
    IamFeatureDelete,
}

impl Permission {
    /// The name in the public API, such as `user.write`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::UserRead => "user.read",
            Self::UserWrite => "user.write",
            Self::UserDelete => "user.delete",
            Self::UserCredentialWrite => "user.credential.write",
            Self::UserSelfDelete => "user.self.delete",
            Self::UserSchemaRead => "userschema.read",
            Self::UserSchemaWrite => "userschema.write",
            Self::UserSchemaDelete => "userschema.delete",
            Self::IamRead => "iam.read",
            Self::IamWrite => "iam.write",
            Self::IamIdpRead => "iam.idp.read",
            Self::IamIdpWrite => "iam.idp.write",
            Self::IamFeatureWrite => "iam.feature.write",
            Self::IamFeatureDelete => "iam.feature.delete",
        }
    }
}

macro_rules! roles {
    ($($variant:ident $name:literal [$($permission:ident)*]),+ $(,)?) => {
        /// A named bundle of permissions. The names are those of the public API.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[expect(missing_docs, reason = "each variant is explained by its name in the public API")]
        pub enum Role {
            $(#[serde(rename = $name)] $variant),+
        }

        impl Role {
            /// Every role.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The name in the public API, such as `ORG_OWNER`.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name),+ }
            }

            /// What the role allows.
            pub const fn permissions(self) -> &'static [Permission] {
                match self { $(Self::$variant => &[$(Permission::$permission),*]),+ }
            }
        }
    };
}

roles! {
    IamOwner "IAM_OWNER" [UserRead UserWrite UserDelete UserCredentialWrite UserSchemaRead UserSchemaWrite UserSchemaDelete IamRead IamWrite IamIdpRead IamIdpWrite IamFeatureWrite IamFeatureDelete],
    IamOwnerViewer "IAM_OWNER_VIEWER" [UserRead UserSchemaRead IamRead IamIdpRead],
    IamOrgManager "IAM_ORG_MANAGER" [UserRead UserWrite UserDelete UserCredentialWrite],
    IamUserManager "IAM_USER_MANAGER" [UserRead UserWrite UserDelete],
    IamLoginClient "IAM_LOGIN_CLIENT" [UserRead UserWrite UserCredentialWrite UserSchemaRead IamRead IamIdpRead],
    OrgOwner "ORG_OWNER" [UserRead UserWrite UserDelete UserCredentialWrite],
    OrgUserManager "ORG_USER_MANAGER" [UserRead UserWrite UserDelete],
    OrgOwnerViewer "ORG_OWNER_VIEWER" [UserRead],
    OrgUserPermissionEditor "ORG_USER_PERMISSION_EDITOR" [UserRead],
    OrgProjectPermissionEditor "ORG_PROJECT_PERMISSION_EDITOR" [UserRead],
    OrgUserSelfManager "ORG_USER_SELF_MANAGER" [UserSelfDelete],
    SelfManagementGlobal "SELF_MANAGEMENT_GLOBAL" [UserSelfDelete],
}

impl Role {
    /// Finds a role by its name in the public API.
    pub fn by_name(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|r| r.name() == name)
    }

    /// Whether the role allows this.
    pub fn allows(self, permission: Permission) -> bool {
        self.permissions().contains(&permission)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_manager_may_not_touch_credentials() {
        assert!(Role::OrgUserManager.allows(Permission::UserWrite));
        assert!(!Role::OrgUserManager.allows(Permission::UserCredentialWrite));
        assert!(!Role::IamUserManager.allows(Permission::UserCredentialWrite));
    }

    #[test]
    fn names_find_their_role() {
        for role in Role::ALL {
            assert_eq!(Role::by_name(role.name()), Some(*role));
        }
    }
}
