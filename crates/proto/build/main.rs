//! Turns the `.proto` files into everything the server knows about its contract: messages, JSON mapping,
//! service traits, the method table, validators and the field setters of the HTTP/JSON form.

#![expect(clippy::print_stdout, reason = "this is how a build script talks to cargo")]

mod debug;
mod fields;
mod methods;
mod names;
mod rules;
mod services;
mod shapes;

use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;
use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use flate2::{Compression, write::GzEncoder};
use prost_reflect::DescriptorPool;

type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// Packages whose messages become Rust code. All others are needed at build time only.
const OURS: [&str; 2] = ["zitadel", "merlon"];

fn main() -> Result<()> {
    println!("cargo::rerun-if-changed=proto");
    println!("cargo::rerun-if-changed=build");
    println!("cargo::rerun-if-changed=infrastructure");
    let root = Path::new("proto");
    let mut files = Vec::new();
    collect(root, root, &mut files)?;
    files.sort();

    let mut compiler = protox::Compiler::new([root])?;
    compiler
        .include_source_info(true)
        .include_imports(true)
        .open_files(files)?;
    let encoded = compiler.encode_file_descriptor_set();
    let pool = compiler.descriptor_pool();
    let out = PathBuf::from(std::env::var("OUT_DIR")?);
    fs::write(out.join("descriptors.gz"), packed(&encoded)?)?;
    fs::write(out.join("infrastructure.bin"), infrastructure()?)?;

    let mut set = compiler.file_descriptor_set();
    set.file
        .retain(|file| is_ours(file.package()) || file.package() == "google.protobuf");
    prost_build::Config::new()
        .out_dir(&out)
        .compile_well_known_types()
        .extern_path(".google.protobuf", "crate::wkt")
        .enable_type_names()
        .type_name_domain(["."], "type.googleapis.com")
        .bytes(["."])
        .skip_debug(debug::hidden(&pool))
        .include_file("mod.rs")
        .service_generator(Box::new(services::Traits))
        .compile_fds(set)?;
    json(&encoded, &pool, &out)?;

    fs::write(out.join("debug.rs"), debug::implementations(&pool)?)?;
    fs::write(out.join("methods.rs"), methods::table(&pool)?)?;
    fs::write(out.join("rules.rs"), rules::validators(&pool)?)?;
    fs::write(out.join("shapes.rs"), shapes::tables(&pool)?)?;
    fs::write(out.join("fields.rs"), fields::setters(&pool)?)?;
    Ok(())
}

fn packed(bytes: &[u8]) -> Result<Vec<u8>> {
    let mut packed = GzEncoder::new(Vec::new(), Compression::best());
    packed.write_all(bytes)?;
    Ok(packed.finish()?)
}

/// The descriptors of what the transport serves by itself.
fn infrastructure() -> Result<Vec<u8>> {
    let mut compiler = protox::Compiler::new(["infrastructure"])?;
    compiler
        .include_source_info(true)
        .include_imports(true)
        .open_file("grpc/health/v1/health.proto")?;
    Ok(compiler.encode_file_descriptor_set())
}

/// Generates the proto3 JSON mapping and puts it beside the messages it belongs to.
fn json(encoded: &[u8], pool: &DescriptorPool, out: &Path) -> Result<()> {
    pbjson_build::Builder::new()
        .register_descriptors(encoded)?
        .ignore_unknown_fields()
        .extern_path(".google.protobuf", "crate::wkt")
        .out_dir(out)
        .build(&OURS.map(|package| format!(".{package}")))?;
    let mut packages: Vec<String> = pool.files().map(|file| file.package_name().to_owned()).collect();
    packages.sort();
    packages.dedup();
    for package in packages.iter().filter(|package| is_ours(package)) {
        let serde = out.join(format!("{package}.serde.rs"));
        let target = out.join(format!("{package}.rs"));
        if serde.exists() && target.exists() {
            let text =
                fs::read_to_string(&target)? + &name_oneofs(&accept_more(&fs::read_to_string(&serde)?));
            fs::write(target, text)?;
        }
    }
    Ok(())
}

