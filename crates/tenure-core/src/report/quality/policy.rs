//! What a business expects of its data.

use serde::{Deserialize, Serialize};

use crate::contact::{CallingCode, Channel};

/// What a business expects of its data: the part `[quality]` of a policy.
///
/// # Example
/// ```
/// use tenure_core::Policy;
/// let policy = Policy::parse("[quality]\nrequired = [\"name\", \"email\"]\ncalling_code = \"86\"\n", "shop.toml")?;
/// assert_eq!(policy.quality.required.len(), 2);
/// assert!(Policy::parse("[quality]\nrequired = [\"\"]\n", "shop.toml").is_err());
/// # Ok::<(), tenure_core::PolicyError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct QualityPolicy {
    /// What ought to be known of every customer: attributes of the profile, or namespaces of identities.
    pub required: Vec<Box<str>>,
    /// The attributes and namespaces that hold e-mail addresses.
    pub email: Vec<Box<str>>,
    /// The attributes and namespaces that hold telephone numbers.
    pub phone: Vec<Box<str>>,
    /// The country of telephone numbers that are written without one. None: they equal only each other.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub calling_code: Option<CallingCode>,
}

impl Default for QualityPolicy {
    fn default() -> Self {
        Self {
            required: Vec::new(),
            email: vec!["email".into()],
            phone: vec!["phone".into(), "mobile".into()],
            calling_code: None,
        }
    }
}

/// What is wrong with a `[quality]` part.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{path}: {why}")]
pub struct QualityPolicyError {
    /// The field, from the top of the policy.
    pub path: Box<str>,
    /// What is wrong, and what is allowed.
    pub why: Box<str>,
}

impl QualityPolicy {
    /// Checks what one field alone cannot say.
    ///
    /// # Errors
    /// The first field that is wrong: a name that is empty, or that stands twice in one list or in both of contacts.
    pub fn check(&self) -> Result<(), QualityPolicyError> {
        let refuse = |field: &str, index: usize, why: &str| {
            Err(QualityPolicyError { path: format!("quality.{field}[{index}]").into(), why: why.into() })
        };
        for (field, names) in [("required", &self.required), ("email", &self.email), ("phone", &self.phone)] {
            for (index, name) in names.iter().enumerate() {
                if name.is_empty() {
                    return refuse(field, index, "a name is empty: name an attribute of profiles");
                }
                if names.iter().take(index).any(|before| before == name) {
                    return refuse(field, index, &format!("\"{name}\" stands here twice"));
                }
            }
        }
        match self.phone.iter().position(|name| self.email.contains(name)) {
            Some(index) => refuse("phone", index, "the same name holds e-mail addresses, says quality.email"),
            None => Ok(()),
        }
    }

    /// Which sort of contact an attribute or a namespace holds.
    pub fn channel(&self, name: &str) -> Option<Channel> {
        let holds = |names: &[Box<str>]| names.iter().any(|one| one.as_ref() == name);
        if holds(&self.email) {
            Some(Channel::Email)
        } else if holds(&self.phone) {
            Some(Channel::Phone)
        } else {
            None
        }
    }
}
