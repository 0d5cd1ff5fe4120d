//! Finds what does not explain itself: services, methods, messages, fields, oneofs, enums, values, extensions
//! without a comment above them.

use std::collections::HashSet;

use prost_reflect::prost_types::{
    DescriptorProto, EnumDescriptorProto, FieldDescriptorProto, FileDescriptorProto, FileDescriptorSet,
    ServiceDescriptorProto,
};

/// Full names of everything in our files that has no comment.
pub(crate) fn missing(set: &FileDescriptorSet) -> Vec<String> {
    let mut found = Vec::new();
    for file in set
        .file
        .iter()
        .filter(|file| !file.name().starts_with("google/protobuf/"))
    {
        let mut check = Check {
            explained: explained(file),
            missing: &mut found,
        };
        let package = file.package();
        for (index, message) in (0..).zip(&file.message_type) {
            check.message(package, &[4, index], message);
        }
        for (index, choice) in (0..).zip(&file.enum_type) {
            check.choice(package, &[5, index], choice);
        }
        for (index, service) in (0..).zip(&file.service) {
            check.service(package, &[6, index], service);
        }
        check.fields(package, &[], 7, &file.extension);
    }
    found
}

/// The places of a file with a comment above them, as paths into its descriptor.
fn explained(file: &FileDescriptorProto) -> HashSet<Vec<i32>> {
    let places = file.source_code_info.iter().flat_map(|info| &info.location);
    places
        .filter(|place| !place.leading_comments().trim().is_empty())
        .map(|place| place.path.clone())
        .collect()
}

struct Check<'a> {
    explained: HashSet<Vec<i32>>,
    missing: &'a mut Vec<String>,
}

impl Check<'_> {
    fn place(&mut self, path: &[i32], name: String) {
        if !self.explained.contains(path) {
            self.missing.push(name);
        }
    }

    fn message(&mut self, outer: &str, path: &[i32], message: &DescriptorProto) {
        let name = format!("{outer}.{}", message.name());
        self.place(path, name.clone());
        self.fields(&name, path, 2, &message.field);
        for (index, oneof) in (0..).zip(&message.oneof_decl) {
            let synthetic = message
                .field
                .iter()
                .any(|field| field.oneof_index == Some(index) && field.proto3_optional());
            if !synthetic {
                self.place(&[path, &[8, index]].concat(), format!("{name}.{}", oneof.name()));
            }
        }
        for (index, nested) in (0..).zip(&message.nested_type) {
            self.message(&name, &[path, &[3, index]].concat(), nested);
        }
        for (index, choice) in (0..).zip(&message.enum_type) {
            self.choice(&name, &[path, &[4, index]].concat(), choice);
        }
    }

    fn fields(&mut self, outer: &str, path: &[i32], kind: i32, fields: &[FieldDescriptorProto]) {
        for (index, field) in (0..).zip(fields) {
            self.place(
                &[path, &[kind, index]].concat(),
                format!("{outer}.{}", field.name()),
            );
        }
    }

    fn choice(&mut self, outer: &str, path: &[i32], choice: &EnumDescriptorProto) {
        let name = format!("{outer}.{}", choice.name());
        self.place(path, name.clone());
        for (index, value) in (0..).zip(&choice.value) {
            self.place(&[path, &[2, index]].concat(), format!("{name}.{}", value.name()));
        }
    }

    fn service(&mut self, outer: &str, path: &[i32], service: &ServiceDescriptorProto) {
        let name = format!("{outer}.{}", service.name());
        self.place(path, name.clone());
        for (index, method) in (0..).zip(&service.method) {
            self.place(&[path, &[2, index]].concat(), format!("{name}.{}", method.name()));
        }
    }
}