/// Lets `null` stand for an absent scalar, list or enum value, and a number be written in any way, as protobuf's JSON mapping wants it.
fn accept_more(serde: &str) -> String {
    let number = "map_.next_value::<crate::rpc::Number<_>>()?.0";
    let absent = "map_.next_value::<::std::option::Option<crate::rpc::Number<_>>>()?.map(|number| number.0).unwrap_or_default()";
    let serde = serde
        .replace("::pbjson::private::NumberDeserialize<", "crate::rpc::Number<")
        .replace(
            "Some(map_.next_value()?)",
            "Some(map_.next_value::<::std::option::Option<_>>()?.unwrap_or_default())",
        )
        .replace(&format!("Some({number})"), &format!("Some({absent})"))
        .replace("next_value::<Vec<", "next_value::<::std::option::Option<Vec<")
        .replace(
            ">>()?.into_iter().map(|x| x as i32)",
            ">>>()?.into_iter().flatten().map(|x| x as i32)",
        );
    let mut text = String::with_capacity(serde.len());
    for line in serde.lines() {
        let value = line
            .split_once("Some(map_.next_value::<")
            .and_then(|(head, rest)| rest.strip_suffix(">()? as i32);").map(|path| (head, path)));
        match value {
            Some((head, path)) => {
                let option = format!("::std::option::Option<{path}>");
                text.push_str(head);
                text.push_str("Some(map_.next_value::<");
                text.push_str(&option);
                text.push_str(">()?.map_or(0, |value| value as i32));");
            }
            None => text.push_str(line),
        }
        text.push('\n');
    }
    text
}

/// What the generated code calls a duplicate.
const DUPLICATE: &str = "serde::de::Error::duplicate_field(\"";

/// Tells two fields of one oneof from one field twice, and from a second one that is `null` and so is not set: the generated code calls
/// all of these a duplicate of the second.
fn name_oneofs(serde: &str) -> String {
    let lines: Vec<&str> = serde.lines().collect();
    let slot = |line: usize| -> Option<&str> {
        let asked = lines.get(line.checked_sub(1)?)?.trim().strip_prefix("if ")?;
        asked.strip_suffix("__.is_some() {")
    };
    let field = |line: usize| Some(lines.get(line)?.split_once(DUPLICATE)?.1.split_once('"')?.0);
    let mut oneofs = BTreeSet::new();
    let mut fields: BTreeMap<&str, &str> = BTreeMap::new();
    let mut reader = 0;
    for (line, text) in lines.iter().enumerate() {
        if text.contains("fn visit_map") {
            fields.clear();
            reader = line;
        }
        if let (Some(slot), Some(field)) = (slot(line), field(line))
            && *fields.entry(slot).or_insert(field) != field
        {
            oneofs.insert((reader, slot));
        }
    }
    let mut text = String::with_capacity(serde.len());
    for (line, whole) in lines.iter().enumerate() {
        if whole.contains("fn visit_map") {
            reader = line;
        }
        match (slot(line), field(line)) {
            (Some(slot), Some(field)) if oneofs.contains(&(reader, slot)) => {
                let oneof = slot.trim_start_matches("r#");
                let _ = write!(
                    text,
                    "if map_.next_value::<::std::option::Option<serde::de::IgnoredAny>>()?.is_none() {{ continue; }}
return Err(serde::de::Error::custom(\"only one field of {oneof} can be set, and {field} is a second one\"));"
                );
            }
            _ => text.push_str(whole),
        }
        text.push('\n');
    }
    text
}

fn is_ours(package: &str) -> bool {
    OURS.iter().any(|ours| {
        package
            .strip_prefix(ours)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
    })
}

fn collect(root: &Path, folder: &Path, files: &mut Vec<PathBuf>) -> Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            collect(root, &path, files)?;
        } else if path.extension().is_some_and(|extension| extension == "proto") {
            files.push(path.strip_prefix(root)?.to_owned());
        }
    }
    Ok(())
}
