//! `Debug` that hides: messages hold codes, secrets, phone numbers and addresses, so that only names are ever printed.

use std::fmt::Write;

use prost_reflect::{DescriptorPool, EnumDescriptor, MessageDescriptor, OneofDescriptor};

use crate::names::{self, camel};
use crate::{Result, is_ours};

/// The messages whose derived `Debug` must go. Their oneofs and nested enums lose it with them.
pub(crate) fn hidden(pool: &DescriptorPool) -> Vec<String> {
    ours(pool)
        .map(|message| format!(".{}", message.full_name()))
        .collect()
}

/// The source of all `Debug` implementations.
pub(crate) fn implementations(pool: &DescriptorPool) -> Result<String> {
    let mut text = String::new();
    for message in ours(pool).filter(|message| !message.is_map_entry()) {
        let body = format!("f.debug_struct({:?}).finish_non_exhaustive()", message.name());
        implementation(&mut text, &names::message(&message), &body)?;
        for oneof in message.oneofs().filter(|oneof| !oneof.is_synthetic()) {
            variants(&mut text, &oneof)?;
        }
        for item in message.child_enums() {
            nested_enum(&mut text, &item)?;
        }
    }
    Ok(text)
}

fn ours(pool: &DescriptorPool) -> impl Iterator<Item = MessageDescriptor> {
    pool.all_messages()
        .filter(|message| is_ours(message.package_name()))
}

fn variants(text: &mut String, oneof: &OneofDescriptor) -> Result<()> {
    let mut body = String::from("f.write_str(match self { ");
    for field in oneof.fields() {
        let name = camel(field.name());
        write!(body, "Self::{name}(_) => \"{name}(..)\", ")?;
    }
    body.push_str("})");
    implementation(text, &names::oneof(oneof), &body)
}

fn nested_enum(text: &mut String, item: &EnumDescriptor) -> Result<()> {
    implementation(text, &names::enumeration(item), "f.write_str(self.as_str_name())")
}

fn implementation(text: &mut String, path: &str, body: &str) -> Result<()> {
    writeln!(
        text,
        "impl ::std::fmt::Debug for {path} {{ fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {{ {body} }} }}"
    )?;
    Ok(())
}
